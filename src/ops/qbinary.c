/*
 * qadd, qsub, qmul: two tensors of bytes, broadcast; attributes in graph/attrs_quant.h.
 *
 * Rules, those of LiteRT's default path. Sum and difference: each operand has a fixed-point
 * multiplier of 21 bits for the larger of the two scales, y = ((a * ma + b * mb + bias) >> shift) +
 * zero point, where bias holds the zero points and half a unit (ties go up). Product: y =
 * rint((float)((a - za) * (b - zb)) * (sa * sb / sy)) + zero point.
 */
#include <math.h>

#include "base/size.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"
#include "ops/qcommon.h"

typedef struct qbinary_state {
    gft_qbinary_fn *kernel;
    gft_qbinary_args args; /* all but pointers, steps and n */
    int32_t rank;          /* merged, >= 1; the last dimension is the kernel's loop */
    int64_t dims[GRAFT_MAX_RANK], a_step[GRAFT_MAX_RANK], b_step[GRAFT_MAX_RANK];
    int64_t rows;                  /* product of all but the last dimension */
    int64_t row_blocks, row_block; /* pieces of a row, and their length */
    int64_t per_task;              /* pieces per task */
} qbinary_state;

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_qbinary_attrs *attrs = in->attrs;
    const graft_dtype dtype = in->inputs[0].dtype;
    GFT_TRY(gft_q_check_input(in, 0, err));
    GFT_TRY(gft_check_dtype(in, 1, dtype, err));
    graft_shape shape;
    if (!gft_shape_broadcast(&in->inputs[0].shape, &in->inputs[1].shape, &shape)) {
        char text_a[GFT_DESC_TEXT_BYTES];
        char text_b[GFT_DESC_TEXT_BYTES];
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "shapes %s and %s do not broadcast",
                        gft_shape_text(&in->inputs[0].shape, text_a),
                        gft_shape_text(&in->inputs[1].shape, text_b));
    }
    GFT_TRY(gft_q_check_params(dtype, "a", attrs->a, err));
    GFT_TRY(gft_q_check_params(dtype, "b", attrs->b, err));
    GFT_TRY(gft_q_check_params(dtype, "y", attrs->y, err));
    GFT_TRY(gft_q_check_bounds(dtype, attrs->lo, attrs->hi, err));
    in->outputs[0] = (graft_tensor_desc){dtype, shape, NULL};
    return GRAFT_OK;
}

/* The operand's stride along each dimension of the result: 0 where it is repeated. */
static void operand_strides(const graft_shape *operand, const graft_shape *result,
                            int64_t strides[GRAFT_MAX_RANK]) {
    int64_t dense[GRAFT_MAX_RANK];
    gft_shape_strides(operand, dense);
    const int32_t shift = result->rank - operand->rank;
    for (int32_t i = 0; i < result->rank; i++)
        strides[i] = i >= shift && operand->dims[i - shift] != 1 ? dense[i - shift] : 0;
}

static void merge_dims(qbinary_state *s, const graft_shape *a, const graft_shape *b,
                       const graft_shape *y) {
    int64_t sa[GRAFT_MAX_RANK];
    int64_t sb[GRAFT_MAX_RANK];
    operand_strides(a, y, sa);
    operand_strides(b, y, sb);
    for (int32_t i = 0; i < y->rank; i++) {
        if (y->dims[i] == 1)
            continue;
        int32_t k = s->rank - 1;
        if (k >= 0 && s->a_step[k] == sa[i] * y->dims[i] && s->b_step[k] == sb[i] * y->dims[i]) {
            s->dims[k] *= y->dims[i];
        } else {
            k = s->rank++;
            s->dims[k] = y->dims[i];
        }
        s->a_step[k] = sa[i];
        s->b_step[k] = sb[i];
    }
    if (s->rank == 0) {
        s->rank = 1;
        s->dims[0] = 1;
    }
}

static graft_status prepare(gft_prepare *p, gft_qbinary_fn *kernel, qbinary_state **out,
                            graft_error *err) {
    const gft_qbinary_attrs *attrs = p->attrs;
    const graft_dtype dtype = p->outputs[0].dtype;
    const graft_tensor_desc *y = &p->outputs[0];
    qbinary_state *s;
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    merge_dims(s, &p->inputs[0].shape, &p->inputs[1].shape, &y->shape);
    const int64_t row = s->dims[s->rank - 1];
    s->rows = row > 0 ? gft_desc_elems(y) / row : 0;
    s->row_block = gft_i64_min(gft_i64_max(row, 1), 2 * GFT_BLOCK_ELEMS);
    s->row_blocks = gft_grid_count(row, s->row_block);
    s->per_task = gft_i64_max(1, 2 * GFT_BLOCK_ELEMS / s->row_block);
    p->tasks[0] = gft_grid_count(s->rows * s->row_blocks, s->per_task);
    s->kernel = kernel;
    s->args.zero_point = gft_q_as_s8(dtype, attrs->y.zero_point);
    s->args.lo = gft_q_as_s8(dtype, attrs->lo);
    s->args.hi = gft_q_as_s8(dtype, attrs->hi);
    s->args.flip = gft_q_flip(dtype);
    *out = s;
    return GRAFT_OK;
}

/*
 * sign: +1 or -1, of b. Scales beyond 2^18 times y's saturate any difference from the zero point as
 * well.
 */
static graft_status prepare_sum(gft_prepare *p, int32_t sign, graft_error *err) {
    const gft_qbinary_attrs *attrs = p->attrs;
    const graft_dtype dtype = p->outputs[0].dtype;
    qbinary_state *s;
    GFT_TRY(prepare(p, gft_kernels()->qadd_s8, &s, err));
    const float a = fminf(attrs->a.scale / attrs->y.scale, 0x1p18f);
    const float b = fminf(attrs->b.scale / attrs->y.scale, 0x1p18f);
    int exponent;
    (void)frexpf(fmaxf(a, b), &exponent); /* larger = [0.5, 1) * 2^exponent */
    const int shift = (int)gft_i64_min(20 - (exponent - 1), 30);
    s->args.shift = shift;
    s->args.a_multiplier = (int32_t)rintf(ldexpf(a, shift));
    s->args.b_multiplier = sign * (int32_t)rintf(ldexpf(b, shift));
    s->args.bias = (1 << (shift - 1)) -
                   s->args.a_multiplier * gft_q_as_s8(dtype, attrs->a.zero_point) -
                   s->args.b_multiplier * gft_q_as_s8(dtype, attrs->b.zero_point);
    return GRAFT_OK;
}

static graft_status qadd_prepare(gft_prepare *p, graft_error *err) {
    return prepare_sum(p, 1, err);
}

static graft_status qsub_prepare(gft_prepare *p, graft_error *err) {
    return prepare_sum(p, -1, err);
}

static graft_status qmul_prepare(gft_prepare *p, graft_error *err) {
    const gft_qbinary_attrs *attrs = p->attrs;
    const graft_dtype dtype = p->outputs[0].dtype;
    qbinary_state *s;
    GFT_TRY(prepare(p, gft_kernels()->qmul_s8, &s, err));
    s->args.a_zero = gft_q_as_s8(dtype, attrs->a.zero_point);
    s->args.b_zero = gft_q_as_s8(dtype, attrs->b.zero_point);
    s->args.scale = attrs->a.scale * attrs->b.scale / attrs->y.scale;
    if (!isfinite(s->args.scale))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: scales %g and %g give no finite product",
                        p->node, (double)attrs->a.scale, (double)attrs->b.scale);
    return GRAFT_OK;
}

static void run(const gft_exec *exec) {
    const qbinary_state *s = exec->state;
    gft_qbinary_args args = s->args;
    const int64_t row = s->dims[s->rank - 1];
    args.a_step = s->a_step[s->rank - 1];
    args.b_step = s->b_step[s->rank - 1];
    const gft_range r = gft_grid_range(s->rows * s->row_blocks, s->per_task, exec->task);
    for (int64_t piece = r.begin; piece < r.end; piece++) {
        int64_t a_at = 0;
        int64_t b_at = 0;
        int64_t rest = piece / s->row_blocks;
        for (int32_t i = s->rank - 2; i >= 0; i--) {
            const int64_t at = rest % s->dims[i];
            rest /= s->dims[i];
            a_at += at * s->a_step[i];
            b_at += at * s->b_step[i];
        }
        const int64_t from = piece % s->row_blocks * s->row_block;
        args.n = gft_i64_min(row - from, s->row_block);
        args.a = (const uint8_t *)exec->inputs[0] + a_at + from * args.a_step;
        args.b = (const uint8_t *)exec->inputs[1] + b_at + from * args.b_step;
        args.y = (uint8_t *)exec->outputs[0] + piece / s->row_blocks * row + from;
        s->kernel(&args);
    }
}

#define QBINARY_OP(op_name)                                                                        \
    const gft_op gft_op_##op_name = {.name = #op_name,                                             \
                                     .flags = GFT_OP_IN_PLACE,                                     \
                                     .min_inputs = 2,                                              \
                                     .max_inputs = 2,                                              \
                                     .outputs = 1,                                                 \
                                     .attrs_bytes = sizeof(gft_qbinary_attrs),                     \
                                     .infer = infer,                                               \
                                     .prepare = op_name##_prepare,                                 \
                                     .run = run};

QBINARY_OP(qadd)
QBINARY_OP(qsub)
QBINARY_OP(qmul)
