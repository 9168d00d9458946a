/*
 * Optimisers: Keras 3's update rules and defaults as one fused pass over contiguous weights,
 * gradients and slots.
 *
 * Source: keras/src/optimizers/{adam,adamw,sgd,rmsprop}.py.
 */
#ifndef GFT_TRAIN_OPTIMIZER_H
#define GFT_TRAIN_OPTIMIZER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/pool.h"

typedef enum gft_optimizer_kind { GFT_SGD, GFT_RMSPROP, GFT_ADAM, GFT_ADAMW } gft_optimizer_kind;

/* A plain value: the rule and its constants. */
typedef struct gft_optimizer {
    gft_optimizer_kind kind;
    double beta_1, beta_2; /* adam, adamw: 0.9, 0.999 */
    double rho;            /* rmsprop: 0.9 */
    double momentum;       /* sgd, rmsprop: 0 */
    bool nesterov;         /* sgd */
    double epsilon;        /* 1e-7 */
    double weight_decay;   /* adamw: 0.004; 0 elsewhere */
} gft_optimizer;

/**
 * Parses "adam", "sgd:momentum=0.9,nesterov", "adamw:weight_decay=0.01"; INVALID_ARGUMENT names
 * what is wrong.
 */
GRAFT_MUST_CHECK graft_status gft_optimizer_parse(const char *text, gft_optimizer *out,
                                                  graft_error *err);

/** Slots (arrays as long as the weights) the rule keeps: 0..2. They start as zeros. */
int gft_optimizer_slots(const gft_optimizer *optimizer);

/**
 * One update of `count` weights.
 *
 * @param iteration 1 for the first update (Keras' iterations + 1)
 * @param slots     as many arrays as gft_optimizer_slots says
 * The result does not depend on the pool.
 */
void gft_optimizer_step(const gft_optimizer *optimizer, double lr, int64_t iteration,
                        float *weights, const float *grads, float *const *slots, int64_t count,
                        gft_pool *pool);

#endif
