/*
 * CSV reader: one pass over bounded bytes, one row at a time.
 */
#include "data/csv.h"

#include <string.h>

void gft_csv_init(gft_csv *csv, const void *bytes, size_t count, const char *where) {
    memset(csv, 0, sizeof *csv);
    csv->cursor = gft_cursor_make(bytes, count, where);
    csv->next_line = 1;
    gft_buffer_init(&csv->text, GFT_CSV_MAX_ROW_BYTES);
    if (count >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        csv->cursor.at = 3;
}

void gft_csv_deinit(gft_csv *csv) {
    gft_buffer_deinit(&csv->text);
}

static int peek(const gft_csv *csv) {
    return csv->cursor.at < csv->cursor.bytes ? csv->cursor.data[csv->cursor.at] : -1;
}

static graft_status fail_row(const gft_csv *csv, graft_error *err, const char *what) {
    return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s:%zu: %s", csv->cursor.where, csv->line, what);
}

static graft_status put(gft_csv *csv, int c, graft_error *err) {
    if (c == 0)
        return fail_row(csv, err, "a zero byte in the line, expected text");
    uint8_t byte = (uint8_t)c;
    if (gft_buffer_append(&csv->text, &byte, 1, NULL) != GRAFT_OK)
        return fail_row(csv, err, "the line is too long (limit 64 KB)");
    return GRAFT_OK;
}

/* At the byte behind the opening quote; leaves the cursor behind the closing one. */
static graft_status quoted_field(gft_csv *csv, graft_error *err) {
    for (;;) {
        int c = peek(csv);
        if (c < 0)
            return fail_row(csv, err, "a quoted field is not closed");
        csv->cursor.at++;
        if (c == '"') {
            if (peek(csv) != '"')
                break;
            csv->cursor.at++;
        } else if (c == '\n') {
            csv->next_line++;
        }
        GFT_TRY(put(csv, c, err));
    }
    int c = peek(csv);
    if (c >= 0 && c != ',' && c != '\n' && c != '\r')
        return fail_row(csv, err, "text follows a quoted field, expected a comma");
    return GRAFT_OK;
}

static graft_status plain_field(gft_csv *csv, graft_error *err) {
    for (int c = peek(csv); c >= 0 && c != ',' && c != '\n' && c != '\r'; c = peek(csv)) {
        if (c == '"')
            return fail_row(csv, err, "a quote inside an unquoted field");
        csv->cursor.at++;
        GFT_TRY(put(csv, c, err));
    }
    return GRAFT_OK;
}

static graft_status one_field(gft_csv *csv, graft_error *err) {
    if (csv->count == GFT_CSV_MAX_FIELDS)
        return fail_row(csv, err, "more than 256 fields");
    csv->starts[csv->count++] = csv->text.bytes;
    if (peek(csv) == '"') {
        csv->cursor.at++;
        GFT_TRY(quoted_field(csv, err));
    } else {
        GFT_TRY(plain_field(csv, err));
    }
    uint8_t end = 0;
    if (gft_buffer_append(&csv->text, &end, 1, NULL) != GRAFT_OK)
        return fail_row(csv, err, "the line is too long (limit 64 KB)");
    return GRAFT_OK;
}

static void skip_line_end(gft_csv *csv) {
    if (peek(csv) == '\r')
        csv->cursor.at++;
    if (peek(csv) == '\n')
        csv->cursor.at++;
    csv->next_line++;
}

graft_status gft_csv_next(gft_csv *csv, bool *more, graft_error *err) {
    gft_buffer_clear(&csv->text);
    csv->count = 0;
    while (peek(csv) == '\n' || peek(csv) == '\r')
        skip_line_end(csv);
    csv->line = csv->next_line;
    if (peek(csv) < 0) {
        *more = false;
        return GRAFT_OK;
    }
    GFT_TRY(one_field(csv, err));
    while (peek(csv) == ',') {
        csv->cursor.at++;
        GFT_TRY(one_field(csv, err));
    }
    skip_line_end(csv);
    *more = true;
    return GRAFT_OK;
}

const char *gft_csv_field(const gft_csv *csv, size_t i) {
    return i < csv->count ? (const char *)csv->text.data + csv->starts[i] : "";
}
