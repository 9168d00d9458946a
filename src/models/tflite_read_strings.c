/*
 * Strings in a .tflite file, and the custom operators that parse tf.Examples.
 *
 * A tensor of strings is an int32 count n, n + 1 int32 offsets from the buffer's begin, then the
 * bytes (tensorflow/lite/string_util.h). ParseExample and ParseExampleV2 have TensorFlow's inputs
 * and outputs; what are attributes there (types and shapes of the dense features) are the types and
 * shapes of the output tensors here.
 */
#include <string.h>

#include "base/shape.h"
#include "models/tflite_read.h"

#define MAX_FEATURES 1024

static uint32_t u32_at(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static graft_status damaged(const gft_tflite_tensor *t, graft_error *err) {
    return gft_fail(err, GRAFT_DATA_LOSS, "tensor '%s': strings that do not lie in its %zu bytes",
                    t->name, t->bytes);
}

graft_status gft_tfl_strings(gft_tfl_reader *r, const gft_tflite_tensor *t, graft_tensor *out,
                             graft_error *err) {
    const size_t count = t->bytes >= 4 ? u32_at(t->data) : 0;
    graft_string_view *views = NULL;
    if (t->bytes < 8 || count > (t->bytes - 8) / 4)
        return damaged(t, err);
    if ((uint64_t)count != (uint64_t)gft_shape_elems(&t->example))
        return gft_fail(err, GRAFT_DATA_LOSS, "tensor '%s': %zu strings, its shape asks for %lld",
                        t->name, count, (long long)gft_shape_elems(&t->example));
    GFT_TRY(gft_tfl_room(r, (count + 1) * sizeof *views, &views, err));
    for (size_t i = 0; i < count; i++) {
        const size_t begin = u32_at(t->data + 4 + 4 * i);
        const size_t end = u32_at(t->data + 8 + 4 * i);
        if (begin > end || end > t->bytes)
            return damaged(t, err);
        views[i] = (graft_string_view){(const char *)t->data + begin, end - begin};
    }
    *out = (graft_tensor){.name = t->name,
                          .desc = {GRAFT_STRING, t->example, NULL},
                          .data = views,
                          .bytes = count * sizeof *views};
    return GRAFT_OK;
}

/*
 * Sparse features give three outputs each and dense ones one. ParseExample has an input per name
 * and a default per dense feature behind two others, ParseExampleV2 one input with all names of a
 * kind and the defaults behind five.
 */
static bool count_features(const gft_tfl_op *m, bool v2, int32_t *sparse, int32_t *dense) {
    const int32_t inputs = m->o->input_count - (v2 ? 5 : 2);
    const int32_t outputs = m->o->output_count;
    if (v2) {
        *dense = inputs;
        *sparse = (outputs - inputs) / 3;
    } else { /* inputs = sparse + 2 dense, outputs = 3 sparse + dense */
        *sparse = (2 * outputs - inputs) / 5;
        *dense = outputs - 3 * *sparse;
    }
    return inputs >= 0 && outputs <= MAX_FEATURES && *sparse >= 0 && *dense >= 0 &&
           3 * *sparse + *dense == outputs && (v2 || *sparse + 2 * *dense == inputs);
}

/* Types and shapes of the dense features: of the last outputs, behind the batch. */
static graft_status describe(const gft_tfl_op *m, int32_t first, int32_t count, graft_dtype *types,
                             graft_shape *shapes, graft_error *err) {
    for (int32_t i = 0; i < count; i++) {
        const gft_tflite_tensor *t = gft_tfl_tensor(m->g, m->o->outputs[first + i]);
        types[i] = gft_tflite_dtype(t->type);
        if (t->shape.rank < 1)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT, "tensor '%s': a feature without a batch",
                            t->name);
        shapes[i].rank = t->shape.rank - 1;
        for (int32_t d = 0; d < shapes[i].rank; d++)
            shapes[i].dims[d] = t->shape.dims[d + 1];
    }
    return GRAFT_OK;
}

graft_status gft_tfl_read_parse_example(gft_tfl_op *m, graft_error *err) {
    const bool v2 = strcmp(m->o->custom, "ParseExampleV2") == 0;
    gft_arena *arena = m->g->reader->arena;
    gft_tfl_node node;
    int32_t sparse;
    int32_t dense;
    if (!count_features(m, v2, &sparse, &dense))
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "%d inputs and %d outputs (ragged features are not read)",
                        m->o->input_count, m->o->output_count);
    const size_t most = (size_t)(sparse + dense) + 1;
    graft_dtype *types = gft_arena_array(arena, most, sizeof *types);
    graft_shape *shapes = gft_arena_array(arena, most, sizeof *shapes);
    if (!types || !shapes)
        return gft_fail_memory(err, most * sizeof *shapes, "features");
    GFT_TRY(gft_tfl_node_begin(m, v2 ? "ParseExampleV2" : "ParseExample", 0, -1, &node, err));
    for (int32_t i = 0; i < sparse; i++) /* the values, behind as many outputs of indices */
        types[i] = gft_tflite_dtype(gft_tfl_tensor(m->g, m->o->outputs[sparse + i])->type);
    gft_tf_attr_types(&m->g->nodes, node.node, "sparse_types", types, (size_t)sparse);
    GFT_TRY(describe(m, 3 * sparse, dense, types, shapes, err));
    gft_tf_attr_types(&m->g->nodes, node.node, "Tdense", types, (size_t)dense);
    gft_tf_attr_shape_list(&m->g->nodes, node.node, "dense_shapes", shapes, (size_t)dense);
    return gft_tfl_node_end(&node, GFT_TFLITE_ACT_NONE, err);
}
