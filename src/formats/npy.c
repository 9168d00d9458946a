/*
 * One .npy array: magic, version, a header that is a Python dict literal, then the elements
 * (numpy.lib.format). The literal is read by a small tokenizer for exactly the three known keys.
 */
#include "formats/npy.h"

#include <stdio.h>
#include <string.h>

#include "base/cursor.h"
#include "base/file.h"
#include "base/shape.h"
#include "base/size.h"
#include "base/words.h"
#include "formats/npy_text.h"

#define MAX_HEADER_BYTES ((size_t)64 << 10)
static const uint8_t magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

static const struct {
    const char *descr;
    graft_dtype dtype;
} types[] = {
    {"<f4", GRAFT_F32}, {"<f8", GRAFT_F64}, {"<f2", GRAFT_F16},
    {"|i1", GRAFT_S8},  {"|u1", GRAFT_U8},  {"<i2", GRAFT_S16},
    {"<i4", GRAFT_S32}, {"<i8", GRAFT_S64}, {"|b1", GRAFT_BOOL},
};

typedef struct header {
    graft_tensor_desc desc;
    char text;   /* 'S' bytes, 'U' UTF-32, 'V' bytes of one length; 0: numbers */
    size_t unit; /* bytes of an element in the file */
    bool fortran;
    bool have_descr;
    bool have_order;
    bool have_shape;
} header;

static void skip_blanks(gft_cursor *c) {
    while (c->at < c->bytes &&
           (c->data[c->at] == ' ' || c->data[c->at] == '\n' || c->data[c->at] == '\t'))
        c->at++;
}

static bool accept(gft_cursor *c, char sign) {
    skip_blanks(c);
    if (c->at < c->bytes && c->data[c->at] == (uint8_t)sign) {
        c->at++;
        return true;
    }
    return false;
}

static graft_status malformed(const gft_cursor *c, const char *expected, graft_error *err) {
    return gft_fail(err, GRAFT_DATA_LOSS, "%s: npy header, character %zu: expected %s", c->where,
                    c->at, expected);
}

/* A quoted word without escapes, as numpy writes keys and type codes. */
static graft_status take_word(gft_cursor *c, char out[32], graft_error *err) {
    skip_blanks(c);
    if (c->at >= c->bytes || (c->data[c->at] != '\'' && c->data[c->at] != '"'))
        return malformed(c, "a quoted word", err);
    uint8_t quote = c->data[c->at++];
    size_t n = 0;
    while (c->at < c->bytes && c->data[c->at] != quote) {
        if (n + 1 >= 32)
            return malformed(c, "a shorter word", err);
        out[n++] = (char)c->data[c->at++];
    }
    if (c->at >= c->bytes)
        return malformed(c, "a closing quote", err);
    c->at++;
    out[n] = '\0';
    return GRAFT_OK;
}

static graft_status take_shape(gft_cursor *c, graft_shape *shape, graft_error *err) {
    *shape = (graft_shape){0, {0}};
    if (!accept(c, '('))
        return malformed(c, "a tuple of dimensions", err);
    while (!accept(c, ')')) {
        skip_blanks(c);
        if (shape->rank >= GRAFT_MAX_RANK)
            return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: an array of more than %d dimensions",
                            c->where, GRAFT_MAX_RANK);
        int64_t v = 0;
        size_t digits = 0;
        for (; c->at < c->bytes && c->data[c->at] >= '0' && c->data[c->at] <= '9';
             c->at++, digits++)
            if (!gft_i64_mul(v, 10, &v) || __builtin_add_overflow(v, c->data[c->at] - '0', &v))
                return malformed(c, "a dimension below 2^63", err);
        if (digits == 0)
            return malformed(c, "a dimension", err);
        if (c->at < c->bytes && c->data[c->at] == 'L')
            c->at++; /* Python 2 wrote long integers so */
        shape->dims[shape->rank++] = v;
        if (!accept(c, ',')) {
            if (!accept(c, ')'))
                return malformed(c, "',' or ')'", err);
            break;
        }
    }
    return GRAFT_OK;
}

/* "|S12", "<U3", "|V40": the kind, and bytes per element. */
static bool text_type(const char *word, header *h) {
    int64_t length;
    const bool any_order = word[0] == '|' || word[0] == '<' || word[0] == '=';
    if (!any_order || !word[1] || !strchr("SUV", word[1]) || !gft_words_i64(word + 2, &length) ||
        length < 0 || length > INT32_MAX)
        return false;
    h->desc.dtype = GRAFT_STRING;
    h->text = word[1];
    h->unit = (size_t)length * (word[1] == 'U' ? 4 : 1);
    return true;
}

static graft_status take_descr(gft_cursor *c, header *h, graft_error *err) {
    char word[32];
    skip_blanks(c);
    if (c->at < c->bytes && c->data[c->at] == '[')
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: an array of records, expected plain numbers",
                        c->where);
    GFT_TRY(take_word(c, word, err));
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        bool any_order = types[i].descr[2] == '1' && strchr("<>|=", word[0]) && word[0];
        if (strcmp(word, types[i].descr) == 0 ||
            (any_order && strcmp(word + 1, types[i].descr + 1) == 0)) {
            h->desc.dtype = types[i].dtype;
            h->unit = graft_dtype_bytes(types[i].dtype);
            h->have_descr = true;
            return GRAFT_OK;
        }
    }
    h->have_descr = text_type(word, h);
    if (h->have_descr)
        return GRAFT_OK;
    if (word[0] && word[1] == 'O')
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "%s: an array of Python objects; strings are read as bytes, "
                        "array.astype('S'), or text, astype('U')",
                        c->where);
    return gft_fail(err, GRAFT_UNIMPLEMENTED,
                    "%s: array type '%s' is not supported, expected little-endian float16/32/64, "
                    "int8/16/32/64, "
                    "uint8, bool, bytes (S) or text (U)",
                    c->where, word);
}

static graft_status take_order(gft_cursor *c, header *h, graft_error *err) {
    skip_blanks(c);
    static const char *const words[2] = {"False", "True"};
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(words[i]);
        if (gft_cursor_left(c) >= n && memcmp(c->data + c->at, words[i], n) == 0) {
            c->at += n;
            h->fortran = i == 1;
            h->have_order = true;
            return GRAFT_OK;
        }
    }
    return malformed(c, "True or False", err);
}

static graft_status parse_dict(gft_cursor *c, header *h, graft_error *err) {
    if (!accept(c, '{'))
        return malformed(c, "'{'", err);
    while (!accept(c, '}')) {
        char key[32];
        GFT_TRY(take_word(c, key, err));
        if (!accept(c, ':'))
            return malformed(c, "':'", err);
        if (strcmp(key, "descr") == 0) {
            GFT_TRY(take_descr(c, h, err));
        } else if (strcmp(key, "fortran_order") == 0) {
            GFT_TRY(take_order(c, h, err));
        } else if (strcmp(key, "shape") == 0) {
            GFT_TRY(take_shape(c, &h->desc.shape, err));
            h->have_shape = true;
        } else {
            return malformed(c, "one of descr, fortran_order, shape", err);
        }
        if (!accept(c, ',')) {
            if (!accept(c, '}'))
                return malformed(c, "',' or '}'", err);
            break;
        }
    }
    return h->have_descr && h->have_order && h->have_shape
               ? GRAFT_OK
               : malformed(c, "all of descr, fortran_order, shape", err);
}

static graft_status read_header(gft_cursor *c, header *h, graft_error *err) {
    const uint8_t *p;
    uint8_t version[2];
    if (gft_cursor_left(c) < sizeof magic + 2 || memcmp(c->data + c->at, magic, sizeof magic) != 0)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: does not start like an npy array (%zu bytes)",
                        c->where, c->bytes);
    c->at += sizeof magic;
    GFT_TRY(gft_cursor_u8(c, &version[0], "npy version", err));
    GFT_TRY(gft_cursor_u8(c, &version[1], "npy version", err));
    size_t bytes;
    if (version[0] == 1) {
        uint16_t n;
        GFT_TRY(gft_cursor_u16(c, &n, "npy header length", err));
        bytes = n;
    } else if (version[0] == 2 || version[0] == 3) {
        uint32_t n;
        GFT_TRY(gft_cursor_u32(c, &n, "npy header length", err));
        bytes = n;
    } else {
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: npy version %u.%u, expected 1 to 3",
                        c->where, version[0], version[1]);
    }
    if (bytes > MAX_HEADER_BYTES)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: npy header of %zu bytes, at most %zu", c->where,
                        bytes, MAX_HEADER_BYTES);
    GFT_TRY(gft_cursor_take(c, bytes, &p, "npy header", err));
    gft_cursor text = gft_cursor_make(p, bytes, c->where);
    return parse_dict(&text, h, err);
}

/* Fortran order: element (i0, i1, ...) lies at i0 + d0 * (i1 + d1 * ...). */
static void from_fortran(const graft_shape *shape, size_t unit, const uint8_t *from, uint8_t *to) {
    int64_t stride[GRAFT_MAX_RANK];
    int64_t at[GRAFT_MAX_RANK] = {0};
    int64_t run = 1;
    for (int32_t d = 0; d < shape->rank; d++) {
        stride[d] = run;
        run *= shape->dims[d];
    }
    for (int64_t i = 0; i < run; i++) {
        int64_t source = 0;
        for (int32_t d = 0; d < shape->rank; d++)
            source += at[d] * stride[d];
        memcpy(to + (size_t)i * unit, from + (size_t)source * unit, unit);
        for (int32_t d = shape->rank - 1; d >= 0 && ++at[d] == shape->dims[d]; d--)
            at[d] = 0;
    }
}

/* The elements as they lie in the file, in C order: `p` itself, or a copy in the arena. */
static graft_status settle(const header *h, const uint8_t *p, size_t bytes, const char *name,
                           gft_arena *arena, const uint8_t **out, graft_error *err) {
    const bool transposed = h->fortran && h->desc.shape.rank > 1;
    *out = p;
    if (!transposed && (h->text || (uintptr_t)p % h->unit == 0))
        return GRAFT_OK;
    uint8_t *copy = gft_arena_alloc(arena, bytes);
    if (!copy)
        return gft_fail_memory(err, bytes, name);
    if (transposed)
        from_fortran(&h->desc.shape, h->unit, p, copy);
    else if (bytes)
        memcpy(copy, p, bytes);
    *out = copy;
    return GRAFT_OK;
}

graft_status gft_npy_parse(const void *data, size_t bytes, const char *name, gft_arena *arena,
                           graft_tensor *out, graft_error *err) {
    header h = {0};
    gft_cursor c = gft_cursor_make(data, bytes, name);
    GFT_TRY(read_header(&c, &h, err));
    graft_tensor tensor = {.name = name, .desc = h.desc};
    char text[GFT_DESC_TEXT_BYTES];
    const int64_t elems = gft_shape_elems(&h.desc.shape);
    size_t stored = 0;
    if (elems < 0 || !gft_size_mul((size_t)elems, h.unit, &stored) ||
        !gft_desc_bytes(&tensor.desc, &tensor.bytes) || stored != gft_cursor_left(&c) ||
        (h.text && h.unit == 0 && (uint64_t)elems > bytes))
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: %zu bytes of elements for %s: the file is cut or damaged", name,
                        gft_cursor_left(&c), gft_desc_text(&tensor.desc, text));
    const uint8_t *p;
    GFT_TRY(gft_cursor_take(&c, stored, &p, "elements", err));
    GFT_TRY(settle(&h, p, stored, name, arena, &p, err));
    tensor.data = (void *)(uintptr_t)p;
    if (h.text) {
        graft_string_view *views = gft_arena_array(arena, (size_t)elems, sizeof *views);
        if (!views)
            return gft_fail_memory(err, tensor.bytes, name);
        GFT_TRY(gft_npy_views(p, (size_t)elems, h.unit, h.text, name, arena, views, err));
        tensor.data = views;
    }
    *out = tensor;
    return GRAFT_OK;
}

static const char *descr_of(graft_dtype dtype) {
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].dtype == dtype)
            return types[i].descr;
    return NULL;
}

graft_status gft_npy_append(gft_buffer *buffer, const graft_tensor_desc *desc, const void *data,
                            graft_error *err) {
    size_t bytes;
    char shape[GRAFT_MAX_RANK * 21 + 4];
    char bytes_type[24];
    const char *descr = descr_of(desc->dtype);
    const size_t longest = desc->dtype == GRAFT_STRING && gft_desc_bytes(desc, &bytes)
                               ? gft_npy_longest(data, bytes / sizeof(graft_string_view))
                               : 0;
    if (desc->dtype == GRAFT_STRING) {
        (void)snprintf(bytes_type, sizeof bytes_type, "|S%zu", longest);
        descr = bytes_type;
    }
    if (!descr || !gft_desc_bytes(desc, &bytes))
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "npy: %s has no NumPy array type, convert it first",
                        gft_desc_text(desc, (char[GFT_DESC_TEXT_BYTES]){0}));
    size_t n = 0;
    shape[0] = '\0';
    for (int32_t d = 0; d < desc->shape.rank; d++)
        n += (size_t)snprintf(shape + n, sizeof shape - n, "%s%lld", d ? ", " : "",
                              (long long)desc->shape.dims[d]);
    if (desc->shape.rank == 1)
        snprintf(shape + n, sizeof shape - n, ",");
    char text[256];
    int used = snprintf(text, sizeof text,
                        "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, shape);
    /* The header, with its ten leading bytes and the newline, fills whole 64-byte lines. */
    size_t total = gft_size_align(10 + (size_t)used + 1, 64);
    uint8_t lead[10] = {
        0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (uint8_t)(total - 10), (uint8_t)((total - 10) >> 8)};
    GFT_TRY(gft_buffer_append(buffer, lead, sizeof lead, err));
    uint8_t *p = gft_buffer_reserve(buffer, total - 10, err);
    if (!p)
        return gft_fail_memory(err, total, "an npy header");
    memset(p, ' ', total - 10);
    memcpy(p, text, (size_t)used);
    p[total - 11] = '\n';
    buffer->bytes += total - 10;
    if (desc->dtype == GRAFT_STRING)
        return gft_npy_append_views(buffer, data, bytes / sizeof(graft_string_view), longest, err);
    return gft_buffer_append(buffer, data, bytes, err);
}

graft_status gft_npy_write(const char *path, const graft_tensor *tensor, graft_error *err) {
    gft_buffer buffer;
    gft_buffer_init(&buffer, SIZE_MAX / 2);
    graft_status status;
    GFT_GOTO(gft_npy_append(&buffer, &tensor->desc, tensor->data, err));
    GFT_GOTO(gft_file_write(path, buffer.data, buffer.bytes, err));
done:
    gft_buffer_deinit(&buffer);
    return status;
}
