/*
 * Packing of 8-bit weights into the layouts that the kernels' structs describe. Done once per plan.
 */
#include <string.h>

#include "kernels/qdwconv.h"

static void put(void *dst, int64_t at, int32_t bytes, int8_t value) {
    int16_t wide = value;
    if (bytes == 2)
        memcpy((char *)dst + at * 2, &wide, sizeof wide);
    else
        memcpy((char *)dst + at, &value, sizeof value);
}

void gft_qgemm_pack(const gft_qgemm_kernels *kernels, const int8_t *src, int64_t terms,
                    int64_t cols, int64_t row_stride, int64_t col_stride, int64_t first,
                    int64_t count, void *dst) {
    const int64_t nr = kernels->nr;
    const int64_t group = kernels->group;
    const int64_t padded = gft_qgemm_padded(kernels, terms);
    memset(dst, 0, (size_t)(count * gft_qgemm_panel_bytes(kernels, terms)));
    for (int64_t p = 0; p < count; p++) {
        int64_t from = (first + p) * nr;
        int64_t width = cols - from < nr ? cols - from : nr;
        char *panel = (char *)dst + p * padded * nr * kernels->b_bytes;
        for (int64_t k = 0; k < terms; k++) {
            const int8_t *row = src + k * row_stride + from * col_stride;
            int64_t at = k / group * nr * group + k % group;
            for (int64_t j = 0; j < width; j++)
                put(panel, at + j * group, kernels->b_bytes, row[j * col_stride]);
        }
    }
}

void gft_qdwconv_pack(const gft_qdwconv_kernels *kernels, const int8_t *w, int64_t taps_h,
                      int64_t taps_w, int64_t channels, void *dst) {
    const int64_t block = kernels->block;
    const int64_t group = kernels->group;
    const int64_t slots = gft_qdwconv_slots(group, taps_h, taps_w);
    const int64_t bytes = gft_qdwconv_block_bytes(kernels, taps_h, taps_w);
    const int64_t blocks = gft_qdwconv_blocks(kernels, channels);
    memset(dst, 0, (size_t)(blocks * bytes));
    for (int64_t i = 0; i < blocks; i++) {
        int64_t from = gft_qdwconv_block_at(block, channels, i);
        for (int64_t slot = 0; slot < slots; slot++) {
            int64_t row = slot / taps_w;
            int64_t column = slot % taps_w;
            if (group == 2 && !gft_qdwconv_pair(taps_h, taps_w, slot / 2, slot % 2, &row, &column))
                continue;
            const int8_t *tap = w + (row * taps_w + column) * channels + from;
            for (int64_t c = 0; c < block && from + c < channels; c++)
                put((char *)dst + i * bytes, (slot / group * block + c) * group + slot % group,
                    kernels->w_bytes, tap[c]);
        }
    }
}
