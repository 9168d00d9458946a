/*
 * Writing a model as a SavedModel directory: saved_model.pb, variables/, assets/labels.txt,
 * assets.extra/graft.json. The directory is built beside its place and renamed; the same model
 * gives the same bytes.
 */
#include "models/savedmodel_write.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/shape.h"
#include "formats/bundle.h"
#include "formats/saved_model_file.h"

static graft_status meta_new(gft_sm_writer *w, graft_error *err) {
    gft_pb *pb = &w->pb;
    w->meta = GFT_PB_NEW(pb, Tensorflow__MetaGraphDef, TENSORFLOW__META_GRAPH_DEF__INIT);
    if (!w->meta)
        return gft_fail_memory(err, sizeof *w->meta, "a SavedModel");
    Tensorflow__MetaGraphDef__MetaInfoDef *info = GFT_PB_NEW(
        pb, Tensorflow__MetaGraphDef__MetaInfoDef, TENSORFLOW__META_GRAPH_DEF__META_INFO_DEF__INIT);
    w->meta->graph_def = GFT_PB_NEW(pb, Tensorflow__GraphDef, TENSORFLOW__GRAPH_DEF__INIT);
    w->meta->object_graph_def =
        GFT_PB_NEW(pb, Tensorflow__SavedObjectGraph, TENSORFLOW__SAVED_OBJECT_GRAPH__INIT);
    if (w->meta->graph_def)
        w->meta->graph_def->library =
            GFT_PB_NEW(pb, Tensorflow__FunctionDefLibrary, TENSORFLOW__FUNCTION_DEF_LIBRARY__INIT);
    if (pb->failed)
        return gft_fail_memory(err, sizeof *w->meta, "a SavedModel");
    GFT_PB_PUSH(pb, info, tags, gft_pb_string(pb, "serve"));
    info->tensorflow_version = gft_pb_string(pb, "2.21.0");
    info->stripped_default_attrs = 1;
    w->meta->meta_info_def = info;
    return GRAFT_OK;
}

static graft_status write_proto(gft_sm_writer *w, const char *dir, graft_error *err) {
    Tensorflow__SavedModel *model =
        GFT_PB_NEW(&w->pb, Tensorflow__SavedModel, TENSORFLOW__SAVED_MODEL__INIT);
    if (!model)
        return gft_fail_memory(err, sizeof *model, "a SavedModel");
    model->saved_model_schema_version = 1;
    GFT_PB_PUSH(&w->pb, model, meta_graphs, w->meta);
    if (w->pb.failed)
        return gft_fail_memory(err, 0, "a SavedModel");
    return gft_saved_model_write(dir, model, err);
}

static graft_status add_object_graph(gft_sm_writer *w, gft_bundle_writer *bundle,
                                     graft_error *err) {
    const Tensorflow__TrackableObjectGraph *graph = gft_sm_checkpoint_objects(w);
    if (!graph)
        return gft_fail_memory(err, 0, "a checkpoint");
    const graft_shape scalar = gft_shape_0();
    gft_buffer bytes;
    gft_buffer_init(&bytes, INT32_MAX);
    graft_status status = gft_proto_append(&bytes, &graph->base, err);
    const gft_bundle_string text = {bytes.data, bytes.bytes};
    if (status == GRAFT_OK)
        status = gft_bundle_writer_add_strings(bundle, "_CHECKPOINTABLE_OBJECT_GRAPH", &scalar,
                                               &text, 1, err);
    gft_buffer_deinit(&bytes);
    return status;
}

static graft_status write_variables(gft_sm_writer *w, const char *dir, graft_error *err) {
    graft_status status = GRAFT_OK;
    gft_bundle_writer *bundle = NULL;
    char *folder = gft_path_join(dir, "variables");
    char *prefix = gft_path_join(dir, "variables/variables");
    if (!folder || !prefix) {
        status = gft_fail_memory(err, strlen(dir), "a file name");
        goto done;
    }
    GFT_GOTO(gft_dir_make(folder, err));
    GFT_GOTO(gft_bundle_writer_open(prefix, &bundle, err));
    for (int32_t i = 0; i < w->variable_count; i++) {
        const gft_sm_variable *v = &w->variables[i];
        size_t bytes = 0;
        if (!gft_desc_bytes(&v->param->desc, &bytes)) {
            status =
                gft_fail(err, GRAFT_INVALID_ARGUMENT, "parameter '%s' has no size", v->param->name);
            goto done;
        }
        GFT_GOTO(
            gft_bundle_writer_add(bundle, v->key, &v->param->desc, v->param->data, bytes, err));
    }
    GFT_GOTO(add_object_graph(w, bundle, err));
    status = gft_bundle_writer_commit(bundle, err);
    bundle = NULL;
done:
    gft_bundle_writer_abort(bundle);
    gft_free(folder);
    gft_free(prefix);
    return status;
}

static graft_status write_text(const char *dir, const char *folder, const char *name,
                               const void *data, size_t bytes, graft_error *err) {
    graft_status status = GRAFT_OK;
    char *inner = gft_path_join(dir, folder);
    char *path = inner ? gft_path_join(inner, name) : NULL;
    if (!path) {
        status = gft_fail_memory(err, strlen(dir), "a file name");
        goto done;
    }
    GFT_GOTO(gft_dir_make(inner, err));
    GFT_GOTO(gft_file_write(path, data, bytes, err));
done:
    gft_free(inner);
    gft_free(path);
    return status;
}

/* assets/labels.txt: one label a line, in the order of the scores. */
static graft_status write_labels(const gft_sm_writer *w, const char *dir, graft_error *err) {
    const graft_model *model = w->model;
    graft_status status = GRAFT_OK;
    if (model->label_count == 0)
        return GRAFT_OK;
    gft_buffer text;
    gft_buffer_init(&text, (size_t)64 << 20);
    for (int32_t i = 0; i < model->label_count; i++) {
        if (strpbrk(model->labels[i], "\r\n")) {
            status = gft_fail(err, GRAFT_INVALID_ARGUMENT, "label %d has a line break in it", i);
            goto done;
        }
        GFT_GOTO(gft_buffer_append_str(&text, model->labels[i], err));
        GFT_GOTO(gft_buffer_append_str(&text, "\n", err));
    }
    GFT_GOTO(write_text(dir, "assets", "labels.txt", text.data, text.bytes, err));
done:
    gft_buffer_deinit(&text);
    return status;
}

/* assets.extra/graft.json: the model's card, made now if it has none. */
static graft_status write_card(const gft_sm_writer *w, const char *dir, graft_error *err) {
    graft_model copy = *w->model; /* only its card is changed, in an arena of its own */
    graft_status status = GRAFT_OK;
    gft_arena_init(&copy.arena);
    if (!copy.card)
        status = gft_model_make_card(&copy, NULL, err);
    if (status == GRAFT_OK && copy.card)
        status = write_text(dir, "assets.extra", "graft.json", copy.card, strlen(copy.card), err);
    gft_arena_deinit(&copy.arena);
    return status;
}

static graft_status build(gft_sm_writer *w, graft_error *err) {
    GFT_TRY(gft_sm_collect(w, err));
    GFT_TRY(meta_new(w, err));
    for (int32_t i = 0; i < w->signature_count; i++)
        GFT_TRY(gft_sm_write_functions(w, &w->signatures[i], err));
    gft_sm_write_graph(w);
    gft_sm_write_objects(w);
    return w->pb.failed ? gft_fail_memory(err, w->arena.used_bytes, "a SavedModel") : GRAFT_OK;
}

/* Only a model is swapped out: a mistyped name must not cost a folder of something else. */
static graft_status check_place(const char *dir, bool replace, graft_error *err) {
    gft_dir_entry *entries = NULL;
    size_t count = 0;
    if (!gft_dir_exists(dir))
        return GRAFT_OK;
    if (!replace)
        return gft_fail(err, GRAFT_ALREADY_EXISTS, "%s: exists already", dir);
    GFT_TRY(gft_dir_list(dir, &entries, &count, err));
    gft_dir_list_free(entries, count);
    if (count > 0 && !gft_saved_model_present(dir))
        return gft_fail(err, GRAFT_ALREADY_EXISTS,
                        "%s: exists and is not a SavedModel, it is not replaced", dir);
    return GRAFT_OK;
}

graft_status gft_savedmodel_write(const graft_model *model, const char *dir, bool replace,
                                  graft_error *err) {
    gft_sm_writer w = {.model = model};
    gft_staging staging = {0};
    graft_status status = GRAFT_OK;
    gft_arena_init(&w.arena);
    w.pb.arena = &w.arena;
    GFT_GOTO(check_place(dir, replace, err));
    GFT_GOTO(build(&w, err));
    GFT_GOTO(gft_staging_open(&staging, dir, err));
    GFT_GOTO(write_proto(&w, staging.temp_path, err));
    GFT_GOTO(write_variables(&w, staging.temp_path, err));
    GFT_GOTO(write_labels(&w, staging.temp_path, err));
    GFT_GOTO(write_card(&w, staging.temp_path, err));
    GFT_GOTO(gft_staging_commit(&staging, replace, err));
done:
    gft_staging_abort(&staging);
    gft_arena_deinit(&w.arena);
    return status;
}
