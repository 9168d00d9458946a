/*
 * dropout: y = x / (1 - rate) where a draw says keep, else 0 (Keras). dropout_grad does the same to
 * dy with the same draws. Plans for inference do not contain it (rewrite_drop_identity).
 *
 * A draw depends on (run seed, run step, attrs.key, element) alone: the first three are hashed by
 * one Philox block into the key of the generator that the element indexes.
 */
#include "base/rng.h"
#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

#define DRAWS 4 /* per Philox block; GFT_BLOCK_ELEMS is a multiple */

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_dropout_attrs *attrs = in->attrs;
    if (!(attrs->rate >= 0.0f && attrs->rate < 1.0f))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "rate is %g, expected 0 <= rate < 1",
                        (double)attrs->rate);
    return gft_infer_like_f32(in, err);
}

static gft_rng generator(uint64_t seed, uint64_t step, uint64_t key) {
    const uint32_t cipher_key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const uint32_t counter[4] = {(uint32_t)step, (uint32_t)(step >> 32), (uint32_t)key,
                                 (uint32_t)(key >> 32)};
    uint32_t words[4];
    gft_philox(cipher_key, counter, words);
    return gft_rng_make((uint64_t)words[1] << 32 | words[0], GFT_RNG_DROPOUT,
                        (uint64_t)words[3] << 32 | words[2]);
}

static void run(const gft_exec *exec) {
    const gft_dropout_attrs *attrs = exec->attrs;
    const float *x = exec->inputs[0];
    float *y = exec->outputs[0];
    const gft_rng rng = generator(exec->seed, exec->step, attrs->key);
    const uint32_t key[2] = {(uint32_t)rng.seed, (uint32_t)(rng.seed >> 32)};
    const uint32_t drop_below = (uint32_t)(attrs->rate * 0x1p24f); /* of 24-bit draws */
    const float scale = 1.0f / (1.0f - attrs->rate);
    gft_range r =
        gft_grid_range(gft_desc_elems(&exec->outputs_desc[0]), GFT_BLOCK_ELEMS, exec->task);
    for (int64_t i = r.begin; i < r.end; i += DRAWS) {
        const uint64_t block = (uint64_t)i / DRAWS;
        const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)rng.stream,
                                     (uint32_t)(rng.stream >> 32)};
        uint32_t words[DRAWS];
        gft_philox(key, counter, words);
        for (int64_t k = 0; k < DRAWS && i + k < r.end; k++)
            y[i + k] = words[k] >> 8 >= drop_below ? x[i + k] * scale : 0.0f;
    }
}

#define DROPOUT_OP(op_name, op_kind)                                                               \
    const gft_op gft_op_##op_name = {.name = #op_name,                                             \
                                     .kind = op_kind,                                              \
                                     .flags = GFT_OP_IN_PLACE | GFT_OP_RANDOM,                     \
                                     .min_inputs = 1,                                              \
                                     .max_inputs = 1,                                              \
                                     .outputs = 1,                                                 \
                                     .attrs_bytes = sizeof(gft_dropout_attrs),                     \
                                     .infer = infer,                                               \
                                     .prepare = gft_prepare_elems,                                 \
                                     .run = run};

DROPOUT_OP(dropout, GFT_KIND_DROPOUT)
DROPOUT_OP(dropout_grad, GFT_KIND_OTHER)

graft_status gft_grad_dropout(gft_grad *grad, graft_error *err) {
    return gft_grad_node(grad, &gft_op_dropout_grad, gft_grad_attrs(grad), &grad->output_grads[0],
                         1, &grad->input_grads[0], err);
}
