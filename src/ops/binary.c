/*
 * add, sub, mul, div, maximum, minimum with broadcasting. Dimensions that both inputs walk alike
 * are merged, so that equal shapes are one run, a per-channel operand is (rows, C), and
 * squeeze-excite's (N,1,1,C) x (N,H,W,C) is (N, HW, C).
 */
#include "ops/binary.h"

#include <string.h>

#include "kernels/kernel_table.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

#define SHORT_ROW 64         /* floats */
#define REPEATED_FLOATS 1024 /* of a vector that is repeated */

typedef struct binary_state {
    gft_binary_f32_kernel *f32;
    gft_binary_loop *loop;
    size_t in_bytes, out_bytes; /* per element */
    int32_t rank;               /* merged; >= 1, the last dimension is what the kernel runs over */
    int64_t dims[GRAFT_MAX_RANK], a_step[GRAFT_MAX_RANK], b_step[GRAFT_MAX_RANK];
    int64_t rows;                  /* product of all but the last dimension */
    int64_t row_blocks, row_block; /* pieces of a row, and their length */
    int64_t per_task;              /* pieces per task */
    int64_t
        repeat; /* > 0: a short vector is repeated that many times, so that as many rows are one run */
    bool pattern_a, pattern_b; /* this operand is one short row that all rows meet */
} binary_state;

/*
 * Copies of a short row (the three channels of a picture) side by side make runs that are long
 * enough for the kernel.
 */
#define SHORT_ROW 64
#define PATTERN_FLOATS 1024

graft_status gft_binary_infer_shape(const gft_infer *in, graft_dtype dtype, graft_error *err) {
    const graft_tensor_desc *a = &in->inputs[0];
    const graft_tensor_desc *b = &in->inputs[1];
    GFT_TRY(gft_check_dtype(in, 1, a->dtype, err));
    graft_shape shape;
    if (!gft_shape_broadcast(&a->shape, &b->shape, &shape)) {
        char text_a[GFT_DESC_TEXT_BYTES];
        char text_b[GFT_DESC_TEXT_BYTES];
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "shapes %s and %s do not broadcast",
                        gft_shape_text(&a->shape, text_a), gft_shape_text(&b->shape, text_b));
    }
    in->outputs[0] = (graft_tensor_desc){dtype, shape, NULL};
    return GRAFT_OK;
}

graft_status gft_binary_infer(const gft_infer *in, graft_error *err) {
    const graft_dtype dtype = in->inputs[0].dtype;
    if (dtype != GRAFT_F32 && dtype != GRAFT_S32 && dtype != GRAFT_S64)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "input 0 is %s, expected float32, int32 or int64", graft_dtype_name(dtype));
    return gft_binary_infer_shape(in, dtype, err);
}

GFT_BINARY_INTEGERS(add, up + uq)
GFT_BINARY_INTEGERS(sub, up - uq)
GFT_BINARY_INTEGERS(mul, up *uq)
/* Towards zero; x / 0 = 0, and the smallest number by -1 wraps. */
GFT_BINARY_INTEGERS(div, q == 0 ? 0 : q == -1 ? (int64_t)(0 - up) : p / q)
GFT_BINARY_INTEGERS(maximum, p > q ? p : q)
GFT_BINARY_INTEGERS(minimum, p < q ? p : q)

/* The operand's stride along each dimension of the result: 0 where it is repeated. */
static void operand_strides(const graft_shape *operand, const graft_shape *result,
                            int64_t strides[GRAFT_MAX_RANK]) {
    int64_t dense[GRAFT_MAX_RANK];
    gft_shape_strides(operand, dense);
    int32_t shift = result->rank - operand->rank;
    for (int32_t i = 0; i < result->rank; i++) {
        bool present = i >= shift && operand->dims[i - shift] != 1;
        strides[i] = present ? dense[i - shift] : 0;
    }
}

static void merge_dims(binary_state *s, const graft_shape *a, const graft_shape *b,
                       const graft_shape *y) {
    int64_t sa[GRAFT_MAX_RANK];
    int64_t sb[GRAFT_MAX_RANK];
    operand_strides(a, y, sa);
    operand_strides(b, y, sb);
    s->rank = 0;
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

/*
 * (rows, C) with a vector of few channels (a picture less its mean): rows so short are no work for
 * a kernel.
 */
static void choose_repeat(binary_state *s, gft_prepare *prepare) {
    const int64_t cols = s->dims[s->rank - 1];
    if (!s->f32 || s->rank != 2 || cols < 2 || cols > SHORT_ROW || s->a_step[1] != 1 ||
        s->b_step[1] != 1 || (s->a_step[0] != 0 && s->b_step[0] != 0))
        return;
    s->repeat = gft_i64_max(REPEATED_FLOATS / cols, 2);
    s->row_block = cols;
    s->row_blocks = 1;
    s->per_task = gft_i64_ceil_div(gft_grid_rows(cols), s->repeat) * s->repeat;
    prepare->tasks[0] = gft_grid_count(s->rows, s->per_task);
    prepare->worker_scratch_bytes = (size_t)(s->repeat * cols) * sizeof(float);
}

graft_status gft_binary_prepare(gft_prepare *prepare, gft_binary_f32_kernel *f32,
                                gft_binary_loop *loop, graft_error *err) {
    binary_state *s;
    GFT_TRY(gft_grid_state(prepare, sizeof *s, &s, err));
    const graft_tensor_desc *y = &prepare->outputs[0];
    s->f32 = prepare->inputs[0].dtype == GRAFT_F32 ? f32 : NULL;
    s->loop = loop;
    s->in_bytes = graft_dtype_bytes(prepare->inputs[0].dtype);
    s->out_bytes = graft_dtype_bytes(y->dtype);
    merge_dims(s, &prepare->inputs[0].shape, &prepare->inputs[1].shape, &y->shape);
    const int64_t row = s->dims[s->rank - 1];
    s->rows = row > 0 ? gft_desc_elems(y) / row : 0;
    s->row_block = gft_i64_min(gft_i64_max(row, 1), GFT_BLOCK_ELEMS);
    s->row_blocks = gft_grid_count(row, s->row_block);
    s->per_task = gft_grid_rows(s->row_block);
    const bool short_rows = s->f32 && s->rank == 2 && row <= SHORT_ROW && s->a_step[1] == 1 &&
                            s->b_step[1] == 1 && s->dims[0] > 1;
    s->pattern_a = short_rows && s->a_step[0] == 0 && s->b_step[0] == row;
    s->pattern_b = short_rows && s->b_step[0] == 0 && s->a_step[0] == row;
    prepare->tasks[0] = gft_grid_count(s->rows * s->row_blocks, s->per_task);
    choose_repeat(s, prepare);
    return GRAFT_OK;
}

static void run_short_rows(const binary_state *s, const float *a, const float *b, float *y,
                           gft_range rows) {
    const int64_t row = s->dims[1];
    const int64_t copies = PATTERN_FLOATS / row;
    float pattern[PATTERN_FLOATS];
    for (int64_t i = 0; i < copies; i++)
        memcpy(pattern + i * row, s->pattern_a ? a : b, (size_t)row * sizeof(float));
    for (int64_t at = rows.begin; at < rows.end; at += copies) {
        const int64_t n = gft_i64_min(copies, rows.end - at) * row;
        s->f32(s->pattern_a ? pattern : a + at * row, 1, s->pattern_b ? pattern : b + at * row, 1,
               y + at * row, n);
    }
}

/* Where row `row` starts in both operands. */
static void row_offsets(const binary_state *s, int64_t row, int64_t *a, int64_t *b) {
    *a = 0;
    *b = 0;
    for (int32_t i = s->rank - 2; i >= 0; i--) {
        int64_t at = row % s->dims[i];
        row /= s->dims[i];
        *a += at * s->a_step[i];
        *b += at * s->b_step[i];
    }
}

static void run_repeated(const binary_state *s, const gft_exec *exec) {
    const int64_t cols = s->dims[1];
    const float *a = exec->inputs[0];
    const float *b = exec->inputs[1];
    float *y = exec->outputs[0];
    float *vector = exec->worker_scratch;
    for (int64_t i = 0; i < s->repeat; i++)
        memcpy(vector + i * cols, s->a_step[0] == 0 ? a : b, (size_t)cols * sizeof(float));
    gft_range r = gft_grid_range(s->rows, s->per_task, exec->task);
    for (int64_t row = r.begin; row < r.end; row += s->repeat) {
        const int64_t n = gft_i64_min(s->repeat, r.end - row) * cols;
        const float *ap = s->a_step[0] == 0 ? vector : a + row * cols;
        const float *bp = s->b_step[0] == 0 ? vector : b + row * cols;
        s->f32(ap, 1, bp, 1, y + row * cols, n);
    }
}

void gft_binary_run(const gft_exec *exec) {
    const binary_state *s = exec->state;
    if (s->repeat > 0) {
        run_repeated(s, exec);
        return;
    }
    const char *a = exec->inputs[0];
    const char *b = exec->inputs[1];
    char *y = exec->outputs[0];
    const int64_t row = s->dims[s->rank - 1];
    const int64_t a_step = s->a_step[s->rank - 1];
    const int64_t b_step = s->b_step[s->rank - 1];
    gft_range r = gft_grid_range(s->rows * s->row_blocks, s->per_task, exec->task);
    if (s->pattern_a || s->pattern_b) {
        run_short_rows(s, exec->inputs[0], exec->inputs[1], exec->outputs[0], r);
        return;
    }
    for (int64_t piece = r.begin; piece < r.end; piece++) {
        int64_t a_at;
        int64_t b_at;
        row_offsets(s, piece / s->row_blocks, &a_at, &b_at);
        const int64_t from = piece % s->row_blocks * s->row_block;
        const int64_t n = gft_i64_min(row - from, s->row_block);
        const char *ap = a + (size_t)(a_at + from * a_step) * s->in_bytes;
        const char *bp = b + (size_t)(b_at + from * b_step) * s->in_bytes;
        char *yp = y + (size_t)(piece / s->row_blocks * row + from) * s->out_bytes;
        if (s->f32)
            s->f32((const float *)(const void *)ap, a_step, (const float *)(const void *)bp, b_step,
                   (float *)(void *)yp, n);
        else
            s->loop(ap, a_step, bp, b_step, yp, n);
    }
}

#define BINARY_OP(op_name, op_kind)                                                                \
    static graft_status op_name##_prepare(gft_prepare *prepare, graft_error *err) {                \
        return gft_binary_prepare(                                                                 \
            prepare, gft_kernels()->op_name##_f32,                                                 \
            prepare->inputs[0].dtype == GRAFT_S32 ? op_name##_s32 : op_name##_s64, err);           \
    }                                                                                              \
    const gft_op gft_op_##op_name = {.name = #op_name,                                             \
                                     .kind = op_kind,                                              \
                                     .flags = GFT_OP_IN_PLACE,                                     \
                                     .min_inputs = 2,                                              \
                                     .max_inputs = 2,                                              \
                                     .outputs = 1,                                                 \
                                     .infer = gft_binary_infer,                                    \
                                     .prepare = op_name##_prepare,                                 \
                                     .run = gft_binary_run,                                        \
                                     .slice = &gft_op_strided_slice};

BINARY_OP(add, GFT_KIND_ADD)
BINARY_OP(sub, GFT_KIND_SUB)
BINARY_OP(mul, GFT_KIND_MUL)
BINARY_OP(div, GFT_KIND_OTHER)
BINARY_OP(maximum, GFT_KIND_OTHER)
BINARY_OP(minimum, GFT_KIND_OTHER)
