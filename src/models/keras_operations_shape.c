/*
 * Operations that move numbers about.
 */
#include <string.h>

#include "base/shape.h"
#include "models/keras_operations.h"

static const json_t *items_of(const json_t *json) {
    const json_t *items = json_object_get(json, "items"); /* {"class_name": "__tuple__", ...} */
    return items ? items : json;
}

static graft_status ints_setting(const gft_keras_call *c, int32_t place, const char *name,
                                 const char *other, int64_t *out, int32_t *count,
                                 graft_error *err) {
    return gft_keras_ints(c, items_of(gft_keras_setting(c, place, name, other)), name, out,
                          GRAFT_MAX_RANK, count, err);
}

static graft_status one_axis(const gft_keras_call *c, int32_t place, int64_t otherwise,
                             int32_t rank, int32_t *out, graft_error *err) {
    int64_t axes[GRAFT_MAX_RANK] = {otherwise};
    int32_t count;
    GFT_TRY(ints_setting(c, place, "axis", "dim", axes, &count, err));
    if (count > 1)
        return gft_keras_refuse(c, err, "several axes");
    return gft_keras_axis(c, axes[0], rank, out, err);
}

graft_status gft_keras_call_op_reshape(gft_keras_call *c, graft_error *err) {
    int64_t dims[GRAFT_MAX_RANK];
    int32_t count;
    int32_t unknown = 0;
    gft_value_id x = -1;
    gft_shape_attrs attrs = {.shape = {0, {0}}};
    GFT_TRY(gft_keras_subject(c, &x, err));
    const json_t *target = gft_keras_setting(c, 1, "newshape", "shape");
    if (!target)
        return gft_keras_refuse(c, err, "a shape that is computed");
    GFT_TRY(gft_keras_ints(c, items_of(target), "shape", dims, GRAFT_MAX_RANK, &count, err));
    for (int32_t i = 0; i < count; i++) {
        if (dims[i] < -1 || (dims[i] == -1 && ++unknown > 1))
            return gft_keras_wrong(c, err, "a shape with several unknown numbers");
        attrs.shape.dims[attrs.shape.rank++] = dims[i];
    }
    return gft_keras_finish(c, &gft_op_reshape, NULL, &attrs, &x, 1, err);
}

graft_status gft_keras_call_op_transpose(gft_keras_call *c, graft_error *err) {
    int64_t perm[GRAFT_MAX_RANK];
    int32_t count;
    gft_value_id x = -1;
    gft_transpose_attrs attrs = {.perm = {0}};
    GFT_TRY(gft_keras_subject(c, &x, err));
    const int32_t rank = gft_keras_desc(c, x)->shape.rank;
    GFT_TRY(ints_setting(c, 1, "axes", "perm", perm, &count, err));
    if (count != 0 && count != rank)
        return gft_keras_wrong(c, err, "%d axes for a tensor of rank %d", (int)count, (int)rank);
    for (int32_t i = 0; i < rank; i++) {
        attrs.perm[i] = rank - 1 - i;
        if (count > 0)
            GFT_TRY(gft_keras_axis(c, perm[i], rank, &attrs.perm[i], err));
    }
    return gft_keras_finish(c, &gft_op_transpose, NULL, &attrs, &x, 1, err);
}

/* One dimension of 1 more at `axis`. */
static graft_status with_dimension(gft_keras_call *c, gft_value_id x, int32_t axis,
                                   const char *part, gft_value_id *out, graft_error *err) {
    const graft_shape from = gft_keras_desc(c, x)->shape;
    graft_shape to = {from.rank + 1, {0}};
    if (to.rank > GRAFT_MAX_RANK)
        return gft_keras_wrong(c, err, "its result has rank %d", (int)to.rank);
    for (int32_t i = 0; i < to.rank; i++)
        to.dims[i] = i == axis ? 1 : from.dims[i > axis ? i - 1 : i];
    return gft_keras_reshape(c, x, &to, part, out, err);
}

graft_status gft_keras_call_expand_dims(gft_keras_call *c, graft_error *err) {
    int32_t axis;
    gft_value_id x = -1;
    GFT_TRY(gft_keras_subject(c, &x, err));
    GFT_TRY(one_axis(c, 1, 0, gft_keras_desc(c, x)->shape.rank + 1, &axis, err));
    GFT_TRY(with_dimension(c, x, axis, NULL, &x, err));
    gft_keras_done(c, x);
    return GRAFT_OK;
}

graft_status gft_keras_call_squeeze(gft_keras_call *c, graft_error *err) {
    int64_t axes[GRAFT_MAX_RANK];
    int32_t count;
    uint32_t mask = 0;
    gft_value_id x = -1;
    gft_shape_attrs attrs = {.shape = {0, {0}}};
    GFT_TRY(gft_keras_subject(c, &x, err));
    const graft_shape from = gft_keras_desc(c, x)->shape;
    GFT_TRY(ints_setting(c, 1, "axis", "squeeze_dims", axes, &count, err));
    for (int32_t i = 0; i < count; i++) {
        int32_t axis;
        GFT_TRY(gft_keras_axis(c, axes[i], from.rank, &axis, err));
        mask |= 1u << axis;
    }
    for (int32_t i = 0; i < from.rank; i++) {
        if (count > 0 ? !(mask >> i & 1u) : from.dims[i] != 1)
            attrs.shape.dims[attrs.shape.rank++] = from.dims[i];
    }
    return gft_keras_finish(c, &gft_op_reshape, NULL, &attrs, &x, 1, err);
}

graft_status gft_keras_call_op_concatenate(gft_keras_call *c, graft_error *err) {
    int32_t axis;
    gft_value_id x = -1;
    GFT_TRY(gft_keras_subject(c, &x, err));
    GFT_TRY(one_axis(c, 1, 0, gft_keras_desc(c, x)->shape.rank, &axis, err));
    const gft_axis_attrs attrs = {.axis = axis};
    return gft_keras_finish(c, &gft_op_concat, NULL, &attrs, c->inputs, c->input_count, err);
}

graft_status gft_keras_call_stack(gft_keras_call *c, graft_error *err) {
    int32_t axis;
    gft_value_id parts[GFT_KERAS_MAX_OUTPUTS];
    gft_value_id x = -1;
    GFT_TRY(gft_keras_subject(c, &x, err));
    if (c->input_count > GFT_KERAS_MAX_OUTPUTS)
        return gft_keras_refuse(c, err, "%d tensors", (int)c->input_count);
    GFT_TRY(one_axis(c, 1, 0, gft_keras_desc(c, x)->shape.rank + 1, &axis, err));
    const gft_axis_attrs attrs = {.axis = axis};
    for (int32_t i = 0; i < c->input_count; i++)
        GFT_TRY(with_dimension(c, c->inputs[i], axis, "expand", &parts[i], err));
    return gft_keras_finish(c, &gft_op_concat, NULL, &attrs, parts, c->input_count, err);
}

graft_status gft_keras_call_op_broadcast(gft_keras_call *c, graft_error *err) {
    int64_t dims[GRAFT_MAX_RANK];
    int32_t count;
    gft_value_id x = -1;
    GFT_TRY(gft_keras_subject(c, &x, err));
    GFT_TRY(ints_setting(c, 1, "shape", NULL, dims, &count, err));
    gft_shape_attrs attrs = {.shape = {count, {0}}};
    for (int32_t i = 0; i < count; i++)
        attrs.shape.dims[i] = dims[i];
    return gft_keras_finish(c, &gft_op_broadcast_to, NULL, &attrs, &x, 1, err);
}

graft_status gft_keras_call_tile(gft_keras_call *c, graft_error *err) {
    int64_t times[GRAFT_MAX_RANK];
    int32_t count;
    gft_tile_attrs attrs = {.multiples = {0}};
    gft_value_id x = -1;
    GFT_TRY(gft_keras_subject(c, &x, err));
    const int32_t rank = gft_keras_desc(c, x)->shape.rank;
    GFT_TRY(ints_setting(c, 1, "repeats", "multiples", times, &count, err));
    if (count > rank)
        return gft_keras_refuse(c, err, "more repeats than dimensions");
    for (int32_t i = 0; i < rank; i++)
        attrs.multiples[i] = i < rank - count ? 1 : times[i - (rank - count)];
    return gft_keras_finish(c, &gft_op_tile, NULL, &attrs, &x, 1, err);
}

/* n, or ((before, after), ...), one pair for all or one per dimension. */
graft_status gft_keras_call_op_pad(gft_keras_call *c, graft_error *err) {
    const json_t *widths = items_of(gft_keras_setting(c, 1, "pad_width", "paddings"));
    const char *mode = json_string_value(gft_keras_setting(c, 2, "mode", NULL));
    const json_t *value = gft_keras_setting(c, 3, "constant_values", NULL);
    gft_value_id x = -1;
    gft_pad_attrs attrs = {.value = (float)json_number_value(value)};
    GFT_TRY(gft_keras_subject(c, &x, err));
    const int32_t rank = gft_keras_desc(c, x)->shape.rank;
    const size_t rows = json_is_array(widths) ? json_array_size(widths) : 1;
    if (mode && strcmp(mode, "constant") != 0 && strcmp(mode, "CONSTANT") != 0)
        return gft_keras_refuse(c, err, "mode '%s'", mode);
    if (!widths || (rows != 1 && rows != (size_t)rank))
        return gft_keras_wrong(c, err, "widths for %zu dimensions", rows);
    for (int32_t i = 0; i < rank; i++) {
        int64_t pair[2] = {0, 0};
        int32_t count;
        const json_t *row =
            json_is_array(widths) ? json_array_get(widths, rows == 1 ? 0 : (size_t)i) : widths;
        GFT_TRY(gft_keras_ints(c, items_of(row), "pad_width", pair, 2, &count, err));
        attrs.before[i] = pair[0];
        attrs.after[i] = count == 1 ? pair[0] : pair[1];
    }
    return gft_keras_finish(c, &gft_op_pad, NULL, &attrs, &x, 1, err);
}

/* ---- indexing ---- */

static bool is_class(const json_t *json, const char *name) {
    const char *class_name = json_string_value(json_object_get(json, "class_name"));
    return class_name && strcmp(class_name, name) == 0;
}

static bool is_ellipsis(const json_t *json) {
    const char *text = json_string_value(json);
    return is_class(json, "__ellipsis__") || is_class(json, "Ellipsis") ||
           (text && (strcmp(text, "...") == 0 || strcmp(text, "Ellipsis") == 0));
}

/* {"class_name": "__slice__", "config": {...}} or {"start", "stop", "step"}. */
static const json_t *slice_of(const json_t *json) {
    if (is_class(json, "__slice__") || is_class(json, "slice"))
        return json_object_get(json, "config");
    return json_is_object(json) && json_object_get(json, "step") ? json : NULL;
}

static graft_status set_slice(const gft_keras_call *c, const json_t *slice, int32_t i,
                              gft_strided_slice_attrs *attrs, graft_error *err) {
    static const char *const KEYS[] = {"start", "stop", "step"};
    int64_t values[3] = {0, 0, 1};
    bool given[3];
    for (int k = 0; k < 3; k++) {
        const json_t *value = json_object_get(slice, KEYS[k]);
        given[k] = json_is_integer(value);
        if (given[k] &&
            (json_integer_value(value) > INT32_MAX || json_integer_value(value) < INT32_MIN))
            return gft_keras_wrong(c, err, "a slice out of range");
        if (given[k])
            values[k] = json_integer_value(value);
        else if (value && !json_is_null(value))
            return gft_keras_refuse(c, err, "a slice that is computed");
    }
    attrs->stride[i] = values[2];
    attrs->begin[i] = given[0] ? values[0] : values[2] < 0 ? INT64_MAX : 0;
    attrs->end[i] = given[1] ? values[1] : values[2] < 0 ? INT64_MIN : INT64_MAX;
    return GRAFT_OK;
}

static graft_status set_item(const gft_keras_call *c, const json_t *item, int32_t i,
                             gft_strided_slice_attrs *attrs, graft_error *err) {
    const json_t *slice = slice_of(item);
    if (slice)
        return set_slice(c, slice, i, attrs, err);
    if (!json_is_integer(item) || json_integer_value(item) > INT32_MAX ||
        json_integer_value(item) < INT32_MIN)
        return gft_keras_refuse(c, err, "an index that is no number or slice");
    attrs->begin[i] = json_integer_value(item);
    attrs->end[i] = INT64_MAX;
    attrs->shrink_mask |= 1u << i;
    return GRAFT_OK;
}

graft_status gft_keras_call_get_item(gft_keras_call *c, graft_error *err) {
    const json_t *key = items_of(gft_keras_setting(c, 1, "key", "slice_spec"));
    gft_strided_slice_attrs attrs = {{0}, {0}, {0}, 0};
    gft_value_id x = -1;
    int32_t at = 0;
    bool open = false;
    GFT_TRY(gft_keras_subject(c, &x, err));
    const int32_t rank = gft_keras_desc(c, x)->shape.rank;
    const int32_t count = json_is_array(key) ? (int32_t)json_array_size(key) : 1;
    for (int32_t i = 0; i < rank; i++) {
        attrs.end[i] = INT64_MAX;
        attrs.stride[i] = 1;
    }
    for (int32_t i = 0; i < count; i++) {
        const json_t *item = json_is_array(key) ? json_array_get(key, (size_t)i) : key;
        if (is_ellipsis(item) && !open) {
            open = true;
            at = rank - (count - 1 - i);
            continue;
        }
        if (at < 0 || at >= rank)
            return gft_keras_wrong(c, err, "%d indices for a tensor of rank %d", (int)count,
                                   (int)rank);
        GFT_TRY(set_item(c, item, at++, &attrs, err));
    }
    return gft_keras_finish(c, &gft_op_strided_slice, NULL, &attrs, &x, 1, err);
}

graft_status gft_keras_call_flip(gft_keras_call *c, graft_error *err) {
    int64_t axes[GRAFT_MAX_RANK];
    int32_t count;
    gft_strided_slice_attrs attrs = {{0}, {0}, {0}, 0};
    gft_value_id x = -1;
    GFT_TRY(gft_keras_subject(c, &x, err));
    const int32_t rank = gft_keras_desc(c, x)->shape.rank;
    GFT_TRY(ints_setting(c, 1, "axis", NULL, axes, &count, err));
    for (int32_t i = 0; i < rank; i++) {
        bool turned = count == 0;
        for (int32_t k = 0; k < count; k++)
            turned = turned || axes[k] == i || axes[k] + rank == i;
        attrs.stride[i] = turned ? -1 : 1;
        attrs.begin[i] = turned ? INT64_MAX : 0;
        attrs.end[i] = turned ? INT64_MIN : INT64_MAX;
    }
    return gft_keras_finish(c, &gft_op_strided_slice, NULL, &attrs, &x, 1, err);
}

graft_status gft_keras_call_swap_axes(gft_keras_call *c, graft_error *err) {
    int64_t axes[2][GRAFT_MAX_RANK] = {{0}, {1}};
    int32_t count;
    int32_t axis[2];
    gft_value_id x = -1;
    gft_transpose_attrs attrs = {.perm = {0}};
    GFT_TRY(gft_keras_subject(c, &x, err));
    const int32_t rank = gft_keras_desc(c, x)->shape.rank;
    GFT_TRY(ints_setting(c, 1, "axis1", NULL, axes[0], &count, err));
    GFT_TRY(ints_setting(c, 2, "axis2", NULL, axes[1], &count, err));
    for (int i = 0; i < 2; i++)
        GFT_TRY(gft_keras_axis(c, axes[i][0], rank, &axis[i], err));
    for (int32_t i = 0; i < rank; i++)
        attrs.perm[i] = i == axis[0] ? axis[1] : i == axis[1] ? axis[0] : i;
    return gft_keras_finish(c, &gft_op_transpose, NULL, &attrs, &x, 1, err);
}

/*
 * Split: a number of equal parts, or (Keras 3) the indices where parts begin; Unstack: every one.
 */
graft_status gft_keras_call_split(gft_keras_call *c, graft_error *err) {
    const bool single = strcmp(c->kind->class_name, "Unstack") == 0;
    int64_t cuts[GFT_KERAS_MAX_OUTPUTS] = {0};
    int32_t count = 0;
    int32_t axis;
    gft_value_id x = -1;
    GFT_TRY(gft_keras_subject(c, &x, err));
    const graft_shape shape = gft_keras_desc(c, x)->shape;
    GFT_TRY(one_axis(c, 2, 0, shape.rank, &axis, err));
    const json_t *spec = items_of(
        gft_keras_setting(c, 1, single ? "num" : "indices_or_sections", "num_or_size_splits"));
    const int64_t size = shape.dims[axis];
    GFT_TRY(gft_keras_ints(c, spec, "sections", cuts, GFT_KERAS_MAX_OUTPUTS - 1, &count, err));
    if (size < 0 || c->r->keras2)
        return gft_keras_refuse(c, err, "along a dimension that is not known");
    const bool by_index = json_is_array(spec);
    const int64_t parts = by_index ? count + 1 : single && count == 0 ? size : cuts[0];
    if (parts < 1 || parts > GFT_KERAS_MAX_OUTPUTS || (!by_index && size % parts != 0))
        return gft_keras_wrong(c, err, "%lld parts of %lld", (long long)parts, (long long)size);
    for (int64_t i = 0; i < parts; i++) {
        gft_strided_slice_attrs attrs = {{0}, {0}, {0}, single ? 1u << axis : 0u};
        for (int32_t k = 0; k < shape.rank; k++) {
            attrs.end[k] = INT64_MAX;
            attrs.stride[k] = 1;
        }
        attrs.begin[axis] = by_index ? (i == 0 ? 0 : cuts[i - 1]) : i * (size / parts);
        attrs.end[axis] =
            by_index ? (i + 1 == parts ? INT64_MAX : cuts[i]) : (i + 1) * (size / parts);
        GFT_TRY(gft_keras_add(c, &gft_op_strided_slice, i == 0 ? NULL : "part", &attrs, &x, 1,
                              &c->outputs[i], err));
    }
    c->output_count = (int32_t)parts;
    return GRAFT_OK;
}
