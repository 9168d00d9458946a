/*
 * LevelDB tables (sorted string tables) as TensorFlow's checkpoint index uses them: any number of
 * blocks, prefix-compressed keys, masked crc32c per block; snappy blocks are read, never written.
 *
 * Format: LevelDB's doc/table_format.md; 48-byte footer, index block, data blocks.
 */
#ifndef GFT_FORMATS_LEVELDB_H
#define GFT_FORMATS_LEVELDB_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

/** Called for each entry in the order of keys; key and value are borrowed for the call. */
typedef graft_status (*gft_leveldb_fn)(void *context, const uint8_t *key, size_t key_bytes,
                                       const uint8_t *value, size_t value_bytes, graft_error *err);

/**
 * Reads a whole table from memory, checking magic, every block's crc and the order of keys.
 *
 * @return DATA_LOSS for damage (with the offset); what fn returns if that is not OK
 */
GRAFT_MUST_CHECK graft_status gft_leveldb_read(const void *data, size_t bytes, const char *where,
                                               gft_leveldb_fn fn, void *context, graft_error *err);

/* Builds a table in `out`. Zero-initialise through gft_leveldb_writer_init. */
typedef struct gft_leveldb_writer {
    gft_buffer *out; /* borrowed */
    gft_buffer block;
    gft_buffer index;
    gft_buffer last_key;
    gft_buffer restarts; /* u32 offsets into block */
    size_t block_bytes;  /* a block ends when it has grown to this */
    size_t entries;      /* in the block at hand */
    size_t total;
} gft_leveldb_writer;

void gft_leveldb_writer_init(gft_leveldb_writer *writer, gft_buffer *out, size_t block_bytes);
void gft_leveldb_writer_deinit(gft_leveldb_writer *writer);
/** Keys must come in strictly increasing byte order (INVALID_ARGUMENT otherwise). */
GRAFT_MUST_CHECK graft_status gft_leveldb_writer_add(gft_leveldb_writer *writer, const void *key,
                                                     size_t key_bytes, const void *value,
                                                     size_t value_bytes, graft_error *err);
GRAFT_MUST_CHECK graft_status gft_leveldb_writer_finish(gft_leveldb_writer *writer,
                                                        graft_error *err);

/** Appends a LEB128 number. */
GRAFT_MUST_CHECK graft_status gft_leveldb_put_varint(gft_buffer *buffer, uint64_t value,
                                                     graft_error *err);
/** Byte order of two keys, as memcmp with the shorter first: <0, 0, >0. */
int gft_leveldb_compare(const void *a, size_t a_bytes, const void *b, size_t b_bytes);

#endif
