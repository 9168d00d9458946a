/*
 * HDF5 dataspaces and datatypes (specification, IV.A.2.b and d), and elements of those types as
 * tensors.
 */
#include <string.h>

#include "base/shape.h"
#include "base/size.h"
#include "formats/hdf5_file_priv.h"

enum { /* datatype classes */
       CLASS_FIXED = 0,
       CLASS_FLOAT = 1,
       CLASS_STRING = 3,
       CLASS_OPAQUE = 5,
       CLASS_ENUM = 8,
       CLASS_VARIABLE = 9,
};

static const char *const CLASS_NAMES[] = {
    "integers", "floats",          "times",      "strings", "bit fields",
    "opaque",   "compounds",       "references", "enums",   "variable-length sequences",
    "arrays",   "complex numbers",
};

/* ---- dataspace ---- */

graft_status gft_hdf5_space_parse(const gft_hdf5 *file, const uint8_t *data, size_t bytes,
                                  gft_hdf5_space *out, graft_error *err) {
    gft_cursor c = gft_cursor_make(data, bytes, file->where);
    uint8_t head[4] = {0};
    *out = (gft_hdf5_space){0};
    for (int i = 0; i < 4; i++) /* version, rank, flags, and type or nothing */
        GFT_TRY(gft_cursor_u8(&c, &head[i], "a dataspace", err));
    if (head[0] == 1)
        GFT_TRY(gft_hdf5_skip(&c, 4, "a dataspace", err));
    else if (head[0] == 2)
        out->null = head[3] == 2;
    else
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: HDF5 dataspace of version %d", file->where,
                        head[0]);
    if (head[1] > GFT_HDF5_MAX_RANK)
        return gft_hdf5_damaged(file, err, "a dataspace of rank %d", head[1]);
    out->rank = head[1];
    for (int32_t i = 0; i < out->rank; i++)
        GFT_TRY(gft_hdf5_length(file, &c, &out->dims[i], "a dimension", err));
    return GRAFT_OK;
}

graft_status gft_hdf5_space_elems(const gft_hdf5 *file, const gft_hdf5_space *space, size_t *out,
                                  graft_error *err) {
    size_t elems = space->null ? 0 : 1;
    for (int32_t i = 0; i < space->rank; i++) {
        if (space->dims[i] > INT64_MAX || !gft_size_mul(elems, (size_t)space->dims[i], &elems))
            return gft_hdf5_damaged(file, err, "a dataspace larger than memory");
    }
    *out = elems;
    return GRAFT_OK;
}

/* ---- datatype ---- */

/* A type that several objects share: the message leads to an object header with it. */
static graft_status follow_shared(const gft_hdf5 *file, const uint8_t *data, size_t bytes,
                                  gft_arena *arena, const gft_hdf5_message **out,
                                  graft_error *err) {
    gft_cursor c = gft_cursor_make(data, bytes, file->where);
    uint8_t version;
    uint8_t kind;
    uint64_t address;
    gft_hdf5_header header;
    GFT_TRY(gft_cursor_u8(&c, &version, "a shared message", err));
    GFT_TRY(gft_cursor_u8(&c, &kind, "a shared message", err));
    if (version == 1)
        GFT_TRY(gft_hdf5_skip(&c, 6, "a shared message", err));
    if (version > 3 || (version == 3 && kind != 2))
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: messages shared through a heap",
                        file->where);
    GFT_TRY(gft_hdf5_address(file, &c, &address, "a shared message", err));
    GFT_TRY(gft_hdf5_header_read(file, address, arena, &header, err));
    *out = gft_hdf5_message_of(&header, GFT_HDF5_DATATYPE);
    if (!*out || ((*out)->flags & 2))
        return gft_hdf5_damaged(file, err, "a shared datatype leads nowhere");
    return GRAFT_OK;
}

static graft_status refuse(const gft_hdf5 *file, uint8_t class, const char *why, graft_error *err) {
    return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: HDF5 %s are not read%s", file->where,
                    class < sizeof CLASS_NAMES / sizeof CLASS_NAMES[0]
                        ? CLASS_NAMES[class]
                        : "types of an unknown class",
                    why);
}

/* IEEE half, single, double: by width, exponent and mantissa. */
static graft_status parse_float(const gft_hdf5 *file, gft_cursor *c, uint32_t bits,
                                gft_hdf5_type *out, graft_error *err) {
    const uint8_t *p;
    GFT_TRY(gft_cursor_take(c, 12, &p, "a floating-point type", err));
    const uint8_t exponent = p[5];
    const uint8_t mantissa = p[7];
    const bool ieee = (out->bytes == 2 && exponent == 5 && mantissa == 10) ||
                      (out->bytes == 4 && exponent == 8 && mantissa == 23) ||
                      (out->bytes == 8 && exponent == 11 && mantissa == 52);
    if (!ieee || (bits & 0x40))
        return refuse(file, CLASS_FLOAT, " unless they are float16, float32 or float64", err);
    out->class = GFT_HDF5_FLOAT;
    return GRAFT_OK;
}

static graft_status parse_class(const gft_hdf5 *file, gft_cursor *c, uint8_t class, uint32_t bits,
                                gft_hdf5_type *out, graft_error *err) {
    switch (class) {
    case CLASS_FIXED:
    case CLASS_ENUM: /* h5py writes booleans so: an enum of int8, whose own type follows */
        if (class == CLASS_ENUM && out->bytes != 1)
            return refuse(file, class, " unless they are of one byte", err);
        if (out->bytes != 1 && out->bytes != 2 && out->bytes != 4 && out->bytes != 8)
            return refuse(file, class, " unless they have 1, 2, 4 or 8 bytes", err);
        out->class = GFT_HDF5_INTEGER;
        out->is_signed = class == CLASS_ENUM || (bits & 8);
        return GRAFT_OK;
    case CLASS_FLOAT:
        return parse_float(file, c, bits, out, err);
    case CLASS_STRING:
        out->class = GFT_HDF5_STRING;
        out->padding = bits & 15;
        return GRAFT_OK;
    case CLASS_OPAQUE:
        if (out->bytes != 2)
            return refuse(file, class, " types", err);
        out->class = GFT_HDF5_OPAQUE2;
        return GRAFT_OK;
    case CLASS_VARIABLE:
        if ((bits & 15) != 1)
            return refuse(file, class, " unless they are strings", err);
        if (out->bytes != 8 + (size_t)file->offset_bytes)
            return gft_hdf5_damaged(file, err, "strings of %zu bytes", out->bytes);
        out->class = GFT_HDF5_VAR_STRING;
        return GRAFT_OK;
    default:
        return refuse(file, class, "", err);
    }
}

static graft_status parse_type(const gft_hdf5 *file, const uint8_t *data, size_t bytes,
                               gft_hdf5_type *out, graft_error *err) {
    gft_cursor c = gft_cursor_make(data, bytes, file->where);
    uint8_t class;
    uint64_t bits;
    uint32_t element;
    GFT_TRY(gft_cursor_u8(&c, &class, "a datatype", err));
    GFT_TRY(gft_hdf5_number(&c, 3, &bits, "a datatype", err));
    GFT_TRY(gft_cursor_u32(&c, &element, "a datatype", err));
    *out = (gft_hdf5_type){.bytes = element, .big_endian = bits & 1};
    if (element == 0)
        return gft_hdf5_damaged(file, err, "elements of 0 bytes");
    return parse_class(file, &c, class & 15, (uint32_t)bits, out, err);
}

graft_status gft_hdf5_type_parse(const gft_hdf5 *file, const uint8_t *data, size_t bytes,
                                 bool shared, gft_hdf5_type *out, graft_error *err) {
    const gft_hdf5_message *message = NULL;
    gft_arena arena;
    if (!shared)
        return parse_type(file, data, bytes, out, err);
    gft_arena_init(&arena);
    graft_status status = follow_shared(file, data, bytes, &arena, &message, err);
    if (status == GRAFT_OK)
        status = parse_type(file, message->data, message->bytes, out, err);
    gft_arena_deinit(&arena);
    return status;
}

/* ---- as tensors ---- */

static graft_dtype dtype_of(const gft_hdf5_type *type) {
    switch (type->class) {
    case GFT_HDF5_FLOAT:
        return type->bytes == 2 ? GRAFT_F16 : type->bytes == 4 ? GRAFT_F32 : GRAFT_F64;
    case GFT_HDF5_OPAQUE2:
        return GRAFT_BF16;
    case GFT_HDF5_INTEGER:
        if (type->bytes == 1)
            return type->is_signed ? GRAFT_S8 : GRAFT_U8;
        if (type->bytes == 2)
            return type->is_signed ? GRAFT_S16 : GRAFT_S32;
        return type->bytes == 4 && type->is_signed ? GRAFT_S32 : GRAFT_S64;
    default:
        return GRAFT_STRING;
    }
}

graft_status gft_hdf5_desc_of(const gft_hdf5 *file, const gft_hdf5_type *type,
                              const gft_hdf5_space *space, graft_tensor_desc *out,
                              graft_error *err) {
    size_t elems = 0;
    if (space->rank > GRAFT_MAX_RANK)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: a dataset of rank %d, expected at most %d",
                        file->where, (int)space->rank, GRAFT_MAX_RANK);
    GFT_TRY(gft_hdf5_space_elems(file, space, &elems, err));
    *out = (graft_tensor_desc){.dtype = dtype_of(type)};
    out->shape.rank = space->null ? 1 : space->rank;
    for (int32_t i = 0; i < space->rank; i++)
        out->shape.dims[i] = (int64_t)space->dims[i];
    return GRAFT_OK;
}

static uint64_t number_at(const uint8_t *p, size_t bytes, bool big_endian) {
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)p[big_endian ? bytes - 1 - i : i] << (8 * i);
    return value;
}

/* Numbers in the other byte order, or unsigned ones that take a larger type. */
static graft_status copy_numbers(const gft_hdf5 *file, const gft_hdf5_type *type,
                                 const uint8_t *data, size_t elems, graft_tensor *out,
                                 graft_error *err) {
    uint8_t *to = out->data;
    const size_t step = graft_dtype_bytes(out->desc.dtype);
    for (size_t i = 0; i < elems; i++) {
        const uint64_t value = number_at(data + i * type->bytes, type->bytes, type->big_endian);
        if (type->bytes == 8 && type->class == GFT_HDF5_INTEGER && !type->is_signed &&
            value > INT64_MAX)
            return gft_fail(err, GRAFT_OUT_OF_RANGE, "%s: %llu is larger than int64 can hold",
                            file->where, (unsigned long long)value);
        memcpy(to + i * step, &value, step);
    }
    return GRAFT_OK;
}

static graft_status convert_strings(const gft_hdf5 *file, const gft_hdf5_type *type,
                                    const uint8_t *data, size_t elems, graft_tensor *out,
                                    graft_error *err) {
    graft_string_view *to = out->data;
    for (size_t i = 0; i < elems; i++) {
        const uint8_t *from = data + i * type->bytes;
        const uint8_t *text = from;
        size_t length = type->bytes;
        if (type->class == GFT_HDF5_VAR_STRING) {
            const size_t said = (size_t)number_at(from, 4, false);
            const uint64_t heap = number_at(from + 4, file->offset_bytes, false);
            const uint32_t index = (uint32_t)number_at(from + 4 + file->offset_bytes, 4, false);
            length = 0;
            if (said > 0)
                GFT_TRY(gft_hdf5_global(file, heap, index, &text, &length, err));
            length = gft_size_min(length, said);
        } else if (type->padding == 2) {
            while (length > 0 && text[length - 1] == ' ')
                length--;
        }
        if (type->padding != 2) {
            const uint8_t *end = length ? memchr(text, 0, length) : NULL;
            length = end ? (size_t)(end - text) : length;
        }
        to[i] = (graft_string_view){(const char *)text, length};
    }
    return GRAFT_OK;
}

graft_status gft_hdf5_convert(const gft_hdf5 *file, const gft_hdf5_type *type,
                              const gft_hdf5_space *space, const uint8_t *data, size_t bytes,
                              gft_arena *arena, graft_tensor *out, graft_error *err) {
    size_t elems = 0;
    size_t need;
    graft_tensor t = {0};
    GFT_TRY(gft_hdf5_desc_of(file, type, space, &t.desc, err));
    GFT_TRY(gft_hdf5_space_elems(file, space, &elems, err));
    if (!gft_size_mul(elems, type->bytes, &need) || need > bytes)
        return gft_hdf5_damaged(file, err, "%zu bytes of data for %zu elements of %zu bytes", bytes,
                                elems, type->bytes);
    const bool text = t.desc.dtype == GRAFT_STRING;
    const size_t step = text ? sizeof(graft_string_view) : graft_dtype_bytes(t.desc.dtype);
    if (!gft_size_mul(elems, step, &t.bytes))
        return gft_hdf5_damaged(file, err, "a dataspace larger than memory");
    const bool same = !text && step == type->bytes && (!type->big_endian || step == 1) &&
                      (type->class != GFT_HDF5_INTEGER || type->is_signed || step == 1);
    if (same && elems > 0 && (uintptr_t)data % step == 0) {
        t.data = (void *)(uintptr_t)data; /* read-only by contract */
        *out = t;
        return GRAFT_OK;
    }
    t.data = gft_arena_alloc(arena, t.bytes);
    if (!t.data)
        return gft_fail_memory(err, t.bytes, "a dataset");
    if (same && need > 0)
        memcpy(t.data, data, need);
    else
        GFT_TRY(text ? convert_strings(file, type, data, elems, &t, err)
                     : copy_numbers(file, type, data, elems, &t, err));
    *out = t;
    return GRAFT_OK;
}
