/*
 * TensorProto to dense bytes, after tensorflow/core/framework/tensor.proto: tensor_content holds
 * all bytes, otherwise a typed list of values whose last one stands for all that are missing.
 */
#include "formats/tensor_proto.h"

#include <string.h>

#include "base/shape.h"
#include "base/size.h"

#define MAX_CONSTANT_BYTES                                                                         \
    ((size_t)4 << 30) /* of an expanded list: a hostile shape needs few bytes */

graft_status gft_tensor_proto_shape(const Tensorflow__TensorShapeProto *proto, const char *where,
                                    graft_shape *out, graft_error *err) {
    graft_shape shape = {0, {0}};
    if (proto) {
        if (proto->unknown_rank)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "%s: shape of unknown rank, expected a known one", where);
        if (proto->n_dim > GRAFT_MAX_RANK)
            return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: rank %zu, at most %d is supported",
                            where, proto->n_dim, GRAFT_MAX_RANK);
        shape.rank = (int32_t)proto->n_dim;
        for (size_t i = 0; i < proto->n_dim; i++) {
            if (proto->dim[i]->size < -1)
                return gft_fail(err, GRAFT_DATA_LOSS,
                                "%s: dimension %zu is %lld, expected -1 or more", where, i,
                                (long long)proto->dim[i]->size);
            shape.dims[i] = proto->dim[i]->size;
        }
    }
    *out = shape;
    return GRAFT_OK;
}

static bool known_dtype(int32_t dtype) {
    switch (dtype) {
#define CASE_(symbol, number, bytes, name) case number:
        GRAFT_DTYPE_LIST(CASE_)
#undef CASE_
        return true;
    default:
        return false;
    }
}

/* How many values the typed list of this type has. */
static size_t list_count(const Tensorflow__TensorProto *t) {
    switch (t->dtype) {
    case GRAFT_F32:
        return t->n_float_val;
    case GRAFT_F64:
        return t->n_double_val;
    case GRAFT_S64:
        return t->n_int64_val;
    case GRAFT_BOOL:
        return t->n_bool_val;
    case GRAFT_F16:
    case GRAFT_BF16:
        return t->n_half_val;
    default:
        return t->n_int_val;
    }
}

static void list_value(const Tensorflow__TensorProto *t, size_t i, uint8_t *out) {
    switch (t->dtype) {
    case GRAFT_F32:
        memcpy(out, &t->float_val[i], 4);
        break;
    case GRAFT_F64:
        memcpy(out, &t->double_val[i], 8);
        break;
    case GRAFT_S64:
        memcpy(out, &t->int64_val[i], 8);
        break;
    case GRAFT_BOOL:
        *out = t->bool_val[i] ? 1 : 0;
        break;
    case GRAFT_S32:
        memcpy(out, &t->int_val[i], 4);
        break;
    case GRAFT_F16:
    case GRAFT_BF16: {
        uint16_t v = (uint16_t)t->half_val[i];
        memcpy(out, &v, 2);
        break;
    }
    case GRAFT_S16: {
        uint16_t v = (uint16_t)t->int_val[i];
        memcpy(out, &v, 2);
        break;
    }
    default:
        *out = (uint8_t)t->int_val[i];
        break;
    }
}

static graft_status describe(const Tensorflow__TensorProto *proto, const char *where,
                             graft_tensor_desc *desc, int64_t *elems, graft_error *err) {
    if (!known_dtype(proto->dtype))
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: element type number %d is not supported",
                        where, (int)proto->dtype);
    *desc = (graft_tensor_desc){.dtype = (graft_dtype)proto->dtype};
    GFT_TRY(gft_tensor_proto_shape(proto->tensor_shape, where, &desc->shape, err));
    *elems = gft_shape_elems(&desc->shape);
    if (*elems < 0)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: a constant of unknown or overflowing shape",
                        where);
    return GRAFT_OK;
}

/* Bytes that are all there: in the file or in tensor_content. */
static graft_status from_content(const Tensorflow__TensorProto *proto, const gft_map *map,
                                 const char *where, gft_arena *arena, size_t need, size_t unit,
                                 void **out, graft_error *err) {
    const uint8_t *p = proto->tensor_content.data;
    size_t have = proto->tensor_content.len;
    if (proto->mapped_bytes != 0) {
        if (!map || proto->mapped_offset > map->bytes ||
            proto->mapped_bytes > map->bytes - proto->mapped_offset)
            return gft_fail(err, GRAFT_INTERNAL,
                            "%s: its bytes are left in a file that is not open", where);
        p = map->data + proto->mapped_offset;
        have = (size_t)proto->mapped_bytes;
    }
    if (have != need)
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: constant of %zu bytes, its shape and type need %zu", where, have,
                        need);
    if ((uintptr_t)p % unit == 0) {
        *out = (void *)(uintptr_t)p;
        return GRAFT_OK;
    }
    *out = gft_arena_memdup(arena, p, need);
    return *out ? GRAFT_OK : gft_fail_memory(err, need, where);
}

graft_status gft_tensor_proto_read(const Tensorflow__TensorProto *proto, const gft_map *map,
                                   const char *where, gft_arena *arena, graft_tensor *out,
                                   graft_error *err) {
    graft_tensor tensor = {.name = where};
    int64_t elems = 0;
    GFT_TRY(describe(proto, where, &tensor.desc, &elems, err));
    size_t unit = graft_dtype_bytes(tensor.desc.dtype);
    if (unit == 0 || !gft_desc_bytes(&tensor.desc, &tensor.bytes))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: a constant of type %s has no numbers",
                        where, graft_dtype_name(tensor.desc.dtype));
    if (proto->mapped_bytes != 0 || proto->tensor_content.len != 0) {
        GFT_TRY(from_content(proto, map, where, arena, tensor.bytes, unit, &tensor.data, err));
        *out = tensor;
        return GRAFT_OK;
    }
    size_t count = list_count(proto);
    if (count > (uint64_t)elems)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: %zu values for %lld elements", where, count,
                        (long long)elems);
    if (tensor.bytes > MAX_CONSTANT_BYTES)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED,
                        "%s: a constant of %zu bytes from %zu values, at most %zu", where,
                        tensor.bytes, count, MAX_CONSTANT_BYTES);
    uint8_t *data = gft_arena_alloc(arena, tensor.bytes); /* zero: what an empty list stands for */
    if (!data)
        return gft_fail_memory(err, tensor.bytes, where);
    for (size_t i = 0; i < count; i++)
        list_value(proto, i, data + i * unit);
    for (size_t i = count; count > 0 && i < (size_t)elems; i++)
        memcpy(data + i * unit, data + (count - 1) * unit, unit);
    tensor.data = data;
    *out = tensor;
    return GRAFT_OK;
}

graft_status gft_tensor_proto_strings(const Tensorflow__TensorProto *proto, const char *where,
                                      gft_arena *arena, ProtobufCBinaryData **out, size_t *count,
                                      graft_error *err) {
    graft_tensor_desc desc;
    int64_t elems = 0;
    GFT_TRY(describe(proto, where, &desc, &elems, err));
    if (desc.dtype != GRAFT_STRING)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: constant of type %s, expected string",
                        where, graft_dtype_name(desc.dtype));
    if (proto->n_string_val > (uint64_t)elems || elems > INT32_MAX)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: %zu strings for %lld elements", where,
                        proto->n_string_val, (long long)elems);
    ProtobufCBinaryData *strings = gft_arena_array(arena, (size_t)elems, sizeof *strings);
    if (!strings)
        return gft_fail_memory(err, (size_t)elems * sizeof *strings, where);
    for (size_t i = 0; i < (size_t)elems && proto->n_string_val > 0; i++)
        strings[i] = proto->string_val[gft_size_min(i, proto->n_string_val - 1)];
    *out = strings;
    *count = (size_t)elems;
    return GRAFT_OK;
}
