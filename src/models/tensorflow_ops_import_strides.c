/*
 * StridedSlice, read: the sparse description (ellipsis, new axes, masks) is spread over the
 * dimensions of the input; a slice of a shape is computed at once.
 */
#include "base/shape.h"
#include "base/size.h"
#include "models/tensorflow_ops_import.h"
#include "ops/ops.h"

typedef struct strides {
    gft_tf_ints begin, end, step;
    uint32_t begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_mask;
    gft_strided_slice_attrs attrs; /* dense: one entry per dimension of x */
    graft_shape after; /* the result's dimensions with new axes; -2: the next sliced one */
} strides;

/* Spreads the sparse description (ellipsis, new axes) over the dimensions of x. */
static graft_status spread(strides *s, int32_t rank, graft_error *err) {
    int32_t used = 0;
    for (int32_t i = 0; i < s->begin.count; i++)
        used += !((s->ellipsis_mask | s->new_axis_mask) >> i & 1u);
    if (used > rank || s->begin.count > 31)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "it has more parts than its input dimensions");
    int32_t dim = 0;
    int32_t free_dims = rank - used;
    bool seen = false;
    for (int32_t i = 0; i < s->begin.count || dim < rank; i++) {
        const bool past = i >= s->begin.count;
        if (past || (s->ellipsis_mask >> i & 1u)) {
            if (!past && seen)
                return gft_fail(err, GRAFT_INVALID_ARGUMENT, "it has two ellipses");
            seen = true;
            for (int32_t k = past ? rank - dim : free_dims; k > 0; k--, dim++) {
                s->attrs.end[dim] = INT64_MAX;
                s->attrs.stride[dim] = 1;
                if (s->after.rank < GRAFT_MAX_RANK)
                    s->after.dims[s->after.rank++] = -2;
            }
            continue;
        }
        if (s->new_axis_mask >> i & 1u) {
            if (s->after.rank >= GRAFT_MAX_RANK)
                return gft_fail(err, GRAFT_UNIMPLEMENTED, "its result has more than %d dimensions",
                                GRAFT_MAX_RANK);
            s->after.dims[s->after.rank++] = 1;
            continue;
        }
        if (dim >= rank)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "it has more parts than its input dimensions");
        const bool shrink = s->shrink_mask >> i & 1u;
        const int64_t step = shrink ? 1 : s->step.values[i];
        s->attrs.stride[dim] = step;
        s->attrs.begin[dim] =
            (s->begin_mask >> i & 1u) && !shrink ? (step > 0 ? 0 : INT64_MAX) : s->begin.values[i];
        s->attrs.end[dim] = (s->end_mask >> i & 1u) && !shrink ? (step > 0 ? INT64_MAX : INT64_MIN)
                                                               : s->end.values[i];
        if (shrink) {
            s->attrs.shrink_mask |= 1u << dim;
            s->attrs.end[dim] = 0; /* not looked at */
        } else if (s->after.rank < GRAFT_MAX_RANK) {
            s->after.dims[s->after.rank++] = -2;
        }
        if (s->attrs.begin[dim] == GFT_TF_UNKNOWN ||
            (s->end.values[i] == GFT_TF_UNKNOWN && !(s->end_mask >> i & 1u) && !shrink))
            return gft_tf_refuse("its bounds depend on a dimension that is not known", err);
        dim++;
    }
    return GRAFT_OK;
}

/* The indices along one dimension that a slice takes; -1: too many, or one that is not there. */
static int32_t indices_of(const gft_strided_slice_attrs *a, int32_t dim, int64_t size,
                          int32_t out[GFT_TF_MAX_INTS]) {
    const int64_t step = a->stride[dim];
    int64_t at = a->begin[dim];
    int64_t end = a->end[dim];
    int32_t count = 0;
    if (step == 0)
        return -1;
    at += at < 0 && at > INT64_MIN ? size : 0;
    if (a->shrink_mask >> dim & 1u) {
        out[0] = (int32_t)at;
        return at < 0 || at >= size ? -1 : 1;
    }
    end += end < 0 && end > INT64_MIN ? size : 0;
    at = step > 0 ? gft_i64_max(at, 0) : gft_i64_min(at, size - 1);
    end = step > 0 ? gft_i64_min(end, size) : gft_i64_max(end, -1);
    for (; step > 0 ? at < end : at > end; at += step) {
        if (count == GFT_TF_MAX_INTS)
            return -1;
        out[count++] = (int32_t)at;
        if (step > size || step < -size)
            break;
    }
    return count;
}

/* Of a shape, or of rows of paddings: integers stay integers. */
static bool fold_strides(const gft_tf_import *m, const strides *s, gft_tf_ints *y) {
    gft_tf_ints x;
    int32_t rows[GFT_TF_MAX_INTS] = {0};
    int32_t cols[GFT_TF_MAX_INTS];
    if (m->inputs[0]->kind == GFT_TF_GRAPH || !gft_tf_operand_of(m, 0, &x) || x.rank < 1 ||
        s->new_axis_mask != 0)
        return false;
    const graft_shape shape = gft_tf_ints_shape(&x);
    const int32_t last = shape.rank - 1;
    const int32_t row_count = last == 0 ? 1 : indices_of(&s->attrs, 0, shape.dims[0], rows);
    const int32_t col_count = indices_of(&s->attrs, last, shape.dims[last], cols);
    if (row_count < 0 || col_count < 0)
        return false;
    *y = (gft_tf_ints){
        .rank = s->after.rank, .cols = s->after.rank == 2 ? col_count : 0, .dtype = x.dtype};
    for (int32_t r = 0; r < row_count; r++) {
        for (int32_t c = 0; c < col_count; c++) {
            const int32_t from = (last == 0 ? 0 : rows[r] * x.cols) + cols[c];
            if (!gft_tf_ints_push(y, &x, from))
                return false;
        }
    }
    return true;
}

graft_status gft_tf_import_strided_slice(gft_tf_import *m, graft_error *err) {
    const Tensorflow__NodeDef *node = m->node;
    strides s = {.begin_mask = (uint32_t)gft_tf_get_int(node, "begin_mask", 0),
                 .end_mask = (uint32_t)gft_tf_get_int(node, "end_mask", 0),
                 .ellipsis_mask = (uint32_t)gft_tf_get_int(node, "ellipsis_mask", 0),
                 .new_axis_mask = (uint32_t)gft_tf_get_int(node, "new_axis_mask", 0),
                 .shrink_mask = (uint32_t)gft_tf_get_int(node, "shrink_axis_mask", 0)};
    graft_tensor_desc x;
    gft_tf_ints folded;
    gft_value_id in;
    gft_value_id out;
    GFT_TRY(gft_tf_need_ints(m, 1, "bounds", &s.begin, err));
    GFT_TRY(gft_tf_need_ints(m, 2, "bounds", &s.end, err));
    GFT_TRY(gft_tf_need_known(m, 3, "strides", &s.step, err));
    GFT_TRY(gft_tf_desc_of(m, 0, &x, err));
    if (s.begin.count != s.end.count || s.begin.count != s.step.count)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "its bounds and strides are not equally many");
    GFT_TRY(spread(&s, x.shape.rank, err));
    if (x.shape.rank <= 2 && fold_strides(m, &s, &folded))
        return gft_tf_set_ints(m, &folded, err);
    GFT_TRY(gft_tf_take(m, 0, &in, err));
    GFT_TRY(gft_tf_append(m, &gft_op_strided_slice, &s.attrs, &in, 1, &out, err));
    if (s.new_axis_mask != 0) {
        const graft_shape *sliced = &m->graph->values[out].desc.shape;
        gft_shape_attrs wider = {.shape = s.after};
        for (int32_t i = 0, from = 0; i < wider.shape.rank; i++) {
            if (wider.shape.dims[i] == -2)
                wider.shape.dims[i] = from < sliced->rank ? sliced->dims[from++] : 1;
        }
        GFT_TRY(gft_tf_append(m, &gft_op_reshape, &wider, &out, 1, &out, err));
    }
    gft_tf_set_graph(m, 0, out);
    return GRAFT_OK;
}
