/*
 * HDF5 chunk indexes that are arrays (specification, VII.C and D): the fixed array of datasets
 * whose size is final, the extensible array of those with one unlimited dimension. Elements are
 * addresses, with filters also sizes and masks.
 */
#include <string.h>

#include "base/size.h"
#include "formats/hdf5_file_priv.h"

typedef struct array {
    const gft_hdf5 *file;
    const gft_hdf5_grid *grid;
    gft_hdf5_chunk_fn fn;
    void *context;
    bool filtered;
    uint8_t element_bytes, page_bits;
    uint64_t next; /* element */
    /* extensible arrays */
    uint8_t index_bits, first, min_data, min_pointers;
} array;

/* Sets what all parts begin with: letters, version, client. */
static graft_status open_part(array *a, uint64_t address, const char *letters, gft_cursor *c,
                              graft_error *err) {
    uint8_t client;
    GFT_TRY(gft_hdf5_at(a->file, address, letters, c, err));
    GFT_TRY(gft_hdf5_expect(a->file, c, letters, 0, err));
    GFT_TRY(gft_cursor_u8(c, &client, letters, err));
    if (client > 1)
        return gft_hdf5_damaged(a->file, err, "client %d of a chunk index", client);
    a->filtered = client == 1;
    return GRAFT_OK;
}

static graft_status check_element(const array *a, graft_error *err) {
    const uint32_t plain = a->file->offset_bytes;
    const bool fits = a->filtered ? a->element_bytes > plain + 4 && a->element_bytes <= plain + 12
                                  : a->element_bytes == plain;
    return fits ? GRAFT_OK
                : gft_hdf5_damaged(a->file, err, "chunk index elements of %d bytes",
                                   a->element_bytes);
}

/* Up to `count` elements, no more than the grid has. */
static graft_status give_elements(array *a, gft_cursor *c, uint64_t count, graft_error *err) {
    for (uint64_t i = 0; i < count && a->next < a->grid->total; i++, a->next++) {
        gft_hdf5_chunk chunk = {.bytes = a->grid->chunk_bytes};
        GFT_TRY(gft_hdf5_address(a->file, c, &chunk.address, "a chunk", err));
        if (a->filtered) {
            const uint32_t width = a->element_bytes - a->file->offset_bytes - 4;
            GFT_TRY(gft_hdf5_number(c, width, &chunk.bytes, "a chunk", err));
            GFT_TRY(gft_cursor_u32(c, &chunk.mask, "a chunk", err));
        }
        gft_hdf5_grid_at(a->grid, a->next, chunk.at);
        GFT_TRY(a->fn(a->context, &chunk, err));
    }
    return GRAFT_OK;
}

/* Elements in pages, each with a checksum; a page whose bit is not set was never written. */
static graft_status give_pages(array *a, gft_cursor *c, const uint8_t *bits, uint64_t elements,
                               graft_error *err) {
    const uint64_t page = (uint64_t)1 << a->page_bits;
    for (uint64_t p = 0; p * page < elements && a->next < a->grid->total; p++) {
        const uint64_t count = elements - p * page < page ? elements - p * page : page;
        const size_t bytes = (size_t)count * a->element_bytes + 4;
        gft_cursor part = *c;
        GFT_TRY(gft_hdf5_skip(c, bytes, "a page of a chunk index", err));
        if (bits && !(bits[p / 8] & (0x80u >> (p % 8))))
            a->next += count;
        else
            GFT_TRY(give_elements(a, &part, count, err));
    }
    return GRAFT_OK;
}

/* ---- fixed ---- */

graft_status gft_hdf5_fixed_array(const gft_hdf5 *file, uint64_t header, const gft_hdf5_grid *grid,
                                  gft_hdf5_chunk_fn fn, void *context, graft_error *err) {
    array a = {.file = file, .grid = grid, .fn = fn, .context = context};
    gft_cursor c;
    uint64_t count;
    uint64_t block;
    const uint8_t *bits;
    GFT_TRY(open_part(&a, header, "FAHD", &c, err));
    GFT_TRY(gft_cursor_u8(&c, &a.element_bytes, "a fixed array", err));
    GFT_TRY(gft_cursor_u8(&c, &a.page_bits, "a fixed array", err));
    GFT_TRY(gft_hdf5_length(file, &c, &count, "a fixed array", err));
    GFT_TRY(gft_hdf5_address(file, &c, &block, "a fixed array", err));
    GFT_TRY(check_element(&a, err));
    if (a.page_bits > 30 || count > file->bytes)
        return gft_hdf5_damaged(file, err, "a fixed array of %llu elements",
                                (unsigned long long)count);
    if (gft_hdf5_undefined(file, block))
        return GRAFT_OK;
    GFT_TRY(open_part(&a, block, "FADB", &c, err));
    GFT_TRY(check_element(&a, err));
    GFT_TRY(gft_hdf5_skip(&c, file->offset_bytes, "a fixed array", err));
    const uint64_t page = (uint64_t)1 << a.page_bits;
    if (count <= page)
        return give_elements(&a, &c, count, err);
    const uint64_t pages = (count - 1) / page + 1;
    GFT_TRY(gft_cursor_take(&c, (size_t)((pages + 7) / 8), &bits, "a fixed array", err));
    GFT_TRY(gft_hdf5_skip(&c, 4, "a fixed array", err));
    return give_pages(&a, &c, bits, count, err);
}

/* ---- extensible ---- */

static uint64_t block_elements(const array *a, uint32_t super) {
    return ((uint64_t)1 << (super + 1) / 2) * a->min_data;
}

/* A data block; bits: of its pages, NULL where it has none. */
static graft_status give_data(array *a, uint64_t address, uint32_t super, const uint8_t *bits,
                              graft_error *err) {
    gft_cursor c;
    const uint64_t elements = block_elements(a, super);
    const uint64_t page = (uint64_t)1 << a->page_bits;
    if (gft_hdf5_undefined(a->file, address)) {
        a->next += elements;
        return GRAFT_OK;
    }
    GFT_TRY(open_part(a, address, "EADB", &c, err));
    GFT_TRY(check_element(a, err));
    GFT_TRY(
        gft_hdf5_skip(&c, a->file->offset_bytes + (a->index_bits + 7u) / 8, "a data block", err));
    if (elements <= page)
        return give_elements(a, &c, elements, err);
    GFT_TRY(gft_hdf5_skip(&c, 4, "a data block", err)); /* the checksum, then pages */
    return give_pages(a, &c, bits, elements, err);
}

static graft_status give_super(array *a, uint64_t address, uint32_t super, graft_error *err) {
    gft_cursor c;
    const uint64_t blocks = (uint64_t)1 << super / 2;
    const uint64_t elements = block_elements(a, super);
    const uint64_t page = (uint64_t)1 << a->page_bits;
    const size_t bit_bytes = elements > page ? (size_t)((elements / page + 7) / 8) : 0;
    const uint8_t *bits = NULL;
    if (gft_hdf5_undefined(a->file, address)) {
        a->next += blocks * elements;
        return GRAFT_OK;
    }
    GFT_TRY(open_part(a, address, "EASB", &c, err));
    GFT_TRY(
        gft_hdf5_skip(&c, a->file->offset_bytes + (a->index_bits + 7u) / 8, "a super block", err));
    size_t all;
    if (!gft_size_mul((size_t)blocks, bit_bytes, &all))
        return gft_hdf5_damaged(a->file, err, "a super block of too many pages");
    GFT_TRY(gft_cursor_take(&c, all, &bits, "a super block", err));
    for (uint64_t i = 0; i < blocks && a->next < a->grid->total; i++) {
        uint64_t data;
        GFT_TRY(gft_hdf5_address(a->file, &c, &data, "a super block", err));
        GFT_TRY(give_data(a, data, super, bit_bytes ? bits + i * bit_bytes : NULL, err));
    }
    return GRAFT_OK;
}

/* Elements in the index block itself, then its data blocks, then super blocks of data blocks. */
static graft_status give_index(array *a, gft_cursor *c, graft_error *err) {
    const uint32_t supers = 1u + a->index_bits - gft_hdf5_log2(a->min_data);
    const uint32_t direct = 2 * gft_hdf5_log2(a->min_pointers); /* super blocks held in place */
    uint64_t address;
    GFT_TRY(give_elements(a, c, a->first, err));
    for (uint32_t s = 0; s < direct; s++) {
        for (uint64_t i = 0; i < (uint64_t)1 << s / 2 && a->next < a->grid->total; i++) {
            GFT_TRY(gft_hdf5_address(a->file, c, &address, "an extensible array", err));
            GFT_TRY(give_data(a, address, s, NULL, err));
        }
    }
    for (uint32_t s = direct; s < supers && a->next < a->grid->total; s++) {
        GFT_TRY(gft_hdf5_address(a->file, c, &address, "an extensible array", err));
        GFT_TRY(give_super(a, address, s, err));
    }
    return GRAFT_OK;
}

static bool power_of_two(uint8_t n) {
    return n > 0 && (n & (n - 1)) == 0;
}

graft_status gft_hdf5_extensible_array(const gft_hdf5 *file, uint64_t header,
                                       const gft_hdf5_grid *grid, gft_hdf5_chunk_fn fn,
                                       void *context, graft_error *err) {
    array a = {.file = file, .grid = grid, .fn = fn, .context = context};
    gft_cursor c;
    uint64_t index;
    uint8_t *const fields[] = {&a.element_bytes, &a.index_bits,   &a.first,
                               &a.min_data,      &a.min_pointers, &a.page_bits};
    GFT_TRY(open_part(&a, header, "EAHD", &c, err));
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        GFT_TRY(gft_cursor_u8(&c, fields[i], "an extensible array", err));
    GFT_TRY(gft_hdf5_skip(&c, 6 * (size_t)file->length_bytes, "an extensible array", err));
    GFT_TRY(gft_hdf5_address(file, &c, &index, "an extensible array", err));
    GFT_TRY(check_element(&a, err));
    if (a.index_bits > 48 || a.page_bits > 30 || !power_of_two(a.min_data) ||
        !power_of_two(a.min_pointers))
        return gft_hdf5_damaged(file, err, "the sizes of an extensible array");
    if (gft_hdf5_undefined(file, index))
        return GRAFT_OK;
    GFT_TRY(open_part(&a, index, "EAIB", &c, err));
    GFT_TRY(check_element(&a, err));
    GFT_TRY(gft_hdf5_skip(&c, file->offset_bytes, "an extensible array", err));
    /* all first elements are there, also those beyond the grid */
    gft_cursor first = c;
    GFT_TRY(gft_hdf5_skip(&c, (size_t)a.first * a.element_bytes, "an extensible array", err));
    const uint8_t count = a.first;
    GFT_TRY(give_elements(&a, &first, count, err));
    a.first = 0;
    return give_index(&a, &c, err);
}
