/*
 * Weights: buffers become parameters named after their layer, in Graft's layout. A buffer that two
 * operators share is one parameter, but for biases, which the converter shares by chance (many are
 * zeros): those belong to their filter.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/float16.h"
#include "base/shape.h"
#include "base/size.h"
#include "models/tflite_read.h"

/* Where dimension i of the result comes from. */
static const int LAYOUT_PERM[][4] = {
    [GFT_TFL_AS_IS] = {0, 1, 2, 3},     [GFT_TFL_CONV] = {1, 2, 3, 0},
    [GFT_TFL_TRANSPOSE] = {1, 2, 0, 3}, [GFT_TFL_DENSE] = {1, 0, 2, 3},
    [GFT_TFL_DEPTHWISE] = {1, 2, 3, 0},
};

/* False where the bytes stay in their order. */
static bool moves(gft_tfl_layout layout) {
    return layout != GFT_TFL_AS_IS && layout != GFT_TFL_DEPTHWISE;
}

/* ---- elements ---- */

/*
 * What a parameter's elements are: float16 becomes float32, int4 int8, the 64-bit biases of int16
 * models float32.
 */
static graft_dtype stored_as(const gft_tflite_tensor *t) {
    if (t->type == GFT_TFLITE_TYPE_FLOAT16 || t->type == GFT_TFLITE_TYPE_INT64)
        return GRAFT_F32;
    return t->type == GFT_TFLITE_TYPE_INT4 ? GRAFT_S8 : gft_tflite_dtype(t->type);
}

static float wide_bias(const gft_tflite_tensor *t, size_t i) {
    const gft_fb_vector v = {t->data, (uint32_t)(t->bytes / 8), 8};
    const uint32_t scale = t->scales.count > 1 ? (uint32_t)i % t->scales.count : 0;
    const double by = t->scales.count > 0 ? (double)gft_fb_vector_f32(&t->scales, scale) : 1.0;
    return (float)((double)gft_fb_vector_i64(&v, (uint32_t)i) * by);
}

static int8_t nibble(const gft_tflite_tensor *t, size_t i) {
    const int low = t->data[i / 2] >> (i % 2 ? 4 : 0) & 15;
    return (int8_t)(low >= 8 ? low - 16 : low);
}

/* Element `from` of the tensor to element `to` of the parameter. */
static void move_element(const gft_tflite_tensor *t, size_t from, void *out, size_t to,
                         size_t unit) {
    if (t->type == GFT_TFLITE_TYPE_FLOAT16)
        ((float *)out)[to] =
            gft_f32_from_f16((uint16_t)(t->data[2 * from] | t->data[2 * from + 1] << 8));
    else if (t->type == GFT_TFLITE_TYPE_INT64)
        ((float *)out)[to] = wide_bias(t, from);
    else if (t->type == GFT_TFLITE_TYPE_INT4)
        ((int8_t *)out)[to] = nibble(t, from);
    else
        memcpy((char *)out + to * unit, t->data + from * unit, unit);
}

static bool converts(const gft_tflite_tensor *t) {
    return t->type == GFT_TFLITE_TYPE_FLOAT16 || t->type == GFT_TFLITE_TYPE_INT64 ||
           t->type == GFT_TFLITE_TYPE_INT4;
}

/* Row d = 0.. of the innermost dimension; floats, by far the most, have a loop of their own. */
static void move_row(const gft_tflite_tensor *t, int64_t from, int64_t step, int64_t count,
                     void *out, size_t to) {
    const size_t unit = graft_dtype_bytes(stored_as(t));
    if (unit == 4 && !converts(t)) {
        for (int64_t d = 0; d < count; d++)
            memcpy((float *)out + to + d, t->data + (size_t)(from + d * step) * 4, 4);
        return;
    }
    for (int64_t d = 0; d < count; d++)
        move_element(t, (size_t)(from + d * step), out, to + (size_t)d, unit);
}

/*
 * Fills `out` (shape y) from the tensor turned: the order of out's elements, with the source's
 * strides.
 */
static void turn(const gft_tflite_tensor *t, gft_tfl_layout layout, const graft_shape *y,
                 void *out) {
    int64_t strides[GRAFT_MAX_RANK];
    int64_t dims[4] = {1, 1, 1, 1};
    int64_t steps[4] = {0, 0, 0, 0};
    if (!moves(layout)) {
        move_row(t, 0, 1, gft_shape_elems(y), out, 0);
        return;
    }
    gft_shape_strides(&t->example, strides);
    for (int i = 0; i < y->rank; i++) {
        dims[4 - y->rank + i] = y->dims[i];
        steps[4 - y->rank + i] = strides[LAYOUT_PERM[layout][i]];
    }
    size_t to = 0;
    for (int64_t a = 0; a < dims[0]; a++) {
        for (int64_t b = 0; b < dims[1]; b++) {
            for (int64_t c = 0; c < dims[2]; c++, to += (size_t)dims[3])
                move_row(t, a * steps[0] + b * steps[1] + c * steps[2], steps[3], dims[3], out, to);
        }
    }
}

/* ---- parameters ---- */

static gft_tfl_param *find_param(gft_tfl_reader *r, const gft_tflite_tensor *t,
                                 gft_tfl_layout layout, const graft_shape *shape,
                                 gft_param_id owner) {
    for (int32_t i = r->first_param[t->buffer]; i >= 0; i = r->params[i].next) {
        gft_tfl_param *p = &r->params[i];
        if (p->layout == layout && p->owner == owner && gft_shape_equal(&p->shape, shape) &&
            r->model->params.items[p->param].desc.dtype == stored_as(t))
            return p;
    }
    return NULL;
}

static graft_status remember(gft_tfl_reader *r, const gft_tflite_tensor *t, gft_tfl_param entry,
                             graft_error *err) {
    if (r->param_count == r->param_capacity) {
        const int32_t capacity = r->param_capacity == 0 ? 64 : r->param_capacity * 2;
        gft_tfl_param *grown = gft_realloc(r->params, (size_t)capacity * sizeof *grown);
        if (!grown)
            return gft_fail_memory(err, (size_t)capacity * sizeof *grown, "parameters");
        r->params = grown;
        r->param_capacity = capacity;
    }
    entry.next = r->first_param[t->buffer];
    r->params[r->param_count] = entry;
    r->first_param[t->buffer] = r->param_count++;
    return GRAFT_OK;
}

/* "layer/part", or with the operator's number behind the layer where that is taken. */
static graft_status free_name(gft_tfl_op *m, const char *part, const char **out, graft_error *err) {
    gft_tfl_reader *r = m->g->reader;
    for (int attempt = 0; attempt < 3; attempt++) {
        *out = attempt == 0   ? gft_arena_format(r->arena, "%s/%s", m->layer, part)
               : attempt == 1 ? gft_arena_format(r->arena, "%s_%d/%s", m->layer, m->index, part)
                              : gft_arena_format(r->arena, "%s_%d_%d/%s", m->layer, m->index,
                                                 r->model->params.count, part);
        if (!*out)
            return gft_fail_memory(err, strlen(m->layer), "a parameter's name");
        if (gft_params_find(&r->model->params, *out) < 0)
            return GRAFT_OK;
    }
    return gft_fail(err, GRAFT_UNIMPLEMENTED, "no name is free for its parameter %s/%s", m->layer,
                    part);
}

static graft_status add_param(gft_tfl_op *m, const gft_tflite_tensor *t, gft_tfl_layout layout,
                              const graft_shape *shape, const char *part, gft_param_id owner,
                              gft_param_id *out, graft_error *err) {
    gft_tfl_reader *r = m->g->reader;
    const graft_tensor_desc desc = {stored_as(t), *shape, NULL};
    const size_t unit = graft_dtype_bytes(desc.dtype);
    const bool copy = moves(layout) || converts(t) || (uintptr_t)t->data % unit != 0;
    const gft_param_kind kind = strcmp(part, "bias") == 0 ? GFT_PARAM_BIAS : GFT_PARAM_WEIGHT;
    const char *name = NULL;
    size_t bytes;
    GFT_TRY(free_name(m, part, &name, err));
    if (!gft_desc_bytes(&desc, &bytes) || (copy && bytes > r->budget_bytes))
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED,
                        "its weights take more memory than a file of its size is given");
    r->budget_bytes -= copy ? bytes : 0;
    GFT_TRY(gft_params_add(&r->model->params, name, &desc, kind, desc.dtype == GRAFT_F32,
                           copy ? NULL : (void *)(uintptr_t)t->data, out, err));
    if (copy)
        turn(t, layout, shape, r->model->params.items[*out].data);
    return remember(r, t, (gft_tfl_param){*out, layout, *shape, owner, -1}, err);
}

/* ---- shapes ---- */

static graft_status param_shape(const gft_tflite_tensor *t, gft_tfl_layout layout, graft_shape *out,
                                graft_error *err) {
    const graft_shape *x = &t->example;
    const int32_t rank = layout == GFT_TFL_DENSE ? 2 : 4;
    *out = *x;
    if (layout == GFT_TFL_AS_IS) {
        if (x->rank > 4)
            return gft_fail(err, GRAFT_UNIMPLEMENTED, "tensor '%s': a weight of rank %d", t->name,
                            x->rank);
        return GRAFT_OK;
    }
    if (x->rank != rank || (layout == GFT_TFL_DEPTHWISE && x->dims[0] != 1))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "tensor '%s': its shape is not that of such a filter", t->name);
    for (int32_t i = 0; i < rank; i++)
        out->dims[i] = x->dims[LAYOUT_PERM[layout][i]];
    return GRAFT_OK;
}

/* Where the scales' axis goes. */
static int32_t new_axis(const gft_tflite_tensor *t, gft_tfl_layout layout) {
    for (int32_t i = 0; i < t->example.rank && i < 4; i++) {
        if (LAYOUT_PERM[layout][i] == t->axis)
            return i;
    }
    return 0;
}

/* (H,W,C*M,1) to (H,W,C,M) */
static graft_status split_channels(gft_tfl_op *m, int64_t in_channels, gft_value_id *value,
                                   graft_error *err) {
    const graft_shape *x = &m->g->graph->values[*value].desc.shape;
    const int64_t all = x->dims[2];
    gft_shape_attrs attrs = {.shape = *x};
    if (in_channels <= 0 || all % in_channels != 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "a filter of %lld for %lld channels",
                        (long long)all, (long long)in_channels);
    if (all == in_channels)
        return GRAFT_OK;
    attrs.shape.dims[2] = in_channels;
    attrs.shape.dims[3] = all / in_channels;
    return gft_tfl_append(m, &gft_op_reshape, &attrs, value, 1, value, err);
}

/* ---- weights that are computed ---- */

static graft_status computed(gft_tfl_op *m, int32_t input, gft_tfl_layout layout,
                             int64_t in_channels, gft_value_id *out, graft_error *err) {
    gft_transpose_attrs attrs = {{0}};
    GFT_TRY(gft_tfl_take(m, input, out, err));
    const int32_t rank = m->g->graph->values[*out].desc.shape.rank;
    if (layout == GFT_TFL_AS_IS)
        return GRAFT_OK;
    if (rank != (layout == GFT_TFL_DENSE ? 2 : 4))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "its filter is of rank %d", rank);
    for (int32_t i = 0; i < rank; i++)
        attrs.perm[i] = LAYOUT_PERM[layout][i];
    GFT_TRY(gft_tfl_append(m, &gft_op_transpose, &attrs, out, 1, out, err));
    return layout == GFT_TFL_DEPTHWISE ? split_channels(m, in_channels, out, err) : GRAFT_OK;
}

graft_status gft_tfl_weight(gft_tfl_op *m, int32_t input, gft_tfl_layout layout, const char *part,
                            gft_param_id owner, int64_t in_channels, gft_value_id *out,
                            gft_param_id *param, graft_error *err) {
    gft_tfl_graph *g = m->g;
    graft_shape shape;
    *param = -1;
    if (!gft_tfl_has(m, input))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "its input %d is missing", input);
    const int32_t tensor = m->o->inputs[input];
    const gft_tflite_tensor *t =
        gft_tfl_tensor(g, g->origin[tensor] >= 0 ? g->origin[tensor] : tensor);
    if (t->problem)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "tensor '%s': %s", t->name, t->problem);
    if (!t->data)
        return computed(m, input, layout, in_channels, out, err);
    if (graft_dtype_bytes(stored_as(t)) == 0)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "tensor '%s': weights of type %s", t->name,
                        gft_tflite_type_name(t->type));
    GFT_TRY(param_shape(t, layout, &shape, err));
    const bool integers = t->scales.count > 0 && stored_as(t) != GRAFT_F32;
    /* floats are split at once, integers behind their scales, which are one per channel of all */
    if (layout == GFT_TFL_DEPTHWISE && !integers) {
        if (in_channels <= 0 || shape.dims[2] % in_channels != 0)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT, "a filter of %lld for %lld channels",
                            (long long)shape.dims[2], (long long)in_channels);
        shape.dims[3] = shape.dims[2] / in_channels;
        shape.dims[2] = in_channels;
    }
    const gft_tfl_param *known = find_param(g->reader, t, layout, &shape, owner);
    if (known)
        *param = known->param;
    else
        GFT_TRY(add_param(m, t, layout, &shape, part, owner, param, err));
    GFT_TRY(gft_graph_param(g->graph, *param, out, err));
    if (!integers)
        return GRAFT_OK;
    const char *name = g->reader->model->params.items[*param].name;
    GFT_TRY(gft_tfl_dequantize(g, t, name, *out, new_axis(t, layout), out, err));
    return layout == GFT_TFL_DEPTHWISE ? split_channels(m, in_channels, out, err) : GRAFT_OK;
}
