/*
 * HDF5 attributes: in the object header, or, where there are many or long ones, in a fractal heap
 * (specification, IV.A.2.m and v).
 */
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "formats/hdf5_file_priv.h"

#define MAX_TEXTS 1000000
#define MAX_PARTS 1000
#define MAX_TEXT_BYTES ((size_t)256 << 20) /* of one list: elements may share one text */

/* A parsed attribute message: its parts, borrowed. */
typedef struct attribute {
    const uint8_t *name, *type, *space, *data;
    size_t name_bytes, type_bytes, space_bytes, data_bytes;
    bool shared_type;
} attribute;

static graft_status take_part(gft_cursor *c, size_t bytes, bool padded, const uint8_t **out,
                              graft_error *err) {
    return gft_cursor_take(c, padded ? gft_size_align(bytes, 8) : bytes, out, "an attribute", err);
}

static graft_status parse(const gft_hdf5 *file, const uint8_t *data, size_t bytes, attribute *out,
                          graft_error *err) {
    gft_cursor c = gft_cursor_make(data, bytes, file->where);
    uint8_t version;
    uint8_t flags;
    uint16_t sizes[3];
    GFT_TRY(gft_cursor_u8(&c, &version, "an attribute", err));
    GFT_TRY(gft_cursor_u8(&c, &flags, "an attribute", err));
    if (version < 1 || version > 3)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: HDF5 attribute of version %d", file->where,
                        version);
    for (int i = 0; i < 3; i++)
        GFT_TRY(gft_cursor_u16(&c, &sizes[i], "an attribute", err));
    if (version == 3)
        GFT_TRY(gft_hdf5_skip(&c, 1, "an attribute", err));
    const bool padded = version == 1;
    GFT_TRY(take_part(&c, sizes[0], padded, &out->name, err));
    GFT_TRY(take_part(&c, sizes[1], padded, &out->type, err));
    GFT_TRY(take_part(&c, sizes[2], padded, &out->space, err));
    out->name_bytes = sizes[0];
    out->type_bytes = sizes[1];
    out->space_bytes = sizes[2];
    out->data = c.data + c.at;
    out->data_bytes = gft_cursor_left(&c);
    out->shared_type = version > 1 && (flags & 1);
    if (version > 1 && (flags & 2))
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: shared HDF5 dataspaces", file->where);
    return GRAFT_OK;
}

/* The attribute looked for, and what was found. */
typedef struct search {
    const gft_hdf5 *file;
    const char *name;
    const gft_hdf5_fractal *heap;
    bool found;
    attribute attribute;
} search;

static graft_status look(search *s, const uint8_t *data, size_t bytes, graft_error *err) {
    attribute a;
    if (s->found)
        return GRAFT_OK;
    GFT_TRY(parse(s->file, data, bytes, &a, err));
    const size_t length = strlen(s->name);
    if (a.name_bytes > length && memcmp(a.name, s->name, length) == 0 && a.name[length] == 0) {
        s->found = true;
        s->attribute = a;
    }
    return GRAFT_OK;
}

/* A record of the name index: heap id, flags, creation order, hash. */
static graft_status look_record(void *context, const uint8_t *record, size_t bytes,
                                graft_error *err) {
    search *s = context;
    const uint8_t *data;
    size_t size;
    if (s->found)
        return GRAFT_OK;
    if (bytes < 10)
        return gft_hdf5_damaged(s->file, err, "records of %zu bytes for attributes", bytes);
    if (record[bytes - 9] & 2)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: shared HDF5 attributes", s->file->where);
    GFT_TRY(gft_hdf5_fractal_get(s->file, s->heap, record, bytes - 9, &data, &size, err));
    return look(s, data, size, err);
}

static graft_status look_dense(search *s, const gft_hdf5_message *info, graft_error *err) {
    gft_hdf5_fractal heap;
    uint64_t names;
    bool any;
    GFT_TRY(gft_hdf5_dense_open(s->file, info, 2, "attributes", &any, &heap, &names, err));
    if (!any)
        return GRAFT_OK;
    s->heap = &heap;
    return gft_hdf5_btree2(s->file, names, look_record, s, err);
}

static graft_status find(const gft_hdf5_header *header, search *s, graft_error *err) {
    for (size_t i = 0; i < header->count && !s->found; i++) {
        const gft_hdf5_message *m = &header->messages[i];
        if (m->type == GFT_HDF5_ATTRIBUTE && !(m->flags & 2))
            GFT_TRY(look(s, m->data, m->bytes, err));
    }
    const gft_hdf5_message *info = gft_hdf5_message_of(header, GFT_HDF5_ATTRIBUTE_INFO);
    return s->found || !info ? GRAFT_OK : look_dense(s, info, err);
}

static graft_status find_in(const gft_hdf5 *file, const gft_hdf5_header *header, const char *name,
                            gft_arena *arena, bool *found, graft_tensor *out, graft_error *err) {
    search s = {.file = file, .name = name};
    gft_hdf5_space space;
    gft_hdf5_type type;
    GFT_TRY(find(header, &s, err));
    *found = s.found;
    if (!s.found)
        return GRAFT_OK;
    const attribute *a = &s.attribute;
    GFT_TRY(gft_hdf5_space_parse(file, a->space, a->space_bytes, &space, err));
    GFT_TRY(gft_hdf5_type_parse(file, a->type, a->type_bytes, a->shared_type, &type, err));
    return gft_hdf5_convert(file, &type, &space, a->data, a->data_bytes, arena, out, err);
}

graft_status gft_hdf5_attribute(const gft_hdf5 *file, gft_hdf5_object object, const char *name,
                                gft_arena *arena, bool *found, graft_tensor *out,
                                graft_error *err) {
    gft_arena scratch;
    gft_hdf5_header header;
    gft_arena_init(&scratch);
    graft_status status = gft_hdf5_header_read(file, object, &scratch, &header, err);
    if (status == GRAFT_OK)
        status = find_in(file, &header, name, arena, found, out, err);
    gft_arena_deinit(&scratch);
    return status;
}

/* ---- texts ---- */

static graft_status to_texts(const gft_hdf5 *file, const char *name, const graft_tensor *tensor,
                             gft_arena *arena, const char ***out, size_t *count, graft_error *err) {
    if (tensor->desc.dtype != GRAFT_STRING && tensor->bytes > 0)
        return gft_hdf5_damaged(file, err, "attribute '%s' holds %s, expected text", name,
                                graft_dtype_name(tensor->desc.dtype));
    const graft_string_view *views = tensor->data;
    const size_t n = tensor->desc.dtype == GRAFT_STRING ? tensor->bytes / sizeof *views : 0;
    const char **texts = gft_arena_array(arena, n, sizeof *texts);
    if (!texts)
        return gft_fail_memory(err, n * sizeof *texts, "texts");
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        total += views[i].bytes;
        if (total > MAX_TEXT_BYTES)
            return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: more than %zu bytes in '%s'",
                            file->where, MAX_TEXT_BYTES, name);
        texts[i] = gft_arena_strndup(arena, views[i].data, views[i].bytes);
        if (!texts[i])
            return gft_fail_memory(err, views[i].bytes, "a text");
    }
    *out = texts;
    *count = n;
    return GRAFT_OK;
}

graft_status gft_hdf5_text(const gft_hdf5 *file, gft_hdf5_object object, const char *name,
                           gft_arena *arena, const char **out, graft_error *err) {
    graft_tensor tensor;
    bool found;
    const char **texts;
    size_t count;
    *out = NULL;
    GFT_TRY(gft_hdf5_attribute(file, object, name, arena, &found, &tensor, err));
    if (!found)
        return GRAFT_OK;
    GFT_TRY(to_texts(file, name, &tensor, arena, &texts, &count, err));
    if (count != 1)
        return gft_hdf5_damaged(file, err, "attribute '%s' has %zu texts, expected one", name,
                                count);
    *out = texts[0];
    return GRAFT_OK;
}

/* Attributes name0, name1, ... behind each other. */
static graft_status join_parts(const gft_hdf5 *file, const gft_hdf5_header *header,
                               const char *name, gft_arena *arena, bool *found, const char ***out,
                               size_t *count, graft_error *err) {
    const char **all = NULL;
    size_t total = 0;
    for (int part = 0; part < MAX_PARTS; part++) {
        char key[128];
        graft_tensor tensor;
        const char **texts;
        size_t more;
        bool there;
        (void)snprintf(key, sizeof key, "%s%d", name, part);
        GFT_TRY(find_in(file, header, key, arena, &there, &tensor, err));
        if (!there)
            break;
        *found = true;
        GFT_TRY(to_texts(file, key, &tensor, arena, &texts, &more, err));
        if (total + more > MAX_TEXTS)
            return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: more than %d texts in '%s'",
                            file->where, MAX_TEXTS, name);
        const char **joined = gft_arena_array(arena, total + more, sizeof *joined);
        if (!joined)
            return gft_fail_memory(err, (total + more) * sizeof *joined, "texts");
        if (total)
            memcpy(joined, all, total * sizeof *joined);
        if (more)
            memcpy(joined + total, texts, more * sizeof *joined);
        all = joined;
        total += more;
    }
    *out = all;
    *count = total;
    return GRAFT_OK;
}

static graft_status text_list(const gft_hdf5 *file, const gft_hdf5_header *header, const char *name,
                              gft_arena *arena, bool *found, const char ***out, size_t *count,
                              graft_error *err) {
    graft_tensor tensor;
    GFT_TRY(find_in(file, header, name, arena, found, &tensor, err));
    return *found ? to_texts(file, name, &tensor, arena, out, count, err)
                  : join_parts(file, header, name, arena, found, out, count, err);
}

graft_status gft_hdf5_text_list(const gft_hdf5 *file, gft_hdf5_object object, const char *name,
                                gft_arena *arena, bool *found, const char ***out, size_t *count,
                                graft_error *err) {
    gft_arena scratch;
    gft_hdf5_header header;
    gft_arena_init(&scratch);
    graft_status status = gft_hdf5_header_read(file, object, &scratch, &header, err);
    if (status == GRAFT_OK)
        status = text_list(file, &header, name, arena, found, out, count, err);
    gft_arena_deinit(&scratch);
    return status;
}
