/*
 * The AVX-512 Winograd kernels on any CPU: the loops are compiled here once more, with the
 * intrinsics from SIMDe in portable C.
 */
#if __has_include(<simde/x86/avx512.h>)
#pragma GCC diagnostic ignored "-Wpsabi" /* no other object calls these functions */
#define GFT_SIMD_EMULATE 1
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

#include "kernels/simde_missing.h"
#include "kernels/vec/vec_avx512.h"

#include "kernels/tmpl/winograd_f32_tmpl.h"

#include "kernels/winograd_check.h"

static void test_input(void **state) {
    (void)state;
    check_winograd_input(&gft_winograd_f32_avx512_emulated);
}

static void test_output(void **state) {
    (void)state;
    check_winograd_output(&gft_winograd_f32_avx512_emulated);
}

static void test_product(void **state) {
    (void)state;
    check_winograd_product(&gft_winograd_f32_avx512_emulated);
}

static void test_filter(void **state) {
    (void)state;
    check_winograd_filter(&gft_winograd_f32_avx512_emulated);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_input), cmocka_unit_test(test_output),
                                       cmocka_unit_test(test_product),
                                       cmocka_unit_test(test_filter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
#include <stdio.h>
int main(void) {
    puts("left out: libsimde-dev is not installed");
    return 0;
}
#endif
