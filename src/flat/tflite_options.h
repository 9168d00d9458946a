/*
 * Field ids of the option tables of TFLite's operators (builtin_options of an Operator), for the
 * operators whose options are used here. A comment gives a field's type, and its default where that
 * is not zero. Included by tflite_schema.h.
 */
#ifndef GFT_FLAT_TFLITE_OPTIONS_H
#define GFT_FLAT_TFLITE_OPTIONS_H

/* Conv2DOptions */
enum {
    GFT_TFLITE_CONV_2D_PADDING = 0,             /* int8 */
    GFT_TFLITE_CONV_2D_STRIDE_W = 1,            /* int32 */
    GFT_TFLITE_CONV_2D_STRIDE_H = 2,            /* int32 */
    GFT_TFLITE_CONV_2D_ACTIVATION = 3,          /* int8 */
    GFT_TFLITE_CONV_2D_DILATION_W_FACTOR = 4,   /* int32, default 1 */
    GFT_TFLITE_CONV_2D_DILATION_H_FACTOR = 5,   /* int32, default 1 */
    GFT_TFLITE_CONV_2D_QUANTIZED_BIAS_TYPE = 6, /* int8 */
};

/* Conv3DOptions */
enum {
    GFT_TFLITE_CONV_3D_PADDING = 0,           /* int8 */
    GFT_TFLITE_CONV_3D_STRIDE_D = 1,          /* int32 */
    GFT_TFLITE_CONV_3D_STRIDE_W = 2,          /* int32 */
    GFT_TFLITE_CONV_3D_STRIDE_H = 3,          /* int32 */
    GFT_TFLITE_CONV_3D_ACTIVATION = 4,        /* int8 */
    GFT_TFLITE_CONV_3D_DILATION_D_FACTOR = 5, /* int32, default 1 */
    GFT_TFLITE_CONV_3D_DILATION_W_FACTOR = 6, /* int32, default 1 */
    GFT_TFLITE_CONV_3D_DILATION_H_FACTOR = 7, /* int32, default 1 */
};

/* Pool2DOptions */
enum {
    GFT_TFLITE_POOL_2D_PADDING = 0,       /* int8 */
    GFT_TFLITE_POOL_2D_STRIDE_W = 1,      /* int32 */
    GFT_TFLITE_POOL_2D_STRIDE_H = 2,      /* int32 */
    GFT_TFLITE_POOL_2D_FILTER_WIDTH = 3,  /* int32 */
    GFT_TFLITE_POOL_2D_FILTER_HEIGHT = 4, /* int32 */
    GFT_TFLITE_POOL_2D_ACTIVATION = 5,    /* int8 */
};

/* DepthwiseConv2DOptions */
enum {
    GFT_TFLITE_DEPTHWISE_CONV_2D_PADDING = 0,           /* int8 */
    GFT_TFLITE_DEPTHWISE_CONV_2D_STRIDE_W = 1,          /* int32 */
    GFT_TFLITE_DEPTHWISE_CONV_2D_STRIDE_H = 2,          /* int32 */
    GFT_TFLITE_DEPTHWISE_CONV_2D_DEPTH_MULTIPLIER = 3,  /* int32 */
    GFT_TFLITE_DEPTHWISE_CONV_2D_ACTIVATION = 4,        /* int8 */
    GFT_TFLITE_DEPTHWISE_CONV_2D_DILATION_W_FACTOR = 5, /* int32, default 1 */
    GFT_TFLITE_DEPTHWISE_CONV_2D_DILATION_H_FACTOR = 6, /* int32, default 1 */
};

/* FullyConnectedOptions */
enum {
    GFT_TFLITE_FULLY_CONNECTED_ACTIVATION = 0,                 /* int8 */
    GFT_TFLITE_FULLY_CONNECTED_WEIGHTS_FORMAT = 1,             /* int8 */
    GFT_TFLITE_FULLY_CONNECTED_KEEP_NUM_DIMS = 2,              /* bool */
    GFT_TFLITE_FULLY_CONNECTED_ASYMMETRIC_QUANTIZE_INPUTS = 3, /* bool */
    GFT_TFLITE_FULLY_CONNECTED_QUANTIZED_BIAS_TYPE = 4,        /* int8 */
    GFT_TFLITE_FULLY_CONNECTED_QUANT_SPEC = 5,
};

/* SoftmaxOptions */
enum {
    GFT_TFLITE_SOFTMAX_BETA = 0, /* float */
};

/* ConcatenationOptions */
enum {
    GFT_TFLITE_CONCATENATION_AXIS = 0,       /* int32 */
    GFT_TFLITE_CONCATENATION_ACTIVATION = 1, /* int8 */
};

/* AddOptions */
enum {
    GFT_TFLITE_ADD_ACTIVATION = 0,      /* int8 */
    GFT_TFLITE_ADD_POT_SCALE_INT16 = 1, /* bool, default 1 */
};

/* MulOptions */
enum {
    GFT_TFLITE_MUL_ACTIVATION = 0, /* int8 */
};

/* L2NormOptions */
enum {
    GFT_TFLITE_L2_NORM_ACTIVATION = 0, /* int8 */
};

/* LocalResponseNormalizationOptions */
enum {
    GFT_TFLITE_LOCAL_RESPONSE_NORMALIZATION_RADIUS = 0, /* int32 */
    GFT_TFLITE_LOCAL_RESPONSE_NORMALIZATION_BIAS = 1,   /* float */
    GFT_TFLITE_LOCAL_RESPONSE_NORMALIZATION_ALPHA = 2,  /* float */
    GFT_TFLITE_LOCAL_RESPONSE_NORMALIZATION_BETA = 3,   /* float */
};

/* ResizeBilinearOptions */
enum {
    GFT_TFLITE_RESIZE_BILINEAR_ALIGN_CORNERS = 2,      /* bool */
    GFT_TFLITE_RESIZE_BILINEAR_HALF_PIXEL_CENTERS = 3, /* bool */
};

/* ResizeNearestNeighborOptions */
enum {
    GFT_TFLITE_RESIZE_NEAREST_NEIGHBOR_ALIGN_CORNERS = 0,      /* bool */
    GFT_TFLITE_RESIZE_NEAREST_NEIGHBOR_HALF_PIXEL_CENTERS = 1, /* bool */
};

/* ReshapeOptions */
enum {
    GFT_TFLITE_RESHAPE_NEW_SHAPE = 0,
};

/* SpaceToDepthOptions */
enum {
    GFT_TFLITE_SPACE_TO_DEPTH_BLOCK_SIZE = 0, /* int32 */
};

/* DepthToSpaceOptions */
enum {
    GFT_TFLITE_DEPTH_TO_SPACE_BLOCK_SIZE = 0, /* int32 */
};

/* SubOptions */
enum {
    GFT_TFLITE_SUB_ACTIVATION = 0,      /* int8 */
    GFT_TFLITE_SUB_POT_SCALE_INT16 = 1, /* bool, default 1 */
};

/* DivOptions */
enum {
    GFT_TFLITE_DIV_ACTIVATION = 0, /* int8 */
};

/* GatherOptions */
enum {
    GFT_TFLITE_GATHER_AXIS = 0,       /* int32 */
    GFT_TFLITE_GATHER_BATCH_DIMS = 1, /* int32 */
};

/* ReducerOptions */
enum {
    GFT_TFLITE_REDUCER_KEEP_DIMS = 0, /* bool */
};

/* SqueezeOptions */
enum {
    GFT_TFLITE_SQUEEZE_SQUEEZE_DIMS = 0,
};

/* SplitOptions */
enum {
    GFT_TFLITE_SPLIT_NUM_SPLITS = 0, /* int32 */
};

/* SplitVOptions */
enum {
    GFT_TFLITE_SPLIT_V_NUM_SPLITS = 0, /* int32 */
};

/* StridedSliceOptions */
enum {
    GFT_TFLITE_STRIDED_SLICE_BEGIN_MASK = 0,       /* int32 */
    GFT_TFLITE_STRIDED_SLICE_END_MASK = 1,         /* int32 */
    GFT_TFLITE_STRIDED_SLICE_ELLIPSIS_MASK = 2,    /* int32 */
    GFT_TFLITE_STRIDED_SLICE_NEW_AXIS_MASK = 3,    /* int32 */
    GFT_TFLITE_STRIDED_SLICE_SHRINK_AXIS_MASK = 4, /* int32 */
    GFT_TFLITE_STRIDED_SLICE_OFFSET = 5,           /* bool */
};

/* CastOptions */
enum {
    GFT_TFLITE_CAST_IN_DATA_TYPE = 0,  /* int8 */
    GFT_TFLITE_CAST_OUT_DATA_TYPE = 1, /* int8 */
};

/* ArgMaxOptions */
enum {
    GFT_TFLITE_ARG_MAX_OUTPUT_TYPE = 0, /* int8 */
};

/* ArgMinOptions */
enum {
    GFT_TFLITE_ARG_MIN_OUTPUT_TYPE = 0, /* int8 */
};

/* TransposeConvOptions */
enum {
    GFT_TFLITE_TRANSPOSE_CONV_PADDING = 0,             /* int8 */
    GFT_TFLITE_TRANSPOSE_CONV_STRIDE_W = 1,            /* int32 */
    GFT_TFLITE_TRANSPOSE_CONV_STRIDE_H = 2,            /* int32 */
    GFT_TFLITE_TRANSPOSE_CONV_ACTIVATION = 3,          /* int8 */
    GFT_TFLITE_TRANSPOSE_CONV_QUANTIZED_BIAS_TYPE = 4, /* int8 */
};

/* ShapeOptions */
enum {
    GFT_TFLITE_SHAPE_OUT_TYPE = 0, /* int8 */
};

/* FakeQuantOptions */
enum {
    GFT_TFLITE_FAKE_QUANT_MIN = 0,          /* float */
    GFT_TFLITE_FAKE_QUANT_MAX = 1,          /* float */
    GFT_TFLITE_FAKE_QUANT_NUM_BITS = 2,     /* int32 */
    GFT_TFLITE_FAKE_QUANT_NARROW_RANGE = 3, /* bool */
};

/* PackOptions */
enum {
    GFT_TFLITE_PACK_VALUES_COUNT = 0, /* int32 */
    GFT_TFLITE_PACK_AXIS = 1,         /* int32 */
};

/* OneHotOptions */
enum {
    GFT_TFLITE_ONE_HOT_AXIS = 0, /* int32 */
};

/* UnpackOptions */
enum {
    GFT_TFLITE_UNPACK_NUM = 0,  /* int32 */
    GFT_TFLITE_UNPACK_AXIS = 1, /* int32 */
};

/* LeakyReluOptions */
enum {
    GFT_TFLITE_LEAKY_RELU_ALPHA = 0, /* float */
};

/* MirrorPadOptions */
enum {
    GFT_TFLITE_MIRROR_PAD_MODE = 0, /* int8 */
};

/* BatchMatMulOptions */
enum {
    GFT_TFLITE_BATCH_MATMUL_ADJ_X = 0,                      /* bool */
    GFT_TFLITE_BATCH_MATMUL_ADJ_Y = 1,                      /* bool */
    GFT_TFLITE_BATCH_MATMUL_ASYMMETRIC_QUANTIZE_INPUTS = 2, /* bool */
};

/* CumsumOptions */
enum {
    GFT_TFLITE_CUMSUM_EXCLUSIVE = 0, /* bool */
    GFT_TFLITE_CUMSUM_REVERSE = 1,   /* bool */
};

/* GeluOptions */
enum {
    GFT_TFLITE_GELU_APPROXIMATE = 0, /* bool */
};

#endif
