/*
 * The trainable parameters of one stage, contiguous: weights, gradients, slots and the best weights
 * so far, each one array with the same offsets. While a master exists its parameters' data point
 * into it.
 */
#ifndef GFT_TRAIN_MASTER_H
#define GFT_TRAIN_MASTER_H

#include "graph/graph.h"

typedef struct gft_master {
    gft_params *params;
    gft_param_id *ids;
    size_t *offsets; /* in floats, multiples of 16 */
    void **homes;    /* where each parameter's data lies without a master: in the set's arena */
    int32_t count;
    int64_t elems; /* of each array, padding included (zeros) */
    float *weights, *grads, *best;
    float *slots[2];
    int slot_count;
} gft_master;

/**
 * Gathers every parameter marked trainable. INVALID_ARGUMENT if there is none or one is not
 * float32.
 */
GRAFT_MUST_CHECK graft_status gft_master_new(gft_params *params, int slots, gft_master **out,
                                             graft_error *err);
/** Moves the weights back into the parameter set's own memory and frees the rest. Accepts NULL. */
void gft_master_free(gft_master *master);
void gft_master_save_best(gft_master *master);
void gft_master_restore_best(gft_master *master);

#endif
