/*
 * A handful of small ops, so that the graph room is tested without the real ones: element-wise, a
 * matrix product that packs, a reduction in two phases, a view, an op with a side effect, one with
 * random numbers, one with two outputs.
 */
#ifndef GFT_TEST_TINY_OPS_H
#define GFT_TEST_TINY_OPS_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/shape.h"
#include "cmocka_all.h"
#include "graph/autodiff.h"
#include "graph/graph.h"
#include "graph/plan.h"

#define TINY_UNUSED __attribute__((unused))

/* Fails the test with the message of err. */
#define OK(call)                                                                                   \
    do {                                                                                           \
        graft_error err_ = {0};                                                                    \
        graft_error *err = &err_;                                                                  \
        if ((call) != GRAFT_OK)                                                                    \
            fail_msg("%s: %s", #call, err_.message);                                               \
    } while (0)

/* Expects a status, and a piece of its message. */
#define FAILS(status_, text_, call)                                                                \
    do {                                                                                           \
        graft_error err_ = {0};                                                                    \
        graft_error *err = &err_;                                                                  \
        assert_int_equal((call), (status_));                                                       \
        assert_int_equal(err_.code, (status_));                                                    \
        if (!strstr(err_.message, (text_)))                                                        \
            fail_msg("'%s' is not in '%s'", (text_), err_.message);                                \
    } while (0)

static inline int64_t tiny_elems(const graft_tensor_desc *desc) {
    return gft_shape_elems(&desc->shape);
}

static inline graft_tensor_desc f32_1(int64_t a) {
    return gft_desc_f32(gft_shape_1(a));
}
static inline graft_tensor_desc f32_2(int64_t a, int64_t b) {
    return gft_desc_f32(gft_shape_2(a, b));
}

/* ---- element-wise ---- */

static graft_status tiny_same_infer(const gft_infer *in, graft_error *err) {
    for (int32_t i = 1; i < in->input_count; i++) {
        char a[GFT_DESC_TEXT_BYTES];
        char b[GFT_DESC_TEXT_BYTES];
        if (!gft_shape_matches(&in->inputs[0].shape, &in->inputs[i].shape))
            return gft_fail(err, GRAFT_INVALID_ARGUMENT, "shapes %s and %s differ",
                            gft_shape_text(&in->inputs[0].shape, a),
                            gft_shape_text(&in->inputs[i].shape, b));
    }
    for (int32_t i = 0; i < in->output_count; i++)
        in->outputs[i] = in->inputs[0];
    return GRAFT_OK;
}

static void tiny_add_run(const gft_exec *e) {
    const float *a = e->inputs[0];
    const float *b = e->inputs[1];
    float *y = e->outputs[0];
    for (int64_t i = 0; i < tiny_elems(&e->outputs_desc[0]); i++)
        y[i] = a[i] + b[i];
}

static void tiny_mul_run(const gft_exec *e) {
    const float *a = e->inputs[0];
    const float *b = e->inputs[1];
    float *y = e->outputs[0];
    for (int64_t i = 0; i < tiny_elems(&e->outputs_desc[0]); i++)
        y[i] = a[i] * b[i];
}

static void tiny_relu_loop(const float *x, float *y, int64_t n, float alpha) {
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] > 0 ? x[i] : x[i] * alpha;
}

static gft_unary_f32_fn tiny_relu_unary(void) {
    return tiny_relu_loop;
}

static void tiny_relu_run(const gft_exec *e) {
    tiny_relu_loop(e->inputs[0], e->outputs[0], tiny_elems(&e->outputs_desc[0]), 0.0f);
}

/* relu_grad: x, dy */
static void tiny_relu_grad_run(const gft_exec *e) {
    const float *x = e->inputs[0];
    const float *dy = e->inputs[1];
    float *dx = e->outputs[0];
    for (int64_t i = 0; i < tiny_elems(&e->outputs_desc[0]); i++)
        dx[i] = x[i] > 0 ? dy[i] : 0;
}

static void tiny_ones_run(const gft_exec *e) {
    float *y = e->outputs[0];
    for (int64_t i = 0; i < tiny_elems(&e->outputs_desc[0]); i++)
        y[i] = 1.0f;
}

static void tiny_random_run(const gft_exec *e) {
    gft_rng rng = gft_rng_make(e->seed, GFT_RNG_TEST, e->step);
    const float *x = e->inputs[0];
    float *y = e->outputs[0];
    for (int64_t i = 0; i < tiny_elems(&e->outputs_desc[0]); i++)
        y[i] = x[i] + gft_rng_uniform(&rng);
}

/* two outputs: x and 2x */
static void tiny_split_run(const gft_exec *e) {
    const float *x = e->inputs[0];
    float *a = e->outputs[0];
    float *b = e->outputs[1];
    for (int64_t i = 0; i < tiny_elems(&e->outputs_desc[0]); i++) {
        float v = x[i];
        a[i] = v;
        b[i] = 2 * v;
    }
}

/* x * s, s a scalar */
static graft_status tiny_scale_infer(const gft_infer *in, graft_error *err) {
    (void)err;
    in->outputs[0] = in->inputs[0];
    return GRAFT_OK;
}

static void tiny_scale_run(const gft_exec *e) {
    const float *x = e->inputs[0];
    const float *s = e->inputs[1];
    float *y = e->outputs[0];
    for (int64_t i = 0; i < tiny_elems(&e->outputs_desc[0]); i++)
        y[i] = x[i] * s[0];
}

/* ---- matrix product: x (M,K) or its transpose, w (K,N) or its transpose -> (M,N), one task per
 * row ---- */

typedef struct tiny_matmul_attrs {
    bool transpose_a, transpose_b;
} tiny_matmul_attrs;

static graft_status tiny_matmul_infer(const gft_infer *in, graft_error *err) {
    const tiny_matmul_attrs *at = in->attrs;
    const graft_shape *a = &in->inputs[0].shape;
    const graft_shape *b = &in->inputs[1].shape;
    if (a->rank != 2 || b->rank != 2)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "tiny_matmul '%s': ranks %d and %d", in->node,
                        a->rank, b->rank);
    int64_t m = a->dims[at->transpose_a ? 1 : 0];
    int64_t k = a->dims[at->transpose_a ? 0 : 1];
    int64_t l = b->dims[at->transpose_b ? 1 : 0];
    int64_t n = b->dims[at->transpose_b ? 0 : 1];
    if (k >= 0 && l >= 0 && k != l)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "depths %d and %d differ", (int)k, (int)l);
    in->outputs[0] = f32_2(m, n);
    return GRAFT_OK;
}

static void tiny_matmul_cost(const gft_infer *in, gft_cost *out) {
    const tiny_matmul_attrs *at = in->attrs;
    out->macs = in->outputs[0].shape.dims[0] * in->outputs[0].shape.dims[1] *
                in->inputs[0].shape.dims[at->transpose_a ? 0 : 1];
}

typedef struct tiny_matmul_state {
    const float *packed;
} tiny_matmul_state;

static graft_status tiny_matmul_prepare(gft_prepare *p, graft_error *err) {
    tiny_matmul_state *state = gft_arena_alloc(p->arena, sizeof *state);
    if (!state)
        return gft_fail_memory(err, sizeof *state, p->node);
    if (p->constants[1]) {
        size_t bytes = 0;
        (void)gft_desc_bytes(&p->inputs[1], &bytes);
        state->packed = gft_arena_memdup(p->arena, p->constants[1], bytes);
        if (!state->packed)
            return gft_fail_memory(err, bytes, p->node);
        p->packed_inputs = 1u << 1;
    }
    p->tasks[0] = p->outputs[0].shape.dims[0];
    p->state = state;
    return GRAFT_OK;
}

static void tiny_matmul_run(const gft_exec *e) {
    const tiny_matmul_attrs *at = e->attrs;
    const tiny_matmul_state *state = e->state;
    const float *a = e->inputs[0];
    const float *b = state->packed ? state->packed : e->inputs[1];
    float *y = e->outputs[0];
    int64_t m = e->outputs_desc[0].shape.dims[0];
    int64_t n = e->outputs_desc[0].shape.dims[1];
    int64_t k = e->inputs_desc[0].shape.dims[at->transpose_a ? 0 : 1];
    int64_t i = e->task;
    for (int64_t j = 0; j < n; j++) {
        float sum = 0;
        for (int64_t q = 0; q < k; q++)
            sum += a[at->transpose_a ? q * m + i : i * k + q] *
                   b[at->transpose_b ? j * k + q : q * n + j];
        y[i * n + j] = sum;
    }
}

/* ---- sum of everything, in two phases with scratch: blocks, then their sums in order ---- */

#define TINY_BLOCK 5

static graft_status tiny_sum_infer(const gft_infer *in, graft_error *err) {
    (void)err;
    in->outputs[0] = gft_desc_f32(gft_shape_0());
    return GRAFT_OK;
}

static graft_status tiny_sum_prepare(gft_prepare *p, graft_error *err) {
    (void)err;
    int64_t blocks = (tiny_elems(&p->inputs[0]) + TINY_BLOCK - 1) / TINY_BLOCK;
    p->phases = 2;
    p->tasks[0] = blocks;
    p->tasks[1] = 1;
    p->scratch_bytes = (size_t)blocks * sizeof(double);
    p->worker_scratch_bytes = TINY_BLOCK * sizeof(float);
    return GRAFT_OK;
}

static void tiny_sum_run(const gft_exec *e) {
    const float *x = e->inputs[0];
    double *sums = e->scratch;
    int64_t n = tiny_elems(&e->inputs_desc[0]);
    if (e->phase == 0) {
        float *copy = e->worker_scratch;
        int64_t first = e->task * TINY_BLOCK;
        int64_t count = first + TINY_BLOCK < n ? TINY_BLOCK : n - first;
        memcpy(copy, x + first, (size_t)count * sizeof(float));
        sums[e->task] = 0;
        for (int64_t i = 0; i < count; i++)
            sums[e->task] += (double)copy[i];
        return;
    }
    double total = 0;
    for (int64_t i = 0; i < (n + TINY_BLOCK - 1) / TINY_BLOCK; i++)
        total += sums[i];
    *(float *)e->outputs[0] = (float)total;
}

/* ---- view ---- */

static graft_status tiny_reshape_infer(const gft_infer *in, graft_error *err) {
    const gft_shape_attrs *attrs = in->attrs;
    int64_t from = gft_shape_elems(&in->inputs[0].shape);
    int64_t to = gft_shape_elems(&attrs->shape);
    if (from >= 0 && to >= 0 && from != to)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%d elements into %d", (int)from, (int)to);
    in->outputs[0] = (graft_tensor_desc){in->inputs[0].dtype, attrs->shape, NULL};
    return GRAFT_OK;
}

/* ---- side effect: parameter += value ---- */

static graft_status tiny_bump_infer(const gft_infer *in, graft_error *err) {
    if (!gft_shape_matches(&in->inputs[0].shape, &in->inputs[1].shape))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "shapes differ");
    return GRAFT_OK;
}

static void tiny_bump_run(const gft_exec *e) {
    float *p = (float *)(uintptr_t)e->inputs[0];
    const float *v = e->inputs[1];
    for (int64_t i = 0; i < tiny_elems(&e->inputs_desc[0]); i++)
        p[i] += v[i];
}

#define TINY_OP static const gft_op TINY_UNUSED
TINY_OP tiny_add = {.name = "tiny_add",
                    .kind = GFT_KIND_ADD,
                    .flags = GFT_OP_IN_PLACE,
                    .min_inputs = 2,
                    .max_inputs = 2,
                    .outputs = 1,
                    .infer = tiny_same_infer,
                    .run = tiny_add_run};
TINY_OP tiny_mul = {.name = "tiny_mul",
                    .kind = GFT_KIND_MUL,
                    .flags = GFT_OP_IN_PLACE,
                    .min_inputs = 2,
                    .max_inputs = 2,
                    .outputs = 1,
                    .infer = tiny_same_infer,
                    .run = tiny_mul_run};
TINY_OP tiny_relu = {.name = "tiny_relu",
                     .kind = GFT_KIND_UNARY,
                     .flags = GFT_OP_IN_PLACE,
                     .min_inputs = 1,
                     .max_inputs = 1,
                     .outputs = 1,
                     .infer = tiny_same_infer,
                     .run = tiny_relu_run,
                     .unary = tiny_relu_unary};
TINY_OP tiny_relu_grad = {.name = "tiny_relu_grad",
                          .flags = GFT_OP_IN_PLACE,
                          .min_inputs = 2,
                          .max_inputs = 2,
                          .outputs = 1,
                          .infer = tiny_same_infer,
                          .run = tiny_relu_grad_run};
TINY_OP tiny_ones = {.name = "tiny_ones",
                     .min_inputs = 1,
                     .max_inputs = 1,
                     .outputs = 1,
                     .infer = tiny_same_infer,
                     .shape_inputs = 1u << 0,
                     .run = tiny_ones_run};
TINY_OP tiny_random = {.name = "tiny_random",
                       .kind = GFT_KIND_DROPOUT,
                       .flags = GFT_OP_RANDOM,
                       .min_inputs = 1,
                       .max_inputs = 1,
                       .outputs = 1,
                       .infer = tiny_same_infer,
                       .run = tiny_random_run};
TINY_OP tiny_identity = {.name = "tiny_identity",
                         .kind = GFT_KIND_IDENTITY,
                         .flags = GFT_OP_VIEW,
                         .min_inputs = 1,
                         .max_inputs = 1,
                         .outputs = 1,
                         .infer = tiny_same_infer};
TINY_OP tiny_split = {.name = "tiny_split",
                      .min_inputs = 1,
                      .max_inputs = 1,
                      .outputs = 2,
                      .infer = tiny_same_infer,
                      .run = tiny_split_run};
TINY_OP tiny_scale = {.name = "tiny_scale",
                      .min_inputs = 2,
                      .max_inputs = 2,
                      .outputs = 1,
                      .infer = tiny_scale_infer,
                      .run = tiny_scale_run};
TINY_OP tiny_matmul = {.name = "tiny_matmul",
                       .min_inputs = 2,
                       .max_inputs = 2,
                       .outputs = 1,
                       .attrs_bytes = sizeof(tiny_matmul_attrs),
                       .infer = tiny_matmul_infer,
                       .cost = tiny_matmul_cost,
                       .prepare = tiny_matmul_prepare,
                       .run = tiny_matmul_run};
TINY_OP tiny_sum = {.name = "tiny_sum",
                    .min_inputs = 1,
                    .max_inputs = 1,
                    .outputs = 1,
                    .infer = tiny_sum_infer,
                    .prepare = tiny_sum_prepare,
                    .run = tiny_sum_run};
TINY_OP tiny_reshape = {.name = "tiny_reshape",
                        .kind = GFT_KIND_RESHAPE,
                        .flags = GFT_OP_VIEW,
                        .min_inputs = 1,
                        .max_inputs = 1,
                        .outputs = 1,
                        .attrs_bytes = sizeof(gft_shape_attrs),
                        .infer = tiny_reshape_infer};
TINY_OP tiny_bump = {.name = "tiny_bump",
                     .flags = GFT_OP_SIDE_EFFECT,
                     .min_inputs = 2,
                     .max_inputs = 2,
                     .outputs = 0,
                     .infer = tiny_bump_infer,
                     .run = tiny_bump_run};

/* Equal numbers; 0 and -0 are one. */
static inline void assert_floats(const void *got, const void *want, int64_t n) {
    const float *a = got;
    const float *b = want;
    for (int64_t i = 0; i < n; i++) {
        if (!(a[i] == b[i]))
            fail_msg("element %d: %g, expected %g", (int)i, (double)a[i], (double)b[i]);
    }
}

/* ---- building with few words ---- */

static inline gft_value_id add_op(gft_graph *g, const gft_op *op, const char *name,
                                  const void *attrs, gft_value_id a, gft_value_id b) {
    gft_value_id in[2] = {a, b};
    gft_value_id out[2] = {-1, -1};
    OK(gft_graph_add(g, op, name, attrs, in, b < 0 ? 1 : 2, out, err));
    return out[0];
}

static inline gft_value_id add_input(gft_graph *g, const char *name, graft_tensor_desc desc) {
    gft_value_id id = -1;
    OK(gft_graph_input(g, name, &desc, &id, err));
    return id;
}

/* Owned by the set, filled with numbers in -1..1. */
static inline gft_value_id add_param(gft_graph *g, const char *name, graft_tensor_desc desc,
                                     bool trainable, gft_rng *rng) {
    gft_param_id p = -1;
    gft_value_id id = -1;
    OK(gft_params_add(g->params, name, &desc, GFT_PARAM_WEIGHT, trainable, NULL, &p, err));
    float *data = g->params->items[p].data;
    for (int64_t i = 0; i < tiny_elems(&desc); i++)
        data[i] = 2 * gft_rng_uniform(rng) - 1;
    OK(gft_graph_param(g, p, &id, err));
    return id;
}

static inline float *random_floats(gft_rng *rng, int64_t n) {
    float *p = gft_malloc((size_t)n * sizeof *p);
    assert_non_null(p);
    for (int64_t i = 0; i < n; i++)
        p[i] = 2 * gft_rng_uniform(rng) - 1;
    return p;
}

#endif
