/*
 * HDF5 groups: old ones (a B-tree over symbol table nodes; specification, III.B and C) and new ones
 * (link messages, or a fractal heap of them under a B-tree; IV.A.2.c and g).
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "formats/hdf5_file_priv.h"

/* Links being gathered: arrays double, old ones stay in the arena until it goes. */
typedef struct list {
    const gft_hdf5 *file;
    gft_arena *arena;
    gft_hdf5_link *items;
    size_t count, capacity;
    uint64_t heap; /* of names, in old groups */
    const gft_hdf5_fractal *fractal;
} list;

static graft_status add_link(list *l, const char *name, size_t length, gft_hdf5_object object,
                             graft_error *err) {
    if (l->count == l->capacity) {
        const size_t capacity = l->capacity ? l->capacity * 2 : 8;
        gft_hdf5_link *more = gft_arena_array(l->arena, capacity, sizeof *more);
        if (!more)
            return gft_fail_memory(err, capacity * sizeof *more, "a group");
        if (l->count)
            memcpy(more, l->items, l->count * sizeof *more);
        l->items = more;
        l->capacity = capacity;
    }
    /* A name is one that can be used as C text: what is behind a zero byte would be hidden. */
    char *copy = gft_arena_strndup(l->arena, name, length);
    if (!copy)
        return gft_fail_memory(err, length + 1, "a link's name");
    if (strlen(copy) != length)
        return gft_hdf5_damaged(l->file, err, "a link's name with a zero byte");
    l->items[l->count++] = (gft_hdf5_link){copy, object};
    return GRAFT_OK;
}

/* ---- old groups ---- */

static graft_status read_entry(list *l, gft_cursor *c, graft_error *err) {
    const gft_hdf5 *file = l->file;
    uint64_t offset;
    uint64_t object;
    uint32_t cache;
    const char *name;
    GFT_TRY(gft_hdf5_address(file, c, &offset, "a symbol", err));
    GFT_TRY(gft_hdf5_address(file, c, &object, "a symbol", err));
    GFT_TRY(gft_cursor_u32(c, &cache, "a symbol", err));
    GFT_TRY(gft_hdf5_skip(c, 20, "a symbol", err));
    GFT_TRY(gft_hdf5_heap_text(file, l->heap, offset, &name, err));
    return add_link(l, name, strlen(name), cache == 2 ? GFT_HDF5_NONE : object, err);
}

static graft_status read_symbols(void *context, uint64_t address, graft_error *err) {
    list *l = context;
    gft_cursor c;
    uint16_t count;
    GFT_TRY(gft_hdf5_at(l->file, address, "a symbol table node", &c, err));
    GFT_TRY(gft_hdf5_expect(l->file, &c, "SNOD", 1, err));
    GFT_TRY(gft_hdf5_skip(&c, 1, "a symbol table node", err));
    GFT_TRY(gft_cursor_u16(&c, &count, "a symbol table node", err));
    const size_t bytes = 2 * (size_t)l->file->offset_bytes + 24;
    if (count > gft_cursor_left(&c) / bytes)
        return gft_hdf5_damaged(l->file, err, "a symbol table node of %u entries", (unsigned)count);
    if (l->count > l->file->bytes / bytes) /* more than there are symbols in the file */
        return gft_hdf5_damaged(l->file, err, "a group that leads in a circle");
    for (uint16_t i = 0; i < count; i++)
        GFT_TRY(read_entry(l, &c, err));
    return GRAFT_OK;
}

static graft_status read_old(list *l, const gft_hdf5_message *table, graft_error *err) {
    gft_cursor c = gft_cursor_make(table->data, table->bytes, l->file->where);
    uint64_t tree;
    GFT_TRY(gft_hdf5_address(l->file, &c, &tree, "a symbol table", err));
    GFT_TRY(gft_hdf5_address(l->file, &c, &l->heap, "a symbol table", err));
    return gft_hdf5_group_tree(l->file, tree, read_symbols, l, err);
}

/* ---- new groups ---- */

static graft_status read_link(list *l, const uint8_t *data, size_t bytes, graft_error *err) {
    gft_cursor c = gft_cursor_make(data, bytes, l->file->where);
    uint8_t version;
    uint8_t flags;
    uint8_t kind = 0;
    uint64_t length;
    const uint8_t *name;
    uint64_t object = GFT_HDF5_NONE;
    GFT_TRY(gft_cursor_u8(&c, &version, "a link", err));
    if (version != 1)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: HDF5 link of version %d", l->file->where,
                        version);
    GFT_TRY(gft_cursor_u8(&c, &flags, "a link", err));
    if (flags & 8)
        GFT_TRY(gft_cursor_u8(&c, &kind, "a link", err));
    GFT_TRY(gft_hdf5_skip(&c, (flags & 4 ? 8 : 0) + (flags & 16 ? 1 : 0), "a link", err));
    GFT_TRY(gft_hdf5_number(&c, 1u << (flags & 3), &length, "a link", err));
    if (length > gft_cursor_left(&c))
        return gft_hdf5_damaged(l->file, err, "a link's name of %llu bytes",
                                (unsigned long long)length);
    GFT_TRY(gft_cursor_take(&c, (size_t)length, &name, "a link's name", err));
    if (kind == 0)
        GFT_TRY(gft_hdf5_address(l->file, &c, &object, "a link", err));
    return add_link(l, (const char *)name, (size_t)length, object, err);
}

/* A record of the name index: a hash, then the heap id of a link message. */
static graft_status read_link_record(void *context, const uint8_t *record, size_t bytes,
                                     graft_error *err) {
    list *l = context;
    const uint8_t *data;
    size_t size;
    if (bytes < 5)
        return gft_hdf5_damaged(l->file, err, "records of %zu bytes in a group", bytes);
    GFT_TRY(gft_hdf5_fractal_get(l->file, l->fractal, record + 4, bytes - 4, &data, &size, err));
    return read_link(l, data, size, err);
}

static graft_status read_dense(list *l, const gft_hdf5_message *info, graft_error *err) {
    gft_hdf5_fractal heap;
    uint64_t names;
    bool any;
    GFT_TRY(gft_hdf5_dense_open(l->file, info, 8, "a group", &any, &heap, &names, err));
    if (!any)
        return GRAFT_OK;
    l->fractal = &heap;
    return gft_hdf5_btree2(l->file, names, read_link_record, l, err);
}

static graft_status read_group(list *l, gft_hdf5_object group, graft_error *err) {
    gft_hdf5_header header;
    GFT_TRY(gft_hdf5_header_read(l->file, group, l->arena, &header, err));
    const gft_hdf5_message *table = gft_hdf5_message_of(&header, GFT_HDF5_SYMBOL_TABLE);
    const gft_hdf5_message *info = gft_hdf5_message_of(&header, GFT_HDF5_LINK_INFO);
    const gft_hdf5_message *link = gft_hdf5_message_of(&header, GFT_HDF5_LINK);
    if (!table && !info && !link)
        return gft_fail(err, GRAFT_FAILED_PRECONDITION, "%s: an HDF5 dataset, expected a group",
                        l->file->where);
    if (table)
        GFT_TRY(read_old(l, table, err));
    for (size_t i = 0; i < header.count; i++) {
        if (header.messages[i].type == GFT_HDF5_LINK)
            GFT_TRY(read_link(l, header.messages[i].data, header.messages[i].bytes, err));
    }
    return info ? read_dense(l, info, err) : GRAFT_OK;
}

static int by_name(const void *a, const void *b) {
    const gft_hdf5_link *x = a;
    const gft_hdf5_link *y = b;
    return strcmp(x->name, y->name);
}

graft_status gft_hdf5_links(const gft_hdf5 *file, gft_hdf5_object group, gft_arena *arena,
                            gft_hdf5_link **links, size_t *count, graft_error *err) {
    list l = {.file = file, .arena = arena};
    GFT_TRY(read_group(&l, group, err));
    if (l.count > 1)
        qsort(l.items, l.count, sizeof *l.items, by_name);
    *links = l.items;
    *count = l.count;
    return GRAFT_OK;
}

const gft_hdf5_link *gft_hdf5_find_link(const gft_hdf5_link *links, size_t count,
                                        const char *name) {
    const gft_hdf5_link key = {name, 0};
    return count ? bsearch(&key, links, count, sizeof *links, by_name) : NULL;
}

graft_status gft_hdf5_find(const gft_hdf5 *file, gft_hdf5_object from, const char *path,
                           gft_hdf5_object *out, graft_error *err) {
    gft_arena arena;
    gft_hdf5_object at = from;
    graft_status status = GRAFT_OK;
    gft_arena_init(&arena);
    while (*path && at != GFT_HDF5_NONE) {
        const size_t length = strcspn(path, "/");
        gft_hdf5_link *links = NULL;
        size_t count = 0;
        if (length > 0) {
            bool leaf;
            const char *name = gft_arena_strndup(&arena, path, length);
            if (!name)
                GFT_GOTO(gft_fail_memory(err, length, "a path"));
            GFT_GOTO(gft_hdf5_is_dataset(file, at, &leaf, err));
            if (!leaf)
                GFT_GOTO(gft_hdf5_links(file, at, &arena, &links, &count, err));
            const gft_hdf5_link *link = gft_hdf5_find_link(links, count, name);
            at = link ? link->object : GFT_HDF5_NONE;
        }
        path += length + (path[length] == '/');
    }
    *out = at;
done:
    gft_arena_deinit(&arena);
    return status;
}
