/*
 * HDF5 local heaps (names in old groups; specification, III.D) and global heap collections (values
 * of variable length; III.E).
 */
#include <string.h>

#include "base/size.h"
#include "formats/hdf5_file_priv.h"

graft_status gft_hdf5_heap_text(const gft_hdf5 *file, uint64_t heap, uint64_t offset,
                                const char **out, graft_error *err) {
    gft_cursor c;
    uint64_t bytes;
    uint64_t unused;
    uint64_t address;
    GFT_TRY(gft_hdf5_at(file, heap, "a local heap", &c, err));
    GFT_TRY(gft_hdf5_expect(file, &c, "HEAP", 0, err));
    GFT_TRY(gft_hdf5_skip(&c, 3, "a local heap", err));
    GFT_TRY(gft_hdf5_length(file, &c, &bytes, "a local heap", err));
    GFT_TRY(gft_hdf5_length(file, &c, &unused, "a local heap", err));
    GFT_TRY(gft_hdf5_address(file, &c, &address, "a local heap", err));
    GFT_TRY(gft_hdf5_range(file, address, bytes, "a local heap's data", &c, err));
    if (offset >= c.bytes || !memchr(c.data + offset, 0, c.bytes - (size_t)offset))
        return gft_hdf5_damaged(file, err, "a name at %llu of a heap of %zu bytes",
                                (unsigned long long)offset, c.bytes);
    *out = (const char *)c.data + offset;
    return GRAFT_OK;
}

graft_status gft_hdf5_global(const gft_hdf5 *file, uint64_t collection, uint32_t index,
                             const uint8_t **data, size_t *bytes, graft_error *err) {
    gft_cursor c;
    uint64_t size;
    GFT_TRY(gft_hdf5_at(file, collection, "a global heap", &c, err));
    GFT_TRY(gft_hdf5_expect(file, &c, "GCOL", 1, err));
    GFT_TRY(gft_hdf5_skip(&c, 3, "a global heap", err));
    const size_t begin = 8 + (size_t)file->length_bytes;
    GFT_TRY(gft_hdf5_length(file, &c, &size, "a global heap", err));
    GFT_TRY(gft_hdf5_range(file, collection, size, "a global heap", &c, err));
    GFT_TRY(gft_hdf5_skip(&c, begin, "a global heap", err));
    while (gft_cursor_left(&c) >= begin) {
        uint16_t number;
        uint64_t length;
        GFT_TRY(gft_cursor_u16(&c, &number, "a global heap object", err));
        GFT_TRY(gft_hdf5_skip(&c, 6, "a global heap object", err));
        GFT_TRY(gft_hdf5_length(file, &c, &length, "a global heap object", err));
        if (number == 0) /* free space: the rest */
            break;
        const size_t left = gft_cursor_left(&c);
        if (length > left)
            return gft_hdf5_damaged(file, err, "a global heap object of %llu bytes, %zu are left",
                                    (unsigned long long)length, left);
        if (number == index) {
            *data = c.data + c.at;
            *bytes = (size_t)length;
            return GRAFT_OK;
        }
        c.at += gft_size_min(left, gft_size_align((size_t)length, 8));
    }
    return gft_hdf5_damaged(file, err, "no object %u in the global heap at %llu", (unsigned)index,
                            (unsigned long long)collection);
}
