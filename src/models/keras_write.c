/*
 * Keras files: `.keras` (a zip of configuration, metadata and weights), whole-model legacy `.h5`,
 * `.weights.h5`. The first signature is written, as one flat Functional model; nothing in the files
 * depends on when they are made.
 */
#include "models/keras_write.h"

#include <stdlib.h>
#include <string.h>

#include "formats/zip_writer.h"

#define KERAS_VERSION "3.15.0"
#define DATE "1980-01-01@00:00:00"
#define ALIGNMENT 64 /* of the weights within the zip: a reader may use them where they lie */
#define DUMP (JSON_COMPACT | JSON_REAL_PRECISION(9))
#define DUMP_CARD (JSON_COMPACT | JSON_REAL_PRECISION(17))

/* ---- what a model says beside its graph ---- */

static json_t *labels_json(const graft_model *model) {
    json_t *list = json_array();
    for (int32_t i = 0; list && i < model->label_count; i++) {
        if (json_array_append_new(list, json_string(model->labels[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* {"keras_version", "date_saved", "graft": {"card", "labels"}} */
static json_t *metadata_json(const graft_model *model) {
    json_t *root = json_pack("{s:s, s:s}", "keras_version", KERAS_VERSION, "date_saved", DATE);
    json_t *graft = json_object();
    bool ok = root && graft;
    if (ok && model->card) {
        json_t *card = json_loads(model->card, 0, NULL);
        ok = card && json_object_set_new(graft, "card", card) == 0;
    }
    if (ok && model->label_count > 0)
        ok = json_object_set_new(graft, "labels", labels_json(model)) == 0;
    const bool any = graft && json_object_size(graft) > 0;
    if (ok && any)
        ok = json_object_set(root, "graft", graft) == 0;
    json_decref(graft);
    if (!ok) {
        json_decref(root);
        return NULL;
    }
    return root;
}

/* ---- .keras ---- */

static graft_status add_json(gft_zip_writer *zip, const char *name, json_t *root, size_t flags,
                             graft_error *err) {
    char *text = root ? json_dumps(root, flags) : NULL;
    graft_status status = GRAFT_OK;
    if (!text)
        status = gft_fail_memory(err, 4096, "a Keras model's configuration");
    else
        status = gft_zip_writer_add(zip, name, text, strlen(text), err);
    free(text); /* jansson's own allocation */
    json_decref(root);
    return status;
}

static graft_status emit_weights(void *context, gft_zip_sink put, void *sink, graft_error *err) {
    return gft_hdf5_emit(context, put, sink, err);
}

graft_status gft_keras_write(const graft_model *model, const char *path, graft_error *err) {
    gft_kw w = {0};
    gft_hdf5_writer weights = {0};
    gft_zip_writer zip = {0};
    const gft_signature *signature = NULL;
    graft_status status;
    GFT_GOTO(gft_kw_signature(model, &signature, err));
    GFT_GOTO(gft_kw_init(&w, model, signature, false, err));
    GFT_GOTO(gft_hdf5_writer_init(&weights, err));
    GFT_GOTO(gft_kw_weights(&w, &weights, err));
    GFT_GOTO(gft_zip_writer_open(&zip, path, err));
    GFT_GOTO(add_json(&zip, "metadata.json", metadata_json(model), DUMP_CARD, err));
    GFT_GOTO(add_json(&zip, "config.json", gft_kw_config(&w), DUMP, err));
    GFT_GOTO(
        gft_zip_writer_stream(&zip, "model.weights.h5", ALIGNMENT, emit_weights, &weights, err));
    GFT_GOTO(gft_zip_writer_commit(&zip, err));
done:
    gft_zip_writer_abort(&zip);
    gft_hdf5_writer_deinit(&weights);
    gft_kw_deinit(&w);
    return status;
}

/* ---- .weights.h5: of the model as Keras' code makes it, models within models included ---- */

graft_status gft_keras_weights_write(const graft_model *model, const char *path, graft_error *err) {
    gft_kw w = {0};
    gft_hdf5_writer out = {0};
    const gft_signature *signature = NULL;
    graft_status status;
    GFT_GOTO(gft_kw_signature(model, &signature, err));
    GFT_GOTO(gft_kw_init(&w, model, signature, false, err));
    GFT_GOTO(gft_hdf5_writer_init(&out, err));
    GFT_GOTO(gft_kw_own_weights(&w, &out, err));
    GFT_GOTO(gft_hdf5_write_file(&out, path, err));
done:
    gft_hdf5_writer_deinit(&out);
    gft_kw_deinit(&w);
    return status;
}

/* ---- .h5 ---- */

static graft_status add_json_text(gft_hdf5_writer *out, const char *name, json_t *root,
                                  graft_error *err) {
    char *text = root ? json_dumps(root, DUMP) : NULL;
    graft_status status = GRAFT_OK;
    if (!text)
        status = gft_fail_memory(err, 4096, "a Keras model's configuration");
    else
        status = gft_hdf5_add_text(out, 0, name, text, err);
    free(text); /* jansson's own allocation */
    json_decref(root);
    return status;
}

graft_status gft_keras_h5_write(const graft_model *model, const char *path, graft_error *err) {
    gft_kw w = {0};
    gft_hdf5_writer out = {0};
    const gft_signature *signature = NULL;
    graft_status status;
    GFT_GOTO(gft_kw_signature(model, &signature, err));
    GFT_GOTO(gft_kw_init(&w, model, signature, true, err));
    GFT_GOTO(gft_hdf5_writer_init(&out, err));
    GFT_GOTO(gft_hdf5_add_text(&out, 0, "backend", "tensorflow", err));
    GFT_GOTO(gft_hdf5_add_text(&out, 0, "keras_version", "2.15.0", err));
    GFT_GOTO(add_json_text(&out, "model_config", gft_kw_config(&w), err));
    if (model->card)
        GFT_GOTO(gft_hdf5_add_text(&out, 0, "graft_card", model->card, err));
    if (model->label_count > 0)
        GFT_GOTO(add_json_text(&out, "graft_labels", labels_json(model), err));
    GFT_GOTO(gft_kw_legacy_weights(&w, &out, err));
    GFT_GOTO(gft_hdf5_write_file(&out, path, err));
done:
    gft_hdf5_writer_deinit(&out);
    gft_kw_deinit(&w);
    return status;
}
