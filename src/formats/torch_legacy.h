/*
 * Weights from PyTorch's legacy torch.save stream (not a zip): five pickles, then raw storages.
 *
 * No code is executed: a bounded interpreter knows the few pickle opcodes and the few names (an
 * OrderedDict, tensors, storages) that state dicts are made of, and refuses everything else.
 */
#ifndef GFT_FORMATS_TORCH_LEGACY_H
#define GFT_FORMATS_TORCH_LEGACY_H

#include <stdbool.h>

#include "base/error.h"
#include "graft/tensor.h"

typedef struct gft_torch gft_torch;

/* A tensor as stored; bytes are borrowed from the input and may lie at any alignment. */
typedef struct gft_torch_tensor {
    const char *name; /* keys of nested dictionaries joined by '.' */
    graft_dtype dtype;
    graft_shape shape;               /* in torch's order: OIHW, (out, in) */
    int64_t strides[GRAFT_MAX_RANK]; /* in elements, 0 or more */
    const uint8_t *data;             /* first element */
    const uint8_t *storage;          /* the whole storage it lies in */
    size_t storage_bytes;
} gft_torch_tensor;

/**
 * Parses a whole file held (or mapped) in memory.
 *
 * @param data  [in] borrowed until gft_torch_close
 * @param where [in] file name for messages; borrowed for the call
 * @return DATA_LOSS for a cut or foreign file; UNIMPLEMENTED for the newer zip form, for opcodes or
 *         names that state dicts do not use, and for storages shared as views
 * Owner: gft_torch_close.   Threads: immutable after opening.
 */
GRAFT_MUST_CHECK graft_status gft_torch_open(const void *data, size_t bytes, const char *where,
                                             gft_torch **out, graft_error *err);
void gft_torch_close(gft_torch *torch); /* accepts NULL */

/** Tensors in the order of the dictionary. */
size_t gft_torch_count(const gft_torch *torch);
const gft_torch_tensor *gft_torch_at(const gft_torch *torch, size_t index);
/** NULL if there is none. */
const gft_torch_tensor *gft_torch_find(const gft_torch *torch, const char *name);

/**
 * Copies the tensor with its dimensions reordered into dense row-major form.
 *
 * @param perm  [in]  output dimension d is the tensor's dimension perm[d]; {2,3,1,0} makes OIHW to
 *                    HWIO; NULL keeps the order
 * @param shape [out] may be NULL: the shape of what was written
 * @param bytes [in]  room in `to`; INVALID_ARGUMENT unless it is exactly what is needed
 * Cost: one memcpy if the storage already has that order.
 */
GRAFT_MUST_CHECK graft_status gft_torch_copy(const gft_torch_tensor *tensor, const int32_t *perm,
                                             void *to, size_t bytes, graft_shape *shape,
                                             graft_error *err);

/** Dense row-major copy of a strided array (strides in elements); the fastest-moving run is
 * memcpy'd. */
void gft_strided_copy(const graft_shape *shape, const int64_t *strides, size_t elem_bytes,
                      const void *from, void *to);

#endif
