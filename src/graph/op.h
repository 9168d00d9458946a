/*
 * What an op is: shape rule, cost, preparation, run. Ops are data (`const gft_op`), listed in
 * ops/op_list.h; the graph room knows them only through this struct. Gradients are registered apart
 * (graph/autodiff.h), so inference links without them.
 */
#ifndef GFT_GRAPH_OP_H
#define GFT_GRAPH_OP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/shape.h"
#include "graph/attrs.h"

/* Ops that rewrites must recognise; everything else is OTHER. */
typedef enum gft_op_kind {
    GFT_KIND_OTHER,
    GFT_KIND_CONV2D,
    GFT_KIND_DEPTHWISE,
    GFT_KIND_DENSE,
    GFT_KIND_MATMUL,
    GFT_KIND_BATCH_NORM,
    GFT_KIND_BATCH_NORM_TRAIN,
    GFT_KIND_EMA_UPDATE,
    GFT_KIND_BIAS_ADD,
    GFT_KIND_ADD,
    GFT_KIND_SUB,
    GFT_KIND_MUL,
    GFT_KIND_PAD,
    GFT_KIND_POOL,
    GFT_KIND_DROPOUT,
    GFT_KIND_IDENTITY,
    GFT_KIND_RESHAPE,
    GFT_KIND_REDUCE_MEAN,
    GFT_KIND_SOFTMAX,
    GFT_KIND_QUANTIZE,
    GFT_KIND_DEQUANTIZE,
    GFT_KIND_UNARY /* element-wise, one input, one output of the same shape: may become an epilogue */
} gft_op_kind;

enum {
    GFT_OP_IN_PLACE = 1u << 0,    /* output 0 may lie on an input of the same size (element-wise) */
    GFT_OP_VIEW = 1u << 1,        /* output 0 is input 0 under another shape: no step is run */
    GFT_OP_SIDE_EFFECT = 1u << 2, /* kept although nothing uses its outputs */
    GFT_OP_RANDOM = 1u << 3,      /* reads the run's seed and step: never folded */
};

/* y[i] = f(x[i]) for n elements; x == y is allowed. */
typedef void (*gft_unary_f32_fn)(const float *x, float *y, int64_t n, float alpha);

/* Input of infer and cost. Descriptors may have -1 dimensions. */
typedef struct gft_infer {
    const char *node; /* for messages */
    const void *attrs;
    const graft_tensor_desc *inputs;
    int32_t input_count;
    const void *const *constants; /* per input: its data when it is a constant, else NULL */
    graft_tensor_desc *outputs;   /* infer fills these; cost reads them */
    int32_t output_count;
} gft_infer;

typedef struct gft_cost {
    int64_t macs;  /* multiply-adds */
    int64_t bytes; /* read and written; 0 = sum of inputs and outputs */
} gft_cost;

#define GFT_MAX_PHASES 3

/*
 * Once per plan. Everything allocated from `arena` lives as long as the plan and is immutable while
 * it runs.
 */
typedef struct gft_prepare {
    const char *node;
    const void *attrs;
    const graft_tensor_desc *inputs; /* concrete */
    int32_t input_count;
    const graft_tensor_desc *outputs;
    int32_t output_count;
    const void *const *
        constants; /* per input: data that stays the same for the plan's life (pack it), else NULL */
    gft_arena *arena;
    bool no_winograd; /* sums term by term, see gft_plan_options */
    /* filled in by the op */
    void *state;
    int32_t phases;                /* default 1; a barrier lies between phases */
    int64_t tasks[GFT_MAX_PHASES]; /* grid of each phase, from shapes only; default 1 */
    size_t scratch_bytes;          /* shared by all tasks of the step */
    size_t worker_scratch_bytes;   /* for each worker */
    uint32_t
        packed_inputs; /* bit i: constants[i] was copied into state and is not read again; run sees it as NULL or not */
} gft_prepare;

/* Where a step says that its input cannot be used (bytes that do not parse). */
typedef struct gft_exec_failure {
    atomic_flag taken; /* by the first that failed */
    graft_error error; /* code OK: none did */
} gft_exec_failure;

/* One slice of the work. Never allocates; an op over numbers never fails, one that parses strings calls gft_exec_fail
 * (and has one task, so that the same input gives the same message). Pointers need not be aligned
 * beyond the element. */
typedef struct gft_exec {
    const void *state;
    const void *attrs;
    const graft_tensor_desc *inputs_desc;
    const graft_tensor_desc *outputs_desc;
    const void *const *inputs; /* absent optional inputs do not occur: input_count tells */
    void *const *outputs;
    int32_t input_count, output_count;
    void *scratch;        /* 64-byte aligned */
    void *worker_scratch; /* 64-byte aligned */
    int32_t phase;
    int64_t task;
    int worker;
    uint64_t seed; /* of the run, for GFT_OP_RANDOM */
    uint64_t step;
    gft_exec_failure *failure; /* gft_exec_fail */
} gft_exec;

/**
 * The run ends with this error behind the present step. Outputs of the step must be valid memory
 * all the same.
 */
void gft_exec_fail(const gft_exec *exec, graft_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

typedef struct gft_op {
    const char *name; /* snake case, unique */
    gft_op_kind kind;
    uint32_t flags;
    int32_t min_inputs, max_inputs; /* max -1: any number */
    int32_t outputs;
    size_t attrs_bytes; /* 0: no attributes */
    graft_status (*infer)(const gft_infer *in, graft_error *err);
    void (*cost)(const gft_infer *in, gft_cost *out);                /* NULL: no multiply-adds */
    graft_status (*prepare)(gft_prepare *prepare, graft_error *err); /* NULL: one task, no state */
    void (*run)(const gft_exec *exec);                               /* NULL only for GFT_OP_VIEW */
    gft_unary_f32_fn (*unary)(
        void); /* GFT_KIND_UNARY: the best kernel for this CPU, used by epilogues */
    const struct gft_op *
        slice; /* of sums and products: the op (strided_slice) that takes every n-th row of an operand */
    uint32_t
        shape_inputs; /* bit i: of input i only the shape is looked at; its data need not be there any more */
    const struct gft_quantized_ops
        *quantized; /* of GFT_KIND_QUANTIZE: what joined graphs are made of (graph/quantized.h) */
} gft_op;

#endif
