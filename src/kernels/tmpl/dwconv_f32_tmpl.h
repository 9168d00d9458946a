/*
 * The float32 depthwise kernels over registers of LANES floats, written once for AVX2, AVX-512 and NEON.
 *
 * For 1 to 7 taps in a row and stride 1 or 2 several output pixels are summed side by side: each input vector is loaded
 * once for all the taps it meets, each weight once for all pixels. Everything else (dilation, larger strides, pixels at
 * the border with fewer taps) takes one pixel and four vectors of channels at a time.
 */
#define ALWAYS_INLINE static inline __attribute__((always_inline))

ALWAYS_INLINE lanes load_upto(const float *p, int64_t n) { return n >= LANES ? lanes_load(p) : lanes_load_n(p, n); }
ALWAYS_INLINE void store_upto(float *p, int64_t n, lanes x) {
    if (n >= LANES)
        lanes_store(p, x);
    else
        lanes_store_n(p, n, x);
}

/* `pixels` output pixels from `first` on, `vecs` vectors of channels from `c` on, the last one with `left` channels. */
ALWAYS_INLINE void run_pixels(const gft_dwconv_f32_args *g, int64_t first, int64_t c, int64_t left, const int pixels,
                              const int taps, const int stride, const int vecs) {
    lanes sum[2][8];
#pragma GCC unroll 2
    for (int v = 0; v < vecs; v++) {
        lanes bias = g->bias ? load_upto(g->bias + c + v * LANES, left) : lanes_zero();
#pragma GCC unroll 8
        for (int p = 0; p < pixels; p++)
            sum[v][p] = bias;
    }
    for (int64_t r = 0; r < g->taps_h; r++) {
#pragma GCC unroll 2
        for (int v = 0; v < vecs; v++) {
            const float *x = g->x_rows[r] + first * g->x_stride + c + v * LANES;
            const float *w = g->w_rows[r] + c + v * LANES;
            lanes weight[7];
#pragma GCC unroll 7
            for (int t = 0; t < taps; t++)
                weight[t] = load_upto(w + t * g->w_step, left);
#pragma GCC unroll 32
            for (int j = 0; j < (pixels - 1) * stride + taps; j++) {
                lanes value = load_upto(x + j * g->x_step, left);
#pragma GCC unroll 8
                for (int p = 0; p < pixels; p++)
                    if (j - p * stride >= 0 && j - p * stride < taps)
                        sum[v][p] = lanes_fma(value, weight[j - p * stride], sum[v][p]);
            }
        }
    }
    lanes lo = lanes_set(g->lo);
    lanes hi = lanes_set(g->hi);
    float *y = g->y + first * g->y_stride + c;
#pragma GCC unroll 8
    for (int p = 0; p < pixels; p++)
#pragma GCC unroll 2
        for (int v = 0; v < vecs; v++)
            store_upto(y + p * g->y_stride + v * LANES, left, lanes_clamp(sum[v][p], lo, hi));
}

/* Two vectors at a time: their sums do not depend on each other, which keeps both adders busy. */
ALWAYS_INLINE void run_all_channels(const gft_dwconv_f32_args *g, int64_t first, const int pixels, const int taps,
                                    const int stride) {
    int64_t c = 0;
    for (; c + 2 * LANES <= g->channels; c += 2 * LANES)
        run_pixels(g, first, c, LANES, pixels, taps, stride, 2);
    for (; c + LANES <= g->channels; c += LANES)
        run_pixels(g, first, c, LANES, pixels, taps, stride, 1);
    if (c < g->channels)
        run_pixels(g, first, c, g->channels - c, pixels, taps, stride, 1);
}

ALWAYS_INLINE void run_width(const gft_dwconv_f32_args *args, const int taps, const int stride) {
    const gft_dwconv_f32_args local = *args; /* stores to y cannot change it */
    const gft_dwconv_f32_args *g = &local;
    int64_t p = 0;
    for (; p + DW_PIXELS <= g->width; p += DW_PIXELS)
        run_all_channels(g, p, DW_PIXELS, taps, stride);
    if (p + DW_PIXELS / 2 <= g->width) {
        run_all_channels(g, p, DW_PIXELS / 2, taps, stride);
        p += DW_PIXELS / 2;
    }
    for (; p < g->width; p++)
        run_all_channels(g, p, 1, taps, stride);
}

typedef void width_fn(const gft_dwconv_f32_args *g);

#define DW_BODY(taps)                                                                              \
    static void width_##taps##_1(const gft_dwconv_f32_args *g) { run_width(g, taps, 1); }          \
    static void width_##taps##_2(const gft_dwconv_f32_args *g) { run_width(g, taps, 2); }
DW_BODY(1)
DW_BODY(2)
DW_BODY(3)
DW_BODY(4)
DW_BODY(5)
DW_BODY(7)
#undef DW_BODY
static width_fn *const widths[8][2] = {{0, 0},
                                       {width_1_1, width_1_2},
                                       {width_2_1, width_2_2},
                                       {width_3_1, width_3_2},
                                       {width_4_1, width_4_2},
                                       {width_5_1, width_5_2},
                                       {0, 0},
                                       {width_7_1, width_7_2}};

/* One pixel, any steps, `vecs` vectors of channels, the last with `left` channels. */
ALWAYS_INLINE void run_any(const gft_dwconv_f32_args *g, int64_t pixel, int64_t c, int64_t left, const int vecs) {
    lanes sum[4];
#pragma GCC unroll 4
    for (int v = 0; v < vecs; v++)
        sum[v] = g->bias ? load_upto(g->bias + c + v * LANES, left) : lanes_zero();
    for (int64_t r = 0; r < g->taps_h; r++) {
        const float *x = g->x_rows[r] + pixel * g->x_stride + c;
        const float *w = g->w_rows[r] + c;
        for (int64_t t = 0; t < g->taps_w; t++, x += g->x_step, w += g->w_step) {
#pragma GCC unroll 4
            for (int v = 0; v < vecs; v++)
                sum[v] = lanes_fma(load_upto(x + v * LANES, left), load_upto(w + v * LANES, left), sum[v]);
        }
    }
    lanes lo = lanes_set(g->lo);
    lanes hi = lanes_set(g->hi);
#pragma GCC unroll 4
    for (int v = 0; v < vecs; v++)
        store_upto(g->y + pixel * g->y_stride + c + v * LANES, left, lanes_clamp(sum[v], lo, hi));
}

static void run_generic(const gft_dwconv_f32_args *args) {
    const gft_dwconv_f32_args local = *args;
    const gft_dwconv_f32_args *g = &local;
    for (int64_t p = 0; p < g->width; p++) {
        int64_t c = 0;
        for (; c + 4 * LANES <= g->channels; c += 4 * LANES)
            run_any(g, p, c, LANES, 4);
        for (; c + LANES <= g->channels; c += LANES)
            run_any(g, p, c, LANES, 1);
        if (c < g->channels)
            run_any(g, p, c, g->channels - c, 1);
    }
}

static void run_dwconv(const gft_dwconv_f32_args *g) {
    int stride = g->x_stride == g->x_step ? 1 : g->x_stride == 2 * g->x_step ? 2 : 0;
    if (g->width > 1 && stride && g->taps_w >= 1 && g->taps_w <= 7 && widths[g->taps_w][stride - 1])
        widths[g->taps_w][stride - 1](g);
    else
        run_generic(g);
}

/* ---- gradient of the filter: taps sums over the pixels of a row ---- */

ALWAYS_INLINE void grad_taps(const gft_dwconv_grad_f32_args *g, int64_t c, int64_t left, int64_t first, const int taps,
                             const int vecs) {
    lanes sum[4][2];
#pragma GCC unroll 4
    for (int t = 0; t < taps; t++)
        sum[t][0] = sum[t][1] = lanes_zero();
    const float *x = g->x + first * g->x_step + c;
    const float *dy = g->dy + c;
    for (int64_t p = 0; p < g->width; p++, x += g->x_stride, dy += g->dy_stride) {
#pragma GCC unroll 2
        for (int v = 0; v < vecs; v++) {
            lanes d = load_upto(dy + v * LANES, left);
#pragma GCC unroll 4
            for (int t = 0; t < taps; t++)
                sum[t][v] = lanes_fma(load_upto(x + t * g->x_step + v * LANES, left), d, sum[t][v]);
        }
    }
#pragma GCC unroll 4
    for (int t = 0; t < taps; t++) {
#pragma GCC unroll 2
        for (int v = 0; v < vecs; v++) {
            float *dw = g->dw + (first + t) * g->w_step + c + v * LANES;
            store_upto(dw, left, lanes_add(sum[t][v], load_upto(dw, left)));
        }
    }
}

ALWAYS_INLINE void grad_channels(const gft_dwconv_grad_f32_args *g, int64_t first, const int taps) {
    int64_t c = 0;
    for (; c + 2 * LANES <= g->channels; c += 2 * LANES)
        grad_taps(g, c, LANES, first, taps, 2);
    for (; c + LANES <= g->channels; c += LANES)
        grad_taps(g, c, LANES, first, taps, 1);
    if (c < g->channels)
        grad_taps(g, c, g->channels - c, first, taps, 1);
}

static void run_dwconv_grad(const gft_dwconv_grad_f32_args *g) {
    int64_t t = 0;
    for (; g->taps_w - t >= 5 || g->taps_w - t == 3; t += 3)
        grad_channels(g, t, 3);
    for (; g->taps_w - t >= 4; t += 4)
        grad_channels(g, t, 4);
    if (g->taps_w - t == 2)
        grad_channels(g, t, 2);
    else if (g->taps_w - t == 1)
        grad_channels(g, t, 1);
}
