/*
 * Objects as bytes: global heaps with texts, object headers, and for every group a local heap with
 * the names of its members, symbol nodes of eight and a B-tree over them (HDF5 File Format
 * Specification, sections III.A.1, III.B, III.D, III.E and IV).
 */
#include <string.h>

#include "base/size.h"
#include "formats/hdf5_writer_priv.h"

#define LEAF_K 4 /* a symbol node has room for 8 members */
#define SNOD_MEMBERS (2 * LEAF_K)
#define SNOD_BYTES (8 + 40 * SNOD_MEMBERS)
#define TREE_K 16 /* a node of the tree has room for 32 children */
#define TREE_CHILDREN (2 * TREE_K)
#define TREE_BYTES (24 + 8 * (2 * TREE_CHILDREN + 1))
#define HEAP_MIN_BYTES 4096
#define HEAP_MAX_OBJECTS 4096
#define MESSAGE_MAX_BYTES 65528

enum message {
    DATASPACE = 1,
    DATATYPE = 3,
    FILL_VALUE = 5,
    LAYOUT = 8,
    ATTRIBUTE = 12,
    SYMBOLS = 17
};

/* The first failure sticks. */
typedef struct bytes {
    gft_buffer *out;
    uint64_t base;
    graft_status status;
    graft_error *err;
} bytes;

static uint64_t here(const bytes *b) {
    return b->base + b->out->bytes;
}

static void put(bytes *b, const void *data, size_t count) {
    if (b->status == GRAFT_OK)
        b->status = gft_buffer_append(b->out, data, count, b->err);
}

static void put_le(bytes *b, uint64_t v, size_t count) {
    uint8_t p[8];
    for (size_t i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (8 * i));
    put(b, p, count);
}

static void put_zeros(bytes *b, size_t count) {
    uint8_t *p = b->status == GRAFT_OK ? gft_buffer_reserve(b->out, count, b->err) : NULL;
    if (!p) {
        b->status = b->status == GRAFT_OK ? GRAFT_RESOURCE_EXHAUSTED : b->status;
        return;
    }
    memset(p, 0, count);
    b->out->bytes += count;
}

static void align(bytes *b) {
    put_zeros(b, gft_size_align(b->out->bytes, 8) - b->out->bytes);
}

/* ---- global heaps ---- */

typedef struct collection {
    uint64_t address;
    size_t start; /* in the buffer */
    uint32_t objects;
} collection;

static void patch_le64(bytes *b, size_t at, uint64_t v) {
    for (size_t i = 0; i < 8 && b->status == GRAFT_OK; i++)
        b->out->data[at + i] = (uint8_t)(v >> (8 * i));
}

static void open_collection(bytes *b, collection *c) {
    *c = (collection){here(b), b->out->bytes, 0};
    put(b, "GCOL\1\0\0\0", 8);
    put_le(b, 0, 8); /* its size, when it is known */
}

/* What is left of the smallest collection there may be is its object 0, free space. */
static void close_collection(bytes *b, const collection *c) {
    const size_t used = b->out->bytes - c->start;
    const size_t whole = gft_size_max(used + 16, HEAP_MIN_BYTES);
    put_le(b, 0, 8);
    put_le(b, whole - used, 8);
    put_zeros(b, whole - used - 16);
    patch_le64(b, c->start + 8, whole);
}

graft_status gft_hdf5_put_strings(gft_hdf5_writer *w, gft_buffer *out, uint64_t base,
                                  graft_error *err) {
    bytes b = {out, base, GRAFT_OK, err};
    collection c = {0};
    for (int32_t i = 0; i < w->count; i++) {
        for (gft_hdf5_attr *attr = w->items[i].attrs; attr; attr = attr->next) {
            for (size_t k = 0; k < attr->count; k++) {
                gft_hdf5_string *s = &attr->strings[k];
                if (s->bytes == 0)
                    continue;
                if (s->bytes > UINT32_MAX)
                    return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                                    "hdf5: attribute '%s' has %zu bytes", attr->name, s->bytes);
                if (c.objects == 0)
                    open_collection(&b, &c);
                s->heap = c.address;
                s->index = ++c.objects;
                put_le(&b, s->index, 2);
                put_le(&b, 1, 2); /* references */
                put_le(&b, 0, 4);
                put_le(&b, s->bytes, 8);
                put(&b, s->text, s->bytes);
                align(&b);
                if (c.objects == HEAP_MAX_OBJECTS) {
                    close_collection(&b, &c);
                    c.objects = 0;
                }
            }
        }
    }
    if (c.objects > 0)
        close_collection(&b, &c);
    return b.status;
}

/* ---- messages of object headers ---- */

typedef struct header {
    size_t start;
    uint32_t messages;
} header;

/*
 * Version 1: version, number of messages, references, size of the messages; both are filled in at
 * the end.
 */
static header open_header(bytes *b) {
    header h = {b->out->bytes, 0};
    put_zeros(b, 16);
    return h;
}

static void close_header(bytes *b, const header *h) {
    if (b->status != GRAFT_OK)
        return;
    uint8_t *p = b->out->data + h->start;
    const size_t size = b->out->bytes - h->start - 16;
    p[0] = 1;
    p[2] = (uint8_t)h->messages;
    p[3] = (uint8_t)(h->messages >> 8);
    p[4] = 1;
    for (size_t i = 0; i < 4; i++)
        p[8 + i] = (uint8_t)(size >> (8 * i));
}

static void put_message(bytes *b, header *h, enum message type, const gft_buffer *body) {
    const size_t size = gft_size_align(body->bytes, 8);
    h->messages++;
    put_le(b, type, 2);
    put_le(b, size, 2);
    put_le(b, 0, 4);
    put(b, body->data, body->bytes);
    put_zeros(b, size - body->bytes);
}

static void dataspace(bytes *b, const graft_shape *shape) {
    put_le(b, 1, 1);
    put_le(b, (uint64_t)shape->rank, 1);
    put_le(b, 0, 6);
    for (int32_t i = 0; i < shape->rank; i++)
        put_le(b, (uint64_t)shape->dims[i], 8);
}

typedef struct float_layout {
    uint8_t sign, exponent_at, exponent_bits, mantissa_bits;
    uint32_t bias;
} float_layout;

static void float_type(bytes *b, size_t size, float_layout f) {
    put_le(b, 0x11, 1);
    put_le(b, 0x20, 1); /* little-endian, the mantissa's first bit is implied */
    put_le(b, f.sign, 1);
    put_le(b, 0, 1);
    put_le(b, size, 4);
    put_le(b, 0, 2);
    put_le(b, 8 * size, 2);
    put_le(b, f.exponent_at, 1);
    put_le(b, f.exponent_bits, 1);
    put_le(b, 0, 1);
    put_le(b, f.mantissa_bits, 1);
    put_le(b, f.bias, 4);
}

static void integer_type(bytes *b, size_t size, bool is_signed) {
    put_le(b, 0x10, 1);
    put_le(b, is_signed ? 8 : 0, 3);
    put_le(b, size, 4);
    put_le(b, 0, 2);
    put_le(b, 8 * size, 2);
}

/* bool is a byte, as NumPy's are without their enumeration's names. */
static void datatype(bytes *b, graft_dtype dtype) {
    const size_t size = graft_dtype_bytes(dtype);
    if (dtype == GRAFT_F32)
        float_type(b, size, (float_layout){31, 23, 8, 23, 127});
    else if (dtype == GRAFT_F64)
        float_type(b, size, (float_layout){63, 52, 11, 52, 1023});
    else if (dtype == GRAFT_F16)
        float_type(b, size, (float_layout){15, 10, 5, 10, 15});
    else
        integer_type(b, size, dtype != GRAFT_U8 && dtype != GRAFT_BOOL);
}

/* Variable length, zero-terminated, UTF-8. */
static void text_type(bytes *b) {
    put_le(b, 0x19, 1);
    put_le(b, 0x0101, 3);
    put_le(b, 16, 4);
    put_le(b, 0x10, 1); /* of single bytes */
    put_le(b, 0, 3);
    put_le(b, 1, 4);
    put_le(b, 0, 2);
    put_le(b, 8, 2);
}

static void attribute(bytes *b, const gft_hdf5_attr *attr) {
    const size_t name = strlen(attr->name) + 1;
    const graft_shape shape = {attr->list ? 1 : 0, {(int64_t)attr->count}};
    put_le(b, 1, 2);
    put_le(b, name, 2);
    put_le(b, 20, 2);
    put_le(b, 8 + 8 * (size_t)shape.rank, 2);
    put(b, attr->name, name);
    align(b);
    text_type(b);
    align(b);
    dataspace(b, &shape);
    for (size_t i = 0; i < attr->count; i++) {
        put_le(b, attr->strings[i].bytes, 4);
        put_le(b, attr->strings[i].heap, 8);
        put_le(b, attr->strings[i].index, 4);
    }
}

/* A message's body is made apart, since its size comes before it. */
typedef struct body {
    gft_buffer buffer;
    bytes b;
} body;

static void body_begin(body *m, const bytes *b) {
    gft_buffer_clear(&m->buffer);
    m->b = (bytes){&m->buffer, 0, b->status, b->err};
}

static void body_end(body *m, bytes *b, header *h, enum message type) {
    b->status = m->b.status;
    if (b->status == GRAFT_OK)
        put_message(b, h, type, &m->buffer);
}

static void put_attributes(bytes *b, header *h, body *m, const gft_hdf5_item *item) {
    for (const gft_hdf5_attr *attr = item->attrs; attr; attr = attr->next) {
        body_begin(m, b);
        attribute(&m->b, attr);
        body_end(m, b, h, ATTRIBUTE);
    }
}

static void put_dataset(bytes *b, body *m, gft_hdf5_item *item) {
    item->address = here(b);
    header h = open_header(b);
    body_begin(m, b);
    dataspace(&m->b, &item->desc.shape);
    body_end(m, b, &h, DATASPACE);
    body_begin(m, b);
    datatype(&m->b, item->desc.dtype);
    body_end(m, b, &h, DATATYPE);
    body_begin(m, b);
    put(&m->b, "\2\2\2\0", 4); /* version, allocated late, written if set, not defined */
    body_end(m, b, &h, FILL_VALUE);
    body_begin(m, b);
    put(&m->b, "\3\1", 2); /* contiguous */
    put_le(&m->b, item->data_address, 8);
    put_le(&m->b, item->bytes, 8);
    body_end(m, b, &h, LAYOUT);
    put_attributes(b, &h, m, item);
    close_header(b, &h);
}

/* ---- groups ---- */

/* Where name `i` begins in the local heap: offset 0 holds the empty name. */
static void put_local_heap(bytes *b, const gft_hdf5_writer *w, gft_hdf5_item *group,
                           uint64_t *offsets) {
    size_t size = 8;
    for (int32_t i = 0; i < group->child_count; i++) {
        offsets[i] = size;
        size = gft_size_align(size + strlen(w->items[group->children[i]].name) + 1, 8);
    }
    group->heap = here(b);
    put(b, "HEAP\0\0\0\0", 8);
    put_le(b, size, 8);
    put_le(b, 1, 8); /* no free space */
    put_le(b, here(b) + 8, 8);
    put_zeros(b, 8);
    for (int32_t i = 0; i < group->child_count; i++) {
        const char *name = w->items[group->children[i]].name;
        put(b, name, strlen(name) + 1);
        align(b);
    }
}

/* Nodes of one level of the tree: where each begins and the last name below it. */
typedef struct level {
    uint64_t *address, *last;
    size_t count;
} level;

static void put_symbol_nodes(bytes *b, const gft_hdf5_writer *w, const gft_hdf5_item *group,
                             const uint64_t *offsets, level *out) {
    const size_t members = (size_t)group->child_count;
    out->count = 0;
    for (size_t at = 0; at < members; at += SNOD_MEMBERS) {
        const size_t count = gft_size_min(members - at, SNOD_MEMBERS);
        out->address[out->count] = here(b);
        out->last[out->count++] = offsets[at + count - 1];
        put(b, "SNOD\1\0", 6);
        put_le(b, count, 2);
        for (size_t i = at; i < at + count; i++) {
            put_le(b, offsets[i], 8);
            put_le(b, w->items[group->children[i]].address, 8);
            put_zeros(b, 24);
        }
        put_zeros(b, 40 * (SNOD_MEMBERS - count));
    }
}

/* One level above: neighbours lie side by side, so their addresses are known. */
static void put_tree_nodes(bytes *b, size_t height, level *l) {
    const size_t nodes = (l->count + TREE_CHILDREN - 1) / TREE_CHILDREN;
    const uint64_t start = here(b);
    uint64_t before = 0; /* the last name to the left */
    for (size_t n = 0; n < nodes; n++) {
        const size_t at = n * TREE_CHILDREN;
        const size_t count = gft_size_min(l->count - at, TREE_CHILDREN);
        put(b, "TREE\0", 5);
        put_le(b, height, 1);
        put_le(b, count, 2);
        put_le(b, n == 0 ? GFT_HDF5_UNDEFINED : start + (n - 1) * TREE_BYTES, 8);
        put_le(b, n + 1 == nodes ? GFT_HDF5_UNDEFINED : start + (n + 1) * TREE_BYTES, 8);
        put_le(b, before, 8);
        for (size_t i = at; i < at + count; i++) {
            put_le(b, l->address[i], 8);
            put_le(b, l->last[i], 8);
        }
        put_zeros(b, 16 * (TREE_CHILDREN - count));
        before = l->last[at + count - 1];
        l->address[n] = start + n * TREE_BYTES; /* at least as many are read already */
        l->last[n] = before;
    }
    l->count = nodes;
}

/* An empty group has a tree of one node without children. */
static void put_tree(bytes *b, const gft_hdf5_writer *w, gft_hdf5_item *group,
                     const uint64_t *offsets, level *l) {
    put_symbol_nodes(b, w, group, offsets, l);
    if (l->count == 0) {
        group->tree = here(b);
        put(b, "TREE\0\0\0\0", 8);
        put_le(b, GFT_HDF5_UNDEFINED, 8);
        put_le(b, GFT_HDF5_UNDEFINED, 8);
        put_zeros(b, TREE_BYTES - 24);
        return;
    }
    for (size_t height = 0; height == 0 || l->count > 1; height++)
        put_tree_nodes(b, height, l);
    group->tree = l->address[0];
}

static graft_status put_group(bytes *b, body *m, gft_hdf5_writer *w, gft_hdf5_item *group) {
    gft_arena scratch;
    gft_arena_init(&scratch);
    const size_t members = (size_t)group->child_count;
    uint64_t *offsets = gft_arena_array(&scratch, members + 1, sizeof *offsets);
    level l = {gft_arena_array(&scratch, members + 1, sizeof(uint64_t)),
               gft_arena_array(&scratch, members + 1, sizeof(uint64_t)), 0};
    if (!offsets || !l.address || !l.last) {
        b->status = gft_fail_memory(b->err, 24 * (members + 1), "a group");
    } else {
        put_local_heap(b, w, group, offsets);
        put_tree(b, w, group, offsets, &l);
        group->address = here(b);
        header h = open_header(b);
        body_begin(m, b);
        put_le(&m->b, group->tree, 8);
        put_le(&m->b, group->heap, 8);
        body_end(m, b, &h, SYMBOLS);
        put_attributes(b, &h, m, group);
        close_header(b, &h);
    }
    gft_arena_deinit(&scratch);
    return b->status;
}

graft_status gft_hdf5_put_objects(gft_hdf5_writer *w, gft_buffer *out, uint64_t base,
                                  graft_error *err) {
    bytes b = {out, base, GRAFT_OK, err};
    body m;
    gft_buffer_init(&m.buffer, MESSAGE_MAX_BYTES);
    for (int32_t i = w->count - 1; i >= 0; i--) { /* members come after their group */
        if (w->items[i].dataset)
            put_dataset(&b, &m, &w->items[i]);
        else
            (void)put_group(&b, &m, w, &w->items[i]);
    }
    gft_buffer_deinit(&m.buffer);
    return b.status;
}

void gft_hdf5_superblock(const gft_hdf5_writer *w, uint64_t file_bytes,
                         uint8_t out[GFT_HDF5_SUPERBLOCK_BYTES]) {
    static const uint8_t head[24] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a,   '\n', 0,      0,
                                     0,    0,   0,   8,   8,    0,    LEAF_K, 0,    TREE_K, 0};
    const gft_hdf5_item *root = &w->items[0];
    const uint64_t fields[] = {0,
                               GFT_HDF5_UNDEFINED,
                               file_bytes,
                               GFT_HDF5_UNDEFINED,
                               0,
                               root->address,
                               1 /* what lies behind is said here too */,
                               root->tree,
                               root->heap};
    memcpy(out, head, sizeof head);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        for (size_t k = 0; k < 8; k++)
            out[24 + 8 * i + k] = (uint8_t)(fields[i] >> (8 * k));
    }
}
