/*
 * The NEON kernels on bfloat16 on any CPU: the source is compiled here once more, with the
 * intrinsics from SIMDe in portable C.
 */
#if __has_include(<simde/arm/neon.h>)
#define GFT_SIMD_EMULATE 1
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/arm/neon.h>

#include "kernels/simde_missing.h"

#include "kernels/arm/gemm_bf16_neon.c"
#include "kernels/arm/half_neon.c"

#include "kernels/half_check.h"

static const half_format format = {.name = "bf16",
                                   .widen = gft_f32_from_bf16,
                                   .narrow = gft_bf16_from_f32,
                                   .ulp = 0x1p-8f,
                                   .to = gft_bf16_from_f32_neon_emulated,
                                   .from = gft_f32_from_bf16_neon_emulated,
                                   .gemm = &gft_gemm_bf16_neon_emulated};

static void test_widening(void **state) {
    (void)state;
    check_widening(&format);
}

static void test_narrowing(void **state) {
    (void)state;
    check_narrowing(&format);
}

static void test_products(void **state) {
    (void)state;
    check_half_gemm(&format);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_widening),
                                       cmocka_unit_test(test_narrowing),
                                       cmocka_unit_test(test_products)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
#include <stdio.h>
int main(void) {
    puts("left out: libsimde-dev is not installed");
    return 0;
}
#endif
