/*
 * Writing HDF5 files as Keras reads them (.h5, .weights.h5): groups, dense datasets, text
 * attributes. The oldest layout of the HDF5 File Format Specification (superblock 0, symbol
 * tables), which every reader knows; no time stamps, so that the same content gives the same bytes.
 * Without the HDF5 library.
 *
 * Everything is declared first; the bytes come in one pass: datasets, then texts, then the objects.
 */
#ifndef GFT_FORMATS_HDF5_WRITER_H
#define GFT_FORMATS_HDF5_WRITER_H

#include "base/arena.h"
#include "base/error.h"
#include "graft/tensor.h"

/* A group or a dataset of the file being made; 0 is the root group. */
typedef int32_t gft_hdf5_node;

typedef struct gft_hdf5_item gft_hdf5_item;

/* One file. One thread at a time. */
typedef struct gft_hdf5_writer {
    gft_arena arena;
    gft_hdf5_item *items;
    int32_t count, capacity;
} gft_hdf5_writer;

GRAFT_MUST_CHECK graft_status gft_hdf5_writer_init(gft_hdf5_writer *writer, graft_error *err);
void gft_hdf5_writer_deinit(gft_hdf5_writer *writer);

/** The group "a/b" below another one, made with those on the way where they are missing. */
GRAFT_MUST_CHECK graft_status gft_hdf5_add_group(gft_hdf5_writer *writer, gft_hdf5_node from,
                                                 const char *path, gft_hdf5_node *out,
                                                 graft_error *err);
/**
 * A dataset "a/b/kernel" below a group; groups on the way are made.
 * @param desc numbers of one, two, four or eight bytes; bfloat16 has no type in HDF5: UNIMPLEMENTED
 * @param data row-major, borrowed until the file is written
 */
GRAFT_MUST_CHECK graft_status gft_hdf5_add_dataset(gft_hdf5_writer *writer, gft_hdf5_node from,
                                                   const char *path, const graft_tensor_desc *desc,
                                                   const void *data, graft_error *err);
/** A text of any length as attribute (UTF-8, variable length); copied. */
GRAFT_MUST_CHECK graft_status gft_hdf5_add_text(gft_hdf5_writer *writer, gft_hdf5_node node,
                                                const char *name, const char *text,
                                                graft_error *err);
/**
 * A list of texts as attribute. A list that one attribute cannot hold is cut into name0, name1, ...
 * as Keras cuts it.
 */
GRAFT_MUST_CHECK graft_status gft_hdf5_add_texts(gft_hdf5_writer *writer, gft_hdf5_node node,
                                                 const char *name, const char *const *texts,
                                                 size_t count, graft_error *err);

typedef graft_status (*gft_hdf5_put)(void *sink, const void *data, size_t bytes, graft_error *err);
/** Gives the file's bytes, in order, in pieces; may be called again and gives the same. */
GRAFT_MUST_CHECK graft_status gft_hdf5_emit(gft_hdf5_writer *writer, gft_hdf5_put put, void *sink,
                                            graft_error *err);
/** Writes the file, replacing `path` atomically. */
GRAFT_MUST_CHECK graft_status gft_hdf5_write_file(gft_hdf5_writer *writer, const char *path,
                                                  graft_error *err);

#endif
