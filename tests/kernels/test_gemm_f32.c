/*
 * The GEMM kernels of every CPU level this machine has.
 */
#include "kernels/kernel_table.h"

#include "kernels/gemm_check.h"

static const gft_gemm_f32_kernels *checked;

static void test_run(void **state) {
    (void)state;
    check_gemm(checked);
}

static void test_run_tn(void **state) {
    (void)state;
    check_gemm_tn(checked);
}

static void test_pack(void **state) {
    (void)state;
    check_pack(checked->nr);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_run), cmocka_unit_test(test_run_tn),
                                       cmocka_unit_test(test_pack)};
    static const char *const levels[] = {"scalar", "avx2", "avx512", "neon"};
    int failed = 0;
    gft_kernel_table table = {0};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        int known;
        gft_kernels_fill(&table, gft_cpu_mask(gft_cpu_flags_unmasked(), levels[i], &known));
        if (table.gemm_f32 == checked)
            continue;
        checked = table.gemm_f32;
        failed |= cmocka_run_group_tests_name(levels[i], tests, NULL, NULL);
    }
    return failed;
}
