/*
 * Copying between strided views of one shape: what slice, strided_slice, pad, broadcast_to,
 * transpose and their gradients run. Any element size. Dimensions that both sides walk alike are
 * merged first.
 */
#ifndef GFT_OPS_ND_COPY_H
#define GFT_OPS_ND_COPY_H

#include <stddef.h>

#include "base/shape.h"

typedef struct gft_nd_copy {
    int32_t rank; /* merged, >= 1; the last dimension is the inner loop */
    int64_t dims[GRAFT_MAX_RANK];
    int64_t from_step[GRAFT_MAX_RANK],
        to_step[GRAFT_MAX_RANK];  /* in elements; may be 0 or negative */
    int64_t from_start, to_start; /* elements */
    size_t bytes;                 /* per element: 1, 2, 4, 8, or a string view's */
    int64_t rows;                 /* product of all but the last dimension */
    int64_t rows_per_task;
} gft_nd_copy;

/** shape: how many elements are copied along each dimension; steps are per dimension of it. */
void gft_nd_copy_init(gft_nd_copy *copy, const graft_shape *shape, const int64_t *from_step,
                      int64_t from_start, const int64_t *to_step, int64_t to_start, size_t bytes);
int64_t gft_nd_copy_tasks(const gft_nd_copy *copy);
void gft_nd_copy_run(const gft_nd_copy *copy, const void *from, void *to, int64_t task);

#endif
