/*
 * HDF5 B-trees of version 2 (specification, III.A.2): records of dense groups and attributes, huge
 * objects, and chunks of datasets with several unlimited dimensions. Walked with a stack of its
 * own.
 */
#include "formats/hdf5_file_priv.h"

#define PREFIX_BYTES 6  /* letters, version, type */
#define AROUND_BYTES 10 /* the prefix, and the checksum behind */

typedef struct tree {
    const gft_hdf5 *file;
    uint8_t kind;
    uint32_t node_bytes;
    uint16_t record_bytes, depth;
    uint32_t count_bytes;                      /* of a child's number of records */
    uint32_t total_bytes[GFT_HDF5_MAX_LEVELS]; /* of the records below a child of a level */
    gft_hdf5_record_fn fn;
    void *context;
    size_t visits, most_visits;
} tree;

typedef struct level {
    gft_cursor records, children;
    uint64_t left; /* records */
    uint16_t level;
    bool descended; /* into the child before the next record */
} level;

/* Sizes of fields depend on how many records nodes can hold. */
static graft_status field_sizes(tree *t, graft_error *err) {
    uint64_t most = t->record_bytes ? (t->node_bytes - AROUND_BYTES) / t->record_bytes : 0;
    uint64_t below = most;
    if (t->node_bytes <= AROUND_BYTES || most == 0)
        return gft_hdf5_damaged(t->file, err, "B-tree nodes of %u bytes for records of %u",
                                (unsigned)t->node_bytes, (unsigned)t->record_bytes);
    t->count_bytes = gft_hdf5_number_bytes(most);
    for (uint16_t i = 1; i <= t->depth; i++) {
        const uint64_t pointer = t->file->offset_bytes + t->count_bytes + t->total_bytes[i - 1];
        if (t->node_bytes < AROUND_BYTES + pointer)
            return gft_hdf5_damaged(t->file, err, "B-tree nodes of %u bytes",
                                    (unsigned)t->node_bytes);
        most = (t->node_bytes - AROUND_BYTES - pointer) / (t->record_bytes + pointer);
        if (below > UINT64_MAX / (most + 2))
            return gft_hdf5_damaged(t->file, err, "a B-tree of %u levels", (unsigned)t->depth);
        below = (most + 1) * below + most;
        t->total_bytes[i] = gft_hdf5_number_bytes(below);
    }
    return GRAFT_OK;
}

static graft_status open_node(tree *t, uint64_t address, uint64_t records, uint16_t depth,
                              level *out, graft_error *err) {
    gft_cursor c;
    uint8_t kind;
    if (++t->visits > t->most_visits)
        return gft_hdf5_damaged(t->file, err, "a B-tree that leads in a circle");
    GFT_TRY(gft_hdf5_range(t->file, address, t->node_bytes, "a B-tree node", &c, err));
    GFT_TRY(gft_hdf5_expect(t->file, &c, depth > 0 ? "BTIN" : "BTLF", 0, err));
    GFT_TRY(gft_cursor_u8(&c, &kind, "a B-tree node", err));
    if (kind != t->kind || records > (t->node_bytes - AROUND_BYTES) / t->record_bytes)
        return gft_hdf5_damaged(t->file, err, "a B-tree node of %llu records",
                                (unsigned long long)records);
    *out = (level){.records = c, .children = c, .left = records, .level = depth};
    out->children.at += (size_t)records * t->record_bytes;
    return GRAFT_OK;
}

static graft_status descend(tree *t, level *from, level *to, graft_error *err) {
    uint64_t address;
    uint64_t records;
    GFT_TRY(gft_hdf5_address(t->file, &from->children, &address, "a B-tree node", err));
    GFT_TRY(gft_hdf5_number(&from->children, t->count_bytes, &records, "a B-tree node", err));
    GFT_TRY(gft_hdf5_skip(&from->children, t->total_bytes[from->level - 1], "a B-tree node", err));
    return open_node(t, address, records, from->level - 1, to, err);
}

static graft_status walk(tree *t, uint64_t root, uint64_t records, graft_error *err) {
    level stack[GFT_HDF5_MAX_LEVELS];
    int depth = 1;
    GFT_TRY(open_node(t, root, records, t->depth, &stack[0], err));
    while (depth > 0) {
        level *top = &stack[depth - 1];
        const uint8_t *record;
        if (top->level > 0 && !top->descended) {
            top->descended = true;
            GFT_TRY(descend(t, top, &stack[depth], err));
            depth++;
        } else if (top->left == 0) {
            depth--;
        } else {
            top->left--;
            top->descended = false;
            GFT_TRY(gft_cursor_take(&top->records, t->record_bytes, &record, "a record", err));
            GFT_TRY(t->fn(t->context, record, t->record_bytes, err));
        }
    }
    return GRAFT_OK;
}

graft_status gft_hdf5_btree2(const gft_hdf5 *file, uint64_t header, gft_hdf5_record_fn fn,
                             void *context, graft_error *err) {
    tree t = {
        .file = file, .fn = fn, .context = context, .most_visits = file->bytes / AROUND_BYTES + 1};
    gft_cursor c;
    uint64_t root;
    uint16_t records;
    GFT_TRY(gft_hdf5_at(file, header, "a B-tree", &c, err));
    GFT_TRY(gft_hdf5_expect(file, &c, "BTHD", 0, err));
    GFT_TRY(gft_cursor_u8(&c, &t.kind, "a B-tree", err));
    GFT_TRY(gft_cursor_u32(&c, &t.node_bytes, "a B-tree", err));
    GFT_TRY(gft_cursor_u16(&c, &t.record_bytes, "a B-tree", err));
    GFT_TRY(gft_cursor_u16(&c, &t.depth, "a B-tree", err));
    GFT_TRY(gft_hdf5_skip(&c, 2, "a B-tree", err));
    GFT_TRY(gft_hdf5_address(file, &c, &root, "a B-tree", err));
    GFT_TRY(gft_cursor_u16(&c, &records, "a B-tree", err));
    if (gft_hdf5_undefined(file, root) || records == 0)
        return GRAFT_OK;
    if (t.depth >= GFT_HDF5_MAX_LEVELS)
        return gft_hdf5_damaged(file, err, "a B-tree of %u levels", (unsigned)t.depth);
    GFT_TRY(field_sizes(&t, err));
    return walk(&t, root, records, err);
}
