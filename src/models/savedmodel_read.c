/*
 * Reading a SavedModel directory: the meta graph tagged "serve" (or the only one), the checkpoint
 * beside it, every signature, labels and card. Files stay mapped while the model lives: constants
 * and parameters point into them.
 */
#include "models/savedmodel_read.h"

#include <string.h>

#include "base/alloc.h"

#define MAX_LABEL_BYTES ((size_t)16 << 20)
#define MAX_CARD_BYTES ((size_t)4 << 20)

/* What the model keeps open. */
typedef struct kept_file {
    gft_saved_model file;
    gft_arena arena;
} kept_file;

static void close_file(void *object) {
    kept_file *kept = object;
    gft_saved_model_free(&kept->file);
    gft_arena_deinit(&kept->arena);
    gft_free(kept);
}

static void close_bundle(void *object) {
    gft_bundle_close(object);
}

static graft_status check_bundle(void *object, size_t most, graft_error *err) {
    return gft_bundle_check_mapped(object, most, err);
}

static graft_status open_file(gft_sm_reader *r, graft_error *err) {
    kept_file *kept = gft_calloc(1, sizeof *kept);
    if (!kept)
        return gft_fail_memory(err, sizeof *kept, "a SavedModel");
    gft_arena_init(&kept->arena);
    graft_status status = gft_saved_model_open(r->dir, &kept->file, err);
    if (status != GRAFT_OK) {
        close_file(kept);
        return status;
    }
    GFT_TRY(gft_model_keep_open(r->model, close_file, kept, err));
    r->arena = &kept->arena;
    r->map = &kept->file.file.map;
    return gft_saved_model_meta_graph(&kept->file, "serve", &r->meta, err);
}

static graft_status open_checkpoint(gft_sm_reader *r, graft_error *err) {
    graft_status status = GRAFT_OK;
    char *prefix = gft_path_join(r->dir, "variables/variables");
    char *index = prefix ? gft_format("%s.index", prefix) : NULL;
    if (!index)
        status = gft_fail_memory(err, strlen(r->dir), "a file name");
    else if (gft_file_exists(index))
        status = gft_bundle_open(prefix, &r->bundle, err);
    gft_free(prefix);
    gft_free(index);
    if (status != GRAFT_OK || !r->bundle)
        return status;
    return gft_model_keep_checked(r->model, close_bundle, check_bundle, r->bundle, err);
}

typedef Tensorflow__MetaGraphDef__SignatureDefEntry signature_entry;

/*
 * serving_default comes first, then the others in the order of their names; marks such as
 * __saved_model_init_op are left.
 */
static int32_t choose_signatures(const gft_sm_reader *r,
                                 const signature_entry *chosen[GFT_MODEL_MAX_SIGNATURES]) {
    const Tensorflow__MetaGraphDef *meta = r->meta;
    int32_t count = 0;
    for (size_t i = 0; i < meta->n_signature_def && count == 0; i++) {
        if (strcmp(meta->signature_def[i]->key, "serving_default") == 0 &&
            meta->signature_def[i]->value)
            chosen[count++] = meta->signature_def[i];
    }
    const char *last = NULL;
    while (count < GFT_MODEL_MAX_SIGNATURES) {
        const signature_entry *next = NULL;
        for (size_t i = 0; i < meta->n_signature_def; i++) {
            const signature_entry *e = meta->signature_def[i];
            if (e->value && (!last || strcmp(e->key, last) > 0) &&
                (!next || strcmp(e->key, next->key) < 0) &&
                strcmp(e->key, "serving_default") != 0 && strncmp(e->key, "__saved_model", 13) != 0)
                next = e;
        }
        if (!next)
            break;
        last = next->key;
        chosen[count++] = next;
    }
    return count;
}

/* A reusable SavedModel has no signature, but a function that is called. */
static graft_status read_called(gft_sm_reader *r, graft_error *err) {
    gft_sm_ends ends;
    bool found;
    GFT_TRY(gft_sm_called_ends(r, &ends, &found, err));
    if (!found)
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "%s: neither a signature nor a function __call__ in it; save it again with "
                        "a signature",
                        r->dir);
    static const char *const name = "serving_default";
    return gft_sm_read_signatures(r, &name, &ends, 1, err);
}

static graft_status read_signatures(gft_sm_reader *r, graft_error *err) {
    const signature_entry *chosen[GFT_MODEL_MAX_SIGNATURES];
    const char *names[GFT_MODEL_MAX_SIGNATURES];
    gft_sm_ends ends[GFT_MODEL_MAX_SIGNATURES];
    const int32_t count = choose_signatures(r, chosen);
    if (count == 0)
        return read_called(r, err);
    for (int32_t i = 0; i < count; i++) {
        names[i] = chosen[i]->key;
        GFT_TRY(gft_sm_ends_of(r, chosen[i]->value, &ends[i], err));
    }
    return gft_sm_read_signatures(r, names, ends, count, err);
}

/* The whole text of DIR/name; *text NULL if there is no such file. gft_free it. */
static graft_status read_text(gft_sm_reader *r, const char *name, size_t most, char **text,
                              graft_error *err) {
    uint8_t *bytes = NULL;
    size_t count = 0;
    *text = NULL;
    char *path = gft_path_join(r->dir, name);
    if (!path)
        return gft_fail_memory(err, strlen(r->dir), "a file name");
    graft_status status = GRAFT_OK;
    if (gft_file_exists(path))
        status = gft_file_read(path, most, &bytes, &count, err);
    if (status == GRAFT_OK && bytes && strlen((const char *)bytes) != count)
        status = gft_fail(err, GRAFT_DATA_LOSS, "%s: a zero byte in it, expected text", path);
    gft_free(path);
    if (status != GRAFT_OK)
        gft_free(bytes);
    else
        *text = (char *)bytes;
    return status;
}

/* assets/labels.txt: a label a line. */
static graft_status read_labels(gft_sm_reader *r, graft_error *err) {
    char *text;
    GFT_TRY(read_text(r, "assets/labels.txt", MAX_LABEL_BYTES, &text, err));
    if (!text)
        return GRAFT_OK;
    graft_status status = gft_model_set_label_lines(r->model, text, err);
    gft_free(text);
    return status;
}

static graft_status read_card(gft_sm_reader *r, graft_error *err) {
    char *text;
    GFT_TRY(read_text(r, "assets.extra/graft.json", MAX_CARD_BYTES, &text, err));
    if (!text)
        return GRAFT_OK;
    graft_status status = gft_model_set_card(r->model, text, "assets.extra/graft.json", err);
    gft_free(text);
    return status;
}

static graft_status read_all(gft_sm_reader *r, graft_error *err) {
    GFT_TRY(open_file(r, err));
    GFT_TRY(gft_sm_open_graph(r, err));
    GFT_TRY(open_checkpoint(r, err));
    GFT_TRY(gft_sm_open_variables(r, err));
    GFT_TRY(gft_sm_open_tables(r, err));
    GFT_TRY(read_signatures(r, err));
    GFT_TRY(read_labels(r, err));
    return read_card(r, err);
}

graft_status gft_savedmodel_read(const char *dir, graft_model **out, graft_error *err) {
    gft_sm_reader r = {.dir = dir};
    GFT_TRY(gft_model_new(&r.model, err));
    graft_status status = read_all(&r, err);
    gft_free(r.frames);
    if (status == GRAFT_OK)
        *out = r.model;
    else
        graft_model_free(r.model);
    return status;
}
