/*
 * Private to the HDF5 reader: bounded access to the file, object headers as lists of messages, and
 * what each part offers to the others. Addresses are relative to the superblock's base address.
 */
#ifndef GFT_FORMATS_HDF5_FILE_PRIV_H
#define GFT_FORMATS_HDF5_FILE_PRIV_H

#include "base/cursor.h"
#include "formats/hdf5_file.h"

#define GFT_HDF5_MAX_RANK 32
#define GFT_HDF5_MAX_FILTERS 8
#define GFT_HDF5_MAX_LEVELS 32 /* of a B-tree or of indirect blocks */
#define GFT_HDF5_MAX_MESSAGES 100000

struct gft_hdf5 {
    const uint8_t *data; /* from the base address on */
    size_t bytes;
    char *where;
    uint32_t offset_bytes; /* size of addresses */
    uint32_t length_bytes; /* size of lengths */
    gft_hdf5_object root;
};

enum { /* message types */
       GFT_HDF5_DATASPACE = 0x01,
       GFT_HDF5_LINK_INFO = 0x02,
       GFT_HDF5_DATATYPE = 0x03,
       GFT_HDF5_LINK = 0x06,
       GFT_HDF5_EXTERNAL_FILES = 0x07,
       GFT_HDF5_LAYOUT = 0x08,
       GFT_HDF5_FILTERS = 0x0b,
       GFT_HDF5_ATTRIBUTE = 0x0c,
       GFT_HDF5_CONTINUATION = 0x10,
       GFT_HDF5_SYMBOL_TABLE = 0x11,
       GFT_HDF5_ATTRIBUTE_INFO = 0x15,
};

typedef struct gft_hdf5_message {
    uint16_t type;
    uint8_t flags; /* bit 1: shared, the body says where it is */
    const uint8_t *data;
    size_t bytes;
} gft_hdf5_message;

typedef struct gft_hdf5_header {
    gft_hdf5_message *messages;
    size_t count;
} gft_hdf5_header;

typedef struct gft_hdf5_space {
    int32_t rank;
    uint64_t dims[GFT_HDF5_MAX_RANK];
    bool null; /* no elements at all */
} gft_hdf5_space;

typedef enum gft_hdf5_class {
    GFT_HDF5_INTEGER,
    GFT_HDF5_FLOAT,
    GFT_HDF5_OPAQUE2, /* two bytes: perhaps bfloat16 */
    GFT_HDF5_STRING,
    GFT_HDF5_VAR_STRING,
} gft_hdf5_class;

typedef struct gft_hdf5_type {
    gft_hdf5_class class;
    size_t bytes; /* of an element */
    bool big_endian, is_signed;
    uint8_t padding; /* of strings: 0 zero-terminated, 1 zero-padded, 2 space-padded */
} gft_hdf5_type;

typedef struct gft_hdf5_filter {
    uint16_t id;
    uint32_t parameter; /* the first one */
} gft_hdf5_filter;

typedef struct gft_hdf5_filters {
    int32_t count;
    gft_hdf5_filter items[GFT_HDF5_MAX_FILTERS];
} gft_hdf5_filters;

typedef enum gft_hdf5_index {
    GFT_HDF5_BTREE1,
    GFT_HDF5_SINGLE,
    GFT_HDF5_IMPLICIT,
    GFT_HDF5_FIXED_ARRAY,
    GFT_HDF5_EXTENSIBLE_ARRAY,
    GFT_HDF5_BTREE2,
} gft_hdf5_index;

typedef struct gft_hdf5_layout {
    enum { GFT_HDF5_COMPACT, GFT_HDF5_CONTIGUOUS, GFT_HDF5_CHUNKED } kind;
    const uint8_t *compact;
    uint64_t address; /* of the data, or of the chunk index */
    uint64_t bytes;   /* compact, contiguous (0: not said) */
    int32_t rank;     /* chunks: of the dataset */
    uint64_t chunk[GFT_HDF5_MAX_RANK];
    gft_hdf5_index index;
    bool raw_edges;         /* chunks beyond the edge are not filtered */
    uint64_t single_bytes;  /* single chunk: size behind filters, 0 without */
    uint32_t single_mask;   /* filters left out */
    uint8_t index_bytes[8]; /* parameters of fixed and extensible arrays */
} gft_hdf5_layout;

typedef struct gft_hdf5_chunk {
    uint64_t address, bytes;
    uint32_t mask;                  /* bit i: filter i was left out */
    uint64_t at[GFT_HDF5_MAX_RANK]; /* first element */
} gft_hdf5_chunk;

typedef graft_status (*gft_hdf5_chunk_fn)(void *context, const gft_hdf5_chunk *chunk,
                                          graft_error *err);
typedef graft_status (*gft_hdf5_record_fn)(void *context, const uint8_t *record, size_t bytes,
                                           graft_error *err);

/* ---- hdf5_file.c ---- */
static inline bool gft_hdf5_undefined(const gft_hdf5 *file, uint64_t address) {
    return address ==
           (file->offset_bytes == 8 ? UINT64_MAX : ((uint64_t)1 << (8 * file->offset_bytes)) - 1);
}
/** DATA_LOSS, "FILE: what ...". */
graft_status gft_hdf5_damaged(const gft_hdf5 *file, graft_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** A cursor from an address to the end of the file, or over `bytes` bytes of it. */
GRAFT_MUST_CHECK graft_status gft_hdf5_at(const gft_hdf5 *file, uint64_t address, const char *what,
                                          gft_cursor *out, graft_error *err);
GRAFT_MUST_CHECK graft_status gft_hdf5_range(const gft_hdf5 *file, uint64_t address, uint64_t bytes,
                                             const char *what, gft_cursor *out, graft_error *err);
/** Four letters and a version byte of at most `version`. */
GRAFT_MUST_CHECK graft_status gft_hdf5_expect(const gft_hdf5 *file, gft_cursor *c,
                                              const char *letters, uint8_t version,
                                              graft_error *err);
/** A number of 1 to 8 bytes. */
GRAFT_MUST_CHECK graft_status gft_hdf5_number(gft_cursor *c, uint32_t bytes, uint64_t *out,
                                              const char *what, graft_error *err);
GRAFT_MUST_CHECK graft_status gft_hdf5_address(const gft_hdf5 *file, gft_cursor *c, uint64_t *out,
                                               const char *what, graft_error *err);
GRAFT_MUST_CHECK graft_status gft_hdf5_length(const gft_hdf5 *file, gft_cursor *c, uint64_t *out,
                                              const char *what, graft_error *err);
GRAFT_MUST_CHECK graft_status gft_hdf5_skip(gft_cursor *c, size_t bytes, const char *what,
                                            graft_error *err);
/** Bytes that hold numbers up to `limit` (at least 1). */
uint32_t gft_hdf5_number_bytes(uint64_t limit);
/** floor(log2(value)), 0 for 0. */
uint32_t gft_hdf5_log2(uint64_t value);

/* ---- hdf5_file_header.c ---- */
GRAFT_MUST_CHECK graft_status gft_hdf5_header_read(const gft_hdf5 *file, gft_hdf5_object object,
                                                   gft_arena *arena, gft_hdf5_header *out,
                                                   graft_error *err);
/** The first message of a type; NULL if there is none. */
const gft_hdf5_message *gft_hdf5_message_of(const gft_hdf5_header *header, uint16_t type);

/* ---- hdf5_file_type.c ---- */
GRAFT_MUST_CHECK graft_status gft_hdf5_space_parse(const gft_hdf5 *file, const uint8_t *data,
                                                   size_t bytes, gft_hdf5_space *out,
                                                   graft_error *err);
/** shared: the message only says where the type is. */
GRAFT_MUST_CHECK graft_status gft_hdf5_type_parse(const gft_hdf5 *file, const uint8_t *data,
                                                  size_t bytes, bool shared, gft_hdf5_type *out,
                                                  graft_error *err);
/** Number of elements; DATA_LOSS on overflow. */
GRAFT_MUST_CHECK graft_status gft_hdf5_space_elems(const gft_hdf5 *file,
                                                   const gft_hdf5_space *space, size_t *out,
                                                   graft_error *err);
/** The descriptor that a dataset or attribute is read as. */
GRAFT_MUST_CHECK graft_status gft_hdf5_desc_of(const gft_hdf5 *file, const gft_hdf5_type *type,
                                               const gft_hdf5_space *space, graft_tensor_desc *out,
                                               graft_error *err);
/**
 * Elements as the file has them to a tensor: borrowed where that is right (and allowed), else
 * copied.
 */
GRAFT_MUST_CHECK graft_status gft_hdf5_convert(const gft_hdf5 *file, const gft_hdf5_type *type,
                                               const gft_hdf5_space *space, const uint8_t *data,
                                               size_t bytes, gft_arena *arena, graft_tensor *out,
                                               graft_error *err);

/* ---- hdf5_file_heap.c ---- */
/** Zero-terminated text in a local heap (its header's address), borrowed. */
GRAFT_MUST_CHECK graft_status gft_hdf5_heap_text(const gft_hdf5 *file, uint64_t heap,
                                                 uint64_t offset, const char **out,
                                                 graft_error *err);
/** An object of a global heap collection, borrowed. */
GRAFT_MUST_CHECK graft_status gft_hdf5_global(const gft_hdf5 *file, uint64_t collection,
                                              uint32_t index, const uint8_t **data, size_t *bytes,
                                              graft_error *err);

/* ---- hdf5_file_fractal.c ---- */
typedef struct gft_hdf5_fractal {
    uint32_t id_bytes, offset_bytes, length_bytes; /* of heap ids */
    uint64_t huge_tree;
    uint16_t width;
    uint64_t start_bytes, max_direct_bytes;
    uint64_t root;
    uint16_t rows; /* of the root's indirect block; 0: the root is a direct block */
    bool huge_direct;
} gft_hdf5_fractal;
/**
 * Dense storage by its message (link info, attribute info), whose form differs only in the bytes of
 * the creation order, order_bytes: the heap, and the tree that finds things in it by name. *any
 * false: there is none, the others are not set.
 */
GRAFT_MUST_CHECK graft_status gft_hdf5_dense_open(const gft_hdf5 *file,
                                                  const gft_hdf5_message *info, size_t order_bytes,
                                                  const char *what, bool *any,
                                                  gft_hdf5_fractal *heap, uint64_t *names,
                                                  graft_error *err);
GRAFT_MUST_CHECK graft_status gft_hdf5_fractal_open(const gft_hdf5 *file, uint64_t address,
                                                    gft_hdf5_fractal *out, graft_error *err);
/** The object of a heap id, borrowed. */
GRAFT_MUST_CHECK graft_status gft_hdf5_fractal_get(const gft_hdf5 *file,
                                                   const gft_hdf5_fractal *heap, const uint8_t *id,
                                                   size_t id_bytes, const uint8_t **data,
                                                   size_t *bytes, graft_error *err);

/* ---- hdf5_file_btree.c ---- */
/**
 * Calls fn with the address of each leaf's child (a symbol table node) of a version 1 group tree.
 */
typedef graft_status (*gft_hdf5_child_fn)(void *context, uint64_t address, graft_error *err);
GRAFT_MUST_CHECK graft_status gft_hdf5_group_tree(const gft_hdf5 *file, uint64_t root,
                                                  gft_hdf5_child_fn fn, void *context,
                                                  graft_error *err);
GRAFT_MUST_CHECK graft_status gft_hdf5_chunk_tree(const gft_hdf5 *file, uint64_t root, int32_t rank,
                                                  gft_hdf5_chunk_fn fn, void *context,
                                                  graft_error *err);

/* ---- hdf5_file_btree2.c ---- */
/** Calls fn with every record of a version 2 tree. */
GRAFT_MUST_CHECK graft_status gft_hdf5_btree2(const gft_hdf5 *file, uint64_t header,
                                              gft_hdf5_record_fn fn, void *context,
                                              graft_error *err);

/* ---- hdf5_file_chunk.c, hdf5_file_chunk_array.c ---- */
GRAFT_MUST_CHECK graft_status gft_hdf5_layout_parse(const gft_hdf5 *file,
                                                    const gft_hdf5_message *message,
                                                    gft_hdf5_layout *out, graft_error *err);
/** Reads all chunks into dense elements, in the arena. */
GRAFT_MUST_CHECK graft_status gft_hdf5_chunks_read(
    const gft_hdf5 *file, const gft_hdf5_layout *layout, const gft_hdf5_filters *filters,
    const gft_hdf5_space *space, size_t element_bytes, gft_arena *arena, const uint8_t **data,
    size_t *bytes, graft_error *err);
/* What array indexes need: chunks per dimension, bytes of an unfiltered chunk. */
typedef struct gft_hdf5_grid {
    int32_t rank;
    uint64_t counts[GFT_HDF5_MAX_RANK];
    uint64_t chunk[GFT_HDF5_MAX_RANK];
    uint64_t chunk_bytes;
    uint64_t total; /* of counts */
} gft_hdf5_grid;
/** Chunk number `index` in row-major order. */
void gft_hdf5_grid_at(const gft_hdf5_grid *grid, uint64_t index, uint64_t at[GFT_HDF5_MAX_RANK]);
GRAFT_MUST_CHECK graft_status gft_hdf5_fixed_array(const gft_hdf5 *file, uint64_t header,
                                                   const gft_hdf5_grid *grid, gft_hdf5_chunk_fn fn,
                                                   void *context, graft_error *err);
GRAFT_MUST_CHECK graft_status gft_hdf5_extensible_array(const gft_hdf5 *file, uint64_t header,
                                                        const gft_hdf5_grid *grid,
                                                        gft_hdf5_chunk_fn fn, void *context,
                                                        graft_error *err);

/* ---- hdf5_file_filter.c ---- */
GRAFT_MUST_CHECK graft_status gft_hdf5_filters_parse(const gft_hdf5 *file,
                                                     const gft_hdf5_message *message,
                                                     gft_hdf5_filters *out, graft_error *err);
/** Undoes the filters; the result, chunk_bytes long, is put to `out`. */
GRAFT_MUST_CHECK graft_status gft_hdf5_unfilter(const gft_hdf5 *file,
                                                const gft_hdf5_filters *filters, uint32_t mask,
                                                const uint8_t *data, size_t bytes, uint8_t *out,
                                                size_t chunk_bytes, graft_error *err);

#endif
