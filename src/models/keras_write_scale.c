/*
 * Sums, products and the like: merge layers for two tensors, Rescaling where one side is a
 * constant, Keras' operations for what is left.
 */
#include <string.h>

#include "base/shape.h"
#include "models/keras_write.h"

/* ---- two tensors ---- */

/* Merge layers want equal ranks and one batch; they broadcast dimensions of 1. */
static bool mergeable(const graft_tensor_desc *a, const graft_tensor_desc *b) {
    return a->dtype == GRAFT_F32 && b->dtype == GRAFT_F32 && a->shape.rank == b->shape.rank &&
           a->shape.rank >= 2 && a->shape.dims[0] == b->shape.dims[0];
}

gft_kw_id gft_kw_merge(gft_kw *w, const char *class_name, const char *suffix, gft_kw_id a,
                       gft_kw_id b, const graft_tensor_desc *output) {
    const gft_kw_id inputs[2] = {a, b};
    if (w->status != GRAFT_OK)
        return -1;
    const bool layer = mergeable(&w->layers[a].output, &w->layers[b].output);
    const gft_kw_spec spec = {.module = layer ? GFT_KW_LAYERS : GFT_KW_NUMPY,
                              .class_name = class_name,
                              .suffix = suffix,
                              .inputs = inputs,
                              .input_count = 2,
                              .list = layer,
                              .output = *output};
    return gft_kw_add(w, &spec);
}

static void two_tensors(gft_kw *w) {
    static const struct {
        const gft_op *op;
        const char *name;
    } table[] = {
        {&gft_op_add, "Add"},    {&gft_op_sub, "Subtract"},    {&gft_op_mul, "Multiply"},
        {&gft_op_div, "Divide"}, {&gft_op_maximum, "Maximum"}, {&gft_op_minimum, "Minimum"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].op != w->node->op)
            continue;
        const bool fixed = gft_kw_fixed(w, 0) || gft_kw_fixed(w, 1);
        if (fixed || w->node->op == &gft_op_div)
            gft_kw_done(w, gft_kw_add_op(w, GFT_KW_NUMPY, table[i].name, NULL));
        else
            gft_kw_done(w, gft_kw_merge(w, table[i].name, NULL, gft_kw_in(w, 0), gft_kw_in(w, 1),
                                        gft_kw_out_desc(w)));
    }
}

/* ---- a constant: Rescaling ---- */

gft_kw_id gft_kw_rescale(gft_kw *w, gft_kw_id x, float scale, float offset, const char *suffix,
                         const graft_tensor_desc *output) {
    json_t *config = json_object();
    gft_kw_set(w, config, "scale", gft_kw_float(scale));
    gft_kw_set(w, config, "offset", gft_kw_float(offset));
    const gft_kw_spec spec = {.class_name = "Rescaling",
                              .suffix = suffix,
                              .config = config,
                              .inputs = &x,
                              .input_count = 1,
                              .output = *output};
    return gft_kw_add(w, &spec);
}

/* f of every number of a constant, as JSON. */
static json_t *mapped(gft_kw *w, const graft_tensor_desc *desc, const float *data,
                      float (*f)(float)) {
    const int64_t elems = gft_shape_elems(&desc->shape);
    float *copy = gft_arena_array(&w->arena, (size_t)elems, sizeof *copy);
    if (!copy)
        return NULL;
    for (int64_t i = 0; i < elems; i++)
        copy[i] = f(data[i]);
    return gft_kw_numbers(desc, copy);
}

static float same(float v) {
    return v;
}
static float negative(float v) {
    return -v;
}
static float inverse(float v) {
    return 1.0f / v;
}

typedef struct affine {
    bool scale; /* the constant is the scale, else the offset */
    float (*f)(float);
    float other; /* the other of the two */
} affine;

/* x op constant (at 1) or constant op x (at 0) as scale and offset. */
static bool as_affine(const gft_op *op, int32_t at, affine *out) {
    if (op == &gft_op_add)
        *out = (affine){false, same, 1.0f};
    else if (op == &gft_op_sub)
        *out = at == 1 ? (affine){false, negative, 1.0f} : (affine){false, same, -1.0f};
    else if (op == &gft_op_mul)
        *out = (affine){true, same, 0.0f};
    else if (op == &gft_op_div && at == 1)
        *out = (affine){true, inverse, 0.0f};
    else
        return false;
    return true;
}

/*
 * x * scale, then + offset, of one layer of the graph (or x + offset, then * scale) are one
 * Rescaling: the layer in front takes the second constant in.
 */
static bool join_rescaling(gft_kw *w, gft_kw_id x, const affine *a, const graft_tensor_desc *desc,
                           const float *data) {
    gft_kw_layer *layer = &w->layers[x];
    const bool own = layer->value >= 0 && gft_kw_single(w, layer->value) &&
                     strcmp(layer->group, w->node->layer) == 0;
    const bool scalar = gft_shape_elems(&desc->shape) == 1;
    if (!own || !(layer->scales || layer->shifts))
        return false;
    if (layer->scales && !layer->shifts && !a->scale && a->other == 1.0f) {
        gft_kw_set(w, layer->config, "offset",
                   scalar ? gft_kw_float(a->f(data[0])) : mapped(w, desc, data, a->f));
    } else if (layer->shifts && !layer->scales && a->scale && scalar && layer->offset != 0.0f) {
        const float scale = a->f(data[0]);
        gft_kw_set(w, layer->config, "scale", gft_kw_float(scale));
        gft_kw_set(w, layer->config, "offset", gft_kw_float(layer->offset * scale));
    } else {
        return false;
    }
    layer->scales = layer->shifts = false; /* complete */
    layer->output = *gft_kw_out_desc(w);
    gft_kw_done(w, x);
    return true;
}

/* False if the constant makes the result larger than x, or is no float. */
static bool rescaling(gft_kw *w, int32_t at) {
    const graft_tensor_desc *desc = gft_kw_in_desc(w, at);
    const graft_tensor_desc *x_desc = gft_kw_in_desc(w, 1 - at);
    const float *data = gft_kw_fixed(w, at);
    affine a;
    if (!as_affine(w->node->op, at, &a) || desc->dtype != GRAFT_F32 ||
        desc->shape.rank > x_desc->shape.rank ||
        !gft_shape_equal(&x_desc->shape, &gft_kw_out_desc(w)->shape))
        return false;
    const gft_kw_id x = gft_kw_in(w, 1 - at);
    if (x < 0 || join_rescaling(w, x, &a, desc, data))
        return true;
    const bool scalar = gft_shape_elems(&desc->shape) == 1;
    json_t *number = scalar ? gft_kw_float(a.f(data[0])) : mapped(w, desc, data, a.f);
    json_t *config = json_object();
    if (!number) {
        json_decref(config);
        (void)gft_kw_cannot(w, "its constant is too large for a configuration");
        return true;
    }
    gft_kw_set(w, config, a.scale ? "scale" : "offset", number);
    gft_kw_set(w, config, a.scale ? "offset" : "scale", gft_kw_float(a.other));
    const gft_kw_id id = gft_kw_add1(w, "Rescaling", NULL, config, x);
    gft_kw_done(w, id);
    if (id >= 0 && w->status == GRAFT_OK) {
        gft_kw_layer *layer = &w->layers[id];
        layer->scales = a.scale;
        layer->shifts = !a.scale && a.other == 1.0f;
        layer->offset = !a.scale && scalar ? a.f(data[0]) : 0.0f;
    }
    return true;
}

void gft_kw_emit_binary(gft_kw *w) {
    const int32_t at = gft_kw_fixed(w, 1) ? 1 : gft_kw_fixed(w, 0) ? 0 : -1;
    if (at >= 0 && gft_kw_fixed(w, 1 - at)) {
        (void)gft_kw_cannot(w, "both its inputs are constants");
        return;
    }
    if (at < 0 || !rescaling(w, at))
        two_tensors(w);
}

/* A bias that no layer in front has taken in. */
void gft_kw_emit_bias_add(gft_kw *w) {
    const graft_tensor_desc *desc = gft_kw_in_desc(w, 1);
    const float *data = gft_kw_fixed(w, 1);
    if (gft_kw_take_bias(w))
        return;
    if (!data) {
        gft_kw_done(w, gft_kw_add_op(w, GFT_KW_NUMPY, "Add", NULL));
        return;
    }
    json_t *config = json_object();
    gft_kw_set(w, config, "scale", gft_kw_float(1.0f));
    gft_kw_set(w, config, "offset", mapped(w, desc, data, same));
    gft_kw_done(w, gft_kw_add1(w, "Rescaling", NULL, config, gft_kw_in(w, 0)));
}
