/*
 * The BMP reader on files put together by hand: every depth, masks, top-down, run lengths, core
 * header, bad headers.
 */
#include "cmocka_all.h"

#include "formats/picture.h"
#include "unit/data/picture_maker.h"

static const unsigned char red[3] = {255, 0, 0};
static const unsigned char green[3] = {0, 255, 0};
static const unsigned char blue[3] = {0, 0, 255};
static const unsigned char black[3] = {0, 0, 0};
static const unsigned char palette_rgb[16] = {0,      0,   0, 0, /**/ 0,   0, 255, 0,
                                              /**/ 0, 255, 0, 0, /**/ 255, 0, 0,   0};
/* palette entries (stored BGR0): 0 black, 1 red, 2 green, 3 blue */

static void check(made_bytes in, int height, int width, const unsigned char *const *want) {
    gft_picture picture = {0};
    graft_error err = {0};
    graft_status status = gft_picture_decode(in.data, in.bytes, "bmp", &picture, &err);
    if (status != GRAFT_OK)
        print_message("%s\n", err.message);
    assert_int_equal(status, GRAFT_OK);
    assert_int_equal(picture.height, height);
    assert_int_equal(picture.width, width);
    for (int i = 0; i < height * width; i++)
        assert_memory_equal(picture.pixels + 3 * i, want[i], 3);
    gft_picture_deinit(&picture);
    for (size_t n = 0; n < in.bytes; n++) {
        unsigned char *copy = malloc(n ? n : 1);
        memcpy(copy, in.data, n);
        if (gft_picture_decode(copy, n, "bmp", &picture, NULL) == GRAFT_OK)
            gft_picture_deinit(&picture);
        free(copy);
    }
    free(in.data);
}

static void test_depths(void **state) {
    (void)state;
    const unsigned char *const want[4] = {red, green, blue,
                                          black}; /* top row red green, bottom blue black */
    const unsigned char p24[16] = {255, 0, 0, 0, 0, 0, 0, 0, /**/ 0, 0, 255, 0, 255, 0, 0, 0};
    check(make_bmp(2, 2, 24, 0, NULL, 0, p24, 16), 2, 2, want);
    const unsigned char p32[16] = {255, 0, 0, 9, 0, 0, 0, 9, /**/ 0, 0, 255, 9, 0, 255, 0, 9};
    check(make_bmp(2, 2, 32, 0, NULL, 0, p32, 16), 2, 2, want);
    const unsigned char p8[8] = {3, 0, 0, 0, 1, 2, 0, 0};
    check(make_bmp(2, 2, 8, 0, palette_rgb, 16, p8, 8), 2, 2, want);
    const unsigned char p4[8] = {0x30, 0, 0, 0, 0x12, 0, 0, 0};
    check(make_bmp(2, 2, 4, 0, palette_rgb, 16, p4, 8), 2, 2, want);
    const unsigned char p2[8] = {0xc0, 0, 0, 0, 0x60, 0, 0, 0};
    check(make_bmp(2, 2, 2, 0, palette_rgb, 16, p2, 8), 2, 2, want);
    const unsigned char p16[8] = {0x1f, 0, 0, 0, 0, 0x7c, 0xe0, 0x03};
    check(make_bmp(2, 2, 16, 0, NULL, 0, p16, 8), 2, 2, want);
    const unsigned char *const two[4] = {black, red, red, black};
    const unsigned char p1[8] = {0x80, 0, 0, 0, 0x40, 0, 0, 0};
    check(make_bmp(2, 2, 1, 0, palette_rgb, 8, p1, 8), 2, 2, two);
}

static void test_masks(void **state) {
    (void)state;
    const unsigned char *const want[2] = {red, green};
    const unsigned char m565[12] = {0, 0xf8, 0, 0, 0xe0, 0x07, 0, 0, 0x1f, 0, 0, 0};
    const unsigned char p16[4] = {0, 0xf8, 0xe0, 0x07};
    check(make_bmp(1, 2, 16, 3, m565, 12, p16, 4), 1, 2, want);
    const unsigned char odd[12] = {0,    0, 0xf0, 0x3f, 0, 0xfc,
                                   0x0f, 0, 0xff, 3,    0, 0}; /* 10 bits each */
    const unsigned char p32[8] = {0, 0, 0xf0, 0x3f, 0, 0xfc, 0x0f, 0};
    check(make_bmp(1, 2, 32, 3, odd, 12, p32, 8), 1, 2, want);
    const unsigned char zero[12] = {0};
    const unsigned char *const none[2] = {black, black};
    check(make_bmp(1, 2, 32, 3, zero, 12, p32, 8), 1, 2, none);
}

static void test_top_down(void **state) {
    (void)state;
    const unsigned char p24[8] = {0, 0, 255, 0, 255, 0, 0, 0};
    made_bytes in = make_bmp(-1, 2, 24, 0, NULL, 0, p24, 8);
    const unsigned char *const row[2] = {red, green};
    check(in, 1, 2, row);
    const unsigned char p8[8] = {1, 2, 0, 0, 3, 0, 0, 0};
    const unsigned char *const want[4] = {red, green, blue, black};
    check(make_bmp(-2, 2, 8, 0, palette_rgb, 16, p8, 8), 2, 2, want);
}

static void test_rle8(void **state) {
    (void)state;
    /* bottom line: 2 blue; end of line; absolute run red green black (padded); end */
    const unsigned char runs[] = {2, 3, 1, 0, 0, 0, 0, 3, 1, 2, 0, 0, 0, 1};
    const unsigned char *const want[6] = {red, green, black, blue, blue, black};
    check(make_bmp(2, 3, 8, 1, palette_rgb, 16, runs, sizeof runs), 2, 3, want);
    /* a delta of one right and one up leaves entry 0 behind; a run is cut at the edge */
    const unsigned char delta[] = {0, 2, 1, 1, 9, 1, 0, 1};
    const unsigned char *const jumped[6] = {black, red, red, black, black, black};
    check(make_bmp(2, 3, 8, 1, palette_rgb, 16, delta, sizeof delta), 2, 3, jumped);
}

static void test_rle4(void **state) {
    (void)state;
    const unsigned char runs[] = {3, 0x12, 0, 0, 0, 3, 0x32, 0x10, 0, 1};
    const unsigned char *const want[6] = {blue, green, red, red, green, red};
    check(make_bmp(2, 3, 4, 2, palette_rgb, 16, runs, sizeof runs), 2, 3, want);
}

static void test_core_header(void **state) {
    (void)state;
    unsigned char file[26 + 6 + 8] = "BM";
    put_le(file + 10, 32, 4);
    put_le(file + 14, 12, 4);
    put_le(file + 18, 2, 2);
    put_le(file + 20, 2, 2);
    put_le(file + 22, 1, 2);
    put_le(file + 24, 1, 2);
    memcpy(file + 26, "\0\0\0\0\0\xff", 6); /* black, red */
    file[32] = 0x80;                        /* bottom: red black */
    file[36] = 0x40;                        /* top: black red */
    made_bytes in = {malloc(sizeof file), sizeof file};
    memcpy(in.data, file, sizeof file);
    const unsigned char *const want[4] = {black, red, red, black};
    check(in, 2, 2, want);
}

static void expect(made_bytes in, graft_status want) {
    gft_picture picture = {0};
    graft_error err = {0};
    assert_int_equal(gft_picture_decode(in.data, in.bytes, "bad.bmp", &picture, &err), want);
    assert_non_null(strstr(err.message, "bad.bmp"));
    free(in.data);
}

static void test_bad(void **state) {
    (void)state;
    const unsigned char p[16] = {0};
    expect(make_bmp(2, 2, 7, 0, NULL, 0, p, 16), GRAFT_UNIMPLEMENTED);
    expect(make_bmp(2, 2, 24, 4, NULL, 0, p, 16), GRAFT_UNIMPLEMENTED); /* JPEG inside BMP */
    expect(make_bmp(2, 2, 24, 1, NULL, 0, p, 16), GRAFT_UNIMPLEMENTED);
    expect(make_bmp(0, 2, 24, 0, NULL, 0, p, 16), GRAFT_INVALID_ARGUMENT);
    expect(make_bmp(2, 0, 24, 0, NULL, 0, p, 16), GRAFT_INVALID_ARGUMENT);
    expect(make_bmp((int)0x80000000u, 2, 24, 0, NULL, 0, p, 16), GRAFT_INVALID_ARGUMENT);
    expect(make_bmp(2, 0x7fffffff, 32, 0, NULL, 0, p, 16), GRAFT_INVALID_ARGUMENT);
    expect(make_bmp(3, 2, 24, 0, NULL, 0, p, 16), GRAFT_DATA_LOSS);
    const unsigned char cut[] = {2, 3, 0, 0};
    expect(make_bmp(2, 3, 8, 1, palette_rgb, 16, cut, sizeof cut), GRAFT_DATA_LOSS);
    made_bytes in = make_bmp(2, 2, 24, 0, NULL, 0, p, 16);
    put_le(in.data + 14, 41, 4);
    expect(in, GRAFT_UNIMPLEMENTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_depths),   cmocka_unit_test(test_masks),
        cmocka_unit_test(test_top_down), cmocka_unit_test(test_rle8),
        cmocka_unit_test(test_rle4),     cmocka_unit_test(test_core_header),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
