/*
 * What the fuzz targets of model readers ask of every model that loads: each signature has a graph
 * or a problem, and every graph can be put in order and checked again.
 */
#ifndef GFT_TESTS_FUZZ_MODEL_H
#define GFT_TESTS_FUZZ_MODEL_H

#include <stdlib.h>

#include "models/model.h"

static inline void fuzz_check_model(const graft_model *model) {
    for (int32_t i = 0; i < model->signature_count; i++) {
        const gft_signature *s = &model->signatures[i];
        gft_graph *copy = NULL;
        if (!s->graph == !s->problem)
            abort();
        if (s->graph && (gft_graph_clone(s->graph, &copy, NULL) != GRAFT_OK ||
                         gft_graph_reinfer(copy, NULL, NULL) != GRAFT_OK))
            abort();
        gft_graph_free(copy);
    }
}

#endif
