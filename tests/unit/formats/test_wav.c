/*
 * WAV: every encoding that is read, channels mixed, chunks in between, what is refused and in which
 * words.
 */
#include "formats_test.h"

#include <math.h>

#include "formats/wav.h"

typedef struct bytes {
    uint8_t data[512];
    size_t count;
} bytes;

static void put(bytes *b, uint64_t value, int count) {
    for (int i = 0; i < count; i++)
        b->data[b->count++] = (uint8_t)(value >> (8 * i));
}

static void put_name(bytes *b, const char *name) {
    memcpy(b->data + b->count, name, 4);
    b->count += 4;
}

/* Everything before the samples. */
static bytes head(unsigned tag, unsigned channels, unsigned bits, unsigned data_bytes) {
    bytes b = {.count = 0};
    put_name(&b, "RIFF");
    put(&b, 36 + data_bytes, 4);
    put_name(&b, "WAVE");
    put_name(&b, "fmt ");
    put(&b, 16, 4);
    put(&b, tag, 2);
    put(&b, channels, 2);
    put(&b, 22050, 4);
    put(&b, 22050 * channels * bits / 8, 4);
    put(&b, channels * bits / 8, 2);
    put(&b, bits, 2);
    put_name(&b, "data");
    put(&b, data_bytes, 4);
    return b;
}

static gft_wav parse(const bytes *b) {
    gft_wav wav;
    graft_error err = {0};
    uint8_t *copy = exact(b->data, b->count);
    if (gft_wav_parse(copy, b->count, "tune.wav", &wav, &err) != GRAFT_OK)
        fail_msg("%s", err.message);
    free(copy);
    return wav;
}

static void refused(const bytes *b, graft_status status, const char *part) {
    gft_wav wav;
    graft_error err = {0};
    uint8_t *copy = exact(b->data, b->count);
    assert_failed(gft_wav_parse(copy, b->count, "tune.wav", &wav, &err), &err, status);
    if (!strstr(err.message, part))
        fail_msg("'%s' is not in: %s", part, err.message);
    free(copy);
}

static void reads_every_width(void **state) {
    (void)state;
    /* least, largest, zero */
    static const struct {
        unsigned bits;
        uint64_t least, largest, zero;
        double step;
    } widths[] = {{8, 0, 255, 128, 1.0 / 128},
                  {16, 0x8000, 0x7fff, 0, 1.0 / 32768},
                  {24, 0x800000, 0x7fffff, 0, 1.0 / 8388608},
                  {32, 0x80000000, 0x7fffffff, 0, 1.0 / 2147483648.0}};
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        const int each = (int)widths[i].bits / 8;
        bytes b = head(1, 1, widths[i].bits, 3 * (unsigned)each);
        put(&b, widths[i].least, each);
        put(&b, widths[i].largest, each);
        put(&b, widths[i].zero, each);
        gft_wav wav = parse(&b);
        assert_true(wav.count == 3 && wav.rate == 22050 && wav.channels == 1);
        assert_true(wav.samples[0] == -1.0f && wav.samples[2] == 0.0f);
        assert_true(wav.samples[1] == (float)(1.0 - widths[i].step));
        gft_wav_deinit(&wav);
    }
    bytes b = head(3, 1, 32, 8);
    const float f[2] = {0.25f, -1.5f}; /* floats are taken as they are */
    memcpy(b.data + b.count, f, sizeof f);
    b.count += sizeof f;
    gft_wav wav = parse(&b);
    assert_true(wav.samples[0] == 0.25f && wav.samples[1] == -1.5f);
    gft_wav_deinit(&wav);
}

static void mixes_channels(void **state) {
    (void)state;
    bytes b = head(1, 2, 16, 8);
    put(&b, 16384, 2);
    put(&b, (uint16_t)-16384, 2);
    put(&b, 8192, 2);
    put(&b, 16384, 2);
    gft_wav wav = parse(&b);
    assert_true(wav.count == 2 && wav.channels == 2);
    assert_true(wav.samples[0] == 0.0f && wav.samples[1] == 0.375f);
    gft_wav_deinit(&wav);
}

static void passes_other_chunks(void **state) {
    (void)state;
    bytes whole = head(1, 1, 16, 4);
    put(&whole, 1, 2);
    put(&whole, 2, 2);
    bytes b = {.count = 0};
    memcpy(b.data, whole.data, 36); /* up to the format's end */
    b.count = 36;
    put_name(&b, "LIST");
    put(&b, 3, 4);
    put(&b, 0x414141, 3);
    put(&b, 0, 1); /* chunks begin at even offsets */
    memcpy(b.data + b.count, whole.data + 36, whole.count - 36);
    b.count += whole.count - 36;
    gft_wav wav = parse(&b);
    assert_int_equal(wav.count, 2);
    gft_wav_deinit(&wav);
    /* a stream: the size was not known when the header was written */
    static const uint32_t open_sizes[] = {0, UINT32_MAX};
    for (int i = 0; i < 2; i++) {
        bytes stream = head(1, 1, 16, open_sizes[i]);
        put(&stream, 7, 2);
        wav = parse(&stream);
        assert_int_equal(wav.count, 1);
        gft_wav_deinit(&wav);
    }
}

static void refuses(void **state) {
    (void)state;
    bytes b = head(1, 1, 16, 100);
    put(&b, 0, 8);
    refused(&b, GRAFT_DATA_LOSS, "the file is cut");
    b = head(2, 1, 4, 0);
    refused(&b, GRAFT_UNIMPLEMENTED, "WAV encoding 2 with 4 bits");
    b = head(1, 0, 16, 0);
    refused(&b, GRAFT_DATA_LOSS, "0 channels");
    b = head(1, 1, 16, 0);
    b.count = 36;
    refused(&b, GRAFT_DATA_LOSS, "without samples");
    b = (bytes){.data = "fLaC....", .count = 8};
    refused(&b, GRAFT_UNIMPLEMENTED, "FLAC");
    b = (bytes){.data = "hello", .count = 5};
    refused(&b, GRAFT_INVALID_ARGUMENT, "no WAV file");
    b = (bytes){.count = 0};
    refused(&b, GRAFT_INVALID_ARGUMENT, "no WAV file");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_width), cmocka_unit_test(mixes_channels),
        cmocka_unit_test(passes_other_chunks), cmocka_unit_test(refuses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
