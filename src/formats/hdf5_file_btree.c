/*
 * HDF5 B-trees of version 1 (specification, III.A.1): the index of old groups and of chunked
 * datasets. Walked with a stack of its own; a node is visited once for each way to it, and the
 * number of visits is bounded by the size of the file.
 */
#include "formats/hdf5_file_priv.h"

typedef struct tree {
    const gft_hdf5 *file;
    uint8_t kind;     /* 0 group, 1 chunks */
    size_t key_bytes; /* in front of each child, and one behind the last */
    int32_t rank;
    gft_hdf5_child_fn child;
    gft_hdf5_chunk_fn chunk;
    void *context;
    size_t visits, most_visits;
} tree;

typedef struct level {
    gft_cursor at;
    uint16_t left; /* children */
    uint8_t level;
} level;

static graft_status open_node(tree *t, uint64_t address, int expected, level *out,
                              graft_error *err) {
    const uint8_t *p;
    uint16_t used;
    if (++t->visits > t->most_visits)
        return gft_hdf5_damaged(t->file, err, "a B-tree that leads in a circle");
    GFT_TRY(gft_hdf5_at(t->file, address, "a B-tree", &out->at, err));
    GFT_TRY(gft_cursor_take(&out->at, 6, &p, "a B-tree", err));
    if (p[0] != 'T' || p[1] != 'R' || p[2] != 'E' || p[3] != 'E' || p[4] != t->kind)
        return gft_hdf5_damaged(t->file, err, "no B-tree at %llu", (unsigned long long)address);
    if ((expected >= 0 && p[5] != expected) || p[5] >= GFT_HDF5_MAX_LEVELS)
        return gft_hdf5_damaged(t->file, err, "level %d of a B-tree at %llu", p[5],
                                (unsigned long long)address);
    out->level = p[5];
    GFT_TRY(gft_cursor_u16(&out->at, &used, "a B-tree", err));
    GFT_TRY(gft_hdf5_skip(&out->at, 2 * (size_t)t->file->offset_bytes, "a B-tree", err));
    const size_t need = (t->key_bytes + t->file->offset_bytes) * used + t->key_bytes;
    if (used > 0 && need > gft_cursor_left(&out->at) + t->key_bytes)
        return gft_hdf5_damaged(t->file, err, "a B-tree node of %u children at %llu",
                                (unsigned)used, (unsigned long long)address);
    out->left = used;
    return GRAFT_OK;
}

static graft_status give_chunk(tree *t, const uint8_t *key, uint64_t address, graft_error *err) {
    gft_cursor c = gft_cursor_make(key, t->key_bytes, t->file->where);
    gft_hdf5_chunk chunk = {.address = address};
    uint32_t bytes;
    GFT_TRY(gft_cursor_u32(&c, &bytes, "a chunk", err));
    GFT_TRY(gft_cursor_u32(&c, &chunk.mask, "a chunk", err));
    chunk.bytes = bytes;
    for (int32_t i = 0; i < t->rank; i++)
        GFT_TRY(gft_cursor_u64(&c, &chunk.at[i], "a chunk", err));
    return t->chunk(t->context, &chunk, err);
}

static graft_status walk(tree *t, uint64_t root, graft_error *err) {
    level stack[GFT_HDF5_MAX_LEVELS];
    int depth = 1;
    GFT_TRY(open_node(t, root, -1, &stack[0], err));
    while (depth > 0) {
        level *top = &stack[depth - 1];
        const uint8_t *key;
        uint64_t address;
        if (top->left == 0) {
            depth--;
            continue;
        }
        top->left--;
        GFT_TRY(gft_cursor_take(&top->at, t->key_bytes, &key, "a B-tree", err));
        GFT_TRY(gft_hdf5_address(t->file, &top->at, &address, "a B-tree", err));
        if (top->level > 0) {
            GFT_TRY(open_node(t, address, top->level - 1, &stack[depth], err));
            depth++;
        } else if (++t->visits > t->most_visits) {
            return gft_hdf5_damaged(t->file, err, "a B-tree that leads in a circle");
        } else {
            GFT_TRY(t->kind == 0 ? t->child(t->context, address, err)
                                 : give_chunk(t, key, address, err));
        }
    }
    return GRAFT_OK;
}

graft_status gft_hdf5_group_tree(const gft_hdf5 *file, uint64_t root, gft_hdf5_child_fn fn,
                                 void *context, graft_error *err) {
    tree t = {.file = file,
              .kind = 0,
              .key_bytes = file->length_bytes,
              .child = fn,
              .context = context,
              .most_visits = file->bytes / 8 + 16};
    return walk(&t, root, err);
}

graft_status gft_hdf5_chunk_tree(const gft_hdf5 *file, uint64_t root, int32_t rank,
                                 gft_hdf5_chunk_fn fn, void *context, graft_error *err) {
    tree t = {.file = file,
              .kind = 1,
              .key_bytes = 8 + 8 * ((size_t)rank + 1),
              .rank = rank,
              .chunk = fn,
              .context = context,
              .most_visits = file->bytes / 8 + 16};
    return walk(&t, root, err);
}
