/*
 * Resizing and the preprocessing rule against values recorded from Pillow and TensorFlow
 * (tests/golden/resize.txt), and the properties no table shows: crop boxes, strides, names, bad
 * rules.
 */
#include "cmocka_all.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "data/preprocess.h"
#include "data/resize_pass.h"

#define TF_TOLERANCE 1e-3f

static uint8_t *golden_picture(int h, int w) {
    uint8_t *p = malloc((size_t)(h * w * 3));
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            for (int c = 0; c < 3; c++)
                p[(y * w + x) * 3 + c] = (uint8_t)((37 * x + 91 * y + 53 * c + 7 * x * y) % 256);
    return p;
}

static void check_line(char *line) {
    char *rest;
    const char *flavour = strtok_r(line, " ", &rest);
    const char *method = strtok_r(NULL, " ", &rest);
    int antialias = (int)strtol(strtok_r(NULL, " ", &rest), NULL, 10);
    const char *shape = strtok_r(NULL, " ", &rest);
    int size[4];
    for (int i = 0; i < 4; i++)
        size[i] = (int)strtol(strtok_r(NULL, " ", &rest), NULL, 10);

    graft_preprocess rule = graft_preprocess_default(size[2], size[3]);
    assert_int_equal(graft_interpolation_parse(method, &rule.interpolation, NULL), GRAFT_OK);
    assert_int_equal(graft_resize_flavour_parse(flavour, &rule.flavour, NULL), GRAFT_OK);
    rule.antialias = antialias;
    rule.mode = strcmp(shape, "pad") == 0 ? GRAFT_RESIZE_PAD : GRAFT_RESIZE_SQUEEZE;
    rule.pad_value = 0;

    uint8_t *in = golden_picture(size[0], size[1]);
    int count = size[2] * size[3] * 3;
    float *out = malloc((size_t)count * sizeof *out);
    assert_int_equal(graft_preprocess_pixels(&rule, in, size[0], size[1], out, NULL), GRAFT_OK);
    float tolerance = rule.flavour == GRAFT_FLAVOUR_PIL ? 0.0f : TF_TOLERANCE;
    for (int i = 0; i < count; i++) {
        float want = strtof(strtok_r(NULL, " ", &rest), NULL);
        if (!(fabsf(out[i] - want) <= tolerance))
            fail_msg("%s %s antialias %d %s %dx%d to %dx%d: value %d is %g, recorded %g", flavour,
                     method, antialias, shape, size[0], size[1], size[2], size[3], i,
                     (double)out[i], (double)want);
    }
    assert_null(strtok_r(NULL, " \n", &rest));
    free(out);
    free(in);
}

static void test_golden(void **state) {
    (void)state;
    uint8_t *text;
    size_t bytes;
    assert_int_equal(gft_file_read(GFT_TEST_DIR "/golden/resize.txt", 1 << 20, &text, &bytes, NULL),
                     GRAFT_OK);
    int lines = 0;
    char *rest;
    for (char *line = strtok_r((char *)text, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest)) {
        if (line[0] == '#')
            continue;
        check_line(line);
        lines++;
    }
    assert_int_equal(lines, 6 * 15 + 4);
    gft_free(text);
}

/*
 * What is cut: rows and columns of a picture that holds its own coordinates, at no change of size.
 */
static void check_crop(int h, int w, int size, int padding, double fraction, int top, int left,
                       int side) {
    uint8_t *in = malloc((size_t)(h * w * 3));
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            in[(y * w + x) * 3] = (uint8_t)y;
            in[(y * w + x) * 3 + 1] = (uint8_t)x;
            in[(y * w + x) * 3 + 2] = 7;
        }
    graft_preprocess rule = graft_preprocess_default(size, size);
    rule.mode = GRAFT_RESIZE_CROP;
    rule.interpolation = GRAFT_NEAREST;
    rule.crop_padding = padding;
    rule.crop_fraction = fraction;
    float *out = malloc((size_t)(size * size * 3) * sizeof *out);
    assert_int_equal(graft_preprocess_pixels(&rule, in, h, w, out, NULL), GRAFT_OK);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            const float *p = out + (y * size + x) * 3;
            assert_true(p[0] == (float)(top + (int)((y + 0.5) * side / size)));
            assert_true(p[1] == (float)(left + (int)((x + 0.5) * side / size)));
            assert_true(p[2] == 7.0f);
        }
    free(out);
    free(in);
}

static void test_crop(void **state) {
    (void)state;
    check_crop(100, 200, 28, 4, 0.0, 7, 57,
               87); /* int(28 / 32 * 100) = 87, offsets (13 + 1) / 2, (113 + 1) / 2 */
    check_crop(32, 32, 28, 4, 0.0, 2, 2, 28); /* exactly the size: no rounding below it */
    check_crop(50, 40, 20, 0, 0.5, 15, 10, 20);
    check_crop(40, 41, 10, 0, 1.0, 0, 1, 40);
    check_crop(1, 1, 4, 4, 0.0, 0, 0, 1);
}

static void test_crop_of_other_ratio(void **state) {
    (void)state;
    /* 20 high, 40 wide out of 60 x 60: the widest box is 30 x 60, half of it 15 x 30. */
    uint8_t *in = calloc(60 * 60, 3);
    for (int y = 23; y < 23 + 15; y++)
        memset(in + (y * 60 + 15) * 3, 200, 30 * 3);
    graft_preprocess rule = graft_preprocess_default(20, 40);
    rule.mode = GRAFT_RESIZE_CROP;
    rule.crop_fraction = 0.5;
    float out[20 * 40 * 3];
    assert_int_equal(graft_preprocess_pixels(&rule, in, 60, 60, out, NULL), GRAFT_OK);
    for (size_t i = 0; i < sizeof out / sizeof out[0]; i++)
        assert_true(out[i] == 200.0f);
    free(in);
}

static void test_pad_value(void **state) {
    (void)state;
    uint8_t in[2 * 8 * 3];
    memset(in, 255, sizeof in);
    for (int flavour = 0; flavour < 2; flavour++) {
        graft_preprocess rule = graft_preprocess_default(8, 8);
        rule.mode = GRAFT_RESIZE_PAD;
        rule.flavour = (graft_resize_flavour)flavour;
        float out[8 * 8 * 3];
        assert_int_equal(graft_preprocess_pixels(&rule, in, 2, 8, out, NULL), GRAFT_OK);
        for (int y = 0; y < 8; y++)
            assert_true(fabsf(out[y * 24] - (y == 3 || y == 4 ? 255.0f : 127.0f)) < 1e-3f);
        assert_int_equal(graft_preprocess_pixels(&rule, in, 1, 16, out, NULL),
                         GRAFT_OK); /* half a line: one line */
    }
}

static void test_views_and_strides(void **state) {
    (void)state;
    /* A part of a picture, into a part of a result, gives what the part alone gives. */
    uint8_t *big = golden_picture(40, 50);
    uint8_t part[20 * 30 * 3];
    for (int y = 0; y < 20; y++)
        memcpy(part + y * 90, big + ((y + 7) * 50 + 11) * 3, 90);
    const int sizes[3][2] = {{9, 41}, {33, 12}, {20, 30}};
    for (int s = 0; s < 3; s++) {
        for (int m = GRAFT_NEAREST; m <= GRAFT_LANCZOS3; m++) {
            int h = sizes[s][0];
            int w = sizes[s][1];
            gft_view view = {big + (7 * 50 + 11) * 3, 20, 30, 150};
            gft_view alone = {part, 20, 30, 90};
            uint8_t a[40 * 60 * 3];
            uint8_t b[40 * 60 * 3];
            memset(a, 9, sizeof a);
            assert_int_equal(gft_resize_pil(&view, (graft_interpolation)m, h, w, a, 180, NULL),
                             GRAFT_OK);
            assert_int_equal(
                gft_resize_pil(&alone, (graft_interpolation)m, h, w, b, (size_t)w * 3, NULL),
                GRAFT_OK);
            for (int y = 0; y < h; y++) {
                assert_memory_equal(a + y * 180, b + y * w * 3, (size_t)w * 3);
                for (int x = w * 3; x < 180; x++)
                    assert_int_equal(a[y * 180 + x], 9);
            }
        }
    }
    free(big);
}

static void test_vector_passes_equal_scalar(void **state) {
    (void)state;
    const int sizes[7][2] = {{50, 224}, {300, 224}, {640, 31}, {5, 3}, {2000, 2}, {17, 18}, {1, 9}};
    for (int s = 0; s < 7; s++) {
        for (int m = GRAFT_BILINEAR; m <= GRAFT_LANCZOS3; m++) {
            int inputs = sizes[s][0];
            int outputs = sizes[s][1];
            gft_taps taps;
            gft_pair_taps pairs;
            assert_int_equal(gft_taps_pil((graft_interpolation)m, inputs, outputs, &taps, NULL),
                             GRAFT_OK);
            assert_int_equal(gft_pair_taps_init(&pairs, &taps, NULL), GRAFT_OK);
            /* exact sizes on the heap, so that sanitizers see a byte too many */
            size_t row = (size_t)inputs * 3;
            uint8_t *in = malloc(row);
            uint8_t *a = malloc((size_t)outputs * 3);
            uint8_t *b = malloc((size_t)outputs * 3);
            for (size_t i = 0; i < row; i++)
                in[i] = i % 5 == 0   ? 255
                        : i % 3 == 0 ? 0
                                     : (uint8_t)(i * 131 + i / 7); /* clips both ways */
            gft_pass_row(in, inputs, &taps, &pairs, a);
            gft_pass_row_scalar(in, &taps, 0, outputs, b);
            assert_memory_equal(a, b, (size_t)outputs * 3);
            free(in);
            free(a);
            free(b);
            const size_t widths[4] = {1, 16, 31, 200};
            for (int k = 0; k < 4; k++) {
                size_t n = widths[k];
                in = malloc(n * (size_t)inputs);
                a = malloc(n);
                b = malloc(n);
                for (size_t i = 0; i < n * (size_t)inputs; i++)
                    in[i] = i % 5 == 0 ? 255 : i % 3 == 0 ? 0 : (uint8_t)(i * 131 + i / 7);
                for (int y = 0; y < outputs; y++) {
                    const uint8_t *first = in + (size_t)taps.start[y] * n;
                    gft_pass_column(first, n, &taps, &pairs, y, n, a);
                    gft_pass_column_scalar(first, n, &taps, y, n, b);
                    assert_memory_equal(a, b, n);
                }
                free(in);
                free(a);
                free(b);
            }
            gft_pair_taps_deinit(&pairs);
            gft_taps_deinit(&taps);
        }
    }
}

static void test_conversions(void **state) {
    (void)state;
    const float in[6] = {-3.0f, 0.49f, 0.51f, 254.5f, 255.4f, 300.0f};
    const uint8_t want[6] = {0, 0, 1, 254, 255, 255};
    uint8_t out[6];
    gft_f32_to_u8(in, 6, out);
    assert_memory_equal(out, want, 6);
    float back[6];
    gft_u8_to_f32(want, 6, back);
    for (int i = 0; i < 6; i++)
        assert_true(back[i] == (float)want[i]);
}

static void test_names(void **state) {
    (void)state;
    assert_string_equal(graft_resize_mode_name(GRAFT_RESIZE_PAD), "pad");
    assert_string_equal(graft_interpolation_name(GRAFT_AREA), "area");
    assert_string_equal(graft_resize_flavour_name(GRAFT_FLAVOUR_TF), "tf");
    assert_string_equal(graft_interpolation_name((graft_interpolation)9), "?");
    graft_resize_mode mode = GRAFT_RESIZE_PAD;
    graft_error err;
    assert_int_equal(graft_resize_mode_parse("sqeeze", &mode, &err), GRAFT_INVALID_ARGUMENT);
    assert_int_equal(mode, GRAFT_RESIZE_PAD);
    assert_non_null(strstr(err.message, "squeeze, crop, pad"));
    assert_non_null(strstr(err.message, "did you mean 'squeeze'"));
    assert_int_equal(graft_resize_mode_parse("crop", &mode, NULL), GRAFT_OK);
    assert_int_equal(mode, GRAFT_RESIZE_CROP);
}

static void test_bad_rules(void **state) {
    (void)state;
    graft_preprocess good = graft_preprocess_default(224, 224);
    assert_int_equal(graft_preprocess_check(&good, NULL), GRAFT_OK);
    graft_preprocess bad[8];
    for (int i = 0; i < 8; i++)
        bad[i] = good;
    bad[0].height = 0;
    bad[1].width = 65501;
    bad[2].crop_padding = -1;
    bad[3].crop_fraction = 1.5;
    bad[4].crop_fraction = NAN;
    bad[5].pad_value = 256;
    bad[6].mode = (graft_resize_mode)7;
    bad[7].interpolation = (graft_interpolation)-1;
    uint8_t pixel[3] = {0};
    float out[3];
    for (int i = 0; i < 8; i++) {
        assert_int_equal(graft_preprocess_check(&bad[i], NULL), GRAFT_INVALID_ARGUMENT);
        assert_int_equal(graft_preprocess_pixels(&bad[i], pixel, 1, 1, out, NULL),
                         GRAFT_INVALID_ARGUMENT);
    }
    graft_preprocess one = graft_preprocess_default(1, 1);
    assert_int_equal(graft_preprocess_pixels(&one, pixel, 0, 1, out, NULL), GRAFT_INVALID_ARGUMENT);
}

static void test_out_of_memory(void **state) {
    (void)state;
    uint8_t *in = golden_picture(30, 20);
    for (int flavour = 0; flavour < 2; flavour++) {
        graft_preprocess rule = graft_preprocess_default(8, 9);
        rule.flavour = (graft_resize_flavour)flavour;
        float out[8 * 9 * 3];
        int failures = 0;
        for (int64_t n = 1; n < 100; n++) {
            gft_alloc_fail_after(n);
            graft_status status = graft_preprocess_pixels(&rule, in, 30, 20, out, NULL);
            gft_alloc_fail_after(0);
            if (status == GRAFT_OK)
                break;
            assert_int_equal(status, GRAFT_RESOURCE_EXHAUSTED);
            failures++;
        }
        assert_in_range(failures, 3, 50);
    }
    free(in);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_crop),
        cmocka_unit_test(test_crop_of_other_ratio),
        cmocka_unit_test(test_pad_value),
        cmocka_unit_test(test_views_and_strides),
        cmocka_unit_test(test_vector_passes_equal_scalar),
        cmocka_unit_test(test_conversions),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_bad_rules),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
