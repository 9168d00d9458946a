/*
 * What the losses share; see loss.h.
 */
#include "ops/loss.h"

#include "ops/grad_build.h"
#include "ops/grid.h"
#include "ops/infer_check.h"

graft_status gft_loss_check_smoothing(const gft_infer *in, graft_error *err) {
    const gft_loss_attrs *attrs = in->attrs;
    if (!(attrs->label_smoothing >= 0.0f && attrs->label_smoothing <= 1.0f))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "label smoothing is %g, expected 0 to 1",
                        (double)attrs->label_smoothing);
    return GRAFT_OK;
}

graft_status gft_loss_infer(const gft_infer *in, graft_error *err) {
    graft_shape shape;
    GFT_TRY(gft_loss_check_smoothing(in, err));
    GFT_TRY(gft_check_f32(in, err));
    GFT_TRY(gft_check_min_rank(in, 0, 1, err));
    GFT_TRY(gft_check_same_shape(in, 0, 1, &shape, err));
    shape.rank--;
    shape.dims[shape.rank] = 0;
    in->outputs[0] = gft_desc_f32(shape);
    return GRAFT_OK;
}

graft_status gft_loss_grad_infer(const gft_infer *in, graft_error *err) {
    graft_shape shape;
    GFT_TRY(gft_loss_check_smoothing(in, err));
    GFT_TRY(gft_check_f32(in, err));
    GFT_TRY(gft_check_min_rank(in, 1, 1, err));
    GFT_TRY(gft_check_same_shape(in, 1, 2, &shape, err));
    graft_shape rows = shape;
    rows.rank--;
    GFT_TRY(gft_check_gradient(in, 0, &rows, err));
    in->outputs[0] = gft_desc_f32(shape);
    return GRAFT_OK;
}

static graft_status prepare_for(gft_prepare *p, int32_t prediction) {
    const gft_rows r = gft_desc_rows(&p->inputs[prediction]);
    p->tasks[0] = gft_grid_count(r.rows, gft_grid_rows(r.cols));
    return GRAFT_OK;
}

graft_status gft_loss_prepare(gft_prepare *prepare, graft_error *err) {
    (void)err;
    return prepare_for(prepare, 0);
}

graft_status gft_loss_grad_prepare(gft_prepare *prepare, graft_error *err) {
    (void)err;
    return prepare_for(prepare, 1);
}

graft_status gft_loss_gradient(gft_grad *grad, const gft_op *grad_op, graft_error *err) {
    const gft_value_id inputs[] = {grad->output_grads[0], gft_grad_input(grad, 0),
                                   gft_grad_input(grad, 1)};
    return gft_grad_node(grad, grad_op, gft_grad_attrs(grad), inputs, 3, &grad->input_grads[0],
                         err);
}
