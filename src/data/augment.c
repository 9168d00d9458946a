/*
 * Augmentation policies. A new operation is a function and a line in the table of its policy.
 */
#include "data/augment.h"

#include <string.h>

#include "base/words.h"

#define DRAWS_PER_OP 256 /* each operation of a picture has its own stretch of the stream */

static void swap_pixels(uint8_t *a, uint8_t *b, size_t bytes) {
    uint8_t kept[3 * sizeof(float)];
    memcpy(kept, a, bytes);
    memcpy(a, b, bytes);
    memcpy(b, kept, bytes);
}

/* Left and right change places, one picture in two. */
static void flip_after(gft_rng *rng, const gft_augment_pixels *out) {
    if (gft_rng_uniform(rng) >= 0.5f)
        return;
    size_t pixel = 3 * out->elem_bytes;
    size_t width = (size_t)out->width;
    for (size_t y = 0; y < (size_t)out->height; y++) {
        uint8_t *row = (uint8_t *)out->values + y * width * pixel;
        for (size_t x = 0; x < width / 2; x++)
            swap_pixels(row + x * pixel, row + (width - 1 - x) * pixel, pixel);
    }
}

/* Keeps 85 to 100 % of both sides, anywhere in the picture: a zoom with a shift. */
static void zoom_before(gft_rng *rng, gft_view *view) {
    float keep = 1.0f - 0.15f * gft_rng_uniform(rng);
    int32_t height = (int32_t)((float)view->height * keep + 0.5f);
    int32_t width = (int32_t)((float)view->width * keep + 0.5f);
    height = height < 1 ? 1 : height > view->height ? view->height : height;
    width = width < 1 ? 1 : width > view->width ? view->width : width;
    uint32_t top = gft_rng_below(rng, (uint32_t)(view->height - height) + 1);
    uint32_t left = gft_rng_below(rng, (uint32_t)(view->width - width) + 1);
    view->pixels += (size_t)top * view->stride + 3 * (size_t)left;
    view->height = height;
    view->width = width;
}

static const gft_augment_op flip_op = {"flip", NULL, flip_after};
static const gft_augment_op zoom_op = {"zoom", zoom_before, NULL};

static const gft_augment_policy policies[] = {
    {"none", {NULL}},
    {"flip", {&flip_op}},
    {"basic", {&zoom_op, &flip_op}},
};

graft_status gft_augment_find(const char *name, const gft_augment_policy **out, graft_error *err) {
    const char *words[sizeof policies / sizeof policies[0]];
    size_t count = sizeof policies / sizeof policies[0];
    if (!name)
        name = "none";
    for (size_t i = 0; i < count; i++) {
        words[i] = policies[i].name;
        if (strcmp(policies[i].name, name) == 0) {
            *out = &policies[i];
            return GRAFT_OK;
        }
    }
    const char *nearest = gft_words_nearest(name, words, count);
    return gft_fail(
        err, GRAFT_INVALID_ARGUMENT, "augment: found '%.40s', expected none, flip or basic%s%s%s",
        name, nearest ? " (did you mean '" : "", nearest ? nearest : "", nearest ? "'?)" : "");
}

int gft_augment_is_random(const gft_augment_policy *policy) {
    return policy->ops[0] != NULL;
}

static gft_rng op_rng(uint64_t seed, int64_t epoch, int64_t id, int op) {
    gft_rng rng = gft_rng_make(seed, GFT_RNG_AUGMENT, (uint64_t)epoch << 32 | (uint64_t)id);
    rng.index = (uint64_t)op * DRAWS_PER_OP;
    return rng;
}

void gft_augment_before(const gft_augment_policy *policy, uint64_t seed, int64_t epoch, int64_t id,
                        gft_view *view) {
    for (int op = 0; op < GFT_AUGMENT_MAX_OPS && policy->ops[op]; op++) {
        gft_rng rng = op_rng(seed, epoch, id, op);
        if (policy->ops[op]->before)
            policy->ops[op]->before(&rng, view);
    }
}

void gft_augment_after(const gft_augment_policy *policy, uint64_t seed, int64_t epoch, int64_t id,
                       const gft_augment_pixels *out) {
    for (int op = 0; op < GFT_AUGMENT_MAX_OPS && policy->ops[op]; op++) {
        gft_rng rng = op_rng(seed, epoch, id, op);
        if (policy->ops[op]->after)
            policy->ops[op]->after(&rng, out);
    }
}
