/* CPU levels, clocks, words and numbers that people type. */
#include "cmocka_all.h"

#include <locale.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/log.h"
#include "base/words.h"

static int warnings;

static void count_warnings(void *context, gft_log_level level, const char *message) {
    (void)context;
    warnings += level == GFT_LOG_WARNING && strstr(message, "GRAFT_CPU") != NULL;
}

/* Runs first: the flags are read once. */
static void an_unknown_level_warns_once(void **state) {
    (void)state;
    setenv("GRAFT_CPU", "avx1024", 1);
    gft_log_set_sink(count_warnings, NULL);
    assert_int_equal(gft_cpu_flags(), gft_cpu_flags_unmasked());
    (void)gft_cpu_flags();
    gft_log_set_sink(NULL, NULL);
    assert_int_equal(warnings, 1);
    assert_non_null(gft_cpu_model());
#if defined(__aarch64__)
    assert_true(gft_cpu_flags() & GFT_CPU_NEON);
#elif defined(__x86_64__)
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    bool vnni = avx512 && __builtin_cpu_supports("avx512vnni");
    assert_int_equal(!!(gft_cpu_flags() & GFT_CPU_AVX2), avx2);
    assert_int_equal(!!(gft_cpu_flags() & GFT_CPU_AVX512), avx512);
    assert_int_equal(!!(gft_cpu_flags() & GFT_CPU_AVX512VNNI), vnni);
#endif
}

static void levels_mask(void **state) {
    (void)state;
    const uint32_t all =
        GFT_CPU_AVX2 | GFT_CPU_AVX512 | GFT_CPU_AVX512VNNI | GFT_CPU_AVX512BF16 | GFT_CPU_AVXVNNI;
    int known = 5;
    assert_int_equal(gft_cpu_mask(all, "scalar", &known), 0);
    assert_int_equal(known, 1);
    assert_int_equal(gft_cpu_mask(all, "avx2", &known), GFT_CPU_AVX2);
    assert_int_equal(gft_cpu_mask(all, "avx512", &known), GFT_CPU_AVX2 | GFT_CPU_AVX512);
    assert_int_equal(gft_cpu_mask(GFT_CPU_AVX2, "avx512", &known), GFT_CPU_AVX2);
    assert_int_equal(gft_cpu_mask(all, "neon", &known), 0);
    assert_int_equal(known, 1);
    assert_int_equal(gft_cpu_mask(all, "AVX", &known), all);
    assert_int_equal(known, 0);
    assert_string_equal(gft_cpu_level_name(all), "avx512");
    assert_string_equal(gft_cpu_level_name(GFT_CPU_AVX2), "avx2");
    assert_string_equal(gft_cpu_level_name(GFT_CPU_NEON | GFT_CPU_NEON_DOTPROD), "neon");
    assert_string_equal(gft_cpu_level_name(0), "scalar");
}

static void clocks_go_on(void **state) {
    (void)state;
    uint64_t a = gft_clock_ns();
    double cpu = gft_clock_cpu_s();
    volatile double x = 1;
    for (int i = 0; i < 2000000; i++)
        x = x * 1.0000001;
    assert_true(gft_clock_ns() > a);
    assert_true(gft_clock_cpu_s() > cpu);
    assert_true(gft_clock_wall_s() > 1.6e9);
    double before = gft_peak_rss_mb();
    assert_true(before > 0.5 && before < 1e6);
    size_t bytes = (size_t)64 << 20;
    volatile char *p = malloc(bytes);
    assert_non_null((void *)(uintptr_t)p);
    for (size_t i = 0; i < bytes; i += 4096)
        p[i] = 1;
    assert_true(gft_peak_rss_mb() >= before + 60);
    free((void *)(uintptr_t)p);
}

static void nearest_word(void **state) {
    (void)state;
    const char *const verbs[] = {"train", "eval", "predict", "export", "serve"};
    assert_string_equal(gft_words_nearest("trian", verbs, 5), "train");
    assert_string_equal(gft_words_nearest("predct", verbs, 5), "predict");
    assert_string_equal(gft_words_nearest("EVAL", verbs, 5), "eval");
    assert_null(gft_words_nearest("zzzz", verbs, 5));
    assert_null(gft_words_nearest("train", verbs, 0));
    char longer[200];
    memset(longer, 'a', sizeof longer);
    longer[199] = '\0';
    assert_null(gft_words_nearest(longer, verbs, 5));
}

static void whole_numbers(void **state) {
    (void)state;
    int64_t i = 0;
    assert_true(gft_words_i64("-9223372036854775808", &i) && i == INT64_MIN);
    assert_true(gft_words_i64("+12", &i) && i == 12);
    static const char *const wrong[] = {
        "", "-", " 1", "1 ", "1.0", "0x10", "9223372036854775808", "1e3", "--1"};
    for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++)
        assert_false(gft_words_i64(wrong[k], &i));
    assert_true(i == 12);
}

static void real_numbers(void **state) {
    (void)state;
    double d = 0;
    (void)setlocale(LC_ALL, "de_DE.UTF-8"); /* where it is installed, the decimal sign is a comma */
    assert_true(gft_words_f64("1.5e-3", &d) && d == 1.5e-3);
    assert_true(gft_words_f64("-.5", &d) && d == -0.5);
    assert_true(gft_words_f64("3.", &d) && d == 3.0);
    static const char *const wrong[] = {"",      ".",    "1,5", "nan", "inf", "1e999",
                                        "0x1p3", "1.5x", " 1",  "1e",  "e5",  "-"};
    for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++)
        assert_false(gft_words_f64(wrong[k], &d));
    assert_true(d == 3.0);
}

static void sizes(void **state) {
    (void)state;
    uint64_t n = 0;
    assert_true(gft_words_size("512", &n) && n == 512);
    assert_true(gft_words_size("64K", &n) && n == 65536);
    assert_true(gft_words_size("2.5G", &n) && n == 2684354560u);
    assert_true(gft_words_size("1GiB", &n) && n == 1u << 30);
    assert_true(gft_words_size("3mb", &n) && n == 3u << 20);
    assert_true(gft_words_size("16777215T", &n) && n == (uint64_t)16777215 << 40);
    assert_true(gft_words_size("7B", &n) && n == 7);
    static const char *const wrong[] = {
        "",          "K",   "-1K",       "1X",  "1Ki",
        "1KBB",      "1.K", "16777216T", "1 K", "99999999999999999999",
        "9999999.9T"};
    for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++)
        assert_false(gft_words_size(wrong[k], &n));
    assert_true(n == 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_level_warns_once),
        cmocka_unit_test(levels_mask),
        cmocka_unit_test(clocks_go_on),
        cmocka_unit_test(nearest_word),
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(real_numbers),
        cmocka_unit_test(sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
