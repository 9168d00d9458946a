/*
 * Buffers of a TFLite file that is written: the same bytes once, and what is done to weights on
 * their way into the file: transposed, rounded to float16, quantised to int8.
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/float16.h"
#include "base/size.h"
#include "models/tflite_write.h"

#define MAX_BUFFERS (1 << 22)
#define QUANT_MAX 127.0f

size_t gft_tflw_buffer_bytes(const gft_tflw_buffer *buffer) {
    switch (buffer->form) {
    case GFT_TFLW_F16:
        return buffer->elems * 2;
    case GFT_TFLW_S8:
        return buffer->elems;
    default:
        return buffer->elems * buffer->element_bytes;
    }
}

static bool equal(const gft_tflw_buffer *a, const gft_tflw_buffer *b) {
    if (a->crc != b->crc || a->elems != b->elems || a->element_bytes != b->element_bytes ||
        a->rows != b->rows || a->cols != b->cols || a->run != b->run || a->form != b->form ||
        a->inner != b->inner || a->channels != b->channels)
        return false;
    return a->data == b->data || memcmp(a->data, b->data, a->elems * a->element_bytes) == 0;
}

int32_t gft_tflw_add_buffer(gft_tflw_file *file, const gft_tflw_buffer *buffer, graft_error *err) {
    gft_tflw_buffer wanted = *buffer;
    wanted.crc = gft_crc32c(buffer->data, buffer->elems * buffer->element_bytes);
    for (int32_t i = 1; i < file->buffer_count; i++) {
        if (equal(&file->buffers[i], &wanted))
            return i;
    }
    if (file->buffer_count >= file->buffer_capacity) {
        const int32_t capacity = file->buffer_capacity ? file->buffer_capacity * 2 : 64;
        const size_t bytes = (size_t)capacity * sizeof *file->buffers;
        gft_tflw_buffer *more = capacity <= MAX_BUFFERS ? gft_realloc(file->buffers, bytes) : NULL;
        if (!more) {
            (void)gft_fail_memory(err, bytes, "the buffers of a TFLite file");
            return -1;
        }
        file->buffers = more;
        file->buffer_capacity = capacity;
    }
    if (file->buffer_count == 0)
        file->buffers[file->buffer_count++] = (gft_tflw_buffer){.data = NULL};
    file->buffers[file->buffer_count] = wanted;
    return file->buffer_count++;
}

graft_status gft_tflw_add_metadata(gft_tflw_file *file, const char *name, const void *data,
                                   size_t bytes, graft_error *err) {
    const gft_tflw_buffer buffer = {.data = data, .elems = bytes, .element_bytes = 1};
    if (file->metadata_count >= GFT_TFLW_MAX_METADATA)
        return gft_fail(err, GRAFT_INTERNAL, "TFLite: too many metadata entries");
    const int32_t index = gft_tflw_add_buffer(file, &buffer, err);
    if (index < 0)
        return GRAFT_RESOURCE_EXHAUSTED;
    file->metadata[file->metadata_count++] = (gft_tflw_metadata){name, index};
    return GRAFT_OK;
}

/* ---- bytes ---- */

/* The element of data that is written at place i. */
static size_t source_of(const gft_tflw_buffer *b, size_t i) {
    if (b->cols <= 0)
        return i;
    const size_t rows = (size_t)b->rows;
    const size_t run = (size_t)b->run;
    const size_t block = i / run;
    return (block % rows * (size_t)b->cols + block / rows) * run + i % run;
}

static void transpose(const gft_tflw_buffer *b, uint8_t *out) {
    const uint8_t *from = b->data;
    const size_t n = b->element_bytes;
    for (size_t i = 0; i < b->elems; i++)
        memcpy(out + i * n, from + source_of(b, i) * n, n);
}

static void to_f16(const gft_tflw_buffer *b, uint8_t *out) {
    const float *from = b->data;
    for (size_t i = 0; i < b->elems; i++) {
        const uint16_t half = gft_f16_from_f32(from[source_of(b, i)]);
        memcpy(out + 2 * i, &half, sizeof half);
    }
}

static int64_t channel_of(const gft_tflw_buffer *b, size_t i) {
    return (int64_t)i / b->inner % b->channels;
}

static void to_s8(const gft_tflw_buffer *b, uint8_t *out) {
    const float *from = b->data;
    for (size_t i = 0; i < b->elems; i++) {
        const float x = roundf(from[source_of(b, i)] / b->scales[channel_of(b, i)]);
        const int8_t q = (int8_t)fmaxf(-QUANT_MAX, fminf(QUANT_MAX, x));
        memcpy(out + i, &q, sizeof q);
    }
}

graft_status gft_tflw_fill(const gft_tflw_buffer *b, uint8_t *out, graft_error *err) {
    (void)err;
    if (b->form == GFT_TFLW_F16)
        to_f16(b, out);
    else if (b->form == GFT_TFLW_S8)
        to_s8(b, out);
    else if (b->cols > 0)
        transpose(b, out);
    else if (b->elems)
        memcpy(out, b->data, b->elems * b->element_bytes);
    return GRAFT_OK;
}

void gft_tflw_scales(const gft_tflw_buffer *b, float *scales) {
    const float *from = b->data;
    for (int64_t c = 0; c < b->channels; c++)
        scales[c] = 0.0f;
    for (size_t i = 0; i < b->elems; i++) {
        const int64_t c = channel_of(b, i);
        scales[c] = fmaxf(scales[c], fabsf(from[source_of(b, i)]));
    }
    for (int64_t c = 0; c < b->channels; c++)
        scales[c] = scales[c] > 0.0f ? scales[c] / QUANT_MAX : 1.0f;
}
