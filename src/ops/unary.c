/*
 * Element-wise ops of one input: preparation and run, for all of them; see unary.h.
 */
#include "ops/unary.h"

#include "ops/grad_build.h"
#include "ops/grid.h"

typedef struct unary_state {
    gft_unary_f32_fn fn;
    gft_unary_int_fn integers;
    gft_unary_grad_f32_fn grad_fn;
    float alpha;
} unary_state;

static graft_status prepare_state(gft_prepare *prepare, size_t attrs_bytes, unary_state **out,
                                  graft_error *err) {
    unary_state *state;
    GFT_TRY(gft_grid_state(prepare, sizeof *state, &state, err));
    if (attrs_bytes > 0)
        state->alpha = ((const gft_unary_attrs *)prepare->attrs)->alpha;
    *out = state;
    return gft_prepare_elems(prepare, err);
}

graft_status gft_unary_prepare(gft_prepare *prepare, gft_unary_f32_fn fn, size_t attrs_bytes,
                               graft_error *err) {
    unary_state *state;
    GFT_TRY(prepare_state(prepare, attrs_bytes, &state, err));
    state->fn = fn;
    return GRAFT_OK;
}

graft_status gft_unary_numbers_infer(const gft_infer *in, graft_error *err) {
    const graft_dtype dtype = in->inputs[0].dtype;
    if (dtype != GRAFT_F32 && dtype != GRAFT_S32 && dtype != GRAFT_S64)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "input 0 is %s, expected float32, int32 or int64", graft_dtype_name(dtype));
    in->outputs[0] = (graft_tensor_desc){dtype, in->inputs[0].shape, NULL};
    return GRAFT_OK;
}

graft_status gft_unary_numbers_prepare(gft_prepare *prepare, gft_unary_f32_fn fn,
                                       gft_unary_int_fn integers, graft_error *err) {
    unary_state *state;
    GFT_TRY(prepare_state(prepare, 0, &state, err));
    state->fn = fn;
    state->integers = integers;
    return GRAFT_OK;
}

static void run_integers(const unary_state *state, const gft_exec *exec) {
    const bool wide = exec->outputs_desc[0].dtype == GRAFT_S64;
    const size_t bytes = wide ? 8 : 4;
    gft_range r =
        gft_grid_range(gft_desc_elems(&exec->outputs_desc[0]), GFT_BLOCK_ELEMS, exec->task);
    if (r.end > r.begin)
        state->integers((const char *)exec->inputs[0] + (size_t)r.begin * bytes,
                        (char *)exec->outputs[0] + (size_t)r.begin * bytes, r.end - r.begin, wide);
}

void gft_unary_run(const gft_exec *exec) {
    const unary_state *state = exec->state;
    if (exec->outputs_desc[0].dtype != GRAFT_F32) {
        run_integers(state, exec);
        return;
    }
    const float *x = exec->inputs[0];
    float *y = exec->outputs[0];
    gft_range r =
        gft_grid_range(gft_desc_elems(&exec->outputs_desc[0]), GFT_BLOCK_ELEMS, exec->task);
    if (r.end > r.begin)
        state->fn(x + r.begin, y + r.begin, r.end - r.begin, state->alpha);
}

graft_status gft_unary_grad_prepare(gft_prepare *prepare, gft_unary_grad_f32_fn fn,
                                    size_t attrs_bytes, graft_error *err) {
    unary_state *state;
    GFT_TRY(prepare_state(prepare, attrs_bytes, &state, err));
    state->grad_fn = fn;
    return GRAFT_OK;
}

void gft_unary_grad_run(const gft_exec *exec) {
    const unary_state *state = exec->state;
    const float *dy = exec->inputs[0];
    const float *r = exec->inputs[1];
    float *dx = exec->outputs[0];
    gft_range s =
        gft_grid_range(gft_desc_elems(&exec->outputs_desc[0]), GFT_BLOCK_ELEMS, exec->task);
    if (s.end > s.begin)
        state->grad_fn(dy + s.begin, r + s.begin, dx + s.begin, s.end - s.begin, state->alpha);
}

graft_status gft_unary_gradient(gft_grad *grad, const gft_op *grad_op, gft_grad_from from,
                                graft_error *err) {
    const gft_value_id inputs[] = {grad->output_grads[0], from == GFT_GRAD_FROM_INPUT
                                                              ? gft_grad_input(grad, 0)
                                                              : gft_grad_output(grad, 0)};
    const void *attrs = grad_op->attrs_bytes > 0 ? gft_grad_attrs(grad) : NULL;
    return gft_grad_node(grad, grad_op, attrs, inputs, 2, &grad->input_grads[0], err);
}
