/*
 * Fuzz target: a .tflite file as a model. What loads has a graph or a problem per signature, and
 * every graph can be put in order and checked again. Files are refused with a message.
 */
#include <stdint.h>
#include <stdlib.h>

#include "models/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_graph(const gft_graph *graph) {
    gft_graph *copy = NULL;
    if (gft_graph_clone(graph, &copy, NULL) != GRAFT_OK ||
        gft_graph_reinfer(copy, NULL, NULL) != GRAFT_OK)
        abort();
    gft_graph_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    graft_model *model = NULL;
    graft_error err = {0};
    if (gft_tflite_read_memory(data, size, "fuzz", &model, &err) != GRAFT_OK) {
        if (err.message[0] == '\0')
            abort();
        return 0;
    }
    for (int32_t i = 0; i < model->signature_count; i++) {
        const gft_signature *s = &model->signatures[i];
        if (!s->graph == !s->problem)
            abort();
        if (s->graph)
            check_graph(s->graph);
    }
    graft_model_free(model);
    return 0;
}
