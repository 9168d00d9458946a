/*
 * Choosing between values, read: Select, ClipByValue, DivNoNan, IsNan and its like, Mod. Where the
 * graph has no op of its own, several do the work.
 */
#include <math.h>
#include <string.h>

#include "base/shape.h"
#include "models/tensorflow_ops_import.h"
#include "ops/ops.h"

static bool fold_select(const gft_tf_import *m, gft_tf_ints *y) {
    gft_tf_ints c;
    gft_tf_ints a;
    gft_tf_ints b;
    if (!gft_tf_operand_of(m, 0, &c) || !gft_tf_operand_of(m, 1, &a) ||
        !gft_tf_operand_of(m, 2, &b) || c.rank > 1 || a.rank > 1 || b.rank > 1)
        return false;
    const int32_t count = c.count > a.count   ? (c.count > b.count ? c.count : b.count)
                          : a.count > b.count ? a.count
                                              : b.count;
    *y = (gft_tf_ints){.rank = c.rank | a.rank | b.rank, .dtype = a.dtype};
    if ((c.count != 1 && c.count != count) || (a.count != 1 && a.count != count) ||
        (b.count != 1 && b.count != count))
        return false;
    for (int32_t i = 0; i < count; i++) {
        const int64_t which = c.values[c.count == 1 ? 0 : i];
        const gft_tf_ints *from = which ? &a : &b;
        if (which == GFT_TF_UNKNOWN)
            return false;
        (void)gft_tf_ints_push(y, from, from->count == 1 ? 0 : i);
    }
    return true;
}

/*
 * Select (of TensorFlow 1) takes a vector of conditions for the rows of a and b, or broadcasts like
 * SelectV2.
 */
static graft_status condition(gft_tf_import *m, gft_value_id *out, graft_error *err) {
    graft_tensor_desc a;
    GFT_TRY(gft_tf_take(m, 0, out, err));
    GFT_TRY(gft_tf_desc_of(m, 1, &a, err));
    const graft_shape *c = &m->graph->values[*out].desc.shape;
    if (strcmp(m->node->op, "Select") != 0 || c->rank != 1 || a.shape.rank <= 1)
        return GRAFT_OK;
    gft_shape_attrs column = {.shape = {.rank = a.shape.rank, .dims = {c->dims[0]}}};
    for (int32_t i = 1; i < a.shape.rank; i++)
        column.shape.dims[i] = 1;
    return gft_tf_append(m, &gft_op_reshape, &column, out, 1, out, err);
}

graft_status gft_tf_import_select(gft_tf_import *m, graft_error *err) {
    gft_tf_ints folded;
    gft_tf_ints c;
    gft_value_id inputs[3];
    if (fold_select(m, &folded))
        return gft_tf_set_ints(m, &folded, err);
    if (gft_tf_operand_of(m, 0, &c) && c.count == 1 && c.rank == 0 &&
        c.values[0] != GFT_TF_UNKNOWN && m->input_count == 3) {
        graft_tensor_desc a;
        graft_tensor_desc b;
        GFT_TRY(gft_tf_desc_of(m, 1, &a, err));
        GFT_TRY(gft_tf_desc_of(m, 2, &b, err));
        if (gft_shape_equal(&a.shape, &b.shape)) { /* decided now */
            m->outputs[0] = *m->inputs[c.values[0] ? 1 : 2];
            return GRAFT_OK;
        }
    }
    GFT_TRY(condition(m, &inputs[0], err));
    for (int32_t i = 1; i < 3; i++)
        GFT_TRY(gft_tf_take(m, i, &inputs[i], err));
    GFT_TRY(gft_tf_append(m, &gft_op_select, NULL, inputs, 3, &inputs[0], err));
    gft_tf_set_graph(m, 0, inputs[0]);
    return GRAFT_OK;
}

graft_status gft_tf_import_clip(gft_tf_import *m, graft_error *err) {
    gft_clip_attrs attrs;
    gft_value_id x;
    gft_value_id bound;
    const bool low = gft_tf_scalar_of(m, 1, &attrs.low);
    if (low && gft_tf_scalar_of(m, 2, &attrs.high) && attrs.low <= attrs.high)
        return attrs.low == 0.0f && attrs.high == 6.0f
                   ? gft_tf_append_same(m, &gft_op_relu6, NULL, 1, err)
                   : gft_tf_append_same(m, &gft_op_clip, &attrs, 1, err);
    GFT_TRY(gft_tf_take(m, 0, &x, err));
    GFT_TRY(gft_tf_take(m, 2, &bound, err));
    GFT_TRY(gft_tf_apply(m, &gft_op_minimum, x, bound, &x, err));
    GFT_TRY(gft_tf_take(m, 1, &bound, err));
    GFT_TRY(gft_tf_apply(m, &gft_op_maximum, x, bound, &x, err));
    gft_tf_set_graph(m, 0, x);
    return GRAFT_OK;
}

/* DivNoNan, MulNoNan, Xdivy, Xlogy, Xlog1py: 0 where the operand that decides is 0. */
graft_status gft_tf_import_div_no_nan(gft_tf_import *m, graft_error *err) {
    const char *op = m->node->op;
    const bool by_second = strstr(op, "NoNan") != NULL;
    gft_value_id v[3];
    gft_value_id in[2];
    gft_value_id zero;
    for (int32_t i = 0; i < 2; i++)
        GFT_TRY(gft_tf_take(m, i, &in[i], err));
    GFT_TRY(gft_tf_number(m, m->graph->values[in[0]].desc.dtype, 0.0, &zero, err));
    GFT_TRY(gft_tf_apply(m, &gft_op_equal, in[by_second ? 1 : 0], zero, &v[0], err));
    v[1] = zero;
    if (strcmp(op, "Xlogy") == 0)
        GFT_TRY(gft_tf_apply(m, &gft_op_log, in[1], -1, &in[1], err));
    if (strcmp(op, "Xlog1py") == 0)
        GFT_TRY(gft_tf_apply(m, &gft_op_log1p, in[1], -1, &in[1], err));
    const bool divides = strcmp(op, "DivNoNan") == 0 || strcmp(op, "Xdivy") == 0;
    GFT_TRY(gft_tf_apply(m, divides ? &gft_op_div : &gft_op_mul, in[0], in[1], &v[2], err));
    GFT_TRY(gft_tf_append(m, &gft_op_select, NULL, v, 3, &v[0], err));
    gft_tf_set_graph(m, 0, v[0]);
    return GRAFT_OK;
}

/* IsNan: x != x. IsInf: |x| = inf. IsFinite: |x| < inf. */
graft_status gft_tf_import_is_number(gft_tf_import *m, graft_error *err) {
    gft_value_id x;
    gft_value_id infinite;
    GFT_TRY(gft_tf_take(m, 0, &x, err));
    if (strcmp(m->node->op, "IsNan") == 0) {
        GFT_TRY(gft_tf_apply(m, &gft_op_not_equal, x, x, &x, err));
    } else {
        GFT_TRY(gft_tf_number(m, m->graph->values[x].desc.dtype, INFINITY, &infinite, err));
        GFT_TRY(gft_tf_apply(m, &gft_op_abs, x, -1, &x, err));
        GFT_TRY(gft_tf_apply(m, strcmp(m->node->op, "IsInf") == 0 ? &gft_op_equal : &gft_op_less, x,
                             infinite, &x, err));
    }
    gft_tf_set_graph(m, 0, x);
    return GRAFT_OK;
}

/* Mod and TruncateMod, whose result has the sign of a: sign(a) * (|a| mod |b|). */
graft_status gft_tf_import_mod(gft_tf_import *m, graft_error *err) {
    gft_tf_ints y;
    gft_value_id a;
    gft_value_id b;
    gft_value_id sign;
    if (gft_tf_fold_binary(m, &y))
        return gft_tf_set_ints(m, &y, err);
    GFT_TRY(gft_tf_take(m, 0, &a, err));
    GFT_TRY(gft_tf_take(m, 1, &b, err));
    GFT_TRY(gft_tf_apply(m, &gft_op_sign, a, -1, &sign, err));
    GFT_TRY(gft_tf_apply(m, &gft_op_abs, a, -1, &a, err));
    GFT_TRY(gft_tf_apply(m, &gft_op_abs, b, -1, &b, err));
    GFT_TRY(gft_tf_apply(m, &gft_op_floor_mod, a, b, &a, err));
    GFT_TRY(gft_tf_apply(m, &gft_op_mul, sign, a, &a, err));
    gft_tf_set_graph(m, 0, a);
    return GRAFT_OK;
}
