/*
 * HDF5 data layouts (specification, IV.A.2.i) and chunked datasets: the chunks of whatever index
 * the file has, unfiltered and put in their places.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"
#include "formats/hdf5_file_priv.h"

#define MAX_INFLATION 1032 /* deflate cannot do more */

/* ---- layout messages ---- */

/* Versions 1 and 2. */
static graft_status parse_old(const gft_hdf5 *file, gft_cursor *c, gft_hdf5_layout *out,
                              graft_error *err) {
    uint8_t rank;
    uint8_t kind;
    uint32_t size;
    const uint8_t *data;
    GFT_TRY(gft_cursor_u8(c, &rank, "a layout", err));
    GFT_TRY(gft_cursor_u8(c, &kind, "a layout", err));
    GFT_TRY(gft_hdf5_skip(c, 5, "a layout", err));
    if (kind > 2 || rank > GFT_HDF5_MAX_RANK || (kind == 2 && rank == 0))
        return gft_hdf5_damaged(file, err, "a layout of kind %d and rank %d", kind, rank);
    if (kind != 0)
        GFT_TRY(gft_hdf5_address(file, c, &out->address, "a layout", err));
    out->kind = kind == 0 ? GFT_HDF5_COMPACT : kind == 1 ? GFT_HDF5_CONTIGUOUS : GFT_HDF5_CHUNKED;
    for (int32_t i = 0; i < rank; i++) {
        GFT_TRY(gft_cursor_u32(c, &size, "a layout", err));
        out->chunk[i] = size;
    }
    if (kind == 2)
        out->rank = rank - 1; /* the last one is the element's size */
    if (kind != 0)
        return GRAFT_OK;
    GFT_TRY(gft_cursor_u32(c, &size, "a layout", err));
    GFT_TRY(gft_cursor_take(c, size, &data, "compact data", err));
    out->compact = data;
    out->bytes = size;
    return GRAFT_OK;
}

static graft_status parse_index(const gft_hdf5 *file, gft_cursor *c, uint8_t flags,
                                gft_hdf5_layout *out, graft_error *err) {
    static const size_t BYTES[] = {0, 0, 0, 1, 5, 6}; /* of the index' parameters */
    uint8_t kind;
    const uint8_t *p;
    GFT_TRY(gft_cursor_u8(c, &kind, "a chunk index", err));
    if (kind < 1 || kind > 5)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: HDF5 chunk index %d", file->where, kind);
    out->index = (gft_hdf5_index)kind;
    out->raw_edges = flags & 1;
    if (kind == 1 && (flags & 2)) {
        GFT_TRY(gft_hdf5_length(file, c, &out->single_bytes, "a chunk index", err));
        GFT_TRY(gft_cursor_u32(c, &out->single_mask, "a chunk index", err));
    }
    GFT_TRY(gft_cursor_take(c, BYTES[kind], &p, "a chunk index", err));
    memcpy(out->index_bytes, p, BYTES[kind]);
    return GRAFT_OK;
}

static graft_status parse_chunked(const gft_hdf5 *file, gft_cursor *c, uint8_t version,
                                  gft_hdf5_layout *out, graft_error *err) {
    uint8_t flags = 0;
    uint8_t rank;
    uint8_t width = 4;
    if (version >= 4)
        GFT_TRY(gft_cursor_u8(c, &flags, "a layout", err));
    GFT_TRY(gft_cursor_u8(c, &rank, "a layout", err));
    if (version >= 4)
        GFT_TRY(gft_cursor_u8(c, &width, "a layout", err));
    else
        GFT_TRY(gft_hdf5_address(file, c, &out->address, "a layout", err));
    if (rank < 2 || rank > GFT_HDF5_MAX_RANK || width < 1 || width > 8)
        return gft_hdf5_damaged(file, err, "chunks of rank %d", rank);
    for (int32_t i = 0; i < rank; i++)
        GFT_TRY(gft_hdf5_number(c, width, &out->chunk[i], "a layout", err));
    out->rank = rank - 1;
    if (version < 4)
        return GRAFT_OK;
    GFT_TRY(parse_index(file, c, flags, out, err));
    return gft_hdf5_address(file, c, &out->address, "a layout", err);
}

graft_status gft_hdf5_layout_parse(const gft_hdf5 *file, const gft_hdf5_message *message,
                                   gft_hdf5_layout *out, graft_error *err) {
    gft_cursor c = gft_cursor_make(message->data, message->bytes, file->where);
    uint8_t version;
    uint8_t kind;
    uint16_t size;
    *out = (gft_hdf5_layout){.index = GFT_HDF5_BTREE1};
    GFT_TRY(gft_cursor_u8(&c, &version, "a layout", err));
    if (version == 1 || version == 2)
        return parse_old(file, &c, out, err);
    if (version != 3 && version != 4)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: HDF5 layout of version %d", file->where,
                        version);
    GFT_TRY(gft_cursor_u8(&c, &kind, "a layout", err));
    switch (kind) {
    case 0:
        out->kind = GFT_HDF5_COMPACT;
        GFT_TRY(gft_cursor_u16(&c, &size, "a layout", err));
        out->bytes = size;
        return gft_cursor_take(&c, size, &out->compact, "compact data", err);
    case 1:
        out->kind = GFT_HDF5_CONTIGUOUS;
        GFT_TRY(gft_hdf5_address(file, &c, &out->address, "a layout", err));
        return gft_hdf5_length(file, &c, &out->bytes, "a layout", err);
    case 2:
        out->kind = GFT_HDF5_CHUNKED;
        return parse_chunked(file, &c, version, out, err);
    default:
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: virtual HDF5 datasets are not read",
                        file->where);
    }
}

/* ---- chunks ---- */

typedef struct assembly {
    const gft_hdf5 *file;
    const gft_hdf5_layout *layout;
    const gft_hdf5_filters *filters;
    const gft_hdf5_space *space;
    gft_hdf5_grid grid;
    size_t element_bytes;
    uint8_t *out;   /* NULL while chunks are only counted */
    uint8_t *chunk; /* one chunk, unfiltered */
    uint8_t *seen;  /* a bit per chunk of the grid */
    uint64_t found, stored_bytes;
} assembly;

void gft_hdf5_grid_at(const gft_hdf5_grid *grid, uint64_t index, uint64_t at[GFT_HDF5_MAX_RANK]) {
    for (int32_t i = grid->rank; i-- > 0;) {
        at[i] = index % grid->counts[i] * grid->chunk[i];
        index /= grid->counts[i];
    }
}

static graft_status make_grid(assembly *a, graft_error *err) {
    const gft_hdf5_layout *layout = a->layout;
    gft_hdf5_grid *g = &a->grid;
    size_t bytes = a->element_bytes;
    size_t total = 1;
    g->rank = layout->rank;
    if (layout->rank != a->space->rank)
        return gft_hdf5_damaged(a->file, err, "chunks of rank %d in a dataset of rank %d",
                                (int)layout->rank, (int)a->space->rank);
    for (int32_t i = 0; i < g->rank; i++) {
        g->chunk[i] = layout->chunk[i];
        if (g->chunk[i] == 0 || !gft_size_mul(bytes, (size_t)g->chunk[i], &bytes))
            return gft_hdf5_damaged(a->file, err, "chunks of a wrong size");
        g->counts[i] = (a->space->dims[i] - 1) / g->chunk[i] + 1; /* no dimension is 0 here */
        if (!gft_size_mul(total, (size_t)g->counts[i], &total))
            return gft_hdf5_damaged(a->file, err, "a dataset of too many chunks");
    }
    g->chunk_bytes = bytes;
    g->total = total;
    return GRAFT_OK;
}

/* True if the chunk reaches beyond the dataset. */
static bool at_edge(const assembly *a, const gft_hdf5_chunk *chunk) {
    for (int32_t i = 0; i < a->grid.rank; i++) {
        if (chunk->at[i] + a->grid.chunk[i] > a->space->dims[i])
            return true;
    }
    return false;
}

/* Rows of the last dimension from the chunk to their places; what reaches beyond is left out. */
static void place(assembly *a, const gft_hdf5_chunk *chunk) {
    const gft_hdf5_grid *g = &a->grid;
    uint64_t step[GFT_HDF5_MAX_RANK] = {0}; /* within the chunk */
    uint64_t count[GFT_HDF5_MAX_RANK];
    const int32_t last = g->rank - 1;
    for (int32_t i = 0; i < g->rank; i++) {
        const uint64_t left = a->space->dims[i] - chunk->at[i];
        count[i] = left < g->chunk[i] ? left : g->chunk[i];
    }
    for (;;) {
        uint64_t from = 0;
        uint64_t to = 0;
        for (int32_t i = 0; i < g->rank; i++) {
            from = from * g->chunk[i] + step[i];
            to = to * a->space->dims[i] + chunk->at[i] + step[i];
        }
        memcpy(a->out + to * a->element_bytes, a->chunk + from * a->element_bytes,
               (size_t)count[last] * a->element_bytes);
        int32_t i = last - 1;
        while (i >= 0 && ++step[i] == count[i])
            step[i--] = 0;
        if (i < 0)
            return;
    }
}

/* Its number in the grid; false if it does not lie on it. */
static bool number_of(const assembly *a, const gft_hdf5_chunk *chunk, uint64_t *out) {
    uint64_t index = 0;
    for (int32_t i = 0; i < a->grid.rank; i++) {
        const uint64_t k = chunk->at[i] / a->grid.chunk[i];
        if (chunk->at[i] % a->grid.chunk[i] != 0 || k >= a->grid.counts[i])
            return false;
        index = index * a->grid.counts[i] + k;
    }
    *out = index;
    return true;
}

/*
 * First pass: how many chunks, how many bytes. Nothing is allocated by what a header claims alone.
 */
static graft_status count_chunk(void *context, const gft_hdf5_chunk *chunk, graft_error *err) {
    assembly *a = context;
    gft_cursor c;
    if (gft_hdf5_undefined(a->file, chunk->address))
        return GRAFT_OK;
    GFT_TRY(gft_hdf5_range(a->file, chunk->address, chunk->bytes, "a chunk", &c, err));
    a->found++;
    a->stored_bytes += chunk->bytes;
    return GRAFT_OK;
}

static graft_status read_chunk(void *context, const gft_hdf5_chunk *chunk, graft_error *err) {
    assembly *a = context;
    gft_cursor c;
    uint64_t number;
    const gft_hdf5_filters none = {0};
    if (gft_hdf5_undefined(a->file, chunk->address) || !number_of(a, chunk, &number) ||
        (a->seen[number / 8] >> (number % 8) & 1))
        return GRAFT_OK;
    const bool raw = a->layout->raw_edges && at_edge(a, chunk);
    GFT_TRY(gft_hdf5_range(a->file, chunk->address, chunk->bytes, "a chunk", &c, err));
    GFT_TRY(gft_hdf5_unfilter(a->file, raw ? &none : a->filters, chunk->mask, c.data, c.bytes,
                              a->chunk, (size_t)a->grid.chunk_bytes, err));
    place(a, chunk);
    a->seen[number / 8] |= (uint8_t)(1u << (number % 8));
    a->found++;
    return GRAFT_OK;
}

static graft_status give_implicit(const assembly *a, gft_hdf5_chunk_fn fn, void *context,
                                  graft_error *err) {
    if (a->grid.total > a->file->bytes / a->grid.chunk_bytes)
        return gft_hdf5_damaged(a->file, err, "more chunks than the file has bytes for");
    for (uint64_t i = 0; i < a->grid.total; i++) {
        gft_hdf5_chunk chunk = {.address = a->layout->address + i * a->grid.chunk_bytes,
                                .bytes = a->grid.chunk_bytes};
        gft_hdf5_grid_at(&a->grid, i, chunk.at);
        GFT_TRY(fn(context, &chunk, err));
    }
    return GRAFT_OK;
}

/* ---- chunks in a B-tree of version 2 ---- */

typedef struct records {
    const assembly *a;
    gft_hdf5_chunk_fn fn;
    void *context;
} records;

/* Address, with filters size and mask, then the chunk's place in the grid. */
static graft_status give_record(void *context, const uint8_t *record, size_t bytes,
                                graft_error *err) {
    const records *r = context;
    const gft_hdf5_grid *g = &r->a->grid;
    const gft_hdf5 *file = r->a->file;
    gft_cursor c = gft_cursor_make(record, bytes, file->where);
    gft_hdf5_chunk chunk = {.bytes = g->chunk_bytes};
    const size_t plain = file->offset_bytes + 8 * (size_t)g->rank;
    GFT_TRY(gft_hdf5_address(file, &c, &chunk.address, "a chunk", err));
    if (r->a->filters->count > 0) {
        if (bytes < plain + 5 || bytes > plain + 12)
            return gft_hdf5_damaged(file, err, "chunk records of %zu bytes", bytes);
        GFT_TRY(gft_hdf5_number(&c, (uint32_t)(bytes - plain - 4), &chunk.bytes, "a chunk", err));
        GFT_TRY(gft_cursor_u32(&c, &chunk.mask, "a chunk", err));
    }
    for (int32_t i = 0; i < g->rank; i++) {
        uint64_t k;
        GFT_TRY(gft_cursor_u64(&c, &k, "a chunk", err));
        chunk.at[i] = k < g->counts[i] ? k * g->chunk[i] : UINT64_MAX;
    }
    return r->fn(r->context, &chunk, err);
}

static graft_status give_chunks(const assembly *a, gft_hdf5_chunk_fn fn, void *context,
                                graft_error *err) {
    const gft_hdf5_layout *l = a->layout;
    gft_hdf5_chunk single = {.address = l->address, .mask = l->single_mask};
    records r = {a, fn, context};
    switch (l->index) {
    case GFT_HDF5_BTREE1:
        return gft_hdf5_chunk_tree(a->file, l->address, l->rank, fn, context, err);
    case GFT_HDF5_SINGLE:
        single.bytes = l->single_bytes ? l->single_bytes : a->grid.chunk_bytes;
        return fn(context, &single, err);
    case GFT_HDF5_IMPLICIT:
        return give_implicit(a, fn, context, err);
    case GFT_HDF5_FIXED_ARRAY:
        return gft_hdf5_fixed_array(a->file, l->address, &a->grid, fn, context, err);
    case GFT_HDF5_EXTENSIBLE_ARRAY:
        return gft_hdf5_extensible_array(a->file, l->address, &a->grid, fn, context, err);
    default:
        return gft_hdf5_btree2(a->file, l->address, give_record, &r, err);
    }
}

static graft_status check_counts(const assembly *a, size_t bytes, graft_error *err) {
    if (a->found < a->grid.total)
        return gft_hdf5_damaged(a->file, err, "%llu of %llu chunks of a dataset were written",
                                (unsigned long long)a->found, (unsigned long long)a->grid.total);
    const uint64_t ratio = a->filters->count > 0 ? MAX_INFLATION : 1;
    if (a->stored_bytes < bytes / ratio || a->stored_bytes < a->grid.chunk_bytes / ratio)
        return gft_hdf5_damaged(a->file, err, "%llu bytes of chunks for a dataset of %zu",
                                (unsigned long long)a->stored_bytes, bytes);
    return GRAFT_OK;
}

graft_status gft_hdf5_chunks_read(const gft_hdf5 *file, const gft_hdf5_layout *layout,
                                  const gft_hdf5_filters *filters, const gft_hdf5_space *space,
                                  size_t element_bytes, gft_arena *arena, const uint8_t **data,
                                  size_t *bytes, graft_error *err) {
    assembly a = {.file = file,
                  .layout = layout,
                  .filters = filters,
                  .space = space,
                  .element_bytes = element_bytes};
    size_t elems = 0;
    size_t need;
    graft_status status;
    GFT_TRY(gft_hdf5_space_elems(file, space, &elems, err));
    if (!gft_size_mul(elems, element_bytes, &need))
        return gft_hdf5_damaged(file, err, "a dataspace larger than memory");
    GFT_TRY(make_grid(&a, err));
    GFT_TRY(give_chunks(&a, count_chunk, &a, err));
    GFT_TRY(check_counts(&a, need, err));
    a.found = 0;
    a.out = gft_arena_alloc(arena, need);
    a.chunk = gft_malloc((size_t)a.grid.chunk_bytes);
    a.seen = gft_calloc(1, (size_t)a.grid.total / 8 + 1);
    if (!a.out || !a.chunk || !a.seen)
        GFT_GOTO(gft_fail_memory(err, need, "a dataset"));
    GFT_GOTO(give_chunks(&a, read_chunk, &a, err));
    if (a.found < a.grid.total)
        GFT_GOTO(gft_hdf5_damaged(file, err, "%llu of %llu chunks of a dataset lie on its grid",
                                  (unsigned long long)a.found, (unsigned long long)a.grid.total));
    *data = a.out;
    *bytes = need;
done:
    gft_free(a.chunk);
    gft_free(a.seen);
    return status;
}
