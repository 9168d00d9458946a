/* Private to the .tflite file reader: what its parts share while a file is opened. */
#ifndef GFT_FLAT_TFLITE_FILE_PRIV_H
#define GFT_FLAT_TFLITE_FILE_PRIV_H

#include "flat/tflite_file.h"

typedef struct gft_tflite_code {
    int32_t op, version;
    const char *custom;
} gft_tflite_code;

typedef struct gft_tflite_parse {
    gft_tflite_file *file;
    gft_tflite_code *codes;
    int32_t code_count;
    uint32_t items; /* made so far, of all kinds */
} gft_tflite_parse;

/** An array for a vector's elements; RESOURCE_EXHAUSTED when the file has too many in all. */
GRAFT_MUST_CHECK graft_status gft_tflite_array(gft_tflite_parse *p, uint32_t count, size_t bytes,
                                               const char *what, void *out, graft_error *err);
/** A vector of int32 as array. */
GRAFT_MUST_CHECK graft_status gft_tflite_ints(gft_tflite_parse *p, const gft_fb_table *table,
                                              int field, const char *what, int32_t **out,
                                              int32_t *count, graft_error *err);
/** Indices of tensors: lowest (0, or -1 where they may be left out) to limit - 1. */
GRAFT_MUST_CHECK graft_status gft_tflite_indices(gft_tflite_parse *p, const gft_fb_table *table,
                                                 int field, const char *what, int32_t lowest,
                                                 int32_t limit, int32_t **out, int32_t *count,
                                                 graft_error *err);
/** Reads one subgraph: tflite_file_graph.c. */
GRAFT_MUST_CHECK graft_status gft_tflite_parse_subgraph(gft_tflite_parse *p,
                                                        const gft_fb_table *table,
                                                        gft_tflite_subgraph *out, graft_error *err);

#endif
