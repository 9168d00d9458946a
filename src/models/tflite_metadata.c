/*
 * What a TFLite file says about its inputs and outputs: the entry TFLITE_METADATA (a FlatBuffer of
 * its own, identifier "M001", metadata_schema.fbs of TFLite Support) with the labels as a file in a
 * zip archive behind the model, and the entry graft_card with the model's card.
 *
 * The archive is stored, not compressed, and its offsets count from the beginning of the whole
 * file, as Python's zipfile writes them when it appends.
 */
#include <string.h>

#include "flat/flatbuffer_builder.h"
#include "models/tflite_write.h"

#define IDENTIFIER "M001"
#define PARSER "1.0.0"
#define LABELS_FILE "labels.txt"
#define MAX_METADATA_BYTES ((uint64_t)16 << 20)

/* Field ids and enums of metadata_schema.fbs. */
enum { MODEL_NAME = 0, MODEL_DESCRIPTION = 1, MODEL_SUBGRAPHS = 3, MODEL_PARSER = 7 };
enum { SUBGRAPH_INPUTS = 2, SUBGRAPH_OUTPUTS = 3 };
enum {
    TENSOR_NAME = 0,
    TENSOR_DESCRIPTION = 1,
    TENSOR_CONTENT = 3,
    TENSOR_UNITS = 4,
    TENSOR_STATS = 5,
    TENSOR_FILES = 6
};
enum { CONTENT_TYPE = 0, CONTENT_PROPERTIES = 1 };
enum { PROPERTIES_FEATURE = 1, PROPERTIES_IMAGE = 2 };
enum { IMAGE_COLOUR = 0, IMAGE_SIZE = 1, COLOUR_RGB = 1, SIZE_WIDTH = 0, SIZE_HEIGHT = 1 };
enum { UNIT_TYPE = 0, UNIT_OPTIONS = 1, UNIT_NORMALIZATION = 1 };
enum { NORMALIZATION_MEAN = 0, NORMALIZATION_STD = 1, STATS_MAX = 0, STATS_MIN = 1 };
enum { FILE_NAME = 0, FILE_DESCRIPTION = 1, FILE_TYPE = 2, FILE_AXIS_LABELS = 2 };

/* ---- the FlatBuffer ---- */

static bool is_picture(const gft_tflw_tensor *t) {
    return t->shape.rank == 4 && t->shape.dims[3] == 3;
}

static gft_flat_ref put_content(gft_flat_builder *b, const graft_model *model,
                                const gft_tflw_tensor *t, bool picture) {
    gft_flat_ref size = 0;
    if (picture && model->has_preprocess) {
        gft_flat_table(b);
        gft_flat_scalar(b, SIZE_WIDTH, 4, model->preprocess.width, 0);
        gft_flat_scalar(b, SIZE_HEIGHT, 4, model->preprocess.height, 0);
        size = gft_flat_table_end(b);
    } else if (picture && t->shape.dims[1] > 0 && t->shape.dims[2] > 0) {
        gft_flat_table(b);
        gft_flat_scalar(b, SIZE_WIDTH, 4, t->shape.dims[2], 0);
        gft_flat_scalar(b, SIZE_HEIGHT, 4, t->shape.dims[1], 0);
        size = gft_flat_table_end(b);
    }
    gft_flat_table(b);
    if (picture) {
        gft_flat_scalar(b, IMAGE_COLOUR, 1, COLOUR_RGB, 0);
        gft_flat_field_ref(b, IMAGE_SIZE, size);
    }
    const gft_flat_ref properties = gft_flat_table_end(b);
    gft_flat_table(b);
    gft_flat_scalar(b, CONTENT_TYPE, 1, picture ? PROPERTIES_IMAGE : PROPERTIES_FEATURE, 0);
    gft_flat_field_ref(b, CONTENT_PROPERTIES, properties);
    return gft_flat_table_end(b);
}

/* (x - mean) / std of pixels 0..255: what the model says, else pictures as they are. */
typedef struct rule {
    float mean[4], std[4];
    size_t count; /* 0: nothing is known */
} rule;

static rule rule_of(const graft_model *model, bool picture) {
    rule r = {{0.0f}, {1.0f}, picture && model->has_preprocess ? 1 : 0};
    if (picture && model->normalise_count > 0) {
        r.count = (size_t)model->normalise_count;
        memcpy(r.mean, model->normalise_mean, r.count * sizeof *r.mean);
        memcpy(r.std, model->normalise_std, r.count * sizeof *r.std);
    }
    return r;
}

static gft_flat_ref put_normalisation(gft_flat_builder *b, const rule *r) {
    const gft_flat_ref means = gft_flat_put_f32s(b, r->mean, r->count);
    const gft_flat_ref deviations = gft_flat_put_f32s(b, r->std, r->count);
    gft_flat_table(b);
    gft_flat_field_ref(b, NORMALIZATION_MEAN, means);
    gft_flat_field_ref(b, NORMALIZATION_STD, deviations);
    const gft_flat_ref options = gft_flat_table_end(b);
    gft_flat_table(b);
    gft_flat_scalar(b, UNIT_TYPE, 1, UNIT_NORMALIZATION, 0);
    gft_flat_field_ref(b, UNIT_OPTIONS, options);
    const gft_flat_ref unit = gft_flat_table_end(b);
    return gft_flat_put_refs(b, &unit, 1);
}

/* The least and greatest numbers that pictures become. */
static gft_flat_ref put_range(gft_flat_builder *b, const rule *r) {
    float low[4];
    float high[4];
    for (size_t i = 0; i < r->count; i++) {
        low[i] = (0.0f - r->mean[i]) / r->std[i];
        high[i] = (255.0f - r->mean[i]) / r->std[i];
    }
    const gft_flat_ref most = gft_flat_put_f32s(b, high, r->count);
    const gft_flat_ref least = gft_flat_put_f32s(b, low, r->count);
    gft_flat_table(b);
    gft_flat_field_ref(b, STATS_MAX, most);
    gft_flat_field_ref(b, STATS_MIN, least);
    return gft_flat_table_end(b);
}

static gft_flat_ref put_labels(gft_flat_builder *b) {
    const gft_flat_ref name = gft_flat_put_string(b, LABELS_FILE);
    const gft_flat_ref text = gft_flat_put_string(b, "one label a line, in the order of classes");
    gft_flat_table(b);
    gft_flat_field_ref(b, FILE_NAME, name);
    gft_flat_field_ref(b, FILE_DESCRIPTION, text);
    gft_flat_scalar(b, FILE_TYPE, 1, FILE_AXIS_LABELS, 0);
    const gft_flat_ref file = gft_flat_table_end(b);
    return gft_flat_put_refs(b, &file, 1);
}

static gft_flat_ref put_input(gft_flat_builder *b, const graft_model *model,
                              const gft_tflw_binding *input, const gft_tflw_tensor *t) {
    const bool picture = is_picture(t);
    const rule r = rule_of(model, picture);
    const gft_flat_ref name = gft_flat_put_string(b, input->name);
    const gft_flat_ref text = picture ? gft_flat_put_string(b, "an RGB picture") : 0;
    const gft_flat_ref content = put_content(b, model, t, picture);
    const gft_flat_ref units = r.count ? put_normalisation(b, &r) : 0;
    const gft_flat_ref range = r.count ? put_range(b, &r) : 0;
    gft_flat_table(b);
    gft_flat_field_ref(b, TENSOR_NAME, name);
    gft_flat_field_ref(b, TENSOR_DESCRIPTION, text);
    gft_flat_field_ref(b, TENSOR_CONTENT, content);
    gft_flat_field_ref(b, TENSOR_UNITS, units);
    gft_flat_field_ref(b, TENSOR_STATS, range);
    return gft_flat_table_end(b);
}

static gft_flat_ref put_output(gft_flat_builder *b, const graft_model *model,
                               const gft_tflw_binding *output, const gft_tflw_tensor *t,
                               bool labelled) {
    const gft_flat_ref name = gft_flat_put_string(b, output->name);
    const gft_flat_ref content = put_content(b, model, t, false);
    const gft_flat_ref files = labelled ? put_labels(b) : 0;
    gft_flat_table(b);
    gft_flat_field_ref(b, TENSOR_NAME, name);
    gft_flat_field_ref(b, TENSOR_CONTENT, content);
    gft_flat_field_ref(b, TENSOR_FILES, files);
    return gft_flat_table_end(b);
}

/* The first output with a score for every label; -1: none. */
static int32_t labelled_output(const graft_model *model, const gft_tflw_subgraph *g) {
    for (int32_t i = 0; i < g->output_count && model->label_count > 0; i++) {
        const graft_shape *shape = &g->tensors[g->outputs[i].tensor].shape;
        if (shape->rank >= 1 && shape->dims[shape->rank - 1] == model->label_count)
            return i;
    }
    return -1;
}

static graft_status put_all(gft_flat_builder *b, const graft_model *model,
                            const gft_tflw_file *file, gft_flat_ref *items) {
    const gft_tflw_subgraph *g = &file->subgraphs[0];
    const int32_t labelled = labelled_output(model, g);
    for (int32_t i = 0; i < g->output_count; i++)
        items[i] =
            put_output(b, model, &g->outputs[i], &g->tensors[g->outputs[i].tensor], i == labelled);
    const gft_flat_ref outputs = gft_flat_put_refs(b, items, (size_t)g->output_count);
    for (int32_t i = 0; i < g->input_count; i++)
        items[i] = put_input(b, model, &g->inputs[i], &g->tensors[g->inputs[i].tensor]);
    const gft_flat_ref inputs = gft_flat_put_refs(b, items, (size_t)g->input_count);
    gft_flat_table(b);
    gft_flat_field_ref(b, SUBGRAPH_INPUTS, inputs);
    gft_flat_field_ref(b, SUBGRAPH_OUTPUTS, outputs);
    const gft_flat_ref subgraph = gft_flat_table_end(b);
    const gft_flat_ref subgraphs = gft_flat_put_refs(b, &subgraph, 1);
    const gft_flat_ref parser = gft_flat_put_string(b, PARSER);
    const gft_flat_ref text =
        labelled >= 0 ? gft_flat_put_string(b, "A classifier of pictures made by Graft.") : 0;
    const gft_flat_ref name = gft_flat_put_string(b, file->signatures[0].key);
    gft_flat_table(b);
    gft_flat_field_ref(b, MODEL_NAME, name);
    gft_flat_field_ref(b, MODEL_DESCRIPTION, text);
    gft_flat_field_ref(b, MODEL_SUBGRAPHS, subgraphs);
    gft_flat_field_ref(b, MODEL_PARSER, parser);
    const gft_flat_ref root = gft_flat_table_end(b);
    return gft_flat_builder_finish(b, root, IDENTIFIER);
}

static graft_status add_description(const graft_model *model, gft_tflw_file *file,
                                    graft_error *err) {
    const gft_tflw_subgraph *g = &file->subgraphs[0];
    const size_t count =
        (size_t)(g->input_count > g->output_count ? g->input_count : g->output_count);
    gft_flat_ref *items = gft_arena_array(&file->arena, count + 1, sizeof *items);
    if (!items)
        return gft_fail_memory(err, count * sizeof *items, "metadata");
    gft_flat_builder b;
    gft_flat_builder_init(&b, MAX_METADATA_BYTES, err);
    graft_status status = put_all(&b, model, file, items);
    if (status == GRAFT_OK) {
        const size_t bytes = (size_t)gft_flat_builder_bytes(&b);
        void *data = gft_arena_memdup(&file->arena, gft_flat_builder_data(&b), bytes);
        status = data ? gft_tflw_add_metadata(file, "TFLITE_METADATA", data, bytes, err)
                      : gft_fail_memory(err, bytes, "metadata");
    }
    gft_flat_builder_deinit(&b);
    return status;
}

/* One label a line; a line break inside a label becomes a blank. */
static graft_status add_labels(const graft_model *model, gft_tflw_file *file, graft_error *err) {
    size_t bytes = 0;
    for (int32_t i = 0; i < model->label_count; i++)
        bytes += strlen(model->labels[i]) + 1;
    char *text = gft_arena_array(&file->arena, bytes + 1, 1);
    if (!text)
        return gft_fail_memory(err, bytes, "labels");
    char *at = text;
    for (int32_t i = 0; i < model->label_count; i++) {
        for (const char *c = model->labels[i]; *c; c++)
            *at++ = *c == '\n' || *c == '\r' ? ' ' : *c;
        *at++ = '\n';
    }
    file->labels = (gft_tflw_attachment){LABELS_FILE, text, bytes};
    return GRAFT_OK;
}

/* The card, made now if the model has none. */
static graft_status add_card(const graft_model *model, gft_tflw_file *file, graft_error *err) {
    graft_model copy = *model; /* only its card is changed, in an arena of its own */
    gft_arena_init(&copy.arena);
    graft_status status = GRAFT_OK;
    if (!copy.card)
        status = gft_model_make_card(&copy, NULL, err);
    if (status == GRAFT_OK && copy.card) {
        char *text = gft_arena_strdup(&file->arena, copy.card);
        status = text ? gft_tflw_add_metadata(file, "graft_card", text, strlen(text), err)
                      : gft_fail_memory(err, strlen(copy.card), "a card");
    }
    gft_arena_deinit(&copy.arena);
    return status;
}

graft_status gft_tflite_metadata(const graft_model *model, gft_tflw_file *file, graft_error *err) {
    GFT_TRY(add_description(model, file, err));
    if (labelled_output(model, &file->subgraphs[0]) >= 0)
        GFT_TRY(add_labels(model, file, err));
    return add_card(model, file, err);
}

/* ---- the archive ---- */

#define DOS_DATE 0x21 /* 1980-01-01, the earliest there is: the same model gives the same bytes */
#define ZIP_VERSION 20
#define LOCAL_HEADER 0x04034b50u
#define CENTRAL_HEADER 0x02014b50u
#define END_OF_CENTRAL 0x06054b50u

/* CRC-32 of zip and PNG (ISO 3309), bit by bit: labels are small. */
static uint32_t zip_crc(const uint8_t *data, size_t bytes) {
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1u ? 0xedb88320u : 0u);
    }
    return ~crc;
}

typedef struct zip_field {
    size_t bytes;
    uint64_t value;
} zip_field;

static graft_status put_fields(gft_buffer *out, const zip_field *fields, size_t count,
                               graft_error *err) {
    for (size_t i = 0; i < count; i++) {
        uint8_t bytes[4];
        for (size_t k = 0; k < fields[i].bytes; k++)
            bytes[k] = (uint8_t)(fields[i].value >> (8 * k));
        GFT_TRY(gft_buffer_append(out, bytes, fields[i].bytes, err));
    }
    return GRAFT_OK;
}

#define FIELDS(list) list, sizeof list / sizeof list[0]

graft_status gft_tflw_zip(const gft_tflw_file *file, uint64_t at, gft_buffer *out,
                          graft_error *err) {
    const gft_tflw_attachment *a = &file->labels;
    if (!a->name)
        return GRAFT_OK;
    const size_t name_bytes = strlen(a->name);
    const uint32_t crc = zip_crc(a->data, a->bytes);
    const uint64_t central = at + 30 + name_bytes + a->bytes;
    const zip_field local[] = {
        {4, LOCAL_HEADER}, {2, ZIP_VERSION}, {2, 0},        {2, 0},          {2, 0}, {2, DOS_DATE},
        {4, crc},          {4, a->bytes},    {4, a->bytes}, {2, name_bytes}, {2, 0}};
    const zip_field entry[] = {{4, CENTRAL_HEADER},
                               {2, ZIP_VERSION},
                               {2, ZIP_VERSION},
                               {2, 0},
                               {2, 0},
                               {2, 0},
                               {2, DOS_DATE},
                               {4, crc},
                               {4, a->bytes},
                               {4, a->bytes},
                               {2, name_bytes},
                               {2, 0},
                               {2, 0},
                               {2, 0},
                               {2, 0},
                               {4, 0},
                               {4, at}};
    const zip_field end[] = {{4, END_OF_CENTRAL},  {2, 0},       {2, 0}, {2, 1}, {2, 1},
                             {4, 46 + name_bytes}, {4, central}, {2, 0}};
    GFT_TRY(put_fields(out, FIELDS(local), err));
    GFT_TRY(gft_buffer_append(out, a->name, name_bytes, err));
    GFT_TRY(gft_buffer_append(out, a->data, a->bytes, err));
    GFT_TRY(put_fields(out, FIELDS(entry), err));
    GFT_TRY(gft_buffer_append(out, a->name, name_bytes, err));
    return put_fields(out, FIELDS(end), err);
}
