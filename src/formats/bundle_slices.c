/*
 * Partitioned tensors: an entry lists slices, each stored under a key made of the tensor's name and
 * the slice in TensorFlow's order-preserving code (tensorflow/core/lib/strings/ordered_code.h).
 */
#include <string.h>

#include "base/buffer.h"
#include "base/shape.h"
#include "base/size.h"
#include "formats/bundle_priv.h"

/* Unsigned: one byte with the number of bytes, then those bytes, most significant first. */
static graft_status put_number(gft_buffer *b, uint64_t v, graft_error *err) {
    uint8_t out[9];
    uint8_t n = 0;
    for (uint64_t rest = v; rest != 0; rest >>= 8)
        n++;
    out[0] = n;
    for (uint8_t i = 0; i < n; i++)
        out[1 + i] = (uint8_t)(v >> (8 * (n - 1 - i)));
    return gft_buffer_append(b, out, (size_t)n + 1, err);
}

/* String: 00 becomes 00 ff, ff becomes ff 00, the end is 00 01. */
static graft_status put_string(gft_buffer *b, const char *s, graft_error *err) {
    for (; *s; s++) {
        GFT_TRY(gft_buffer_append(b, s, 1, err));
        if ((uint8_t)*s == 0xff)
            GFT_TRY(gft_buffer_append(b, "\0", 1, err));
    }
    return gft_buffer_append(b, "\0\1", 2, err);
}

/* Signed: length in unary in the top bits (of two bytes), the sign bit inverted. */
static graft_status put_signed(gft_buffer *b, int64_t v, graft_error *err) {
    static const uint8_t header[11][2] = {{0, 0},    {0x80, 0},    {0xc0, 0},   {0xe0, 0},
                                          {0xf0, 0}, {0xf8, 0},    {0xfc, 0},   {0xfe, 0},
                                          {0xff, 0}, {0xff, 0x80}, {0xff, 0xc0}};
    uint64_t magnitude = v < 0 ? ~(uint64_t)v : (uint64_t)v;
    size_t bits = 0;
    for (uint64_t rest = magnitude; rest != 0; rest >>= 1)
        bits++;
    size_t length = bits / 7 + 1;
    uint8_t out[10];
    out[0] = out[1] = v < 0 ? 0xff : 0;
    for (int i = 0; i < 8; i++)
        out[2 + i] = (uint8_t)((uint64_t)v >> (8 * (7 - i)));
    uint8_t *begin = out + sizeof out - length;
    begin[0] ^= header[length][0];
    if (length > 1)
        begin[1] ^= header[length][1];
    return gft_buffer_append(b, begin, length, err);
}

typedef struct extent {
    int64_t start;
    int64_t length; /* -1: the whole dimension */
} extent;

static graft_status slice_key(const gft_bundle_item *whole, const extent *extents, gft_buffer *key,
                              graft_error *err) {
    GFT_TRY(put_number(key, 0, err));
    GFT_TRY(put_string(key, whole->pub.key, err));
    GFT_TRY(put_number(key, (uint64_t)whole->pub.shape.rank, err));
    for (int32_t d = 0; d < whole->pub.shape.rank; d++) {
        GFT_TRY(put_signed(key, extents[d].start, err));
        GFT_TRY(put_signed(key, extents[d].length, err));
    }
    return GRAFT_OK;
}

/* Reads a slice's extents; `box` gets them with whole dimensions filled in, inside the shape. */
static graft_status read_extents(const gft_bundle *b, const gft_bundle_item *whole,
                                 const Tensorflow__TensorSliceProto *slice, extent *raw,
                                 extent *box, graft_error *err) {
    const graft_shape *shape = &whole->pub.shape;
    if (slice->n_extent != (size_t)shape->rank)
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: tensor '%.80s': a slice of rank %zu, expected %d", b->prefix,
                        whole->pub.key, slice->n_extent, (int)shape->rank);
    for (int32_t d = 0; d < shape->rank; d++) {
        const Tensorflow__TensorSliceProto__Extent *e = slice->extent[d];
        bool has_length =
            e->has_length_case == TENSORFLOW__TENSOR_SLICE_PROTO__EXTENT__HAS_LENGTH_LENGTH;
        raw[d] = (extent){e->start, has_length ? e->length : -1};
        box[d] = (extent){e->start, has_length ? e->length : shape->dims[d]};
        if (box[d].start < 0 || box[d].length < 0 || box[d].start > shape->dims[d] ||
            box[d].length > shape->dims[d] - box[d].start || (!has_length && box[d].start != 0))
            return gft_fail(err, GRAFT_DATA_LOSS,
                            "%s: tensor '%.80s': slice %lld+%lld leaves dimension %d of %lld",
                            b->prefix, whole->pub.key, (long long)box[d].start,
                            (long long)box[d].length, (int)d, (long long)shape->dims[d]);
    }
    return GRAFT_OK;
}

/* Copies a dense slice into its box, one innermost row at a time. */
static void copy_box(uint8_t *to, const graft_shape *shape, const extent *box, const uint8_t *from,
                     size_t unit) {
    int64_t strides[GRAFT_MAX_RANK];
    gft_shape_strides(shape, strides);
    int32_t rank = shape->rank;
    size_t row = rank ? (size_t)box[rank - 1].length * unit : unit;
    int64_t rows = 1;
    for (int32_t d = 0; d + 1 < rank; d++)
        rows *= box[d].length;
    int64_t at[GRAFT_MAX_RANK] = {0};
    for (int64_t r = 0; r < rows && row > 0; r++) {
        int64_t offset = rank ? box[rank - 1].start : 0;
        for (int32_t d = 0; d + 1 < rank; d++)
            offset += (box[d].start + at[d]) * strides[d];
        memcpy(to + (size_t)offset * unit, from, row);
        from += row;
        for (int32_t d = rank - 2; d >= 0 && ++at[d] == box[d].length; d--)
            at[d] = 0;
    }
}

static graft_status place_slice(gft_bundle *b, gft_bundle_item *whole,
                                const Tensorflow__TensorSliceProto *slice, gft_buffer *key,
                                uint8_t *to, size_t unit, int64_t *covered, graft_error *err) {
    extent raw[GRAFT_MAX_RANK];
    extent box[GRAFT_MAX_RANK];
    GFT_TRY(read_extents(b, whole, slice, raw, box, err));
    gft_buffer_clear(key);
    GFT_TRY(slice_key(whole, raw, key, err));
    gft_bundle_item *part = gft_bundle_item_find(b, key->data, key->bytes);
    if (!part || part->pub.partitioned || part->pub.dtype != whole->pub.dtype)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: tensor '%.80s': a slice of it is missing",
                        b->prefix, whole->pub.key);
    int64_t elems = 1;
    for (int32_t d = 0; d < whole->pub.shape.rank; d++)
        elems *= box[d].length; /* at most the whole tensor's, whose product was checked */
    if (part->pub.bytes != (uint64_t)elems * unit)
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: tensor '%.80s': a slice of %llu bytes, expected %llu", b->prefix,
                        whole->pub.key, (unsigned long long)part->pub.bytes,
                        (unsigned long long)((uint64_t)elems * unit));
    GFT_TRY(gft_bundle_item_check(b, part, err));
    copy_box(to, &whole->pub.shape, box, gft_bundle_item_bytes(b, part), unit);
    *covered += elems;
    return GRAFT_OK;
}

/* The bytes all slices have in the file: what may be allocated for the whole. */
static graft_status check_room(const gft_bundle *b, const gft_bundle_item *whole, size_t bytes,
                               graft_error *err) {
    uint64_t stored = 0;
    for (int32_t i = 0; i < b->shard_count; i++)
        stored += b->shards[i].bytes;
    if (bytes > stored)
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: partitioned tensor '%.80s' of %zu bytes, all data is %llu", b->prefix,
                        whole->pub.key, bytes, (unsigned long long)stored);
    return GRAFT_OK;
}

graft_status gft_bundle_assemble(gft_bundle *b, gft_bundle_item *whole, gft_arena *arena,
                                 graft_tensor *out, graft_error *err) {
    graft_tensor tensor = {.name = whole->pub.key,
                           .desc = {.dtype = whole->pub.dtype, .shape = whole->pub.shape}};
    size_t unit = graft_dtype_bytes(whole->pub.dtype);
    if (!gft_desc_bytes(&tensor.desc, &tensor.bytes))
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: tensor '%.80s': its size overflows", b->prefix,
                        whole->pub.key);
    GFT_TRY(check_room(b, whole, tensor.bytes, err));
    tensor.data = gft_arena_alloc(arena, tensor.bytes);
    if (!tensor.data)
        return gft_fail_memory(err, tensor.bytes, whole->pub.key);
    gft_buffer key;
    gft_buffer_init(&key, (size_t)1 << 20);
    int64_t covered = 0;
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < whole->proto->n_slices && status == GRAFT_OK; i++)
        status =
            place_slice(b, whole, whole->proto->slices[i], &key, tensor.data, unit, &covered, err);
    gft_buffer_deinit(&key);
    GFT_TRY(status);
    if (covered != gft_shape_elems(&tensor.desc.shape))
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: tensor '%.80s': its slices hold %lld elements, expected %lld",
                        b->prefix, whole->pub.key, (long long)covered,
                        (long long)gft_shape_elems(&tensor.desc.shape));
    *out = tensor;
    return GRAFT_OK;
}
