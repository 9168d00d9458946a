/*
 * identity: its input under another name. reshape: its input under another shape. Neither runs: the
 * output is a view.
 *
 * reshape's target is attrs.shape, where one -1 is inferred and, of two, the first keeps input 0's
 * first dimension (the batch) while the second is inferred; or the shape of an optional second
 * input.
 */
#include <inttypes.h>

#include "base/size.h"
#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

const gft_op gft_op_identity = {.name = "identity",
                                .kind = GFT_KIND_IDENTITY,
                                .flags = GFT_OP_VIEW,
                                .min_inputs = 1,
                                .max_inputs = 1,
                                .outputs = 1,
                                .infer = gft_infer_like};

graft_status gft_grad_identity(gft_grad *grad, graft_error *err) {
    (void)err;
    grad->input_grads[0] = grad->output_grads[0];
    return GRAFT_OK;
}

static graft_status mismatch(const gft_infer *in, const graft_shape *target, graft_error *err) {
    char from[GFT_DESC_TEXT_BYTES];
    char to[GFT_DESC_TEXT_BYTES];
    return gft_fail(err, GRAFT_INVALID_ARGUMENT, "cannot reshape %s to %s",
                    gft_shape_text(&in->inputs[0].shape, from), gft_shape_text(target, to));
}

/* Product of the known dimensions; false on overflow. */
static bool known_product(const graft_shape *shape, int64_t *product) {
    *product = 1;
    for (int32_t i = 0; i < shape->rank; i++) {
        if (shape->dims[i] >= 0 && !gft_i64_mul(*product, shape->dims[i], product))
            return false;
    }
    return true;
}

/* Fills in the last unknown dimension when everything else is known, and checks the element counts.
 */
static graft_status resolve(const gft_infer *in, graft_shape *target, graft_error *err) {
    const graft_shape *x = &in->inputs[0].shape;
    int32_t unknown = gft_check_unknowns(target);
    for (int32_t i = 0; unknown > 1 && i < target->rank; i++) {
        if (target->dims[i] < 0 && i == 0 && x->rank > 0) {
            target->dims[0] = x->dims[0];
            unknown = gft_check_unknowns(target);
        }
    }
    int64_t have;
    int64_t named;
    if (!known_product(x, &have) || !known_product(target, &named))
        return mismatch(in, target, err);
    if (!gft_shape_known(x))
        return GRAFT_OK; /* checked when the plan is made */
    if (unknown == 0)
        return have == named ? GRAFT_OK : mismatch(in, target, err);
    if (unknown > 1 || (named == 0 ? have != 0 : have % named != 0))
        return mismatch(in, target, err);
    for (int32_t i = 0; i < target->rank; i++) {
        if (target->dims[i] < 0)
            target->dims[i] = named == 0 ? 0 : have / named;
    }
    return GRAFT_OK;
}

/*
 * With an unknown batch in front of both, the rest still has to agree: [?,7,7,64] to [?,3136] is
 * checked (and an inner -1 inferred) before the batch is known.
 */
static graft_status resolve_behind_batch(const gft_infer *in, graft_shape *target, bool *done,
                                         graft_error *err) {
    const graft_shape *x = &in->inputs[0].shape;
    *done = false;
    if (x->rank == 0 || target->rank == 0 || x->dims[0] >= 0 || gft_check_unknowns(x) != 1 ||
        target->dims[0] >= 0)
        return GRAFT_OK;
    if (gft_check_unknowns(target) == 2) {
        int64_t have;
        int64_t named;
        if (!known_product(x, &have) || !known_product(target, &named) || named == 0 ||
            have % named != 0)
            return mismatch(in, target, err);
        for (int32_t i = 1; i < target->rank; i++) {
            if (target->dims[i] < 0)
                target->dims[i] = have / named;
        }
        *done = true;
    }
    return GRAFT_OK;
}

static graft_status reshape_infer(const gft_infer *in, graft_error *err) {
    const gft_shape_attrs *attrs = in->attrs;
    GFT_TRY(gft_infer_like(in, err));
    graft_shape target = in->input_count > 1 ? in->inputs[1].shape : attrs->shape;
    bool done;
    if (target.rank < 0 || target.rank > GRAFT_MAX_RANK)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "rank %" PRId32 " is not in 0..%d",
                        target.rank, GRAFT_MAX_RANK);
    GFT_TRY(resolve_behind_batch(in, &target, &done, err));
    if (!done)
        GFT_TRY(resolve(in, &target, err));
    in->outputs[0].shape = target;
    return GRAFT_OK;
}

const gft_op gft_op_reshape = {.name = "reshape",
                               .kind = GFT_KIND_RESHAPE,
                               .flags = GFT_OP_VIEW,
                               .min_inputs = 1,
                               .max_inputs = 2,
                               .outputs = 1,
                               .shape_inputs = 1u << 1,
                               .attrs_bytes = sizeof(gft_shape_attrs),
                               .infer = reshape_infer};

graft_status gft_grad_reshape(gft_grad *grad, graft_error *err) {
    return gft_grad_reshape_like(grad, grad->output_grads[0], gft_grad_input(grad, 0),
                                 &grad->input_grads[0], err);
}
