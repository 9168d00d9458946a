/*
 * FakeQuantWithMinMaxArgs, FakeQuantWithMinMaxVars and ...PerChannel, read: the pair quantize,
 * dequantize that they stand for, with the range nudged so that zero is a step, as TensorFlow does.
 * Values beyond the range are clipped first where the steps are fewer than the integer type has.
 */
#include <math.h>
#include <string.h>

#include "base/shape.h"
#include "models/tensorflow_ops_import.h"
#include "ops/ops.h"

typedef struct steps {
    int32_t count;
    float *scales;
    int32_t *zero_points;
    float low, high; /* of all channels */
} steps;

/* The range of one channel as scale and zero point among quant_min..quant_max. */
static void nudge(float min, float max, int32_t quant_min, int32_t quant_max, float *scale,
                  int32_t *zero_point) {
    const float levels = (float)(quant_max - quant_min);
    *scale = (max - min) / levels;
    const float from_min = (float)quant_min - min / *scale;
    *zero_point = from_min < (float)quant_min   ? quant_min
                  : from_min > (float)quant_max ? quant_max
                                                : (int32_t)roundf(from_min);
}

static graft_status ranges_of(gft_tf_import *m, float **min, float **max, int32_t *count,
                              graft_error *err) {
    if (strcmp(m->node->op, "FakeQuantWithMinMaxArgs") == 0) {
        *count = 1;
        *min = gft_arena_array(m->arena, 2, sizeof **min);
        if (!*min)
            return gft_fail_memory(err, 2 * sizeof **min, "a range");
        *max = *min + 1;
        **min = gft_tf_get_float(m->node, "min", -6.0f);
        **max = gft_tf_get_float(m->node, "max", 6.0f);
        return GRAFT_OK;
    }
    float *ends[2];
    int64_t counts[2];
    for (int32_t i = 0; i < 2; i++) {
        gft_value_id id;
        GFT_TRY(gft_tf_take(m, 1 + i, &id, err));
        const gft_value *value = gft_graph_value(m->graph, id);
        const void *data = gft_graph_value_data(m->graph, id);
        counts[i] = gft_shape_elems(&value->desc.shape);
        if (!data || value->desc.dtype != GRAFT_F32 || counts[i] < 1 || counts[i] > INT32_MAX)
            return gft_tf_refuse("its range is computed while the model runs", err);
        ends[i] = gft_arena_memdup(m->arena, data, (size_t)counts[i] * sizeof **ends);
        if (!ends[i])
            return gft_fail_memory(err, (size_t)counts[i] * sizeof **ends, "a range");
    }
    if (counts[0] != counts[1])
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%lld smallest and %lld largest values",
                        (long long)counts[0], (long long)counts[1]);
    *count = (int32_t)counts[0];
    *min = ends[0];
    *max = ends[1];
    return GRAFT_OK;
}

static graft_status steps_of(gft_tf_import *m, int32_t quant_min, int32_t quant_max, steps *out,
                             graft_error *err) {
    float *min = NULL;
    float *max = NULL;
    GFT_TRY(ranges_of(m, &min, &max, &out->count, err));
    out->scales = gft_arena_array(m->arena, (size_t)out->count, sizeof *out->scales);
    out->zero_points = gft_arena_array(m->arena, (size_t)out->count, sizeof *out->zero_points);
    if (!out->scales || !out->zero_points)
        return gft_fail_memory(err, (size_t)out->count * sizeof *out->scales, "a range");
    out->low = INFINITY;
    out->high = -INFINITY;
    for (int32_t i = 0; i < out->count; i++) {
        if (!(min[i] <= 0.0f && max[i] >= 0.0f && min[i] < max[i] && max[i] - min[i] < INFINITY))
            return gft_fail(err, GRAFT_INVALID_ARGUMENT, "a range from %g to %g, expected 0 in it",
                            (double)min[i], (double)max[i]);
        nudge(min[i], max[i], quant_min, quant_max, &out->scales[i], &out->zero_points[i]);
        out->low = fminf(out->low, out->scales[i] * (float)(quant_min - out->zero_points[i]));
        out->high = fmaxf(out->high, out->scales[i] * (float)(quant_max - out->zero_points[i]));
    }
    return GRAFT_OK;
}

/* Per channel, the clip of each is minimum and maximum with vectors. */
static graft_status clipped(gft_tf_import *m, const steps *s, int32_t quant_min, int32_t quant_max,
                            gft_value_id *x, graft_error *err) {
    if (s->count == 1) {
        const gft_clip_attrs attrs = {s->low, s->high};
        return gft_tf_append(m, &gft_op_clip, &attrs, x, 1, x, err);
    }
    const graft_tensor_desc desc = gft_desc_f32(gft_shape_1(s->count));
    for (int side = 0; side < 2; side++) {
        gft_value_id bound;
        float *bounds = gft_arena_array(m->arena, (size_t)s->count, sizeof *bounds);
        if (!bounds)
            return gft_fail_memory(err, (size_t)s->count * sizeof *bounds, "a range");
        for (int32_t i = 0; i < s->count; i++)
            bounds[i] = s->scales[i] * (float)((side ? quant_min : quant_max) - s->zero_points[i]);
        GFT_TRY(gft_graph_const(m->graph, m->name, &desc, bounds, true, &bound, err));
        GFT_TRY(gft_tf_apply(m, side ? &gft_op_maximum : &gft_op_minimum, *x, bound, x, err));
    }
    return GRAFT_OK;
}

graft_status gft_tf_import_fake_quant(gft_tf_import *m, graft_error *err) {
    const int64_t bits = gft_tf_get_int(m->node, "num_bits", 8);
    const bool narrow = gft_tf_get_bool(m->node, "narrow_range", false);
    steps s = {0};
    gft_value_id inputs[3];
    if (bits < 2 || bits > 16)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%lld bits, expected 2 to 16",
                        (long long)bits);
    const int32_t quant_min = narrow ? 1 : 0;
    const int32_t quant_max = (int32_t)((1u << bits) - 1);
    const gft_quantize_attrs attrs = {.dtype = bits <= 8 ? GRAFT_U8 : GRAFT_S32, .axis = -1};
    GFT_TRY(steps_of(m, quant_min, quant_max, &s, err));
    GFT_TRY(gft_tf_take(m, 0, &inputs[0], err));
    if (narrow || bits != 8)
        GFT_TRY(clipped(m, &s, quant_min, quant_max, &inputs[0], err));
    const graft_tensor_desc scales = gft_desc_f32(gft_shape_1(s.count));
    const graft_tensor_desc zeros = {GRAFT_S32, gft_shape_1(s.count), NULL};
    GFT_TRY(gft_graph_const(m->graph, "scale", &scales, s.scales, true, &inputs[1], err));
    GFT_TRY(gft_graph_const(m->graph, "zero_point", &zeros, s.zero_points, true, &inputs[2], err));
    GFT_TRY(gft_tf_append(m, &gft_op_quantize, &attrs, inputs, 3, &inputs[0], err));
    GFT_TRY(gft_tf_append(m, &gft_op_dequantize, &attrs, inputs, 3, &inputs[0], err));
    gft_tf_set_graph(m, 0, inputs[0]);
    return GRAFT_OK;
}
