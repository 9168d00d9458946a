/*
 * Nodes that Grappler and TF.js' converter join, read as the nodes they were: a convolution or
 * matrix product, what is added to it, an activation. Inputs are x, filter and what `fused_ops`
 * asks for, in its order.
 */
#include <stdio.h>
#include <string.h>

#include "models/tensorflow_ops_import_fused.h"

/* The fused node while its parts are read one after the other. */
typedef struct fused {
    gft_tf_import *m;
    gft_tf_value *at; /* what the parts so far compute */
    int32_t next;     /* input that has not been used yet */
} fused;

/* Reads a node of this op over values; attributes are those of the fused node, and one more. */
static graft_status part(const fused *f, const char *op, const char *suffix,
                         Tensorflow__NodeDef__AttrEntry *more, gft_tf_value **inputs, int32_t count,
                         gft_tf_value **out, graft_error *err) {
    gft_arena *arena = f->m->arena;
    Tensorflow__NodeDef *node = gft_arena_memdup(arena, f->m->node, sizeof *node);
    gft_tf_import sub = *f->m;
    sub.name = *suffix ? gft_arena_format(arena, "%s/%s", f->m->name, suffix) : f->m->name;
    sub.inputs = gft_arena_memdup(arena, inputs, (size_t)count * sizeof(gft_tf_value *));
    sub.outputs = gft_arena_array(arena, 1, sizeof *sub.outputs);
    if (!node || !sub.name || !sub.inputs || !sub.outputs)
        return gft_fail_memory(err, sizeof *node, "a node");
    node->op = gft_arena_strdup(arena, op);
    node->attr = gft_arena_array(arena, node->n_attr + 1, sizeof(void *));
    if (!node->op || !node->attr)
        return gft_fail_memory(err, (node->n_attr + 1) * sizeof(void *), "a node");
    for (size_t i = 0; i < node->n_attr; i++)
        node->attr[i] = f->m->node->attr[i];
    if (more)
        node->attr[node->n_attr++] = more;
    sub.node = node;
    sub.input_count = count;
    sub.output_count = 1;
    sub.outputs[0].id = -1;
    GFT_TRY(gft_tf_import_node(&sub, err));
    *out = &sub.outputs[0];
    return GRAFT_OK;
}

static graft_status take(fused *f, int32_t count, gft_tf_value **out, graft_error *err) {
    if (count > f->m->input_count - f->next)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "it has %d inputs, its fused_ops need more",
                        f->m->input_count);
    for (int32_t i = 0; i < count; i++)
        out[i] = f->m->inputs[f->next++];
    return GRAFT_OK;
}

/* x where it is positive, alpha * x where not: relu(x) - alpha * relu(-x). */
static graft_status prelu(fused *f, gft_tf_value *alpha, graft_error *err) {
    gft_tf_value *positive;
    gft_tf_value *negative;
    GFT_TRY(part(f, "Relu", "positive", NULL, &f->at, 1, &positive, err));
    GFT_TRY(part(f, "Neg", "neg", NULL, &f->at, 1, &negative, err));
    GFT_TRY(part(f, "Relu", "negative", NULL, &negative, 1, &negative, err));
    GFT_TRY(part(f, "Mul", "alpha", NULL, (gft_tf_value *[]){negative, alpha}, 2, &negative, err));
    return part(f, "Sub", "prelu", NULL, (gft_tf_value *[]){positive, negative}, 2, &f->at, err);
}

static graft_status leaky_relu(fused *f, graft_error *err) {
    Tensorflow__NodeDef__AttrEntry *entry = NULL;
    const Tensorflow__AttrValue *slope = gft_tf_find_attr(f->m->node, "leakyrelu_alpha");
    if (slope) {
        const Tensorflow__NodeDef__AttrEntry initial = TENSORFLOW__NODE_DEF__ATTR_ENTRY__INIT;
        static char key[] = "alpha";
        entry = gft_arena_memdup(f->m->arena, &initial, sizeof initial);
        if (!entry)
            return gft_fail_memory(err, sizeof initial, "a node");
        entry->key = key;
        entry->value = (Tensorflow__AttrValue *)(uintptr_t)slope;
    }
    return part(f, "LeakyRelu", "activation", entry, &f->at, 1, &f->at, err);
}

/* One of fused_ops behind the product. */
static graft_status follow(fused *f, const char *op, graft_error *err) {
    static const char *const UNARY[] = {"Relu", "Relu6", "Elu", "Sigmoid", "Tanh"};
    gft_tf_value *in[5] = {f->at};
    if (strcmp(op, "BiasAdd") == 0) {
        GFT_TRY(take(f, 1, in + 1, err));
        return part(f, op, "bias", NULL, in, 2, &f->at, err);
    }
    if (strcmp(op, "Add") == 0) {
        GFT_TRY(take(f, 1, in + 1, err));
        return part(f, "AddV2", "add", NULL, in, 2, &f->at, err);
    }
    if (strcmp(op, "FusedBatchNorm") == 0) {
        GFT_TRY(take(f, 4, in + 1, err));
        return part(f, "FusedBatchNormV3", "batch_norm", NULL, in, 5, &f->at, err);
    }
    if (strcmp(op, "Prelu") == 0) {
        GFT_TRY(take(f, 1, in + 1, err));
        return prelu(f, in[1], err);
    }
    if (strcmp(op, "LeakyRelu") == 0)
        return leaky_relu(f, err);
    for (size_t i = 0; i < sizeof UNARY / sizeof UNARY[0]; i++) {
        if (strcmp(op, UNARY[i]) == 0)
            return part(f, op, "activation", NULL, in, 1, &f->at, err);
    }
    return gft_fail(err, GRAFT_UNIMPLEMENTED, "'%.40s' among its fused_ops is not read", op);
}

graft_status gft_tf_import_fused(gft_tf_import *m, graft_error *err) {
    static const char *const OPS[][2] = {
        {"FusedDepthwiseConv2dNative", "DepthwiseConv2dNative"},
        {"_FusedConv2D", "Conv2D"},
        {"_FusedDepthwiseConv2dNative", "DepthwiseConv2dNative"},
        {"_FusedMatMul", "MatMul"},
    };
    fused f = {.m = m};
    gft_tf_value *in[2] = {NULL, NULL};
    const char *product = NULL;
    const Tensorflow__AttrValue *ops = gft_tf_find_attr(m->node, "fused_ops");
    for (size_t i = 0; i < sizeof OPS / sizeof OPS[0]; i++)
        product = strcmp(m->node->op, OPS[i][0]) == 0 ? OPS[i][1] : product;
    if (!product)
        return gft_tf_refuse("the op is not read", err);
    GFT_TRY(take(&f, 2, in, err));
    GFT_TRY(part(&f, product, "", NULL, in, 2, &f.at, err));
    if (ops && ops->value_case == TENSORFLOW__ATTR_VALUE__VALUE_LIST) {
        for (size_t i = 0; i < ops->list->n_s; i++) {
            char op[64];
            (void)snprintf(op, sizeof op, "%.*s",
                           (int)(ops->list->s[i].len < 63 ? ops->list->s[i].len : 63),
                           (const char *)ops->list->s[i].data);
            GFT_TRY(follow(&f, op, err));
        }
    }
    m->outputs[0] = *f.at;
    return GRAFT_OK;
}

/* TF.js' own op for Keras' PReLU: x, alpha. */
graft_status gft_tf_import_prelu(gft_tf_import *m, graft_error *err) {
    fused f = {.m = m};
    gft_tf_value *in[2] = {NULL, NULL};
    GFT_TRY(take(&f, 2, in, err));
    f.at = in[0];
    GFT_TRY(prelu(&f, in[1], err));
    m->outputs[0] = *f.at;
    return GRAFT_OK;
}
