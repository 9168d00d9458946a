/*
 * Names and sizes of TFLite's operators and element types.
 */
#include "flat/tflite_file.h"

const char *gft_tflite_op_name(gft_tflite_file *file, const gft_tflite_operator *op) {
    if (op->op == GFT_TFLITE_OP_CUSTOM)
        return op->custom && op->custom[0] ? op->custom : "CUSTOM";
    switch (op->op) {
#define OP_CASE(name, number)                                                                      \
    case number:                                                                                   \
        return #name;
        GFT_TFLITE_OP_LIST(OP_CASE)
#undef OP_CASE
    default:
        return gft_arena_format(&file->arena, "operator %d", op->op);
    }
}

const char *gft_tflite_type_name(gft_tflite_type type) {
    switch (type) {
#define TYPE_CASE(symbol, number, bits)                                                            \
    case GFT_TFLITE_TYPE_##symbol:                                                                 \
        return #symbol;
        GFT_TFLITE_TYPE_LIST(TYPE_CASE)
#undef TYPE_CASE
    default:
        return "?";
    }
}

int gft_tflite_type_bits(gft_tflite_type type) {
    switch (type) {
#define BITS_CASE(symbol, number, bits)                                                            \
    case GFT_TFLITE_TYPE_##symbol:                                                                 \
        return bits;
        GFT_TFLITE_TYPE_LIST(BITS_CASE)
#undef BITS_CASE
    default:
        return 0;
    }
}

graft_dtype gft_tflite_dtype(gft_tflite_type type) {
    switch (type) {
    case GFT_TFLITE_TYPE_FLOAT32:
        return GRAFT_F32;
    case GFT_TFLITE_TYPE_FLOAT16:
        return GRAFT_F16;
    case GFT_TFLITE_TYPE_BFLOAT16:
        return GRAFT_BF16;
    case GFT_TFLITE_TYPE_FLOAT64:
        return GRAFT_F64;
    case GFT_TFLITE_TYPE_INT8:
        return GRAFT_S8;
    case GFT_TFLITE_TYPE_UINT8:
        return GRAFT_U8;
    case GFT_TFLITE_TYPE_INT16:
        return GRAFT_S16;
    case GFT_TFLITE_TYPE_INT32:
        return GRAFT_S32;
    case GFT_TFLITE_TYPE_INT64:
        return GRAFT_S64;
    case GFT_TFLITE_TYPE_BOOL:
        return GRAFT_BOOL;
    case GFT_TFLITE_TYPE_STRING:
        return GRAFT_STRING;
    default:
        return GRAFT_DTYPE_NONE;
    }
}
