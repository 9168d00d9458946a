/*
 * TFLite's FlatBuffers schema (version 3, file identifier "TFL3") as numbers: field ids of its
 * tables, which are slots of their vtables, and enums. Shared by reader and writer. A comment gives
 * a field's type, and its default where that is not zero; a field without one is a reference to a
 * vector, string or table.
 */
#ifndef GFT_FLAT_TFLITE_SCHEMA_H
#define GFT_FLAT_TFLITE_SCHEMA_H

#include "flat/tflite_op_list.h"

#define GFT_TFLITE_VERSION 3
#define GFT_TFLITE_IDENTIFIER "TFL3"

#define GFT_TFLITE_OP_ENUM_(name, number) GFT_TFLITE_OP_##name = number,
typedef enum gft_tflite_op { GFT_TFLITE_OP_LIST(GFT_TFLITE_OP_ENUM_) } gft_tflite_op;
#undef GFT_TFLITE_OP_ENUM_
/*
 * deprecated_builtin_code is a byte: operators beyond have this there, and their number in
 * builtin_code.
 */
#define GFT_TFLITE_OP_PLACEHOLDER 127

/* X(symbol, number, bits per element): TensorType. */
#define GFT_TFLITE_TYPE_LIST(X)                                                                    \
    X(FLOAT32, 0, 32)                                                                              \
    X(FLOAT16, 1, 16)                                                                              \
    X(INT32, 2, 32)                                                                                \
    X(UINT8, 3, 8)                                                                                 \
    X(INT64, 4, 64)                                                                                \
    X(STRING, 5, 0)                                                                                \
    X(BOOL, 6, 8)                                                                                  \
    X(INT16, 7, 16)                                                                                \
    X(COMPLEX64, 8, 64)                                                                            \
    X(INT8, 9, 8)                                                                                  \
    X(FLOAT64, 10, 64)                                                                             \
    X(COMPLEX128, 11, 128)                                                                         \
    X(UINT64, 12, 64)                                                                              \
    X(RESOURCE, 13, 0)                                                                             \
    X(VARIANT, 14, 0)                                                                              \
    X(UINT32, 15, 32)                                                                              \
    X(UINT16, 16, 16)                                                                              \
    X(INT4, 17, 4)                                                                                 \
    X(BFLOAT16, 18, 16)                                                                            \
    X(INT2, 19, 2)                                                                                 \
    X(UINT4, 20, 4)                                                                                \
    X(FLOAT8_E4M3FN, 21, 8)                                                                        \
    X(FLOAT8_E5M2, 22, 8)

#define GFT_TFLITE_TYPE_ENUM_(symbol, number, bits) GFT_TFLITE_TYPE_##symbol = number,
typedef enum gft_tflite_type { GFT_TFLITE_TYPE_LIST(GFT_TFLITE_TYPE_ENUM_) } gft_tflite_type;
#undef GFT_TFLITE_TYPE_ENUM_

/* Padding */
typedef enum gft_tflite_padding {
    GFT_TFLITE_PADDING_SAME = 0,
    GFT_TFLITE_PADDING_VALID = 1,
} gft_tflite_padding;

/* ActivationFunctionType */
typedef enum gft_tflite_activation {
    GFT_TFLITE_ACT_NONE = 0,
    GFT_TFLITE_ACT_RELU = 1,
    GFT_TFLITE_ACT_RELU_N1_TO_1 = 2,
    GFT_TFLITE_ACT_RELU6 = 3,
    GFT_TFLITE_ACT_TANH = 4,
    GFT_TFLITE_ACT_SIGN_BIT = 5,
} gft_tflite_activation;

/* MirrorPadMode */
typedef enum gft_tflite_mirror_pad {
    GFT_TFLITE_MIRROR_REFLECT = 0,
    GFT_TFLITE_MIRROR_SYMMETRIC = 1,
} gft_tflite_mirror_pad;

/* FullyConnectedOptionsWeightsFormat */
typedef enum gft_tflite_weights_format {
    GFT_TFLITE_FC_DEFAULT = 0,
    GFT_TFLITE_FC_SHUFFLED4X16INT8 = 1,
} gft_tflite_weights_format;

/* QuantizationDetails (union) */
typedef enum gft_tflite_quant_details {
    GFT_TFLITE_DETAILS_NONE = 0,
    GFT_TFLITE_DETAILS_CUSTOM_QUANTIZATION = 1,
    GFT_TFLITE_DETAILS_BLOCKWISE_QUANTIZATION = 2,
    GFT_TFLITE_DETAILS_MULTI_AXIS_QUANTIZATION = 3,
} gft_tflite_quant_details;

/* BuiltinOptions: which table Operator.builtin_options is (union). */
typedef enum gft_tflite_options {
    GFT_TFLITE_OPTIONS_NONE = 0,
    GFT_TFLITE_OPTIONS_CONV_2D = 1,
    GFT_TFLITE_OPTIONS_DEPTHWISE_CONV_2D = 2,
    GFT_TFLITE_OPTIONS_CONCAT_EMBEDDINGS = 3,
    GFT_TFLITE_OPTIONS_LSH_PROJECTION = 4,
    GFT_TFLITE_OPTIONS_POOL_2D = 5,
    GFT_TFLITE_OPTIONS_SVDF = 6,
    GFT_TFLITE_OPTIONS_RNN = 7,
    GFT_TFLITE_OPTIONS_FULLY_CONNECTED = 8,
    GFT_TFLITE_OPTIONS_SOFTMAX = 9,
    GFT_TFLITE_OPTIONS_CONCATENATION = 10,
    GFT_TFLITE_OPTIONS_ADD = 11,
    GFT_TFLITE_OPTIONS_L2_NORM = 12,
    GFT_TFLITE_OPTIONS_LOCAL_RESPONSE_NORMALIZATION = 13,
    GFT_TFLITE_OPTIONS_LSTM = 14,
    GFT_TFLITE_OPTIONS_RESIZE_BILINEAR = 15,
    GFT_TFLITE_OPTIONS_CALL = 16,
    GFT_TFLITE_OPTIONS_RESHAPE = 17,
    GFT_TFLITE_OPTIONS_SKIP_GRAM = 18,
    GFT_TFLITE_OPTIONS_SPACE_TO_DEPTH = 19,
    GFT_TFLITE_OPTIONS_EMBEDDING_LOOKUP_SPARSE = 20,
    GFT_TFLITE_OPTIONS_MUL = 21,
    GFT_TFLITE_OPTIONS_PAD = 22,
    GFT_TFLITE_OPTIONS_GATHER = 23,
    GFT_TFLITE_OPTIONS_BATCH_TO_SPACE_ND = 24,
    GFT_TFLITE_OPTIONS_SPACE_TO_BATCH_ND = 25,
    GFT_TFLITE_OPTIONS_TRANSPOSE = 26,
    GFT_TFLITE_OPTIONS_REDUCER = 27,
    GFT_TFLITE_OPTIONS_SUB = 28,
    GFT_TFLITE_OPTIONS_DIV = 29,
    GFT_TFLITE_OPTIONS_SQUEEZE = 30,
    GFT_TFLITE_OPTIONS_SEQUENCE_RNN = 31,
    GFT_TFLITE_OPTIONS_STRIDED_SLICE = 32,
    GFT_TFLITE_OPTIONS_EXP = 33,
    GFT_TFLITE_OPTIONS_TOPK_V2 = 34,
    GFT_TFLITE_OPTIONS_SPLIT = 35,
    GFT_TFLITE_OPTIONS_LOG_SOFTMAX = 36,
    GFT_TFLITE_OPTIONS_CAST = 37,
    GFT_TFLITE_OPTIONS_DEQUANTIZE = 38,
    GFT_TFLITE_OPTIONS_MAXIMUM_MINIMUM = 39,
    GFT_TFLITE_OPTIONS_ARG_MAX = 40,
    GFT_TFLITE_OPTIONS_LESS = 41,
    GFT_TFLITE_OPTIONS_NEG = 42,
    GFT_TFLITE_OPTIONS_PAD_V2 = 43,
    GFT_TFLITE_OPTIONS_GREATER = 44,
    GFT_TFLITE_OPTIONS_GREATER_EQUAL = 45,
    GFT_TFLITE_OPTIONS_LESS_EQUAL = 46,
    GFT_TFLITE_OPTIONS_SELECT = 47,
    GFT_TFLITE_OPTIONS_SLICE = 48,
    GFT_TFLITE_OPTIONS_TRANSPOSE_CONV = 49,
    GFT_TFLITE_OPTIONS_SPARSE_TO_DENSE = 50,
    GFT_TFLITE_OPTIONS_TILE = 51,
    GFT_TFLITE_OPTIONS_EXPAND_DIMS = 52,
    GFT_TFLITE_OPTIONS_EQUAL = 53,
    GFT_TFLITE_OPTIONS_NOT_EQUAL = 54,
    GFT_TFLITE_OPTIONS_SHAPE = 55,
    GFT_TFLITE_OPTIONS_POW = 56,
    GFT_TFLITE_OPTIONS_ARG_MIN = 57,
    GFT_TFLITE_OPTIONS_FAKE_QUANT = 58,
    GFT_TFLITE_OPTIONS_PACK = 59,
    GFT_TFLITE_OPTIONS_LOGICAL_OR = 60,
    GFT_TFLITE_OPTIONS_ONE_HOT = 61,
    GFT_TFLITE_OPTIONS_LOGICAL_AND = 62,
    GFT_TFLITE_OPTIONS_LOGICAL_NOT = 63,
    GFT_TFLITE_OPTIONS_UNPACK = 64,
    GFT_TFLITE_OPTIONS_FLOOR_DIV = 65,
    GFT_TFLITE_OPTIONS_SQUARE = 66,
    GFT_TFLITE_OPTIONS_ZEROS_LIKE = 67,
    GFT_TFLITE_OPTIONS_FILL = 68,
    GFT_TFLITE_OPTIONS_BIDIRECTIONAL_SEQUENCE_LSTM = 69,
    GFT_TFLITE_OPTIONS_BIDIRECTIONAL_SEQUENCE_RNN = 70,
    GFT_TFLITE_OPTIONS_UNIDIRECTIONAL_SEQUENCE_LSTM = 71,
    GFT_TFLITE_OPTIONS_FLOOR_MOD = 72,
    GFT_TFLITE_OPTIONS_RANGE = 73,
    GFT_TFLITE_OPTIONS_RESIZE_NEAREST_NEIGHBOR = 74,
    GFT_TFLITE_OPTIONS_LEAKY_RELU = 75,
    GFT_TFLITE_OPTIONS_SQUARED_DIFFERENCE = 76,
    GFT_TFLITE_OPTIONS_MIRROR_PAD = 77,
    GFT_TFLITE_OPTIONS_ABS = 78,
    GFT_TFLITE_OPTIONS_SPLIT_V = 79,
    GFT_TFLITE_OPTIONS_UNIQUE = 80,
    GFT_TFLITE_OPTIONS_REVERSE_V2 = 81,
    GFT_TFLITE_OPTIONS_ADD_N = 82,
    GFT_TFLITE_OPTIONS_GATHER_ND = 83,
    GFT_TFLITE_OPTIONS_COS = 84,
    GFT_TFLITE_OPTIONS_WHERE = 85,
    GFT_TFLITE_OPTIONS_RANK = 86,
    GFT_TFLITE_OPTIONS_REVERSE_SEQUENCE = 87,
    GFT_TFLITE_OPTIONS_MATRIX_DIAG = 88,
    GFT_TFLITE_OPTIONS_QUANTIZE = 89,
    GFT_TFLITE_OPTIONS_MATRIX_SET_DIAG = 90,
    GFT_TFLITE_OPTIONS_HARD_SWISH = 91,
    GFT_TFLITE_OPTIONS_IF = 92,
    GFT_TFLITE_OPTIONS_WHILE = 93,
    GFT_TFLITE_OPTIONS_DEPTH_TO_SPACE = 94,
    GFT_TFLITE_OPTIONS_NON_MAX_SUPPRESSION_V4 = 95,
    GFT_TFLITE_OPTIONS_NON_MAX_SUPPRESSION_V5 = 96,
    GFT_TFLITE_OPTIONS_SCATTER_ND = 97,
    GFT_TFLITE_OPTIONS_SELECT_V2 = 98,
    GFT_TFLITE_OPTIONS_DENSIFY = 99,
    GFT_TFLITE_OPTIONS_SEGMENT_SUM = 100,
    GFT_TFLITE_OPTIONS_BATCH_MATMUL = 101,
    GFT_TFLITE_OPTIONS_CUMSUM = 102,
    GFT_TFLITE_OPTIONS_CALL_ONCE = 103,
    GFT_TFLITE_OPTIONS_BROADCAST_TO = 104,
    GFT_TFLITE_OPTIONS_RFFT2D = 105,
    GFT_TFLITE_OPTIONS_CONV_3D = 106,
    GFT_TFLITE_OPTIONS_HASHTABLE = 107,
    GFT_TFLITE_OPTIONS_HASHTABLE_FIND = 108,
    GFT_TFLITE_OPTIONS_HASHTABLE_IMPORT = 109,
    GFT_TFLITE_OPTIONS_HASHTABLE_SIZE = 110,
    GFT_TFLITE_OPTIONS_VAR_HANDLE = 111,
    GFT_TFLITE_OPTIONS_READ_VARIABLE = 112,
    GFT_TFLITE_OPTIONS_ASSIGN_VARIABLE = 113,
    GFT_TFLITE_OPTIONS_RANDOM = 114,
    GFT_TFLITE_OPTIONS_BUCKETIZE = 115,
    GFT_TFLITE_OPTIONS_GELU = 116,
    GFT_TFLITE_OPTIONS_DYNAMIC_UPDATE_SLICE = 117,
    GFT_TFLITE_OPTIONS_UNSORTED_SEGMENT_PROD = 118,
    GFT_TFLITE_OPTIONS_UNSORTED_SEGMENT_MAX = 119,
    GFT_TFLITE_OPTIONS_UNSORTED_SEGMENT_MIN = 120,
    GFT_TFLITE_OPTIONS_UNSORTED_SEGMENT_SUM = 121,
    GFT_TFLITE_OPTIONS_ATAN2 = 122,
    GFT_TFLITE_OPTIONS_SIGN = 123,
    GFT_TFLITE_OPTIONS_BITCAST = 124,
    GFT_TFLITE_OPTIONS_BITWISE_XOR = 125,
    GFT_TFLITE_OPTIONS_RIGHT_SHIFT = 126,
} gft_tflite_options;

/* ---- the file ---- */

/* Model */
enum {
    GFT_TFLITE_MODEL_VERSION = 0, /* uint32 */
    GFT_TFLITE_MODEL_OPERATOR_CODES = 1,
    GFT_TFLITE_MODEL_SUBGRAPHS = 2,
    GFT_TFLITE_MODEL_DESCRIPTION = 3,
    GFT_TFLITE_MODEL_BUFFERS = 4,
    GFT_TFLITE_MODEL_METADATA_BUFFER = 5,
    GFT_TFLITE_MODEL_METADATA = 6,
    GFT_TFLITE_MODEL_SIGNATURE_DEFS = 7,
    GFT_TFLITE_MODEL_EXTERNAL_BUFFER_GROUPS = 8,
    GFT_TFLITE_MODEL_EXTERNAL_BUFFERS = 9,
};

/* OperatorCode */
enum {
    GFT_TFLITE_OPERATOR_CODE_DEPRECATED_BUILTIN_CODE = 0, /* int8 */
    GFT_TFLITE_OPERATOR_CODE_CUSTOM_CODE = 1,
    GFT_TFLITE_OPERATOR_CODE_VERSION = 2,      /* int32, default 1 */
    GFT_TFLITE_OPERATOR_CODE_BUILTIN_CODE = 3, /* int32 */
};

/* SubGraph */
enum {
    GFT_TFLITE_SUBGRAPH_TENSORS = 0,
    GFT_TFLITE_SUBGRAPH_INPUTS = 1,
    GFT_TFLITE_SUBGRAPH_OUTPUTS = 2,
    GFT_TFLITE_SUBGRAPH_OPERATORS = 3,
    GFT_TFLITE_SUBGRAPH_NAME = 4,
    GFT_TFLITE_SUBGRAPH_DEBUG_METADATA_INDEX = 5, /* int32, default -1 */
};

/* Tensor */
enum {
    GFT_TFLITE_TENSOR_SHAPE = 0,
    GFT_TFLITE_TENSOR_TYPE = 1,   /* int8 */
    GFT_TFLITE_TENSOR_BUFFER = 2, /* uint32 */
    GFT_TFLITE_TENSOR_NAME = 3,
    GFT_TFLITE_TENSOR_QUANTIZATION = 4,
    GFT_TFLITE_TENSOR_IS_VARIABLE = 5, /* bool */
    GFT_TFLITE_TENSOR_SPARSITY = 6,
    GFT_TFLITE_TENSOR_SHAPE_SIGNATURE = 7,
    GFT_TFLITE_TENSOR_HAS_RANK = 8, /* bool */
    GFT_TFLITE_TENSOR_VARIANT_TENSORS = 9,
    GFT_TFLITE_TENSOR_EXTERNAL_BUFFER = 10, /* uint32 */
};

/* QuantizationParameters */
enum {
    GFT_TFLITE_QUANTIZATION_MIN = 0,
    GFT_TFLITE_QUANTIZATION_MAX = 1,
    GFT_TFLITE_QUANTIZATION_SCALE = 2,
    GFT_TFLITE_QUANTIZATION_ZERO_POINT = 3,
    GFT_TFLITE_QUANTIZATION_DETAILS_TYPE = 4, /* uint8 */
    GFT_TFLITE_QUANTIZATION_DETAILS = 5,
    GFT_TFLITE_QUANTIZATION_QUANTIZED_DIMENSION = 6, /* int32 */
};

/* CustomQuantization */
enum {
    GFT_TFLITE_CUSTOM_QUANTIZATION_CUSTOM = 0,
};

/* BlockwiseQuantization */
enum {
    GFT_TFLITE_BLOCKWISE_QUANTIZATION_SCALES = 0,      /* int32 */
    GFT_TFLITE_BLOCKWISE_QUANTIZATION_ZERO_POINTS = 1, /* int32 */
    GFT_TFLITE_BLOCKWISE_QUANTIZATION_BLOCK_SIZE = 2,  /* int32 */
    GFT_TFLITE_BLOCKWISE_QUANTIZATION_BLOCK_SHAPE = 3,
};

/* Operator */
enum {
    GFT_TFLITE_OPERATOR_OPCODE_INDEX = 0, /* uint32 */
    GFT_TFLITE_OPERATOR_INPUTS = 1,
    GFT_TFLITE_OPERATOR_OUTPUTS = 2,
    GFT_TFLITE_OPERATOR_BUILTIN_OPTIONS_TYPE = 3, /* uint8 */
    GFT_TFLITE_OPERATOR_BUILTIN_OPTIONS = 4,
    GFT_TFLITE_OPERATOR_CUSTOM_OPTIONS = 5,
    GFT_TFLITE_OPERATOR_CUSTOM_OPTIONS_FORMAT = 6, /* int8 */
    GFT_TFLITE_OPERATOR_MUTATING_VARIABLE_INPUTS = 7,
    GFT_TFLITE_OPERATOR_INTERMEDIATES = 8,
    GFT_TFLITE_OPERATOR_LARGE_CUSTOM_OPTIONS_OFFSET = 9, /* uint64 */
    GFT_TFLITE_OPERATOR_LARGE_CUSTOM_OPTIONS_SIZE = 10,  /* uint64 */
    GFT_TFLITE_OPERATOR_BUILTIN_OPTIONS2_TYPE = 11,      /* uint8 */
    GFT_TFLITE_OPERATOR_BUILTIN_OPTIONS2 = 12,
    GFT_TFLITE_OPERATOR_DEBUG_METADATA_INDEX = 13, /* int32, default -1 */
};

/* Buffer */
enum {
    GFT_TFLITE_BUFFER_DATA = 0,
    GFT_TFLITE_BUFFER_OFFSET = 1, /* uint64 */
    GFT_TFLITE_BUFFER_SIZE = 2,   /* uint64 */
};

/* Metadata */
enum {
    GFT_TFLITE_METADATA_NAME = 0,
    GFT_TFLITE_METADATA_BUFFER = 1, /* uint32 */
};

/* SignatureDef */
enum {
    GFT_TFLITE_SIGNATURE_DEF_INPUTS = 0,
    GFT_TFLITE_SIGNATURE_DEF_OUTPUTS = 1,
    GFT_TFLITE_SIGNATURE_DEF_SIGNATURE_KEY = 2,
    GFT_TFLITE_SIGNATURE_DEF_SUBGRAPH_INDEX = 4, /* uint32 */
};

/* TensorMap */
enum {
    GFT_TFLITE_TENSOR_MAP_NAME = 0,
    GFT_TFLITE_TENSOR_MAP_TENSOR_INDEX = 1, /* uint32 */
};

/* ExternalBufferGroup */
enum {
    GFT_TFLITE_EXTERNAL_BUFFER_GROUP_NAME = 0,
};

/* ExternalBuffer */
enum {
    GFT_TFLITE_EXTERNAL_BUFFER_ID = 0,     /* uint32 */
    GFT_TFLITE_EXTERNAL_BUFFER_GROUP = 1,  /* uint32 */
    GFT_TFLITE_EXTERNAL_BUFFER_OFFSET = 2, /* uint64 */
    GFT_TFLITE_EXTERNAL_BUFFER_LENGTH = 3, /* uint64 */
    GFT_TFLITE_EXTERNAL_BUFFER_PACKING = 4,
};

#include "flat/tflite_options.h"
#endif
