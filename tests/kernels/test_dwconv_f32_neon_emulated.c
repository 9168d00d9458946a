/*
 * The NEON depthwise kernels on any CPU: their source is compiled here once more, with the
 * intrinsics from SIMDe in portable C.
 */
#if __has_include(<simde/arm/neon.h>)
#define GFT_SIMD_EMULATE 1
#include "kernels/arm/dwconv_f32_neon.c"

#include "kernels/dwconv_check.h"

static void test_forward(void **state) {
    (void)state;
    check_dwconv(gft_dwconv_f32_neon_emulated);
}

static void test_grad(void **state) {
    (void)state;
    check_dwconv_grad(gft_dwconv_grad_f32_neon_emulated);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_forward), cmocka_unit_test(test_grad)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
#include <stdio.h>
int main(void) {
    puts("left out: libsimde-dev is not installed");
    return 0;
}
#endif
