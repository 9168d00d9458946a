/*
 * TensorBundle: TensorFlow's checkpoint (`variables/variables.index` + `.data-00000-of-00001`).
 *
 * The reader maps the shards and gives tensors as views; each tensor's masked crc32c is checked at
 * its first use. The writer streams one shard with 64-byte aligned tensors; same input, same bytes.
 * Format: reference TensorFlow's tensor_bundle.proto and LevelDB's table (formats/leveldb.h).
 */
#ifndef GFT_FORMATS_BUNDLE_H
#define GFT_FORMATS_BUNDLE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/file.h"
#include "graft/tensor.h"

typedef struct gft_bundle gft_bundle;

typedef struct gft_bundle_entry {
    const char *key;
    graft_dtype dtype; /* GRAFT_DTYPE_NONE: a type Graft does not have (reading it says so) */
    int32_t dtype_number;
    graft_shape shape; /* rank -1 if above GRAFT_MAX_RANK */
    uint64_t bytes;    /* as stored; 0 for a partitioned tensor */
    bool partitioned;
} gft_bundle_entry;

/**
 * Opens the checkpoint `prefix` (".../variables/variables"): reads the whole index, maps the
 * shards.
 *
 * @return NOT_FOUND if index or a shard is missing; DATA_LOSS for damage; UNIMPLEMENTED for big-
 * endian
 *         data
 * Owner: gft_bundle_close.   Threads: reading is safe from several threads (with an arena each).
 */
GRAFT_MUST_CHECK graft_status gft_bundle_open(const char *prefix, gft_bundle **out,
                                              graft_error *err);
/** The same from memory, with a single shard. Both are borrowed until gft_bundle_close. */
GRAFT_MUST_CHECK graft_status gft_bundle_open_memory(const void *index, size_t index_bytes,
                                                     const void *shard, size_t shard_bytes,
                                                     const char *where, gft_bundle **out,
                                                     graft_error *err);
void gft_bundle_close(gft_bundle *bundle); /* accepts NULL */

/** Tensors in byte order of their keys (slices of partitioned tensors are not listed). */
size_t gft_bundle_count(const gft_bundle *bundle);
const gft_bundle_entry *gft_bundle_at(const gft_bundle *bundle, size_t index);
/** NULL if there is none. */
const gft_bundle_entry *gft_bundle_find(const gft_bundle *bundle, const char *key);

/**
 * Gives a numeric tensor, half and bfloat16 as stored.
 *
 * @param entry [in] of this bundle
 * @param arena [in] takes partitioned or badly aligned tensors; else out->data points into the
 * mapped file and lives until gft_bundle_close (do not write through it)
 * @return DATA_LOSS if the checksum or the size is wrong; INVALID_ARGUMENT for a string tensor
 */
GRAFT_MUST_CHECK graft_status gft_bundle_read(gft_bundle *bundle, const gft_bundle_entry *entry,
                                              gft_arena *arena, graft_tensor *out,
                                              graft_error *err);

typedef struct gft_bundle_string {
    const uint8_t *data; /* into the mapped file */
    size_t bytes;
} gft_bundle_string;
/** Gives the elements of a DT_STRING tensor of any shape; the array is in the arena. */
GRAFT_MUST_CHECK graft_status gft_bundle_read_strings(gft_bundle *bundle,
                                                      const gft_bundle_entry *entry,
                                                      gft_arena *arena, gft_bundle_string **out,
                                                      size_t *count, graft_error *err);

/**
 * The same, but the checksum of a large tensor (above 64 KiB) that is given as a view is left for
 * gft_bundle_check_mapped: opening a model does not read its weights, the first session does.
 */
GRAFT_MUST_CHECK graft_status gft_bundle_map(gft_bundle *bundle, const gft_bundle_entry *entry,
                                             gft_arena *arena, graft_tensor *out, graft_error *err);
/**
 * Checks what gft_bundle_map left, tensors of up to `most` bytes. Each tensor is checked once.
 * Threads: as reading.
 */
GRAFT_MUST_CHECK graft_status gft_bundle_check_mapped(gft_bundle *bundle, size_t most,
                                                      graft_error *err);

/** Checks every tensor of the bundle now. */
GRAFT_MUST_CHECK graft_status gft_bundle_verify(gft_bundle *bundle, graft_error *err);

/* ---- writing ---- */

typedef struct gft_bundle_writer gft_bundle_writer;

/** Starts prefix.data-00000-of-00001 beside its final place. Free with commit or abort. */
GRAFT_MUST_CHECK graft_status gft_bundle_writer_open(const char *prefix, gft_bundle_writer **out,
                                                     graft_error *err);
/** Adds a whole tensor; keys in any order, each once (checked by commit). */
GRAFT_MUST_CHECK graft_status gft_bundle_writer_add(gft_bundle_writer *writer, const char *key,
                                                    const graft_tensor_desc *desc, const void *data,
                                                    size_t bytes, graft_error *err);
/** Streaming: begin, then append until desc's bytes are there, then the next begin or commit. */
GRAFT_MUST_CHECK graft_status gft_bundle_writer_begin(gft_bundle_writer *writer, const char *key,
                                                      const graft_tensor_desc *desc,
                                                      graft_error *err);
GRAFT_MUST_CHECK graft_status gft_bundle_writer_append(gft_bundle_writer *writer, const void *data,
                                                       size_t bytes, graft_error *err);
/** Adds a DT_STRING tensor; `_CHECKPOINTABLE_OBJECT_GRAPH` is a scalar one. */
GRAFT_MUST_CHECK graft_status gft_bundle_writer_add_strings(gft_bundle_writer *writer,
                                                            const char *key,
                                                            const graft_shape *shape,
                                                            const gft_bundle_string *strings,
                                                            size_t count, graft_error *err);
/**
 * Writes the index and makes data, then index appear. Always frees the writer. Over an existing
 * checkpoint the two renames are not one step: write into a gft_staging directory for that.
 */
GRAFT_MUST_CHECK graft_status gft_bundle_writer_commit(gft_bundle_writer *writer, graft_error *err);
void gft_bundle_writer_abort(gft_bundle_writer *writer); /* accepts NULL */

#endif
