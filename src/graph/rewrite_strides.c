/*
 * Strides move to earlier layers: what reads a picture only at every s-th row and column (a 1x1
 * convolution or pooling with a stride) lets the layers before it compute only those. Inference
 * only.
 *
 * From the last node to the first each value learns at which stride it is needed: the greatest
 * common divisor of what its users ask for, where element-wise nodes hand on what is asked of them.
 * From the first node to the last, windows (convolutions, pooling) then take the stride over, and
 * element-wise nodes follow their operands; an operand that others need whole is sliced in front of
 * the sum. Rows and columns are treated apart.
 */
#include "base/alloc.h"
#include "graph/rewrite_priv.h"

#define MAX_STRIDE ((int64_t)1 << 20)

enum { ROWS, COLUMNS, AXES };

/* Strides of one value: 0 (not needed), or every how many rows and columns. */
typedef struct thin {
    int64_t by[AXES];
} thin;

typedef struct thinning {
    gft_graph *graph;
    thin *need; /* per value: asked for */
    thin *have; /* per value: what its node will give */
    bool any;
} thinning;

/* The attributes of a node that slides a window. */
typedef struct window {
    int64_t *stride[AXES];
    int64_t extent[AXES];
    gft_padding *padding;
    gft_pads *pads;
    bool absorbs; /* can take a stride over */
} window;

static int64_t gcd(int64_t a, int64_t b) {
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static bool is_picture(const graft_shape *shape) {
    return shape->rank == 4 && shape->dims[1] >= 1 && shape->dims[2] >= 1;
}

static bool window_of(const gft_graph *graph, const gft_node *node, window *w) {
    const graft_shape *x = node->input_count ? &graph->values[node->inputs[0]].desc.shape : NULL;
    if (!x || !is_picture(x))
        return false;
    if (node->op->kind == GFT_KIND_CONV2D || node->op->kind == GFT_KIND_DEPTHWISE) {
        gft_conv2d_attrs *a = node->attrs;
        const graft_shape *filter = &graph->values[node->inputs[1]].desc.shape;
        if (filter->rank != 4 || filter->dims[0] < 1 || filter->dims[1] < 1)
            return false;
        *w = (window){{&a->stride_h, &a->stride_w},
                      {(filter->dims[0] - 1) * (a->dilation_h > 0 ? a->dilation_h : 1) + 1,
                       (filter->dims[1] - 1) * (a->dilation_w > 0 ? a->dilation_w : 1) + 1},
                      &a->padding,
                      &a->pads,
                      !a->epilogue.has_residual};
        return true;
    }
    if (node->op->kind == GFT_KIND_POOL) {
        gft_pool_attrs *a = node->attrs;
        *w = (window){
            {&a->stride_h, &a->stride_w}, {a->kernel_h, a->kernel_w}, &a->padding, &a->pads, true};
        return true;
    }
    return false;
}

/* One row (column) of x per row (column) of y, none of it padding. */
static bool is_point(const window *w, int axis) {
    const gft_pads *p = w->pads;
    bool padded = axis == ROWS ? p->top || p->bottom : p->left || p->right;
    return w->extent[axis] == 1 && !(*w->padding == GFT_PAD_EXPLICIT && padded);
}

typedef enum operand { WHOLE, FLAT, ODD } operand;

/*
 * How an operand of an element-wise node lies beside its result: as large, the same for all pixels,
 * or otherwise.
 */
static operand operand_of(const gft_graph *graph, const gft_node *node, int32_t i) {
    const graft_shape *x = &graph->values[node->inputs[i]].desc.shape;
    const graft_shape *y = &graph->values[node->outputs[0]].desc.shape;
    if (x->rank <= 1 || (x->rank == 4 && x->dims[1] == 1 && x->dims[2] == 1))
        return FLAT;
    return x->rank == 4 && x->dims[1] == y->dims[1] && x->dims[2] == y->dims[2] ? WHOLE : ODD;
}

static bool is_pointwise(const gft_graph *graph, const gft_node *node) {
    if (node->output_count != 1 || !is_picture(&graph->values[node->outputs[0]].desc.shape))
        return false;
    switch (node->op->kind) {
    case GFT_KIND_UNARY:
    case GFT_KIND_BIAS_ADD:
    case GFT_KIND_BATCH_NORM:
        break;
    case GFT_KIND_ADD:
    case GFT_KIND_SUB:
    case GFT_KIND_MUL:
        if (!node->op->slice)
            return false;
        break;
    default:
        return false;
    }
    for (int32_t i = 0; i < node->input_count; i++) {
        if (operand_of(graph, node, i) == ODD)
            return false;
    }
    return true;
}

/* ---- what is needed ---- */

static void ask(thinning *t, gft_value_id value, int axis, int64_t stride) {
    int64_t *need = &t->need[value].by[axis];
    *need = gcd(*need, stride);
}

static int64_t asked(const thinning *t, gft_value_id value, int axis) {
    int64_t need = t->need[value].by[axis];
    return need > 1 ? need : 1;
}

/* The stride that a window has when it has taken over what is asked of it. */
static int64_t joined_stride(const thinning *t, const gft_node *node, const window *w, int axis) {
    int64_t stride = *w->stride[axis];
    int64_t more = w->absorbs ? asked(t, node->outputs[0], axis) : 1;
    return stride >= 1 && stride <= MAX_STRIDE / more ? stride * more : stride;
}

static void ask_inputs(thinning *t, const gft_node *node) {
    window w;
    bool slides = window_of(t->graph, node, &w);
    bool pointwise = !slides && is_pointwise(t->graph, node);
    for (int axis = 0; axis < AXES; axis++) {
        for (int32_t i = 0; i < node->input_count; i++) {
            int64_t stride = 1;
            if (slides && i == 0 && is_point(&w, axis))
                stride = joined_stride(t, node, &w, axis);
            else if (pointwise && operand_of(t->graph, node, i) == WHOLE)
                stride = asked(t, node->outputs[0], axis);
            t->any = t->any || stride > 1;
            ask(t, node->inputs[i], axis, stride);
        }
    }
}

/* ---- what is given ---- */

/* Padding that depends on the size becomes explicit before stride or size change. */
static void make_explicit(const gft_graph *graph, const gft_node *node, const window *w) {
    if (*w->padding != GFT_PAD_SAME)
        return;
    int64_t before[AXES];
    int64_t after[AXES];
    for (int axis = 0; axis < AXES; axis++) {
        int64_t in = graph->values[node->inputs[0]].desc.shape.dims[1 + axis];
        int64_t stride = *w->stride[axis];
        int64_t total = (in - 1) / stride * stride + w->extent[axis] - in;
        total = total > 0 ? total : 0;
        before[axis] = total / 2;
        after[axis] = total - total / 2;
    }
    *w->padding = GFT_PAD_EXPLICIT;
    *w->pads = (gft_pads){before[ROWS], after[ROWS], before[COLUMNS], after[COLUMNS]};
}

static void thin_window(thinning *t, const gft_node *node, const window *w) {
    thin stride;
    bool changes = false;
    for (int axis = 0; axis < AXES; axis++) {
        int64_t joined = joined_stride(t, node, w, axis);
        t->have[node->outputs[0]].by[axis] = joined / *w->stride[axis];
        stride.by[axis] = joined;
        if (is_point(w, axis))
            stride.by[axis] /= t->have[node->inputs[0]].by[axis];
        changes = changes || stride.by[axis] != *w->stride[axis];
    }
    if (changes && (!is_point(w, ROWS) || !is_point(w, COLUMNS)))
        make_explicit(t->graph, node, w);
    for (int axis = 0; axis < AXES; axis++)
        *w->stride[axis] = stride.by[axis];
}

static graft_status slice(thinning *t, gft_node_id id, int32_t input, const thin *by,
                          graft_error *err) {
    gft_graph *graph = t->graph;
    gft_strided_slice_attrs attrs = {.shrink_mask = 0};
    for (int32_t i = 0; i < GRAFT_MAX_RANK; i++) {
        attrs.end[i] = INT64_MAX;
        attrs.stride[i] = 1;
    }
    attrs.stride[1] = by->by[ROWS];
    attrs.stride[2] = by->by[COLUMNS];
    gft_value_id in = graph->nodes[id].inputs[input];
    gft_value_id out = -1;
    const char *layer = graph->layer;
    gft_graph_set_layer(graph, graph->nodes[id].layer);
    graft_status status =
        gft_graph_add(graph, graph->nodes[id].op->slice, NULL, &attrs, &in, 1, &out, err);
    gft_graph_set_layer(graph, layer);
    if (status == GRAFT_OK)
        graph->nodes[id].inputs[input] = out;
    return status;
}

/* The result is as thin as all operands can be made: each gives a divisor of what is asked. */
static graft_status thin_pointwise(thinning *t, gft_node_id id, graft_error *err) {
    thin all = {{1, 1}};
    const gft_node *node = &t->graph->nodes[id];
    int32_t count = node->input_count;
    for (int32_t i = 0; i < count; i++) {
        for (int axis = 0; axis < AXES && operand_of(t->graph, node, i) == WHOLE; axis++) {
            int64_t have = t->have[node->inputs[i]].by[axis];
            all.by[axis] = all.by[axis] / gcd(all.by[axis], have) * have;
        }
    }
    t->have[node->outputs[0]] = all;
    for (int32_t i = 0; i < count; i++) {
        node = &t->graph->nodes[id]; /* may move */
        if (operand_of(t->graph, node, i) != WHOLE)
            continue;
        const thin *have = &t->have[node->inputs[i]];
        const thin more = {{all.by[ROWS] / have->by[ROWS], all.by[COLUMNS] / have->by[COLUMNS]}};
        if (more.by[ROWS] > 1 || more.by[COLUMNS] > 1)
            GFT_TRY(slice(t, id, i, &more, err));
    }
    return GRAFT_OK;
}

static graft_status thin_nodes(thinning *t, const gft_node_id *order, int32_t count,
                               graft_error *err) {
    for (int32_t i = 0; i < count; i++) {
        const gft_node *node = &t->graph->nodes[order[i]];
        window w;
        if (window_of(t->graph, node, &w))
            thin_window(t, node, &w);
        else if (is_pointwise(t->graph, node))
            GFT_TRY(thin_pointwise(t, order[i], err));
    }
    return gft_graph_reinfer(t->graph, NULL, err);
}

graft_status gft_rewrite_strides(gft_graph *graph, const gft_rewrite_options *options,
                                 graft_error *err) {
    if (!options->fuse || options->training || options->keep_shapes)
        return GRAFT_OK;
    size_t values = (size_t)graph->value_count + 1;
    size_t nodes = (size_t)graph->node_count + 1;
    thinning t = {.graph = graph};
    t.need = gft_calloc(2 * values, sizeof *t.need);
    gft_node_id *order = gft_malloc(nodes * sizeof *order);
    int32_t count = 0;
    graft_status status;
    if (!t.need || !order) {
        status = gft_fail_memory(err, 2 * values * sizeof *t.need, "the strides of values");
        goto done;
    }
    t.have = t.need + values;
    for (size_t i = 0; i < values; i++)
        t.have[i] = (thin){{1, 1}};
    GFT_GOTO(gft_graph_order(graph, order, &count, err));
    for (int32_t i = 0; i < graph->output_count; i++)
        t.need[graph->outputs[i].value] = (thin){{1, 1}};
    for (int32_t i = count - 1; i >= 0; i--)
        ask_inputs(&t, &graph->nodes[order[i]]);
    if (t.any)
        status = thin_nodes(&t, order, count, err);
done:
    gft_free(order);
    gft_free(t.need);
    return status;
}
