/*
 * The NEON GEMM on any CPU: its source is compiled here once more, with the intrinsics from SIMDe
 * in portable C.
 */
#if __has_include(<simde/arm/neon.h>)
#define GFT_SIMD_EMULATE 1
#include "kernels/arm/gemm_f32_neon.c"

#include "kernels/gemm_check.h"

static void test_run(void **state) {
    (void)state;
    check_gemm(&gft_gemm_f32_neon_emulated);
}

static void test_run_tn(void **state) {
    (void)state;
    check_gemm_tn(&gft_gemm_f32_neon_emulated);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_run), cmocka_unit_test(test_run_tn)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
#include <stdio.h>
int main(void) {
    puts("left out: libsimde-dev is not installed");
    return 0;
}
#endif
