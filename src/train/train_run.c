/*
 * A whole run: backbone + head, stages, the finished SavedModel (graft/train.h). Pictures to
 * features to head to fine-tuning to disk, in that order; read gft_stage_run (stage.c) next.
 */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/shape.h"
#include "formats/npy.h"
#include "train/trainer.h"

/* ---- the network ---- */

static graft_status check_backbone(gft_trainer *t, gft_value_id *features, graft_error *err) {
    const gft_signature *sig = &t->model->signatures[0];
    const char *name = t->options->backbone;
    if (t->model->signature_count == 0 || !sig->graph)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "backbone '%s': cannot be run here: %s", name,
                        t->model->signature_count && sig->problem ? sig->problem
                                                                  : "it has no signature");
    gft_graph *g = sig->graph;
    if (g->input_count != 1 || g->output_count != 1)
        return gft_fail(
            err, GRAFT_INVALID_ARGUMENT,
            "backbone '%s': has %d inputs and %d outputs, expected one picture in and one "
            "feature vector out",
            name, (int)g->input_count, (int)g->output_count);
    const graft_tensor_desc *in = &gft_graph_value(g, g->inputs[0].value)->desc;
    const graft_tensor_desc *out = &gft_graph_value(g, g->outputs[0].value)->desc;
    char text[GFT_DESC_TEXT_BYTES];
    if (in->dtype != GRAFT_F32 || in->shape.rank != 4 || in->shape.dims[3] != 3)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "backbone '%s': takes %s, expected float32 [?,H,W,3]", name,
                        gft_desc_text(in, text));
    if (out->dtype != GRAFT_F32 || out->shape.rank != 2 || out->shape.dims[1] <= 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "backbone '%s': gives %s, expected a feature vector float32 [?,C]", name,
                        gft_desc_text(out, text));
    if (in->shape.dims[1] <= 0 || in->shape.dims[2] <= 0) {
        if (!t->model->has_preprocess)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT, "backbone '%s': says no input size", name);
        t->rule = graft_preprocess_default(t->model->preprocess.height, t->model->preprocess.width);
    } else {
        t->rule = graft_preprocess_default((int32_t)in->shape.dims[1], (int32_t)in->shape.dims[2]);
    }
    *features = g->outputs[0].value;
    t->graph = g;
    return graft_resize_mode_parse(t->options->resize, &t->rule.mode, err);
}

/*
 * The head becomes part of the backbone's own graph; its output takes the place of the feature
 * vector.
 */
static graft_status append_head(gft_trainer *t, gft_value_id features, graft_error *err) {
    gft_value_id probabilities;
    const graft_train_options *o = t->options;
    const char *spec = o->head && strcmp(o->head, "none") != 0 ? o->head : "";
    t->first_head = t->graph->node_count;
    GFT_TRY(gft_head_append(t->graph, features, spec, graft_dataset_class_count(t->dataset),
                            o->seed, &t->logits, &probabilities, err));
    t->graph->output_count = 0;
    GFT_TRY(gft_graph_output(t->graph, "probabilities", probabilities, err));
    return gft_layers_make(t->graph, t->first_head, &t->layers, err);
}

static graft_status load_initial_head(gft_trainer *t, graft_error *err) {
    graft_status status = GRAFT_OK;
    gft_arena arena;
    graft_tensor *tensors;
    size_t count;
    const char *path = t->options->initial_head;
    gft_arena_init(&arena);
    GFT_GOTO(gft_npz_read(path, &arena, &tensors, &count, err));
    for (size_t i = 0; i < count; i++) {
        char text[GFT_DESC_TEXT_BYTES];
        gft_param_id id = gft_params_find(&t->model->params, tensors[i].name);
        gft_param *p = id >= 0 ? &t->model->params.items[id] : NULL;
        if (!p || t->layers.layer_of_param[id] >= 0 || tensors[i].desc.dtype != GRAFT_F32 ||
            !gft_shape_equal(&p->desc.shape, &tensors[i].desc.shape)) {
            status = gft_fail(err, GRAFT_INVALID_ARGUMENT,
                              "%s: '%s' %s is no parameter of the head with this shape", path,
                              tensors[i].name, gft_desc_text(&tensors[i].desc, text));
            goto done;
        }
        memcpy(p->data, tensors[i].data, tensors[i].bytes);
    }
done:
    gft_arena_deinit(&arena);
    return status;
}

/* ---- set-up ---- */

static graft_status name_things(gft_trainer *t, graft_error *err) {
    const graft_train_options *o = t->options;
    t->checkpoint_dir = gft_format("%s.ckpt", o->out);
    t->fingerprint = gft_format(
        "backbone %s%s%s, %d classes, %lld+%lld pictures, head %s, epochs %d, batch %d, "
        "lr %g, optimizer %s, fine-tune %s %d %g, augment %s, "
        "smoothing %g, validation %g, patience %d, resize %s, shuffle %d, seed %llu%s%s",
        o->backbone, t->model->backbone_sha256 ? " " : "",
        t->model->backbone_sha256 ? t->model->backbone_sha256 : "",
        (int)graft_dataset_class_count(t->dataset),
        (long long)graft_dataset_count(t->dataset, GRAFT_SPLIT_TRAIN),
        (long long)graft_dataset_count(t->dataset, GRAFT_SPLIT_VALIDATION), o->head ? o->head : "",
        (int)o->epochs, (int)o->batch_size, o->lr, o->optimizer, o->fine_tune,
        (int)o->fine_tune_epochs, o->fine_tune_lr, o->augment, o->label_smoothing,
        o->validation_split, (int)o->early_stopping, o->resize, (int)o->shuffle,
        (unsigned long long)o->seed, t->precision == GRAFT_F32 ? "" : ", precision ",
        t->precision == GRAFT_F32 ? "" : o->precision);
    return t->checkpoint_dir && t->fingerprint ? GRAFT_OK
                                               : gft_fail_memory(err, 1024, "names of the run");
}

static graft_status open_logs(gft_trainer *t, graft_error *err) {
    graft_status status = GRAFT_OK;
    if (!t->options->logdir)
        return GRAFT_OK;
    char *train = gft_path_join(t->options->logdir, "train");
    char *validation = gft_path_join(t->options->logdir, "validation");
    if (!train || !validation) {
        status = gft_fail_memory(err, strlen(t->options->logdir), "path");
        goto done;
    }
    GFT_GOTO(gft_events_open(train, &t->train_events, err));
    if (t->has_validation)
        GFT_GOTO(gft_events_open(validation, &t->validation_events, err));
done:
    gft_free(train);
    gft_free(validation);
    return status;
}

static graft_status set_up(gft_trainer *t, graft_error *err) {
    const graft_train_options *o = t->options;
    gft_value_id features = -1;
    GFT_TRY(graft_train_options_check(o, err));
    GFT_TRY(gft_optimizer_parse(o->optimizer, &t->optimizer, err));
    GFT_TRY(gft_fine_tune_parse(o->fine_tune, &t->fine_tune, err));
    GFT_TRY(graft_precision_parse(o->precision, &t->precision, err));
    if (o->validation_split > 0)
        GFT_TRY(graft_dataset_split_validation(t->dataset, o->validation_split, o->seed, err));
    t->has_validation = graft_dataset_count(t->dataset, GRAFT_SPLIT_VALIDATION) > 0;
    if (t->fine_tune.mode == GFT_FINE_GRADUAL && !t->has_validation)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "fine-tune gradual: needs validation pictures to judge by; add a val/ "
                        "folder or --validation-split 0.1");
    GFT_TRY(graft_model_open(o->backbone, &t->model, err));
    GFT_TRY(gft_model_check_weights(t->model, SIZE_MAX, err));
    GFT_TRY(check_backbone(t, &features, err));
    GFT_TRY(append_head(t, features, err));
    if (o->initial_head)
        GFT_TRY(load_initial_head(t, err));
    GFT_TRY(name_things(t, err));
    t->state.best_val_loss = INFINITY;
    t->state.best_val_accuracy = NAN;
    t->state.stage_start_val_loss = INFINITY;
    if (o->resume) {
        GFT_TRY(
            gft_checkpoint_read(t->checkpoint_dir, t->fingerprint, &t->state, &t->resuming, err));
        gft_report_info(t, GRAFT_TRAIN_INFO,
                        t->resuming ? "going on after epoch %d"
                                    : "no checkpoint yet; starting from the beginning",
                        (int)t->state.total_epochs);
    }
    if (!t->resuming && gft_dir_exists(t->checkpoint_dir))
        GFT_TRY(gft_tree_remove(t->checkpoint_dir, err));
    if (!t->resuming && !o->overwrite && (gft_dir_exists(o->out) || gft_file_exists(o->out)))
        return gft_fail(err, GRAFT_ALREADY_EXISTS,
                        "%s: exists already; choose another --out or say --overwrite", o->out);
    GFT_TRY(open_logs(t, err));
    return gft_pool_new(o->threads, &t->pool, err);
}

/* ---- stages ---- */

static int64_t trainable_elems(const gft_trainer *t, int32_t first_layer) {
    int64_t sum = 0;
    for (int32_t i = 0; i < t->model->params.count; i++) {
        const gft_param *p = &t->model->params.items[i];
        if (t->layers.layer_of_param[i] >= first_layer && t->layers.declared[i])
            sum += gft_shape_elems(&p->desc.shape);
    }
    return sum;
}

/* Gradual: block after block is unfrozen, each kept only if it lowers the validation loss. */
static graft_status run_gradual(gft_trainer *t, graft_error *err) {
    int32_t index = 1;
    int32_t most = t->fine_tune.amount > 0 ? (int32_t)t->fine_tune.amount : t->layers.block_count;
    int64_t before = 0;
    for (int32_t blocks = 1; blocks <= t->layers.block_count && index <= most; blocks++) {
        gft_stage_plan plan = {"fine-tune", index, 0, t->options->fine_tune_epochs,
                               t->options->fine_tune_lr};
        plan.first_layer = gft_layers_first_trained(&t->layers, &t->fine_tune, blocks);
        int64_t elems = trainable_elems(t, plan.first_layer);
        if (elems == before) /* a block without weights (pooling) */
            continue;
        before = elems;
        index++;
        if (t->resuming && t->state.stage > plan.index)
            continue;
        gft_report_info(t, GRAFT_TRAIN_INFO, "unfreezing from layer %s on",
                        t->layers.names[plan.first_layer]);
        GFT_TRY(gft_stage_run(t, &plan, err));
        if (!(t->state.best_val_loss < t->state.stage_start_val_loss)) {
            gft_report_info(t, GRAFT_TRAIN_INFO,
                            "it did not lower the validation loss; the weights before it are kept");
            break;
        }
    }
    return GRAFT_OK;
}

static graft_status run_stages(gft_trainer *t, graft_error *err) {
    const graft_train_options *o = t->options;
    gft_stage_plan head = {"head", 0, t->layers.count, o->epochs, o->lr};
    if (!t->resuming || t->state.stage == 0)
        GFT_TRY(gft_stage_run(t, &head, err));
    if (t->fine_tune.mode == GFT_FINE_NONE || o->fine_tune_epochs == 0)
        return GRAFT_OK;
    if (t->fine_tune.mode == GFT_FINE_GRADUAL)
        return run_gradual(t, err);
    gft_stage_plan plan = {"fine-tune", 1, gft_layers_first_trained(&t->layers, &t->fine_tune, 0),
                           o->fine_tune_epochs, o->fine_tune_lr};
    return gft_stage_run(t, &plan, err);
}

/* ---- the finished model ---- */

static char *training_json(const gft_trainer *t) {
    const graft_train_options *o = t->options;
    json_t *accuracy = json_object();
    json_t *all =
        json_pack("{s:s, s:{s:i, s:i, s:f, s:s, s:s, s:i, s:f, s:s, s:f, s:I}, s:o}", "head",
                  o->head ? o->head : "", "training", "epochs", (int)t->state.total_epochs,
                  "batch_size", (int)o->batch_size, "lr", o->lr, "optimizer", o->optimizer,
                  "fine_tune", o->fine_tune, "fine_tune_epochs", (int)o->fine_tune_epochs,
                  "fine_tune_lr", o->fine_tune_lr, "augment", o->augment, "label_smoothing",
                  o->label_smoothing, "seed", (json_int_t)o->seed, "accuracy", accuracy);
    if (!all)
        return NULL;
    if (t->precision != GRAFT_F32)
        (void)json_object_set_new(json_object_get(all, "training"), "precision",
                                  json_string(o->precision));
    if (isfinite(t->result.train_top1))
        (void)json_object_set_new(accuracy, "train_top1", json_real(t->result.train_top1));
    if (t->has_validation && isfinite(t->state.best_val_loss)) {
        (void)json_object_set_new(accuracy, "val_top1", json_real(t->state.best_val_accuracy));
        (void)json_object_set_new(accuracy, "val_loss", json_real(t->state.best_val_loss));
    }
    char *text = json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(all);
    return text;
}

static graft_status write_model(gft_trainer *t, graft_error *err) {
    graft_status status = GRAFT_OK;
    int32_t classes = graft_dataset_class_count(t->dataset);
    char *extra = training_json(t);
    const char **labels = gft_calloc((size_t)classes + 1, sizeof *labels);
    if (!extra || !labels) {
        status = gft_fail_memory(err, 4096, "model card");
        goto done;
    }
    for (int32_t i = 0; i < classes; i++)
        labels[i] = graft_dataset_class_name(t->dataset, i);
    gft_layers_restore(&t->layers, &t->model->params);
    t->model->has_preprocess = true;
    t->model->preprocess = t->rule;
    t->model->backbone = t->options->backbone;
    GFT_GOTO(gft_model_set_labels(t->model, labels, classes, err));
    GFT_GOTO(gft_model_make_card(t->model, extra, err));
    GFT_GOTO(graft_model_save(t->model, t->options->out,
                              t->options->overwrite || t->options->resume, err));
    GFT_GOTO(gft_tree_remove(t->checkpoint_dir, err));
done:
    free(extra); /* jansson's own allocation */
    gft_free(labels);
    return status;
}

static void tear_down(gft_trainer *t) {
    /* the log is best effort by now: its errors were reported at each epoch's flush */
    if (gft_events_close(t->train_events, NULL) != GRAFT_OK ||
        gft_events_close(t->validation_events, NULL) != GRAFT_OK)
        gft_report_info(t, GRAFT_TRAIN_WARNING,
                        "the last lines of the TensorBoard log may be missing");
    gft_layers_deinit(&t->layers);
    gft_pool_free(t->pool);
    graft_model_free(t->model);
    if (t->checkpoint_dir)
        (void)rmdir(t->checkpoint_dir); /* goes if it is empty: nothing was saved */
    gft_free(t->checkpoint_dir);
    gft_free(t->fingerprint);
}

graft_status graft_train(graft_dataset *dataset, const graft_train_options *options,
                         graft_train_event_fn event, void *context, graft_train_result *result,
                         graft_error *err) {
    graft_status status = GRAFT_OK;
    uint64_t began = gft_clock_ns();
    gft_trainer t = {.options = options, .dataset = dataset, .event = event, .context = context};
    t.result.train_top1 = NAN;
    GFT_GOTO(set_up(&t, err));
    GFT_GOTO(run_stages(&t, err));
    GFT_GOTO(write_model(&t, err));
    t.result.epochs = t.state.total_epochs;
    t.result.val_loss = t.has_validation ? t.state.best_val_loss : NAN;
    t.result.val_top1 = t.has_validation ? t.state.best_val_accuracy : NAN;
    t.result.seconds = (double)(gft_clock_ns() - began) * 1e-9;
    t.result.images_per_s = t.result.seconds > 0 ? (double)t.pictures / t.result.seconds : 0;
    t.result.peak_rss_mb = gft_peak_rss_mb();
    if (result)
        *result = t.result;
done:
    tear_down(&t);
    return status;
}
