/*
 * Reading HDF5 files (Keras' .h5 and .weights.h5) from bytes that are mapped or otherwise held by
 * the caller: groups, attributes and datasets of numbers and strings. Bounded and without the HDF5
 * library; follows the HDF5 File Format Specification, versions 0 to 3 of the superblock.
 *
 * Filters: deflate, shuffle, fletcher32. Dense little-endian data is borrowed, everything else is
 * copied.
 */
#ifndef GFT_FORMATS_HDF5_FILE_H
#define GFT_FORMATS_HDF5_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "graft/tensor.h"

/* An open file. Immutable: several threads may read it, each with an arena of its own. */
typedef struct gft_hdf5 gft_hdf5;

/* An object (a group or a dataset): where its header lies. */
typedef uint64_t gft_hdf5_object;
#define GFT_HDF5_NONE UINT64_MAX

/* A link of a group. */
typedef struct gft_hdf5_link {
    const char *name;
    gft_hdf5_object object; /* GFT_HDF5_NONE: a soft or external link, which is not followed */
} gft_hdf5_link;

/**
 * Opens a file over bytes, which are borrowed until gft_hdf5_close; `where` names them in messages.
 * @return OK; DATA_LOSS if it is no HDF5 file or damaged; UNIMPLEMENTED for what is not read
 */
GRAFT_MUST_CHECK graft_status gft_hdf5_open_memory(const void *bytes, size_t count,
                                                   const char *where, gft_hdf5 **out,
                                                   graft_error *err);
void gft_hdf5_close(gft_hdf5 *file); /* accepts NULL */

gft_hdf5_object gft_hdf5_root(const gft_hdf5 *file);
/**
 * Links of a group, sorted by the bytes of their names; names are put into the arena.
 * FAILED_PRECONDITION if the object is no group.
 */
GRAFT_MUST_CHECK graft_status gft_hdf5_links(const gft_hdf5 *file, gft_hdf5_object group,
                                             gft_arena *arena, gft_hdf5_link **links, size_t *count,
                                             graft_error *err);
/** The link of this name among sorted links; NULL if there is none. */
const gft_hdf5_link *gft_hdf5_find_link(const gft_hdf5_link *links, size_t count, const char *name);
/** Follows "a/b/c" from a group; *out = GFT_HDF5_NONE if there is no such object. */
GRAFT_MUST_CHECK graft_status gft_hdf5_find(const gft_hdf5 *file, gft_hdf5_object from,
                                            const char *path, gft_hdf5_object *out,
                                            graft_error *err);
/** True in *out if the object is a dataset. */
GRAFT_MUST_CHECK graft_status gft_hdf5_is_dataset(const gft_hdf5 *file, gft_hdf5_object object,
                                                  bool *out, graft_error *err);

/** Type and shape of a dataset, without its data. */
GRAFT_MUST_CHECK graft_status gft_hdf5_describe(const gft_hdf5 *file, gft_hdf5_object object,
                                                graft_tensor_desc *out, graft_error *err);
/**
 * A dataset. out->data points into the file where the data lies there as it is wanted and on a
 * multiple of its element's size, else into the arena. Strings are graft_string_view. Unsigned
 * numbers of more than a byte come as the next larger signed type; a two-byte opaque with the
 * attribute dtype = "bfloat16" as BF16. The name is NULL.
 */
GRAFT_MUST_CHECK graft_status gft_hdf5_read(const gft_hdf5 *file, gft_hdf5_object object,
                                            gft_arena *arena, graft_tensor *out, graft_error *err);
/** An attribute, read as a dataset is; *found = false if the object has none of this name. */
GRAFT_MUST_CHECK graft_status gft_hdf5_attribute(const gft_hdf5 *file, gft_hdf5_object object,
                                                 const char *name, gft_arena *arena, bool *found,
                                                 graft_tensor *out, graft_error *err);
/** A text attribute, zero-terminated; *out = NULL if the object has none of this name. */
GRAFT_MUST_CHECK graft_status gft_hdf5_text(const gft_hdf5 *file, gft_hdf5_object object,
                                            const char *name, gft_arena *arena, const char **out,
                                            graft_error *err);
/**
 * A list of texts as Keras writes them: attribute `name`, or, where that would be too long, the
 * attributes `name`0, `name`1, ... joined. *found = false if there is neither.
 */
GRAFT_MUST_CHECK graft_status gft_hdf5_text_list(const gft_hdf5 *file, gft_hdf5_object object,
                                                 const char *name, gft_arena *arena, bool *found,
                                                 const char ***out, size_t *count,
                                                 graft_error *err);

#endif
