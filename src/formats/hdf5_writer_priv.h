/*
 * Private to the HDF5 writer: what is declared (hdf5_writer.c) and how it becomes bytes
 * (hdf5_writer_objects.c).
 */
#ifndef GFT_FORMATS_HDF5_WRITER_PRIV_H
#define GFT_FORMATS_HDF5_WRITER_PRIV_H

#include <stdbool.h>

#include "base/buffer.h"
#include "formats/hdf5_writer.h"

#define GFT_HDF5_UNDEFINED UINT64_MAX
#define GFT_HDF5_SUPERBLOCK_BYTES 96

/* A text in a global heap. */
typedef struct gft_hdf5_string {
    const char *text;
    size_t bytes;
    uint64_t heap; /* address of its collection */
    uint32_t index;
} gft_hdf5_string;

typedef struct gft_hdf5_attr {
    struct gft_hdf5_attr *next;
    const char *name;
    gft_hdf5_string *strings;
    size_t count;
    bool list; /* one dimension; else a scalar */
} gft_hdf5_attr;

struct gft_hdf5_item {
    const char *name;
    int32_t parent;
    bool dataset;
    graft_tensor_desc desc;
    const void *data;
    size_t bytes;
    gft_hdf5_attr *attrs;
    int32_t *children; /* groups, sorted by name; filled in by emit */
    int32_t child_count;
    uint64_t address;      /* of the object's header */
    uint64_t data_address; /* datasets */
    uint64_t tree, heap;   /* groups */
};

/**
 * Appends the global heaps that attributes point into; base: where the buffer will lie in the file.
 */
GRAFT_MUST_CHECK graft_status gft_hdf5_put_strings(gft_hdf5_writer *writer, gft_buffer *out,
                                                   uint64_t base, graft_error *err);
/** Appends every object, members before their groups; sets addresses. */
GRAFT_MUST_CHECK graft_status gft_hdf5_put_objects(gft_hdf5_writer *writer, gft_buffer *out,
                                                   uint64_t base, graft_error *err);
/** The superblock: of a file of this size. */
void gft_hdf5_superblock(const gft_hdf5_writer *writer, uint64_t file_bytes,
                         uint8_t out[GFT_HDF5_SUPERBLOCK_BYTES]);

#endif
