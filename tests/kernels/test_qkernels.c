/*
 * The 8-bit kernels of every level this CPU has, against the scalar ones.
 */
#include "kernels/qkernels_check.h"

#define LEVELS 8

static gft_kernel_table tables[LEVELS];
static int table_count;

/* One table for each subset of levels that an upper one contains. */
static void make_tables(void) {
    static const char *const names[] = {"avx2",       "avxvnni", "avx512",
                                        "avx512vnni", "neon",    "neondot"};
    gft_kernels_fill(&tables[table_count++], 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int known = 0;
        uint32_t flags = gft_cpu_mask(gft_cpu_flags_unmasked(), names[i], &known);
        if (known && flags != tables[table_count - 1].flags)
            gft_kernels_fill(&tables[table_count++], flags);
    }
}

#define EACH_TABLE(name, call)                                                                     \
    static void name(void **state) {                                                               \
        (void)state;                                                                               \
        for (int i = 0; i < table_count; i++) {                                                    \
            const gft_kernel_table *k = &tables[i];                                                \
            call;                                                                                  \
        }                                                                                          \
    }

EACH_TABLE(test_gemm, check_qgemm(k->qgemm_s8))
EACH_TABLE(test_dwconv, check_qdwconv(k->qdwconv_s8))
EACH_TABLE(test_add, check_qbinary(k->qadd_s8, gft_qadd_s8_scalar))
EACH_TABLE(test_mul, check_qbinary(k->qmul_s8, gft_qmul_s8_scalar))
EACH_TABLE(test_lookup, check_qlookup(k->qlookup_s8))
EACH_TABLE(test_pool, check_qpool(k->qpool_max_s8, k->qsum_rows_s8))
EACH_TABLE(test_convert, check_qconvert(k->quantize_s8, k->dequantize_s8))

/* The rule itself, by hand. */
static void test_rule(void **state) {
    (void)state;
    const int8_t w[] = {127, -127, 1};
    const uint8_t a[] = {0x80, 0x7f, 3}; /* -128, 127, 3 */
    const uint8_t *rows[] = {a};
    const int32_t offset[] = {4};
    const struct {
        float multiplier;
        int32_t zero, lo, hi, want;
    } cases[] = {{1.0f / 32378.0f, 5, -128, 127, 4}, {0.5f, 0, -128, 127, -128},
                 {-0.5f, 0, -128, 100, 100},         {1e-4f, 0, -2, 127, -2},
                 {0.5f / 32378.0f, 7, -128, 127, 7}, {1.5f / 32378.0f, 7, -128, 127, 5}};
    for (int i = 0; i < table_count; i++) {
        gft_qgemm_kernels *k = tables[i].qgemm_s8;
        char packed[4096];
        _Alignas(64) char scratch[4096];
        gft_qgemm_pack(k, w, 3, 1, 1, 1, 0, 1, packed);
        for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
            uint8_t y = 0;
            const int32_t fixed[] = {offset[0] - k->a_bias * (127 - 127 + 1)};
            const gft_qgemm_args args = {
                .rows = 1,
                .cols = 1,
                .taps = 1,
                .depth = 3,
                .a = rows,
                .a_stride = 1,
                .b = packed,
                .b_panel_stride = 0,
                .c = &y,
                .c_stride = 1,
                .out = {fixed, &cases[c].multiplier, cases[c].zero, cases[c].lo, cases[c].hi, 0},
                .scratch = scratch};
            k->run(&args); /* -128 * 127 - 127 * 127 + 3 + 4 = -32378 */
            assert_int_equal((int8_t)y, cases[c].want);
        }
    }
}

int main(void) {
    make_tables();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rule), cmocka_unit_test(test_gemm),   cmocka_unit_test(test_dwconv),
        cmocka_unit_test(test_add),  cmocka_unit_test(test_mul),    cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_pool), cmocka_unit_test(test_convert)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
