/*
 * Bounded FlatBuffers reader (see flatbuffer.h). The binary form: a table begins with the distance
 * back to its vtable; a vtable is {its bytes, the table's bytes, an offset per field}; references
 * are distances forward.
 */
#include "flat/flatbuffer.h"

#include <string.h>

gft_fb gft_fb_make(const void *data, size_t bytes, const char *where) {
    return (gft_fb){.data = data, .bytes = bytes, .where = where ? where : "input"};
}

static uint64_t little_endian(const uint8_t *p, size_t bytes) {
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)p[i] << (8 * i);
    return value;
}

static bool fits(const gft_fb *fb, size_t at, size_t bytes) {
    return at <= fb->bytes && bytes <= fb->bytes - at;
}

static graft_status outside(const gft_fb *fb, size_t at, const char *what, graft_error *err) {
    return gft_fail(err, GRAFT_DATA_LOSS, "%s: at byte %zu: %s reaches beyond the %zu bytes",
                    fb->where, at, what, fb->bytes);
}

graft_status gft_fb_check(const gft_fb *fb, graft_error *err) {
    if (!fb->broken)
        return GRAFT_OK;
    return gft_fail(err, GRAFT_DATA_LOSS, "%s: at byte %zu: a field lies outside its table",
                    fb->where, fb->broken_at);
}

/* The place a reference at `at` points to. */
static graft_status follow(const gft_fb *fb, size_t at, size_t *out, graft_error *err) {
    if (!fits(fb, at, 4))
        return outside(fb, at, "a reference", err);
    const size_t distance = (size_t)little_endian(fb->data + at, 4);
    if (distance == 0 || !fits(fb, at, distance))
        return outside(fb, at, "what is referred to", err);
    *out = at + distance;
    return GRAFT_OK;
}

static graft_status table_at(gft_fb *fb, size_t at, gft_fb_table *out, graft_error *err) {
    if (!fits(fb, at, 4))
        return outside(fb, at, "a table", err);
    const int64_t back = (int32_t)(uint32_t)little_endian(fb->data + at, 4);
    const int64_t vtable = (int64_t)at - back;
    if (vtable < 0 || !fits(fb, (size_t)vtable, 4))
        return outside(fb, at, "a table's list of fields", err);
    *out = (gft_fb_table){.fb = fb, .at = at, .vtable = (size_t)vtable};
    out->vtable_bytes = (uint16_t)little_endian(fb->data + vtable, 2);
    out->bytes = (uint16_t)little_endian(fb->data + vtable + 2, 2);
    if (out->vtable_bytes < 4 || out->vtable_bytes % 2 != 0 || out->bytes < 4)
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: at byte %zu: a table of %d bytes with a list of fields of %d bytes",
                        fb->where, at, out->bytes, out->vtable_bytes);
    if (!fits(fb, (size_t)vtable, out->vtable_bytes))
        return outside(fb, at, "a table's list of fields", err);
    if (!fits(fb, at, out->bytes))
        return outside(fb, at, "a table", err);
    return GRAFT_OK;
}

graft_status gft_fb_root(gft_fb *fb, const char *identifier, gft_fb_table *out, graft_error *err) {
    size_t at = 0;
    if (!fits(fb, 0, 8))
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: %zu bytes, expected a FlatBuffer", fb->where,
                        fb->bytes);
    if (identifier && memcmp(fb->data + 4, identifier, 4) != 0)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: no '%s' at byte 4", fb->where, identifier);
    GFT_TRY(follow(fb, 0, &at, err));
    return table_at(fb, at, out, err);
}

/* Where a field lies in the table: its distance from the table's beginning, 0 if it is absent. */
static size_t field_offset(const gft_fb_table *t, int field) {
    const size_t slot = 4 + 2 * (size_t)field;
    if (!t->fb || slot + 2 > t->vtable_bytes)
        return 0;
    return (size_t)little_endian(t->fb->data + t->vtable + slot, 2);
}

bool gft_fb_has(const gft_fb_table *table, int field) {
    return field_offset(table, field) != 0;
}

/* The bytes of a scalar, NULL if the field is absent (or lies outside its table). */
static const uint8_t *scalar(const gft_fb_table *t, int field, size_t bytes) {
    const size_t offset = field_offset(t, field);
    if (offset == 0)
        return NULL;
    if (offset < 4 || offset + bytes > t->bytes) {
        t->fb->broken = true;
        t->fb->broken_at = t->at;
        return NULL;
    }
    return t->fb->data + t->at + offset;
}

uint8_t gft_fb_u8(const gft_fb_table *table, int field, uint8_t otherwise) {
    const uint8_t *p = scalar(table, field, 1);
    return p ? *p : otherwise;
}

int8_t gft_fb_i8(const gft_fb_table *table, int field, int8_t otherwise) {
    return (int8_t)gft_fb_u8(table, field, (uint8_t)otherwise);
}

bool gft_fb_bool(const gft_fb_table *table, int field, bool otherwise) {
    return gft_fb_u8(table, field, otherwise) != 0;
}

uint32_t gft_fb_u32(const gft_fb_table *table, int field, uint32_t otherwise) {
    const uint8_t *p = scalar(table, field, 4);
    return p ? (uint32_t)little_endian(p, 4) : otherwise;
}

int32_t gft_fb_i32(const gft_fb_table *table, int field, int32_t otherwise) {
    return (int32_t)gft_fb_u32(table, field, (uint32_t)otherwise);
}

uint64_t gft_fb_u64(const gft_fb_table *table, int field, uint64_t otherwise) {
    const uint8_t *p = scalar(table, field, 8);
    return p ? little_endian(p, 8) : otherwise;
}

static float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

float gft_fb_f32(const gft_fb_table *table, int field, float otherwise) {
    const uint8_t *p = scalar(table, field, 4);
    return p ? float_of((uint32_t)little_endian(p, 4)) : otherwise;
}

/* ---- references ---- */

/* Where the thing in a field lies; *at 0 if the field is absent. */
static graft_status reference(const gft_fb_table *t, int field, size_t *at, graft_error *err) {
    const size_t offset = field_offset(t, field);
    *at = 0;
    if (offset == 0)
        return GRAFT_OK;
    if (offset < 4 || offset + 4 > t->bytes)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: at byte %zu: a field lies outside its table",
                        t->fb->where, t->at);
    return follow(t->fb, t->at + offset, at, err);
}

graft_status gft_fb_table_in(const gft_fb_table *table, int field, gft_fb_table *out,
                             graft_error *err) {
    size_t at = 0;
    *out = (gft_fb_table){0};
    GFT_TRY(reference(table, field, &at, err));
    return at == 0 ? GRAFT_OK : table_at(table->fb, at, out, err);
}

graft_status gft_fb_vector_in(const gft_fb_table *table, int field, uint32_t element_bytes,
                              gft_fb_vector *out, graft_error *err) {
    size_t at = 0;
    *out = (gft_fb_vector){NULL, 0, element_bytes};
    GFT_TRY(reference(table, field, &at, err));
    if (at == 0)
        return GRAFT_OK;
    const gft_fb *fb = table->fb;
    if (!fits(fb, at, 4))
        return outside(fb, at, "a vector", err);
    const uint32_t count = (uint32_t)little_endian(fb->data + at, 4);
    if (count > (fb->bytes - at - 4) / element_bytes)
        return outside(fb, at, "a vector", err);
    out->data = fb->data + at + 4;
    out->count = count;
    return GRAFT_OK;
}

graft_status gft_fb_string_in(const gft_fb_table *table, int field, const char **out,
                              graft_error *err) {
    gft_fb_vector text;
    *out = NULL;
    GFT_TRY(gft_fb_vector_in(table, field, 1, &text, err));
    if (!text.data)
        return GRAFT_OK;
    const gft_fb *fb = table->fb;
    const size_t end = (size_t)(text.data - fb->data) + text.count;
    if (!fits(fb, end, 1) || memchr(text.data, 0, (size_t)text.count + 1) != fb->data + end)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: at byte %zu: a string that does not end in NUL",
                        fb->where, end - text.count);
    *out = (const char *)text.data;
    return GRAFT_OK;
}

int32_t gft_fb_vector_i32(const gft_fb_vector *vector, uint32_t i) {
    return (int32_t)(uint32_t)little_endian(vector->data + 4 * (size_t)i, 4);
}

int64_t gft_fb_vector_i64(const gft_fb_vector *vector, uint32_t i) {
    return (int64_t)little_endian(vector->data + 8 * (size_t)i, 8);
}

float gft_fb_vector_f32(const gft_fb_vector *vector, uint32_t i) {
    return float_of((uint32_t)little_endian(vector->data + 4 * (size_t)i, 4));
}

graft_status gft_fb_vector_table(gft_fb *fb, const gft_fb_vector *vector, uint32_t i,
                                 gft_fb_table *out, graft_error *err) {
    size_t at = 0;
    GFT_TRY(follow(fb, (size_t)(vector->data - fb->data) + 4 * (size_t)i, &at, err));
    return table_at(fb, at, out, err);
}
