/*
 * The AVX-512 VNNI kernels of bytes on any CPU: their sources compiled here once more, with the
 * intrinsics from SIMDe in portable C.
 */
#if __has_include(<simde/x86/avx512.h>)
#define GFT_SIMD_EMULATE 1
#include "kernels/x86/intrinsics.h"

#include "kernels/simde_missing.h"

#include "kernels/x86/qdwconv_s8_avx512vnni.c"
#include "kernels/x86/qgemm_s8_avx512vnni.c"

#include "kernels/qkernels_check.h"

static void test_gemm(void **state) {
    (void)state;
    check_qgemm(&gft_qgemm_s8_avx512vnni_emulated);
}

static void test_dwconv(void **state) {
    (void)state;
    check_qdwconv(&gft_qdwconv_s8_avx512vnni_emulated);
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
