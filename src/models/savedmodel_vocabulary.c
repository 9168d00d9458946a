/*
 * Reading vocabulary files. Lines end with a newline, a carriage return before it is dropped; the
 * last line may lack one.
 */
#include "models/savedmodel_vocabulary.h"

#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/shape.h"
#include "base/size.h"
#include "base/words.h"

#define MAX_VOCABULARY_BYTES ((size_t)1 << 30)

static int64_t count_lines(const char *text, size_t bytes, int64_t most) {
    int64_t lines = 0;
    for (size_t i = 0; i < bytes; i++)
        lines += text[i] == '\n';
    lines += bytes > 0 && text[bytes - 1] != '\n';
    return most >= 0 ? gft_i64_min(lines, most) : lines;
}

static bool column_of(graft_string_view line, char delimiter, int64_t column,
                      graft_string_view *out) {
    for (;;) {
        const char *end = line.bytes ? memchr(line.data, delimiter, line.bytes) : NULL;
        const size_t length = end ? (size_t)(end - line.data) : line.bytes;
        if (column-- == 0) {
            *out = (graft_string_view){line.data, length};
            return true;
        }
        if (!end)
            return false;
        line = (graft_string_view){end + 1, line.bytes - length - 1};
    }
}

static bool number_of(graft_string_view text, graft_dtype dtype, void *out, int64_t at) {
    char word[64];
    int64_t whole;
    double real;
    if (text.bytes >= sizeof word)
        return false;
    memcpy(word, text.data, text.bytes);
    word[text.bytes] = '\0';
    if (dtype == GRAFT_F32) {
        if (!gft_words_f64(word, &real))
            return false;
        ((float *)out)[at] = (float)real;
        return true;
    }
    if (!gft_words_i64(word, &whole))
        return false;
    if (dtype == GRAFT_S64)
        ((int64_t *)out)[at] = whole;
    else if (whole >= INT32_MIN && whole <= INT32_MAX)
        ((int32_t *)out)[at] = (int32_t)whole;
    else
        return false;
    return true;
}

/* The key or value of one line; false if the line does not have it. */
static bool take(const gft_vocabulary *v, graft_string_view line, int64_t number, int64_t index,
                 graft_dtype dtype, void *out) {
    graft_string_view text = line;
    if (index == GFT_VOCABULARY_NUMBER) {
        if (dtype != GRAFT_S64 && dtype != GRAFT_S32)
            return false;
        const int64_t shown = number + v->offset; /* both are small or were refused */
        if (dtype == GRAFT_S64)
            ((int64_t *)out)[number] = shown;
        else
            ((int32_t *)out)[number] = (int32_t)shown;
        return true;
    }
    if (index != GFT_VOCABULARY_LINE && !column_of(line, v->delimiter, index, &text))
        return false;
    if (dtype != GRAFT_STRING)
        return number_of(text, dtype, out, number);
    ((graft_string_view *)out)[number] = text;
    return true;
}

static graft_status make_vector(gft_arena *arena, const char *path, graft_dtype dtype,
                                int64_t count, graft_tensor *out, graft_error *err) {
    if (dtype != GRAFT_STRING && dtype != GRAFT_S64 && dtype != GRAFT_S32 && dtype != GRAFT_F32)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: a vocabulary of type %s", path,
                        graft_dtype_name(dtype));
    *out = (graft_tensor){.name = "vocabulary", .desc = {dtype, gft_shape_1(count), NULL}};
    if (!gft_desc_bytes(&out->desc, &out->bytes))
        return gft_fail_memory(err, SIZE_MAX, path);
    out->data = gft_arena_alloc(arena, out->bytes);
    return out->data ? GRAFT_OK : gft_fail_memory(err, out->bytes, path);
}

static graft_status read_lines(const gft_vocabulary *v, const char *path, const char *text,
                               size_t bytes, gft_arena *arena, graft_tensor *keys,
                               graft_tensor *values, graft_error *err) {
    const int64_t count = count_lines(text, bytes, v->most_lines);
    const char *end = text + bytes;
    GFT_TRY(make_vector(arena, path, v->key_type, count, keys, err));
    GFT_TRY(make_vector(arena, path, v->value_type, count, values, err));
    for (int64_t i = 0; i < count; i++) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        graft_string_view line = {text, (size_t)((stop ? stop : end) - text)};
        text = stop ? stop + 1 : end;
        if (line.bytes > 0 && line.data[line.bytes - 1] == '\r')
            line.bytes--;
        if (!take(v, line, i, v->key_index, v->key_type, keys->data) ||
            !take(v, line, i, v->value_index, v->value_type, values->data))
            return gft_fail(err, GRAFT_DATA_LOSS,
                            "%s: line %lld holds no key of type %s and value of type %s where the "
                            "table looks for them",
                            path, (long long)i + 1, graft_dtype_name(v->key_type),
                            graft_dtype_name(v->value_type));
    }
    return GRAFT_OK;
}

graft_status gft_vocabulary_read(const gft_vocabulary *v, const char *path, gft_arena *arena,
                                 graft_tensor *keys, graft_tensor *values, graft_error *err) {
    uint8_t *bytes = NULL;
    size_t count = 0;
    if (v->key_index < GFT_VOCABULARY_LINE || v->value_index < GFT_VOCABULARY_LINE ||
        v->offset < INT32_MIN || v->offset > INT32_MAX)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: a table of columns %lld and %lld", path,
                        (long long)v->key_index, (long long)v->value_index);
    GFT_TRY(gft_file_read(path, MAX_VOCABULARY_BYTES, &bytes, &count, err));
    const char *text = gft_arena_memdup(arena, bytes, count);
    gft_free(bytes);
    if (!text)
        return gft_fail_memory(err, count, path);
    return read_lines(v, path, text, count, arena, keys, values, err);
}
