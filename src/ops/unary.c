/*
 * Element-wise ops of one input: preparation and run, for all of them; see unary.h.
 */
#include "ops/unary.h"

#include "ops/grad_build.h"
#include "ops/grid.h"

typedef struct unary_state {
    gft_unary_f32_fn fn;
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

void gft_unary_run(const gft_exec *exec) {
    const unary_state *state = exec->state;
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
