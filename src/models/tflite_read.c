/*
 * Reading a .tflite file: its signatures (or, in files without, subgraph 0 as serving_default),
 * labels, normalisation and card. The file stays mapped while the model lives: constants and
 * parameters point into it.
 */
#include "models/tflite_read.h"

#include <string.h>

#include "base/alloc.h"

#define BUDGET_FLOOR ((size_t)64 << 20)
#define MAX_ENDS 4096 /* inputs or outputs of a file without signatures */

static const char DEFAULT_KEY[] = "serving_default";

/* What the model keeps open. */
typedef struct kept_file {
    gft_tflite_file file;
    gft_arena arena;
} kept_file;

static void close_file(void *object) {
    kept_file *kept = object;
    gft_tflite_file_close(&kept->file);
    gft_arena_deinit(&kept->arena);
    gft_free(kept);
}

/* A file by its path, or (path NULL) bytes that the caller keeps. */
typedef struct source {
    const char *path;
    const void *data;
    size_t bytes;
    const char *where;
} source;

static graft_status open_file(gft_tfl_reader *r, const source *from, graft_error *err) {
    kept_file *kept = gft_calloc(1, sizeof *kept);
    if (!kept)
        return gft_fail_memory(err, sizeof *kept, "a .tflite file");
    gft_arena_init(&kept->arena);
    graft_status status = from->path ? gft_tflite_file_open(from->path, &kept->file, err)
                                     : gft_tflite_file_open_memory(from->data, from->bytes,
                                                                   from->where, &kept->file, err);
    if (status != GRAFT_OK) {
        close_file(kept);
        return status;
    }
    GFT_TRY(gft_model_keep_open(r->model, close_file, kept, err));
    r->file = &kept->file;
    r->arena = &kept->arena;
    const size_t bytes = kept->file.fb.bytes;
    r->budget_bytes = BUDGET_FLOOR + (bytes < SIZE_MAX / 32 ? 16 * bytes : SIZE_MAX / 2);
    const size_t buffers = (size_t)kept->file.buffer_count;
    r->first_param = gft_arena_array(r->arena, buffers, sizeof *r->first_param);
    if (!r->first_param)
        return gft_fail_memory(err, buffers * sizeof *r->first_param, "buffers");
    for (size_t i = 0; i < buffers; i++)
        r->first_param[i] = -1;
    return GRAFT_OK;
}

/* Tensors of a subgraph by their names; one without, or with another's name, gets its number. */
static graft_status name_ends(gft_tfl_reader *r, const int32_t *tensors, int32_t count,
                              const char *kind, gft_tflite_binding **out, graft_error *err) {
    if (count > MAX_ENDS)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: more than %d %ss", r->file->fb.where,
                        MAX_ENDS, kind);
    *out = gft_arena_array(r->arena, (size_t)count, sizeof **out);
    if (!*out)
        return gft_fail_memory(err, (size_t)count * sizeof **out, "a signature");
    for (int32_t i = 0; i < count; i++) {
        const char *name =
            gft_tfl_plain_name(r->arena, r->file->subgraphs[0].tensors[tensors[i]].name);
        bool taken = !name || !*name;
        for (int32_t k = 0; k < i && !taken; k++)
            taken = strcmp((*out)[k].name, name) == 0;
        if (taken)
            name = gft_arena_format(r->arena, "%s_%d", kind, i);
        if (!name)
            return gft_fail_memory(err, 64, "a name");
        (*out)[i] = (gft_tflite_binding){name, tensors[i]};
    }
    return GRAFT_OK;
}

static graft_status read_unsigned(gft_tfl_reader *r, graft_error *err) {
    const gft_tflite_subgraph *s = &r->file->subgraphs[0];
    gft_tflite_signature signature = {
        .key = DEFAULT_KEY, .input_count = s->input_count, .output_count = s->output_count};
    GFT_TRY(name_ends(r, s->inputs, s->input_count, "input", &signature.inputs, err));
    GFT_TRY(name_ends(r, s->outputs, s->output_count, "output", &signature.outputs, err));
    return gft_tfl_read_signature(r, &signature, err);
}

/* serving_default first, the others as they come. */
static graft_status read_signatures(gft_tfl_reader *r, graft_error *err) {
    const gft_tflite_file *file = r->file;
    int32_t first = -1;
    if (file->signature_count == 0)
        return read_unsigned(r, err);
    for (int32_t i = 0; i < file->signature_count && first < 0; i++) {
        if (strcmp(file->signatures[i].key, DEFAULT_KEY) == 0)
            first = i;
    }
    if (first >= 0)
        GFT_TRY(gft_tfl_read_signature(r, &file->signatures[first], err));
    for (int32_t i = 0;
         i < file->signature_count && r->model->signature_count < GFT_MODEL_MAX_SIGNATURES; i++) {
        if (i != first)
            GFT_TRY(gft_tfl_read_signature(r, &file->signatures[i], err));
    }
    return GRAFT_OK;
}

static graft_status read_all(gft_tfl_reader *r, const source *from, graft_error *err) {
    GFT_TRY(open_file(r, from, err));
    GFT_TRY(read_signatures(r, err));
    return gft_tfl_read_metadata(r, err);
}

static graft_status read_source(const source *from, graft_model **out, graft_error *err) {
    gft_tfl_reader r = {.file = NULL};
    GFT_TRY(gft_model_new(&r.model, err));
    const graft_status status = read_all(&r, from, err);
    gft_free(r.params);
    if (status == GRAFT_OK)
        *out = r.model;
    else
        graft_model_free(r.model);
    return status;
}

graft_status gft_tflite_read(const char *path, graft_model **out, graft_error *err) {
    const source from = {.path = path};
    return read_source(&from, out, err);
}

graft_status gft_tflite_read_memory(const void *data, size_t bytes, const char *where,
                                    graft_model **out, graft_error *err) {
    const source from = {.data = data, .bytes = bytes, .where = where};
    return read_source(&from, out, err);
}
