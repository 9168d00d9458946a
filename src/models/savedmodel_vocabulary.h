/*
 * Vocabulary files: one entry a line, keys and values taken from columns, from the line as a whole
 * or from its number (TensorFlow's TextFileInitializer).
 */
#ifndef GFT_MODELS_SAVEDMODEL_VOCABULARY_H
#define GFT_MODELS_SAVEDMODEL_VOCABULARY_H

#include "base/arena.h"
#include "base/error.h"
#include "graft/tensor.h"

#define GFT_VOCABULARY_LINE (-2)   /* the whole line */
#define GFT_VOCABULARY_NUMBER (-1) /* the line's number, from 0 */

typedef struct gft_vocabulary {
    int64_t key_index, value_index; /* a column from 0, or one of the above */
    int64_t most_lines;             /* -1: all */
    int64_t offset;                 /* added to line numbers */
    char delimiter;
    graft_dtype key_type, value_type; /* string, int64, int32, float32 */
} gft_vocabulary;

/** Keys and values as vectors in the arena. DATA_LOSS names the line that does not fit. */
GRAFT_MUST_CHECK graft_status gft_vocabulary_read(const gft_vocabulary *vocabulary,
                                                  const char *path, gft_arena *arena,
                                                  graft_tensor *keys, graft_tensor *values,
                                                  graft_error *err);

#endif
