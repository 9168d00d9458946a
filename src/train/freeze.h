/*
 * Which layers are trained: "last:N", "last:P%", "all", and the blocks of gradual unfreezing.
 * Layers are the graph's layer names in order, the backbone's only (a head is always trained).
 */
#ifndef GFT_TRAIN_FREEZE_H
#define GFT_TRAIN_FREEZE_H

#include "graph/graph.h"

typedef enum gft_fine_tune_mode {
    GFT_FINE_NONE,
    GFT_FINE_LAST,
    GFT_FINE_LAST_PERCENT,
    GFT_FINE_ALL,
    GFT_FINE_GRADUAL
} gft_fine_tune_mode;

typedef struct gft_fine_tune {
    gft_fine_tune_mode mode;
    double amount; /* layers, per cent, or blocks at most (gradual; 0 = no bound) */
} gft_fine_tune;

GRAFT_MUST_CHECK graft_status gft_fine_tune_parse(const char *text, gft_fine_tune *out,
                                                  graft_error *err);

typedef struct gft_layers {
    const char **names;      /* distinct layer names in order; borrowed from the graph */
    int32_t *block;          /* block number of each layer, 0 = nearest the input */
    int32_t *layer_of_param; /* per parameter: layer index, -1 if not the backbone's */
    bool *declared;          /* per parameter: trainable as the model came (statistics are not) */
    int32_t count, block_count;
} gft_layers;

/**
 * Lists the layers of nodes before first_head. A block is a run of layers with the same name up to
 * the first '_'.
 */
GRAFT_MUST_CHECK graft_status gft_layers_make(const gft_graph *graph, gft_node_id first_head,
                                              gft_layers *out, graft_error *err);
/** Puts every flag back to what was declared. */
void gft_layers_restore(const gft_layers *layers, gft_params *params);
void gft_layers_deinit(gft_layers *layers);
/** First trained layer for a mode; for GRADUAL: the first layer of the last `blocks` blocks. */
int32_t gft_layers_first_trained(const gft_layers *layers, const gft_fine_tune *fine_tune,
                                 int32_t blocks);
/**
 * Marks parameters of layers >= first trainable if they were declared so, of earlier ones not;
 * parameters of no layer (a head's) stay as they are.
 */
void gft_layers_apply(const gft_layers *layers, gft_params *params, int32_t first);

#endif
