/*
 * Checkpoints on disk (checkpoint.h): keys weights/NAME, best/NAME, slot_0/NAME, slot_1/NAME.
 */
#include "train/checkpoint.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/shape.h"
#include "formats/bundle.h"

#define STATE_MAX_BYTES 65536
#define KINDS 4
static const char *const kind_names[KINDS] = {"weights", "best", "slot_0", "slot_1"};

static float *kind_data(const gft_master *m, int kind) {
    float *const data[KINDS] = {m->weights, m->best, m->slots[0], m->slots[1]};
    return data[kind];
}

static graft_status write_bundle(const char *prefix, const gft_master *m, graft_error *err) {
    graft_status status = GRAFT_OK;
    gft_bundle_writer *writer = NULL;
    char *key = NULL;
    GFT_GOTO(gft_bundle_writer_open(prefix, &writer, err));
    for (int kind = 0; kind < KINDS; kind++) {
        const float *data = kind_data(m, kind);
        for (int32_t i = 0; data && i < m->count; i++) {
            const gft_param *p = &m->params->items[m->ids[i]];
            size_t bytes = (size_t)gft_shape_elems(&p->desc.shape) * sizeof(float);
            gft_free(key);
            key = gft_format("%s/%s", kind_names[kind], p->name);
            if (!key) {
                status = gft_fail_memory(err, 64, "checkpoint key");
                goto done;
            }
            GFT_GOTO(
                gft_bundle_writer_add(writer, key, &p->desc, data + m->offsets[i], bytes, err));
        }
    }
    status = gft_bundle_writer_commit(writer, err);
    writer = NULL;
done:
    gft_bundle_writer_abort(writer);
    gft_free(key);
    return status;
}

/* JSON has no infinity: a loss that is not finite yet is left out and read back as infinity. */
static void set_real(json_t *o, const char *key, double value) {
    if (isfinite(value))
        (void)json_object_set_new(o, key, json_real(value));
}

static double get_real(const json_t *o, const char *key) {
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : INFINITY;
}

static char *state_text(const gft_train_state *s, const char *fingerprint, const char *prefix) {
    json_t *o =
        json_pack("{s:s, s:s, s:i, s:i, s:i, s:b, s:i, s:I, s:I}", "checkpoint", prefix, "settings",
                  fingerprint, "stage", s->stage, "epoch", s->epoch, "total_epochs",
                  s->total_epochs, "stage_done", (int)s->stage_done, "wait", s->wait, "iterations",
                  (json_int_t)s->iterations, "global_step", (json_int_t)s->global_step);
    if (!o)
        return NULL;
    set_real(o, "best_val_loss", s->best_val_loss);
    set_real(o, "best_val_accuracy", s->best_val_accuracy);
    set_real(o, "stage_start_val_loss", s->stage_start_val_loss);
    set_real(o, "train_loss", s->train_loss);
    set_real(o, "train_accuracy", s->train_accuracy);
    set_real(o, "loss_scale", s->loss_scale.scale);
    (void)json_object_set_new(o, "loss_scale_good", json_integer(s->loss_scale.good));
    char *text = json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    json_decref(o);
    return text;
}

/*
 * Everything in dir that is not of the checkpoint that counts is from one before it, or from a
 * killed write.
 */
static void drop_others(const char *dir, const char *prefix) {
    gft_dir_entry *entries = NULL;
    size_t count = 0;
    if (gft_dir_list(dir, &entries, &count, NULL) != GRAFT_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        const char *name = entries[i].name;
        if (strncmp(name, "epoch-", 6) != 0 || strncmp(name, prefix, strlen(prefix)) == 0)
            continue;
        char *path = gft_path_join(dir, name);
        if (path)
            (void)remove(path);
        gft_free(path);
    }
    gft_dir_list_free(entries, count);
}

graft_status gft_checkpoint_write(const char *dir, const gft_train_state *state,
                                  const char *fingerprint, const gft_master *master,
                                  graft_error *err) {
    graft_status status = GRAFT_OK;
    char name[48];
    (void)snprintf(name, sizeof name, "epoch-%d-%05d.", (int)state->stage, (int)state->epoch);
    char *prefix = gft_format("%s/%.*s", dir, (int)strlen(name) - 1, name);
    char *path = gft_path_join(dir, "state.json");
    char *text = state_text(state, fingerprint, name);
    if (!prefix || !path || !text) {
        status = gft_fail_memory(err, STATE_MAX_BYTES, "checkpoint");
        goto done;
    }
    GFT_GOTO(gft_dir_make(dir, err));
    GFT_GOTO(write_bundle(prefix, master, err));
    GFT_GOTO(gft_file_write(path, text, strlen(text), err));
    drop_others(dir, name);
done:
    gft_free(prefix);
    gft_free(path);
    free(text); /* jansson's own allocation */
    return status;
}

static graft_status load_state(const char *dir, json_t **out, bool *found, graft_error *err) {
    graft_status status = GRAFT_OK;
    uint8_t *text = NULL;
    size_t bytes;
    json_error_t where;
    char *path = gft_path_join(dir, "state.json");
    *out = NULL;
    if (!path)
        return gft_fail_memory(err, strlen(dir), "path");
    *found = gft_file_exists(path);
    if (!*found)
        goto done;
    GFT_GOTO(gft_file_read(path, STATE_MAX_BYTES, &text, &bytes, err));
    *out = json_loadb((const char *)text, bytes, JSON_REJECT_DUPLICATES, &where);
    if (!json_is_object(*out) || !json_is_string(json_object_get(*out, "checkpoint")) ||
        !json_is_string(json_object_get(*out, "settings"))) {
        json_decref(*out);
        *out = NULL;
        status =
            gft_fail(err, GRAFT_DATA_LOSS,
                     "%s: is no checkpoint state (JSON with 'checkpoint' and 'settings')", path);
    }
done:
    gft_free(text);
    gft_free(path);
    return status;
}

static bool get_integer(const json_t *o, const char *key, int64_t max, int64_t *out) {
    const json_t *v = json_object_get(o, key);
    if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > max)
        return false;
    *out = json_integer_value(v);
    return true;
}

static bool parse_state(const json_t *o, gft_train_state *s) {
    int64_t stage, epoch, total, wait;
    if (!get_integer(o, "stage", 1 << 20, &stage) || !get_integer(o, "epoch", 1 << 30, &epoch) ||
        !get_integer(o, "total_epochs", 1 << 30, &total) ||
        !get_integer(o, "wait", 1 << 30, &wait) ||
        !get_integer(o, "iterations", INT64_MAX, &s->iterations) ||
        !get_integer(o, "global_step", INT64_MAX, &s->global_step))
        return false;
    s->stage = (int32_t)stage;
    s->epoch = (int32_t)epoch;
    s->total_epochs = (int32_t)total;
    s->wait = (int32_t)wait;
    s->stage_done = json_is_true(json_object_get(o, "stage_done"));
    s->best_val_loss = get_real(o, "best_val_loss");
    s->best_val_accuracy = get_real(o, "best_val_accuracy");
    s->stage_start_val_loss = get_real(o, "stage_start_val_loss");
    s->train_loss = get_real(o, "train_loss");
    s->train_accuracy = get_real(o, "train_accuracy");
    s->loss_scale = gft_loss_scale_first(); /* checkpoints from before there was one */
    int64_t good;
    if (get_integer(o, "loss_scale_good", GFT_LOSS_SCALE_GROWTH_STEPS, &good)) {
        double scale = get_real(o, "loss_scale");
        if (!(scale > 0) || !isfinite(scale))
            return false;
        s->loss_scale = (gft_loss_scale){scale, (int32_t)good};
    }
    return true;
}

graft_status gft_checkpoint_read(const char *dir, const char *fingerprint, gft_train_state *state,
                                 bool *found, graft_error *err) {
    json_t *o;
    graft_status status = GRAFT_OK;
    gft_train_state s = {0};
    GFT_TRY(load_state(dir, &o, found, err));
    if (!*found)
        return GRAFT_OK;
    const char *settings = json_string_value(json_object_get(o, "settings"));
    if (strcmp(settings, fingerprint) != 0)
        status =
            gft_fail(err, GRAFT_FAILED_PRECONDITION,
                     "%s: was made with other settings (%s); now: %s", dir, settings, fingerprint);
    else if (!parse_state(o, &s))
        status = gft_fail(err, GRAFT_DATA_LOSS,
                          "%s/state.json: a counter is missing or out of range", dir);
    else
        *state = s;
    json_decref(o);
    return status;
}

static graft_status load_tensor(gft_bundle *bundle, const char *key, const gft_param *p, float *out,
                                graft_error *err) {
    gft_arena arena;
    graft_tensor tensor;
    const gft_bundle_entry *entry = gft_bundle_find(bundle, key);
    if (!entry || entry->dtype != GRAFT_F32 || !gft_shape_equal(&entry->shape, &p->desc.shape))
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "checkpoint: no tensor '%s' of the shape of parameter '%s'", key, p->name);
    gft_arena_init(&arena);
    graft_status status = gft_bundle_read(bundle, entry, &arena, &tensor, err);
    if (status == GRAFT_OK)
        memcpy(out, tensor.data, tensor.bytes);
    gft_arena_deinit(&arena);
    return status;
}

static graft_status load_kinds(gft_bundle *bundle, gft_master *m, graft_error *err) {
    for (int kind = 0; kind < KINDS; kind++) {
        float *data = kind_data(m, kind);
        for (int32_t i = 0; data && i < m->count; i++) {
            const gft_param *p = &m->params->items[m->ids[i]];
            char *key = gft_format("%s/%s", kind_names[kind], p->name);
            graft_status status = key ? load_tensor(bundle, key, p, data + m->offsets[i], err)
                                      : gft_fail_memory(err, 64, "key");
            gft_free(key);
            GFT_TRY(status);
        }
    }
    return GRAFT_OK;
}

graft_status gft_checkpoint_load(const char *dir, gft_master *master, graft_error *err) {
    graft_status status = GRAFT_OK;
    json_t *o;
    bool found;
    gft_bundle *bundle = NULL;
    GFT_TRY(load_state(dir, &o, &found, err));
    if (!found)
        return gft_fail(err, GRAFT_NOT_FOUND, "%s: has no checkpoint", dir);
    const char *name = json_string_value(json_object_get(o, "checkpoint"));
    char *prefix = NULL;
    if (strchr(name, '/') || strlen(name) < 2) {
        status =
            gft_fail(err, GRAFT_DATA_LOSS, "%s/state.json: '%s' names no checkpoint", dir, name);
        goto done;
    }
    prefix = gft_format("%s/%.*s", dir, (int)strlen(name) - 1, name);
    if (!prefix) {
        status = gft_fail_memory(err, strlen(dir), "path");
        goto done;
    }
    GFT_GOTO(gft_bundle_open(prefix, &bundle, err));
    status = load_kinds(bundle, master, err);
done:
    gft_bundle_close(bundle);
    gft_free(prefix);
    json_decref(o);
    return status;
}
