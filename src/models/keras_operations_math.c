/*
 * Operations that compute: element-wise, comparing, reducing, products.
 */
#include <math.h>
#include <string.h>

#include "base/shape.h"
#include "models/keras_operations.h"

/* ---- two operands ---- */

static bool is_fraction(const gft_keras_arg *arg) {
    const json_t *json = arg && arg->count == 0 ? arg->constant : NULL;
    const char *type =
        json_is_object(json) ? gft_keras_text(json_object_get(json, "config"), "dtype", "") : "";
    return json_is_real(json) || strncmp(type, "float", 5) == 0;
}

/* Both operands of one type: float32 unless both are the same integers. */
static graft_status two_operands(gft_keras_call *c, bool floats, gft_value_id out[2],
                                 graft_error *err) {
    static const char *const NAMES[2][2] = {{"x1", "x2"}, {"x", "y"}};
    const gft_keras_arg *args[2];
    graft_dtype dtype = GRAFT_DTYPE_NONE;
    for (int i = 0; i < 2; i++) {
        args[i] = gft_keras_arg_of(c, i, NAMES[0][i], NAMES[1][i]);
        if (!args[i] && i == 1) /* tf.nn.bias_add(value, bias), tf.reduce... */
            args[i] = gft_keras_arg_of(c, i, "bias", "b");
        if (!args[i])
            return gft_keras_wrong(c, err, "it has fewer than two operands");
        if (args[i]->list || args[i]->count > 1)
            return gft_keras_refuse(c, err, "a list as operand");
        if (args[i]->count == 1 && dtype == GRAFT_DTYPE_NONE)
            dtype = gft_keras_desc(c, args[i]->values[0])->dtype;
        else if (args[i]->count == 1 && gft_keras_desc(c, args[i]->values[0])->dtype != dtype)
            dtype = GRAFT_F32;
        if (is_fraction(args[i]))
            dtype = GRAFT_F32;
    }
    if (floats || (dtype != GRAFT_S32 && dtype != GRAFT_S64 && dtype != GRAFT_BOOL))
        dtype = GRAFT_F32;
    for (int i = 0; i < 2; i++) {
        if (args[i]->count == 1)
            out[i] = args[i]->values[0];
        else
            GFT_TRY(gft_keras_constant(c, args[i]->constant, dtype, &out[i], err));
        if (dtype == GRAFT_F32)
            GFT_TRY(gft_keras_to_float(c, &out[i], err));
    }
    return GRAFT_OK;
}

graft_status gft_keras_call_binary(gft_keras_call *c, graft_error *err) {
    gft_value_id x[2];
    const bool floats = c->kind->op == &gft_op_div || c->kind->op == &gft_op_pow;
    GFT_TRY(two_operands(c, floats, x, err));
    return gft_keras_finish(c, c->kind->op, NULL, NULL, x, 2, err);
}

graft_status gft_keras_call_compare(gft_keras_call *c, graft_error *err) {
    gft_value_id x[2];
    GFT_TRY(two_operands(c, false, x, err));
    return gft_keras_finish(c, c->kind->op, NULL, NULL, x, 2, err);
}

/* ---- one operand ---- */

graft_status gft_keras_call_unary(gft_keras_call *c, graft_error *err) {
    gft_value_id x = -1;
    GFT_TRY(gft_keras_subject(c, &x, err));
    if (c->kind->op != &gft_op_identity && c->kind->op != &gft_op_logical_not)
        GFT_TRY(gft_keras_to_float(c, &x, err));
    return gft_keras_finish(c, c->kind->op, NULL, NULL, &x, 1, err);
}

/* Activations that have parameters, or that several nodes make: the same as layers and words. */
graft_status gft_keras_call_word(gft_keras_call *c, graft_error *err) {
    static const struct {
        const char *class_name, *word;
    } WORDS[] = {{"Mish", "mish"},
                 {"Celu", "celu"},
                 {"LogSigmoid", "log_sigmoid"},
                 {"HardTanh", "hard_tanh"},
                 {"TanhShrink", "tanh_shrink"},
                 {"Squareplus", "squareplus"}};
    const char *name = c->kind->class_name;
    gft_value_id x = -1;
    graft_status status = GRAFT_OK;
    GFT_TRY(gft_keras_subject(c, &x, err));
    GFT_TRY(gft_keras_to_float(c, &x, err));
    json_t *spec = json_object();
    json_t *config = json_object();
    bool ok = spec && config && json_object_set_new(spec, "config", config) == 0;
    static const char *const KEYS[] = {"negative_slope", "max_value", "threshold", "alpha",
                                       "approximate"};
    for (size_t i = 0; ok && i < sizeof KEYS / sizeof KEYS[0]; i++) {
        const json_t *value = gft_keras_setting(c, -1, KEYS[i], NULL);
        if (value)
            ok = json_object_set(config, KEYS[i], (json_t *)(uintptr_t)value) == 0;
    }
    /* tf.nn.leaky_relu calls the slope alpha */
    if (ok && strcmp(name, "LeakyRelu") == 0 && json_object_get(config, "alpha"))
        ok = json_object_set(config, "negative_slope", json_object_get(config, "alpha")) == 0;
    /* keras.ops.gelu is approximate unless told otherwise, tf.nn.gelu is not */
    if (ok && strcmp(c->layer->class_name, "TFOpLambda") == 0 &&
        !json_object_get(config, "approximate"))
        ok = json_object_set_new(config, "approximate", json_false()) == 0;
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        if (strcmp(WORDS[i].class_name, name) == 0)
            name = WORDS[i].word;
    }
    ok = ok && json_object_set_new(spec, "class_name", json_string(name)) == 0;
    if (ok)
        status = gft_keras_activate(c, spec, NULL, x, &x, err);
    else
        status = gft_fail_memory(err, 256, "an activation");
    json_decref(spec);
    gft_keras_done(c, x);
    return status;
}

graft_status gft_keras_call_axis_softmax(gft_keras_call *c, graft_error *err) {
    const json_t *axis = gft_keras_setting(c, 1, "axis", NULL);
    int64_t axes[1] = {-1};
    int32_t count;
    gft_value_id x = -1;
    GFT_TRY(gft_keras_subject(c, &x, err));
    GFT_TRY(gft_keras_ints(c, axis, "axis", axes, 1, &count, err));
    const gft_axis_attrs attrs = {.axis = (int32_t)axes[0]};
    return gft_keras_finish(c, c->kind->op, NULL, &attrs, &x, 1, err);
}

static graft_status number_setting(const gft_keras_call *c, int32_t place, const char *name,
                                   const char *other, double otherwise, float *out,
                                   graft_error *err) {
    const json_t *json = gft_keras_setting(c, place, name, other);
    if (json && !json_is_number(json))
        return gft_keras_refuse(c, err, "%s is no number", name);
    *out = (float)(json ? json_number_value(json) : otherwise);
    return GRAFT_OK;
}

graft_status gft_keras_call_clip(gft_keras_call *c, graft_error *err) {
    gft_clip_attrs attrs;
    gft_value_id x = -1;
    GFT_TRY(gft_keras_subject(c, &x, err));
    GFT_TRY(number_setting(c, 1, "x_min", "clip_value_min", -(double)INFINITY, &attrs.low, err));
    GFT_TRY(number_setting(c, 2, "x_max", "clip_value_max", (double)INFINITY, &attrs.high, err));
    return gft_keras_finish(c, &gft_op_clip, NULL, &attrs, &x, 1, err);
}

graft_status gft_keras_call_cast(gft_keras_call *c, graft_error *err) {
    static const struct {
        const char *name;
        graft_dtype dtype;
    } TYPES[] = {{"float32", GRAFT_F32}, {"float16", GRAFT_F32}, {"bfloat16", GRAFT_F32},
                 {"float64", GRAFT_F32}, {"int32", GRAFT_S32},   {"int64", GRAFT_S64},
                 {"uint8", GRAFT_U8},    {"bool", GRAFT_BOOL}};
    const char *word = json_string_value(gft_keras_setting(c, 1, "dtype", NULL));
    gft_value_id x = -1;
    GFT_TRY(gft_keras_subject(c, &x, err));
    for (size_t i = 0; word && i < sizeof TYPES / sizeof TYPES[0]; i++) {
        const gft_cast_attrs attrs = {.dtype = TYPES[i].dtype};
        if (strcmp(TYPES[i].name, word) != 0)
            continue;
        if (gft_keras_desc(c, x)->dtype == attrs.dtype)
            return gft_keras_finish(c, &gft_op_identity, NULL, NULL, &x, 1, err);
        return gft_keras_finish(c, &gft_op_cast, NULL, &attrs, &x, 1, err);
    }
    return gft_keras_refuse(c, err, "a cast to '%s'", word ? word : "?");
}

/* ---- reductions ---- */

static graft_status reduce_attrs(const gft_keras_call *c, gft_value_id x, gft_reduce_attrs *out,
                                 graft_error *err) {
    const json_t *keep = gft_keras_setting(c, 2, "keepdims", "keep_dims");
    const int32_t rank = gft_keras_desc(c, x)->shape.rank;
    int64_t axes[GRAFT_MAX_RANK];
    int32_t count;
    *out = (gft_reduce_attrs){.keep_dims = json_is_true(keep)};
    const json_t *initial = gft_keras_setting(c, -1, "initial", NULL);
    if (initial)
        return gft_keras_refuse(c, err, "an initial value");
    GFT_TRY(gft_keras_ints(c, gft_keras_setting(c, 1, "axis", NULL), "axis", axes, GRAFT_MAX_RANK,
                           &count, err));
    for (int32_t i = 0; i < count; i++) {
        int32_t axis;
        GFT_TRY(gft_keras_axis(c, axes[i], rank, &axis, err));
        out->axes |= 1u << axis;
    }
    if (count == 0)
        out->axes = (1u << rank) - 1;
    return GRAFT_OK;
}

graft_status gft_keras_call_reduce(gft_keras_call *c, graft_error *err) {
    gft_reduce_attrs attrs;
    gft_value_id x = -1;
    GFT_TRY(gft_keras_subject(c, &x, err));
    GFT_TRY(reduce_attrs(c, x, &attrs, err));
    GFT_TRY(gft_keras_to_float(c, &x, err));
    return gft_keras_finish(c, c->kind->op, NULL, &attrs, &x, 1, err);
}

graft_status gft_keras_call_variance(gft_keras_call *c, graft_error *err) {
    gft_reduce_attrs attrs;
    gft_value_id x = -1;
    gft_value_id mean = -1;
    const bool root = strcmp(c->kind->class_name, "Std") == 0;
    GFT_TRY(gft_keras_subject(c, &x, err));
    GFT_TRY(reduce_attrs(c, x, &attrs, err));
    GFT_TRY(gft_keras_to_float(c, &x, err));
    const gft_reduce_attrs kept = {.axes = attrs.axes, .keep_dims = true};
    GFT_TRY(gft_keras_add(c, &gft_op_reduce_mean, "mean", &kept, &x, 1, &mean, err));
    GFT_TRY(gft_keras_binary(c, &gft_op_sub, "centre", x, mean, &x, err));
    GFT_TRY(gft_keras_add(c, &gft_op_square, "square", NULL, &x, 1, &x, err));
    GFT_TRY(
        gft_keras_add(c, &gft_op_reduce_mean, root ? "variance" : NULL, &attrs, &x, 1, &x, err));
    if (root)
        GFT_TRY(gft_keras_add(c, &gft_op_sqrt, NULL, NULL, &x, 1, &x, err));
    gft_keras_done(c, x);
    return GRAFT_OK;
}

graft_status gft_keras_call_normalize(gft_keras_call *c, graft_error *err) {
    const gft_norm_attrs attrs = {.epsilon = 1e-24f};
    int64_t axes[1] = {-1};
    int64_t order[1] = {2};
    int32_t count;
    int32_t axis;
    gft_value_id x = -1;
    GFT_TRY(gft_keras_subject(c, &x, err));
    GFT_TRY(gft_keras_ints(c, gft_keras_setting(c, 1, "axis", NULL), "axis", axes, 1, &count, err));
    GFT_TRY(
        gft_keras_ints(c, gft_keras_setting(c, 2, "order", NULL), "order", order, 1, &count, err));
    const int32_t rank = gft_keras_desc(c, x)->shape.rank;
    GFT_TRY(gft_keras_axis(c, axes[0], rank, &axis, err));
    if (axis != rank - 1 || order[0] != 2)
        return gft_keras_refuse(c, err, "an axis that is not the last, or another norm");
    return gft_keras_finish(c, &gft_op_l2_normalise, NULL, &attrs, &x, 1, err);
}

/* ---- the rest ---- */

graft_status gft_keras_call_matmul(gft_keras_call *c, graft_error *err) {
    gft_value_id x[2];
    const gft_matmul_attrs attrs = {
        .transpose_a = json_is_true(gft_keras_setting(c, -1, "transpose_a", NULL)),
        .transpose_b = json_is_true(gft_keras_setting(c, -1, "transpose_b", NULL))};
    const gft_keras_arg *b = gft_keras_arg_of(c, 1, "x2", "b");
    GFT_TRY(gft_keras_subject(c, &x[0], err));
    GFT_TRY(gft_keras_to_float(c, &x[0], err));
    if (b && b->count == 1)
        x[1] = b->values[0];
    else if (b && b->count == 0)
        GFT_TRY(gft_keras_constant(c, b->constant, GRAFT_F32, &x[1], err));
    else
        return gft_keras_wrong(c, err, "it has no second operand");
    const gft_dense_attrs plain = {.epilogue = {.has_bias = false}};
    const graft_tensor_desc *right = gft_keras_desc(c, x[1]);
    const bool dense = right->shape.rank == 2 && !attrs.transpose_a && !attrs.transpose_b &&
                       gft_keras_desc(c, x[0])->shape.rank > 2 && gft_shape_known(&right->shape);
    if (dense)
        return gft_keras_finish(c, &gft_op_dense, NULL, &plain, x, 2, err);
    return gft_keras_finish(c, &gft_op_matmul, NULL, &attrs, x, 2, err);
}

graft_status gft_keras_call_where(gft_keras_call *c, graft_error *err) {
    gft_value_id x[3];
    const gft_cast_attrs to_bool = {.dtype = GRAFT_BOOL};
    if (c->arg_count < 3)
        return gft_keras_refuse(c, err, "without two values to choose from");
    GFT_TRY(gft_keras_operand(c, 0, "condition", GRAFT_F32, &x[0], err));
    GFT_TRY(gft_keras_operand(c, 1, "x1", GRAFT_F32, &x[1], err));
    GFT_TRY(gft_keras_operand(c, 2, "x2", GRAFT_F32, &x[2], err));
    if (gft_keras_desc(c, x[0])->dtype != GRAFT_BOOL)
        GFT_TRY(gft_keras_add(c, &gft_op_cast, "condition", &to_bool, &x[0], 1, &x[0], err));
    GFT_TRY(gft_keras_to_float(c, &x[1], err));
    GFT_TRY(gft_keras_to_float(c, &x[2], err));
    return gft_keras_finish(c, &gft_op_select, NULL, NULL, x, 3, err);
}
