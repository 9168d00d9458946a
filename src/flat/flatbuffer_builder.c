/*
 * FlatBuffers written from the end to the front. A position is its distance from the end, so that
 * it stays true while bytes are put in front; finishing pads the whole to its widest alignment,
 * which makes distances and addresses agree.
 *
 * Layout: github.com/google/flatbuffers, internals. A table begins with the signed distance to its
 * vtable: uint16 bytes of the vtable, uint16 bytes of the table, then per field its uint16 place in
 * the table, 0 for a field that is left out.
 */
#include "flat/flatbuffer_builder.h"

#include <string.h>

#include "base/alloc.h"
#include "base/size.h"

#define FIRST_CAPACITY ((size_t)4096)

void gft_flat_builder_init(gft_flat_builder *b, uint64_t max_bytes, graft_error *err) {
    *b = (gft_flat_builder){.max_bytes = max_bytes, .alignment = 4, .err = err};
    if (b->max_bytes > GFT_FLAT_MAX_BYTES)
        b->max_bytes = GFT_FLAT_MAX_BYTES;
}

void gft_flat_builder_deinit(gft_flat_builder *b) {
    gft_free(b->data);
    gft_free(b->blobs);
    gft_free(b->vtables);
    *b = (gft_flat_builder){.status = b->status};
}

/* ---- bytes ---- */

static bool failed(const gft_flat_builder *b) {
    return b->status != GRAFT_OK;
}

static void fail_size(gft_flat_builder *b) {
    b->status = gft_fail(b->err, GRAFT_RESOURCE_EXHAUSTED,
                         "flatbuffer: more than %llu bytes, the most that it may have",
                         (unsigned long long)b->max_bytes);
}

/* Room for `bytes` own bytes in front of the others; NULL after a failure. */
static uint8_t *take(gft_flat_builder *b, size_t bytes) {
    if (failed(b))
        return NULL;
    if (bytes > b->max_bytes || b->total > b->max_bytes - bytes) {
        fail_size(b);
        return NULL;
    }
    if (bytes > b->capacity - b->used) {
        size_t capacity = gft_size_max(b->capacity, FIRST_CAPACITY);
        while (capacity - b->used < bytes) /* both are below 2^31 */
            capacity *= 2;
        uint8_t *data = gft_malloc(capacity);
        if (!data) {
            b->status = gft_fail_memory(b->err, capacity, "a flatbuffer");
            return NULL;
        }
        if (b->used)
            memcpy(data + capacity - b->used, b->data + b->capacity - b->used, b->used);
        gft_free(b->data);
        b->data = data;
        b->capacity = capacity;
    }
    b->used += bytes;
    b->total += bytes;
    return b->data + b->capacity - b->used;
}

/* Zeros, so that after `bytes` more bytes the position is a multiple of the alignment. */
static void align(gft_flat_builder *b, uint64_t bytes, size_t alignment) {
    b->alignment = gft_size_max(b->alignment, alignment);
    const size_t over = (size_t)((b->total + bytes) % alignment);
    if (over == 0)
        return;
    uint8_t *p = take(b, alignment - over);
    if (p)
        memset(p, 0, alignment - over);
}

static void store(uint8_t *p, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        p[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t load(const uint8_t *p, size_t bytes) {
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)p[i] << (8 * i);
    return value;
}

static void put(gft_flat_builder *b, uint64_t value, size_t bytes) {
    uint8_t *p = take(b, bytes);
    if (p)
        store(p, value, bytes);
}

/* The distance from where the next four bytes are put to what was written before. */
static void put_ref(gft_flat_builder *b, gft_flat_ref ref) {
    put(b, b->total + 4 - ref, 4);
}

static gft_flat_ref here(const gft_flat_builder *b) {
    return failed(b) ? 0 : (gft_flat_ref)b->total;
}

static bool grow(gft_flat_builder *b, void **items, size_t count, size_t *capacity, size_t bytes) {
    if (failed(b))
        return false;
    if (count < *capacity)
        return true;
    const size_t wanted = *capacity ? *capacity * 2 : 16;
    void *more = gft_realloc(*items, wanted * bytes);
    if (!more) {
        b->status = gft_fail_memory(b->err, wanted * bytes, "a flatbuffer");
        return false;
    }
    *items = more;
    *capacity = wanted;
    return true;
}

/* ---- vectors ---- */

/* What a vector of this many elements needs in front of it; false if it cannot be. */
static bool vector_room(gft_flat_builder *b, size_t count, size_t item_bytes, size_t alignment,
                        size_t *bytes) {
    if (failed(b))
        return false;
    if (!gft_size_mul(count, item_bytes, bytes) || *bytes > b->max_bytes) {
        fail_size(b);
        return false;
    }
    align(b, *bytes, 4);
    align(b, *bytes, alignment);
    return !failed(b);
}

gft_flat_ref gft_flat_put_bytes(gft_flat_builder *b, const void *data, size_t bytes,
                                size_t alignment) {
    size_t room;
    if (!vector_room(b, bytes, 1, alignment, &room))
        return 0;
    uint8_t *p = take(b, bytes);
    if (p && bytes)
        memcpy(p, data, bytes);
    put(b, bytes, 4);
    return here(b);
}

gft_flat_ref gft_flat_put_string(gft_flat_builder *b, const char *text) {
    const size_t bytes = strlen(text);
    align(b, (uint64_t)bytes + 1, 4);
    uint8_t *p = take(b, bytes + 1);
    if (p)
        memcpy(p, text, bytes + 1);
    put(b, bytes, 4);
    return here(b);
}

static gft_flat_ref put_words(gft_flat_builder *b, const void *items, size_t count, size_t width) {
    size_t bytes;
    if (!vector_room(b, count, width, width, &bytes))
        return 0;
    uint8_t *p = take(b, bytes);
    for (size_t i = 0; p && i < count; i++) {
        uint64_t value = 0;
        if (width == 4) {
            uint32_t word;
            memcpy(&word, (const uint8_t *)items + 4 * i, 4);
            value = word;
        } else {
            memcpy(&value, (const uint8_t *)items + 8 * i, 8);
        }
        store(p + width * i, value, width);
    }
    put(b, count, 4);
    return here(b);
}

gft_flat_ref gft_flat_put_i32s(gft_flat_builder *b, const int32_t *items, size_t count) {
    return put_words(b, items, count, sizeof *items);
}

gft_flat_ref gft_flat_put_i64s(gft_flat_builder *b, const int64_t *items, size_t count) {
    return put_words(b, items, count, sizeof *items);
}

gft_flat_ref gft_flat_put_f32s(gft_flat_builder *b, const float *items, size_t count) {
    return put_words(b, items, count, sizeof *items);
}

gft_flat_ref gft_flat_put_refs(gft_flat_builder *b, const gft_flat_ref *items, size_t count) {
    size_t bytes;
    if (!vector_room(b, count, sizeof *items, sizeof *items, &bytes))
        return 0;
    for (size_t i = count; i > 0; i--)
        put_ref(b, items[i - 1]);
    put(b, count, 4);
    return here(b);
}

gft_flat_ref gft_flat_put_blob(gft_flat_builder *b, size_t bytes, size_t index, size_t alignment) {
    size_t room;
    if (!vector_room(b, bytes, 1, alignment, &room) ||
        !grow(b, (void **)(void *)&b->blobs, b->blob_count, &b->blob_capacity, sizeof *b->blobs))
        return 0;
    if (b->total > b->max_bytes - bytes) {
        fail_size(b);
        return 0;
    }
    b->blobs[b->blob_count++] = (gft_flat_blob){(uint32_t)b->used, bytes, index};
    b->total += bytes;
    put(b, bytes, 4);
    return here(b);
}

/* ---- tables ---- */

void gft_flat_table(gft_flat_builder *b) {
    GFT_ASSERT(!b->in_table);
    b->in_table = true;
    b->field_count = 0;
}

static void add_field(gft_flat_builder *b, int32_t id, size_t bytes, uint64_t value, bool is_ref) {
    GFT_ASSERT(b->in_table && id >= 0 && id < GFT_FLAT_MAX_FIELDS &&
               b->field_count < GFT_FLAT_MAX_FIELDS);
    b->fields[b->field_count++] = (gft_flat_field){(uint16_t)id, (uint16_t)bytes, is_ref, value};
}

void gft_flat_scalar(gft_flat_builder *b, int32_t id, size_t bytes, int64_t value,
                     int64_t default_value) {
    if (value != default_value)
        add_field(b, id, bytes, (uint64_t)value, false);
}

void gft_flat_f32(gft_flat_builder *b, int32_t id, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (bits)
        add_field(b, id, sizeof bits, bits, false);
}

void gft_flat_field_ref(gft_flat_builder *b, int32_t id, gft_flat_ref ref) {
    if (ref)
        add_field(b, id, 4, ref, true);
}

/* The widest fields first in memory order of ids, so that equal tables get equal vtables. */
static void put_fields(gft_flat_builder *b, gft_flat_ref *places) {
    for (size_t width = 8; width > 0; width /= 2) {
        for (int32_t i = 0; i < b->field_count; i++) {
            const gft_flat_field *f = &b->fields[i];
            if (f->bytes != width)
                continue;
            align(b, width, width);
            if (f->is_ref)
                put_ref(b, (gft_flat_ref)f->value);
            else
                put(b, f->value, width);
            places[f->id] = here(b);
        }
    }
}

/* An equal vtable that is there already, or 0. */
static gft_flat_ref find_vtable(const gft_flat_builder *b, const uint8_t *vtable, size_t bytes) {
    for (size_t i = 0; i < b->vtable_count; i++) {
        const uint8_t *p = b->data + b->capacity - b->vtables[i].own;
        if (load(p, 2) == bytes && memcmp(p, vtable, bytes) == 0)
            return b->vtables[i].ref;
    }
    return 0;
}

static gft_flat_ref put_vtable(gft_flat_builder *b, const uint8_t *vtable, size_t bytes) {
    gft_flat_ref known = failed(b) ? 0 : find_vtable(b, vtable, bytes);
    if (known || !grow(b, (void **)(void *)&b->vtables, b->vtable_count, &b->vtable_capacity,
                       sizeof *b->vtables))
        return known;
    uint8_t *p = take(b, bytes);
    if (!p)
        return 0;
    memcpy(p, vtable, bytes);
    b->vtables[b->vtable_count++] = (gft_flat_vtable){(uint32_t)b->used, here(b)};
    return here(b);
}

gft_flat_ref gft_flat_table_end(gft_flat_builder *b) {
    gft_flat_ref places[GFT_FLAT_MAX_FIELDS] = {0};
    uint8_t vtable[4 + 2 * GFT_FLAT_MAX_FIELDS];
    GFT_ASSERT(b->in_table);
    b->in_table = false;
    const uint64_t end = b->total;
    put_fields(b, places);
    align(b, 4, 4);
    put(b, 0, 4); /* the distance to the vtable */
    const gft_flat_ref table = here(b);
    int32_t count = GFT_FLAT_MAX_FIELDS;
    while (count > 0 && !places[count - 1])
        count--;
    const size_t bytes = 4 + 2 * (size_t)count;
    store(vtable, bytes, 2);
    store(vtable + 2, b->total - end, 2);
    for (int32_t i = 0; i < count; i++)
        store(vtable + 4 + 2 * i, places[i] ? table - places[i] : 0, 2);
    const size_t own_table = b->used;
    const gft_flat_ref known = put_vtable(b, vtable, bytes);
    if (failed(b))
        return 0;
    const int64_t distance = (int64_t)known - (int64_t)table;
    store(b->data + b->capacity - own_table, (uint64_t)distance, 4);
    return table;
}

/* ---- the whole ---- */

graft_status gft_flat_builder_finish(gft_flat_builder *b, gft_flat_ref root,
                                     const char *identifier) {
    GFT_ASSERT(!b->in_table && strlen(identifier) == 4);
    align(b, 8, b->alignment);
    uint8_t *p = take(b, 4);
    if (p)
        memcpy(p, identifier, 4);
    put_ref(b, root);
    return b->status;
}

const uint8_t *gft_flat_builder_data(const gft_flat_builder *b) {
    GFT_ASSERT(b->blob_count == 0);
    return b->data + b->capacity - b->used;
}

graft_status gft_flat_builder_write(const gft_flat_builder *b, gft_writer *writer,
                                    gft_flat_fill_fn fill, void *context, graft_error *err) {
    size_t left = b->used; /* own bytes not written yet */
    const uint8_t *end = b->data + b->capacity;
    for (size_t i = b->blob_count; i > 0; i--) {
        const gft_flat_blob *blob = &b->blobs[i - 1];
        GFT_TRY(gft_writer_write(writer, end - left, left - blob->at, err));
        left = blob->at;
        uint8_t *bytes = gft_malloc_aligned(blob->bytes);
        if (!bytes)
            return gft_fail_memory(err, blob->bytes, "a vector of a flatbuffer");
        graft_status status = fill(context, blob->index, bytes, blob->bytes, err);
        if (status == GRAFT_OK)
            status = gft_writer_write(writer, bytes, blob->bytes, err);
        gft_free(bytes);
        GFT_TRY(status);
    }
    return gft_writer_write(writer, end - left, left, err);
}
