/*
 * Tensors as the public interface sees them: element type, shape, bytes.
 *
 * Element types carry TensorFlow's DataType numbers (tensorflow/core/framework/types.proto). Data
 * is dense, row-major, little-endian; images are NHWC. A dimension of -1 in a descriptor means
 * "known when the graph is run".
 */
#ifndef GRAFT_TENSOR_H
#define GRAFT_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#include "graft/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GRAFT_MAX_RANK 8

/* X(symbol, TensorFlow's number, bytes per element, TensorFlow's name) */
#define GRAFT_DTYPE_LIST(X)                                                                        \
    X(F32, 1, 4, "float32")                                                                        \
    X(F64, 2, 8, "float64")                                                                        \
    X(S32, 3, 4, "int32")                                                                          \
    X(U8, 4, 1, "uint8")                                                                           \
    X(S16, 5, 2, "int16")                                                                          \
    X(S8, 6, 1, "int8")                                                                            \
    X(STRING, 7, 0, "string")                                                                      \
    X(S64, 9, 8, "int64")                                                                          \
    X(BOOL, 10, 1, "bool")                                                                         \
    X(BF16, 14, 2, "bfloat16")                                                                     \
    X(F16, 19, 2, "float16")                                                                       \
    X(RESOURCE, 20, 0, "resource")

#define GRAFT_DTYPE_ENUM_(symbol, number, bytes, name) GRAFT_##symbol = number,
typedef enum graft_dtype { GRAFT_DTYPE_NONE = 0, GRAFT_DTYPE_LIST(GRAFT_DTYPE_ENUM_) } graft_dtype;
#undef GRAFT_DTYPE_ENUM_

/**
 * A shape: `rank` dimensions, outermost first. Rank 0 is a scalar; -1 as a dimension is "not known
 * yet".
 */
typedef struct graft_shape {
    int32_t rank;
    int64_t dims[GRAFT_MAX_RANK];
} graft_shape;

/**
 * Affine quantisation, real = scale * (q - zero_point); one pair for the whole tensor or one per
 * index of `axis` (TFLite's quantization_spec). Borrowed by descriptors; lives in the arena of the
 * graph or model it came with.
 */
typedef struct graft_quant {
    const float *scales;
    const int32_t *zero_points;
    int64_t count; /* 1, or dims[axis] */
    int32_t axis;
} graft_quant;

/** Element type, shape and, for integer types, quantisation (NULL: none). A plain value. */
typedef struct graft_tensor_desc {
    graft_dtype dtype;
    graft_shape shape;
    const graft_quant *quant;
} graft_tensor_desc;

/**
 * A named tensor. Whether `data` is owned or borrowed is said by the function that gives or takes
 * it.
 */
typedef struct graft_tensor {
    const char *name;
    graft_tensor_desc desc;
    void *data;
    size_t bytes;
} graft_tensor;

/**
 * One element of a string tensor: a view of bytes that somebody else keeps (the caller for inputs,
 * the model for constants); nothing in it is zero-terminated. data of a tensor of dtype STRING is
 * an array of these.
 */
typedef struct graft_string_view {
    const char *data;
    size_t bytes;
} graft_string_view;

/** Returns bytes per element; 0 for string and resource. */
GRAFT_API size_t graft_dtype_bytes(graft_dtype dtype);
/** Returns TensorFlow's name ("float32"), or "none". */
GRAFT_API const char *graft_dtype_name(graft_dtype dtype);

#ifdef __cplusplus
}
#endif
#endif
