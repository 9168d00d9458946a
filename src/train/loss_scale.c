/*
 * Dynamic loss scaling; see loss_scale.h.
 */
#include "train/loss_scale.h"

#include <math.h>

bool gft_loss_scale_take(const gft_loss_scale *scale, float *grads, int64_t count) {
    const float factor = (float)(1.0 / scale->scale); /* a power of two: exact */
    float odd = 0.0f;                                 /* NaN as soon as one is not finite */
    for (int64_t i = 0; i < count; i++) {
        odd += grads[i] * 0.0f;
        grads[i] *= factor;
    }
    return isfinite(odd);
}

void gft_loss_scale_update(gft_loss_scale *scale, bool finite) {
    if (!finite) {
        scale->scale *= 0.5;
        scale->good = 0;
        return;
    }
    if (++scale->good < GFT_LOSS_SCALE_GROWTH_STEPS)
        return;
    if (isfinite((float)(scale->scale * 2.0)))
        scale->scale *= 2.0;
    scale->good = 0;
}
