/*
 * Strings while TensorFlow's nodes are read: constants as views, and why ops that would have to
 * make strings, or to change what a model holds, are not read.
 */
#include <string.h>

#include "base/shape.h"
#include "base/size.h"
#include "formats/tensor_proto.h"
#include "models/tensorflow_ops_import.h"

graft_status gft_tf_read_strings(gft_tf_import *m, const Tensorflow__TensorProto *proto,
                                 graft_error *err) {
    graft_tensor *tensor = gft_arena_alloc(m->arena, sizeof *tensor);
    ProtobufCBinaryData *strings = NULL;
    size_t count = 0;
    if (!tensor)
        return gft_fail_memory(err, sizeof *tensor, "a constant");
    *tensor = (graft_tensor){.name = m->name, .desc = {.dtype = GRAFT_STRING}};
    GFT_TRY(gft_tensor_proto_shape(proto->tensor_shape, m->name, &tensor->desc.shape, err));
    GFT_TRY(gft_tensor_proto_strings(proto, m->name, m->arena, &strings, &count, err));
    graft_string_view *views = gft_arena_array(m->arena, count, sizeof *views);
    if (!views)
        return gft_fail_memory(err, count * sizeof *views, "a constant");
    for (size_t i = 0; i < count; i++)
        views[i] = (graft_string_view){strings[i].data ? (const char *)strings[i].data : "",
                                       strings[i].len};
    tensor->data = views;
    tensor->bytes = count * sizeof *views;
    m->outputs[0].kind = GFT_TF_CONST;
    m->outputs[0].tensor = tensor;
    return GRAFT_OK;
}

bool gft_tf_strings_of(const gft_tf_import *m, int32_t input, const graft_string_view **out,
                       size_t *count) {
    if (input >= m->input_count || m->inputs[input]->kind != GFT_TF_CONST ||
        m->inputs[input]->tensor->desc.dtype != GRAFT_STRING)
        return false;
    *out = m->inputs[input]->tensor->data;
    *count = m->inputs[input]->tensor->bytes / sizeof **out;
    return true;
}

const char *gft_tf_import_why_not(const Tensorflow__NodeDef *node) {
    static const struct {
        const char *op, *why;
    } reasons[] = {
        {"Assign", "it changes a variable; what a model holds does not change while it runs here"},
        {"MutableHashTable", "a table that is filled while the model runs"},
        {"MutableDenseHashTable", "a table that is filled while the model runs"},
        {"LookupTableInsert", "it changes a table; what a model holds does not change here"},
        {"AnonymousMutable", "a table that is filled while the model runs"},
        {"AsString", "it makes strings, and strings are only passed on here"},
        {"StringJoin", "it makes strings, and strings are only passed on here"},
        {"StringLower", "it makes strings, and strings are only passed on here"},
        {"StringUpper", "it makes strings, and strings are only passed on here"},
        {"StringStrip", "it makes strings, and strings are only passed on here"},
        {"StringSplit", "it makes strings, and strings are only passed on here"},
        {"RegexReplace", "it makes strings, and strings are only passed on here"},
        {"StaticRegexReplace", "it makes strings, and strings are only passed on here"},
        {"Substr", "it makes strings, and strings are only passed on here"},
        {"Sparse", "it works on a sparse tensor, which is not read"},
        {"StringToHashBucket", "it hashes strings with TensorFlow's own functions"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (strncmp(node->op, reasons[i].op, strlen(reasons[i].op)) == 0)
            return reasons[i].why;
    }
    return "the op is not read";
}
