/*
 * TensorProto values: the bytes of a constant, whether they lie in the file (outlined), in
 * tensor_content or in one of the typed lists (float_val, int_val, ..., last value repeated).
 */
#ifndef GFT_FORMATS_TENSOR_PROTO_H
#define GFT_FORMATS_TENSOR_PROTO_H

#include "base/arena.h"
#include "base/file.h"
#include "graft/tensor.h"
#include "tensorflow.pb-c.h"

/** Shape of a TensorShapeProto (NULL is a scalar); -1 where unknown. */
GRAFT_MUST_CHECK graft_status gft_tensor_proto_shape(const Tensorflow__TensorShapeProto *proto,
                                                     const char *where, graft_shape *out,
                                                     graft_error *err);

/**
 * Gives a numeric TensorProto as a dense tensor.
 *
 * @param proto [in] any type of graft_dtype with a size; a DT_STRING is read by
 * gft_tensor_proto_strings
 * @param map   [in] the file the message came from; may be NULL if nothing was outlined
 * @param where [in] name for messages and for out->name; borrowed by out
 * @param arena [in] where expanded lists go; outlined bytes are borrowed from `map`, aligned as
 * they lie there if that suits the type, else copied into the arena
 * @return DATA_LOSS if the bytes do not fit the shape; UNIMPLEMENTED for a type Graft does not have
 */
GRAFT_MUST_CHECK graft_status gft_tensor_proto_read(const Tensorflow__TensorProto *proto,
                                                    const gft_map *map, const char *where,
                                                    gft_arena *arena, graft_tensor *out,
                                                    graft_error *err);

/** Strings of a DT_STRING TensorProto, one per element, borrowed from `proto` (array in the arena).
 */
GRAFT_MUST_CHECK graft_status gft_tensor_proto_strings(const Tensorflow__TensorProto *proto,
                                                       const char *where, gft_arena *arena,
                                                       ProtobufCBinaryData **out, size_t *count,
                                                       graft_error *err);

#endif
