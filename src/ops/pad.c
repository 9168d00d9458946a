/*
 * pad with one value, any element type (the value is converted to it). Phase 0 fills the output,
 * phase 1 copies the input into its middle.
 */
#include <inttypes.h>
#include <string.h>

#include "base/float16.h"
#include "ops/grad_build.h"
#include "ops/gradients.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/nd_copy.h"
#include "ops/ops.h"

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_pad_attrs *attrs = in->attrs;
    GFT_TRY(gft_infer_like(in, err));
    if (in->inputs[0].dtype == GRAFT_STRING)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "input is string, expected numbers");
    graft_shape *y = &in->outputs[0].shape;
    for (int32_t i = 0; i < y->rank; i++) {
        int64_t dim = y->dims[i];
        if (attrs->before[i] < 0 || attrs->after[i] < 0 ||
            __builtin_add_overflow(gft_i64_max(dim, 0), attrs->before[i], &dim) ||
            __builtin_add_overflow(dim, attrs->after[i], &dim))
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "padding %" PRId64 " and %" PRId64
                            " of dimension %d, expected 0 or more",
                            attrs->before[i], attrs->after[i], i);
        if (y->dims[i] >= 0 || attrs->before[i] > 0 || attrs->after[i] > 0)
            y->dims[i] = y->dims[i] < 0 ? -1 : dim;
    }
    return GRAFT_OK;
}

typedef struct pad_state {
    gft_nd_copy copy;
    unsigned char value[8]; /* one element */
} pad_state;

static void convert_value(float value, graft_dtype dtype, unsigned char out[8]) {
    const double f64 = (double)value;
    const uint16_t bf16 = gft_bf16_from_f32(value);
    const uint16_t f16 = gft_f16_from_f32(value);
    const int64_t integer = value >= -0x1p62f && value <= 0x1p62f ? (int64_t)value : 0;
    const unsigned char truth = value != 0.0f;
    switch (dtype) {
    case GRAFT_F32:
        memcpy(out, &value, sizeof value);
        break;
    case GRAFT_F64:
        memcpy(out, &f64, sizeof f64);
        break;
    case GRAFT_BF16:
        memcpy(out, &bf16, sizeof bf16);
        break;
    case GRAFT_F16:
        memcpy(out, &f16, sizeof f16);
        break;
    case GRAFT_BOOL:
        out[0] = truth;
        break;
    default: /* little-endian: the low bytes are the narrower integer */
        memcpy(out, &integer, sizeof integer);
        break;
    }
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    const gft_pad_attrs *attrs = p->attrs;
    int64_t from[GRAFT_MAX_RANK];
    int64_t to[GRAFT_MAX_RANK];
    int64_t start = 0;
    pad_state *s;
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    gft_shape_strides(&p->inputs[0].shape, from);
    gft_shape_strides(&p->outputs[0].shape, to);
    for (int32_t i = 0; i < p->inputs[0].shape.rank; i++)
        start += attrs->before[i] * to[i];
    gft_nd_copy_init(&s->copy, &p->inputs[0].shape, from, 0, to, start,
                     graft_dtype_bytes(p->inputs[0].dtype));
    convert_value(attrs->value, p->inputs[0].dtype, s->value);
    p->phases = 2;
    p->tasks[0] = gft_grid_count(gft_desc_elems(&p->outputs[0]), GFT_BLOCK_ELEMS);
    p->tasks[1] = gft_nd_copy_tasks(&s->copy);
    return GRAFT_OK;
}

static void run(const gft_exec *exec) {
    const pad_state *s = exec->state;
    if (exec->phase == 1) {
        gft_nd_copy_run(&s->copy, exec->inputs[0], exec->outputs[0], exec->task);
        return;
    }
    const gft_range r =
        gft_grid_range(gft_desc_elems(&exec->outputs_desc[0]), GFT_BLOCK_ELEMS, exec->task);
    char *to = (char *)exec->outputs[0] + (size_t)r.begin * s->copy.bytes;
    if (((const gft_pad_attrs *)exec->attrs)->value == 0.0f) {
        memset(to, 0, (size_t)(r.end - r.begin) * s->copy.bytes);
        return;
    }
    if (s->copy.bytes == 1) {
        memset(to, s->value[0], (size_t)(r.end - r.begin));
        return;
    }
    for (int64_t i = r.begin; i < r.end; i++, to += s->copy.bytes)
        memcpy(to, s->value, s->copy.bytes);
}

const gft_op gft_op_pad = {.name = "pad",
                           .kind = GFT_KIND_PAD,
                           .min_inputs = 1,
                           .max_inputs = 1,
                           .outputs = 1,
                           .attrs_bytes = sizeof(gft_pad_attrs),
                           .infer = infer,
                           .prepare = prepare,
                           .run = run};

/* The middle of dy, counted from both ends so that unknown sizes do not matter. */
graft_status gft_grad_pad(gft_grad *grad, graft_error *err) {
    const gft_pad_attrs *attrs = gft_grad_attrs(grad);
    const graft_shape x = gft_grad_shape(grad, gft_grad_input(grad, 0));
    gft_strided_slice_attrs slice = {.shrink_mask = 0};
    for (int32_t i = 0; i < x.rank; i++) {
        slice.begin[i] = attrs->before[i];
        slice.end[i] = x.dims[i] >= 0        ? attrs->before[i] + x.dims[i]
                       : attrs->after[i] > 0 ? -attrs->after[i]
                                             : INT64_MAX;
        slice.stride[i] = 1;
    }
    return gft_grad_node(grad, &gft_op_strided_slice, &slice, &grad->output_grads[0], 1,
                         &grad->input_grads[0], err);
}
