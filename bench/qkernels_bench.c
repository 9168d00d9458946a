/*
 * Times the 8-bit kernels on shapes of MobileNetV2, EfficientNet and ResNet-50, one thread: Gop/s
 * (two per multiply-add) of products and depthwise convolutions, ns per element of the rest.
 *
 *   qkernels_bench [--seconds S]       GRAFT_CPU=scalar|avx2|avx512vnni picks a level
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/rng.h"
#include "kernels/kernel_table.h"

static double seconds = 0.03;

typedef struct buffers {
    uint8_t *x, *y;
    int8_t *w;
    uint8_t *packed, *scratch;
    int32_t *offset;
    float *multiplier;
    const uint8_t **rows;
} buffers;

#define BYTES ((size_t)1 << 24)

static void *fresh(size_t bytes) {
    uint8_t *p = gft_malloc_aligned(bytes);
    if (!p) {
        fprintf(stderr, "qkernels_bench: out of memory\n");
        _Exit(1);
    }
    gft_rng rng = gft_rng_make(7, GFT_RNG_TEST, 0);
    for (size_t i = 0; i < bytes; i++)
        p[i] = (uint8_t)gft_rng_below(&rng, 255) + 1;
    return p;
}

static buffers make_buffers(void) {
    buffers b = {fresh(BYTES), fresh(BYTES), fresh(BYTES), fresh(BYTES),
                 fresh(BYTES), fresh(65536), fresh(65536), (const uint8_t **)fresh(BYTES)};
    for (int i = 0; i < 16384; i++) {
        b.offset[i] = i;
        b.multiplier[i] = 1e-3f;
    }
    return b;
}

/* Least nanoseconds of a call. */
#define LEAST(ns, call)                                                                            \
    do {                                                                                           \
        ns = 1e30;                                                                                 \
        const uint64_t until = gft_clock_ns() + (uint64_t)(seconds * 1e9);                         \
        uint64_t now = 0;                                                                          \
        do {                                                                                       \
            const uint64_t start = gft_clock_ns();                                                 \
            call;                                                                                  \
            now = gft_clock_ns();                                                                  \
            ns = (double)(now - start) < ns ? (double)(now - start) : ns;                          \
        } while (now < until);                                                                     \
    } while (0)

static void bench_gemm(buffers *b, int64_t rows, int64_t taps, int64_t depth, int64_t cols) {
    gft_qgemm_kernels *k = gft_kernels()->qgemm_s8;
    const int64_t terms = taps * depth;
    gft_qgemm_pack(k, b->w, terms, cols, cols, 1, 0, (cols + k->nr - 1) / k->nr, b->packed);
    for (int64_t i = 0; i < taps * rows; i++)
        b->rows[i] = b->x + i / rows * depth + i % rows * depth;
    const gft_qgemm_args args = {.rows = rows,
                                 .cols = cols,
                                 .taps = taps,
                                 .depth = depth,
                                 .a = b->rows,
                                 .a_stride = rows,
                                 .b = b->packed,
                                 .b_panel_stride = gft_qgemm_panel_bytes(k, terms),
                                 .c = b->y,
                                 .c_stride = cols,
                                 .out = {b->offset, b->multiplier, 3, -128, 127, 0},
                                 .scratch = b->scratch};
    double ns;
    LEAST(ns, k->run(&args));
    printf("gemm %5lld rows %lld x %4lld terms %4lld columns %10.1f us %8.1f Gop/s\n",
           (long long)rows, (long long)taps, (long long)depth, (long long)cols, ns / 1e3,
           2.0 * (double)(rows * terms * cols) / ns);
}

static void bench_dwconv(buffers *b, int64_t size, int64_t channels, int64_t window,
                         int64_t stride) {
    gft_qdwconv_kernels *k = gft_kernels()->qdwconv_s8;
    gft_qdwconv_pack(k, b->w, window, window, channels, b->packed);
    const int64_t width = (size - window) / stride + 1;
    gft_qdwconv_args args = {.width = width,
                             .channels = channels,
                             .taps_h = window,
                             .taps_w = window,
                             .x_rows = b->rows,
                             .x_step = channels,
                             .x_stride = stride * channels,
                             .w = b->packed,
                             .y_stride = channels,
                             .out = {b->offset, b->multiplier, 3, -128, 127, 0}};
    double ns;
    LEAST(ns, {
        for (int64_t row = 0; row + window <= size; row += stride) {
            for (int64_t r = 0; r < window; r++)
                b->rows[r] = b->x + (row + r) * size * channels;
            args.y = b->y + row / stride * width * channels;
            k->run(&args);
        }
    });
    printf("depthwise %lldx%lld/%lld %3lld x %3lld x %4lld %10.1f us %8.1f Gop/s\n",
           (long long)window, (long long)window, (long long)stride, (long long)size,
           (long long)size, (long long)channels, ns / 1e3,
           2.0 * (double)(width * width * channels * window * window) / ns);
}

static void bench_elements(buffers *b, int64_t n) {
    const gft_kernel_table *k = gft_kernels();
    gft_qbinary_args args = {
        .a = b->x, .b = (const uint8_t *)b->w, .a_step = 1, .b_step = 1, .y = b->y, .n = n};
    args.a_multiplier = args.b_multiplier = 1 << 20;
    args.shift = 20;
    args.scale = 1e-3f;
    args.lo = -128;
    args.hi = 127;
    double ns[4];
    LEAST(ns[0], k->qadd_s8(&args));
    LEAST(ns[1], k->qmul_s8(&args));
    LEAST(ns[2], k->qlookup_s8(b->x, (const uint8_t *)b->w, 0x80, b->y, n));
    memset(b->offset, 0, 4096);
    LEAST(ns[3], k->qsum_rows_s8(b->x, n / 1024, 1024, 1024, 0, b->offset));
    printf("%lld elements, ns each: add %.3f, mul %.3f, look-up %.3f, sum of rows %.3f\n",
           (long long)n, ns[0] / (double)n, ns[1] / (double)n, ns[2] / (double)n,
           ns[3] / (double)n);
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--seconds") == 0)
        seconds = strtod(argv[2], NULL);
    buffers b = make_buffers();
    static const int64_t gemms[][4] = {{192, 1, 16, 96},   {192, 1, 24, 144},  {192, 1, 144, 32},
                                       {192, 1, 64, 384},  {192, 1, 384, 96},  {48, 1, 960, 160},
                                       {49, 1, 320, 1280}, {96, 9, 64, 64},    {36, 9, 256, 256},
                                       {192, 3, 9, 32},    {1, 1, 1280, 1000}, {1, 1, 96, 24}};
    for (size_t i = 0; i < sizeof gemms / sizeof gemms[0]; i++)
        bench_gemm(&b, gemms[i][0], gemms[i][1], gemms[i][2], gemms[i][3]);
    static const int64_t windows[][4] = {{114, 32, 3, 1}, {113, 96, 3, 2}, {58, 144, 3, 1},
                                         {16, 384, 3, 1}, {9, 960, 3, 1},  {18, 480, 5, 1},
                                         {31, 240, 5, 2}};
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++)
        bench_dwconv(&b, windows[i][0], windows[i][1], windows[i][2], windows[i][3]);
    bench_elements(&b, 16384);
    return 0;
}
