/*
 * One training step: the trained side with a loss and its gradients behind it, as a plan; then the
 * optimiser's update.
 */
#ifndef GFT_TRAIN_STEP_H
#define GFT_TRAIN_STEP_H

#include "train/loss_scale.h"
#include "train/master.h"
#include "train/optimizer.h"
#include "train/runner.h"
#include "train/split.h"

typedef struct gft_step {
    gft_split *split;      /* borrowed; its trained graph gets the loss appended */
    gft_graph *evaluation; /* the trained side alone: crossings -> logits */
    gft_master *master;    /* borrowed */
    gft_runner runner;
    gft_pool *pool;
    gft_optimizer optimizer;
    int32_t classes;
    float *targets; /* one-hot, batch_size x classes */
    int64_t max_batch;
    gft_loss_scale *scale;    /* float16 training: borrowed; NULL: the loss as it is */
    float scale_now;          /* what the graph reads */
    gft_param_id *statistics; /* float16 training: running ones, which the plan itself updates */
    int32_t statistic_count;
    float *kept; /* what they were before the step, one behind another */
} gft_step;

/* Zero: float32. */
typedef struct gft_step_precision {
    graft_dtype dtype;     /* BF16 or F16: products and activations */
    gft_loss_scale *scale; /* F16: the state of the loss scale, which steps change */
} gft_step_precision;

/**
 * @param logits    value of the whole graph, shape (N, classes): the loss is Keras' categorical
 * cross-entropy on it
 * @param smoothing label smoothing 0..1
 * @param precision NULL: float32
 * Owner: gft_step_deinit; split, master and pool must outlive it.
 */
GRAFT_MUST_CHECK graft_status gft_step_make(gft_split *split, gft_value_id logits,
                                            gft_master *master, const gft_optimizer *optimizer,
                                            float smoothing, int64_t max_batch, gft_pool *pool,
                                            const gft_step_precision *precision, gft_step *out,
                                            graft_error *err);
void gft_step_deinit(gft_step *step);

/**
 * Runs forward, backward and update on one batch.
 *
 * @param crossings one pointer per crossing, (n, ...) float32
 * @param iteration 1 for the first update of this optimiser
 * @param random_step names the batch for dropout
 * @param loss    [out] mean loss of the batch
 * @param updated [out] false: a gradient was not finite, the loss scale was halved and nothing else
 * changed
 * @param correct [out] rows whose largest logit is the label's
 */
GRAFT_MUST_CHECK graft_status gft_step_run(gft_step *step, const float *const *crossings,
                                           const int32_t *labels, int64_t n, double lr,
                                           int64_t iteration, uint64_t seed, uint64_t random_step,
                                           double *loss, int64_t *correct, bool *updated,
                                           graft_error *err);

/** Index of the largest of k values (the first among equals). */
int32_t gft_step_argmax(const float *values, int32_t k);

#endif
