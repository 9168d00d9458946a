/*
 * Building StructuredValues in an arena.
 */
#include "models/savedmodel_struct.h"

#include <string.h>

static gft_sv *value_new(gft_pb *pb, Tensorflow__StructuredValue__KindCase kind) {
    gft_sv *value = GFT_PB_NEW(pb, Tensorflow__StructuredValue, TENSORFLOW__STRUCTURED_VALUE__INIT);
    if (value)
        value->kind_case = kind;
    return value;
}

gft_sv *gft_sv_none(gft_pb *pb) {
    gft_sv *value = value_new(pb, TENSORFLOW__STRUCTURED_VALUE__KIND_NONE_VALUE);
    if (value)
        value->none_value = GFT_PB_NEW(pb, Tensorflow__NoneValue, TENSORFLOW__NONE_VALUE__INIT);
    return value;
}

gft_sv *gft_sv_bool(gft_pb *pb, bool b) {
    gft_sv *value = value_new(pb, TENSORFLOW__STRUCTURED_VALUE__KIND_BOOL_VALUE);
    if (value)
        value->bool_value = b;
    return value;
}

gft_sv *gft_sv_text(gft_pb *pb, const char *text) {
    gft_sv *value = value_new(pb, TENSORFLOW__STRUCTURED_VALUE__KIND_STRING_VALUE);
    if (value)
        value->string_value = gft_pb_string(pb, "%s", text);
    return value;
}

gft_sv *gft_sv_tensor_spec(gft_pb *pb, const char *name, const graft_tensor_desc *desc) {
    gft_sv *value = value_new(pb, TENSORFLOW__STRUCTURED_VALUE__KIND_TENSOR_SPEC_VALUE);
    Tensorflow__TensorSpecProto *spec =
        GFT_PB_NEW(pb, Tensorflow__TensorSpecProto, TENSORFLOW__TENSOR_SPEC_PROTO__INIT);
    if (!value || !spec)
        return NULL;
    spec->name = gft_pb_string(pb, "%s", name);
    spec->shape = gft_pb_shape(pb, &desc->shape);
    spec->dtype = (int32_t)desc->dtype;
    value->tensor_spec_value = spec;
    return pb->failed ? NULL : value;
}

gft_sv *gft_sv_list(gft_pb *pb) {
    gft_sv *value = value_new(pb, TENSORFLOW__STRUCTURED_VALUE__KIND_LIST_VALUE);
    if (value)
        value->list_value = GFT_PB_NEW(pb, Tensorflow__ListValue, TENSORFLOW__LIST_VALUE__INIT);
    return pb->failed ? NULL : value;
}

gft_sv *gft_sv_tuple(gft_pb *pb) {
    gft_sv *value = value_new(pb, TENSORFLOW__STRUCTURED_VALUE__KIND_TUPLE_VALUE);
    if (value)
        value->tuple_value = GFT_PB_NEW(pb, Tensorflow__TupleValue, TENSORFLOW__TUPLE_VALUE__INIT);
    return pb->failed ? NULL : value;
}

gft_sv *gft_sv_dict(gft_pb *pb) {
    gft_sv *value = value_new(pb, TENSORFLOW__STRUCTURED_VALUE__KIND_DICT_VALUE);
    if (value)
        value->dict_value = GFT_PB_NEW(pb, Tensorflow__DictValue, TENSORFLOW__DICT_VALUE__INIT);
    return pb->failed ? NULL : value;
}

gft_sv *gft_sv_named_tuple(gft_pb *pb, const char *name) {
    gft_sv *value = value_new(pb, TENSORFLOW__STRUCTURED_VALUE__KIND_NAMED_TUPLE_VALUE);
    if (!value)
        return NULL;
    value->named_tuple_value =
        GFT_PB_NEW(pb, Tensorflow__NamedTupleValue, TENSORFLOW__NAMED_TUPLE_VALUE__INIT);
    if (value->named_tuple_value)
        value->named_tuple_value->name = gft_pb_string(pb, "%s", name);
    return pb->failed ? NULL : value;
}

void gft_sv_push(gft_pb *pb, gft_sv *sequence, gft_sv *value) {
    if (!sequence)
        return;
    if (sequence->kind_case == TENSORFLOW__STRUCTURED_VALUE__KIND_LIST_VALUE)
        GFT_PB_PUSH(pb, sequence->list_value, values, value);
    else
        GFT_PB_PUSH(pb, sequence->tuple_value, values, value);
}

void gft_sv_set(gft_pb *pb, gft_sv *mapping, const char *key, gft_sv *value) {
    char *name = gft_pb_string(pb, "%s", key);
    if (!mapping || !value || !name)
        return;
    if (mapping->kind_case == TENSORFLOW__STRUCTURED_VALUE__KIND_DICT_VALUE) {
        Tensorflow__DictValue__FieldsEntry *entry = GFT_PB_NEW(
            pb, Tensorflow__DictValue__FieldsEntry, TENSORFLOW__DICT_VALUE__FIELDS_ENTRY__INIT);
        if (!entry)
            return;
        entry->key = name;
        entry->value = value;
        GFT_PB_PUSH(pb, mapping->dict_value, fields, entry);
        return;
    }
    Tensorflow__PairValue *pair =
        GFT_PB_NEW(pb, Tensorflow__PairValue, TENSORFLOW__PAIR_VALUE__INIT);
    if (!pair)
        return;
    pair->key = name;
    pair->value = value;
    GFT_PB_PUSH(pb, mapping->named_tuple_value, values, pair);
}
