/*
 * Windows and other sizes: pooling, reductions, the place of the largest, resizing.
 */
#include <float.h>

#include "base/shape.h"
#include "models/keras_write.h"

static int64_t grown(int64_t dim, int64_t by) {
    return dim < 0 ? -1 : dim + by;
}

/* ---- pooling ---- */

/* Around a maximum stands what is below all numbers. */
static gft_kw_id pool_input(gft_kw *w, const gft_pool_attrs *attrs) {
    const gft_kw_id x = gft_kw_in(w, 0);
    const gft_pads *p = &attrs->pads;
    if (x < 0 || attrs->padding != GFT_PAD_EXPLICIT ||
        (!p->top && !p->bottom && !p->left && !p->right))
        return x;
    if (w->node->op == &gft_op_avg_pool)
        return gft_kw_cannot(w, "it averages over explicit padding without counting it");
    const gft_pad_attrs pad = {.before = {0, p->top, p->left, 0},
                               .after = {0, p->bottom, p->right, 0}};
    graft_tensor_desc desc = *gft_kw_in_desc(w, 0);
    desc.shape.dims[1] = grown(desc.shape.dims[1], p->top + p->bottom);
    desc.shape.dims[2] = grown(desc.shape.dims[2], p->left + p->right);
    return gft_kw_pad(w, x, &pad, 4, -FLT_MAX, NULL, "_pad", &desc);
}

void gft_kw_emit_pool(gft_kw *w) {
    const gft_pool_attrs *attrs = w->node->attrs;
    const bool max = w->node->op == &gft_op_max_pool;
    const gft_kw_id x = pool_input(w, attrs);
    json_t *config = json_object();
    gft_kw_set(w, config, "pool_size", gft_kw_pair(attrs->kernel_h, attrs->kernel_w));
    gft_kw_set(w, config, "strides", gft_kw_pair(attrs->stride_h, attrs->stride_w));
    gft_kw_set(w, config, "padding",
               json_string(attrs->padding == GFT_PAD_SAME ? "same" : "valid"));
    gft_kw_done(w, gft_kw_add1(w, max ? "MaxPooling2D" : "AveragePooling2D", NULL, config, x));
}

/* ---- reductions ---- */

/* The layer that pools everything but batch and channels, NULL if there is none. */
static const char *global_pool(const gft_op *op, int32_t rank, uint32_t axes) {
    const bool mean = op == &gft_op_reduce_mean;
    if (!mean && op != &gft_op_reduce_max)
        return NULL;
    if (rank == 4 && axes == (1u << 1 | 1u << 2))
        return mean ? "GlobalAveragePooling2D" : "GlobalMaxPooling2D";
    if (rank == 3 && axes == 1u << 1)
        return mean ? "GlobalAveragePooling1D" : "GlobalMaxPooling1D";
    return NULL;
}

void gft_kw_emit_reduce(gft_kw *w) {
    static const struct {
        const gft_op *op;
        const char *name;
    } table[] = {
        {&gft_op_reduce_mean, "Mean"}, {&gft_op_reduce_sum, "Sum"},   {&gft_op_reduce_max, "Max"},
        {&gft_op_reduce_min, "Min"},   {&gft_op_reduce_prod, "Prod"}, {&gft_op_reduce_any, "Any"},
        {&gft_op_reduce_all, "All"},
    };
    const gft_reduce_attrs *attrs = w->node->attrs;
    const gft_op *op = w->node->op;
    const int32_t rank = gft_kw_in_desc(w, 0)->shape.rank;
    const char *layer = global_pool(op, rank, attrs->axes);
    json_t *config = json_object();
    if (attrs->keep_dims)
        gft_kw_set(w, config, "keepdims", json_true());
    if (layer) {
        gft_kw_done(w, gft_kw_add1(w, layer, NULL, config, gft_kw_in(w, 0)));
        return;
    }
    int64_t axes[GRAFT_MAX_RANK];
    int32_t count = 0;
    for (int32_t d = 0; d < rank; d++) {
        if (attrs->axes >> d & 1u)
            axes[count++] = d;
    }
    gft_kw_set(w, config, "axis", gft_kw_ints(axes, count));
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].op == op)
            gft_kw_done(w, gft_kw_add_op(w, GFT_KW_NUMPY, table[i].name, config));
    }
}

/* ---- the place of the largest ---- */

void gft_kw_emit_arg(gft_kw *w) {
    const gft_arg_attrs *attrs = w->node->attrs;
    json_t *config = json_object();
    gft_kw_set(w, config, "axis", json_integer(attrs->axis));
    const bool max = w->node->op == &gft_op_argmax;
    const graft_tensor_desc desc = {GRAFT_S32, gft_kw_out_desc(w)->shape, NULL};
    const gft_kw_id x = gft_kw_in(w, 0);
    const gft_kw_spec spec = {.module = GFT_KW_NUMPY,
                              .class_name = max ? "Argmax" : "Argmin",
                              .config = config,
                              .inputs = &x,
                              .input_count = 1,
                              .output = desc}; /* Keras' are int32 */
    const gft_kw_id id = gft_kw_add(w, &spec);
    if (attrs->dtype == GRAFT_S32) {
        gft_kw_done(w, id);
        return;
    }
    json_t *cast = json_object();
    gft_kw_set(w, cast, "dtype", json_string(graft_dtype_name(attrs->dtype)));
    const gft_kw_spec as = {.module = "keras.src.ops.core",
                            .class_name = "Cast",
                            .suffix = "_cast",
                            .config = cast,
                            .inputs = &id,
                            .input_count = 1};
    gft_kw_done(w, gft_kw_add(w, &as));
}

/* ---- other sizes ---- */

/* Nearest by a whole factor repeats pixels: then half pixels make no difference. */
void gft_kw_emit_resize(gft_kw *w) {
    const gft_resize_attrs *attrs = w->node->attrs;
    const graft_shape *x = &gft_kw_in_desc(w, 0)->shape;
    const bool nearest = attrs->mode == GFT_RESIZE_NEAREST;
    const bool whole = x->dims[1] > 0 && x->dims[2] > 0 && attrs->height % x->dims[1] == 0 &&
                       attrs->width % x->dims[2] == 0;
    const bool half = attrs->half_pixel_centers && !attrs->align_corners;
    json_t *config = json_object();
    if ((!nearest && attrs->mode != GFT_RESIZE_BILINEAR) || attrs->align_corners ||
        (!half && !(nearest && whole))) {
        json_decref(config);
        (void)gft_kw_cannot(w, "Keras resizes with half pixel centres, nearest or bilinear");
        return;
    }
    gft_kw_set(w, config, "interpolation", json_string(nearest ? "nearest" : "bilinear"));
    if (whole) {
        gft_kw_set(w, config, "size",
                   gft_kw_pair(attrs->height / x->dims[1], attrs->width / x->dims[2]));
    } else {
        gft_kw_set(w, config, "height", json_integer(attrs->height));
        gft_kw_set(w, config, "width", json_integer(attrs->width));
    }
    gft_kw_done(w,
                gft_kw_add1(w, whole ? "UpSampling2D" : "Resizing", NULL, config, gft_kw_in(w, 0)));
}
