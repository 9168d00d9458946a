/*
 * An EfficientNet-Lite with weights that are a function of each parameter's name, for the
 * comparison with Keras:
 *
 *     lite_tool VARIANT CLASSES IN.npy PARAMETERS.npz OUT.npz [NODE...]
 *
 * Writes the parameters, runs the array, writes the outputs and what the named nodes give. Not
 * installed.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/shape.h"
#include "base/words.h"
#include "models/model.h"

static uint64_t hash_name(const char *name) {
    uint64_t h = 1469598103934665603u; /* FNV-1a */
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 1099511628211u;
    return h;
}

static graft_status named_source(void *context, const char *name, const graft_tensor_desc *desc,
                                 const void **data, graft_error *err) {
    int64_t elems = gft_shape_elems(&desc->shape);
    float *values = gft_arena_alloc(context, (size_t)elems * sizeof *values);
    if (!values)
        return gft_fail_memory(err, (size_t)elems * sizeof *values, "weights");
    const char *part = strrchr(name, '/') + 1;
    const int64_t *d = desc->shape.dims;
    bool scale = strcmp(part, "gamma") == 0 || strcmp(part, "moving_variance") == 0;
    float spread = 0.3f;
    if (strcmp(part, "kernel") == 0)
        spread = sqrtf(3.6f / (float)(desc->shape.rank == 4 ? d[0] * d[1] * d[2] : d[0]));
    else if (strcmp(part, "depthwise_kernel") == 0)
        spread = sqrtf(3.6f / (float)(d[0] * d[1]));
    gft_rng rng = gft_rng_make(hash_name(name), GFT_RNG_TEST, 0);
    for (int64_t i = 0; i < elems; i++)
        values[i] = (scale ? 1.0f : 0.0f) + spread * (2.0f * gft_rng_uniform(&rng) - 1.0f);
    *data = values;
    return GRAFT_OK;
}

static graft_status write_parameters(const graft_model *model, const char *path, graft_error *err) {
    int32_t count = model->params.count;
    graft_tensor *list = gft_calloc((size_t)count + 1, sizeof *list);
    if (!list)
        return gft_fail_memory(err, 0, "parameters");
    for (int32_t i = 0; i < count; i++) {
        const gft_param *p = &model->params.items[i];
        list[i] = (graft_tensor){p->name, p->desc, p->data, 0};
        if (!gft_desc_bytes(&p->desc, &list[i].bytes))
            list[i].bytes = 0;
    }
    graft_status status = graft_arrays_write(path, list, count, err);
    gft_free(list);
    return status;
}

static graft_status tap(gft_graph *graph, const char *name, graft_error *err) {
    for (int32_t i = 0; i < graph->node_count; i++) {
        if (strcmp(graph->nodes[i].name, name) == 0)
            return gft_graph_output(graph, name, graph->nodes[i].outputs[0], err);
    }
    return gft_fail(err, GRAFT_NOT_FOUND, "no node '%s'", name);
}

static graft_status run(graft_model *model, char **words, int count, graft_error *err) {
    graft_status status;
    graft_session *session = NULL;
    graft_tensor *in = NULL;
    int32_t inputs = 0;
    gft_graph *graph = model->signatures[0].graph;
    graft_tensor out[16];
    for (int i = 3; i < count && i < 16; i++)
        GFT_GOTO(tap(graph, words[i], err));
    GFT_GOTO(graft_arrays_read(words[0], &in, &inputs, err));
    GFT_GOTO(graft_session_new(model, 0, 0, &session, err));
    GFT_GOTO(graft_session_run(session, in, inputs, out, graph->output_count, err));
    GFT_GOTO(graft_arrays_write(words[2], out, graph->output_count, err));
done:
    graft_session_free(session);
    graft_arrays_free(in, inputs);
    return status;
}

int main(int argc, char **argv) {
    graft_error err = {GRAFT_OK, ""};
    graft_model *model = NULL;
    gft_arena arena;
    int64_t variant = 0;
    int64_t classes = 0;
    if (argc < 6 || !gft_words_i64(argv[1], &variant) || !gft_words_i64(argv[2], &classes)) {
        fprintf(stderr,
                "usage: lite_tool VARIANT CLASSES IN.npy PARAMETERS.npz OUT.npz [NODE...]\n");
        return 2;
    }
    gft_arena_init(&arena);
    graft_status status = gft_model_new(&model, &err);
    if (status == GRAFT_OK)
        status = gft_efficientnet_lite_build(model, (int32_t)variant, (int32_t)classes,
                                             named_source, &arena, &err);
    if (status == GRAFT_OK)
        status = write_parameters(model, argv[4], &err);
    if (status == GRAFT_OK)
        status = run(model, argv + 3, argc - 3, &err);
    if (status != GRAFT_OK)
        fprintf(stderr, "%s\n", err.message);
    graft_model_free(model);
    gft_arena_deinit(&arena);
    return status == GRAFT_OK ? 0 : 1;
}
