/*
 * What quantised graphs are joined to, as data: which float op between dequantize and quantize
 * becomes which integer op. The ops room has the table (ops/quantized_ops.c); the op `quantize`
 * points to it, so that a graph with such a node brings along all that the rewrite needs, and this
 * room names no op.
 */
#ifndef GFT_GRAPH_QUANTIZED_H
#define GFT_GRAPH_QUANTIZED_H

#include "graph/attrs_quant.h"
#include "graph/op.h"

/*
 * How a float op becomes an integer one. docs/quantization.md has the rules, with what they were
 * measured against.
 */
typedef enum gft_join_way {
    GFT_JOIN_CONV,       /* conv2d */
    GFT_JOIN_DEPTHWISE,  /* depthwise_conv2d */
    GFT_JOIN_DENSE,      /* dense */
    GFT_JOIN_SUM,        /* add, sub: fixed point */
    GFT_JOIN_PRODUCT,    /* mul */
    GFT_JOIN_AVG_POOL,   /* avg_pool, x and y alike */
    GFT_JOIN_MEAN,       /* reduce_mean */
    GFT_JOIN_MOVE,       /* values are moved or compared, not computed: x and y alike */
    GFT_JOIN_RELU,       /* a clamp: a bound of what is in front, or a table */
    GFT_JOIN_RELU6,      /* likewise */
    GFT_JOIN_CLIP,       /* likewise, gft_clip_attrs */
    GFT_JOIN_LEAKY_RELU, /* a table, in LiteRT's fixed point */
    GFT_JOIN_HARD_SWISH, /* likewise */
    GFT_JOIN_ABS,        /* likewise */
    GFT_JOIN_TABLE       /* any function of one number */
} gft_join_way;

typedef struct gft_join {
    const gft_op *op; /* the float op */
    gft_join_way way;
    const gft_op *integer; /* what it becomes; NULL: a table (MOVE: the same op takes integers) */
    /*
     * TABLE: the function, so that tables are the same on every CPU; NULL: the op's kernel, which
     * must be plain arithmetic.
     */
    double (*exact)(double x, double alpha);
} gft_join;

typedef struct gft_quantized_ops {
    const gft_op *dequantize;
    const gft_op *lookup;
    const gft_join *joins;
    int32_t join_count;
} gft_quantized_ops;

/** The table of the ops room. */
extern const gft_quantized_ops gft_quantized_ops_table;

#endif
