/*
 * Moving numbers about: padding, slices, mirrors, joining, new shapes.
 */
#include <string.h>

#include "base/shape.h"
#include "base/size.h"
#include "models/keras_write.h"

/* ---- padding ---- */

static int64_t grown(int64_t dim, int64_t by) {
    return dim < 0 ? -1 : dim + by;
}

static json_t *two_pairs(gft_kw *w, const gft_pads *pads) {
    json_t *list = json_array();
    if (!list || json_array_append_new(list, gft_kw_pair(pads->top, pads->bottom)) != 0 ||
        json_array_append_new(list, gft_kw_pair(pads->left, pads->right)) != 0)
        (void)gft_kw_no_memory(w);
    return list;
}

gft_kw_id gft_kw_zero_padding(gft_kw *w, gft_kw_id x, const gft_pads *pads, const char *suffix) {
    if (w->status != GRAFT_OK || (!pads->top && !pads->bottom && !pads->left && !pads->right))
        return w->status == GRAFT_OK ? x : -1;
    graft_tensor_desc desc = w->layers[x].output;
    desc.shape.dims[1] = grown(desc.shape.dims[1], pads->top + pads->bottom);
    desc.shape.dims[2] = grown(desc.shape.dims[2], pads->left + pads->right);
    json_t *config = json_object();
    gft_kw_set(w, config, "padding", two_pairs(w, pads));
    const gft_kw_spec spec = {.class_name = "ZeroPadding2D",
                              .suffix = suffix,
                              .config = config,
                              .inputs = &x,
                              .input_count = 1,
                              .output = desc};
    return gft_kw_add(w, &spec);
}

/* Keras' operation: any dimension, any value. */
gft_kw_id gft_kw_pad(gft_kw *w, gft_kw_id x, const gft_pad_attrs *attrs, int32_t rank, float value,
                     const char *mode, const char *suffix, const graft_tensor_desc *output) {
    json_t *widths = json_array();
    json_t *config = json_object();
    for (int32_t d = 0; d < rank; d++) {
        if (json_array_append_new(widths, gft_kw_pair(attrs->before[d], attrs->after[d])) != 0)
            (void)gft_kw_no_memory(w);
    }
    gft_kw_set(w, config, "pad_width", widths);
    if (mode)
        gft_kw_set(w, config, "mode", json_string(mode));
    const gft_kw_spec spec = {.module = GFT_KW_NUMPY,
                              .class_name = "Pad",
                              .suffix = suffix,
                              .config = config,
                              .inputs = &x,
                              .input_count = 1,
                              .output = *output};
    const gft_kw_id id = gft_kw_add(w, &spec);
    if (value != 0.0f)
        gft_kw_add_constant(w, id, gft_kw_float(value));
    return id;
}

void gft_kw_emit_pad(gft_kw *w) {
    const gft_pad_attrs *attrs = w->node->attrs;
    const int32_t rank = gft_kw_in_desc(w, 0)->shape.rank;
    const gft_kw_id x = gft_kw_in(w, 0);
    bool outer = rank != 4 || gft_kw_out_desc(w)->dtype != GRAFT_F32 || attrs->value != 0.0f;
    for (int32_t d = 0; d < rank && !outer; d += 3)
        outer = attrs->before[d] != 0 || attrs->after[d] != 0;
    if (outer) {
        gft_kw_done(w, gft_kw_pad(w, x, attrs, rank, attrs->value, NULL, NULL, gft_kw_out_desc(w)));
        return;
    }
    const gft_pads pads = {attrs->before[1], attrs->after[1], attrs->before[2], attrs->after[2]};
    const gft_kw_id id = gft_kw_zero_padding(w, x, &pads, NULL);
    if (id == x && id >= 0)
        w->layer_of[w->node->outputs[0]] = id;
    else
        gft_kw_done(w, id);
}

/* ---- slices ---- */

/* {"class_name": "__slice__"}; INT64_MAX and INT64_MIN are open ends. */
static json_t *python_slice(int64_t start, int64_t stop, int64_t step) {
    const bool from = start != INT64_MAX && start != INT64_MIN;
    const bool to = stop != INT64_MAX && stop != INT64_MIN;
    return json_pack("{s:s, s:{s:o, s:o, s:o}}", "class_name", "__slice__", "config", "start",
                     from ? json_integer(start) : json_null(), "stop",
                     to ? json_integer(stop) : json_null(), "step",
                     step != 1 ? json_integer(step) : json_null());
}

static void get_item(gft_kw *w, json_t *key) {
    const gft_kw_id x = gft_kw_in(w, 0);
    const gft_kw_spec spec = {
        .module = GFT_KW_NUMPY, .class_name = "GetItem", .inputs = &x, .input_count = 1};
    const gft_kw_id id = gft_kw_add(w, &spec);
    gft_kw_add_constant(w, id, key);
    gft_kw_done(w, id);
}

/*
 * What is cut off on each side, where rows and columns alone are cut and their number is known if
 * it must be.
 */
static bool cropping(const graft_shape *x, const gft_slice_attrs *attrs, gft_pads *out) {
    int64_t cut[GRAFT_MAX_RANK][2] = {{0}};
    if (x->rank != 4)
        return false;
    for (int32_t d = 0; d < 4; d++) {
        const int64_t end = attrs->size[d] < 0 ? x->dims[d] : attrs->begin[d] + attrs->size[d];
        if (attrs->size[d] >= 0 && x->dims[d] < 0)
            return false;
        cut[d][0] = attrs->begin[d];
        cut[d][1] = attrs->size[d] < 0 ? 0 : x->dims[d] - end;
    }
    *out = (gft_pads){cut[1][0], cut[1][1], cut[2][0], cut[2][1]};
    return cut[0][0] == 0 && cut[0][1] == 0 && cut[3][0] == 0 && cut[3][1] == 0;
}

void gft_kw_emit_slice(gft_kw *w) {
    const gft_slice_attrs *attrs = w->node->attrs;
    const graft_tensor_desc *x = gft_kw_in_desc(w, 0);
    gft_pads cut;
    if (x->dtype == GRAFT_F32 && cropping(&x->shape, attrs, &cut)) {
        json_t *config = json_object();
        gft_kw_set(w, config, "cropping", two_pairs(w, &cut));
        gft_kw_done(w, gft_kw_add1(w, "Cropping2D", NULL, config, gft_kw_in(w, 0)));
        return;
    }
    json_t *key = json_array();
    for (int32_t d = 0; d < x->shape.rank; d++) {
        const int64_t start = attrs->begin[d] == 0 ? INT64_MAX : attrs->begin[d];
        const int64_t stop = attrs->size[d] < 0 ? INT64_MAX : attrs->begin[d] + attrs->size[d];
        if (json_array_append_new(key, python_slice(start, stop, 1)) != 0)
            (void)gft_kw_no_memory(w);
    }
    get_item(w, key);
}

/*
 * A crop in other words: steps of 1, nothing dropped, ends that count from the front or are 0 and
 * open.
 */
static bool as_slice(const graft_shape *x, const gft_strided_slice_attrs *attrs,
                     gft_slice_attrs *out) {
    for (int32_t d = 0; d < x->rank; d++) {
        int64_t begin = attrs->begin[d];
        int64_t end = attrs->end[d];
        begin = begin == INT64_MIN || begin == INT64_MAX ? 0 : begin;
        if (attrs->stride[d] != 1 || attrs->shrink_mask || (begin < 0 && x->dims[d] < 0))
            return false;
        begin = begin < 0 ? begin + x->dims[d] : begin;
        if (end == INT64_MAX || (end >= x->dims[d] && x->dims[d] >= 0)) {
            out->begin[d] = begin;
            out->size[d] = -1;
            continue;
        }
        if (end < 0 && x->dims[d] < 0)
            return false;
        end = end < 0 ? end + x->dims[d] : end;
        if (begin < 0 || end < begin)
            return false;
        out->begin[d] = begin;
        out->size[d] = end - begin;
    }
    return true;
}

void gft_kw_emit_strided_slice(gft_kw *w) {
    const gft_strided_slice_attrs *attrs = w->node->attrs;
    const graft_tensor_desc *x = gft_kw_in_desc(w, 0);
    gft_slice_attrs slice = {{0}, {0}};
    gft_pads cut;
    if (x->dtype == GRAFT_F32 && as_slice(&x->shape, attrs, &slice) &&
        cropping(&x->shape, &slice, &cut)) {
        json_t *config = json_object();
        gft_kw_set(w, config, "cropping", two_pairs(w, &cut));
        gft_kw_done(w, gft_kw_add1(w, "Cropping2D", NULL, config, gft_kw_in(w, 0)));
        return;
    }
    json_t *key = json_array();
    for (int32_t d = 0; d < x->shape.rank; d++) {
        json_t *part = attrs->shrink_mask >> d & 1u
                           ? json_integer(attrs->begin[d])
                           : python_slice(attrs->begin[d], attrs->end[d], attrs->stride[d]);
        if (json_array_append_new(key, part) != 0)
            (void)gft_kw_no_memory(w);
    }
    get_item(w, key);
}

/* ---- mirrors and copies ---- */

void gft_kw_emit_mirror_pad(gft_kw *w) {
    const gft_mirror_pad_attrs *attrs = w->node->attrs;
    gft_pad_attrs pad = {.value = 0.0f};
    memcpy(pad.before, attrs->before, sizeof pad.before);
    memcpy(pad.after, attrs->after, sizeof pad.after);
    gft_kw_done(w,
                gft_kw_pad(w, gft_kw_in(w, 0), &pad, gft_kw_in_desc(w, 0)->shape.rank, 0.0f,
                           attrs->symmetric ? "symmetric" : "reflect", NULL, gft_kw_out_desc(w)));
}

void gft_kw_emit_tile(gft_kw *w) {
    const gft_tile_attrs *attrs = w->node->attrs;
    json_t *config = json_object();
    gft_kw_set(w, config, "repeats",
               gft_kw_ints(attrs->multiples, gft_kw_in_desc(w, 0)->shape.rank));
    gft_kw_done(w, gft_kw_add_op(w, GFT_KW_NUMPY, "Tile", config));
}

/* ---- joining ---- */

void gft_kw_emit_concat(gft_kw *w) {
    const gft_axis_attrs *attrs = w->node->attrs;
    const int32_t count = w->node->input_count;
    json_t *config = json_object();
    gft_kw_set(w, config, "axis", json_integer(attrs->axis));
    bool constants = false;
    for (int32_t i = 0; i < count; i++)
        constants = constants || gft_kw_fixed(w, i);
    gft_kw_id *inputs = gft_arena_array(&w->arena, (size_t)count, sizeof *inputs);
    if (!inputs) {
        json_decref(config);
        (void)gft_kw_no_memory(w);
        return;
    }
    if (constants || count < 2) {
        const gft_kw_id id = gft_kw_add_op(w, GFT_KW_NUMPY, "Concatenate", config);
        if (id >= 0)
            w->layers[id].list = true;
        gft_kw_done(w, id);
        return;
    }
    for (int32_t i = 0; i < count; i++)
        inputs[i] = gft_kw_in(w, i);
    const gft_kw_spec spec = {.class_name = "Concatenate",
                              .config = config,
                              .inputs = inputs,
                              .input_count = count,
                              .list = true};
    gft_kw_done(w, gft_kw_add(w, &spec));
}

/* ---- shapes ---- */

static int32_t unknowns(const int64_t *dims, int32_t count) {
    int32_t n = 0;
    for (int32_t d = 0; d < count; d++)
        n += dims[d] < 0;
    return n;
}

/*
 * The batch stays what it is: all else is known on both sides, or the attribute says so by two
 * unknowns.
 */
static bool keeps_batch(const graft_shape *x, const graft_shape *y, const gft_shape_attrs *attrs) {
    if (x->rank < 1 || y->rank < 1 || x->dims[0] != y->dims[0])
        return false;
    const graft_shape x_rest = gft_shape_of(x->rank - 1, x->dims + 1);
    const graft_shape y_rest = gft_shape_of(y->rank - 1, y->dims + 1);
    const int64_t a = gft_shape_elems(&x_rest);
    const int64_t b = gft_shape_elems(&y_rest);
    if (x->dims[0] >= 0)
        return true;
    return (a >= 0 && a == b) || unknowns(attrs->shape.dims, attrs->shape.rank) == 2;
}

void gft_kw_emit_reshape(gft_kw *w) {
    const gft_shape_attrs *attrs = w->node->attrs;
    const graft_shape *x = &gft_kw_in_desc(w, 0)->shape;
    const graft_shape *y = &gft_kw_out_desc(w)->shape;
    const gft_kw_id input = gft_kw_in(w, 0);
    json_t *config = json_object();
    if (keeps_batch(x, y, attrs) && unknowns(y->dims + 1, y->rank - 1) <= 1) {
        const bool flat = y->rank == 2 && x->rank > 2;
        if (!flat)
            gft_kw_set(w, config, "target_shape", gft_kw_ints(y->dims + 1, y->rank - 1));
        gft_kw_done(w, gft_kw_add1(w, flat ? "Flatten" : "Reshape", NULL, config, input));
        return;
    }
    if (unknowns(y->dims, y->rank) > 1) {
        json_decref(config);
        (void)gft_kw_cannot(w, "more than one dimension is not known before it runs");
        return;
    }
    gft_kw_set(w, config, "newshape", gft_kw_ints(y->dims, y->rank));
    const gft_kw_spec spec = {.module = GFT_KW_NUMPY,
                              .class_name = "Reshape",
                              .config = config,
                              .inputs = &input,
                              .input_count = 1};
    gft_kw_done(w, gft_kw_add(w, &spec));
}

/*
 * (H,W,B*B*C) as (H,W,B,B,C), turned to (H,B,W,B,C), as (H*B,W*B,C); the other way round likewise.
 */
void gft_kw_emit_block(gft_kw *w) {
    const gft_block_attrs *attrs = w->node->attrs;
    const bool grow = w->node->op == &gft_op_depth_to_space;
    const graft_shape *x = &gft_kw_in_desc(w, 0)->shape;
    const graft_shape *y = &gft_kw_out_desc(w)->shape;
    const int64_t b = attrs->block;
    const int64_t h = grow ? x->dims[1] : y->dims[1];
    const int64_t v = grow ? x->dims[2] : y->dims[2];
    const int64_t c = grow ? y->dims[3] : x->dims[3];
    if (h < 0 || v < 0 || c < 0) {
        (void)gft_kw_cannot(w, "the picture's size is not known before it runs");
        return;
    }
    const graft_shape apart = {6, {x->dims[0], h, grow ? v : b, grow ? b : v, b, c}};
    const graft_shape turned = {6, {x->dims[0], h, apart.dims[3], apart.dims[2], b, c}};
    const graft_shape shapes[2] = {apart, turned};
    gft_kw_id id = gft_kw_in(w, 0);
    for (int i = 0; i < 2; i++) {
        json_t *config = json_object();
        if (i == 0)
            gft_kw_set(w, config, "target_shape", gft_kw_ints(apart.dims + 1, 5));
        else
            gft_kw_set(w, config, "dims", gft_kw_ints((const int64_t[]){1, 3, 2, 4, 5}, 5));
        const gft_kw_spec spec = {.class_name = i ? "Permute" : "Reshape",
                                  .suffix = i ? "_turned" : "_apart",
                                  .config = config,
                                  .inputs = &id,
                                  .input_count = 1,
                                  .output = gft_desc_f32(shapes[i])};
        const gft_kw_id next = gft_kw_add(w, &spec);
        id = next;
    }
    json_t *config = json_object();
    gft_kw_set(w, config, "target_shape", gft_kw_ints(y->dims + 1, 3));
    gft_kw_done(w, gft_kw_add1(w, "Reshape", NULL, config, id));
}

void gft_kw_emit_broadcast_to(gft_kw *w) {
    const gft_shape_attrs *attrs = w->node->attrs;
    const graft_shape *y = &gft_kw_out_desc(w)->shape;
    const gft_kw_id x = gft_kw_in(w, 0);
    if (attrs->mean || unknowns(y->dims, y->rank) > 0) {
        (void)gft_kw_cannot(w, "its shape is not known before it runs");
        return;
    }
    json_t *config = json_object();
    gft_kw_set(w, config, "shape", gft_kw_ints(y->dims, y->rank));
    const gft_kw_spec spec = {.module = GFT_KW_NUMPY,
                              .class_name = "BroadcastTo",
                              .config = config,
                              .inputs = &x,
                              .input_count = 1};
    gft_kw_done(w, gft_kw_add(w, &spec));
}

void gft_kw_emit_transpose(gft_kw *w) {
    const gft_transpose_attrs *attrs = w->node->attrs;
    const int32_t rank = gft_kw_in_desc(w, 0)->shape.rank;
    int64_t axes[GRAFT_MAX_RANK];
    json_t *config = json_object();
    for (int32_t d = 0; d < rank; d++)
        axes[d] = attrs->perm[d];
    if (rank > 1 && axes[0] == 0) {
        gft_kw_set(w, config, "dims", gft_kw_ints(axes + 1, rank - 1));
        gft_kw_done(w, gft_kw_add1(w, "Permute", NULL, config, gft_kw_in(w, 0)));
        return;
    }
    gft_kw_set(w, config, "axes", gft_kw_ints(axes, rank));
    gft_kw_done(w, gft_kw_add_op(w, GFT_KW_NUMPY, "Transpose", config));
}
