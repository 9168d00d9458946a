/*
 * HDF5 fractal heaps (specification, III.G): where links and attributes lie that are too many for
 * an object header. An object's heap id gives its place in a space that direct blocks of doubling
 * sizes share; huge objects lie outside, tiny ones in the id itself.
 */
#include <string.h>

#include "base/size.h"
#include "formats/hdf5_file_priv.h"

#define MAX_DESCENTS 64 /* indirect blocks in indirect blocks */

graft_status gft_hdf5_fractal_open(const gft_hdf5 *file, uint64_t address, gft_hdf5_fractal *out,
                                   graft_error *err) {
    gft_cursor c;
    uint16_t id_bytes;
    uint16_t filter_bytes;
    uint16_t heap_bits;
    uint16_t start_rows;
    uint32_t largest;
    const size_t lengths = file->length_bytes;
    GFT_TRY(gft_hdf5_at(file, address, "a fractal heap", &c, err));
    GFT_TRY(gft_hdf5_expect(file, &c, "FRHP", 0, err));
    GFT_TRY(gft_cursor_u16(&c, &id_bytes, "a fractal heap", err));
    GFT_TRY(gft_cursor_u16(&c, &filter_bytes, "a fractal heap", err));
    GFT_TRY(gft_hdf5_skip(&c, 1, "a fractal heap", err));
    GFT_TRY(gft_cursor_u32(&c, &largest, "a fractal heap", err));
    GFT_TRY(gft_hdf5_skip(&c, lengths, "a fractal heap", err));
    GFT_TRY(gft_hdf5_address(file, &c, &out->huge_tree, "a fractal heap", err));
    GFT_TRY(gft_hdf5_skip(&c, lengths + file->offset_bytes + 8 * lengths, "a fractal heap", err));
    GFT_TRY(gft_cursor_u16(&c, &out->width, "a fractal heap", err));
    GFT_TRY(gft_hdf5_length(file, &c, &out->start_bytes, "a fractal heap", err));
    GFT_TRY(gft_hdf5_length(file, &c, &out->max_direct_bytes, "a fractal heap", err));
    GFT_TRY(gft_cursor_u16(&c, &heap_bits, "a fractal heap", err));
    GFT_TRY(gft_cursor_u16(&c, &start_rows, "a fractal heap", err));
    GFT_TRY(gft_hdf5_address(file, &c, &out->root, "a fractal heap", err));
    GFT_TRY(gft_cursor_u16(&c, &out->rows, "a fractal heap", err));
    if (filter_bytes > 0)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: HDF5 fractal heaps with filters",
                        file->where);
    const uint64_t start = out->start_bytes;
    const uint64_t most = out->max_direct_bytes;
    if (id_bytes < 2 || out->width == 0 || heap_bits == 0 || heap_bits > 64 || start == 0 ||
        (start & (start - 1)) != 0 || most < start || (most & (most - 1)) != 0 ||
        most > UINT32_MAX || out->rows > 64)
        return gft_hdf5_damaged(file, err, "the sizes of the fractal heap at %llu",
                                (unsigned long long)address);
    out->id_bytes = id_bytes;
    out->offset_bytes = (heap_bits + 7u) / 8;
    const uint32_t by_block = (gft_hdf5_log2(most) + 7) / 8;
    const uint32_t by_object = gft_hdf5_number_bytes(largest);
    out->length_bytes = by_block < by_object ? by_block : by_object;
    out->huge_direct = 1 + file->offset_bytes + file->length_bytes <= id_bytes;
    return GRAFT_OK;
}

/* ---- managed objects ---- */

/* A row's blocks: rows 0 and 1 have the starting size, then sizes double. */
static uint64_t block_bytes(const gft_hdf5_fractal *heap, uint32_t row) {
    const uint32_t shift = row == 0 ? 0 : row - 1;
    return shift < 32 ? heap->start_bytes << shift : UINT64_MAX;
}

/* Rows of an indirect block that covers `bytes`. */
static uint32_t rows_of(const gft_hdf5_fractal *heap, uint64_t bytes) {
    const uint64_t first = heap->start_bytes * heap->width;
    return gft_hdf5_log2(bytes) - gft_hdf5_log2(first) + 1;
}

static graft_status in_direct(const gft_hdf5 *file, uint64_t address, uint64_t size,
                              uint64_t offset, uint64_t length, const uint8_t **data,
                              graft_error *err) {
    gft_cursor c;
    const uint64_t left = address < file->bytes ? file->bytes - address : 0;
    GFT_TRY(gft_hdf5_range(file, address, size < left ? size : left, "a heap block", &c, err));
    if (c.bytes < 4 || memcmp(c.data, "FHDB", 4) != 0)
        return gft_hdf5_damaged(file, err, "no 'FHDB' at %llu", (unsigned long long)address);
    if (offset > c.bytes || length > c.bytes - offset)
        return gft_hdf5_damaged(file, err, "an object of %llu bytes at %llu of a heap block",
                                (unsigned long long)length, (unsigned long long)offset);
    *data = c.data + offset;
    return GRAFT_OK;
}

/* The child of an indirect block in which `*offset` lies; *offset becomes relative to it. */
static graft_status child_of(const gft_hdf5 *file, const gft_hdf5_fractal *heap, uint64_t block,
                             uint32_t rows, uint64_t *offset, uint32_t *row, uint64_t *address,
                             graft_error *err) {
    gft_cursor c;
    uint64_t index = 0;
    GFT_TRY(gft_hdf5_at(file, block, "an indirect heap block", &c, err));
    GFT_TRY(gft_hdf5_expect(file, &c, "FHIB", 0, err));
    GFT_TRY(gft_hdf5_skip(&c, file->offset_bytes + heap->offset_bytes, "an indirect block", err));
    for (*row = 0; *row < rows; (*row)++, index += heap->width) {
        const uint64_t bytes = block_bytes(heap, *row);
        if (bytes > UINT64_MAX / heap->width)
            break;
        if (*offset < bytes * heap->width) {
            index += *offset / bytes;
            *offset %= bytes;
            GFT_TRY(gft_hdf5_skip(&c, (size_t)index * file->offset_bytes, "a heap block", err));
            return gft_hdf5_address(file, &c, address, "a heap block", err);
        }
        *offset -= bytes * heap->width;
    }
    return gft_hdf5_damaged(file, err, "an object beyond its fractal heap");
}

static graft_status get_managed(const gft_hdf5 *file, const gft_hdf5_fractal *heap, gft_cursor *id,
                                const uint8_t **data, size_t *bytes, graft_error *err) {
    uint64_t offset;
    uint64_t length;
    uint64_t address = heap->root;
    uint32_t rows = heap->rows;
    GFT_TRY(gft_hdf5_number(id, heap->offset_bytes, &offset, "a heap id", err));
    GFT_TRY(gft_hdf5_number(id, heap->length_bytes, &length, "a heap id", err));
    *bytes = (size_t)length;
    if (rows == 0)
        return in_direct(file, address, heap->start_bytes, offset, length, data, err);
    for (int i = 0; i < MAX_DESCENTS; i++) {
        uint32_t row;
        GFT_TRY(child_of(file, heap, address, rows, &offset, &row, &address, err));
        const uint64_t size = block_bytes(heap, row);
        if (size <= heap->max_direct_bytes)
            return in_direct(file, address, size, offset, length, data, err);
        rows = rows_of(heap, size);
        if (rows > 64)
            break;
    }
    return gft_hdf5_damaged(file, err, "a fractal heap that leads in a circle");
}

/* ---- huge objects ---- */

typedef struct huge_search {
    const gft_hdf5 *file;
    uint64_t id, address, bytes;
    bool found;
} huge_search;

/* Address, length, id. */
static graft_status look_huge(void *context, const uint8_t *record, size_t bytes,
                              graft_error *err) {
    huge_search *s = context;
    gft_cursor c = gft_cursor_make(record, bytes, s->file->where);
    uint64_t address;
    uint64_t length;
    uint64_t id;
    GFT_TRY(gft_hdf5_address(s->file, &c, &address, "a huge object", err));
    GFT_TRY(gft_hdf5_length(s->file, &c, &length, "a huge object", err));
    GFT_TRY(gft_hdf5_length(s->file, &c, &id, "a huge object", err));
    if (id == s->id && !s->found) {
        s->found = true;
        s->address = address;
        s->bytes = length;
    }
    return GRAFT_OK;
}

static graft_status get_huge(const gft_hdf5 *file, const gft_hdf5_fractal *heap, gft_cursor *id,
                             const uint8_t **data, size_t *bytes, graft_error *err) {
    huge_search s = {.file = file};
    gft_cursor c;
    if (heap->huge_direct) {
        GFT_TRY(gft_hdf5_address(file, id, &s.address, "a heap id", err));
        GFT_TRY(gft_hdf5_length(file, id, &s.bytes, "a heap id", err));
    } else {
        const size_t left = gft_cursor_left(id);
        const uint32_t width = (uint32_t)gft_size_min(left, file->length_bytes);
        GFT_TRY(gft_hdf5_number(id, width, &s.id, "a heap id", err));
        if (gft_hdf5_undefined(file, heap->huge_tree))
            return gft_hdf5_damaged(file, err, "a huge object without an index");
        GFT_TRY(gft_hdf5_btree2(file, heap->huge_tree, look_huge, &s, err));
        if (!s.found)
            return gft_hdf5_damaged(file, err, "no huge object %llu in the heap",
                                    (unsigned long long)s.id);
    }
    GFT_TRY(gft_hdf5_range(file, s.address, s.bytes, "a huge object", &c, err));
    *data = c.data;
    *bytes = c.bytes;
    return GRAFT_OK;
}

static graft_status get_tiny(const gft_hdf5 *file, const gft_hdf5_fractal *heap, uint8_t flags,
                             gft_cursor *id, const uint8_t **data, size_t *bytes,
                             graft_error *err) {
    uint8_t low = 0;
    *bytes = (size_t)(flags & 15) + 1;
    if (heap->id_bytes > 18) { /* ids that long have a second byte of length */
        GFT_TRY(gft_cursor_u8(id, &low, "a heap id", err));
        *bytes = ((size_t)(flags & 15) << 8 | low) + 1;
    }
    (void)file;
    return gft_cursor_take(id, *bytes, data, "a tiny object", err);
}

graft_status gft_hdf5_fractal_get(const gft_hdf5 *file, const gft_hdf5_fractal *heap,
                                  const uint8_t *id, size_t id_bytes, const uint8_t **data,
                                  size_t *bytes, graft_error *err) {
    gft_cursor c = gft_cursor_make(id, gft_size_min(id_bytes, heap->id_bytes), file->where);
    uint8_t flags;
    GFT_TRY(gft_cursor_u8(&c, &flags, "a heap id", err));
    switch (flags >> 4 & 3) {
    case 0:
        return get_managed(file, heap, &c, data, bytes, err);
    case 1:
        return get_huge(file, heap, &c, data, bytes, err);
    case 2:
        return get_tiny(file, heap, flags, &c, data, bytes, err);
    default:
        return gft_hdf5_damaged(file, err, "a heap id of an unknown kind");
    }
}

graft_status gft_hdf5_dense_open(const gft_hdf5 *file, const gft_hdf5_message *info,
                                 size_t order_bytes, const char *what, bool *any,
                                 gft_hdf5_fractal *heap, uint64_t *names, graft_error *err) {
    gft_cursor c = gft_cursor_make(info->data, info->bytes, file->where);
    uint8_t version;
    uint8_t flags;
    uint64_t address;
    GFT_TRY(gft_cursor_u8(&c, &version, what, err));
    GFT_TRY(gft_cursor_u8(&c, &flags, what, err));
    GFT_TRY(gft_hdf5_skip(&c, flags & 1 ? order_bytes : 0, what, err));
    GFT_TRY(gft_hdf5_address(file, &c, &address, what, err));
    GFT_TRY(gft_hdf5_address(file, &c, names, what, err));
    *any = !gft_hdf5_undefined(file, address) && !gft_hdf5_undefined(file, *names);
    return *any ? gft_hdf5_fractal_open(file, address, heap, err) : GRAFT_OK;
}
