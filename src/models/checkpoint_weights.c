/*
 * Weights of a bare TensorFlow checkpoint (`model.ckpt-7.index` and its data) into a model. A
 * parameter is found by its name: as key, as key of an object's variable, or by the full name that
 * the checkpoint's object graph gives a variable. Tensors stay in the mapped file.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/shape.h"
#include "formats/bundle.h"
#include "formats/proto_scan.h"
#include "models/model.h"
#include "models/savedmodel_read.h"

typedef struct loader {
    graft_model *model;
    gft_bundle *bundle;
    gft_arena *arena;   /* as long as the bundle */
    gft_sm_names names; /* full name -> number in keys */
    const char **keys;
    graft_tensor *found; /* per parameter; data NULL: not in the checkpoint */
} loader;

typedef struct kept_bundle {
    gft_bundle *bundle;
    gft_arena arena;
} kept_bundle;

static void close_kept(void *object) {
    kept_bundle *kept = object;
    gft_bundle_close(kept->bundle);
    gft_arena_deinit(&kept->arena);
    gft_free(kept);
}

/* ---- where it lies ---- */

/* "a/b" for "a/b" or "a/b.index", "dir/variables/variables" for a SavedModel; NULL: none of these.
 * gft_free it. */
static graft_status prefix_of(const char *path, char **out, graft_error *err) {
    static const char END[] = ".index";
    const size_t length = strlen(path);
    *out = NULL;
    char *prefix = NULL;
    if (gft_dir_exists(path))
        prefix = gft_path_join(path, "variables/variables");
    else if (length > sizeof END - 1 && strcmp(path + length - (sizeof END - 1), END) == 0)
        prefix = gft_strndup(path, length - (sizeof END - 1));
    else
        prefix = gft_strdup(path);
    char *index = prefix ? gft_format("%s%s", prefix, END) : NULL;
    const bool there = index && gft_file_exists(index);
    const bool failed = !index;
    gft_free(index);
    if (there)
        *out = prefix;
    else
        gft_free(prefix);
    return failed ? gft_fail_memory(err, length, "a file name") : GRAFT_OK;
}

bool gft_checkpoint_present(const char *path) {
    char *prefix = NULL;
    const bool there = prefix_of(path, &prefix, NULL) == GRAFT_OK && prefix;
    gft_free(prefix);
    return there;
}

/* ---- names ---- */

/* "dense/kernel" of "dense/kernel:0". */
static const char *without_output(gft_arena *arena, const char *name) {
    const size_t length = strcspn(name, ":");
    return name[length] ? gft_arena_strndup(arena, name, length) : name;
}

static graft_status add_names(loader *l, const Tensorflow__TrackableObjectGraph *graph,
                              graft_error *err) {
    size_t count = 0;
    for (size_t i = 0; i < graph->n_nodes; i++)
        count += graph->nodes[i]->n_attributes;
    l->keys = gft_arena_array(l->arena, count, sizeof *l->keys);
    if (!l->keys || count > INT32_MAX)
        return gft_fail_memory(err, count * sizeof *l->keys, "names of variables");
    GFT_TRY(gft_sm_names_make(l->arena, count, &l->names, err));
    int32_t n = 0;
    for (size_t i = 0; i < graph->n_nodes; i++) {
        for (size_t k = 0; k < graph->nodes[i]->n_attributes; k++) {
            const char *name = without_output(l->arena, graph->nodes[i]->attributes[k]->full_name);
            if (!name)
                return gft_fail_memory(err, 64, "a variable's name");
            l->keys[n] = graph->nodes[i]->attributes[k]->checkpoint_key;
            (void)gft_sm_names_add(&l->names, name, n++);
        }
    }
    return GRAFT_OK;
}

static graft_status read_names(loader *l, const char *prefix, graft_error *err) {
    const gft_bundle_entry *entry = gft_bundle_find(l->bundle, "_CHECKPOINTABLE_OBJECT_GRAPH");
    gft_bundle_string *strings = NULL;
    size_t count = 0;
    ProtobufCMessage *message = NULL;
    if (!entry)
        return GRAFT_OK;
    GFT_TRY(gft_bundle_read_strings(l->bundle, entry, l->arena, &strings, &count, err));
    if (count != 1)
        return GRAFT_OK;
    GFT_TRY(gft_proto_unpack(&tensorflow__trackable_object_graph__descriptor, strings[0].data,
                             strings[0].bytes, NULL, prefix, l->arena, &message, err));
    return add_names(l, (const Tensorflow__TrackableObjectGraph *)message, err);
}

static graft_status find_entry(const loader *l, const char *name, const gft_bundle_entry **out,
                               graft_error *err) {
    int32_t at;
    *out = gft_bundle_find(l->bundle, name);
    if (!*out) {
        char *key = gft_format("%s" GFT_SM_KEY_SUFFIX, name);
        if (!key)
            return gft_fail_memory(err, strlen(name), "a key");
        *out = gft_bundle_find(l->bundle, key);
        gft_free(key);
    }
    if (!*out && gft_sm_names_find(&l->names, name, &at))
        *out = gft_bundle_find(l->bundle, l->keys[at]);
    return GRAFT_OK;
}

/* ---- loading ---- */

static graft_status check_param(loader *l, const char *prefix, int32_t index, bool by_name,
                                graft_error *err) {
    const gft_param *param = &l->model->params.items[index];
    const gft_bundle_entry *entry;
    char wanted[GFT_DESC_TEXT_BYTES];
    char there[GFT_DESC_TEXT_BYTES];
    GFT_TRY(find_entry(l, param->name, &entry, err));
    if (!entry)
        return by_name ? GRAFT_OK
                       : gft_fail(err, GRAFT_NOT_FOUND,
                                  "%s: no tensor '%s' (%s) in the checkpoint, of %zu", prefix,
                                  param->name, gft_desc_text(&param->desc, wanted),
                                  gft_bundle_count(l->bundle));
    const graft_tensor_desc desc = {entry->dtype, entry->shape, NULL};
    if (entry->dtype != param->desc.dtype || !gft_shape_equal(&entry->shape, &param->desc.shape))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: tensor '%s' is %s, the model's is %s",
                        prefix, entry->key, gft_desc_text(&desc, there),
                        gft_desc_text(&param->desc, wanted));
    return gft_bundle_read(l->bundle, entry, l->arena, &l->found[index], err);
}

static graft_status load(loader *l, const char *prefix, bool by_name, graft_error *err) {
    gft_params *params = &l->model->params;
    int32_t found = 0;
    GFT_TRY(read_names(l, prefix, err));
    l->found = gft_arena_array(l->arena, (size_t)params->count, sizeof *l->found);
    if (!l->found)
        return gft_fail_memory(err, (size_t)params->count * sizeof *l->found, "weights");
    for (int32_t i = 0; i < params->count; i++)
        GFT_TRY(check_param(l, prefix, i, by_name, err));
    for (int32_t i = 0; i < params->count; i++)
        found += l->found[i].data != NULL;
    if (found == 0)
        return gft_fail(err, GRAFT_NOT_FOUND, "%s: no tensor of it has the name of a parameter",
                        prefix);
    for (int32_t i = 0; i < params->count; i++) {
        if (l->found[i].data)
            params->items[i].data = l->found[i].data;
    }
    return GRAFT_OK;
}

graft_status gft_checkpoint_load_weights(graft_model *model, const char *path, bool by_name,
                                         graft_error *err) {
    char *prefix = NULL;
    GFT_TRY(prefix_of(path, &prefix, err));
    if (!prefix)
        return gft_fail(err, GRAFT_NOT_FOUND, "%s: no checkpoint", path);
    graft_status status = GRAFT_OK;
    kept_bundle *kept = gft_calloc(1, sizeof *kept);
    if (!kept) {
        status = gft_fail_memory(err, sizeof *kept, "a checkpoint");
        goto done;
    }
    loader l = {.model = model, .arena = &kept->arena};
    status = gft_bundle_open(prefix, &kept->bundle, err);
    l.bundle = kept->bundle;
    if (status == GRAFT_OK && model->keep_count == GFT_MODEL_MAX_KEEPS)
        status = gft_fail(err, GRAFT_RESOURCE_EXHAUSTED,
                          "%s: the model holds %d files open already", prefix, GFT_MODEL_MAX_KEEPS);
    if (status == GRAFT_OK)
        status = load(&l, prefix, by_name, err);
    if (status == GRAFT_OK)
        status = gft_model_keep_open(model, close_kept, kept, err);
    else
        close_kept(kept);
done:
    gft_free(prefix);
    return status;
}
