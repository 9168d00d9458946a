/*
 * Runs one op alone, the way a plan does: infer, prepare, then each phase over a thread pool.
 * Outputs lie between guard words, all scratch is filled with NaN before each run. For tests of
 * ops.
 */
#ifndef GFT_TEST_OP_RUNNER_H
#define GFT_TEST_OP_RUNNER_H

#include <math.h>
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
#include "graph/op.h"

#define RUNNER_MAX 6
#define RUNNER_GUARD 64 /* bytes on either side */

typedef struct op_case {
    const gft_op *op;
    const void *attrs;
    graft_tensor_desc inputs[RUNNER_MAX];
    const void *data[RUNNER_MAX];
    int32_t input_count;
    uint32_t constants; /* bit i: input i is constant */
    graft_tensor_desc outputs[RUNNER_MAX];
    void *results[RUNNER_MAX]; /* made by op_case_run, freed by op_case_free */
} op_case;

static inline graft_status op_case_infer(op_case *c, graft_error *err) {
    const void *constants[RUNNER_MAX] = {0};
    for (int32_t i = 0; i < c->input_count; i++)
        constants[i] = c->constants >> i & 1u ? c->data[i] : NULL;
    gft_infer in = {"node",    c->attrs,   c->inputs,     c->input_count,
                    constants, c->outputs, c->op->outputs};
    return c->op->infer(&in, err);
}

static inline void op_case_free(op_case *c) {
    for (int i = 0; i < RUNNER_MAX; i++) {
        if (c->results[i])
            gft_free((char *)c->results[i] - RUNNER_GUARD);
        c->results[i] = NULL;
    }
}

typedef struct op_case_step {
    const gft_op *op;
    gft_exec exec;
    char *worker;
    size_t worker_bytes;
} op_case_step;

static inline void op_case_task(void *context, int64_t task, int worker) {
    const op_case_step *step = context;
    gft_exec exec = step->exec;
    exec.task = task;
    exec.worker = worker;
    exec.worker_scratch = step->worker + (size_t)worker * step->worker_bytes;
    step->op->run(&exec);
}

static inline char *op_case_scratch(size_t bytes) {
    bytes += 64;
    char *p = gft_malloc_aligned(bytes + sizeof(float));
    assert_non_null(p);
    for (size_t i = 0; i * sizeof(float) < bytes; i++)
        ((float *)(void *)p)[i] = NAN;
    return p;
}

/* One pool for each number of threads, kept until the process ends. */
static inline gft_pool *op_case_pool(int threads) {
    static gft_pool *pools[8];
    assert_true(threads > 0 && threads < 8);
    if (!pools[threads])
        assert_int_equal(gft_pool_new(threads, &pools[threads], NULL), GRAFT_OK);
    return pools[threads];
}

/* Infers, prepares and runs; fails the test on any error. */
static inline void op_case_run(op_case *c, int threads) {
    graft_error err = {0};
    const void *constants[RUNNER_MAX] = {0};
    void *outputs[RUNNER_MAX] = {0};
    size_t bytes[RUNNER_MAX] = {0};
    if (op_case_infer(c, &err) != GRAFT_OK)
        fail_msg("%s", err.message);
    gft_arena arena;
    gft_arena_init(&arena);
    for (int32_t i = 0; i < c->input_count; i++)
        constants[i] = c->constants >> i & 1u ? c->data[i] : NULL;
    op_case_free(c);
    for (int32_t i = 0; i < c->op->outputs; i++) {
        assert_true(gft_desc_bytes(&c->outputs[i], &bytes[i]));
        char *p = gft_malloc(bytes[i] + 2 * RUNNER_GUARD);
        assert_non_null(p);
        memset(p, 0xff, bytes[i] + 2 * RUNNER_GUARD); /* NaN inside as well */
        c->results[i] = outputs[i] = p + RUNNER_GUARD;
    }
    gft_prepare prepare = {.node = "node",
                           .attrs = c->attrs,
                           .inputs = c->inputs,
                           .input_count = c->input_count,
                           .outputs = c->outputs,
                           .output_count = c->op->outputs,
                           .constants = constants,
                           .arena = &arena,
                           .phases = 1,
                           .tasks = {1, 1, 1}};
    if (c->op->prepare && c->op->prepare(&prepare, &err) != GRAFT_OK)
        fail_msg("%s", err.message);
    gft_pool *pool = op_case_pool(threads);
    op_case_step step = {.op = c->op,
                         .worker_bytes = gft_size_align(prepare.worker_scratch_bytes, 64) + 64};
    char *scratch = op_case_scratch(prepare.scratch_bytes);
    step.worker = op_case_scratch(step.worker_bytes * (size_t)threads);
    step.exec = (gft_exec){.state = prepare.state,
                           .attrs = c->attrs,
                           .inputs_desc = c->inputs,
                           .outputs_desc = c->outputs,
                           .inputs = c->data,
                           .outputs = outputs,
                           .input_count = c->input_count,
                           .output_count = c->op->outputs,
                           .scratch = scratch};
    for (step.exec.phase = 0; step.exec.phase < prepare.phases; step.exec.phase++)
        gft_pool_run(pool, prepare.tasks[step.exec.phase], op_case_task, &step);
    for (int32_t i = 0; i < c->op->outputs; i++)
        for (int g = 0; g < RUNNER_GUARD; g++) {
            assert_int_equal(((unsigned char *)c->results[i])[g - RUNNER_GUARD], 0xff);
            assert_int_equal(((unsigned char *)c->results[i])[bytes[i] + (size_t)g], 0xff);
        }
    gft_free(scratch);
    gft_free(step.worker);
    gft_arena_deinit(&arena);
}

/* Runs with 1 and 7 threads, checks that the bits agree, leaves the results of the second run. */
static inline void op_case_run_both(op_case *c) {
    op_case_run(c, 1);
    void *first[RUNNER_MAX];
    memcpy(first, c->results, sizeof first);
    memset(c->results, 0, sizeof c->results);
    op_case_run(c, 7);
    for (int32_t i = 0; i < c->op->outputs; i++) {
        size_t bytes = 0;
        assert_true(gft_desc_bytes(&c->outputs[i], &bytes));
        assert_memory_equal(first[i], c->results[i], bytes);
        gft_free((char *)first[i] - RUNNER_GUARD);
    }
}

/* n floats in -1..1; free with gft_free. */
static inline float *random_floats(gft_rng *rng, int64_t n) {
    float *p = gft_malloc((size_t)n * sizeof(float));
    assert_non_null(p);
    for (int64_t i = 0; i < n; i++)
        p[i] = 2.0f * gft_rng_uniform(rng) - 1.0f;
    return p;
}

static inline int64_t random_in(gft_rng *rng, int64_t low, int64_t high) {
    return low + (int64_t)gft_rng_below(rng, (uint32_t)(high - low + 1));
}

/*
 * |got - want| <= (1 + terms) * 1.2e-7 * magnitude, where magnitude bounds the sum of absolute
 * terms.
 */
static inline void assert_sums_close(const float *got, const double *want, const double *magnitude,
                                     int64_t n, double terms) {
    for (int64_t i = 0; i < n; i++) {
        double bound = (2.0 + terms) * 6e-8 * magnitude[i] + 1e-30;
        if (!(fabs((double)got[i] - want[i]) <= bound))
            fail_msg("element %lld: %.9g, expected %.9g within %g", (long long)i, (double)got[i],
                     want[i], bound);
    }
}

/*
 * Runs the tests once per CPU level, each in a process of its own (the kernel table is filled once
 * per process).
 */
static inline int run_on_each_level(int (*tests)(void)) {
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
