/*
 * The depthwise kernels of every CPU level this machine has.
 */
#include "kernels/kernel_table.h"

#include "kernels/dwconv_check.h"

static gft_kernel_table checked;

static void test_forward(void **state) {
    (void)state;
    check_dwconv(checked.dwconv_f32);
}

static void test_grad(void **state) {
    (void)state;
    check_dwconv_grad(checked.dwconv_grad_f32);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_forward), cmocka_unit_test(test_grad)};
    static const char *const levels[] = {"scalar", "avx2", "avx512", "neon"};
    int failed = 0;
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        gft_dwconv_f32_fn *last = checked.dwconv_f32;
        int known;
        gft_kernels_fill(&checked, gft_cpu_mask(gft_cpu_flags_unmasked(), levels[i], &known));
        if (checked.dwconv_f32 != last)
            failed |= cmocka_run_group_tests_name(levels[i], tests, NULL, NULL);
    }
    return failed;
}
