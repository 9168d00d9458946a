/*
 * Times the layers of EfficientNet-Lite0 (224 x 224) one by one: forward, and with --grad both
 * gradients, each as the op a plan would run, and sets them against the multiply-adds one core was
 * measured to do.
 *
 *   kernels_bench [--batch N] [--threads N] [--grad]      GRAFT_CPU=scalar|avx2|avx512 picks a level
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/pool.h"
#include "base/rng.h"
#include "base/shape.h"
#include "base/size.h"
#include "ops/ops.h"

#if defined(__x86_64__)
#include <immintrin.h>
__attribute__((target("avx2,fma"))) static float fma_loop_avx2(int64_t rounds) {
    __m256 sum[12];
    for (int i = 0; i < 12; i++)
        sum[i] = _mm256_set1_ps((float)i);
    __m256 x = _mm256_set1_ps(0.999f);
    for (int64_t r = 0; r < rounds; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < 12; i++)
            sum[i] = _mm256_fmadd_ps(sum[i], x, x);
    }
    for (int i = 1; i < 12; i++)
        sum[0] = _mm256_add_ps(sum[0], sum[i]);
    return _mm256_cvtss_f32(sum[0]);
}
__attribute__((target("avx512f"))) static float fma_loop_avx512(int64_t rounds) {
    __m512 sum[12];
    for (int i = 0; i < 12; i++)
        sum[i] = _mm512_set1_ps((float)i);
    __m512 x = _mm512_set1_ps(0.999f);
    for (int64_t r = 0; r < rounds; r++) {
#pragma GCC unroll 12
        for (int i = 0; i < 12; i++)
            sum[i] = _mm512_fmadd_ps(sum[i], x, x);
    }
    for (int i = 1; i < 12; i++)
        sum[0] = _mm512_add_ps(sum[0], sum[i]);
    return _mm512_cvtss_f32(sum[0]);
}
#endif

static volatile float sink;

/* Multiply-adds per nanosecond of one core, from registers alone. */
static double measure_peak(void) {
    double best = 0;
#if defined(__x86_64__)
    uint32_t flags = gft_cpu_flags();
    const int64_t rounds = 100000; /* short, so that some try is not interrupted */
    for (int i = 0; i < 50 && flags & GFT_CPU_AVX2; i++) {
        bool wide = flags & GFT_CPU_AVX512;
        uint64_t start = gft_clock_ns();
        sink = wide ? fma_loop_avx512(rounds) : fma_loop_avx2(rounds);
        double rate = (double)rounds * 12 * (wide ? 16 : 8) / (double)(gft_clock_ns() - start);
        best = rate > best ? rate : best;
    }
#endif
    return best;
}

#define MAX_INPUTS 4

/* One op with its data, prepared. */
typedef struct bench {
    const gft_op *op;
    const void *attrs;
    graft_tensor_desc inputs[MAX_INPUTS];
    int32_t input_count;
    graft_tensor_desc output;
    const void *data[MAX_INPUTS];
    void *result;
    gft_arena arena;
    gft_prepare prepare;
    gft_exec exec;
    char *worker_scratch;
    size_t worker_bytes;
} bench;

static void die(const char *what) {
    fprintf(stderr, "kernels_bench: %s\n", what);
    _Exit(1);
}

static void *floats(const graft_tensor_desc *desc) {
    size_t bytes;
    if (!gft_desc_bytes(desc, &bytes))
        die("a size is too large");
    float *p = gft_malloc_aligned(bytes + 64);
    if (!p)
        die("out of memory");
    gft_rng rng = gft_rng_make(7, GFT_RNG_TEST, 0);
    for (size_t i = 0; i < bytes / sizeof(float); i++)
        p[i] = gft_rng_uniform(&rng) - 0.5f;
    return p;
}

static void bench_open(bench *b, int threads) {
    graft_error err;
    const void *constants[MAX_INPUTS] = {0};
    gft_infer in = {"layer", b->attrs, b->inputs, b->input_count, constants, &b->output, 1};
    if (b->op->infer(&in, &err) != GRAFT_OK)
        die(err.message);
    for (int32_t i = 0; i < b->input_count; i++)
        b->data[i] = floats(&b->inputs[i]);
    b->result = floats(&b->output);
    constants[1] = b->op == &gft_op_conv2d_grad_input ? NULL : b->data[1];
    gft_arena_init(&b->arena);
    b->prepare = (gft_prepare){.node = "layer",
                               .attrs = b->attrs,
                               .inputs = b->inputs,
                               .input_count = b->input_count,
                               .outputs = &b->output,
                               .output_count = 1,
                               .constants = constants,
                               .arena = &b->arena,
                               .phases = 1,
                               .tasks = {1, 1, 1}};
    if (b->op->prepare(&b->prepare, &err) != GRAFT_OK)
        die(err.message);
    b->worker_bytes = gft_size_align(b->prepare.worker_scratch_bytes, 64) + 64;
    b->worker_scratch = gft_malloc_aligned(b->worker_bytes * (size_t)threads);
    b->exec = (gft_exec){.state = b->prepare.state,
                         .attrs = b->attrs,
                         .inputs_desc = b->inputs,
                         .outputs_desc = &b->output,
                         .inputs = b->data,
                         .outputs = &b->result,
                         .input_count = b->input_count,
                         .output_count = 1,
                         .scratch = gft_malloc_aligned(b->prepare.scratch_bytes + 64)};
    if (!b->worker_scratch || !b->exec.scratch)
        die("out of memory");
}

static void bench_close(bench *b) {
    for (int32_t i = 0; i < b->input_count; i++)
        gft_free((void *)(uintptr_t)b->data[i]);
    gft_free(b->result);
    gft_free(b->worker_scratch);
    gft_free(b->exec.scratch);
    gft_arena_deinit(&b->arena);
}

static void bench_task(void *context, int64_t task, int worker) {
    const bench *b = context;
    gft_exec exec = b->exec;
    exec.task = task;
    exec.worker = worker;
    exec.worker_scratch = b->worker_scratch + (size_t)worker * b->worker_bytes;
    b->op->run(&exec);
}

/* Best of several rounds, in microseconds. */
static double bench_time(bench *b, gft_pool *pool) {
    double best = 1e30;
    double spent = 0;
    for (int i = 0; i < 200 && (i < 5 || spent < 1e5); i++) {
        uint64_t start = gft_clock_ns();
        for (b->exec.phase = 0; b->exec.phase < b->prepare.phases; b->exec.phase++)
            gft_pool_run(pool, b->prepare.tasks[b->exec.phase], bench_task, b);
        double us = (double)(gft_clock_ns() - start) / 1e3;
        spent += us;
        best = us < best ? us : best;
    }
    return best;
}

typedef struct bench_options {
    int64_t batch;
    int threads;
    bool grad;
    double peak;
    gft_pool *pool;
} bench_options;

typedef struct totals {
    double conv_us, depthwise_us, dense_us, grad_us;
    double macs;
} totals;

static double run_op(const bench_options *o, const gft_op *op, const void *attrs,
                     const graft_shape *shapes, int32_t count, double macs, const char *what) {
    bench b = {.op = op, .attrs = attrs, .input_count = count};
    for (int32_t i = 0; i < count; i++)
        b.inputs[i] = gft_desc_f32(shapes[i]);
    bench_open(&b, o->threads);
    double us = bench_time(&b, o->pool);
    bench_close(&b);
    double rate = macs / us / 1e3;
    printf("  %-12s %9.1f us  %6.1f GFLOP/s", what, us, 2 * rate);
    if (o->peak > 0)
        printf("  %3.0f %%", 100 * rate / o->peak / o->threads);
    return us;
}

/* x (n,size,size,c), k x k, SAME; oc = 0: depthwise. Returns the output's size. */
static int64_t layer(const bench_options *o, totals *t, int64_t size, int64_t c, int64_t k,
                     int64_t stride, int64_t oc, bool clamp) {
    bool depthwise = oc == 0;
    int64_t channels = depthwise ? c : oc;
    int64_t out = gft_i64_ceil_div(size, stride);
    gft_conv2d_attrs attrs = {.stride_h = stride, .stride_w = stride, .padding = GFT_PAD_SAME};
    graft_shape x = gft_shape_4(o->batch, size, size, c);
    graft_shape filter = depthwise ? gft_shape_4(k, k, c, 1) : gft_shape_4(k, k, c, oc);
    graft_shape y = gft_shape_4(o->batch, out, out, channels);
    double macs = (double)(o->batch * out * out * channels * k * k) * (depthwise ? 1.0 : (double)c);
    printf("%s %lldx%lld s%lld  %3lldx%-3lld %4lld -> %-4lld",
           depthwise ? "depthwise" : "conv     ", (long long)k, (long long)k, (long long)stride,
           (long long)size, (long long)size, (long long)c, (long long)channels);
    gft_conv2d_grad_attrs to_input = {.conv = attrs, .shape = x};
    gft_conv2d_grad_attrs to_filter = {.conv = attrs, .shape = filter};
    attrs.epilogue.has_bias = true;
    attrs.epilogue.activation = clamp ? &gft_op_relu6 : NULL;
    double us = run_op(o, depthwise ? &gft_op_depthwise_conv2d : &gft_op_conv2d, &attrs,
                       (const graft_shape[]){x, filter, gft_shape_1(channels)}, 3, macs, "");
    *(depthwise ? &t->depthwise_us : &t->conv_us) += us;
    t->macs += macs;
    if (o->grad) {
        t->grad_us +=
            run_op(o, depthwise ? &gft_op_depthwise_conv2d_grad_input : &gft_op_conv2d_grad_input,
                   &to_input, (const graft_shape[]){y, filter}, 2, macs, " dx");
        t->grad_us +=
            run_op(o, depthwise ? &gft_op_depthwise_conv2d_grad_filter : &gft_op_conv2d_grad_filter,
                   &to_filter, (const graft_shape[]){x, y}, 2, macs, " dw");
    }
    putchar('\n');
    return out;
}

static void lite0(const bench_options *o, totals *t) {
    static const struct {
        int64_t k, stride, expand, in, out;
    } blocks[] = {
        {3, 1, 1, 32, 16},   {3, 2, 6, 16, 24},   {3, 1, 6, 24, 24},   {5, 2, 6, 24, 40},
        {5, 1, 6, 40, 40},   {3, 2, 6, 40, 80},   {3, 1, 6, 80, 80},   {3, 1, 6, 80, 80},
        {5, 1, 6, 80, 112},  {5, 1, 6, 112, 112}, {5, 1, 6, 112, 112}, {5, 2, 6, 112, 192},
        {5, 1, 6, 192, 192}, {5, 1, 6, 192, 192}, {5, 1, 6, 192, 192}, {3, 1, 6, 192, 320}};
    int64_t size = layer(o, t, 224, 3, 3, 2, 32, true);
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        int64_t wide = blocks[i].in * blocks[i].expand;
        if (blocks[i].expand > 1)
            layer(o, t, size, blocks[i].in, 1, 1, wide, true);
        size = layer(o, t, size, wide, blocks[i].k, blocks[i].stride, 0, true);
        layer(o, t, size, wide, 1, 1, blocks[i].out, false);
    }
    layer(o, t, size, 320, 1, 1, 1280, true);
    gft_dense_attrs attrs = {.epilogue = {.has_bias = true}};
    printf("dense                 1280 -> 1000");
    double macs = (double)o->batch * 1280e3;
    t->dense_us = run_op(o, &gft_op_dense, &attrs,
                         (const graft_shape[]){gft_shape_2(o->batch, 1280), gft_shape_2(1280, 1000),
                                               gft_shape_1(1000)},
                         3, macs, "");
    t->macs += macs;
    putchar('\n');
}

int main(int argc, char **argv) {
    bench_options o = {.batch = 1, .threads = 1};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--grad") == 0)
            o.grad = true;
        else if (strcmp(argv[i], "--batch") == 0 && i + 1 < argc)
            o.batch = strtoll(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
            o.threads = (int)strtol(argv[++i], NULL, 10);
        else
            die("usage: kernels_bench [--batch N] [--threads N] [--grad]");
    }
    if (o.batch < 1 || o.threads < 1)
        die("batch and threads are at least 1");
    graft_error err;
    if (gft_pool_new(o.threads, &o.pool, &err) != GRAFT_OK)
        die(err.message);
    o.peak = measure_peak();
    printf("%s, level %s, batch %lld, threads %d, peak of one core %.1f GFLOP/s\n", gft_cpu_model(),
           gft_cpu_level_name(gft_cpu_flags()), (long long)o.batch, o.threads, 2 * o.peak);
    totals t = {0};
    lite0(&o, &t);
    double us = t.conv_us + t.depthwise_us + t.dense_us;
    printf("conv %.2f ms, depthwise %.2f ms, dense %.2f ms: forward %.2f ms for %.1f million "
           "multiply-adds",
           t.conv_us / 1e3, t.depthwise_us / 1e3, t.dense_us / 1e3, us / 1e3, t.macs / 1e6);
    if (o.peak > 0)
        printf(" (%.0f %% of the peak)", 100 * t.macs / us / 1e3 / o.peak / o.threads);
    if (o.grad)
        printf("; gradients %.2f ms", t.grad_us / 1e3);
    putchar('\n');
    gft_pool_free(o.pool);
    return 0;
}
