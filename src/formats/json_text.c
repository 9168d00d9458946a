/*
 * Bounds before parsing: one pass over the text counts brackets and commas outside of strings.
 */
#include "formats/json_text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The position behind a string that begins at `at` (its opening quote). */
static size_t skip_string(const char *text, size_t bytes, size_t at) {
    for (at++; at < bytes && text[at] != '"'; at++)
        at += text[at] == '\\';
    return at;
}

static graft_status check_bounds(const char *text, size_t bytes, const char *where,
                                 graft_error *err) {
    size_t depth = 0;
    size_t values = 0;
    for (size_t i = 0; i < bytes; i++) {
        switch (text[i]) {
        case '"':
            i = skip_string(text, bytes, i);
            break;
        case '{':
        case '[':
            values++;
            if (++depth > GFT_JSON_MAX_DEPTH)
                return gft_fail(err, GRAFT_DATA_LOSS,
                                "%s: nested deeper than %d at byte %zu, expected less", where,
                                GFT_JSON_MAX_DEPTH, i);
            break;
        case '}':
        case ']':
            depth -= depth > 0;
            break;
        case ',':
            values++;
            break;
        default:
            break;
        }
    }
    if (values > GFT_JSON_MAX_VALUES)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: %zu values, at most %zu are read",
                        where, values, GFT_JSON_MAX_VALUES);
    return GRAFT_OK;
}

graft_status gft_json_parse(const void *text, size_t bytes, const char *where, struct json_t **out,
                            graft_error *err) {
    json_error_t why;
    GFT_TRY(check_bounds(text, bytes, where, err));
    json_t *root = json_loadb(text, bytes, 0, &why);
    if (!root)
        return json_error_code(&why) == json_error_out_of_memory
                   ? gft_fail_memory(err, bytes, where)
                   : gft_fail(err, GRAFT_DATA_LOSS, "%s: line %d, column %d: not JSON: %s", where,
                              why.line, why.column, why.text);
    *out = root;
    return GRAFT_OK;
}

/* Bytes of the UTF-8 sequence at s (RFC 3629); 0 if it is none. */
static size_t utf8_length(const unsigned char *s) {
    static const unsigned char LEAD[] = {0xc2, 0xe0, 0xf0, 0xf5};
    if (s[0] < 0x80)
        return 1;
    size_t length = 0;
    for (size_t i = 0; i < 3 && length == 0; i++) {
        if (s[0] >= LEAD[i] && s[0] < LEAD[i + 1])
            length = i + 2;
    }
    for (size_t i = 1; i < length; i++) {
        if (s[i] < 0x80 || s[i] > 0xbf)
            return 0;
    }
    const bool wrong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
                       (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f);
    return wrong ? 0 : length;
}

graft_status gft_json_quote(gft_buffer *buffer, const char *text, graft_error *err) {
    GFT_TRY(gft_buffer_append(buffer, "\"", 1, err));
    const char *from = text;
    for (const char *c = text; *c; c++) {
        const unsigned char u = (unsigned char)*c;
        const size_t length = utf8_length((const unsigned char *)c);
        if (length == 0)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT, "'%.100s' is not UTF-8, JSON needs it",
                            text);
        c += length - 1;
        if (u >= 0x20 && u != '"' && u != '\\')
            continue;
        GFT_TRY(gft_buffer_append(buffer, from, (size_t)(c - from), err));
        if (u < 0x20)
            GFT_TRY(gft_buffer_format(buffer, err, "\\u%04x", u));
        else
            GFT_TRY(gft_buffer_format(buffer, err, "\\%c", u));
        from = c + 1;
    }
    GFT_TRY(gft_buffer_append_str(buffer, from, err));
    return gft_buffer_append(buffer, "\"", 1, err);
}
