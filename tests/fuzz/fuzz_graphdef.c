/*
 * Fuzz target: a serialized GraphDef as frozen graph, with its functions left in the input until
 * they are called, and once more with weights from elsewhere. What loads has a graph or a problem,
 * and every graph can be put in order and checked again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/shape.h"
#include "formats/proto_scan.h"
#include "fuzz_model.h"
#include "models/graphdef_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_model(const graft_model *model) {
    fuzz_check_model(model);
    for (int32_t i = 0; i < model->signature_count; i++) {
        const gft_signature *s = &model->signatures[i];
        for (int32_t k = 0; k < s->op_count; k++) {
            if (s->ops[k].count < 1 || s->ops[k].supported == (s->ops[k].node != NULL))
                abort();
        }
    }
}

static void build(const Tensorflow__GraphDef *graph, const gft_map *map,
                  const graft_tensor *weights, size_t count) {
    graft_error err = {0};
    graft_model *model = NULL;
    gft_arena arena;
    gft_arena_init(&arena);
    const gft_graphdef_source source = {.graph = graph,
                                        .map = map,
                                        .arena = &arena,
                                        .where = "fuzz",
                                        .weights = weights,
                                        .weight_count = count};
    if (gft_model_new(&model, NULL) != GRAFT_OK)
        abort();
    if (gft_graphdef_build(model, &source, &err) == GRAFT_OK)
        check_model(model);
    else if (err.message[0] == '\0')
        abort();
    graft_model_free(model);
    gft_arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static float numbers[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    graft_error err = {0};
    const gft_map map = {data, size};
    ProtobufCMessage *message = NULL;
    gft_arena arena;
    gft_arena_init(&arena);
    if (gft_proto_unpack(&tensorflow__graph_def__descriptor, data, size, &gft_proto_limits_graph,
                         "fuzz", &arena, &message, &err) == GRAFT_OK) {
        const Tensorflow__GraphDef *graph = (const Tensorflow__GraphDef *)message;
        graft_tensor weights[2] = {{"w", gft_desc_f32(gft_shape_2(3, 4)), numbers, sizeof numbers},
                                   {"b", gft_desc_f32(gft_shape_1(4)), numbers, 16}};
        for (size_t i = 0; i < graph->n_node; i++) { /* for the first constant there is */
            if (strcmp(graph->node[i]->op, "Const") == 0) {
                weights[0].name = graph->node[i]->name;
                break;
            }
        }
        build(graph, &map, NULL, 0);
        build(graph, &map, weights, 2);
    } else if (err.message[0] == '\0') {
        abort();
    }
    gft_arena_deinit(&arena);
    return 0;
}
