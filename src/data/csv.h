/*
 * CSV rows (RFC 4180): comma, double quotes, doubled quotes inside, LF or CRLF, optional UTF-8
 * mark. Blank lines are passed over.
 */
#ifndef GFT_DATA_CSV_H
#define GFT_DATA_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/cursor.h"

#define GFT_CSV_MAX_FIELDS 256
#define GFT_CSV_MAX_ROW_BYTES (64u << 10)

/* A reader over borrowed bytes; zero-initialise with gft_csv_init, free with gft_csv_deinit. */
typedef struct gft_csv {
    gft_cursor cursor;
    size_t line; /* of the row read last, from 1 */
    size_t next_line;
    gft_buffer text; /* the fields of the row, each with its NUL */
    size_t starts[GFT_CSV_MAX_FIELDS];
    size_t count;
} gft_csv;

void gft_csv_init(gft_csv *csv, const void *bytes, size_t count, const char *where);
void gft_csv_deinit(gft_csv *csv);

/**
 * Reads the next row; *more = false at the end. INVALID_ARGUMENT names the line of a malformed row.
 */
GRAFT_MUST_CHECK graft_status gft_csv_next(gft_csv *csv, bool *more, graft_error *err);
/** Field i of the row read last, valid until the next; "" past its end. */
const char *gft_csv_field(const gft_csv *csv, size_t i);

#endif
