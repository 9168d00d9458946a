/*
 * Opening a .tflite file: its buffers, operator codes, signatures and metadata. Subgraphs are
 * tflite_file_graph.c.
 */
#include "flat/tflite_file.h"

#include <string.h>

#include "flat/tflite_file_priv.h"

graft_status gft_tflite_array(gft_tflite_parse *p, uint32_t count, size_t bytes, const char *what,
                              void *out, graft_error *err) {
    if (count > GFT_TFLITE_MAX_ITEMS - p->items)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: more than %u %s and the like",
                        p->file->fb.where, (unsigned)GFT_TFLITE_MAX_ITEMS, what);
    p->items += count;
    void *array = gft_arena_array(&p->file->arena, count, bytes);
    if (!array)
        return gft_fail_memory(err, (unsigned long long)count * bytes, what);
    memcpy(out, &array, sizeof array);
    return GRAFT_OK;
}

graft_status gft_tflite_ints(gft_tflite_parse *p, const gft_fb_table *table, int field,
                             const char *what, int32_t **out, int32_t *count, graft_error *err) {
    gft_fb_vector v;
    GFT_TRY(gft_fb_vector_in(table, field, 4, &v, err));
    GFT_TRY(gft_tflite_array(p, v.count, sizeof **out, what, out, err));
    for (uint32_t i = 0; i < v.count; i++)
        (*out)[i] = gft_fb_vector_i32(&v, i);
    *count = (int32_t)v.count;
    return GRAFT_OK;
}

graft_status gft_tflite_indices(gft_tflite_parse *p, const gft_fb_table *table, int field,
                                const char *what, int32_t lowest, int32_t limit, int32_t **out,
                                int32_t *count, graft_error *err) {
    GFT_TRY(gft_tflite_ints(p, table, field, what, out, count, err));
    for (int32_t i = 0; i < *count; i++) {
        if ((*out)[i] < lowest || (*out)[i] >= limit)
            return gft_fail(err, GRAFT_DATA_LOSS, "%s: %s: there is no tensor %d of %d",
                            p->file->fb.where, what, (*out)[i], limit);
    }
    return GRAFT_OK;
}

/* ---- buffers ---- */

/*
 * Bytes inside the FlatBuffer, or (files beyond 2 GB) behind it, by their place in the file. An
 * offset of 0 or 1 is none.
 */
static graft_status read_buffer(gft_tflite_parse *p, const gft_fb_table *table,
                                gft_tflite_buffer *out, graft_error *err) {
    const gft_fb *fb = &p->file->fb;
    gft_fb_vector data;
    const uint64_t offset = gft_fb_u64(table, GFT_TFLITE_BUFFER_OFFSET, 0);
    const uint64_t size = gft_fb_u64(table, GFT_TFLITE_BUFFER_SIZE, 0);
    GFT_TRY(gft_fb_vector_in(table, GFT_TFLITE_BUFFER_DATA, 1, &data, err));
    *out = (gft_tflite_buffer){data.count > 0 ? data.data : NULL, data.count, false};
    if (data.count > 0 || offset <= 1 || size == 0)
        return GRAFT_OK;
    if (offset > fb->bytes || size > fb->bytes - offset) {
        out->missing = true;
        return GRAFT_OK;
    }
    out->data = fb->data + offset;
    out->bytes = (size_t)size;
    return GRAFT_OK;
}

static graft_status read_buffers(gft_tflite_parse *p, const gft_fb_table *model, graft_error *err) {
    gft_tflite_file *file = p->file;
    gft_fb_vector v;
    GFT_TRY(gft_fb_vector_in(model, GFT_TFLITE_MODEL_BUFFERS, 4, &v, err));
    GFT_TRY(gft_tflite_array(p, v.count, sizeof *file->buffers, "buffers", &file->buffers, err));
    file->buffer_count = (int32_t)v.count;
    for (uint32_t i = 0; i < v.count; i++) {
        gft_fb_table table;
        GFT_TRY(gft_fb_vector_table(&file->fb, &v, i, &table, err));
        GFT_TRY(read_buffer(p, &table, &file->buffers[i], err));
    }
    return GRAFT_OK;
}

/* ---- operator codes ---- */

/* The byte of old files, or the number behind it: whichever is larger. */
static graft_status read_codes(gft_tflite_parse *p, const gft_fb_table *model, graft_error *err) {
    gft_fb_vector v;
    GFT_TRY(gft_fb_vector_in(model, GFT_TFLITE_MODEL_OPERATOR_CODES, 4, &v, err));
    GFT_TRY(gft_tflite_array(p, v.count, sizeof *p->codes, "operator codes", &p->codes, err));
    p->code_count = (int32_t)v.count;
    for (uint32_t i = 0; i < v.count; i++) {
        gft_fb_table table;
        gft_tflite_code *code = &p->codes[i];
        GFT_TRY(gft_fb_vector_table(&p->file->fb, &v, i, &table, err));
        const int32_t old = gft_fb_i8(&table, GFT_TFLITE_OPERATOR_CODE_DEPRECATED_BUILTIN_CODE, 0);
        const int32_t full = gft_fb_i32(&table, GFT_TFLITE_OPERATOR_CODE_BUILTIN_CODE, 0);
        code->op = old > full ? old : full;
        code->version = gft_fb_i32(&table, GFT_TFLITE_OPERATOR_CODE_VERSION, 1);
        if (code->op == GFT_TFLITE_OP_CUSTOM) {
            GFT_TRY(
                gft_fb_string_in(&table, GFT_TFLITE_OPERATOR_CODE_CUSTOM_CODE, &code->custom, err));
            code->custom = code->custom ? code->custom : "";
        }
    }
    return GRAFT_OK;
}

/* ---- signatures, metadata ---- */

static graft_status read_bindings(gft_tflite_parse *p, const gft_fb_table *table, int field,
                                  int32_t tensors, gft_tflite_binding **out, int32_t *count,
                                  graft_error *err) {
    gft_fb_vector v;
    GFT_TRY(gft_fb_vector_in(table, field, 4, &v, err));
    GFT_TRY(gft_tflite_array(p, v.count, sizeof **out, "a signature's tensors", out, err));
    *count = (int32_t)v.count;
    for (uint32_t i = 0; i < v.count; i++) {
        gft_fb_table map;
        GFT_TRY(gft_fb_vector_table(&p->file->fb, &v, i, &map, err));
        GFT_TRY(gft_fb_string_in(&map, GFT_TFLITE_TENSOR_MAP_NAME, &(*out)[i].name, err));
        const uint32_t tensor = gft_fb_u32(&map, GFT_TFLITE_TENSOR_MAP_TENSOR_INDEX, 0);
        if (!(*out)[i].name || tensor >= (uint32_t)tensors)
            return gft_fail(err, GRAFT_DATA_LOSS, "%s: a signature's entry is tensor %u of %d",
                            p->file->fb.where, (unsigned)tensor, tensors);
        (*out)[i].tensor = (int32_t)tensor;
    }
    return GRAFT_OK;
}

static graft_status read_signatures(gft_tflite_parse *p, const gft_fb_table *model,
                                    graft_error *err) {
    gft_tflite_file *file = p->file;
    gft_fb_vector v;
    GFT_TRY(gft_fb_vector_in(model, GFT_TFLITE_MODEL_SIGNATURE_DEFS, 4, &v, err));
    GFT_TRY(gft_tflite_array(p, v.count, sizeof *file->signatures, "signatures", &file->signatures,
                             err));
    file->signature_count = (int32_t)v.count;
    for (uint32_t i = 0; i < v.count; i++) {
        gft_fb_table table;
        gft_tflite_signature *s = &file->signatures[i];
        GFT_TRY(gft_fb_vector_table(&file->fb, &v, i, &table, err));
        GFT_TRY(gft_fb_string_in(&table, GFT_TFLITE_SIGNATURE_DEF_SIGNATURE_KEY, &s->key, err));
        s->key = s->key ? s->key : "";
        const uint32_t subgraph = gft_fb_u32(&table, GFT_TFLITE_SIGNATURE_DEF_SUBGRAPH_INDEX, 0);
        if (subgraph >= (uint32_t)file->subgraph_count)
            return gft_fail(err, GRAFT_DATA_LOSS, "%s: signature '%s' is subgraph %u of %d",
                            file->fb.where, s->key, (unsigned)subgraph, file->subgraph_count);
        s->subgraph = (int32_t)subgraph;
        const int32_t tensors = file->subgraphs[subgraph].tensor_count;
        GFT_TRY(read_bindings(p, &table, GFT_TFLITE_SIGNATURE_DEF_INPUTS, tensors, &s->inputs,
                              &s->input_count, err));
        GFT_TRY(read_bindings(p, &table, GFT_TFLITE_SIGNATURE_DEF_OUTPUTS, tensors, &s->outputs,
                              &s->output_count, err));
    }
    return GRAFT_OK;
}

static graft_status read_metadata(gft_tflite_parse *p, const gft_fb_table *model,
                                  graft_error *err) {
    gft_tflite_file *file = p->file;
    gft_fb_vector v;
    GFT_TRY(gft_fb_vector_in(model, GFT_TFLITE_MODEL_METADATA, 4, &v, err));
    GFT_TRY(gft_tflite_array(p, v.count, sizeof *file->metadata, "metadata", &file->metadata, err));
    file->metadata_count = (int32_t)v.count;
    for (uint32_t i = 0; i < v.count; i++) {
        gft_fb_table table;
        gft_tflite_metadata *m = &file->metadata[i];
        GFT_TRY(gft_fb_vector_table(&file->fb, &v, i, &table, err));
        GFT_TRY(gft_fb_string_in(&table, GFT_TFLITE_METADATA_NAME, &m->name, err));
        m->name = m->name ? m->name : "";
        m->buffer = gft_fb_u32(&table, GFT_TFLITE_METADATA_BUFFER, 0);
        if (m->buffer >= (uint32_t)file->buffer_count)
            return gft_fail(err, GRAFT_DATA_LOSS, "%s: metadata '%s' is buffer %u of %d",
                            file->fb.where, m->name, (unsigned)m->buffer, file->buffer_count);
    }
    return GRAFT_OK;
}

bool gft_tflite_find_metadata(const gft_tflite_file *file, const char *name,
                              gft_tflite_buffer *out) {
    for (int32_t i = 0; i < file->metadata_count; i++) {
        if (strcmp(file->metadata[i].name, name) == 0) {
            *out = file->buffers[file->metadata[i].buffer];
            return out->data != NULL;
        }
    }
    return false;
}

/* ---- the file ---- */

static graft_status read_subgraphs(gft_tflite_parse *p, const gft_fb_table *model,
                                   graft_error *err) {
    gft_tflite_file *file = p->file;
    gft_fb_vector v;
    GFT_TRY(gft_fb_vector_in(model, GFT_TFLITE_MODEL_SUBGRAPHS, 4, &v, err));
    if (v.count == 0)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: no subgraph in it", file->fb.where);
    GFT_TRY(
        gft_tflite_array(p, v.count, sizeof *file->subgraphs, "subgraphs", &file->subgraphs, err));
    file->subgraph_count = (int32_t)v.count;
    for (uint32_t i = 0; i < v.count; i++) {
        gft_fb_table table;
        GFT_TRY(gft_fb_vector_table(&file->fb, &v, i, &table, err));
        GFT_TRY(gft_tflite_parse_subgraph(p, &table, &file->subgraphs[i], err));
    }
    return GRAFT_OK;
}

static graft_status read_model(gft_tflite_file *file, graft_error *err) {
    gft_tflite_parse p = {.file = file};
    gft_fb_table model;
    GFT_TRY(gft_fb_root(&file->fb, GFT_TFLITE_IDENTIFIER, &model, err));
    const uint32_t version = gft_fb_u32(&model, GFT_TFLITE_MODEL_VERSION, 0);
    if (version != GFT_TFLITE_VERSION)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: schema version %u, expected %d",
                        file->fb.where, (unsigned)version, GFT_TFLITE_VERSION);
    GFT_TRY(gft_fb_string_in(&model, GFT_TFLITE_MODEL_DESCRIPTION, &file->description, err));
    GFT_TRY(read_buffers(&p, &model, err));
    GFT_TRY(read_codes(&p, &model, err));
    GFT_TRY(read_subgraphs(&p, &model, err));
    GFT_TRY(read_signatures(&p, &model, err));
    GFT_TRY(read_metadata(&p, &model, err));
    return gft_fb_check(&file->fb, err);
}

graft_status gft_tflite_file_open_memory(const void *data, size_t bytes, const char *where,
                                         gft_tflite_file *out, graft_error *err) {
    *out = (gft_tflite_file){.fb = gft_fb_make(data, bytes, where)};
    gft_arena_init(&out->arena);
    graft_status status = read_model(out, err);
    if (status != GRAFT_OK)
        gft_tflite_file_close(out);
    return status;
}

graft_status gft_tflite_file_open(const char *path, gft_tflite_file *out, graft_error *err) {
    gft_map map;
    GFT_TRY(gft_map_open(path, &map, err));
    *out = (gft_tflite_file){.map = map, .fb = gft_fb_make(map.data, map.bytes, path)};
    gft_arena_init(&out->arena);
    const char *where = gft_arena_strdup(&out->arena, path);
    graft_status status;
    if (!where) {
        status = gft_fail_memory(err, strlen(path) + 1, "a file name");
    } else {
        out->fb.where = where;
        status = read_model(out, err);
    }
    if (status != GRAFT_OK)
        gft_tflite_file_close(out);
    return status;
}

void gft_tflite_file_close(gft_tflite_file *file) {
    gft_arena_deinit(&file->arena);
    if (file->map.bytes > 0)
        gft_map_close(&file->map);
    *file = (gft_tflite_file){.fb = {0}};
}
