/*
 * The pickle opcodes of PyTorch state dicts (protocol 2, Lib/pickletools.py), run without executing
 * anything: values are small tagged nodes in an arena. Private to the torch reader.
 */
#ifndef GFT_FORMATS_TORCH_PICKLE_H
#define GFT_FORMATS_TORCH_PICKLE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/cursor.h"
#include "graft/tensor.h"

typedef enum gft_pickle_kind {
    GFT_PICKLE_NONE,
    GFT_PICKLE_BOOL,
    GFT_PICKLE_INT,
    GFT_PICKLE_LONG, /* more than 8 bytes: raw little-endian in text/bytes */
    GFT_PICKLE_FLOAT,
    GFT_PICKLE_STRING,
    GFT_PICKLE_TUPLE,
    GFT_PICKLE_LIST,
    GFT_PICKLE_DICT, /* items are key, value, key, value */
    GFT_PICKLE_ORDERED_DICT_TYPE,
    GFT_PICKLE_REBUILD_TENSOR,
    GFT_PICKLE_REBUILD_PARAMETER,
    GFT_PICKLE_STORAGE_TYPE, /* dtype */
    GFT_PICKLE_STORAGE,      /* dtype, text = key, integer = elements */
    GFT_PICKLE_TENSOR        /* items: storage, offset, size, stride, ... */
} gft_pickle_kind;

typedef struct gft_pickle_value gft_pickle_value;
struct gft_pickle_value {
    gft_pickle_kind kind;
    graft_dtype dtype;
    int64_t integer;
    double real;
    const char *text; /* NUL-terminated */
    size_t bytes;     /* of text */
    gft_pickle_value **items;
    size_t count;
    size_t capacity;
    const uint8_t *storage_data; /* of a STORAGE, set by the reader */
};

/* All STORAGE values met, in order. */
typedef struct gft_pickle_storages {
    gft_pickle_value **items;
    size_t count;
    size_t capacity;
} gft_pickle_storages;

/** Runs one pickle up to its STOP. Everything made lives in the arena. */
GRAFT_MUST_CHECK graft_status gft_pickle_run(gft_cursor *cursor, gft_arena *arena,
                                             gft_pickle_storages *storages, gft_pickle_value **out,
                                             graft_error *err);

/** Appends a pointer to an arena-held list that doubles. */
GRAFT_MUST_CHECK graft_status gft_pickle_push(gft_arena *arena, gft_pickle_value ***items,
                                              size_t *count, size_t *capacity,
                                              gft_pickle_value *value, graft_error *err);

/** Value of a string key in a dict; NULL if there is none. */
gft_pickle_value *gft_pickle_get(const gft_pickle_value *dict, const char *key);

#endif
