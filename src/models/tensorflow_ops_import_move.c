/*
 * Ops that select, join and reorder values, read: concat, pack, split, slice, pad, transpose,
 * gather.
 */
#include <string.h>

#include "base/shape.h"
#include "models/tensorflow_ops_import.h"
#include "ops/ops.h"

/* ---- joining ---- */

/* Integers behind one another (concat of vectors, pack of scalars). */
static bool fold_join(const gft_tf_import *m, int32_t first, int32_t count, gft_tf_ints *y) {
    bool computed = false;
    *y = (gft_tf_ints){.rank = 1, .dtype = GRAFT_S32};
    for (int32_t i = first; i < first + count; i++) {
        gft_tf_ints part;
        if (!gft_tf_operand_of(m, i, &part) || part.count > GFT_TF_MAX_INTS - y->count)
            return false;
        computed = computed || m->inputs[i]->kind == GFT_TF_INTS || part.dtype == GRAFT_S32 ||
                   part.dtype == GRAFT_S64;
        y->dtype = part.dtype;
        for (int32_t k = 0; k < part.count; k++)
            (void)gft_tf_ints_push(y, &part, k);
    }
    return computed;
}

/* Lists of equal length as rows, or rows behind rows. */
static bool fold_rows(const gft_tf_import *m, const graft_shape *first, int32_t count,
                      gft_tf_ints *y) {
    const int64_t cols = first->dims[first->rank - 1];
    bool computed = false;
    if (cols < 1 || cols > GFT_TF_MAX_INTS)
        return false;
    for (int32_t i = 0; i < count; i++) {
        graft_tensor_desc part;
        if (gft_tf_desc_of(m, i, &part, NULL) != GRAFT_OK || part.shape.rank != first->rank ||
            part.shape.dims[first->rank - 1] != cols)
            return false;
        computed = computed || m->inputs[i]->kind == GFT_TF_INTS;
    }
    if (!computed || !fold_join(m, 0, count, y))
        return false;
    y->rank = 2;
    y->cols = (int32_t)cols;
    return true;
}

static graft_status concat(gft_tf_import *m, const gft_value_id *parts, int32_t count, int64_t axis,
                           graft_error *err) {
    gft_value_id out = parts[0];
    const gft_axis_attrs attrs = {.axis = (int32_t)axis};
    if (axis < -GRAFT_MAX_RANK || axis >= GRAFT_MAX_RANK)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "axis %lld is no axis", (long long)axis);
    if (count > 1)
        GFT_TRY(gft_tf_append(m, &gft_op_concat, &attrs, parts, count, &out, err));
    gft_tf_set_graph(m, 0, out);
    return GRAFT_OK;
}

static graft_status take_all(gft_tf_import *m, int32_t count, gft_value_id **out,
                             graft_error *err) {
    *out = gft_arena_array(m->arena, (size_t)count, sizeof **out);
    if (!*out)
        return gft_fail_memory(err, (size_t)count * sizeof **out, "inputs of a node");
    for (int32_t i = 0; i < count; i++)
        GFT_TRY(gft_tf_take(m, i, &(*out)[i], err));
    return GRAFT_OK;
}

graft_status gft_tf_import_concat(gft_tf_import *m, graft_error *err) {
    const int32_t count = m->input_count - 1;
    gft_tf_ints axis;
    gft_tf_ints folded;
    graft_tensor_desc x;
    gft_value_id *parts;
    if (count < 1)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "has %d inputs, expected at least 2",
                        m->input_count);
    GFT_TRY(gft_tf_need_known(m, count, "axes", &axis, err));
    GFT_TRY(gft_tf_desc_of(m, 0, &x, err));
    if (x.shape.rank == 1 && fold_join(m, 0, count, &folded))
        return gft_tf_set_ints(m, &folded, err);
    if (x.shape.rank == 2 && axis.count == 1 && axis.values[0] == 0 &&
        fold_rows(m, &x.shape, count, &folded))
        return gft_tf_set_ints(m, &folded, err);
    GFT_TRY(take_all(m, count, &parts, err));
    return concat(m, parts, count, axis.count == 1 ? axis.values[0] : INT64_MIN, err);
}

graft_status gft_tf_import_pack(gft_tf_import *m, graft_error *err) {
    gft_tf_ints folded;
    graft_tensor_desc x;
    gft_value_id *parts;
    int32_t axis;
    if (m->input_count < 1)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "has no inputs");
    GFT_TRY(gft_tf_desc_of(m, 0, &x, err));
    if (x.shape.rank == 0 && fold_join(m, 0, m->input_count, &folded))
        return gft_tf_set_ints(m, &folded, err);
    if (x.shape.rank == 1 && gft_tf_get_int(m->node, "axis", 0) == 0 &&
        fold_rows(m, &x.shape, m->input_count, &folded))
        return gft_tf_set_ints(m, &folded, err);
    if (x.shape.rank >= GRAFT_MAX_RANK ||
        !gft_axis_normalise(gft_tf_get_int(m->node, "axis", 0), x.shape.rank + 1, &axis))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "its axis is not one of its result");
    gft_shape_attrs wider = {.shape = {.rank = x.shape.rank + 1}};
    for (int32_t i = 0, from = 0; i < wider.shape.rank; i++)
        wider.shape.dims[i] = i == axis ? 1 : x.shape.dims[from++];
    GFT_TRY(take_all(m, m->input_count, &parts, err));
    for (int32_t i = 0; i < m->input_count; i++)
        GFT_TRY(gft_tf_append(m, &gft_op_reshape, &wider, &parts[i], 1, &parts[i], err));
    return concat(m, parts, m->input_count, axis, err);
}

/* ---- taking apart ---- */

/* Split: axis, x; SplitV: x, sizes, axis. */
graft_status gft_tf_import_split(gft_tf_import *m, graft_error *err) {
    const bool sized = strcmp(m->node->op, "SplitV") == 0;
    gft_tf_ints where;
    gft_tf_ints sizes = {.count = 0};
    graft_tensor_desc desc;
    gft_value_id x;
    int32_t axis;
    GFT_TRY(gft_tf_need_known(m, sized ? 2 : 0, "axes", &where, err));
    GFT_TRY(gft_tf_take(m, sized ? 0 : 1, &x, err));
    if (sized)
        GFT_TRY(gft_tf_need_known(m, 1, "sizes", &sizes, err));
    desc = m->graph->values[x].desc;
    if (where.count != 1 || !gft_axis_normalise(where.values[0], desc.shape.rank, &axis))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "its axis is not one of its input");
    const int64_t dim = desc.shape.dims[axis];
    if (dim < 0 || (!sized && dim % m->output_count != 0) ||
        (sized && sizes.count != m->output_count))
        return gft_tf_refuse("its dimension does not divide into the parts", err);
    gft_slice_attrs slice = {{0}, {0}};
    for (int32_t i = 0; i < desc.shape.rank; i++)
        slice.size[i] = -1;
    int64_t rest = dim;
    for (int32_t i = 0; sized && i < sizes.count; i++)
        rest -= sizes.values[i] >= 0 && sizes.values[i] <= dim ? sizes.values[i] : 0;
    for (int32_t i = 0; i < m->output_count; i++) {
        gft_value_id out;
        slice.size[axis] = !sized                  ? dim / m->output_count
                           : sizes.values[i] == -1 ? rest
                                                   : sizes.values[i];
        GFT_TRY(gft_tf_append(m, &gft_op_slice, &slice, &x, 1, &out, err));
        gft_tf_set_graph(m, i, out);
        slice.begin[axis] +=
            slice.size[axis] >= 0 && slice.size[axis] <= dim ? slice.size[axis] : 0;
    }
    return GRAFT_OK;
}

/* The numbers of a shape, one by one. */
static graft_status unpack_ints(gft_tf_import *m, const gft_tf_ints *x, graft_error *err) {
    for (int32_t i = 0; i < m->output_count; i++) {
        const gft_tf_ints one = {
            .count = 1, .dtype = x->dtype, .values = {x->values[i]}, .dims = {x->dims[i]}};
        m->outputs[i].ints = gft_arena_memdup(m->arena, &one, sizeof one);
        if (!m->outputs[i].ints)
            return gft_fail_memory(err, sizeof one, "a shape");
        m->outputs[i].kind = GFT_TF_INTS;
        m->outputs[i].id = -1;
    }
    return GRAFT_OK;
}

graft_status gft_tf_import_unpack(gft_tf_import *m, graft_error *err) {
    gft_tf_ints ints;
    gft_value_id x;
    int32_t axis;
    if (gft_tf_operand_of(m, 0, &ints) && m->inputs[0]->kind == GFT_TF_INTS && ints.rank == 1 &&
        ints.count == m->output_count)
        return unpack_ints(m, &ints, err);
    GFT_TRY(gft_tf_take(m, 0, &x, err));
    const graft_shape *shape = &m->graph->values[x].desc.shape;
    if (!gft_axis_normalise(gft_tf_get_int(m->node, "axis", 0), shape->rank, &axis))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "its axis is not one of its input");
    gft_strided_slice_attrs slice = {.shrink_mask = 1u << axis};
    for (int32_t i = 0; i < GRAFT_MAX_RANK; i++) {
        slice.end[i] = INT64_MAX;
        slice.stride[i] = 1;
    }
    for (int32_t i = 0; i < m->output_count; i++) {
        gft_value_id out;
        slice.begin[axis] = i;
        slice.end[axis] = (int64_t)i + 1;
        GFT_TRY(gft_tf_append(m, &gft_op_strided_slice, &slice, &x, 1, &out, err));
        gft_tf_set_graph(m, i, out);
    }
    return GRAFT_OK;
}

graft_status gft_tf_import_slice(gft_tf_import *m, graft_error *err) {
    gft_tf_ints begin;
    gft_tf_ints size;
    graft_tensor_desc x;
    gft_slice_attrs attrs = {{0}, {0}};
    GFT_TRY(gft_tf_need_known(m, 1, "bounds", &begin, err));
    GFT_TRY(gft_tf_need_ints(m, 2, "sizes", &size, err));
    GFT_TRY(gft_tf_desc_of(m, 0, &x, err));
    if (begin.count != x.shape.rank || size.count != x.shape.rank)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "its bounds are not those of a tensor of rank %d", x.shape.rank);
    for (int32_t i = 0; i < x.shape.rank; i++) {
        attrs.begin[i] = begin.values[i];
        attrs.size[i] = size.values[i];
        if (size.values[i] ==
            GFT_TF_UNKNOWN) { /* the whole of a dimension that is not known either */
            if (begin.values[i] != 0 || x.shape.dims[i] >= 0)
                return gft_tf_refuse("its sizes depend on a dimension that is not known", err);
            attrs.size[i] = -1;
        }
    }
    return gft_tf_append_same(m, &gft_op_slice, &attrs, 1, err);
}

/* ---- pad, transpose, gather ---- */

graft_status gft_tf_import_pad(gft_tf_import *m, graft_error *err) {
    gft_tf_ints amounts;
    graft_tensor_desc x;
    gft_pad_attrs attrs = {.value = 0.0f};
    GFT_TRY(gft_tf_need_known(m, 1, "paddings", &amounts, err));
    GFT_TRY(gft_tf_desc_of(m, 0, &x, err));
    if (strcmp(m->node->op, "PadV2") == 0 && !gft_tf_scalar_of(m, 2, &attrs.value))
        return gft_tf_refuse("its padding value is no constant of type float32", err);
    if (amounts.count != 2 * x.shape.rank)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "has %d padding amounts for a tensor of rank %d", amounts.count,
                        x.shape.rank);
    for (int32_t i = 0; i < x.shape.rank; i++) {
        attrs.before[i] = amounts.values[2 * i];
        attrs.after[i] = amounts.values[2 * i + 1];
    }
    return gft_tf_append_same(m, &gft_op_pad, &attrs, 1, err);
}

graft_status gft_tf_import_transpose(gft_tf_import *m, graft_error *err) {
    gft_tf_ints perm;
    graft_tensor_desc x;
    gft_transpose_attrs attrs = {{0}};
    GFT_TRY(gft_tf_need_known(m, 1, "axes", &perm, err));
    GFT_TRY(gft_tf_desc_of(m, 0, &x, err));
    if (perm.count != x.shape.rank)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "a permutation of %d axes for a tensor of rank %d", perm.count,
                        x.shape.rank);
    for (int32_t i = 0; i < perm.count; i++)
        attrs.perm[i] =
            perm.values[i] >= 0 && perm.values[i] < GRAFT_MAX_RANK ? (int32_t)perm.values[i] : -1;
    return gft_tf_append_same(m, &gft_op_transpose, &attrs, 1, err);
}

/* Elements of a shape by constant indices. */
static bool fold_gather(const gft_tf_import *m, gft_tf_ints *y) {
    gft_tf_ints x;
    gft_tf_ints indices;
    if (m->inputs[0]->kind != GFT_TF_INTS || !gft_tf_operand_of(m, 0, &x) ||
        !gft_tf_ints_of(m, 1, &indices) || x.rank != 1 || indices.rank > 1)
        return false;
    *y = (gft_tf_ints){.rank = indices.rank, .dtype = x.dtype};
    for (int32_t i = 0; i < indices.count; i++) {
        if (indices.values[i] < 0 || indices.values[i] >= x.count)
            return false;
        (void)gft_tf_ints_push(y, &x, (int32_t)indices.values[i]);
    }
    return true;
}

/* batch_dims b along axis b: every index is a vector of one for gather_nd. */
static graft_status gather_batches(gft_tf_import *m, const gft_value_id inputs[2],
                                   int64_t batch_dims, int64_t axis, graft_error *err) {
    const graft_shape *indices = &m->graph->values[inputs[1]].desc.shape;
    const int32_t x_rank = m->graph->values[inputs[0]].desc.shape.rank;
    const int64_t b = batch_dims < 0 ? batch_dims + indices->rank : batch_dims;
    const int64_t at = axis < 0 ? axis + x_rank : axis;
    if (b < 0 || b > indices->rank || at != b || indices->rank >= GRAFT_MAX_RANK)
        return gft_tf_refuse("it gathers behind its batch dimensions", err);
    const gft_gather_nd_attrs attrs = {(int32_t)b};
    gft_shape_attrs wide = {.shape = *indices};
    gft_value_id pair[2] = {inputs[0], -1};
    gft_value_id out;
    wide.shape.dims[wide.shape.rank++] = 1;
    GFT_TRY(gft_tf_append(m, &gft_op_reshape, &wide, &inputs[1], 1, &pair[1], err));
    GFT_TRY(gft_tf_append(m, &gft_op_gather_nd, &attrs, pair, 2, &out, err));
    gft_tf_set_graph(m, 0, out);
    return GRAFT_OK;
}

graft_status gft_tf_import_gather(gft_tf_import *m, graft_error *err) {
    gft_tf_ints axis = {.count = 1};
    gft_tf_ints folded;
    gft_value_id inputs[2];
    gft_value_id out;
    if (m->input_count < 2)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "has %d inputs, expected at least 2",
                        m->input_count);
    const int64_t batch_dims = gft_tf_get_int(m->node, "batch_dims", 0);
    if (strcmp(m->node->op, "GatherV2") == 0)
        GFT_TRY(gft_tf_need_known(m, 2, "axes", &axis, err));
    if (axis.count != 1 || axis.values[0] < -GRAFT_MAX_RANK || axis.values[0] >= GRAFT_MAX_RANK)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "its axis is no axis");
    if (batch_dims == 0 && fold_gather(m, &folded))
        return gft_tf_set_ints(m, &folded, err);
    if (m->inputs[0]->kind == GFT_TF_VARIABLE)
        GFT_TRY(gft_graph_param(m->graph, m->inputs[0]->param, &inputs[0], err));
    else
        GFT_TRY(gft_tf_take(m, 0, &inputs[0], err));
    GFT_TRY(gft_tf_take(m, 1, &inputs[1], err));
    if (batch_dims != 0)
        return gather_batches(m, inputs, batch_dims, axis.values[0], err);
    const gft_axis_attrs attrs = {.axis = (int32_t)axis.values[0]};
    GFT_TRY(gft_tf_append(m, &gft_op_gather, &attrs, inputs, 2, &out, err));
    gft_tf_set_graph(m, 0, out);
    return GRAFT_OK;
}
