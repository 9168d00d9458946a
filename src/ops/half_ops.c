/*
 * Shared by the ops on 16-bit floats; see half_ops.h.
 */
#include "ops/half_ops.h"

#include "base/alloc.h"
#include "base/size.h"

/* A copy of `in` for the inner op, with float32 in the place of 16 bits. */
static gft_infer as_f32(const gft_infer *in, graft_tensor_desc *inputs) {
    const gft_half_attrs *attrs = in->attrs;
    gft_infer inner = *in;
    inner.attrs = attrs->attrs;
    inner.inputs = inputs;
    for (int32_t i = 0; i < in->input_count; i++) {
        inputs[i] = in->inputs[i];
        if (inputs[i].dtype == attrs->dtype)
            inputs[i].dtype = GRAFT_F32;
    }
    return inner;
}

graft_status gft_half_infer(const gft_infer *in, graft_error *err) {
    const gft_half_attrs *attrs = in->attrs;
    graft_tensor_desc inputs[GFT_HALF_MAX_INPUTS];
    bool known = attrs->dtype == GRAFT_BF16 || attrs->dtype == GRAFT_F16;
    if (!attrs->inner || !known || (attrs->output != attrs->dtype && attrs->output != GRAFT_F32) ||
        in->input_count > GFT_HALF_MAX_INPUTS)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: stands for no op with at most %d inputs on bfloat16 or float16",
                        in->node, GFT_HALF_MAX_INPUTS);
    gft_infer inner = as_f32(in, inputs);
    GFT_TRY(attrs->inner->infer(&inner, err));
    in->outputs[0].dtype = attrs->output;
    return GRAFT_OK;
}

void gft_half_cost(const gft_infer *in, gft_cost *out) {
    const gft_half_attrs *attrs = in->attrs;
    graft_tensor_desc inputs[GFT_HALF_MAX_INPUTS];
    if (!attrs->inner || !attrs->inner->cost || in->input_count > GFT_HALF_MAX_INPUTS)
        return;
    gft_infer inner = as_f32(in, inputs);
    attrs->inner->cost(&inner, out);
}

gft_half_kernels gft_half_kernels_of(graft_dtype dtype) {
    const gft_kernel_table *k = gft_kernels();
    if (dtype == GRAFT_BF16)
        return (gft_half_kernels){k->bf16_from_f32, k->f32_from_bf16, k->gemm_bf16};
    return (gft_half_kernels){k->f16_from_f32, k->f32_from_f16, k->gemm_f16};
}

gft_half_pack gft_half_pack_of(const gft_half_kernels *kernels, int64_t count, int64_t step,
                               int64_t taps, int64_t depth, int64_t cols, int64_t row_stride) {
    gft_half_pack p = {.source = {.convert = kernels->narrow,
                                  .taps = taps,
                                  .depth = depth,
                                  .cols = cols,
                                  .tap_stride = depth * row_stride,
                                  .row_stride = row_stride,
                                  .col_stride = 1,
                                  .nr = kernels->gemm->nr,
                                  .group = kernels->gemm->group},
                       .count = count,
                       .step = step,
                       .panels = gft_i64_ceil_div(cols, kernels->gemm->nr),
                       .panel_elems = gft_gemm_half_panel(taps, depth, kernels->gemm->nr)};
    p.task_panels = gft_i64_max(16384 / gft_i64_max(p.panel_elems, 1), 1);
    return p;
}

bool gft_half_pack_bytes(const gft_half_pack *pack, size_t *bytes) {
    size_t n;
    return gft_size_mul((size_t)pack->count, (size_t)pack->panels, &n) &&
           gft_size_mul(n, (size_t)pack->panel_elems, &n) && gft_size_mul(n, 2, bytes);
}

int64_t gft_half_pack_tasks(const gft_half_pack *pack) {
    return gft_at_least_one(pack->count * gft_i64_ceil_div(pack->panels, pack->task_panels));
}

void gft_half_pack_task(const gft_half_pack *pack, const float *src, uint16_t *dst, int64_t task) {
    int64_t pieces = gft_i64_ceil_div(pack->panels, pack->task_panels);
    if (pieces == 0 || pack->count == 0)
        return;
    int64_t matrix = task / pieces;
    int64_t first = task % pieces * pack->task_panels;
    gft_gemm_half_source source = pack->source;
    source.f32 = src + matrix * pack->step;
    gft_gemm_pack_half(&source, first, gft_i64_min(pack->task_panels, pack->panels - first),
                       dst + (matrix * pack->panels + first) * pack->panel_elems);
}

uint16_t *gft_half_pack_now(const gft_half_pack *pack, const float *src, gft_arena *arena) {
    size_t bytes;
    if (!gft_half_pack_bytes(pack, &bytes))
        return NULL;
    uint16_t *dst = (uint16_t *)(void *)gft_arena_floats(arena, (int64_t)(bytes / 4 + 1));
    for (int64_t task = 0; dst && task < gft_half_pack_tasks(pack); task++)
        gft_half_pack_task(pack, src, dst, task);
    return dst;
}

gft_gemm_grid gft_half_grid_of(const gft_half_kernels *kernels, int64_t rows, int64_t cols,
                               int64_t depth) {
    gft_gemm_f32_kernels tile = {.mr = kernels->gemm->mr, .nr = kernels->gemm->nr};
    return gft_gemm_grid_of(rows, cols, depth, &tile);
}
