/*
 * The Winograd kernels of every CPU level this machine has.
 */
#include "kernels/kernel_table.h"

#include "kernels/winograd_check.h"

static const gft_winograd_f32_kernels *checked;

static void test_input(void **state) {
    (void)state;
    check_winograd_input(checked);
}

static void test_output(void **state) {
    (void)state;
    check_winograd_output(checked);
}

static void test_product(void **state) {
    (void)state;
    check_winograd_product(checked);
}

static void test_filter(void **state) {
    (void)state;
    check_winograd_filter(checked);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_input), cmocka_unit_test(test_output),
                                       cmocka_unit_test(test_product),
                                       cmocka_unit_test(test_filter)};
    static const char *const levels[] = {"scalar", "avx2", "avx512", "neon"};
    int failed = 0;
    gft_kernel_table table = {0};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        int known;
        gft_kernels_fill(&table, gft_cpu_mask(gft_cpu_flags_unmasked(), levels[i], &known));
        if (table.winograd_f32 == checked)
            continue;
        checked = table.winograd_f32;
        failed |= cmocka_run_group_tests_name(levels[i], tests, NULL, NULL);
    }
    return failed;
}
