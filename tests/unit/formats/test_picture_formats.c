/*
 * Decoding pictures the libraries wrote: pixels of every kind, prefixes of every length, garbage,
 * foreign formats.
 */
#include "cmocka_all.h"

#include "base/alloc.h"
#include "base/file.h"
#include "formats/picture.h"
#include "unit/data/picture_maker.h"

static graft_status decode(made_bytes in, gft_picture *picture, graft_error *err) {
    memset(picture, 0, sizeof *picture);
    return gft_picture_decode(in.data, in.bytes, "test", picture, err);
}

static void assert_pixels(made_bytes in, const unsigned char *want, int height, int width,
                          int tolerance) {
    gft_picture picture;
    graft_error err = {0};
    graft_status status = decode(in, &picture, &err);
    if (status != GRAFT_OK)
        print_message("%s\n", err.message);
    assert_int_equal(status, GRAFT_OK);
    assert_int_equal(picture.height, height);
    assert_int_equal(picture.width, width);
    assert_int_equal(picture.channels, 3);
    for (int i = 0; i < height * width * 3; i++)
        assert_in_range(picture.pixels[i], want[i] < tolerance ? 0 : want[i] - tolerance,
                        want[i] + tolerance);
    gft_picture_deinit(&picture);
    gft_picture_deinit(&picture);
}

/*
 * Every shorter file is an error with a message, or (cut behind its last pixel) the same picture.
 */
static void assert_prefixes_fail(made_bytes in, size_t may_lack) {
    gft_picture whole;
    assert_int_equal(decode(in, &whole, NULL), GRAFT_OK);
    for (size_t n = 0; n < in.bytes; n++) {
        unsigned char *copy =
            malloc(n ? n : 1); /* exact size, so that sanitizers see an over-read */
        memcpy(copy, in.data, n);
        gft_picture picture = {0};
        graft_error err = {0};
        graft_status status = gft_picture_decode(copy, n, "cut", &picture, &err);
        if (status == GRAFT_OK) {
            assert_true(n + may_lack >= in.bytes);
            assert_memory_equal(picture.pixels, whole.pixels,
                                (size_t)(whole.height * whole.width * 3));
            gft_picture_deinit(&picture);
        } else {
            assert_non_null(strstr(err.message, "cut: "));
            assert_null(picture.pixels);
        }
        free(copy);
    }
    gft_picture_deinit(&whole);
}

/* Any single byte changed: no crash; an error leaves nothing behind. */
static void damage_every_byte(made_bytes in) {
    for (size_t at = 0; at < in.bytes; at++) {
        for (int how = 0; how < 2; how++) {
            unsigned char kept = in.data[at];
            in.data[at] = how ? 0xff : (unsigned char)(kept ^ (1u << (at % 8)));
            gft_picture picture = {0};
            if (gft_picture_decode(in.data, in.bytes, "damaged", &picture, NULL) == GRAFT_OK)
                gft_picture_deinit(&picture);
            else
                assert_null(picture.pixels);
            in.data[at] = kept;
        }
    }
}

static unsigned char *grey_to_rgb(const unsigned char *grey, int count) {
    unsigned char *rgb = malloc((size_t)count * 3);
    for (int i = 0; i < count * 3; i++)
        rgb[i] = grey[i / 3];
    return rgb;
}

static void test_jpeg(void **state) {
    (void)state;
    for (int progressive = 0; progressive < 2; progressive++) {
        unsigned char *grey = make_pattern(37, 53, 1, 1);
        unsigned char *want = grey_to_rgb(grey, 37 * 53);
        made_bytes in = make_jpeg(grey, 37, 53, 1, progressive);
        assert_pixels(in, want, 37, 53, 8);
        assert_prefixes_fail(in, 0);
        damage_every_byte(in);
        free(in.data);
        free(want);
        free(grey);
    }
    unsigned char *flat = malloc(16 * 16 * 3); /* chroma subsampling leaves flat colours alone */
    for (int i = 0; i < 16 * 16; i++)
        memcpy(flat + 3 * i, "\xc0\x50\x20", 3);
    made_bytes in = make_jpeg(flat, 16, 16, 3, 0);
    assert_pixels(in, flat, 16, 16, 3);
    free(in.data);
    free(flat);
}

static void test_jpeg_cmyk(void **state) {
    (void)state;
    /* The Adobe marker the library writes means inverted ink: 255 is no ink. */
    unsigned char cmyk[8 * 8 * 4];
    unsigned char want[8 * 8 * 3];
    for (int i = 0; i < 64; i++) {
        memcpy(cmyk + 4 * i, "\xff\x80\x00\xc8", 4);
        want[3 * i] = 200;
        want[3 * i + 1] = 100; /* 128 * 200 / 255 */
        want[3 * i + 2] = 0;
    }
    made_bytes in = make_jpeg(cmyk, 8, 8, 4, 0);
    assert_pixels(in, want, 8, 8, 2);
    assert_prefixes_fail(in, 0);
    free(in.data);
}

static void test_jpeg_cut_says_how_far(void **state) {
    (void)state;
    unsigned char *grey = make_pattern(200, 100, 1, 1);
    made_bytes in = make_jpeg(grey, 200, 100, 1, 0);
    in.bytes = in.bytes * 2 / 3;
    gft_picture picture;
    graft_error err = {0};
    assert_int_equal(decode(in, &picture, &err), GRAFT_DATA_LOSS);
    assert_non_null(strstr(err.message, "ends early"));
    assert_non_null(strstr(err.message, "of 200 lines"));
    /* With a false end marker the rest would come out grey without a word; it must not. */
    in.data[in.bytes - 2] = 0xff;
    in.data[in.bytes - 1] = 0xd9;
    assert_int_equal(decode(in, &picture, &err), GRAFT_DATA_LOSS);
    free(in.data);
    free(grey);
}

static void test_jpeg_with_endless_scans(void **state) {
    (void)state;
    unsigned char *grey = make_pattern(37, 53, 1, 1);
    made_bytes in = make_jpeg(grey, 37, 53, 1, 1);
    size_t first = 2; /* the first scan, of the mean values: reading it again changes nothing */
    while (!(in.data[first] == 0xff && in.data[first + 1] == 0xda))
        first++;
    size_t scan = 2;
    while (!(in.data[first + scan] == 0xff && in.data[first + scan + 1] != 0))
        scan++;
    made_bytes big = {malloc(in.bytes + 300 * scan), 0};
    for (; big.bytes < first; big.bytes++)
        big.data[big.bytes] = in.data[big.bytes];
    for (int i = 0; i < 300; i++, big.bytes += scan)
        memcpy(big.data + big.bytes, in.data + first, scan);
    memcpy(big.data + big.bytes, in.data + first, in.bytes - first);
    big.bytes += in.bytes - first;
    gft_picture picture;
    graft_error err = {0};
    assert_int_equal(decode(big, &picture, &err), GRAFT_DATA_LOSS);
    assert_non_null(strstr(err.message, "scans"));
    free(big.data);
    free(in.data);
    free(grey);
}

static void test_png_kinds(void **state) {
    (void)state;
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        unsigned char *rgb = make_pattern(13, 17, 3, 2);
        made_bytes in = make_png(rgb, 13 * 17 * 3, 13, 17, SPNG_COLOR_TYPE_TRUECOLOR, 8, interlaced,
                                 NULL, NULL);
        assert_pixels(in, rgb, 13, 17, 0);
        assert_prefixes_fail(in, 24); /* checksums and the end chunk */
        damage_every_byte(in);
        free(in.data);
        free(rgb);
        unsigned char *rgba = make_pattern(13, 17, 4, 2);
        unsigned char *want = malloc(13 * 17 * 3);
        for (int i = 0; i < 13 * 17; i++)
            memcpy(want + 3 * i, rgba + 4 * i, 3);
        in = make_png(rgba, 13 * 17 * 4, 13, 17, SPNG_COLOR_TYPE_TRUECOLOR_ALPHA, 8, interlaced,
                      NULL, NULL);
        assert_pixels(in, want, 13, 17, 0);
        free(in.data);
        free(want);
        free(rgba);
    }
}

static void test_png_grey(void **state) {
    (void)state;
    const unsigned char bits1[2] = {0xa5, 0x80}; /* rows of 1 byte: 10100101, 10000000 */
    unsigned char want[2 * 8 * 3];
    for (int i = 0; i < 48; i++)
        want[i] = (bits1[i / 24] >> (7 - i / 3 % 8)) & 1 ? 255 : 0;
    made_bytes in = make_png(bits1, 2, 2, 8, SPNG_COLOR_TYPE_GRAYSCALE, 1, 0, NULL, NULL);
    assert_pixels(in, want, 2, 8, 0);
    free(in.data);

    const uint16_t deep[4] = {0x0000, 0x12ff, 0x8000, 0xffff}; /* the high byte stays */
    const unsigned char high[12] = {0, 0, 0, 0x12, 0x12, 0x12, 0x80, 0x80, 0x80, 0xff, 0xff, 0xff};
    in = make_png(deep, sizeof deep, 2, 2, SPNG_COLOR_TYPE_GRAYSCALE, 16, 0, NULL, NULL);
    assert_pixels(in, high, 2, 2, 0);
    free(in.data);
}

static void test_png_palette(void **state) {
    (void)state;
    struct spng_plte palette = {.n_entries = 3,
                                .entries = {{10, 20, 30, 0}, {40, 50, 60, 0}, {70, 80, 90, 0}}};
    struct spng_trns trns = {.n_type3_entries = 1, .type3_alpha = {0}};
    const unsigned char index[4] = {2, 0, 1, 2};
    const unsigned char want[12] = {70, 80, 90, 10, 20, 30, 40, 50, 60, 70, 80, 90};
    made_bytes in = make_png(index, 4, 2, 2, SPNG_COLOR_TYPE_INDEXED, 8, 0, &palette, &trns);
    assert_pixels(in, want, 2, 2, 0); /* transparent entries keep their colour */
    damage_every_byte(in);
    free(in.data);
}

static void test_webp(void **state) {
    (void)state;
    unsigned char *rgb = make_pattern(21, 19, 3, 3);
    made_bytes in = make_webp_lossless(rgb, 21, 19);
    assert_pixels(in, rgb, 21, 19, 0);
    assert_prefixes_fail(in, 2); /* the last bits of a stream may be padding */
    damage_every_byte(in);
    free(in.data);
    free(rgb);
}

static void expect_status(const char *bytes, size_t n, graft_status want, const char *says) {
    gft_picture picture = {0};
    graft_error err = {0};
    assert_int_equal(gft_picture_decode(bytes, n, "file.jpg", &picture, &err), want);
    assert_non_null(strstr(err.message, "file.jpg: "));
    assert_non_null(strstr(err.message, says));
    assert_null(picture.pixels);
}

static void test_not_pictures(void **state) {
    (void)state;
    expect_status("", 0, GRAFT_INVALID_ARGUMENT, "empty");
    expect_status("hello, world", 12, GRAFT_INVALID_ARGUMENT, "68 65 6c 6c");
    expect_status("\x01", 1, GRAFT_INVALID_ARGUMENT, "01");
    expect_status("GIF89a....", 10, GRAFT_UNIMPLEMENTED, "GIF");
    expect_status("II*\0....", 8, GRAFT_UNIMPLEMENTED, "TIFF");
    expect_status("\0\0\0\x18"
                  "ftypavif",
                  12, GRAFT_UNIMPLEMENTED, "AVIF");
    expect_status("\xff\xd8\xff", 3, GRAFT_DATA_LOSS, "header");
    expect_status("\xff\xd8\xff\xe0garbage that is no marker at all", 36, GRAFT_DATA_LOSS, "JPEG");
}

static void test_limits(void **state) {
    (void)state;
    /* A PNG header that claims 65535 x 65535 pixels in a small file. */
    unsigned char *rgb = make_pattern(2, 2, 3, 1);
    made_bytes in = make_png(rgb, 12, 2, 2, SPNG_COLOR_TYPE_TRUECOLOR, 8, 0, NULL, NULL);
    memcpy(in.data + 16, "\0\0\xff\xff\0\0\xff\xff", 8);
    memcpy(in.data + 29, "\xb2\xe5\x06\x15", 4); /* the checksum of that header */
    gft_picture picture;
    graft_error err = {0};
    graft_status status = decode(in, &picture, &err);
    assert_true(status == GRAFT_INVALID_ARGUMENT || status == GRAFT_DATA_LOSS);
    free(in.data);
    free(rgb);
    /* A BMP that claims 60000 x 60000. */
    unsigned char none[4] = {0};
    in = make_bmp(60000, 60000, 24, 0, NULL, 0, none, 4);
    assert_int_equal(decode(in, &picture, &err), GRAFT_DATA_LOSS);
    free(in.data);
    in = make_bmp(60000, 60000, 8, 1, NULL, 0, none, 4);
    put_le(in.data + 46, 1, 4); /* a palette of one colour, taken from the data */
    assert_int_not_equal(decode(in, &picture, &err), GRAFT_OK);
    free(in.data);
}

static void test_out_of_memory(void **state) {
    (void)state;
    unsigned char *rgb = make_pattern(5, 5, 3, 1);
    made_bytes in = make_png(rgb, 75, 5, 5, SPNG_COLOR_TYPE_TRUECOLOR, 8, 0, NULL, NULL);
    gft_picture picture;
    int failures = 0;
    for (int64_t n = 1; n < 200; n++) {
        gft_alloc_fail_after(n);
        graft_error err = {0};
        graft_status status = decode(in, &picture, &err);
        gft_alloc_fail_after(0);
        if (status != GRAFT_OK && status != GRAFT_RESOURCE_EXHAUSTED)
            print_message("allocation %d: %s\n", (int)n, err.message);
        if (status == GRAFT_OK) {
            gft_picture_deinit(&picture);
            break;
        }
        assert_int_equal(status, GRAFT_RESOURCE_EXHAUSTED);
        failures++;
    }
    assert_in_range(failures, 1, 100);
    free(in.data);
    free(rgb);
}

static void test_write_png(void **state) {
    (void)state;
    char folder[] = "/tmp/graft-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[64];
    snprintf(path, sizeof path, "%s/out.png", folder);
    for (int channels = 1; channels <= 3; channels += 2) {
        unsigned char *pixels = make_pattern(9, 11, channels, 5);
        assert_int_equal(gft_picture_write_png(path, pixels, 9, 11, channels, NULL), GRAFT_OK);
        uint8_t *bytes;
        size_t count;
        assert_int_equal(gft_file_read(path, 1 << 20, &bytes, &count, NULL), GRAFT_OK);
        unsigned char *want = channels == 1 ? grey_to_rgb(pixels, 99) : pixels;
        assert_pixels((made_bytes){bytes, count}, want, 9, 11, 0);
        gft_free(bytes);
        if (want != pixels)
            free(want);
        free(pixels);
    }
    unsigned char one[3] = {1, 2, 3};
    assert_int_equal(gft_picture_write_png(path, one, 1, 1, 2, NULL), GRAFT_INVALID_ARGUMENT);
    assert_int_equal(gft_picture_write_png(path, one, 0, 1, 3, NULL), GRAFT_INVALID_ARGUMENT);
    graft_error err;
    assert_int_not_equal(gft_picture_write_png("/nonexistent-folder/x.png", one, 1, 1, 3, &err),
                         GRAFT_OK);
    assert_int_equal(gft_tree_remove(folder, NULL), GRAFT_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jpeg),
        cmocka_unit_test(test_jpeg_cmyk),
        cmocka_unit_test(test_jpeg_cut_says_how_far),
        cmocka_unit_test(test_jpeg_with_endless_scans),
        cmocka_unit_test(test_png_kinds),
        cmocka_unit_test(test_png_grey),
        cmocka_unit_test(test_png_palette),
        cmocka_unit_test(test_webp),
        cmocka_unit_test(test_not_pictures),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_write_png),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
