/* Inside of a bundle, shared by its readers: entries, shards, what has been checked. */
#ifndef GFT_FORMATS_BUNDLE_PRIV_H
#define GFT_FORMATS_BUNDLE_PRIV_H

#include <stdatomic.h>

#include "formats/bundle.h"
#include "tensorflow.pb-c.h"

typedef struct gft_bundle_item {
    gft_bundle_entry pub; /* first: the public entry is cast back to its item */
    size_t key_bytes;
    const Tensorflow__BundleEntryProto *proto;
    atomic_bool checked;
    atomic_bool pending; /* given out unchecked */
} gft_bundle_item;

struct gft_bundle {
    gft_arena arena;
    char *prefix;
    gft_bundle_item **items; /* all, slices too, in byte order of keys */
    size_t item_count;
    size_t item_capacity;
    const gft_bundle_item **listed; /* without slices */
    size_t listed_count;
    gft_map *shards;
    bool borrowed; /* shard 0 is not ours to unmap */
    int32_t shard_count;
    bool have_header;
};

gft_bundle_item *gft_bundle_item_find(const gft_bundle *bundle, const void *key, size_t key_bytes);
/** Bytes of an item within its shard; bounds checked when the bundle was opened. */
const uint8_t *gft_bundle_item_bytes(const gft_bundle *bundle, const gft_bundle_item *item);
/** Checks the crc of a numeric item once. */
graft_status gft_bundle_item_check(gft_bundle *bundle, gft_bundle_item *item, graft_error *err);
/** Puts the slices of a partitioned tensor together in the arena. */
graft_status gft_bundle_assemble(gft_bundle *bundle, gft_bundle_item *item, gft_arena *arena,
                                 graft_tensor *out, graft_error *err);

#endif
