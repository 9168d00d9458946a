/*
 * Writing a TensorBundle: tensors stream into one shard at 64-byte boundaries while their crc runs;
 * the index, sorted by key, is built in memory and written last.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/shape.h"
#include "base/size.h"
#include "formats/bundle.h"
#include "formats/leveldb.h"
#include "formats/proto_scan.h"
#include "tensorflow.pb-c.h"

#define INDEX_BLOCK_BYTES ((size_t)64 << 10)
#define MAX_INDEX_BYTES ((size_t)1 << 31)

typedef struct pending {
    char *key;
    graft_tensor_desc desc;
    uint64_t offset;
    uint64_t bytes;
    uint64_t expected; /* of a numeric tensor */
    uint32_t crc;      /* not masked */
} pending;

struct gft_bundle_writer {
    char *prefix;
    gft_writer data;
    pending *entries;
    size_t count;
    size_t capacity;
};

graft_status gft_bundle_writer_open(const char *prefix, gft_bundle_writer **out, graft_error *err) {
    graft_status status = GRAFT_OK;
    char *path = gft_format("%s.data-00000-of-00001", prefix);
    gft_bundle_writer *w = gft_calloc(1, sizeof *w);
    if (w)
        w->prefix = gft_strdup(prefix);
    if (!path || !w || !w->prefix) {
        status = gft_fail_memory(err, sizeof *w + strlen(prefix), "a checkpoint writer");
        goto done;
    }
    GFT_GOTO(gft_writer_open(&w->data, path, err));
    *out = w;
    w = NULL;
done:
    gft_bundle_writer_abort(w);
    gft_free(path);
    return status;
}

void gft_bundle_writer_abort(gft_bundle_writer *w) {
    if (!w)
        return;
    gft_writer_abort(&w->data);
    for (size_t i = 0; i < w->count; i++)
        gft_free(w->entries[i].key);
    gft_free(w->entries);
    gft_free(w->prefix);
    gft_free(w);
}

/* The tensor before must have all its bytes. */
static graft_status end_tensor(const gft_bundle_writer *w, graft_error *err) {
    if (w->count == 0)
        return GRAFT_OK;
    const pending *last = &w->entries[w->count - 1];
    if (last->bytes == last->expected)
        return GRAFT_OK;
    return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                    "%s: tensor '%.80s' was given %llu bytes, expected %llu", w->prefix, last->key,
                    (unsigned long long)last->bytes, (unsigned long long)last->expected);
}

static graft_status push(gft_bundle_writer *w, const char *key, const graft_tensor_desc *desc,
                         uint64_t expected, graft_error *err) {
    GFT_TRY(end_tensor(w, err));
    if (key[0] == '\0')
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: a tensor without a name", w->prefix);
    if (w->count == w->capacity) {
        size_t capacity = w->capacity ? w->capacity * 2 : 64;
        pending *grown = gft_realloc(w->entries, capacity * sizeof *grown);
        if (!grown)
            return gft_fail_memory(err, capacity * sizeof *grown, "checkpoint entries");
        w->entries = grown;
        w->capacity = capacity;
    }
    GFT_TRY(gft_writer_pad(&w->data, GFT_ALIGN, err));
    char *copy = gft_strdup(key);
    if (!copy)
        return gft_fail_memory(err, strlen(key) + 1, "a key");
    graft_tensor_desc plain = {.dtype = desc->dtype, .shape = desc->shape};
    w->entries[w->count++] =
        (pending){.key = copy, .desc = plain, .offset = w->data.bytes, .expected = expected};
    return GRAFT_OK;
}

graft_status gft_bundle_writer_begin(gft_bundle_writer *w, const char *key,
                                     const graft_tensor_desc *desc, graft_error *err) {
    size_t bytes;
    char text[GFT_DESC_TEXT_BYTES];
    if (desc->dtype == GRAFT_STRING || !gft_desc_bytes(desc, &bytes))
        return gft_fail(
            err, GRAFT_INVALID_ARGUMENT,
            "%s: tensor '%.80s': %s has no fixed size, expected numbers of a known shape",
            w->prefix, key, gft_desc_text(desc, text));
    return push(w, key, desc, bytes, err);
}

graft_status gft_bundle_writer_append(gft_bundle_writer *w, const void *data, size_t bytes,
                                      graft_error *err) {
    pending *last = w->count ? &w->entries[w->count - 1] : NULL;
    if (!last || bytes > last->expected - last->bytes)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: %zu bytes more than tensor '%.80s' has room for", w->prefix, bytes,
                        last ? last->key : "");
    GFT_TRY(gft_writer_write(&w->data, data, bytes, err));
    last->crc = gft_crc32c_extend(last->crc, data, bytes);
    last->bytes += bytes;
    return GRAFT_OK;
}

graft_status gft_bundle_writer_add(gft_bundle_writer *w, const char *key,
                                   const graft_tensor_desc *desc, const void *data, size_t bytes,
                                   graft_error *err) {
    GFT_TRY(gft_bundle_writer_begin(w, key, desc, err));
    return gft_bundle_writer_append(w, data, bytes, err);
}

/* Lengths as varints, the masked crc of the lengths as fixed numbers, then all bytes; see
 * bundle_read.c. */
static graft_status put_strings(gft_bundle_writer *w, const gft_bundle_string *strings,
                                size_t count, gft_buffer *lengths, graft_error *err) {
    pending *last = &w->entries[w->count - 1];
    uint32_t crc = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t n = strings[i].bytes;
        GFT_TRY(gft_leveldb_put_varint(lengths, n, err));
        uint8_t le[8];
        for (int k = 0; k < 8; k++)
            le[k] = (uint8_t)(n >> (8 * k));
        crc = gft_crc32c_extend(crc, le, n <= UINT32_MAX ? 4 : 8);
    }
    uint32_t masked = gft_crc32c_mask(crc);
    uint8_t le[4] = {(uint8_t)masked, (uint8_t)(masked >> 8), (uint8_t)(masked >> 16),
                     (uint8_t)(masked >> 24)};
    crc = gft_crc32c_extend(crc, le, 4);
    GFT_TRY(gft_writer_write(&w->data, lengths->data, lengths->bytes, err));
    GFT_TRY(gft_writer_write(&w->data, le, 4, err));
    last->bytes = lengths->bytes + 4;
    for (size_t i = 0; i < count; i++) {
        GFT_TRY(gft_writer_write(&w->data, strings[i].data, strings[i].bytes, err));
        crc = gft_crc32c_extend(crc, strings[i].data, strings[i].bytes);
        last->bytes += strings[i].bytes;
    }
    last->crc = crc;
    last->expected = last->bytes;
    return GRAFT_OK;
}

graft_status gft_bundle_writer_add_strings(gft_bundle_writer *w, const char *key,
                                           const graft_shape *shape,
                                           const gft_bundle_string *strings, size_t count,
                                           graft_error *err) {
    graft_tensor_desc desc = {.dtype = GRAFT_STRING, .shape = *shape};
    int64_t elems = gft_shape_elems(shape);
    if (elems < 0 || (uint64_t)elems != count)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: tensor '%.80s': %zu strings, its shape needs %lld", w->prefix, key,
                        count, (long long)elems);
    GFT_TRY(push(w, key, &desc, 0, err));
    gft_buffer lengths;
    gft_buffer_init(&lengths, MAX_INDEX_BYTES);
    graft_status status = put_strings(w, strings, count, &lengths, err);
    gft_buffer_deinit(&lengths);
    return status;
}

static int by_key(const void *a, const void *b) {
    return strcmp(((const pending *)a)->key,
                  ((const pending *)b)->key); /* compares unsigned bytes */
}

static graft_status put_index_entry(gft_leveldb_writer *table, const pending *p, gft_buffer *value,
                                    graft_error *err) {
    Tensorflow__TensorShapeProto__Dim dims[GRAFT_MAX_RANK];
    Tensorflow__TensorShapeProto__Dim *dim[GRAFT_MAX_RANK];
    for (int32_t d = 0; d < p->desc.shape.rank; d++) {
        tensorflow__tensor_shape_proto__dim__init(&dims[d]);
        dims[d].size = p->desc.shape.dims[d];
        dim[d] = &dims[d];
    }
    Tensorflow__TensorShapeProto shape = TENSORFLOW__TENSOR_SHAPE_PROTO__INIT;
    shape.n_dim = (size_t)p->desc.shape.rank;
    shape.dim = dim;
    Tensorflow__BundleEntryProto entry = TENSORFLOW__BUNDLE_ENTRY_PROTO__INIT;
    entry.dtype = (int32_t)p->desc.dtype;
    entry.shape = &shape;
    entry.offset = (int64_t)p->offset;
    entry.size = (int64_t)p->bytes;
    entry.crc32c = gft_crc32c_mask(p->crc);
    gft_buffer_clear(value);
    GFT_TRY(gft_proto_append(value, &entry.base, err));
    return gft_leveldb_writer_add(table, p->key, strlen(p->key), value->data, value->bytes, err);
}

static graft_status build_index(gft_bundle_writer *w, gft_leveldb_writer *table, gft_buffer *value,
                                graft_error *err) {
    static const uint8_t header[] = {0x08, 0x01, 0x1a,
                                     0x02, 0x08, 0x01}; /* one shard, little-endian, producer 1 */
    GFT_TRY(gft_leveldb_writer_add(table, "", 0, header, sizeof header, err));
    if (w->count > 0)
        qsort(w->entries, w->count, sizeof *w->entries, by_key);
    for (size_t i = 0; i < w->count; i++) {
        if (i > 0 && strcmp(w->entries[i - 1].key, w->entries[i].key) == 0)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: tensor '%.80s' was added twice",
                            w->prefix, w->entries[i].key);
        GFT_TRY(put_index_entry(table, &w->entries[i], value, err));
    }
    return gft_leveldb_writer_finish(table, err);
}

graft_status gft_bundle_writer_commit(gft_bundle_writer *w, graft_error *err) {
    gft_buffer index;
    gft_buffer value;
    gft_buffer_init(&index, MAX_INDEX_BYTES);
    gft_buffer_init(&value, 1 << 20);
    gft_leveldb_writer table;
    gft_leveldb_writer_init(&table, &index, INDEX_BLOCK_BYTES);
    graft_status status = GRAFT_OK;
    char *path = gft_format("%s.index", w->prefix);
    if (!path) {
        status = gft_fail_memory(err, strlen(w->prefix) + 7, "a file name");
        goto done;
    }
    GFT_GOTO(end_tensor(w, err));
    GFT_GOTO(build_index(w, &table, &value, err));
    GFT_GOTO(gft_writer_commit(&w->data, err));
    GFT_GOTO(gft_file_write(path, index.data, index.bytes, err));
done:
    gft_free(path);
    gft_leveldb_writer_deinit(&table);
    gft_buffer_deinit(&index);
    gft_buffer_deinit(&value);
    gft_bundle_writer_abort(w);
    return status;
}
