/* Private to the BMP reader: the header as read, shared by the plain and the run-length files. */
#ifndef GFT_FORMATS_PICTURE_BMP_H
#define GFT_FORMATS_PICTURE_BMP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "formats/picture.h"

typedef struct bmp_header {
    uint32_t width;
    uint32_t height;
    uint32_t bits;
    uint32_t compression;
    uint32_t data_at;
    uint32_t palette_used; /* 0 = all */
    uint32_t palette_entry_bytes;
    uint32_t masks_behind_bytes;
    uint32_t masks[3]; /* red, green, blue */
    bool top_down;
    uint8_t palette[256][3]; /* RGB */
} bmp_header;

/**
 * Reads RLE8 or RLE4 pixels from the cursor into a fresh picture; the caller frees it on failure
 * too.
 */
GRAFT_MUST_CHECK graft_status gft_bmp_read_rle(gft_cursor *c, const bmp_header *h,
                                               gft_picture *picture, graft_error *err);

#endif
