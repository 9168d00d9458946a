/*
 * NumPy's .npy and .npz: named arrays in and out of `graft run`.
 *
 * Format: numpy.lib.format versions 1.0 to 3.0 (a zip of .npy members for .npz). Read:
 * little-endian f2 f4 f8 i1 i2 i4 i8 u1 b1, C or Fortran order (the latter is transposed), and
 * strings: S (bytes; NumPy drops zeros at the end), U (becomes UTF-8), V (bytes of one length,
 * zeros kept). Written: version 1.0, strings as S.
 */
#ifndef GFT_FORMATS_NPY_H
#define GFT_FORMATS_NPY_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "graft/tensor.h"

/**
 * Parses one .npy from memory.
 *
 * @param name  [in]  becomes out->name, borrowed; also names the input in messages
 * @param arena [in]  takes the array if it is in Fortran order or badly aligned in `data`;
 *                    otherwise out->data points into `data`
 * @return DATA_LOSS for a cut or foreign input; UNIMPLEMENTED for a type Graft does not have
 */
GRAFT_MUST_CHECK graft_status gft_npy_parse(const void *data, size_t bytes, const char *name,
                                            gft_arena *arena, graft_tensor *out, graft_error *err);

/** Appends a dense tensor as .npy. bfloat16 has no NumPy type: UNIMPLEMENTED. */
GRAFT_MUST_CHECK graft_status gft_npy_append(gft_buffer *buffer, const graft_tensor_desc *desc,
                                             const void *data, graft_error *err);

/**
 * Reads all arrays of an .npz, or the one array of an .npy (named "" then). The file's own first
 * bytes tell which it is.
 *
 * @param tensors [out] in the order of the file; names, data and the list are in the arena
 */
GRAFT_MUST_CHECK graft_status gft_npz_read(const char *path, gft_arena *arena,
                                           graft_tensor **tensors, size_t *count, graft_error *err);

/** The same from memory; nothing points into `data` afterwards. */
GRAFT_MUST_CHECK graft_status gft_npz_parse(const void *data, size_t bytes, const char *where,
                                            gft_arena *arena, graft_tensor **tensors, size_t *count,
                                            graft_error *err);

/** Writes tensors as .npz (stored, not compressed), replacing `path` atomically; same input, same
 * bytes. */
GRAFT_MUST_CHECK graft_status gft_npz_write(const char *path, const graft_tensor *tensors,
                                            size_t count, graft_error *err);
/** Writes one tensor as .npy, replacing `path` atomically. */
GRAFT_MUST_CHECK graft_status gft_npy_write(const char *path, const graft_tensor *tensor,
                                            graft_error *err);

#endif
