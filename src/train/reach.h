/*
 * Parameters without a gradient: a file may hold trainable ones that the loss does not depend on
 * (of a head that was cut off, of another signature, behind a whole number). Like Keras, training
 * leaves them as they are and says so.
 */
#ifndef GFT_TRAIN_REACH_H
#define GFT_TRAIN_REACH_H

#include "train/split.h"

typedef struct gft_reach {
    int32_t dropped;   /* parameters that were trainable and no longer are */
    const char *first; /* name of the first of them; the set's own */
} gft_reach;

/**
 * Takes the trainable flag from every parameter that has no gradient of `logits`. Before
 * gft_master_new, so that neither the optimiser nor its weight decay touches them.
 *
 * @param logits value of the whole graph
 * Errors: UNIMPLEMENTED if an op on the way has no gradient.
 */
GRAFT_MUST_CHECK graft_status gft_reach_apply(gft_split *split, gft_value_id logits, gft_reach *out,
                                              graft_error *err);

#endif
