/*
 * Dynamic loss scaling for training in IEEE half, as Keras' LossScaleOptimizer: gradients of scale
 * * loss stay clear of half's subnormals; a step whose gradients overflow is skipped and the scale
 * halved, after 2000 good ones it is doubled.
 *
 * Source: keras/src/optimizers/loss_scale_optimizer.py (initial_scale 2^15, dynamic_growth_steps
 * 2000).
 */
#ifndef GFT_TRAIN_LOSS_SCALE_H
#define GFT_TRAIN_LOSS_SCALE_H

#include <stdbool.h>
#include <stdint.h>

#define GFT_LOSS_SCALE_FIRST 32768.0
#define GFT_LOSS_SCALE_GROWTH_STEPS 2000

/* A plain value, saved with the checkpoint. */
typedef struct gft_loss_scale {
    double scale;
    int32_t good; /* finite steps since it changed */
} gft_loss_scale;

static inline gft_loss_scale gft_loss_scale_first(void) {
    return (gft_loss_scale){GFT_LOSS_SCALE_FIRST, 0};
}
/** Divides gradients by the scale; false if one is not finite (they are then of no use). */
bool gft_loss_scale_take(const gft_loss_scale *scale, float *grads, int64_t count);
/** What the scale is after a step. */
void gft_loss_scale_update(gft_loss_scale *scale, bool finite);

#endif
