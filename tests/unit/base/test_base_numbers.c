/*
 * Random numbers, CRC-32C and 16-bit floats against published values and against plain definitions.
 */
#include "cmocka_all.h"

#include <math.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/float16.h"
#include "base/rng.h"

/*
 * Known answers of philox4x32-10 that come with the Random123 library (kat_vectors); TensorFlow
 * 2.21 gives the same.
 */
static void philox_known_answers(void **state) {
    (void)state;
    static const uint32_t cases[3][10] = {
        {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09,
         0x94fdcceb, 0x5001e420, 0x24126ea1},
    };
    for (int i = 0; i < 3; i++) {
        uint32_t out[4];
        gft_philox(&cases[i][4], &cases[i][0], out);
        assert_memory_equal(out, &cases[i][6], sizeof out);
    }
}

static void draws_are_a_function_of_the_index(void **state) {
    (void)state;
    gft_rng a = gft_rng_make(42, GFT_RNG_TEST, 3);
    gft_rng b = a;
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(gft_rng_u32(&a), gft_rng_at(&b, i));
    assert_true(a.index == 100 && b.index == 0);
    gft_rng c = gft_rng_make(42, GFT_RNG_INIT, 3);
    gft_rng d = gft_rng_make(42, GFT_RNG_TEST, 4);
    gft_rng e = gft_rng_make(43, GFT_RNG_TEST, 3);
    assert_int_not_equal(gft_rng_at(&b, 0), gft_rng_at(&c, 0));
    assert_int_not_equal(gft_rng_at(&b, 0), gft_rng_at(&d, 0));
    assert_int_not_equal(gft_rng_at(&b, 0), gft_rng_at(&e, 0));
}

static void distributions(void **state) {
    (void)state;
    enum { N = 100000 };
    gft_rng rng = gft_rng_make(1, GFT_RNG_TEST, 0);
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < N; i++) {
        float u = gft_rng_uniform(&rng);
        assert_true(u >= 0.0f && u < 1.0f);
        sum += (double)u;
    }
    assert_true(fabs(sum / N - 0.5) < 0.005); /* five standard errors */
    sum = 0;
    for (int i = 0; i < N; i++) {
        double x = gft_rng_normal(&rng);
        sum += x;
        squares += x * x;
    }
    assert_true(fabs(sum / N) < 0.016);
    assert_true(fabs(squares / N - 1.0) < 0.023);
    int counts[7] = {0};
    for (int i = 0; i < N; i++)
        counts[gft_rng_below(&rng, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_true(fabs(counts[i] - N / 7.0) < 5 * sqrt(N / 7.0));
    for (int i = 0; i < 1000; i++) {
        assert_true(gft_rng_below(&rng, 0x80000001u) <= 0x80000000u);
        assert_int_equal(gft_rng_below(&rng, 1), 0);
    }
}

static void shuffle_keeps_all(void **state) {
    (void)state;
    uint32_t items[100];
    int seen[100] = {0};
    int moved = 0;
    for (uint32_t i = 0; i < 100; i++)
        items[i] = i;
    gft_rng rng = gft_rng_make(7, GFT_RNG_SHUFFLE, 0);
    gft_rng_shuffle(&rng, items, 100);
    for (uint32_t i = 0; i < 100; i++) {
        seen[items[i]]++;
        moved += items[i] != i;
    }
    for (int i = 0; i < 100; i++)
        assert_int_equal(seen[i], 1);
    assert_true(moved > 80);
    gft_rng_shuffle(&rng, items, 0);
    gft_rng_shuffle(&rng, items, 1);
}

/* RFC 3720 B.4 and the check value of the CRC catalogue. */
static void crc_known_answers(void **state) {
    (void)state;
    uint8_t bytes[32] = {0};
    assert_int_equal(gft_crc32c("123456789", 9), 0xe3069283u);
    assert_int_equal(gft_crc32c("", 0), 0);
    assert_int_equal(gft_crc32c(bytes, 32), 0x8a9136aau);
    memset(bytes, 0xff, 32);
    assert_int_equal(gft_crc32c(bytes, 32), 0x62a8ab43u);
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(gft_crc32c(bytes, 32), 0x46dd794eu);
    assert_int_equal(gft_crc32c_mask(0), 0xa282ead8u);
    assert_int_equal(gft_crc32c_mask(0xe3069283u),
                     (uint32_t)((0xe3069283u >> 15 | 0xe3069283u << 17) + 0xa282ead8u));
}

static void crc_paths_agree(void **state) {
    (void)state;
    uint8_t bytes[300];
    gft_rng rng = gft_rng_make(5, GFT_RNG_TEST, 0);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)gft_rng_u32(&rng);
    for (size_t offset = 0; offset < 9; offset++) {
        for (size_t n = 0; n + offset <= sizeof bytes; n += 7) {
            uint32_t fast = gft_crc32c(bytes + offset, n);
            assert_int_equal(fast, gft_crc32c_extend_portable(0, bytes + offset, n));
            size_t half = n / 3;
            uint32_t parts = gft_crc32c_extend(gft_crc32c(bytes + offset, half),
                                               bytes + offset + half, n - half);
            assert_int_equal(fast, parts);
        }
    }
}

/*
 * Every half comes back; midpoints between neighbours go to the even one; what lies beside them
 * goes to the nearer.
 */
static void half_rounds_to_nearest_even(void **state) {
    (void)state;
    for (uint32_t h = 0; h < 0x7c00; h++) {
        float low = gft_f32_from_f16((uint16_t)h);
        float high = h + 1 == 0x7c00 ? 65536.0f : gft_f32_from_f16((uint16_t)(h + 1));
        assert_int_equal(gft_f16_from_f32(low), h);
        assert_int_equal(gft_f16_from_f32(-low), h | 0x8000);
        float middle = low + (high - low) / 2;
        assert_int_equal(gft_f16_from_f32(middle), h & 1 ? h + 1 : h);
        assert_int_equal(gft_f16_from_f32(nextafterf(middle, 0.0f)), h);
        assert_int_equal(gft_f16_from_f32(nextafterf(middle, INFINITY)), h + 1);
    }
    assert_true(gft_f32_from_f16(0x3c00) == 1.0f);
    assert_true(gft_f32_from_f16(0x0001) == 0x1p-24f);
    assert_true(gft_f32_from_f16(0x7bff) == 65504.0f);
    assert_true(isinf(gft_f32_from_f16(0xfc00)));
    assert_true(isnan(gft_f32_from_f16(0x7e01)));
    assert_int_equal(gft_f16_from_f32(INFINITY), 0x7c00);
    assert_int_equal(gft_f16_from_f32(-1e9f), 0xfc00);
    assert_int_equal(gft_f16_from_f32(NAN) & 0x7e00, 0x7e00);
    assert_int_equal(gft_f16_from_f32(0x1p-149f), 0);
    assert_int_equal(gft_f16_from_f32(-0.0f), 0x8000);
}

static void bfloat_rounds_to_nearest_even(void **state) {
    (void)state;
    for (uint32_t h = 0; h < 0x7f80; h += 3) {
        float value = gft_f32_from_bf16((uint16_t)h);
        assert_int_equal(gft_bf16_from_f32(value), h);
        uint32_t bits = h << 16 | 0x8000u;
        memcpy(&value, &bits, sizeof value);
        assert_int_equal(gft_bf16_from_f32(value), h & 1 ? h + 1 : h);
        assert_int_equal(gft_bf16_from_f32(nextafterf(value, 0.0f)), h);
        assert_int_equal(gft_bf16_from_f32(nextafterf(value, INFINITY)), h + 1);
    }
    assert_true(gft_f32_from_bf16(0x3f80) == 1.0f);
    assert_int_equal(gft_bf16_from_f32(INFINITY), 0x7f80);
    uint32_t quiet = 0x7f800001u; /* a NaN whose upper half alone would read as infinity */
    float value;
    memcpy(&value, &quiet, sizeof value);
    assert_true(isnan(gft_f32_from_bf16(gft_bf16_from_f32(value))));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_known_answers),
        cmocka_unit_test(draws_are_a_function_of_the_index),
        cmocka_unit_test(distributions),
        cmocka_unit_test(shuffle_keeps_all),
        cmocka_unit_test(crc_known_answers),
        cmocka_unit_test(crc_paths_agree),
        cmocka_unit_test(half_rounds_to_nearest_even),
        cmocka_unit_test(bfloat_rounds_to_nearest_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
