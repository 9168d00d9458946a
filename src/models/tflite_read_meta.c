/*
 * What a .tflite says beside its graph: TFLITE_METADATA (a FlatBuffer of its own, "M001", tflite-
 * support's metadata_schema.fbs) names the label file, which lies in a zip archive behind the
 * model, and how pictures are normalised; graft_card is Graft's card.
 */
#include <string.h>

#include "base/alloc.h"
#include "formats/zip_archive.h"
#include "models/tflite_read.h"

#define METADATA "TFLITE_METADATA"
#define CARD "graft_card"
#define MAX_LABEL_BYTES ((size_t)16 << 20)
#define MAX_TENSORS 64

/* Field ids of that schema. */
enum { MODEL_SUBGRAPHS = 3, MODEL_FILES = 6 };
enum { SUBGRAPH_INPUTS = 2, SUBGRAPH_OUTPUTS = 3, SUBGRAPH_FILES = 4 };
enum { TENSOR_PROCESS_UNITS = 4, TENSOR_FILES = 6 };
enum { FILE_NAME = 0, FILE_TYPE = 2 };
enum { UNIT_OPTIONS_TYPE = 0, UNIT_OPTIONS = 1 };
enum { NORMALIZATION_MEAN = 0, NORMALIZATION_STD = 1 };

enum { TYPE_AXIS_LABELS = 2, TYPE_VALUE_LABELS = 3 }; /* AssociatedFileType */
enum { OPTIONS_NORMALIZATION = 1 };                   /* ProcessUnitOptions */

/* The first label file among a table's associated files; NULL if there is none. */
static graft_status find_labels(gft_fb *fb, const gft_fb_table *table, int field, const char **out,
                                graft_error *err) {
    gft_fb_vector files;
    *out = NULL;
    GFT_TRY(gft_fb_vector_in(table, field, 4, &files, err));
    for (uint32_t i = 0; i < files.count && i < MAX_TENSORS && !*out; i++) {
        gft_fb_table file;
        GFT_TRY(gft_fb_vector_table(fb, &files, i, &file, err));
        const int8_t type = gft_fb_i8(&file, FILE_TYPE, 0);
        if (type == TYPE_AXIS_LABELS || type == TYPE_VALUE_LABELS)
            GFT_TRY(gft_fb_string_in(&file, FILE_NAME, out, err));
    }
    return GRAFT_OK;
}

/* Of the outputs, in their order. */
static graft_status output_labels(gft_fb *fb, const gft_fb_table *subgraph, const char **out,
                                  graft_error *err) {
    gft_fb_vector outputs;
    *out = NULL;
    GFT_TRY(gft_fb_vector_in(subgraph, SUBGRAPH_OUTPUTS, 4, &outputs, err));
    for (uint32_t i = 0; i < outputs.count && i < MAX_TENSORS && !*out; i++) {
        gft_fb_table tensor;
        GFT_TRY(gft_fb_vector_table(fb, &outputs, i, &tensor, err));
        GFT_TRY(find_labels(fb, &tensor, TENSOR_FILES, out, err));
    }
    return GRAFT_OK;
}

/* A name that is not in the archive is passed over: the archive may have been cut off. */
static graft_status read_labels(gft_tfl_reader *r, const char *name, graft_error *err) {
    const gft_fb *file = &r->file->fb;
    gft_zip *zip = NULL;
    uint8_t *text = NULL;
    size_t bytes;
    bool more = true;
    graft_status status;
    if (gft_zip_open_memory(file->data, file->bytes, file->where, &zip, NULL) != GRAFT_OK)
        return GRAFT_OK;
    while (more && !text) {
        gft_zip_entry entry;
        GFT_GOTO(gft_zip_next(zip, &entry, &more, err));
        if (more && !entry.is_dir && strcmp(entry.name, name) == 0)
            GFT_GOTO(gft_zip_read(zip, MAX_LABEL_BYTES, &text, &bytes, err));
    }
    if (text && strlen((const char *)text) != bytes) {
        status = gft_fail(err, GRAFT_DATA_LOSS, "%s: %s: a zero byte in it, expected text",
                          file->where, name);
        goto done;
    }
    if (text)
        status = gft_model_set_label_lines(r->model, (char *)text, err);
done:
    gft_free(text);
    gft_zip_close(zip);
    return status;
}

/* (x - mean) / std: one number, or one per channel. */
static graft_status read_normalization(gft_tfl_reader *r, const gft_fb_table *options,
                                       graft_error *err) {
    gft_fb_vector mean;
    gft_fb_vector std;
    graft_model *model = r->model;
    GFT_TRY(gft_fb_vector_in(options, NORMALIZATION_MEAN, 4, &mean, err));
    GFT_TRY(gft_fb_vector_in(options, NORMALIZATION_STD, 4, &std, err));
    const uint32_t count = mean.count > std.count ? mean.count : std.count;
    if (mean.count == 0 || std.count == 0 || count > 4 ||
        (mean.count != count && mean.count != 1) || (std.count != count && std.count != 1))
        return GRAFT_OK; /* a rule that nothing here can follow */
    for (uint32_t i = 0; i < count; i++) {
        model->normalise_mean[i] = gft_fb_vector_f32(&mean, mean.count == 1 ? 0 : i);
        model->normalise_std[i] = gft_fb_vector_f32(&std, std.count == 1 ? 0 : i);
        if (!(model->normalise_std[i] > 0.0f))
            return gft_fail(err, GRAFT_DATA_LOSS, "a standard deviation that is not positive");
    }
    model->normalise_count = (int32_t)count;
    return GRAFT_OK;
}

/* Of the first input. */
static graft_status input_rule(gft_tfl_reader *r, gft_fb *fb, const gft_fb_table *subgraph,
                               graft_error *err) {
    gft_fb_vector inputs;
    gft_fb_vector units;
    gft_fb_table tensor;
    GFT_TRY(gft_fb_vector_in(subgraph, SUBGRAPH_INPUTS, 4, &inputs, err));
    if (inputs.count == 0)
        return GRAFT_OK;
    GFT_TRY(gft_fb_vector_table(fb, &inputs, 0, &tensor, err));
    GFT_TRY(gft_fb_vector_in(&tensor, TENSOR_PROCESS_UNITS, 4, &units, err));
    for (uint32_t i = 0; i < units.count && i < MAX_TENSORS; i++) {
        gft_fb_table unit;
        gft_fb_table options;
        GFT_TRY(gft_fb_vector_table(fb, &units, i, &unit, err));
        if (gft_fb_u8(&unit, UNIT_OPTIONS_TYPE, 0) != OPTIONS_NORMALIZATION)
            continue;
        GFT_TRY(gft_fb_table_in(&unit, UNIT_OPTIONS, &options, err));
        return read_normalization(r, &options, err);
    }
    return GRAFT_OK;
}

static graft_status read_tflite_metadata(gft_tfl_reader *r, const gft_tflite_buffer *buffer,
                                         graft_error *err) {
    gft_fb fb = gft_fb_make(buffer->data, buffer->bytes, METADATA);
    gft_fb_table model;
    gft_fb_table subgraph;
    gft_fb_vector subgraphs;
    const char *labels = NULL;
    GFT_TRY(gft_fb_root(&fb, "M001", &model, err));
    GFT_TRY(gft_fb_vector_in(&model, MODEL_SUBGRAPHS, 4, &subgraphs, err));
    if (subgraphs.count > 0) {
        GFT_TRY(gft_fb_vector_table(&fb, &subgraphs, 0, &subgraph, err));
        GFT_TRY(output_labels(&fb, &subgraph, &labels, err));
        if (!labels)
            GFT_TRY(find_labels(&fb, &subgraph, SUBGRAPH_FILES, &labels, err));
        GFT_TRY(input_rule(r, &fb, &subgraph, err));
    }
    if (!labels)
        GFT_TRY(find_labels(&fb, &model, MODEL_FILES, &labels, err));
    GFT_TRY(gft_fb_check(&fb, err));
    return labels ? read_labels(r, labels, err) : GRAFT_OK;
}

graft_status gft_tfl_read_metadata(gft_tfl_reader *r, graft_error *err) {
    const char *where = r->file->fb.where;
    gft_tflite_buffer buffer;
    graft_error why;
    if (gft_tflite_find_metadata(r->file, METADATA, &buffer)) {
        const graft_status status = read_tflite_metadata(r, &buffer, &why);
        if (status != GRAFT_OK)
            return gft_fail(err, status, "%s: %s", where, why.message);
    }
    if (gft_tflite_find_metadata(r->file, CARD, &buffer)) {
        const char *card = gft_arena_strndup(r->arena, (const char *)buffer.data, buffer.bytes);
        if (!card)
            return gft_fail_memory(err, buffer.bytes, "a card");
        GFT_TRY(gft_model_set_card(r->model, card, CARD, err));
    }
    return GRAFT_OK;
}
