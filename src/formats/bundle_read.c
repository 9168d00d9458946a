/*
 * Reading tensors of an open bundle: views into the mapped shard, checked against their masked
 * crc32c once; strings decoded from their length list.
 */
#include <string.h>

#include "base/crc32c.h"
#include "base/cursor.h"
#include "base/map_list.h"
#include "base/shape.h"
#include "base/size.h"
#include "formats/bundle_priv.h"

#define MAX_CHECKED_AT_ONCE ((size_t)64 << 10) /* bytes of a tensor that is mapped */

const uint8_t *gft_bundle_item_bytes(const gft_bundle *bundle, const gft_bundle_item *item) {
    return bundle->shards[item->proto->shard_id].data + item->proto->offset;
}

static graft_status wrong_crc(const gft_bundle *b, const gft_bundle_item *item, uint32_t found,
                              graft_error *err) {
    return gft_fail(
        err, GRAFT_DATA_LOSS,
        "%s: tensor '%.80s': checksum 0x%08x, expected 0x%08x: the data file is damaged", b->prefix,
        item->pub.key, found, item->proto->crc32c);
}

graft_status gft_bundle_item_check(gft_bundle *b, gft_bundle_item *item, graft_error *err) {
    if (atomic_load_explicit(&item->checked, memory_order_acquire))
        return GRAFT_OK;
    uint32_t found =
        gft_crc32c_mask(gft_crc32c(gft_bundle_item_bytes(b, item), (size_t)item->proto->size));
    if (found != item->proto->crc32c)
        return wrong_crc(b, item, found, err);
    atomic_store_explicit(&item->checked, true, memory_order_release);
    return GRAFT_OK;
}

/* Entries come from gft_bundle_at or _find, which hand out the first member of an item of theirs.
 */
static gft_bundle_item *item_of(const gft_bundle_entry *entry) {
    return (gft_bundle_item *)(uintptr_t)entry;
}

static graft_status check_supported(const gft_bundle *b, const gft_bundle_item *item,
                                    graft_error *err) {
    if (item->pub.dtype == GRAFT_DTYPE_NONE)
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "%s: tensor '%.80s': element type number %d is not supported", b->prefix,
                        item->pub.key, (int)item->pub.dtype_number);
    if (item->pub.shape.rank < 0)
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "%s: tensor '%.80s': its shape is not a known one of rank 0 to %d",
                        b->prefix, item->pub.key, GRAFT_MAX_RANK);
    return GRAFT_OK;
}

static graft_status read_tensor(gft_bundle *b, const gft_bundle_entry *entry, bool defer,
                                gft_arena *arena, graft_tensor *out, graft_error *err) {
    gft_bundle_item *item = item_of(entry);
    GFT_TRY(check_supported(b, item, err));
    graft_tensor tensor = {.name = entry->key,
                           .desc = {.dtype = entry->dtype, .shape = entry->shape}};
    if (entry->dtype == GRAFT_STRING)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: tensor '%.80s' holds strings, expected numbers", b->prefix,
                        entry->key);
    char text[GFT_DESC_TEXT_BYTES];
    if (!gft_desc_bytes(&tensor.desc, &tensor.bytes))
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: tensor '%.80s': size of %s overflows", b->prefix,
                        entry->key, gft_desc_text(&tensor.desc, text));
    if (item->pub.partitioned)
        return gft_bundle_assemble(b, item, arena, out, err);
    if (tensor.bytes != entry->bytes)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: tensor '%.80s': %llu bytes stored, %s needs %zu",
                        b->prefix, entry->key, (unsigned long long)entry->bytes,
                        gft_desc_text(&tensor.desc, text), tensor.bytes);
    const uint8_t *p = gft_bundle_item_bytes(b, item);
    const bool aligned = (uintptr_t)p % graft_dtype_bytes(entry->dtype) == 0;
    if (defer && aligned && tensor.bytes > MAX_CHECKED_AT_ONCE)
        atomic_store_explicit(&item->pending, true, memory_order_release);
    else
        GFT_TRY(gft_bundle_item_check(b, item, err));
    if (aligned) {
        tensor.data = (void *)(uintptr_t)p;
    } else {
        tensor.data = gft_arena_memdup(arena, p, tensor.bytes);
        if (!tensor.data)
            return gft_fail_memory(err, tensor.bytes, entry->key);
    }
    *out = tensor;
    return GRAFT_OK;
}

graft_status gft_bundle_read(gft_bundle *b, const gft_bundle_entry *entry, gft_arena *arena,
                             graft_tensor *out, graft_error *err) {
    return read_tensor(b, entry, false, arena, out, err);
}

graft_status gft_bundle_map(gft_bundle *b, const gft_bundle_entry *entry, gft_arena *arena,
                            graft_tensor *out, graft_error *err) {
    return read_tensor(b, entry, true, arena, out, err);
}

graft_status gft_bundle_check_mapped(gft_bundle *b, size_t most, graft_error *err) {
    for (size_t i = 0; i < b->item_count; i++) {
        if (b->items[i]->pub.bytes <= most &&
            atomic_load_explicit(&b->items[i]->pending, memory_order_acquire)) {
            GFT_TRY(gft_bundle_item_check(b, b->items[i], err));
            gft_map_let_go(gft_bundle_item_bytes(b, b->items[i]), (size_t)b->items[i]->proto->size);
        }
    }
    return GRAFT_OK;
}

/* Layout: varint length per element, masked crc of the lengths as u32 (u64 where larger), the
 * bytes. */
static graft_status split_strings(const gft_bundle *b, const gft_bundle_item *item, size_t count,
                                  gft_bundle_string *strings, graft_error *err) {
    gft_cursor c =
        gft_cursor_make(gft_bundle_item_bytes(b, item), (size_t)item->proto->size, b->prefix);
    uint32_t crc = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t length;
        GFT_TRY(gft_cursor_varint(&c, &length, "the length of a string", err));
        if (length > gft_cursor_left(&c))
            return gft_fail(err, GRAFT_DATA_LOSS,
                            "%s: tensor '%.80s': string %zu of %llu bytes, %zu are left", b->prefix,
                            item->pub.key, i, (unsigned long long)length, gft_cursor_left(&c));
        strings[i].bytes = (size_t)length;
        uint8_t le[8];
        for (int k = 0; k < 8; k++)
            le[k] = (uint8_t)(length >> (8 * k));
        crc = gft_crc32c_extend(crc, le, length <= UINT32_MAX ? 4 : 8);
    }
    uint32_t stored;
    GFT_TRY(gft_cursor_u32(&c, &stored, "the checksum of string lengths", err));
    if (stored != gft_crc32c_mask(crc))
        return wrong_crc(b, item, gft_crc32c_mask(crc), err);
    uint8_t le[4] = {(uint8_t)stored, (uint8_t)(stored >> 8), (uint8_t)(stored >> 16),
                     (uint8_t)(stored >> 24)};
    crc = gft_crc32c_extend(crc, le, 4);
    for (size_t i = 0; i < count; i++) {
        GFT_TRY(gft_cursor_take(&c, strings[i].bytes, &strings[i].data, "a string", err));
        crc = gft_crc32c_extend(crc, strings[i].data, strings[i].bytes);
    }
    if (gft_cursor_left(&c) != 0)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: tensor '%.80s': %zu bytes too many", b->prefix,
                        item->pub.key, gft_cursor_left(&c));
    return gft_crc32c_mask(crc) == item->proto->crc32c
               ? GRAFT_OK
               : wrong_crc(b, item, gft_crc32c_mask(crc), err);
}

graft_status gft_bundle_read_strings(gft_bundle *b, const gft_bundle_entry *entry, gft_arena *arena,
                                     gft_bundle_string **out, size_t *count, graft_error *err) {
    gft_bundle_item *item = item_of(entry);
    GFT_TRY(check_supported(b, item, err));
    if (entry->dtype != GRAFT_STRING || item->pub.partitioned)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: tensor '%.80s' is %s%s, expected strings",
                        b->prefix, entry->key, item->pub.partitioned ? "partitioned " : "",
                        graft_dtype_name(entry->dtype));
    int64_t elems = gft_shape_elems(&entry->shape);
    if (elems < 0 || (uint64_t)elems > entry->bytes)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: tensor '%.80s': %lld strings in %llu bytes",
                        b->prefix, entry->key, (long long)elems, (unsigned long long)entry->bytes);
    gft_bundle_string *strings = gft_arena_array(arena, (size_t)elems, sizeof *strings);
    if (!strings)
        return gft_fail_memory(err, (size_t)elems * sizeof *strings, entry->key);
    GFT_TRY(split_strings(b, item, (size_t)elems, strings, err));
    *out = strings;
    *count = (size_t)elems;
    return GRAFT_OK;
}

graft_status gft_bundle_verify(gft_bundle *b, graft_error *err) {
    for (size_t i = 0; i < b->item_count; i++) {
        gft_bundle_item *item = b->items[i];
        if (item->pub.partitioned)
            continue;
        if (item->pub.dtype != GRAFT_STRING) {
            GFT_TRY(gft_bundle_item_check(b, item, err));
            continue;
        }
        if (item->pub.key[0] == '\0')
            continue; /* a slice of strings: its layout is checked when it is put together */
        gft_arena arena;
        gft_arena_init(&arena);
        gft_bundle_string *strings;
        size_t count;
        graft_status status = gft_bundle_read_strings(b, &item->pub, &arena, &strings, &count, err);
        gft_arena_deinit(&arena);
        GFT_TRY(status);
    }
    return GRAFT_OK;
}
