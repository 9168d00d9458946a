/*
 * parse_feature (models/op_strings.h). The only op that can fail while it runs: bytes come from
 * outside. It has one task, so that of several bad examples the first is named.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/shape.h"
#include "base/size.h"
#include "formats/example.h"
#include "models/op_strings.h"
#include "ops/infer_check.h"

static gft_feature_kind kind_of(graft_dtype dtype) {
    switch (dtype) {
    case GRAFT_F32:
        return GFT_FEATURE_FLOAT;
    case GRAFT_S64:
        return GFT_FEATURE_INT64;
    case GRAFT_STRING:
        return GFT_FEATURE_BYTES;
    default:
        return GFT_FEATURE_NONE;
    }
}

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_parse_feature_attrs *attrs = in->attrs;
    const int64_t elems = gft_shape_elems(&attrs->shape);
    graft_shape shape = in->inputs[0].shape;
    GFT_TRY(gft_check_dtype(in, 0, GRAFT_STRING, err));
    if (kind_of(attrs->dtype) == GFT_FEATURE_NONE)
        return gft_fail(
            err, GRAFT_INVALID_ARGUMENT, "feature '%.*s' is %s, expected float32, int64 or string",
            (int)gft_size_min(attrs->key_bytes, 100), attrs->key, graft_dtype_name(attrs->dtype));
    if (elems < 0 || shape.rank + attrs->shape.rank > GRAFT_MAX_RANK)
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "feature '%.*s' has a shape that is not fixed, or of too many dimensions",
                        (int)gft_size_min(attrs->key_bytes, 100), attrs->key);
    if (in->input_count > 1) {
        GFT_TRY(gft_check_dtype(in, 1, attrs->dtype, err));
        if (gft_shape_elems(&in->inputs[1].shape) != elems)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "the default of feature '%.*s' has %" PRId64
                            " values, expected %" PRId64,
                            (int)gft_size_min(attrs->key_bytes, 100), attrs->key,
                            gft_shape_elems(&in->inputs[1].shape), elems);
    }
    for (int32_t i = 0; i < attrs->shape.rank; i++)
        shape.dims[shape.rank++] = attrs->shape.dims[i];
    in->outputs[0] = (graft_tensor_desc){.dtype = attrs->dtype, .shape = shape};
    return GRAFT_OK;
}

/* The feature's values of one example, or what is wrong with it. */
static graft_status parse(const gft_exec *exec, graft_string_view example, const char *where,
                          size_t elems, void *out, graft_error *err) {
    const gft_parse_feature_attrs *attrs = exec->attrs;
    const graft_string_view key = {attrs->key, attrs->key_bytes};
    const int shown = (int)gft_size_min(key.bytes, 100);
    const gft_feature_kind wanted = kind_of(attrs->dtype);
    gft_feature feature;
    size_t count = 0;
    GFT_TRY(gft_example_find(example.bytes ? example.data : "", example.bytes, where, key, &feature,
                             err));
    if (feature.kind == GFT_FEATURE_NONE) {
        if (exec->input_count < 2)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "%s: there is no feature '%.*s', and it has no default", where, shown,
                            key.data);
        if (elems > 0)
            memcpy(out, exec->inputs[1], elems * gft_dtype_cell_bytes(attrs->dtype));
        return GRAFT_OK;
    }
    if (feature.kind != wanted)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: feature '%.*s' holds %s values, expected %s", where, shown, key.data,
                        gft_feature_kind_name(feature.kind), gft_feature_kind_name(wanted));
    GFT_TRY(gft_feature_read(&feature, out, elems, &count, err));
    if (count != elems)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: feature '%.*s' holds %zu values, expected %zu", where, shown, key.data,
                        count, elems);
    return GRAFT_OK;
}

static void run(const gft_exec *exec) {
    const gft_parse_feature_attrs *attrs = exec->attrs;
    const graft_string_view *examples = exec->inputs[0];
    const int64_t count = gft_shape_elems(&exec->inputs_desc[0].shape);
    const size_t elems = (size_t)gft_shape_elems(&attrs->shape);
    const size_t each = elems * gft_dtype_cell_bytes(attrs->dtype);
    char *out = exec->outputs[0];
    if ((size_t)count * each > 0) /* views that are valid, whatever happens */
        memset(out, 0, (size_t)count * each);
    for (int64_t i = 0; i < count; i++) {
        graft_error why = {0};
        char where[48];
        (void)snprintf(where, sizeof where, "example %" PRId64, i);
        const graft_status status =
            parse(exec, examples[i], where, elems, out + (size_t)i * each, &why);
        if (status == GRAFT_OK)
            continue;
        gft_exec_fail(exec, status, "%s", why.message);
        return;
    }
}

const gft_op gft_op_parse_feature = {.name = "parse_feature",
                                     .min_inputs = 1,
                                     .max_inputs = 2,
                                     .outputs = 1,
                                     .attrs_bytes = sizeof(gft_parse_feature_attrs),
                                     .infer = infer,
                                     .run = run};
