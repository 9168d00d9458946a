/*
 * Values of attributes in protobuf's JSON mapping: int64 as text, bytes in base64, enums by name
 * or number, floats as numbers or "NaN". A message's fields go by their JSON names ("tensorShape")
 * or the proto's ("tensor_shape").
 */
#include <math.h>
#include <string.h>

#include "base/words.h"
#include "formats/base64.h"
#include "models/savedmodel_proto.h"
#include "models/tfjs_read.h"

typedef struct values {
    gft_tfjs_file *file;
    gft_pb pb;
    const char *where; /* the attribute, for messages */
    graft_error *err;
} values;

static graft_status wrong(const values *v, const char *expected) {
    return gft_fail(v->err, GRAFT_DATA_LOSS, "%s: %s: expected %s", v->file->where, v->where,
                    expected);
}

static graft_status no_memory(const values *v) {
    return gft_fail_memory(v->err, sizeof(Tensorflow__AttrValue), "a graph");
}

const json_t *gft_tfjs_member(const json_t *object, const char *camel, const char *snake) {
    const json_t *value = json_object_get(object, camel);
    if (!value)
        value = json_object_get(object, snake);
    return json_is_null(value) ? NULL : value;
}

/* ---- scalars ---- */

static graft_status read_int(const values *v, const json_t *json, int64_t *out) {
    if (json_is_integer(json)) {
        *out = json_integer_value(json);
        return GRAFT_OK;
    }
    return json_is_string(json) && gft_words_i64(json_string_value(json), out)
               ? GRAFT_OK
               : wrong(v, "a whole number");
}

static graft_status read_double(const values *v, const json_t *json, double *out) {
    static const struct {
        const char *word;
        double value;
    } WORDS[] = {{"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY}};
    if (json_is_number(json)) {
        *out = json_number_value(json);
        return GRAFT_OK;
    }
    const char *text = json_string_value(json);
    for (size_t i = 0; text && i < sizeof WORDS / sizeof WORDS[0]; i++) {
        if (strcmp(text, WORDS[i].word) == 0) {
            *out = WORDS[i].value;
            return GRAFT_OK;
        }
    }
    return text && gft_words_f64(text, out) ? GRAFT_OK : wrong(v, "a number");
}

/* Base64, or (older converters) a list of bytes. */
static graft_status read_bytes(const values *v, const json_t *json, ProtobufCBinaryData *out) {
    if (json_is_string(json))
        return gft_base64_decode(json_string_value(json), json_string_length(json), v->where,
                                 &v->file->arena, &out->data, &out->len, v->err);
    if (!json_is_array(json))
        return wrong(v, "bytes in base64");
    out->data = gft_arena_alloc(&v->file->arena, json_array_size(json));
    if (!out->data)
        return no_memory(v);
    for (out->len = 0; out->len < json_array_size(json); out->len++) {
        const json_t *byte = json_array_get(json, out->len);
        if (!json_is_integer(byte) || json_integer_value(byte) < 0 ||
            json_integer_value(byte) > 255)
            return wrong(v, "a list of bytes");
        out->data[out->len] = (uint8_t)json_integer_value(byte);
    }
    return GRAFT_OK;
}

graft_status gft_tfjs_read_dtype(const gft_tfjs_file *file, const json_t *json, int32_t *out,
                                 graft_error *err) {
    static const char *const NAMES[] = {
        "INVALID",   "FLOAT",  "DOUBLE",     "INT32", "UINT8",    "INT16",   "INT8",     "STRING",
        "COMPLEX64", "INT64",  "BOOL",       "QINT8", "QUINT8",   "QINT32",  "BFLOAT16", "QINT16",
        "QUINT16",   "UINT16", "COMPLEX128", "HALF",  "RESOURCE", "VARIANT", "UINT32",   "UINT64",
    };
    const char *text = json_string_value(json);
    if (json_is_integer(json) && json_integer_value(json) >= 0 && json_integer_value(json) < 200) {
        *out = (int32_t)json_integer_value(json);
        return GRAFT_OK;
    }
    for (size_t i = 0; text && strncmp(text, "DT_", 3) == 0 && i < sizeof NAMES / sizeof NAMES[0];
         i++) {
        const size_t length = strlen(NAMES[i]);
        if (strncmp(text + 3, NAMES[i], length) != 0)
            continue;
        const char *rest = text + 3 + length;
        if (*rest && strcmp(rest, "_REF") != 0)
            continue;
        *out = (int32_t)i + (*rest ? 100 : 0);
        return GRAFT_OK;
    }
    return gft_fail(err, GRAFT_DATA_LOSS, "%s: '%.40s' is no type, expected DT_FLOAT or the like",
                    file->where, text ? text : "?");
}

/* ---- shapes and tensors ---- */

static graft_status read_shape(values *v, const json_t *json, Tensorflow__TensorShapeProto **out) {
    Tensorflow__TensorShapeProto *shape =
        GFT_PB_NEW(&v->pb, Tensorflow__TensorShapeProto, TENSORFLOW__TENSOR_SHAPE_PROTO__INIT);
    const json_t *dims = json_object_get(json, "dim");
    if (!shape)
        return no_memory(v);
    if (json && !json_is_object(json) && !json_is_null(json))
        return wrong(v, "a shape");
    shape->unknown_rank = json_is_true(gft_tfjs_member(json, "unknownRank", "unknown_rank"));
    for (size_t i = 0; i < json_array_size(dims); i++) {
        const json_t *size = json_object_get(json_array_get(dims, i), "size");
        Tensorflow__TensorShapeProto__Dim *dim = GFT_PB_NEW(
            &v->pb, Tensorflow__TensorShapeProto__Dim, TENSORFLOW__TENSOR_SHAPE_PROTO__DIM__INIT);
        if (!dim)
            return no_memory(v);
        if (size && !json_is_null(size)) /* 0 may be left out */
            GFT_TRY(read_int(v, size, &dim->size));
        GFT_PB_PUSH(&v->pb, shape, dim, dim);
    }
    *out = shape;
    return v->pb.failed ? no_memory(v) : GRAFT_OK;
}

graft_status gft_tfjs_read_shape(gft_tfjs_file *file, const json_t *json,
                                 Tensorflow__TensorShapeProto **out, graft_error *err) {
    values v = {.file = file, .pb = {.arena = &file->arena}, .where = "a shape", .err = err};
    return read_shape(&v, json, out);
}

/* Lists of numbers: *list is made in the arena. A kind per element type. */
static graft_status read_ints(values *v, const json_t *json, int64_t **list, size_t *count) {
    *list = gft_arena_array(&v->file->arena, json_array_size(json), sizeof **list);
    if (!*list)
        return no_memory(v);
    for (*count = 0; *count < json_array_size(json); (*count)++)
        GFT_TRY(read_int(v, json_array_get(json, *count), &(*list)[*count]));
    return GRAFT_OK;
}

static graft_status read_s32s(values *v, const json_t *json, int32_t **list, size_t *count) {
    *list = gft_arena_array(&v->file->arena, json_array_size(json), sizeof **list);
    if (!*list)
        return no_memory(v);
    for (*count = 0; *count < json_array_size(json); (*count)++) {
        int64_t value;
        GFT_TRY(read_int(v, json_array_get(json, *count), &value));
        (*list)[*count] = (int32_t)value;
    }
    return GRAFT_OK;
}

static graft_status read_doubles(values *v, const json_t *json, double **list, size_t *count) {
    *list = gft_arena_array(&v->file->arena, json_array_size(json), sizeof **list);
    if (!*list)
        return no_memory(v);
    for (*count = 0; *count < json_array_size(json); (*count)++)
        GFT_TRY(read_double(v, json_array_get(json, *count), &(*list)[*count]));
    return GRAFT_OK;
}

static graft_status read_floats(values *v, const json_t *json, float **list, size_t *count) {
    double *wide;
    GFT_TRY(read_doubles(v, json, &wide, count));
    *list = gft_arena_array(&v->file->arena, *count, sizeof **list);
    if (!*list)
        return no_memory(v);
    for (size_t i = 0; i < *count; i++)
        (*list)[i] = (float)wide[i];
    return GRAFT_OK;
}

static graft_status read_bools(values *v, const json_t *json, protobuf_c_boolean **list,
                               size_t *count) {
    *list = gft_arena_array(&v->file->arena, json_array_size(json), sizeof **list);
    if (!*list)
        return no_memory(v);
    for (*count = 0; *count < json_array_size(json); (*count)++)
        (*list)[*count] = json_is_true(json_array_get(json, *count));
    return GRAFT_OK;
}

static graft_status read_texts(values *v, const json_t *json, ProtobufCBinaryData **list,
                               size_t *count) {
    *list = gft_arena_array(&v->file->arena, json_array_size(json), sizeof **list);
    if (!*list)
        return no_memory(v);
    for (*count = 0; *count < json_array_size(json); (*count)++)
        GFT_TRY(read_bytes(v, json_array_get(json, *count), &(*list)[*count]));
    return GRAFT_OK;
}

static graft_status read_tensor(values *v, const json_t *json, Tensorflow__TensorProto **out) {
    Tensorflow__TensorProto *t =
        GFT_PB_NEW(&v->pb, Tensorflow__TensorProto, TENSORFLOW__TENSOR_PROTO__INIT);
    const json_t *shape = gft_tfjs_member(json, "tensorShape", "tensor_shape");
    const json_t *content = gft_tfjs_member(json, "tensorContent", "tensor_content");
    if (!t)
        return no_memory(v);
    GFT_TRY(gft_tfjs_read_dtype(v->file, json_object_get(json, "dtype"), &t->dtype, v->err));
    GFT_TRY(read_shape(v, shape, &t->tensor_shape));
    if (content)
        GFT_TRY(read_bytes(v, content, &t->tensor_content));
    GFT_TRY(read_floats(v, gft_tfjs_member(json, "floatVal", "float_val"), &t->float_val,
                        &t->n_float_val));
    GFT_TRY(read_doubles(v, gft_tfjs_member(json, "doubleVal", "double_val"), &t->double_val,
                         &t->n_double_val));
    GFT_TRY(read_s32s(v, gft_tfjs_member(json, "intVal", "int_val"), &t->int_val, &t->n_int_val));
    GFT_TRY(read_ints(v, gft_tfjs_member(json, "int64Val", "int64_val"), &t->int64_val,
                      &t->n_int64_val));
    GFT_TRY(
        read_s32s(v, gft_tfjs_member(json, "halfVal", "half_val"), &t->half_val, &t->n_half_val));
    GFT_TRY(
        read_bools(v, gft_tfjs_member(json, "boolVal", "bool_val"), &t->bool_val, &t->n_bool_val));
    GFT_TRY(read_texts(v, gft_tfjs_member(json, "stringVal", "string_val"), &t->string_val,
                       &t->n_string_val));
    *out = t;
    return GRAFT_OK;
}

/* ---- attributes ---- */

static graft_status read_list(values *v, const json_t *json,
                              Tensorflow__AttrValue__ListValue **out) {
    Tensorflow__AttrValue__ListValue *list = GFT_PB_NEW(&v->pb, Tensorflow__AttrValue__ListValue,
                                                        TENSORFLOW__ATTR_VALUE__LIST_VALUE__INIT);
    const json_t *types = json_object_get(json, "type");
    const json_t *shapes = json_object_get(json, "shape");
    if (!list)
        return no_memory(v);
    GFT_TRY(read_texts(v, json_object_get(json, "s"), &list->s, &list->n_s));
    GFT_TRY(read_ints(v, json_object_get(json, "i"), &list->i, &list->n_i));
    GFT_TRY(read_floats(v, json_object_get(json, "f"), &list->f, &list->n_f));
    GFT_TRY(read_bools(v, json_object_get(json, "b"), &list->b, &list->n_b));
    list->type = gft_arena_array(&v->file->arena, json_array_size(types), sizeof *list->type);
    if (!list->type)
        return no_memory(v);
    for (size_t i = 0; i < json_array_size(types); i++)
        GFT_TRY(gft_tfjs_read_dtype(v->file, json_array_get(types, i), &list->type[i], v->err));
    list->n_type = json_array_size(types);
    for (size_t i = 0; i < json_array_size(shapes); i++) {
        Tensorflow__TensorShapeProto *shape;
        GFT_TRY(read_shape(v, json_array_get(shapes, i), &shape));
        GFT_PB_PUSH(&v->pb, list, shape, shape);
    }
    *out = list;
    return v->pb.failed ? no_memory(v) : GRAFT_OK;
}

/* A function's name; its own attributes are not needed. */
static graft_status read_function(values *v, const json_t *json, Tensorflow__NameAttrList **out) {
    const char *name = json_string_value(json_object_get(json, "name"));
    *out = GFT_PB_NEW(&v->pb, Tensorflow__NameAttrList, TENSORFLOW__NAME_ATTR_LIST__INIT);
    if (*out)
        (*out)->name = gft_pb_string(&v->pb, "%s", name ? name : "");
    return v->pb.failed ? no_memory(v) : GRAFT_OK;
}

static graft_status read_value(values *v, const char *kind, const json_t *json,
                               Tensorflow__AttrValue *a) {
    double f;
    a->value_case = TENSORFLOW__ATTR_VALUE__VALUE_S;
    if (strcmp(kind, "s") == 0)
        return read_bytes(v, json, &a->s);
    a->value_case = TENSORFLOW__ATTR_VALUE__VALUE_I;
    if (strcmp(kind, "i") == 0)
        return read_int(v, json, &a->i);
    a->value_case = TENSORFLOW__ATTR_VALUE__VALUE_TYPE;
    if (strcmp(kind, "type") == 0)
        return gft_tfjs_read_dtype(v->file, json, &a->type, v->err);
    a->value_case = TENSORFLOW__ATTR_VALUE__VALUE_SHAPE;
    if (strcmp(kind, "shape") == 0)
        return read_shape(v, json, &a->shape);
    a->value_case = TENSORFLOW__ATTR_VALUE__VALUE_TENSOR;
    if (strcmp(kind, "tensor") == 0)
        return read_tensor(v, json, &a->tensor);
    a->value_case = TENSORFLOW__ATTR_VALUE__VALUE_LIST;
    if (strcmp(kind, "list") == 0)
        return read_list(v, json, &a->list);
    a->value_case = TENSORFLOW__ATTR_VALUE__VALUE_FUNC;
    if (strcmp(kind, "func") == 0)
        return read_function(v, json, &a->func);
    a->value_case = TENSORFLOW__ATTR_VALUE__VALUE_B;
    a->b = json_is_true(json);
    if (strcmp(kind, "b") == 0)
        return json_is_boolean(json) ? GRAFT_OK : wrong(v, "true or false");
    a->value_case = TENSORFLOW__ATTR_VALUE__VALUE_F;
    if (strcmp(kind, "f") != 0)
        return wrong(v, "one of s, i, f, b, type, shape, tensor, list, func");
    GFT_TRY(read_double(v, json, &f));
    a->f = (float)f;
    return GRAFT_OK;
}

graft_status gft_tfjs_read_attr(gft_tfjs_file *file, const json_t *json, const char *where,
                                Tensorflow__AttrValue **out, graft_error *err) {
    values v = {.file = file, .pb = {.arena = &file->arena}, .where = where, .err = err};
    Tensorflow__AttrValue *a =
        GFT_PB_NEW(&v.pb, Tensorflow__AttrValue, TENSORFLOW__ATTR_VALUE__INIT);
    const char *key;
    json_t *value;
    if (!a)
        return no_memory(&v);
    json_object_foreach((json_t *)(uintptr_t)json, key, value) {
        GFT_TRY(read_value(&v, key, value, a));
        break; /* one kind is set */
    }
    *out = a;
    return GRAFT_OK;
}
