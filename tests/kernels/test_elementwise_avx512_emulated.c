/*
 * The AVX-512 light kernels on any CPU: the loops are compiled here once more, with the intrinsics
 * from SIMDe in portable C.
 */
#if __has_include(<simde/x86/avx512.h>)
#pragma GCC diagnostic ignored "-Wpsabi" /* no other object calls these functions */
#define GFT_SIMD_EMULATE 1
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

#include "kernels/simde_missing.h"
#include "kernels/vec/vec_avx512.h"

#include "kernels/tmpl/binary_f32_tmpl.h"
#include "kernels/tmpl/norm_f32_tmpl.h"
#include "kernels/tmpl/reduce_f32_tmpl.h"
#include "kernels/tmpl/softmax_f32_tmpl.h"
#include "kernels/tmpl/unary_f32_tmpl.h"

#include "kernels/elementwise_check.h"

static void test_avx512(void **state) {
    (void)state;
    gft_kernel_table table;
    gft_kernels_fill(&table, 0);
#define EMULATED(kernel, type, tolerance) table.kernel = &gft_##kernel##_avx512_emulated;
    GFT_KERNELS_ELEMENTWISE(EMULATED)
#undef EMULATED
    check_elementwise(&table);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_avx512)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
#include <stdio.h>
int main(void) {
    puts("left out: libsimde-dev is not installed");
    return 0;
}
#endif
