/*
 * Fuzz target: TensorBundle. The first byte modulo 4 chooses: 0, index and data follow (u16 index
 * length first); 2, a snappy stream; else a list of index entries (u8 key length, key, u8 value
 * length, value; an empty key ends it), put into a valid table so that mutations get past the block
 * checksums, and the rest is the data shard.
 */
#include <stdint.h>
#include <stdlib.h>

#include "formats/bundle.h"
#include "formats/leveldb.h"
#include "formats/snappy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_everything(const uint8_t *index, size_t index_bytes, const uint8_t *data,
                            size_t bytes) {
    gft_bundle *bundle = NULL;
    graft_error err;
    if (gft_bundle_open_memory(index, index_bytes, data, bytes, "fuzz", &bundle, &err) != GRAFT_OK)
        return;
    gft_arena arena;
    gft_arena_init(&arena);
    for (size_t i = 0; i < gft_bundle_count(bundle); i++) {
        const gft_bundle_entry *e = gft_bundle_at(bundle, i);
        graft_tensor t;
        gft_bundle_string *strings;
        size_t count;
        if (gft_bundle_find(bundle, e->key) != e)
            abort();
        (void)!gft_bundle_read(bundle, e, &arena, &t, &err);
        (void)!gft_bundle_read_strings(bundle, e, &arena, &strings, &count, &err);
    }
    (void)!gft_bundle_verify(bundle, &err);
    gft_arena_deinit(&arena);
    gft_bundle_close(bundle);
}

/* Builds the table; returns how much of the input was used. */
static size_t build_table(const uint8_t *data, size_t size, gft_buffer *out) {
    static const uint8_t header[] = {0x08, 0x01, 0x1a, 0x02, 0x08, 0x01};
    gft_leveldb_writer w;
    gft_leveldb_writer_init(&w, out, 64);
    (void)!gft_leveldb_writer_add(&w, "", 0, header, sizeof header, NULL);
    size_t at = 0;
    while (at < size) {
        size_t key_bytes = data[at++];
        if (key_bytes == 0 || key_bytes >= size - at)
            break;
        const uint8_t *key = data + at;
        at += key_bytes;
        size_t value_bytes = data[at++];
        if (value_bytes > size - at)
            break;
        (void)!gft_leveldb_writer_add(&w, key, key_bytes, data + at, value_bytes, NULL);
        at += value_bytes;
    }
    (void)!gft_leveldb_writer_finish(&w, NULL);
    gft_leveldb_writer_deinit(&w);
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3)
        return 0;
    if (data[0] % 4 == 2) { /* a snappy stream alone */
        gft_buffer out;
        gft_buffer_init(&out, (size_t)1 << 24);
        (void)!gft_snappy_decode(data + 1, size - 1, "fuzz", &out, NULL);
        gft_buffer_deinit(&out);
    } else if (data[0] % 2 == 0) {
        size_t index_bytes = (size_t)data[1] | (size_t)data[2] << 8;
        index_bytes = index_bytes > size - 3 ? size - 3 : index_bytes;
        read_everything(data + 3, index_bytes, data + 3 + index_bytes, size - 3 - index_bytes);
    } else {
        gft_buffer table;
        gft_buffer_init(&table, (size_t)1 << 24);
        size_t used = 1 + build_table(data + 1, size - 1, &table);
        read_everything(table.data, table.bytes, data + used, size - used);
        gft_buffer_deinit(&table);
    }
    return 0;
}
