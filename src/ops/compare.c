/*
 * equal, not_equal, less, less_equal, greater, greater_equal (numbers -> bool) and logical_and,
 * logical_or (bool), with broadcasting; logical_not. A bool is a byte, 0 or 1.
 */
#include "ops/binary.h"
#include "ops/grid.h"
#include "ops/infer_check.h"
#include "ops/ops.h"

static bool comparable(graft_dtype dtype) {
    return dtype == GRAFT_F32 || dtype == GRAFT_S32 || dtype == GRAFT_S64 || dtype == GRAFT_U8 ||
           dtype == GRAFT_S8 || dtype == GRAFT_BOOL;
}

static graft_status compare_infer(const gft_infer *in, graft_error *err) {
    if (!comparable(in->inputs[0].dtype))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "input 0 is %s, expected float32, int32, int64, int8, uint8 or bool",
                        graft_dtype_name(in->inputs[0].dtype));
    return gft_binary_infer_shape(in, GRAFT_BOOL, err);
}

static graft_status logical_infer(const gft_infer *in, graft_error *err) {
    GFT_TRY(gft_check_dtype(in, 0, GRAFT_BOOL, err));
    return gft_binary_infer_shape(in, GRAFT_BOOL, err);
}

#define COMPARE_LOOP(name, type, operator)                                                         \
    static void name(const void *av, int64_t a_step, const void *bv, int64_t b_step, void *yv,     \
                     int64_t n) {                                                                  \
        const type *a = av;                                                                        \
        const type *b = bv;                                                                        \
        uint8_t *y = yv;                                                                           \
        for (int64_t i = 0; i < n; i++)                                                            \
            y[i] = a[i * a_step] operator b[i * b_step];                                           \
    }

static gft_binary_loop *pick(graft_dtype dtype, gft_binary_loop *const loops[5]) {
    switch (dtype) {
    case GRAFT_F32:
        return loops[0];
    case GRAFT_S32:
        return loops[1];
    case GRAFT_S64:
        return loops[2];
    case GRAFT_S8:
        return loops[3];
    default:
        return loops[4];
    }
}

#define COMPARE_OP(op_name, operator)                                                              \
    COMPARE_LOOP(op_name##_f32, float, operator)                                                   \
    COMPARE_LOOP(op_name##_s32, int32_t, operator)                                                 \
    COMPARE_LOOP(op_name##_s64, int64_t, operator)                                                 \
    COMPARE_LOOP(op_name##_s8, int8_t, operator)                                                   \
    COMPARE_LOOP(op_name##_u8, uint8_t, operator)                                                  \
    static graft_status op_name##_prepare(gft_prepare *prepare, graft_error *err) {                \
        gft_binary_loop *const loops[5] = {op_name##_f32, op_name##_s32, op_name##_s64,            \
                                           op_name##_s8, op_name##_u8};                            \
        return gft_binary_prepare(prepare, NULL, pick(prepare->inputs[0].dtype, loops), err);      \
    }                                                                                              \
    const gft_op gft_op_##op_name = {.name = #op_name,                                             \
                                     .min_inputs = 2,                                              \
                                     .max_inputs = 2,                                              \
                                     .outputs = 1,                                                 \
                                     .infer = compare_infer,                                       \
                                     .prepare = op_name##_prepare,                                 \
                                     .run = gft_binary_run};

COMPARE_OP(equal, ==)
COMPARE_OP(not_equal, !=)
COMPARE_OP(less, <)
COMPARE_OP(less_equal, <=)
COMPARE_OP(greater, >)
COMPARE_OP(greater_equal, >=)

#define LOGICAL_OP(op_name, operator)                                                              \
    COMPARE_LOOP(op_name##_loop, uint8_t, operator)                                                \
    static graft_status op_name##_prepare(gft_prepare *prepare, graft_error *err) {                \
        return gft_binary_prepare(prepare, NULL, op_name##_loop, err);                             \
    }                                                                                              \
    const gft_op gft_op_##op_name = {.name = #op_name,                                             \
                                     .flags = GFT_OP_IN_PLACE,                                     \
                                     .min_inputs = 2,                                              \
                                     .max_inputs = 2,                                              \
                                     .outputs = 1,                                                 \
                                     .infer = logical_infer,                                       \
                                     .prepare = op_name##_prepare,                                 \
                                     .run = gft_binary_run};

LOGICAL_OP(logical_and, &&)
LOGICAL_OP(logical_or, ||)

static graft_status not_infer(const gft_infer *in, graft_error *err) {
    GFT_TRY(gft_check_dtype(in, 0, GRAFT_BOOL, err));
    return gft_infer_like(in, err);
}

static void not_run(const gft_exec *exec) {
    const uint8_t *x = exec->inputs[0];
    uint8_t *y = exec->outputs[0];
    const gft_range r =
        gft_grid_range(gft_desc_elems(&exec->outputs_desc[0]), GFT_BLOCK_ELEMS, exec->task);
    for (int64_t i = r.begin; i < r.end; i++)
        y[i] = !x[i];
}

const gft_op gft_op_logical_not = {.name = "logical_not",
                                   .flags = GFT_OP_IN_PLACE,
                                   .min_inputs = 1,
                                   .max_inputs = 1,
                                   .outputs = 1,
                                   .infer = not_infer,
                                   .prepare = gft_prepare_elems,
                                   .run = not_run};
