/*
 * Checks one op through the graph, the way it is used: a graph of one node, a plan, a run with 1
 * and with 7 threads (the bits must agree), the first output compared with a plain loop in double,
 * and the gradients that autodiff makes compared with central differences of that loop. With
 * `symbolic`, the graph is built with unknown dimensions first.
 */
#ifndef GFT_TEST_OP_CHECK_H
#define GFT_TEST_OP_CHECK_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/pool.h"
#include "base/rng.h"
#include "base/shape.h"
#include "base/size.h"
#include "cmocka_all.h"
#include "graph/autodiff.h"
#include "graph/plan.h"
#include "ops/gradients.h"
#include "ops/ops.h"

#define CHECK_INPUTS 6
#define CHECK_OUTPUTS 4

struct op_check;
/* y (output 0) from x, inputs as double whatever their type. */
typedef void (*op_reference)(const struct op_check *c, const double *const *x, double *y);

typedef struct op_check {
    const gft_op *op;
    const void *attrs;
    int32_t count;
    graft_tensor_desc inputs[CHECK_INPUTS]; /* concrete */
    void *data[CHECK_INPUTS]; /* made by check_fill, or the test's own; freed by check_free */
    uint32_t symbolic;        /* bit d: dimension d of every input is declared -1 */
    uint32_t differentiable;  /* bit i: a gradient is expected for input i */
    op_reference reference;
    double tolerance;          /* of output 0, relative to its largest value; 0: 2e-6 */
    double gradient_tolerance; /* likewise; 0: 2e-5 */
    /* results */
    graft_tensor_desc outputs[CHECK_OUTPUTS];
    void *results[CHECK_OUTPUTS];
} op_check;

#define ASSERT_OK(expr)                                                                            \
    do {                                                                                           \
        if ((expr) != GRAFT_OK)                                                                    \
            fail_msg("%s: %s", #expr, err.message);                                                \
    } while (0)

/* Adds a float32 (or other) input of these dimensions, filled with values in low..high. */
static inline void check_input(op_check *c, graft_dtype dtype, graft_shape shape, double low,
                               double high) {
    gft_rng rng = gft_rng_make(7, GFT_RNG_TEST, (uint64_t)c->count);
    graft_tensor_desc *desc = &c->inputs[c->count];
    *desc = (graft_tensor_desc){dtype, shape, NULL};
    int64_t n = gft_shape_elems(&shape);
    assert_true(n >= 0);
    char *p = gft_calloc((size_t)n + 1, graft_dtype_bytes(dtype));
    assert_non_null(p);
    for (int64_t i = 0; i < n; i++) {
        double v = low + (high - low) * (double)gft_rng_uniform(&rng);
        if (dtype == GRAFT_F32)
            ((float *)(void *)p)[i] = (float)v;
        else if (dtype == GRAFT_S32)
            ((int32_t *)(void *)p)[i] = (int32_t)floor(v);
        else if (dtype == GRAFT_S64)
            ((int64_t *)(void *)p)[i] = (int64_t)floor(v);
        else
            memset(p + (size_t)i * graft_dtype_bytes(dtype), (int)v & 0x7f,
                   graft_dtype_bytes(dtype));
    }
    c->data[c->count++] = p;
}

static inline void check_clear_results(op_check *c) {
    for (int i = 0; i < CHECK_OUTPUTS; i++) {
        gft_free(c->results[i]);
        c->results[i] = NULL;
    }
}

static inline void check_free(op_check *c) {
    check_clear_results(c);
    for (int32_t i = 0; i < c->count; i++)
        gft_free(c->data[i]);
    c->count = 0;
}

static inline int64_t check_elems(const graft_tensor_desc *desc) {
    return gft_shape_elems(&desc->shape);
}

/* A graph with c's inputs and node; values: the inputs, then the outputs. */
static inline graft_status check_graph(const op_check *c, bool symbolic, gft_graph **graph,
                                       gft_value_id *inputs, gft_value_id *outputs,
                                       graft_error *err) {
    assert_int_equal(gft_graph_new(NULL, graph, err), GRAFT_OK);
    for (int32_t i = 0; i < c->count; i++) {
        char name[16];
        snprintf(name, sizeof name, "in%d", (int)i);
        graft_tensor_desc desc = c->inputs[i];
        for (int32_t d = 0; symbolic && d < desc.shape.rank; d++) {
            if (c->symbolic >> d & 1u)
                desc.shape.dims[d] = -1;
        }
        assert_int_equal(gft_graph_input(*graph, name, &desc, &inputs[i], err), GRAFT_OK);
    }
    return gft_graph_add(*graph, c->op, "node", c->attrs, inputs, c->count, outputs, err);
}

/* Expects the op to refuse its inputs with a message that contains `words`. */
static inline void check_refused(op_check *c, const char *words) {
    graft_error err = {0};
    gft_graph *graph;
    gft_value_id inputs[CHECK_INPUTS];
    gft_value_id outputs[CHECK_OUTPUTS];
    assert_int_equal(check_graph(c, false, &graph, inputs, outputs, &err), GRAFT_INVALID_ARGUMENT);
    if (!strstr(err.message, words) || !strstr(err.message, "node"))
        fail_msg("message '%s', expected 'node' and '%s' in it", err.message, words);
    gft_graph_free(graph);
    check_free(c);
}

/* Runs a graph with these threads; results as fresh blocks of memory. */
static inline void check_run_graph(const op_check *c, const gft_graph *graph,
                                   const void *const *data, int threads, void **results) {
    graft_error err = {0};
    graft_shape shapes[CHECK_INPUTS + 1];
    gft_plan *plan = NULL;
    gft_run *run = NULL;
    gft_pool *pool = NULL;
    const gft_plan_options options = {.training = true, .no_rewrite = true};
    for (int32_t i = 0; i < graph->input_count; i++)
        shapes[i] = i < c->count ? c->inputs[i].shape : c->outputs[0].shape;
    ASSERT_OK(gft_plan_new(graph, shapes, &options, &plan, &err));
    ASSERT_OK(gft_pool_new(threads, &pool, &err));
    ASSERT_OK(gft_run_new(plan, pool, &run, &err));
    gft_run_set_random(run, 11, 3);
    for (int32_t i = 0; i < graph->output_count; i++) {
        size_t bytes = 0;
        assert_true(gft_desc_bytes(gft_plan_output_desc(plan, i), &bytes));
        results[i] = gft_malloc(bytes + 1);
        assert_non_null(results[i]);
        memset(results[i], 0xff, bytes + 1); /* NaN */
    }
    ASSERT_OK(gft_run_execute(run, data, results, &err));
    gft_run_free(run);
    gft_pool_free(pool);
    gft_plan_unref(plan);
}

/* Runs with 1 and 7 threads and compares the bits; the results are those of 1. */
static inline void check_run_both(const op_check *c, const gft_graph *graph,
                                  const graft_tensor_desc *outputs, const void *const *data,
                                  void **results) {
    void *again[CHECK_INPUTS + CHECK_OUTPUTS] = {0};
    check_run_graph(c, graph, data, 1, results);
    check_run_graph(c, graph, data, 7, again);
    for (int32_t i = 0; i < graph->output_count; i++) {
        size_t bytes = 0;
        assert_true(gft_desc_bytes(&outputs[i], &bytes));
        assert_memory_equal(results[i], again[i], bytes);
        gft_free(again[i]);
    }
}

/* Input i as doubles. */
static inline double *check_as_double(const op_check *c, int32_t i) {
    int64_t n = check_elems(&c->inputs[i]);
    double *p = gft_calloc((size_t)n + 1, sizeof *p);
    assert_non_null(p);
    for (int64_t k = 0; k < n; k++) {
        if (c->inputs[i].dtype == GRAFT_F32)
            p[k] = (double)((const float *)c->data[i])[k];
        else if (c->inputs[i].dtype == GRAFT_S32)
            p[k] = (double)((const int32_t *)c->data[i])[k];
        else if (c->inputs[i].dtype == GRAFT_S64)
            p[k] = (double)((const int64_t *)c->data[i])[k];
    }
    return p;
}

static inline void check_close(const char *what, const float *got, const double *want, int64_t n,
                               double tolerance) {
    double largest = 1e-3;
    for (int64_t i = 0; i < n; i++)
        largest = isfinite(want[i]) && fabs(want[i]) > largest ? fabs(want[i]) : largest;
    for (int64_t i = 0; i < n; i++) {
        bool same = isfinite(want[i]) ? fabs((double)got[i] - want[i]) <= tolerance * largest
                    : isnan(want[i])  ? isnan(got[i])
                                      : (double)got[i] == want[i];
        if (!same)
            fail_msg("%s, element %lld of %lld: %.9g, expected %.9g within %g", what, (long long)i,
                     (long long)n, (double)got[i], want[i], tolerance * largest);
    }
}

static inline void check_forward(op_check *c, bool symbolic) {
    graft_error err = {0};
    gft_graph *graph;
    gft_value_id inputs[CHECK_INPUTS];
    gft_value_id outputs[CHECK_OUTPUTS];
    ASSERT_OK(check_graph(c, symbolic, &graph, inputs, outputs, &err));
    for (int32_t i = 0; i < c->op->outputs; i++) {
        char name[16];
        snprintf(name, sizeof name, "out%d", (int)i);
        ASSERT_OK(gft_graph_output(graph, name, outputs[i], &err));
    }
    graft_shape shapes[CHECK_INPUTS];
    for (int32_t i = 0; i < c->count; i++)
        shapes[i] = c->inputs[i].shape;
    ASSERT_OK(gft_graph_reinfer(graph, shapes, &err));
    for (int32_t i = 0; i < c->op->outputs; i++)
        c->outputs[i] = gft_graph_value(graph, outputs[i])->desc;
    check_clear_results(c);
    check_run_both(c, graph, c->outputs, (const void *const *)c->data, c->results);
    gft_graph_free(graph);
    if (!c->reference)
        return;
    double *x[CHECK_INPUTS];
    int64_t n = check_elems(&c->outputs[0]);
    double *y = gft_calloc((size_t)n + 1, sizeof *y);
    for (int32_t i = 0; i < c->count; i++)
        x[i] = check_as_double(c, i);
    c->reference(c, (const double *const *)x, y);
    check_close(c->op->name, c->results[0], y, n, c->tolerance > 0.0 ? c->tolerance : 2e-6);
    for (int32_t i = 0; i < c->count; i++)
        gft_free(x[i]);
    gft_free(y);
}

/* sum of output 0 weighted by w, by the reference. */
static inline double check_loss(const op_check *c, double **x, const float *w, double *y) {
    int64_t n = check_elems(&c->outputs[0]);
    double sum = 0.0;
    c->reference(c, (const double *const *)x, y);
    for (int64_t i = 0; i < n; i++)
        sum += y[i] * (double)w[i];
    return sum;
}

static inline void check_differences(const op_check *c, const float *w, int32_t input,
                                     const float *got) {
    double *x[CHECK_INPUTS];
    double *y = gft_calloc((size_t)check_elems(&c->outputs[0]) + 1, sizeof *y);
    int64_t n = check_elems(&c->inputs[input]);
    double *want = gft_calloc((size_t)n + 1, sizeof *want);
    const double h = 1e-5;
    char what[64];
    for (int32_t i = 0; i < c->count; i++)
        x[i] = check_as_double(c, i);
    for (int64_t k = 0; k < n; k++) {
        double at = x[input][k];
        x[input][k] = at + h;
        double up = check_loss(c, x, w, y);
        x[input][k] = at - h;
        double down = check_loss(c, x, w, y);
        x[input][k] = at;
        want[k] = (up - down) / (2.0 * h);
    }
    snprintf(what, sizeof what, "gradient of %s, input %d", c->op->name, (int)input);
    check_close(what, got, want, n, c->gradient_tolerance > 0.0 ? c->gradient_tolerance : 2e-5);
    for (int32_t i = 0; i < c->count; i++)
        gft_free(x[i]);
    gft_free(y);
    gft_free(want);
}

/*
 * Gradients of sum(output 0 * w) through autodiff, after check_forward: results and which inputs
 * they belong to; returns how many.
 */
static inline int32_t check_run_gradients(const op_check *c, bool symbolic, const float *w,
                                          int32_t which[CHECK_INPUTS],
                                          void *results[CHECK_INPUTS]) {
    graft_error err = {0};
    gft_graph *graph;
    gft_value_id inputs[CHECK_INPUTS];
    gft_value_id outputs[CHECK_OUTPUTS];
    gft_value_id wrt[CHECK_INPUTS];
    gft_value_id grads[CHECK_INPUTS];
    gft_value_id pair[2];
    gft_value_id loss;
    graft_tensor_desc descs[CHECK_INPUTS];
    int32_t count = 0;
    ASSERT_OK(check_graph(c, symbolic, &graph, inputs, outputs, &err));
    graft_tensor_desc weights = gft_graph_value(graph, outputs[0])->desc;
    ASSERT_OK(gft_graph_input(graph, "weights", &weights, &pair[1], &err));
    pair[0] = outputs[0];
    ASSERT_OK(gft_graph_add(graph, &gft_op_mul, "product", NULL, pair, 2, &loss, &err));
    for (int32_t i = 0; i < c->count; i++) {
        if (c->differentiable >> i & 1u) {
            descs[count] = c->inputs[i];
            which[count] = i;
            wrt[count++] = inputs[i];
        }
    }
    ASSERT_OK(gft_autodiff(graph, loss, wrt, count, gft_ops_gradients(), grads, &err));
    for (int32_t i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "grad%d", (int)i);
        if (grads[i] < 0)
            fail_msg("%s: no gradient for input %d", c->op->name, (int)which[i]);
        ASSERT_OK(gft_graph_output(graph, name, grads[i], &err));
    }
    const void *data[CHECK_INPUTS + 1];
    for (int32_t i = 0; i < c->count; i++)
        data[i] = c->data[i];
    data[c->count] = w;
    check_run_both(c, graph, descs, data, results);
    gft_graph_free(graph);
    return count;
}

static inline void check_gradients(op_check *c, bool symbolic) {
    int64_t n = check_elems(&c->outputs[0]);
    float *w = gft_calloc((size_t)n + 1, sizeof *w);
    gft_rng rng = gft_rng_make(13, GFT_RNG_TEST, 1);
    for (int64_t i = 0; i < n; i++)
        w[i] = 2.0f * gft_rng_uniform(&rng) - 1.0f;
    int32_t which[CHECK_INPUTS];
    void *results[CHECK_INPUTS] = {0};
    int32_t count = check_run_gradients(c, symbolic, w, which, results);
    for (int32_t i = 0; i < count; i++) {
        check_differences(c, w, which[i], results[i]);
        gft_free(results[i]);
    }
    gft_free(w);
}

/*
 * Everything: forward and gradients, with known dimensions and (if given) with unknown ones. Frees
 * the inputs.
 */
static inline void check_op(op_check *c) {
    for (int symbolic = 0; symbolic <= (c->symbolic != 0); symbolic++) {
        check_forward(c, symbolic != 0);
        if (c->differentiable)
            check_gradients(c, symbolic != 0);
    }
    check_free(c);
}

/*
 * Runs the tests once per CPU level, each in a process of its own: the kernel table is filled once
 * per process.
 */
static inline int check_each_level(int (*tests)(void)) {
    static const char *const levels[] = {"scalar", "avx2", ""};
    int failed = 0;
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        pid_t child = fork();
        if (child == 0) {
            if (*levels[i])
                setenv("GRAFT_CPU", levels[i], 1);
            _exit(tests() != 0);
        }
        int status = 1;
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
            failed = 1;
    }
    return failed;
}

#endif
