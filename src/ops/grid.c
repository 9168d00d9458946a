/*
 * Preparations without a state of their own; see grid.h.
 */
#include "ops/grid.h"

#include <string.h>

graft_status gft_grid_state(gft_prepare *prepare, size_t bytes, void *out, graft_error *err) {
    void *state = gft_arena_alloc(prepare->arena, bytes);
    if (!state)
        return gft_fail_memory(err, bytes, prepare->node);
    prepare->state = state;
    memcpy(out, &state, sizeof state); /* out is the address of a typed pointer */
    return GRAFT_OK;
}

graft_status gft_prepare_elems(gft_prepare *prepare, graft_error *err) {
    (void)err;
    prepare->tasks[0] = gft_grid_count(gft_desc_elems(&prepare->outputs[0]), GFT_BLOCK_ELEMS);
    return GRAFT_OK;
}

graft_status gft_prepare_rows(gft_prepare *prepare, graft_error *err) {
    (void)err;
    gft_rows r = gft_desc_rows(&prepare->inputs[0]);
    prepare->tasks[0] = gft_grid_count(r.rows, gft_grid_rows(r.cols));
    return GRAFT_OK;
}
