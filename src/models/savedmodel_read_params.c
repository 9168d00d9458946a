/*
 * Variables as parameters: read when a node first takes one, named as the checkpoint names them
 * (or, where it only counts them, as the object graph does). TensorFlow 1 cuts large variables into
 * partitions that the graph joins again: such a join is the whole tensor, read once.
 */
#include <stdlib.h>
#include <string.h>

#include "base/shape.h"
#include "models/savedmodel_read.h"

/* ---- names ---- */

/* The variable of the object graph that this key belongs to; NULL if there is none. */
static const Tensorflow__SavedVariable *object_of(const gft_sm_reader *r, const char *key) {
    int32_t node;
    return gft_sm_names_find(&r->objects, key, &node)
               ? r->meta->object_graph_def->nodes[node]->variable
               : NULL;
}

/* "variables/17": a place in a list, which says nothing about what it is. */
static bool is_list_place(const char *name) {
    const char *last = strrchr(name, '/');
    return last && last[1] != '\0' && strspn(last + 1, "0123456789") == strlen(last + 1);
}

/*
 * "block1a/conv/kernel" from "block1a/conv/kernel/.ATTRIBUTES/VARIABLE_VALUE"; from a place in a
 * list the variable's own name, if it has one that is not taken.
 */
static const char *param_name(gft_sm_reader *r, const char *key,
                              const Tensorflow__SavedVariable *object) {
    const size_t length = strlen(key);
    const size_t suffix = strlen(GFT_SM_KEY_SUFFIX);
    const char *name = key;
    if (length > suffix && strcmp(key + length - suffix, GFT_SM_KEY_SUFFIX) == 0)
        name = gft_arena_strndup(r->arena, key, length - suffix);
    if (name && object && object->name[0] && is_list_place(name) &&
        gft_params_find(&r->model->params, object->name) < 0)
        return object->name;
    return name;
}

/* ---- whole tensors ---- */

static graft_status entry_of(const gft_sm_reader *r, const gft_sm_source *source,
                             const gft_bundle_entry **out, graft_error *err) {
    const Tensorflow__NodeDef *node = r->main.nodes[source->node];
    *out = source->key && r->bundle ? gft_bundle_find(r->bundle, source->key) : NULL;
    if (!*out)
        return gft_fail(err, GRAFT_NOT_FOUND, "%s: variable '%s': %s", r->dir, node->name,
                        !r->bundle    ? "there is no checkpoint in variables/"
                        : source->key ? "its tensor is not in the checkpoint"
                                      : "nothing restores it");
    const graft_dtype wanted = gft_tf_get_type(node, "dtype", (*out)->dtype);
    if (wanted != (*out)->dtype)
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: variable '%s' is %s in the graph and %s in the checkpoint", r->dir,
                        node->name, graft_dtype_name(wanted), graft_dtype_name((*out)->dtype));
    return GRAFT_OK;
}

/* The whole tensor of a key, once for all handles of it. */
static graft_status key_param(gft_sm_reader *r, const gft_sm_source *source, gft_param_id *out,
                              graft_error *err) {
    const gft_bundle_entry *entry;
    graft_tensor tensor;
    if (source->key && gft_sm_names_find(&r->params, source->key, out))
        return GRAFT_OK;
    GFT_TRY(entry_of(r, source, &entry, err));
    GFT_TRY(gft_bundle_map(r->bundle, entry, r->arena, &tensor, err));
    const Tensorflow__SavedVariable *object = object_of(r, source->key);
    const char *name = param_name(r, source->key, object);
    if (!name)
        return gft_fail_memory(err, 64, "a variable's name");
    GFT_TRY(gft_params_add(&r->model->params, name, &tensor.desc, GFT_PARAM_WEIGHT,
                           object ? object->trainable != 0 : true, tensor.data, out, err));
    (void)gft_sm_names_add(&r->params, source->key, *out);
    return GRAFT_OK;
}

/* A variable whose value was given with the graph. */
static graft_status given_param(gft_sm_reader *r, const graft_tensor *value, gft_param_id *out,
                                graft_error *err) {
    *out = gft_params_find(&r->model->params, value->name);
    return *out >= 0 ? GRAFT_OK
                     : gft_params_add(&r->model->params, value->name, &value->desc,
                                      GFT_PARAM_WEIGHT, true, value->data, out, err);
}

/* ---- partitions ---- */

typedef struct partition {
    graft_shape whole, part;
    int64_t start[GRAFT_MAX_RANK];
} partition;

static bool number(const char **text, int64_t *out) {
    char *end;
    if (**text < '0' || **text > '9')
        return false;
    *out = strtoll(*text, &end, 10);
    *text = end;
    return true;
}

/* "10 4 0,5:-": the whole shape, then start and length (or all) of each dimension. */
static bool parse_slice(const char *text, partition *out) {
    const char *last = strrchr(text, ' ');
    *out = (partition){0};
    while (last && text < last) {
        if (out->whole.rank == GRAFT_MAX_RANK ||
            !number(&text, &out->whole.dims[out->whole.rank++]) || *text++ != ' ')
            return false;
    }
    out->part = out->whole;
    for (int32_t d = 0; d < out->whole.rank; d++) {
        if (*text == '-') {
            text++;
        } else if (!number(&text, &out->start[d]) || *text++ != ',' ||
                   !number(&text, &out->part.dims[d]) || out->start[d] > out->whole.dims[d] ||
                   out->part.dims[d] > out->whole.dims[d] - out->start[d]) {
            return false;
        }
        if (*text++ != (d + 1 < out->whole.rank ? ':' : '\0'))
            return false;
    }
    return out->whole.rank > 0;
}

static void copy_part(const graft_tensor *whole, const partition *p, size_t unit, uint8_t *to) {
    int64_t strides[GRAFT_MAX_RANK];
    int64_t at[GRAFT_MAX_RANK] = {0};
    const int32_t last = p->part.rank - 1;
    const size_t row = (size_t)p->part.dims[last] * unit;
    const int64_t elems = gft_shape_elems(&p->part);
    gft_shape_strides(&whole->desc.shape, strides);
    for (int64_t done = 0; done < elems; done += p->part.dims[last]) {
        int64_t offset = p->start[last];
        for (int32_t d = 0; d < last; d++)
            offset += (p->start[d] + at[d]) * strides[d];
        memcpy(to, (const uint8_t *)whole->data + (size_t)offset * unit, row);
        to += row;
        for (int32_t d = last - 1; d >= 0 && ++at[d] == p->part.dims[d]; d--)
            at[d] = 0;
    }
}

/* Partitions do not overlap: all together are no more than what the file holds. */
static graft_status count_bytes(gft_sm_reader *r, size_t bytes, graft_error *err) {
    uint64_t stored = 0;
    for (size_t i = 0; i < gft_bundle_count(r->bundle); i++) {
        const gft_bundle_entry *e = gft_bundle_at(r->bundle, i);
        const graft_tensor_desc desc = {e->dtype, e->shape, NULL};
        size_t all = 0;
        if (e->shape.rank >= 0 && gft_desc_bytes(&desc, &all))
            stored += all;
    }
    r->partition_bytes += bytes;
    if (r->partition_bytes > stored)
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: partitions of more than the %llu bytes there are", r->dir,
                        (unsigned long long)stored);
    return GRAFT_OK;
}

static graft_status partition_param(gft_sm_reader *r, gft_sm_source *source, gft_arena *scratch,
                                    graft_error *err) {
    const Tensorflow__NodeDef *node = r->main.nodes[source->node];
    const gft_bundle_entry *entry;
    graft_tensor whole;
    partition p;
    size_t bytes = 0;
    GFT_TRY(entry_of(r, source, &entry, err));
    if (!parse_slice(source->slice, &p) || !gft_shape_equal(&p.whole, &entry->shape))
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: variable '%s': '%.100s' is no slice of '%s'",
                        r->dir, node->name, source->slice, source->key);
    GFT_TRY(gft_bundle_read(r->bundle, entry, scratch, &whole, err));
    const graft_tensor_desc desc = {entry->dtype, p.part, NULL};
    if (!gft_desc_bytes(&desc, &bytes))
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: variable '%s': too large", r->dir, node->name);
    GFT_TRY(count_bytes(r, bytes, err));
    uint8_t *data = gft_arena_alloc(r->arena, bytes);
    if (!data)
        return gft_fail_memory(err, bytes, node->name);
    if (bytes > 0)
        copy_part(&whole, &p, graft_dtype_bytes(entry->dtype), data);
    return gft_params_add(&r->model->params, node->name, &desc, GFT_PARAM_WEIGHT, true, data,
                          &source->param, err);
}

/* The partition that input `input` of a node reads; NULL if it is none. */
static graft_status partition_of(gft_sm_reader *r, gft_sm_site site, int32_t input,
                                 const gft_sm_source **out, graft_error *err) {
    const char *text = gft_sm_data_input(gft_sm_node(r, site), input);
    gft_sm_tensor tensor;
    *out = NULL;
    for (int hop = 0; hop < 2 && text; hop++) { /* the variable, perhaps behind its read */
        GFT_TRY(gft_sm_resolve(r, site.frame, text, &tensor, err));
        site = tensor.site;
        if (site.frame == 0 && r->source_of[site.node] >= 0) {
            const gft_sm_source *source = &r->sources[r->source_of[site.node]];
            *out = source->slice && source->key ? source : NULL;
            return GRAFT_OK;
        }
        if (strcmp(gft_sm_node(r, site)->op, "ReadVariableOp") != 0)
            return GRAFT_OK;
        text = gft_sm_data_input(gft_sm_node(r, site), 0);
    }
    return GRAFT_OK;
}

/* Whether part `p` begins at `*at` of this axis and is whole in all others; *at moves on. */
static bool follows(const partition *p, const graft_shape *whole, int64_t axis, int64_t *at) {
    if (!gft_shape_equal(&p->whole, whole))
        return false;
    for (int32_t d = 0; d < whole->rank; d++) {
        if (d != axis && p->part.dims[d] != whole->dims[d])
            return false;
    }
    const bool next = p->start[axis] == *at;
    *at += p->part.dims[axis];
    return next;
}

graft_status gft_sm_whole_variable(gft_sm_reader *r, gft_sm_site site, int32_t *source,
                                   graft_error *err) {
    const Tensorflow__NodeDef *node = gft_sm_node(r, site);
    const bool v2 = node->op[0] == 'C' && strcmp(node->op, "ConcatV2") == 0;
    const gft_sm_source *first = NULL;
    int32_t parts = 0;
    int64_t axis = 0;
    int64_t at = 0;
    bool known = false;
    partition p = {0};
    *source = -1;
    if (r->source_count == 0 || !r->bundle || (!v2 && strcmp(node->op, "Concat") != 0))
        return GRAFT_OK;
    while (gft_sm_data_input(node, parts))
        parts++;
    for (int32_t i = 0; i < parts - 1; i++) {
        const gft_sm_source *part;
        GFT_TRY(partition_of(r, site, v2 ? i : i + 1, &part, err));
        if (!part || (first && strcmp(part->key, first->key) != 0) || !parse_slice(part->slice, &p))
            return GRAFT_OK;
        if (!first) {
            const char *text = gft_sm_data_input(node, v2 ? parts - 1 : 0);
            first = part;
            GFT_TRY(gft_sm_number(r, site.frame, text, &known, &axis, err));
            axis += axis < 0 ? p.whole.rank : 0;
            if (!known || axis < 0 || axis >= p.whole.rank)
                return GRAFT_OK;
        }
        const gft_bundle_entry *entry = gft_bundle_find(r->bundle, part->key);
        if (!entry || !follows(&p, &entry->shape, axis, &at))
            return GRAFT_OK;
    }
    if (first && at == p.whole.dims[axis])
        *source = (int32_t)(first - r->sources);
    return GRAFT_OK;
}

graft_status gft_sm_whole_param(gft_sm_reader *r, int32_t source, gft_param_id *out,
                                graft_error *err) {
    return key_param(r, &r->sources[source], out, err);
}

/* ---- one variable ---- */

graft_status gft_sm_source_param(gft_sm_reader *r, int32_t index, gft_param_id *out,
                                 graft_error *err) {
    gft_sm_source *source = &r->sources[index];
    int32_t given;
    if (source->param >= 0) {
        *out = source->param;
        return GRAFT_OK;
    }
    if (gft_sm_names_find(&r->weight_names, r->main.nodes[source->node]->name, &given)) {
        GFT_TRY(given_param(r, &r->weights[given], &source->param, err));
    } else if (source->slice) {
        gft_arena scratch;
        gft_arena_init(&scratch);
        graft_status status = partition_param(r, source, &scratch, err);
        gft_arena_deinit(&scratch);
        GFT_TRY(status);
    } else {
        GFT_TRY(key_param(r, source, &source->param, err));
    }
    *out = source->param;
    return GRAFT_OK;
}

/* The source of the variable that the object graph calls "<layer>/<part>"; -1: there is none. */
static int32_t source_named(const gft_sm_reader *r, const char *layer, size_t length,
                            const char *part) {
    for (int32_t i = 0; i < r->source_count; i++) {
        const char *key = r->sources[i].key;
        const Tensorflow__SavedVariable *object = key ? object_of(r, key) : NULL;
        if (object && strncmp(object->name, layer, length) == 0 &&
            strcmp(object->name + length, part) == 0)
            return i;
    }
    return -1;
}

/*
 * Keras exports the numbers of a Normalization layer twice: as constants of the function and as
 * three variables that nothing uses. They are read, since Keras' own files have them; they tell
 * about the data and are no weights.
 */
static void mark_statistics(gft_sm_reader *r) {
    for (int32_t i = 0; i < r->source_count; i++) {
        const char *key = r->sources[i].key;
        const Tensorflow__SavedVariable *object = key ? object_of(r, key) : NULL;
        const char *slash = object && !object->trainable ? strrchr(object->name, '/') : NULL;
        if (!slash || strcmp(slash, "/count") != 0)
            continue;
        const size_t length = (size_t)(slash - object->name);
        const int32_t mean = source_named(r, object->name, length, "/mean");
        const int32_t variance = source_named(r, object->name, length, "/variance");
        if (mean < 0 || variance < 0)
            continue;
        const int32_t three[] = {mean, variance, i};
        for (int k = 0; k < 3; k++)
            r->sources[three[k]].used = r->sources[three[k]].statistic = true;
    }
}

graft_status gft_sm_read_used(gft_sm_reader *r, graft_error *err) {
    mark_statistics(r);
    for (int32_t i = 0; i < r->source_count; i++) {
        const gft_sm_source *source = &r->sources[i];
        gft_param_id param;
        if (!source->used || !source->key)
            continue;
        const gft_bundle_entry *entry = gft_bundle_find(r->bundle, source->key);
        if (!entry || graft_dtype_bytes(entry->dtype) == 0)
            continue;
        GFT_TRY(gft_sm_source_param(r, i, &param, err));
        if (source->statistic) {
            r->model->params.items[param].kind = GFT_PARAM_STATISTIC;
            r->model->params.items[param].trainable = false;
        }
    }
    return GRAFT_OK;
}
