/*
 * Comparing two models on the same input, layer by layer where their names allow, and at the
 * outputs: after a conversion, after training again, between two tools' files.
 */
#ifndef GRAFT_DIFF_H
#define GRAFT_DIFF_H

#include "graft/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A pair of values: a layer's (or op's) result that both models have, or an output. */
typedef struct graft_diff_row {
    const char *name_a, *name_b;
    const char *op; /* in A; "output" for an output */
    bool is_output;
    graft_shape shape;
    double max_error, mean_error; /* absolute; infinite where one side is not a number */
    double range;                 /* greatest less smallest value in A */
    bool differs;                 /* max_error > tolerance * range */
} graft_diff_row;

typedef struct graft_diff {
    graft_diff_row *rows; /* layers in the order of A, then outputs */
    int32_t count;
    int32_t first;          /* first row that differs; -1: none */
    int32_t only_a, only_b; /* layers (or ops) without a partner of the same name, op and shape */
    void *text;             /* keeps the names */
} graft_diff;

typedef struct graft_diff_options {
    const char *signature_a, *signature_b; /* NULL: serving_default */
    double tolerance;                      /* of the range; 0: 2e-5 */
    int32_t threads;                       /* 0: the cores there are */
    bool per_op;                           /* every op, not the last one of each layer */
    const char *picture; /* file for a model of pictures, preprocessed by A's rule; NULL: none */
    uint64_t seed;       /* of random inputs, used when there is neither array nor picture */
} graft_diff_options;

/**
 * Runs both models, batch norms folded into the convolutions before them and nothing fused, and
 * compares.
 *
 * @param inputs arrays by A's input names; B's inputs take the array of their name, or else the one
 *        in their place; 0 arrays: the picture, or seeded random values (0..255 where A takes
 *        pictures), batch 1, unknown sizes 224
 * @return OK also when the models differ: out->first tells; INVALID_ARGUMENT if the inputs do not
 *         fit; UNIMPLEMENTED if one of them cannot be run
 * Owner: graft_diff_deinit.
 */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_model_diff(const graft_model *a, const graft_model *b,
                                                         const graft_diff_options *options,
                                                         const graft_tensor *inputs,
                                                         int32_t input_count, graft_diff *out,
                                                         graft_error *err);
GRAFT_API void graft_diff_deinit(graft_diff *diff);

#ifdef __cplusplus
}
#endif
#endif
