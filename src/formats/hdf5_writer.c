/*
 * What the file will hold, and the pass over it: superblock, datasets, texts, objects.
 */
#include "formats/hdf5_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/shape.h"
#include "base/size.h"
#include "formats/hdf5_writer_priv.h"

#define DATA_ALIGNMENT 64   /* borrowed as they lie, by whoever maps the file */
#define MAX_ATTR_TEXTS 4000 /* 16 bytes each: an attribute is below 64 KB */
#define MAX_NAME 1000       /* of a link or an attribute */
#define MAX_ITEMS (1 << 20)

/* ---- what there is ---- */

static graft_status new_item(gft_hdf5_writer *w, gft_hdf5_node parent, const char *name,
                             size_t length, gft_hdf5_node *out, graft_error *err) {
    if (w->count >= MAX_ITEMS)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "hdf5: more than %d groups and datasets",
                        MAX_ITEMS);
    if (w->count == w->capacity) {
        const int32_t capacity = w->capacity ? w->capacity * 2 : 64;
        gft_hdf5_item *items = gft_realloc(w->items, (size_t)capacity * sizeof *items);
        if (!items)
            return gft_fail_memory(err, (size_t)capacity * sizeof *items, "an HDF5 file");
        w->items = items;
        w->capacity = capacity;
    }
    const char *copy = gft_arena_strndup(&w->arena, name, length);
    if (!copy)
        return gft_fail_memory(err, length, "a name");
    *out = w->count++;
    w->items[*out] = (gft_hdf5_item){.name = copy, .parent = parent};
    return GRAFT_OK;
}

graft_status gft_hdf5_writer_init(gft_hdf5_writer *w, graft_error *err) {
    gft_hdf5_node root;
    *w = (gft_hdf5_writer){0};
    gft_arena_init(&w->arena);
    return new_item(w, -1, "", 0, &root, err);
}

void gft_hdf5_writer_deinit(gft_hdf5_writer *w) {
    gft_free(w->items);
    gft_arena_deinit(&w->arena);
    *w = (gft_hdf5_writer){0};
}

/* Members are mostly looked for right after they were made. */
static gft_hdf5_node find_child(const gft_hdf5_writer *w, gft_hdf5_node parent, const char *name,
                                size_t length) {
    for (gft_hdf5_node i = w->count - 1; i > parent; i--) {
        const gft_hdf5_item *item = &w->items[i];
        if (item->parent == parent && strncmp(item->name, name, length) == 0 &&
            item->name[length] == '\0')
            return i;
    }
    return -1;
}

/* One part of a path, "a" of "a/b": checks it. */
static graft_status next_part(const char *path, size_t *length, graft_error *err) {
    *length = strcspn(path, "/");
    if (*length == 0 || *length > MAX_NAME || (*length == 1 && *path == '.'))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "hdf5: '%.80s' cannot be the name of an object", path);
    return GRAFT_OK;
}

static graft_status open_groups(gft_hdf5_writer *w, gft_hdf5_node from, const char **path,
                                bool whole, gft_hdf5_node *out, graft_error *err) {
    size_t length;
    for (;;) {
        GFT_TRY(next_part(*path, &length, err));
        const bool last = (*path)[length] == '\0';
        if (last && !whole)
            break;
        gft_hdf5_node child = find_child(w, from, *path, length);
        if (child >= 0 && w->items[child].dataset)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "hdf5: '%.200s' is a dataset, expected a group", *path);
        if (child < 0)
            GFT_TRY(new_item(w, from, *path, length, &child, err));
        from = child;
        if (last)
            break;
        *path += length + 1;
    }
    *out = from;
    return GRAFT_OK;
}

graft_status gft_hdf5_add_group(gft_hdf5_writer *w, gft_hdf5_node from, const char *path,
                                gft_hdf5_node *out, graft_error *err) {
    return open_groups(w, from, &path, true, out, err);
}

graft_status gft_hdf5_add_dataset(gft_hdf5_writer *w, gft_hdf5_node from, const char *path,
                                  const graft_tensor_desc *desc, const void *data,
                                  graft_error *err) {
    gft_hdf5_node group;
    gft_hdf5_node node;
    size_t bytes;
    if (graft_dtype_bytes(desc->dtype) == 0 || desc->dtype == GRAFT_BF16)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "hdf5: dataset '%.200s' would be of type %s",
                        path, graft_dtype_name(desc->dtype));
    if (!gft_desc_bytes(desc, &bytes))
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "hdf5: dataset '%.200s' has no size", path);
    GFT_TRY(open_groups(w, from, &path, false, &group, err));
    if (find_child(w, group, path, strlen(path)) >= 0)
        return gft_fail(err, GRAFT_ALREADY_EXISTS, "hdf5: two objects '%.200s'", path);
    GFT_TRY(new_item(w, group, path, strlen(path), &node, err));
    gft_hdf5_item *item = &w->items[node];
    item->dataset = true;
    item->desc = *desc;
    item->data = data;
    item->bytes = bytes;
    return GRAFT_OK;
}

static graft_status add_attr(gft_hdf5_writer *w, gft_hdf5_node node, const char *name,
                             const char *const *texts, size_t count, bool list, graft_error *err) {
    if (!*name || strlen(name) > MAX_NAME)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "hdf5: an attribute's name of %zu bytes",
                        strlen(name));
    gft_hdf5_attr *attr = gft_arena_alloc(&w->arena, sizeof *attr);
    if (!attr)
        return gft_fail_memory(err, sizeof *attr, "an attribute");
    *attr = (gft_hdf5_attr){.count = count, .list = list};
    attr->name = gft_arena_strdup(&w->arena, name);
    attr->strings = gft_arena_array(&w->arena, count, sizeof *attr->strings);
    if (!attr->name || !attr->strings)
        return gft_fail_memory(err, count * sizeof *attr->strings, "an attribute");
    for (size_t i = 0; i < count; i++) {
        attr->strings[i].bytes = strlen(texts[i]);
        attr->strings[i].text = gft_arena_strdup(&w->arena, texts[i]);
        if (!attr->strings[i].text)
            return gft_fail_memory(err, attr->strings[i].bytes, "an attribute");
    }
    gft_hdf5_attr **at = &w->items[node].attrs;
    while (*at)
        at = &(*at)->next;
    *at = attr;
    return GRAFT_OK;
}

graft_status gft_hdf5_add_text(gft_hdf5_writer *w, gft_hdf5_node node, const char *name,
                               const char *text, graft_error *err) {
    return add_attr(w, node, name, &text, 1, false, err);
}

graft_status gft_hdf5_add_texts(gft_hdf5_writer *w, gft_hdf5_node node, const char *name,
                                const char *const *texts, size_t count, graft_error *err) {
    if (count <= MAX_ATTR_TEXTS)
        return add_attr(w, node, name, texts, count, true, err);
    for (size_t at = 0; at < count; at += MAX_ATTR_TEXTS) {
        char part[MAX_NAME + 32];
        (void)snprintf(part, sizeof part, "%.*s%zu", MAX_NAME, name, at / MAX_ATTR_TEXTS);
        GFT_TRY(add_attr(w, node, part, texts + at, gft_size_min(count - at, MAX_ATTR_TEXTS), true,
                         err));
    }
    return GRAFT_OK;
}

/* ---- the pass ---- */

static int by_name(const void *a, const void *b) {
    const gft_hdf5_item *const *x = a;
    const gft_hdf5_item *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* The members of every group, sorted by name as symbol tables want them. */
static graft_status sort_children(gft_hdf5_writer *w, graft_error *err) {
    const size_t bytes = (size_t)w->count * (sizeof(gft_hdf5_item *) + sizeof(int32_t));
    gft_hdf5_item **order = gft_arena_array(&w->arena, (size_t)w->count, sizeof *order);
    int32_t *places = gft_arena_array(&w->arena, (size_t)w->count, sizeof *places);
    if (!order || !places)
        return gft_fail_memory(err, bytes, "an HDF5 file");
    for (int32_t i = 0; i < w->count; i++) {
        order[i] = &w->items[i];
        w->items[i].child_count = 0;
    }
    qsort(order, (size_t)w->count, sizeof(gft_hdf5_item *), by_name);
    for (int32_t i = 1; i < w->count; i++)
        w->items[w->items[i].parent].child_count++;
    int32_t at = 0;
    for (int32_t i = 0; i < w->count; i++) {
        w->items[i].children = places + at;
        at += w->items[i].child_count;
        w->items[i].child_count = 0;
    }
    for (int32_t i = 0; i < w->count; i++) {
        gft_hdf5_item *parent = order[i]->parent < 0 ? NULL : &w->items[order[i]->parent];
        if (parent)
            parent->children[parent->child_count++] = (int32_t)(order[i] - w->items);
    }
    return GRAFT_OK;
}

static graft_status place_data(gft_hdf5_writer *w, uint64_t *end, graft_error *err) {
    size_t at = GFT_HDF5_SUPERBLOCK_BYTES;
    for (int32_t i = 0; i < w->count; i++) {
        gft_hdf5_item *item = &w->items[i];
        if (!item->dataset)
            continue;
        item->data_address = GFT_HDF5_UNDEFINED;
        if (item->bytes == 0)
            continue;
        if (!gft_size_add(at, DATA_ALIGNMENT, &at))
            return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "hdf5: the file would be too large");
        at = gft_size_align(at - DATA_ALIGNMENT, DATA_ALIGNMENT);
        item->data_address = at;
        if (!gft_size_add(at, item->bytes, &at))
            return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "hdf5: the file would be too large");
    }
    *end = gft_size_align(at, DATA_ALIGNMENT);
    return GRAFT_OK;
}

static graft_status put_zeros(gft_hdf5_put put, void *sink, size_t bytes, graft_error *err) {
    static const uint8_t zeros[DATA_ALIGNMENT];
    return bytes ? put(sink, zeros, bytes, err) : GRAFT_OK;
}

static graft_status put_data(const gft_hdf5_writer *w, gft_hdf5_put put, void *sink, uint64_t end,
                             graft_error *err) {
    uint64_t at = GFT_HDF5_SUPERBLOCK_BYTES;
    for (int32_t i = 0; i < w->count; i++) {
        const gft_hdf5_item *item = &w->items[i];
        if (!item->dataset || item->bytes == 0)
            continue;
        GFT_TRY(put_zeros(put, sink, (size_t)(item->data_address - at), err));
        GFT_TRY(put(sink, item->data, item->bytes, err));
        at = item->data_address + item->bytes;
    }
    return put_zeros(put, sink, (size_t)(end - at), err);
}

graft_status gft_hdf5_emit(gft_hdf5_writer *w, gft_hdf5_put put, void *sink, graft_error *err) {
    uint8_t superblock[GFT_HDF5_SUPERBLOCK_BYTES];
    uint64_t base = 0;
    gft_buffer objects;
    gft_buffer_init(&objects, SIZE_MAX / 2);
    graft_status status;
    GFT_GOTO(sort_children(w, err));
    GFT_GOTO(place_data(w, &base, err));
    GFT_GOTO(gft_hdf5_put_strings(w, &objects, base, err));
    GFT_GOTO(gft_hdf5_put_objects(w, &objects, base, err));
    gft_hdf5_superblock(w, base + objects.bytes, superblock);
    GFT_GOTO(put(sink, superblock, sizeof superblock, err));
    GFT_GOTO(put_data(w, put, sink, base, err));
    GFT_GOTO(put(sink, objects.data, objects.bytes, err));
done:
    gft_buffer_deinit(&objects);
    return status;
}

static graft_status into_file(void *sink, const void *data, size_t bytes, graft_error *err) {
    return gft_writer_write(sink, data, bytes, err);
}

graft_status gft_hdf5_write_file(gft_hdf5_writer *w, const char *path, graft_error *err) {
    gft_writer out = {0};
    graft_status status;
    GFT_GOTO(gft_writer_open(&out, path, err));
    GFT_GOTO(gft_hdf5_emit(w, into_file, &out, err));
    GFT_GOTO(gft_writer_commit(&out, err));
done:
    gft_writer_abort(&out);
    return status;
}
