/*
 * JSON text from files of others: parsed by jansson after its nesting and the number of its values
 * have been bounded, so that a small or a strange file can neither exhaust the stack nor the
 * memory. And the other way: text as a JSON string.
 */
#ifndef GFT_FORMATS_JSON_TEXT_H
#define GFT_FORMATS_JSON_TEXT_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

#define GFT_JSON_MAX_DEPTH 100
#define GFT_JSON_MAX_VALUES ((size_t)1 << 23)

struct json_t;

/**
 * Parses a text (UTF-8, an object or an array).
 *
 * @param where [in]  file name, for messages
 * @param out   [out] jansson's value, to be freed with json_decref
 * @return DATA_LOSS for what is not JSON, naming line and column, or is nested deeper than
 * GFT_JSON_MAX_DEPTH; RESOURCE_EXHAUSTED for more than GFT_JSON_MAX_VALUES values
 */
GRAFT_MUST_CHECK graft_status gft_json_parse(const void *text, size_t bytes, const char *where,
                                             struct json_t **out, graft_error *err);

/**
 * Appends a string with its quotes; bytes below 0x20, '"' and '\' are escaped. INVALID_ARGUMENT if
 * it is not UTF-8.
 */
GRAFT_MUST_CHECK graft_status gft_json_quote(gft_buffer *buffer, const char *text,
                                             graft_error *err);

#endif
