/*
 * Chains of Conv2D (DepthwiseConv2dNative, MatMul), BiasAdd and an activation as the fused nodes
 * that TF.js runs in one kernel: _FusedConv2D, FusedDepthwiseConv2dNative, _FusedMatMul, the same
 * that its converter makes. The fused node takes the place and the name of the chain's last one.
 */
#include <stdlib.h>
#include <string.h>

#include "models/tfjs_write.h"

/* A node by its name, and how it is used. */
typedef struct fuse_entry {
    const char *name;
    gft_tf_node *node;
    uint32_t uses;      /* inputs of nodes and outputs of the graph that are this node */
    gft_tf_node *taker; /* the last node that takes it */
} fuse_entry;

typedef struct fuser {
    gft_tf_nodes *nodes;
    fuse_entry *entries; /* sorted by name */
} fuser;

static int by_name(const void *a, const void *b) {
    return strcmp(((const fuse_entry *)a)->name, ((const fuse_entry *)b)->name);
}

/* NULL for another output than the first, which no node here has that could be fused. */
static fuse_entry *find(const fuser *f, const char *tensor) {
    const fuse_entry key = {.name = tensor};
    return bsearch(&key, f->entries, f->nodes->count, sizeof *f->entries, by_name);
}

static bool index_nodes(fuser *f, const char *const *keep, size_t keep_count) {
    gft_tf_nodes *nodes = f->nodes;
    f->entries = gft_arena_array(nodes->pb->arena, nodes->count, sizeof *f->entries);
    if (!f->entries) {
        nodes->pb->failed = true;
        return false;
    }
    for (size_t i = 0; i < nodes->count; i++)
        f->entries[i] = (fuse_entry){.name = nodes->items[i]->name, .node = nodes->items[i]};
    if (nodes->count > 1)
        qsort(f->entries, nodes->count, sizeof *f->entries, by_name);
    for (size_t i = 0; i < nodes->count; i++) {
        for (size_t k = 0; k < nodes->items[i]->n_input; k++) {
            fuse_entry *entry = find(f, nodes->items[i]->input[k]);
            if (entry) {
                entry->uses++;
                entry->taker = nodes->items[i];
            }
        }
    }
    for (size_t i = 0; i < keep_count; i++) {
        fuse_entry *entry = find(f, keep[i]);
        if (entry)
            entry->uses++;
    }
    return true;
}

/* The node that alone takes this one, as its first input. */
static gft_tf_node *follower(const fuser *f, const gft_tf_node *node) {
    const fuse_entry *entry = find(f, node->name);
    gft_tf_node *taker = entry && entry->uses == 1 ? entry->taker : NULL;
    return taker && taker->n_input > 0 && strcmp(taker->input[0], node->name) == 0 ? taker : NULL;
}

static const char *fused_op(const gft_tf_node *node) {
    static const char *const OPS[][2] = {
        {"Conv2D", "_FusedConv2D"},
        {"DepthwiseConv2dNative", "FusedDepthwiseConv2dNative"},
        {"MatMul", "_FusedMatMul"},
    };
    for (size_t i = 0; i < sizeof OPS / sizeof OPS[0]; i++) {
        if (strcmp(node->op, OPS[i][0]) == 0)
            return OPS[i][1];
    }
    return NULL;
}

static bool is_activation(const gft_tf_node *node) {
    static const char *const OPS[] = {"Relu", "Relu6", "Elu", "Sigmoid", "LeakyRelu"};
    for (size_t i = 0; node && i < sizeof OPS / sizeof OPS[0]; i++) {
        if (strcmp(node->op, OPS[i]) == 0)
            return true;
    }
    return false;
}

static const Tensorflow__AttrValue *attr_of(const gft_tf_node *node, const char *key) {
    for (size_t i = 0; i < node->n_attr; i++) {
        if (strcmp(node->attr[i]->key, key) == 0)
            return node->attr[i]->value;
    }
    return NULL;
}

/* fused_ops: what follows the product. */
static void attr_fused_ops(gft_tf_nodes *nodes, gft_tf_node *node, const char *activation) {
    gft_tf_attr_ints(nodes, node, "fused_ops", NULL, 0);
    if (nodes->pb->failed)
        return;
    Tensorflow__AttrValue__ListValue *list = node->attr[node->n_attr - 1]->value->list;
    const char *const names[2] = {"BiasAdd", activation};
    list->n_s = activation ? 2 : 1;
    list->s = gft_arena_array(nodes->pb->arena, list->n_s, sizeof *list->s);
    nodes->pb->failed = !list->s;
    for (size_t i = 0; list->s && i < list->n_s; i++)
        list->s[i] = (ProtobufCBinaryData){strlen(names[i]), (uint8_t *)(uintptr_t)names[i]};
}

/* The chain's last node becomes the fused one, the others lose their op. */
static void fuse(gft_tf_nodes *nodes, gft_tf_node *product, gft_tf_node *bias,
                 gft_tf_node *activation) {
    gft_tf_node *last = activation ? activation : bias;
    const Tensorflow__AttrValue *slope = activation ? attr_of(activation, "alpha") : NULL;
    gft_tf_node fused = TENSORFLOW__NODE_DEF__INIT;
    fused.name = last->name;
    fused.op = (char *)(uintptr_t)fused_op(product);
    gft_tf_input(nodes, &fused, product->input[0]);
    gft_tf_input(nodes, &fused, product->input[1]);
    gft_tf_input(nodes, &fused, bias->input[1]);
    for (size_t i = 0; i < product->n_attr; i++)
        GFT_PB_PUSH(nodes->pb, &fused, attr, product->attr[i]);
    gft_tf_attr_int(nodes, &fused, "num_args", 1);
    gft_tf_attr_float(nodes, &fused, "epsilon", 0.0f);
    attr_fused_ops(nodes, &fused, activation ? activation->op : NULL);
    if (slope)
        gft_tf_attr_float(nodes, &fused, "leakyrelu_alpha", slope->f);
    if (nodes->pb->failed)
        return;
    static char gone[] = "";
    product->op = gone;
    bias->op = gone;
    *last = fused;
}

void gft_tfjs_fuse(gft_tf_nodes *nodes, const char *const *keep, size_t keep_count) {
    fuser f = {.nodes = nodes};
    if (nodes->pb->failed || !index_nodes(&f, keep, keep_count))
        return;
    for (size_t i = 0; i < nodes->count; i++) {
        gft_tf_node *product = nodes->items[i];
        if (!fused_op(product))
            continue;
        gft_tf_node *bias = follower(&f, product);
        if (!bias || strcmp(bias->op, "BiasAdd") != 0)
            continue;
        gft_tf_node *activation = follower(&f, bias);
        fuse(nodes, product, bias, is_activation(activation) ? activation : NULL);
    }
    size_t kept = 0;
    for (size_t i = 0; i < nodes->count; i++) {
        if (nodes->items[i]->op[0] != '\0')
            nodes->items[kept++] = nodes->items[i];
    }
    nodes->count = kept;
}
