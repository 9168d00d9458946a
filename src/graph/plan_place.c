/*
 * Placement of blocks with lifetimes in one arena: the largest first, each into the smallest gap
 * that fits between the placed blocks it meets in time, or behind them ("greedy by size, best
 * fit").
 */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "graph/plan_priv.h"

/* Largest first; then the order of birth, so that the result is the same everywhere. */
static int by_size(const void *a, const void *b) {
    const gft_block *x = *(gft_block *const *)a;
    const gft_block *y = *(gft_block *const *)b;
    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x->last != y->last ? (x->last < y->last ? -1 : 1) : 0;
}

static bool meet(const gft_block *a, const gft_block *b) {
    return a->first <= b->last && b->first <= a->last;
}

/* placed: in order of offset. */
static bool find_offset(gft_block *const *placed, int32_t count, const gft_block *block,
                        size_t bytes, size_t *offset) {
    size_t end = 0; /* of what meets the block so far */
    size_t best_gap = SIZE_MAX;
    for (int32_t i = 0; i < count; i++) {
        if (!meet(placed[i], block))
            continue;
        size_t gap = placed[i]->offset > end ? placed[i]->offset - end : 0;
        if (gap >= bytes && gap < best_gap) {
            best_gap = gap;
            *offset = end;
        }
        /* cannot overflow: it was checked when the block was placed */
        end = gft_size_max(end, placed[i]->offset + gft_size_align(placed[i]->bytes, GFT_ALIGN));
    }
    if (best_gap == SIZE_MAX)
        *offset = end;
    size_t unused;
    return gft_size_add(*offset, bytes, &unused);
}

graft_status gft_plan_place(gft_block *const *blocks, int32_t count, size_t *total,
                            graft_error *err) {
    size_t list_bytes = 2 * (size_t)count * sizeof *blocks;
    gft_block **sorted = gft_malloc(list_bytes);
    if (!sorted)
        return gft_fail_memory(err, list_bytes, "placing buffers");
    gft_block **placed = sorted + count;
    int32_t placed_count = 0;
    if (count)
        memcpy(sorted, blocks, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, by_size);
    size_t peak = 0;
    graft_status status = GRAFT_OK;
    for (int32_t i = 0; i < count; i++) {
        gft_block *block = sorted[i];
        block->offset = 0;
        if (block->bytes == 0)
            continue;
        size_t bytes = gft_size_align(block->bytes, GFT_ALIGN);
        if (block->bytes > SIZE_MAX - GFT_ALIGN ||
            !find_offset(placed, placed_count, block, bytes, &block->offset)) {
            status = gft_fail_memory(err, block->bytes, "a buffer of the plan");
            goto done;
        }
        peak = gft_size_max(peak, block->offset + bytes);
        int32_t at = placed_count++;
        for (; at > 0 && placed[at - 1]->offset > block->offset; at--)
            placed[at] = placed[at - 1];
        placed[at] = block;
    }
    *total = peak;
done:
    gft_free(sorted);
    return status;
}
