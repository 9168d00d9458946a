/*
 * Conversion loops over a CPU's half_lanes_*.h: bf16_load, bf16_store, f16_load, f16_store and
 * their _n forms for tails. HALF_NAME(name) gives the symbol.
 */
#define TO_HALF(format)                                                                            \
    void HALF_NAME(gft_##format##_from_f32)(const float *x, uint16_t *y, int64_t n);               \
    void HALF_NAME(gft_##format##_from_f32)(const float *x, uint16_t *y, int64_t n) {              \
        int64_t i = 0;                                                                             \
        for (; i + LANES <= n; i += LANES)                                                         \
            format##_store(y + i, lanes_load(x + i));                                              \
        if (i < n)                                                                                 \
            format##_store_n(y + i, n - i, lanes_load_n(x + i, n - i));                            \
    }
#define FROM_HALF(format)                                                                          \
    void HALF_NAME(gft_f32_from_##format)(const uint16_t *x, float *y, int64_t n);                 \
    void HALF_NAME(gft_f32_from_##format)(const uint16_t *x, float *y, int64_t n) {                \
        int64_t i = 0;                                                                             \
        for (; i + LANES <= n; i += LANES)                                                         \
            lanes_store(y + i, format##_load(x + i));                                              \
        if (i < n)                                                                                 \
            lanes_store_n(y + i, n - i, format##_load_n(x + i, n - i));                            \
    }
TO_HALF(bf16)
TO_HALF(f16)
FROM_HALF(bf16)
FROM_HALF(f16)
#undef TO_HALF
#undef FROM_HALF
