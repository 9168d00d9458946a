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

static piece last_component(piece p) {
    size_t begin = p.bytes;
    while (begin > 0 && p.text[begin - 1] != '/')
        begin--;
    return (piece){p.text + begin, p.bytes - begin};
}

static piece parent_of(piece p) {
    const piece last = last_component(p);
    return last.bytes < p.bytes ? (piece){p.text, p.bytes - last.bytes - 1} : (piece){p.text, 0};
}

/* Without the number that the converter, or ("_1") TensorFlow, puts behind it. */
static piece without_number(piece p, bool *underscore) {
    *underscore = false;
    while (p.bytes > 1 && isdigit((unsigned char)p.text[p.bytes - 1]))
        p.bytes--;
    if (p.bytes > 1 && p.text[p.bytes - 1] == '_') {
        *underscore = true;
        p.bytes--;
    }
    return p;
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
    "Conv",      "Conv2D",           "convolution",    "depthwise",   "separable_conv2d", "MatMul",
    "Tensordot", "conv2d_transpose", "depthwise_Fold", "Conv2D_Fold", "MatMul_bias",      NULL};
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
    bool underscore;
    return is_one_of(without_number(last_component(p), &underscore), PRODUCTS);
}

static bool is_layer(const gft_tfl_graph *g, piece p) {
    int32_t value;
    char name[MAX_NAME + 1];
    if (p.bytes == 0 || p.bytes > MAX_NAME)
        return false;
    memcpy(name, p.text, p.bytes);
    name[p.bytes] = '\0';
    return gft_sm_names_find(&g->layers, name, &value);
}

/* "add_1" is an op of a layer that was met before, or else a layer of its own. */
static bool names_op(const gft_tfl_graph *g, piece p) {
    bool underscore;
    const piece word = without_number(last_component(p), &underscore);
    if (is_one_of(word, PRODUCTS))
        return true;
    if (!is_one_of(word, OPS))
        return false;
    return isupper((unsigned char)word.text[0]) || !underscore || is_layer(g, parent_of(p));
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

/* TensorFlow's names: the layer is the directory of the op. */
static piece layer_of(const gft_tfl_graph *g, piece p) {
    static const char *const SEPARABLE[] = {"separable_conv2d", NULL};
    p = without_prefix(p, "StatefulPartitionedCall/");
    piece parent = parent_of(p);
    if (parent.bytes == 0 || !names_op(g, p))
        return p;
    if (is_one_of(last_component(parent), SEPARABLE) && parent_of(parent).bytes > 0)
        parent = parent_of(parent); /* "layer/separable_conv2d/depthwise" */
    return parent;
}

/* "layer" if `text` is "layer/part"; no bytes if it is not. */
static piece before_part(const char *text, const char *part) {
    const size_t bytes = strlen(text);
    const size_t end = strlen(part);
    if (bytes > end + 1 && text[bytes - end - 1] == '/' && strcmp(text + bytes - end, part) == 0)
        return (piece){text, bytes - end - 1};
    return (piece){text, 0};
}

/*
 * Graft's own files: tensors are named after nodes ("layer", "layer/relu6") and parameters
 * ("layer/kernel").
 */
static piece own_layer(const gft_tfl_op *m, piece p, bool product) {
    const piece parent = parent_of(p);
    piece layer = {"", 0};
    if (product && gft_tfl_has(m, 1)) {
        const char *filter = gft_tfl_tensor(m->g, m->o->inputs[1])->name;
        static const char *const PARTS[] = {"kernel", "depthwise_kernel", "pointwise_kernel"};
        for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0] && layer.bytes == 0; i++)
            layer = before_part(filter, PARTS[i]);
        if (layer.bytes > 0)
            return layer;
    }
    return parent.bytes > 0 && is_layer(m->g, parent) ? parent : p;
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

/*
 * The piece of the operator's tensors that names it. A product's filter says more than its result,
 * whose name is joined with those of other layers that have equal constants.
 */
static piece piece_of(const gft_tfl_op *m, bool product) {
    piece p = {"", 0};
    if (product && gft_tfl_has(m, 1))
        p = choose(gft_tfl_tensor(m->g, m->o->inputs[1])->name, true);
    if (m->o->output_count > 0 && (!product || !is_product(p)))
        p = choose(gft_tfl_tensor(m->g, m->o->outputs[0])->name, product);
    if (p.bytes > 2 && memcmp(p.text + p.bytes - 2, ":0", 2) == 0)
        p.bytes -= 2;
    return p;
}

graft_status gft_tfl_name_op(gft_tfl_op *m, graft_error *err) {
    gft_tfl_reader *r = m->g->reader;
    const int32_t op = m->o->op;
    const bool product = op == GFT_TFLITE_OP_CONV_2D || op == GFT_TFLITE_OP_DEPTHWISE_CONV_2D ||
                         op == GFT_TFLITE_OP_FULLY_CONNECTED || op == GFT_TFLITE_OP_TRANSPOSE_CONV;
    const bool own = r->file->description && strncmp(r->file->description, "Graft", 5) == 0;
    piece p = piece_of(m, product);
    p = own ? own_layer(m, p, product) : layer_of(m->g, p);
    char *name;
    if (is_empty(p)) {
        const char *text = gft_tflite_op_name(r->file, m->o);
        name = text ? lower_name(r->arena, text) : NULL;
        if (name && (product || is_layer(m->g, (piece){name, strlen(name)})))
            name = gft_arena_format(r->arena, "%s_%d", name, m->index);
    } else {
        name = gft_arena_strndup(r->arena, p.text, p.bytes < MAX_NAME ? p.bytes : MAX_NAME);
    }
    m->name = m->layer = name;
    if (!name)
        return gft_fail_memory(err, MAX_NAME, "a layer's name");
    (void)gft_sm_names_add(&m->g->layers, name, 1);
    return GRAFT_OK;
}

/* A layer's first node has its name, the others "layer/op". */
graft_status gft_tfl_name_nodes(gft_tfl_graph *g, graft_error *err) {
    gft_graph *graph = g->graph;
    gft_arena *arena = g->reader->arena;
    gft_sm_names seen;
    const char **names = gft_arena_array(arena, (size_t)graph->node_count, sizeof *names);
    GFT_TRY(gft_sm_names_make(arena, (size_t)graph->node_count, &seen, err));
    if (!names)
        return gft_fail_memory(err, (size_t)graph->node_count * sizeof *names, "names");
    for (int32_t i = 0; i < graph->node_count; i++) {
        const gft_node *node = &graph->nodes[i];
        if (!node->op || strcmp(node->op->name, "dequantize") == 0)
            continue; /* integers keep the names of their tensors */
        names[i] = gft_sm_names_add(&seen, node->layer, 1)
                       ? node->layer
                       : gft_arena_format(arena, "%s/%s", node->layer, node->op->name);
        if (!names[i])
            return gft_fail_memory(err, strlen(node->layer), "a node's name");
    }
    return gft_graph_rename(graph, names, err);
}
