/*
 * The kernels on 16-bit floats of every CPU level this machine has.
 */
#include "kernels/kernel_table.h"

#include "kernels/half_check.h"

static half_format formats[2];

static void test_widening(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++)
        check_widening(&formats[i]);
}

static void test_narrowing(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++)
        check_narrowing(&formats[i]);
}

static void test_products(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++)
        check_half_gemm(&formats[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_widening),
                                       cmocka_unit_test(test_narrowing),
                                       cmocka_unit_test(test_products)};
    static const char *const levels[] = {"scalar", "avx2", "avx512", "avx512bf16", "neon"};
    int failed = 0;
    gft_kernel_table table = {0};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        int known;
        gft_kernels_fill(&table, gft_cpu_mask(gft_cpu_flags_unmasked(), levels[i], &known));
        if (table.gemm_bf16 == formats[0].gemm)
            continue;
        formats[0] = (half_format){"bf16",         gft_f32_from_bf16,   gft_bf16_from_f32,
                                   0x1p-8f,        table.bf16_from_f32, table.f32_from_bf16,
                                   table.gemm_bf16};
        formats[1] = (half_format){"f16",         gft_f32_from_f16,   gft_f16_from_f32,
                                   0x1p-11f,      table.f16_from_f32, table.f32_from_f16,
                                   table.gemm_f16};
        failed |= cmocka_run_group_tests_name(levels[i], tests, NULL, NULL);
    }
    return failed;
}
