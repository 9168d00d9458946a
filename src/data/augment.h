/*
 * Random augmentation: a policy is a list of operations. An operation acts before the resize, by
 * choosing a part of the decoded picture, or after it, on the pixels of the result.
 *
 * Numbers come from (seed, epoch, sample, operation) alone, so a picture's variant does not depend
 * on order or threads.
 */
#ifndef GFT_DATA_AUGMENT_H
#define GFT_DATA_AUGMENT_H

#include "base/rng.h"
#include "data/resize.h"

/*
 * The result of a resize: height x width x 3 values of elem_bytes (1 uint8, 4 float32), in place.
 */
typedef struct gft_augment_pixels {
    void *values;
    size_t elem_bytes;
    int32_t height;
    int32_t width;
} gft_augment_pixels;

typedef struct gft_augment_op {
    const char *name;
    void (*before)(gft_rng *rng, gft_view *view);               /* may be NULL */
    void (*after)(gft_rng *rng, const gft_augment_pixels *out); /* may be NULL */
} gft_augment_op;

#define GFT_AUGMENT_MAX_OPS 8
typedef struct gft_augment_policy {
    const char *name;
    const gft_augment_op *ops[GFT_AUGMENT_MAX_OPS]; /* up to the first NULL */
} gft_augment_policy;

/** Finds a policy by its word ("none", "flip", "basic"); NULL means "none". Static. */
GRAFT_MUST_CHECK graft_status gft_augment_find(const char *name, const gft_augment_policy **out,
                                               graft_error *err);
/** True if the policy changes anything. */
int gft_augment_is_random(const gft_augment_policy *policy);

void gft_augment_before(const gft_augment_policy *policy, uint64_t seed, int64_t epoch, int64_t id,
                        gft_view *view);
void gft_augment_after(const gft_augment_policy *policy, uint64_t seed, int64_t epoch, int64_t id,
                       const gft_augment_pixels *out);

#endif
