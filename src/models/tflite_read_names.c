/*
 * Names for what is read. The converter joins the names of all nodes that went into a tensor with
 * ';'; of these the layer is the directory of the node that did the work:
 * "functional/conv1/convolution" lies in layer "functional/conv1".
 */
#include <ctype.h>
#include <string.h>

#include "models/tflite_read.h"

#define MAX_NAME 256

char *gft_tfl_plain_name(gft_arena *arena, const char *tensor) {
    const size_t length = strlen(tensor);
    const bool zero = length > 2 && strcmp(tensor + length - 2, ":0") == 0;
    return gft_arena_strndup(arena, tensor, zero ? length - 2 : length);
}

/* A piece of a joined name. */
typedef struct piece {
    const char *text;
    size_t bytes;
} piece;

static piece next_piece(const char **at) {
    piece p = {*at, strcspn(*at, ";")};
    *at += p.bytes + ((*at)[p.bytes] == ';');
    return p;
}

/* The last component without the number the converter puts behind it. */
static piece last_component(piece p) {
    size_t begin = p.bytes;
    while (begin > 0 && p.text[begin - 1] != '/')
        begin--;
    piece last = {p.text + begin, p.bytes - begin};
    while (last.bytes > 1 && isdigit((unsigned char)last.text[last.bytes - 1]))
        last.bytes--;
    if (last.bytes > 1 && last.text[last.bytes - 1] == '_')
        last.bytes--;
    return last;
}

static bool is_one_of(piece p, const char *const *words) {
    for (; *words; words++) {
        if (strlen(*words) == p.bytes && memcmp(p.text, *words, p.bytes) == 0)
            return true;
    }
    return false;
}

/* What products are called. */
static const char *const PRODUCTS[] = {
    "Conv",      "Conv2D",           "convolution",    "depthwise",   "separable_conv", "MatMul",
    "Tensordot", "conv2d_transpose", "depthwise_Fold", "Conv2D_Fold", "MatMul_bias",    NULL};
/* Last components that name an op, not a layer. */
static const char *const OPS[] = {"Abs",
                                  "Add",
                                  "AddV",
                                  "AvgPool",
                                  "BiasAdd",
                                  "Cast",
                                  "ConcatV",
                                  "Const",
                                  "Elu",
                                  "Exp",
                                  "ExpandDims",
                                  "FusedBatchNormV",
                                  "Gelu",
                                  "LeakyRelu",
                                  "LogSoftmax",
                                  "MaxPool",
                                  "MaxPool2d",
                                  "Maximum",
                                  "Mean",
                                  "Minimum",
                                  "Mul",
                                  "Neg",
                                  "Pad",
                                  "PadV",
                                  "Pow",
                                  "Prelu",
                                  "Relu",
                                  "Reshape",
                                  "ResizeBilinear",
                                  "ResizeNearestNeighbor",
                                  "Rsqrt",
                                  "Shape",
                                  "Sigmoid",
                                  "Softmax",
                                  "Sqrt",
                                  "Square",
                                  "Squeeze",
                                  "Sub",
                                  "Sum",
                                  "Tanh",
                                  "Transpose",
                                  "add",
                                  "add_fold",
                                  "concat",
                                  "hard_swish",
                                  "mul",
                                  "split",
                                  "stack",
                                  "strided_slice",
                                  "sub",
                                  "transpose",
                                  "truediv",
                                  NULL};

static bool is_product(piece p) {
    return is_one_of(last_component(p), PRODUCTS);
}

/* The piece that names the layer: that of the product, else the first. */
static piece choose(const char *name, bool product) {
    const char *at = name;
    const piece first = next_piece(&at);
    if (!product || is_product(first))
        return first;
    while (*at) {
        const piece p = next_piece(&at);
        if (is_product(p))
            return p;
    }
    return first;
}

static piece without_prefix(piece p, const char *prefix) {
    const size_t bytes = strlen(prefix);
    if (p.bytes > bytes && memcmp(p.text, prefix, bytes) == 0)
        return (piece){p.text + bytes, p.bytes - bytes};
    return p;
}

static piece layer_of(piece p) {
    const piece last = last_component(p);
    p = without_prefix(p, "StatefulPartitionedCall/");
    if (!is_one_of(last, PRODUCTS) && !is_one_of(last, OPS))
        return p;
    size_t bytes = p.bytes;
    while (bytes > 0 && p.text[bytes - 1] != '/')
        bytes--;
    return bytes > 1 ? (piece){p.text, bytes - 1} : p;
}

/* A name that says nothing: outputs of the whole model, constants the converter made. */
static bool is_empty(piece p) {
    static const char *const prefixes[] = {"StatefulPartitionedCall", "PartitionedCall", "Identity",
                                           "arith.constant", "tfl."};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        const size_t bytes = strlen(prefixes[i]);
        if (p.bytes >= bytes && memcmp(p.text, prefixes[i], bytes) == 0 &&
            !memchr(p.text, '/', p.bytes))
            return true;
    }
    return p.bytes == 0;
}

/* "conv_2d" for CONV_2D. */
static char *lower_name(gft_arena *arena, const char *op) {
    char *name = gft_arena_strdup(arena, op);
    for (char *c = name; c && *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return name;
}

graft_status gft_tfl_name_op(gft_tfl_op *m, graft_error *err) {
    gft_tfl_reader *r = m->g->reader;
    const int32_t op = m->o->op;
    const bool product = op == GFT_TFLITE_OP_CONV_2D || op == GFT_TFLITE_OP_DEPTHWISE_CONV_2D ||
                         op == GFT_TFLITE_OP_FULLY_CONNECTED || op == GFT_TFLITE_OP_TRANSPOSE_CONV;
    piece p = {"", 0};
    if (m->o->output_count > 0)
        p = choose(gft_tfl_tensor(m->g, m->o->outputs[0])->name, product);
    if (product && !is_product(p) && m->o->input_count > 1 && m->o->inputs[1] >= 0) {
        const piece filter = choose(gft_tfl_tensor(m->g, m->o->inputs[1])->name, true);
        p = is_product(filter) ? filter : p;
    }
    p = layer_of(p);
    if (p.bytes > 2 && memcmp(p.text + p.bytes - 2, ":0", 2) == 0)
        p.bytes -= 2;
    char *name;
    if (is_empty(p)) {
        const char *text = gft_tflite_op_name(r->file, m->o);
        name = text ? lower_name(r->arena, text) : NULL;
        if (product && name)
            name = gft_arena_format(r->arena, "%s_%d", name, m->index);
    } else {
        name = gft_arena_strndup(r->arena, p.text, p.bytes < MAX_NAME ? p.bytes : MAX_NAME);
    }
    m->name = m->layer = name;
    return name ? GRAFT_OK : gft_fail_memory(err, MAX_NAME, "a layer's name");
}
