/*
 * Opening a TensorBundle: the index table becomes a sorted array of entries, shards are mapped, and
 * every entry's place is compared with the size of its shard before anything points there.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/shape.h"
#include "base/size.h"
#include "formats/bundle_priv.h"
#include "formats/leveldb.h"
#include "formats/proto_scan.h"
#include "formats/tensor_proto.h"

#define MAX_SHARDS 100000
#define MAX_KEYS_BYTES ((size_t)256 << 20) /* prefix compression lets few bytes stand for many */

static const gft_proto_limits entry_limits = {20, 100000, 16u << 20, 0, GFT_PROTO_ALL};

typedef struct opening {
    gft_bundle *bundle;
    const char *index_path;
    size_t keys_bytes;
} opening;

static bool dtype_known(int32_t number) {
    switch (number) {
#define CASE_(symbol, n, bytes, name) case n:
        GRAFT_DTYPE_LIST(CASE_)
#undef CASE_
        return number != GRAFT_RESOURCE;
    default:
        return false;
    }
}

static graft_status take_header(opening *o, const uint8_t *value, size_t bytes, graft_error *err) {
    ProtobufCMessage *message;
    GFT_TRY(gft_proto_unpack(&tensorflow__bundle_header_proto__descriptor, value, bytes,
                             &entry_limits, o->index_path, &o->bundle->arena, &message, err));
    const Tensorflow__BundleHeaderProto *header = (const Tensorflow__BundleHeaderProto *)message;
    if (header->endianness != 0)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: big-endian data, only little-endian is read",
                        o->index_path);
    if (header->num_shards < 0 || header->num_shards > MAX_SHARDS)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: %d shards, expected 1 to %d", o->index_path,
                        (int)header->num_shards, MAX_SHARDS);
    if (header->version && header->version->min_consumer > 1)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: needs a reader of version %d, this one is 1",
                        o->index_path, (int)header->version->min_consumer);
    o->bundle->shard_count = header->num_shards;
    o->bundle->have_header = true;
    return GRAFT_OK;
}

static graft_status push_item(gft_bundle *b, gft_bundle_item *item, graft_error *err) {
    if (b->item_count == b->item_capacity) {
        size_t capacity = b->item_capacity ? b->item_capacity * 2 : 64;
        gft_bundle_item **grown = gft_realloc(b->items, capacity * sizeof *grown);
        if (!grown)
            return gft_fail_memory(err, capacity * sizeof *grown, "a checkpoint index");
        b->items = grown;
        b->item_capacity = capacity;
    }
    b->items[b->item_count++] = item;
    return GRAFT_OK;
}

static void describe(gft_bundle_item *item, const Tensorflow__BundleEntryProto *proto) {
    item->proto = proto;
    item->pub.dtype_number = proto->dtype;
    item->pub.dtype = dtype_known(proto->dtype) ? (graft_dtype)proto->dtype : GRAFT_DTYPE_NONE;
    item->pub.bytes = (uint64_t)proto->size;
    item->pub.partitioned = proto->n_slices > 0;
    if (gft_tensor_proto_shape(proto->shape, "", &item->pub.shape, NULL) != GRAFT_OK ||
        !gft_shape_known(&item->pub.shape))
        item->pub.shape.rank = -1;
}

static graft_status take_entry(void *context, const uint8_t *key, size_t key_bytes,
                               const uint8_t *value, size_t value_bytes, graft_error *err) {
    opening *o = context;
    if (key_bytes == 0)
        return take_header(o, value, value_bytes, err);
    if (!o->bundle->have_header)
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: a table without the header entry of a checkpoint", o->index_path);
    if (key[0] != 0 && memchr(key, 0, key_bytes))
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: a tensor name with a zero byte in it",
                        o->index_path);
    if (key_bytes > MAX_KEYS_BYTES - o->keys_bytes)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: keys of more than %zu bytes together",
                        o->index_path, MAX_KEYS_BYTES);
    o->keys_bytes += key_bytes;
    gft_arena *arena = &o->bundle->arena;
    gft_bundle_item *item = gft_arena_alloc(arena, sizeof *item);
    char *copy = gft_arena_alloc(arena, key_bytes + 1);
    if (!item || !copy)
        return gft_fail_memory(err, key_bytes + sizeof *item, "a checkpoint entry");
    memcpy(copy, key, key_bytes);
    item->pub.key = copy;
    item->key_bytes = key_bytes;
    ProtobufCMessage *message;
    graft_status status =
        gft_proto_unpack(&tensorflow__bundle_entry_proto__descriptor, value, value_bytes,
                         &entry_limits, o->index_path, arena, &message, err);
    if (status != GRAFT_OK)
        return gft_fail_in(err, status, "entry '%.80s'", copy);
    const Tensorflow__BundleEntryProto *proto = (const Tensorflow__BundleEntryProto *)message;
    if (proto->offset < 0 || proto->size < 0 || proto->shard_id < 0 ||
        proto->shard_id >= o->bundle->shard_count)
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: entry '%.80s': shard %d of %d, offset %lld, %lld bytes", o->index_path,
                        copy, (int)proto->shard_id, (int)o->bundle->shard_count,
                        (long long)proto->offset, (long long)proto->size);
    describe(item, proto);
    return push_item(o->bundle, item, err);
}

static graft_status map_shard(gft_bundle *b, int32_t shard, graft_error *err) {
    if (b->shards[shard].data)
        return GRAFT_OK;
    char *path = gft_format("%s.data-%05d-of-%05d", b->prefix, (int)shard, (int)b->shard_count);
    if (!path)
        return gft_fail_memory(err, strlen(b->prefix) + 24, "a file name");
    graft_status status = gft_map_open(path, &b->shards[shard], err);
    gft_free(path);
    return status;
}

static graft_status place_items(gft_bundle *b, const gft_map *shard, graft_error *err) {
    b->shards = gft_calloc((size_t)b->shard_count + 1, sizeof *b->shards);
    b->listed = gft_arena_array(&b->arena, b->item_count, sizeof *b->listed);
    if (!b->shards || !b->listed)
        return gft_fail_memory(err, b->item_count * sizeof *b->listed, "a checkpoint index");
    if (shard) {
        b->shards[0] = *shard;
        b->borrowed = true;
    }
    for (size_t i = 0; i < b->item_count; i++) {
        gft_bundle_item *item = b->items[i];
        if (item->pub.key[0] != '\0') /* slices have keys that start with a zero byte */
            b->listed[b->listed_count++] = item;
        if (item->pub.partitioned)
            continue;
        const Tensorflow__BundleEntryProto *proto = item->proto;
        GFT_TRY(map_shard(b, proto->shard_id, err));
        size_t have = b->shards[proto->shard_id].bytes;
        if ((uint64_t)proto->offset > have ||
            (uint64_t)proto->size > have - (uint64_t)proto->offset)
            return gft_fail(
                err, GRAFT_DATA_LOSS,
                "%s.data-%05d-of-%05d: has %zu bytes, but '%.80s' needs %lld at offset %lld: the "
                "file is cut",
                b->prefix, (int)proto->shard_id, (int)b->shard_count, have, item->pub.key,
                (long long)proto->size, (long long)proto->offset);
    }
    return GRAFT_OK;
}

/* `shard` is NULL for files: they are mapped as entries name them. */
static graft_status open_index(const char *prefix, const char *index_path, const gft_map *index,
                               const gft_map *shard, gft_bundle **out, graft_error *err) {
    graft_status status = GRAFT_OK;
    gft_bundle *b = gft_calloc(1, sizeof *b);
    if (b)
        b->prefix = gft_strdup(prefix);
    if (!b || !b->prefix) {
        status = gft_fail_memory(err, sizeof *b + strlen(prefix), "a checkpoint");
        goto done;
    }
    opening o = {.bundle = b, .index_path = index_path};
    GFT_GOTO(gft_leveldb_read(index->data, index->bytes, index_path, take_entry, &o, err));
    if (!b->have_header || (shard && b->shard_count > 1)) {
        status = gft_fail(err, GRAFT_DATA_LOSS, "%s: %s, expected a checkpoint index", index_path,
                          b->have_header ? "several shards" : "an empty table");
        goto done;
    }
    GFT_GOTO(place_items(b, shard, err));
    *out = b;
    b = NULL;
done:
    gft_bundle_close(b);
    return status;
}

graft_status gft_bundle_open(const char *prefix, gft_bundle **out, graft_error *err) {
    graft_status status;
    gft_map index = {NULL, 0};
    char *path = gft_format("%s.index", prefix);
    if (!path)
        return gft_fail_memory(err, strlen(prefix) + 7, "a file name");
    GFT_GOTO(gft_map_open(path, &index, err));
    GFT_GOTO(open_index(prefix, path, &index, NULL, out, err));
done:
    if (index.data)
        gft_map_close(&index);
    gft_free(path);
    return status;
}

graft_status gft_bundle_open_memory(const void *index, size_t index_bytes, const void *shard,
                                    size_t shard_bytes, const char *where, gft_bundle **out,
                                    graft_error *err) {
    gft_map table = {index, index_bytes};
    gft_map data = {shard, shard_bytes};
    return open_index(where, where, &table, &data, out, err);
}

void gft_bundle_close(gft_bundle *b) {
    if (!b)
        return;
    for (int32_t i = 0; b->shards && i < b->shard_count; i++)
        if (b->shards[i].data && !b->borrowed)
            gft_map_close(&b->shards[i]);
    gft_free(b->shards);
    gft_free(b->items);
    gft_free(b->prefix);
    gft_arena_deinit(&b->arena);
    gft_free(b);
}

size_t gft_bundle_count(const gft_bundle *bundle) {
    return bundle->listed_count;
}

const gft_bundle_entry *gft_bundle_at(const gft_bundle *bundle, size_t index) {
    return index < bundle->listed_count ? &bundle->listed[index]->pub : NULL;
}

gft_bundle_item *gft_bundle_item_find(const gft_bundle *bundle, const void *key, size_t key_bytes) {
    size_t low = 0;
    size_t high = bundle->item_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        gft_bundle_item *item = bundle->items[middle];
        int order = gft_leveldb_compare(item->pub.key, item->key_bytes, key, key_bytes);
        if (order == 0)
            return item;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const gft_bundle_entry *gft_bundle_find(const gft_bundle *bundle, const char *key) {
    gft_bundle_item *item = gft_bundle_item_find(bundle, key, strlen(key));
    return item && item->pub.key[0] != '\0' ? &item->pub : NULL;
}
