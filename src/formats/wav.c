/*
 * Reading WAV: chunks are walked until format and data have been met; other chunks are passed over.
 * A data chunk of size 0 or 0xffffffff reaches to the end, as programs write it that cannot seek.
 */
#include "formats/wav.h"

#include <string.h>

#include "base/alloc.h"
#include "base/cursor.h"
#include "base/size.h"

enum { TAG_PCM = 1, TAG_FLOAT = 3, TAG_EXTENSIBLE = 0xfffe };

typedef struct format {
    uint16_t tag, channels, block, bits;
    uint32_t rate;
} format;

/* Sounds people do have and that are not read. */
static const char *foreign(const uint8_t *p, size_t n) {
    if (n >= 4 && memcmp(p, "fLaC", 4) == 0)
        return "FLAC";
    if (n >= 4 && memcmp(p, "OggS", 4) == 0)
        return "Ogg";
    if (n >= 3 && (memcmp(p, "ID3", 3) == 0 || (p[0] == 0xff && (p[1] & 0xe0) == 0xe0)))
        return "MP3";
    if (n >= 4 && memcmp(p, "FORM", 4) == 0)
        return "AIFF";
    if (n >= 4 && (memcmp(p, "RF64", 4) == 0 || memcmp(p, "RIFX", 4) == 0))
        return "RF64 or RIFX";
    return n >= 8 && memcmp(p + 4, "ftyp", 4) == 0 ? "MPEG-4" : NULL;
}

static graft_status read_format(gft_cursor c, format *f, graft_error *err) {
    uint32_t bytes_per_second;
    GFT_TRY(gft_cursor_u16(&c, &f->tag, "the encoding", err));
    GFT_TRY(gft_cursor_u16(&c, &f->channels, "the number of channels", err));
    GFT_TRY(gft_cursor_u32(&c, &f->rate, "the sample rate", err));
    GFT_TRY(gft_cursor_u32(&c, &bytes_per_second, "the byte rate", err));
    GFT_TRY(gft_cursor_u16(&c, &f->block, "the block size", err));
    GFT_TRY(gft_cursor_u16(&c, &f->bits, "the sample size", err));
    if (f->tag == TAG_EXTENSIBLE) {
        const uint8_t *skipped;
        GFT_TRY(gft_cursor_take(&c, 8, &skipped, "the extension", err));
        GFT_TRY(gft_cursor_u16(&c, &f->tag, "the encoding", err));
    }
    const bool pcm =
        f->tag == TAG_PCM && (f->bits == 8 || f->bits == 16 || f->bits == 24 || f->bits == 32);
    if (!pcm && !(f->tag == TAG_FLOAT && f->bits == 32))
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "%s: WAV encoding %u with %u bits, expected PCM of 8, 16, 24 or 32 bits or "
                        "float of 32",
                        c.where, f->tag, f->bits);
    if (f->channels == 0 || f->channels > GFT_WAV_MAX_CHANNELS || f->rate == 0 ||
        f->rate > INT32_MAX || f->block != f->channels * (f->bits / 8))
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: WAV header of %u channels, %u Hz and blocks of %u bytes", c.where,
                        f->channels, f->rate, f->block);
    return GRAFT_OK;
}

static double sample_at(const uint8_t *p, const format *f) {
    uint32_t bits = 0;
    float real;
    for (uint16_t i = 0; i < f->bits / 8; i++)
        bits |= (uint32_t)p[i] << (8 * i);
    if (f->tag == TAG_FLOAT) {
        memcpy(&real, &bits, sizeof real);
        return (double)real;
    }
    if (f->bits == 8)
        return ((double)bits - 128.0) / 128.0;
    const int64_t half = (int64_t)1 << (f->bits - 1);
    const int64_t value = bits >= half ? (int64_t)bits - 2 * half : (int64_t)bits;
    return (double)value / (double)half;
}

static graft_status mix(const format *f, const uint8_t *p, size_t bytes, const char *where,
                        gft_wav *out, graft_error *err) {
    const size_t count = bytes / f->block;
    size_t need;
    if (!gft_size_mul(count + 1, sizeof(float), &need))
        return gft_fail_memory(err, SIZE_MAX, where);
    float *samples = gft_malloc_aligned(need);
    if (!samples)
        return gft_fail_memory(err, need, where);
    const size_t each = f->bits / 8;
    for (size_t i = 0; i < count; i++) {
        double sum = 0;
        for (size_t c = 0; c < f->channels; c++)
            sum += sample_at(p + i * f->block + c * each, f);
        samples[i] = (float)(sum / f->channels);
    }
    *out = (gft_wav){samples, (int64_t)count, (int32_t)f->rate, f->channels};
    return GRAFT_OK;
}

static graft_status not_wav(const uint8_t *p, size_t n, const char *where, graft_error *err) {
    const char *other = foreign(p, n);
    if (other)
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "%s: found %s sound, expected a WAV file; convert it first", where, other);
    return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: no WAV file (%zu bytes)", where, n);
}

graft_status gft_wav_parse(const void *data, size_t bytes, const char *where, gft_wav *out,
                           graft_error *err) {
    const uint8_t *p = data;
    gft_cursor c = gft_cursor_make(data, bytes, where);
    format f = {0};
    bool known = false;
    if (bytes < 12 || memcmp(p, "RIFF", 4) != 0 || memcmp(p + 8, "WAVE", 4) != 0)
        return not_wav(p, bytes, where, err);
    c.at = 12;
    while (gft_cursor_left(&c) >= 8) {
        const uint8_t *name;
        uint32_t length;
        GFT_TRY(gft_cursor_take(&c, 4, &name, "a chunk's name", err));
        GFT_TRY(gft_cursor_u32(&c, &length, "a chunk's size", err));
        const size_t left = gft_cursor_left(&c);
        const bool samples = memcmp(name, "data", 4) == 0;
        size_t take = length;
        if (samples && (length == 0 || length == UINT32_MAX))
            take = left;
        if (take > left)
            return gft_fail(err, GRAFT_DATA_LOSS,
                            "%s: a chunk '%.4s' of %u bytes, %zu are left: the file is cut", where,
                            (const char *)name, length, left);
        if (memcmp(name, "fmt ", 4) == 0) {
            gft_cursor body = c;
            body.bytes = c.at + take;
            GFT_TRY(read_format(body, &f, err));
            known = true;
        } else if (samples && known) {
            return mix(&f, p + c.at, take, where, out, err);
        } else if (samples) {
            return gft_fail(err, GRAFT_DATA_LOSS, "%s: samples before their format", where);
        }
        c.at += gft_size_min(take + (take & 1), left); /* chunks begin at even offsets */
    }
    return gft_fail(err, GRAFT_DATA_LOSS, "%s: a WAV file without samples", where);
}

void gft_wav_deinit(gft_wav *wav) {
    gft_free(wav->samples);
    memset(wav, 0, sizeof *wav);
}
