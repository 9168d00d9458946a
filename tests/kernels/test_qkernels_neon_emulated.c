/*
 * The NEON kernels of bytes, with and without dot products, on any CPU: their sources compiled here
 * once more, with the intrinsics from SIMDe in portable C.
 */
#if __has_include(<simde/arm/neon.h>)
#define GFT_SIMD_EMULATE 1
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/arm/neon.h>

#include "kernels/simde_missing.h"

#include "kernels/arm/qdwconv_s8_neon.c"
#undef BLOCK
#define tile tile_neon
#define run_tile run_tile_neon
#define run_gemm run_gemm_neon
#include "kernels/arm/qgemm_s8_neon.c"
#undef tile
#undef run_tile
#undef run_gemm
#undef MR
#undef NR
#undef EACH_ROW
#undef ROW_SUMS
#undef ROW_STORE
#include "kernels/arm/qgemm_s8_neondot.c"

#include "kernels/qkernels_check.h"

static void test_gemm(void **state) {
    (void)state;
    check_qgemm(&gft_qgemm_s8_neon_emulated);
    check_qgemm(&gft_qgemm_s8_neondot_emulated);
}

static void test_dwconv(void **state) {
    (void)state;
    check_qdwconv(&gft_qdwconv_s8_neon_emulated);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gemm), cmocka_unit_test(test_dwconv)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
#include <stdio.h>
int main(void) {
    puts("left out: libsimde-dev is not installed");
    return 0;
}
#endif
