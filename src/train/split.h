/*
 * The freeze line: cuts a graph into the frozen side (an ordinary inference graph, run once per
 * picture) and the trainable side (differentiated, run every step). What crosses the line is the
 * feature set that is cached.
 */
#ifndef GFT_TRAIN_SPLIT_H
#define GFT_TRAIN_SPLIT_H

#include "graph/graph.h"

#define GFT_SPLIT_MAX_CROSSINGS 8

typedef struct gft_split {
    gft_graph *
        frozen; /* inputs as the whole graph's, outputs = crossings; NULL if the inputs themselves cross */
    gft_graph *trained; /* inputs = crossings; nothing else: its outputs are added by the caller */
    int32_t crossing_count;
    graft_tensor_desc crossings[GFT_SPLIT_MAX_CROSSINGS];
    gft_value_id *
        map; /* value of the whole graph -> value of `trained`, -1 if it has none; whole graph's value_count */
} gft_split;

/**
 * Cuts before the first node that depends on a trainable parameter; nodes from `first_trained` on
 * (the head) are always on the trained side. Batch norms on the trained side keep their running
 * statistics (attrs.train is cleared).
 *
 * @return INVALID_ARGUMENT if more than GFT_SPLIT_MAX_CROSSINGS values cross
 * Owner: gft_split_deinit.
 */
GRAFT_MUST_CHECK graft_status gft_split_make(const gft_graph *graph, gft_node_id first_trained,
                                             gft_split *out, graft_error *err);
/**
 * Batch norms of the trained side whose scale or offset is trained take the statistics of each batch and update the
 * running ones (Keras' training=True), which get memory of the parameter set's own for that. Before gft_step_make.
 */
GRAFT_MUST_CHECK graft_status gft_split_train_norms(gft_split *split, graft_error *err);
void gft_split_deinit(gft_split *split);

#endif
