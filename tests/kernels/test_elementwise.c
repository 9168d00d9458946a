/*
 * The light kernels at every CPU level that this machine has, against the scalar ones.
 */
#include "kernels/elementwise_check.h"

static void check_level(uint32_t flags) {
    if ((gft_cpu_flags() & flags) != flags) {
        print_message("not on this CPU\n");
        return;
    }
    gft_kernel_table table;
    gft_kernels_fill(&table, flags);
    check_elementwise(&table);
}

static void test_scalar(void **state) {
    (void)state;
    check_level(0);
}

static void test_avx2(void **state) {
    (void)state;
    check_level(GFT_CPU_AVX2);
}

static void test_avx512(void **state) {
    (void)state;
    check_level(GFT_CPU_AVX2 | GFT_CPU_AVX512);
}

static void test_neon(void **state) {
    (void)state;
    check_level(GFT_CPU_NEON);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_scalar), cmocka_unit_test(test_avx2),
                                       cmocka_unit_test(test_avx512), cmocka_unit_test(test_neon)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
