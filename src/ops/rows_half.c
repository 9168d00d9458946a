/*
 * rows_half: any op that works on elements or on rows of channels one by one (activations and their
 * derivatives, sums and products, batch norm), on bfloat16 or IEEE half (graph/attrs_half.h).
 *
 * The tensor is cut into chunks of whole rows. A chunk's operands are widened into the worker's
 * scratch, the float32 op runs on the chunk as if it were the whole tensor, and the result is
 * rounded. Operands may be of the result's shape, one value per channel, one value per picture and
 * channel (a chunk then lies inside one picture), or one number.
 */
#include "base/alloc.h"
#include "base/size.h"
#include "ops/half_ops.h"
#include "ops/ops.h"
#include "ops/precision.h"

#define CHUNK_ELEMS 8192
#define TASK_CHUNKS 4

typedef enum operand_kind {
    OPERAND_FULL,
    OPERAND_CHANNELS,
    OPERAND_PICTURES,
    OPERAND_ONE,
    OPERAND_NONE
} operand_kind;

/* The inner op prepared for chunks of so many rows. */
typedef struct chunk_plan {
    graft_tensor_desc inputs[GFT_HALF_MAX_INPUTS], output;
    gft_prepare prepare;
} chunk_plan;

typedef struct rows_half_state {
    const gft_op *inner;
    const void *attrs;
    gft_half_kernels kernels;
    operand_kind kinds[GFT_HALF_MAX_INPUTS];
    bool halves[GFT_HALF_MAX_INPUTS];
    bool f32_result;
    int32_t count;
    int64_t groups, group_rows, cols;     /* rows of a group are cut into chunks */
    int64_t rows, chunks;                 /* of a chunk; of a group */
    size_t operand_floats, inner_scratch; /* room of one operand; bytes */
    chunk_plan whole, rest;
} rows_half_state;

static operand_kind kind_of(const graft_shape *x, const graft_shape *y) {
    int64_t elems = gft_shape_elems(x);
    if (gft_shape_equal(x, y))
        return OPERAND_FULL;
    if (elems == 1 && x->rank <= y->rank)
        return OPERAND_ONE;
    if (y->rank < 1 || x->rank < 1 || x->rank > y->rank ||
        x->dims[x->rank - 1] != y->dims[y->rank - 1])
        return OPERAND_NONE;
    if (elems == x->dims[x->rank - 1])
        return OPERAND_CHANNELS;
    if (x->rank == y->rank && y->rank > 2 && x->dims[0] == y->dims[0] &&
        elems == x->dims[0] * x->dims[x->rank - 1])
        return OPERAND_PICTURES;
    return OPERAND_NONE;
}

bool gft_rows_half_fits(const gft_infer *in) {
    const graft_shape *y = &in->outputs[0].shape;
    if (in->input_count > GFT_HALF_MAX_INPUTS || in->output_count != 1 || !gft_shape_known(y))
        return false;
    for (int32_t i = 0; i < in->input_count; i++) {
        graft_dtype dtype = in->inputs[i].dtype;
        bool real = dtype == GRAFT_F32 || dtype == GRAFT_BF16 || dtype == GRAFT_F16;
        if (!real || !gft_shape_known(&in->inputs[i].shape) ||
            kind_of(&in->inputs[i].shape, y) == OPERAND_NONE)
            return false;
    }
    return true;
}

/* How the tensor is cut: without operands per channel it is one long row of numbers. */
static void cut(rows_half_state *s, const graft_shape *y) {
    bool flat = true;
    bool pictures = false;
    for (int32_t i = 0; i < s->count; i++) {
        flat = flat && (s->kinds[i] == OPERAND_FULL || s->kinds[i] == OPERAND_ONE);
        pictures = pictures || s->kinds[i] == OPERAND_PICTURES;
    }
    int64_t elems = gft_shape_elems(y);
    s->cols = flat ? 1 : gft_i64_max(y->dims[y->rank - 1], 1);
    s->groups = pictures ? gft_i64_max(y->dims[0], 1) : 1;
    s->group_rows = elems / s->cols / s->groups;
    s->rows = gft_i64_max(gft_i64_min(CHUNK_ELEMS / s->cols, s->group_rows), 1);
    s->chunks = gft_i64_ceil_div(s->group_rows, s->rows);
}

static graft_status plan_chunk(gft_prepare *p, rows_half_state *s, int64_t rows, chunk_plan *out,
                               graft_error *err) {
    const graft_shape full = s->cols == 1 ? gft_shape_1(rows) : gft_shape_2(rows, s->cols);
    for (int32_t i = 0; i < s->count; i++) {
        graft_shape shape = full;
        if (s->kinds[i] == OPERAND_ONE)
            shape.rank = 0;
        else if (s->kinds[i] != OPERAND_FULL)
            shape = gft_shape_1(s->cols);
        out->inputs[i] = gft_desc_f32(shape);
    }
    out->output = gft_desc_f32(full);
    static const void *const none[GFT_HALF_MAX_INPUTS];
    out->prepare = (gft_prepare){.node = p->node,
                                 .attrs = s->attrs,
                                 .inputs = out->inputs,
                                 .input_count = s->count,
                                 .outputs = &out->output,
                                 .output_count = 1,
                                 .constants = none,
                                 .arena = p->arena,
                                 .phases = 1,
                                 .tasks = {1, 1, 1}};
    if (s->inner->prepare)
        GFT_TRY(s->inner->prepare(&out->prepare, err));
    size_t bytes =
        gft_size_align(out->prepare.scratch_bytes, GFT_ALIGN) + out->prepare.worker_scratch_bytes;
    s->inner_scratch = gft_size_max(s->inner_scratch, gft_size_align(bytes, GFT_ALIGN));
    return GRAFT_OK;
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    const gft_half_attrs *half = p->attrs;
    rows_half_state *s;
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    s->inner = half->inner;
    s->attrs = half->attrs;
    s->kernels = gft_half_kernels_of(half->dtype);
    s->f32_result = half->output == GRAFT_F32;
    s->count = p->input_count;
    for (int32_t i = 0; i < s->count; i++) {
        s->kinds[i] = kind_of(&p->inputs[i].shape, &p->outputs[0].shape);
        s->halves[i] = p->inputs[i].dtype == half->dtype;
        if (s->kinds[i] == OPERAND_NONE)
            return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: an operand that is broadcast in 16 bits",
                            p->node);
    }
    cut(s, &p->outputs[0].shape);
    GFT_TRY(plan_chunk(p, s, s->rows, &s->whole, err));
    int64_t rest = s->group_rows % s->rows;
    GFT_TRY(plan_chunk(p, s, rest > 0 ? rest : s->rows, &s->rest, err));
    s->operand_floats =
        (gft_size_align((size_t)(s->rows * s->cols) * sizeof(float), GFT_ALIGN)) / sizeof(float);
    p->worker_scratch_bytes =
        (size_t)(s->count + 1) * s->operand_floats * sizeof(float) + s->inner_scratch;
    p->tasks[0] = gft_grid_count(s->groups * s->chunks, TASK_CHUNKS);
    return GRAFT_OK;
}

/* Where operand i of a chunk lies in its tensor, and how many numbers it has. */
static int64_t operand_at(const rows_half_state *s, int32_t i, int64_t group, int64_t row,
                          int64_t rows, int64_t *count) {
    *count = s->cols;
    if (s->kinds[i] == OPERAND_FULL) {
        *count = rows * s->cols;
        return (group * s->group_rows + row) * s->cols;
    }
    if (s->kinds[i] == OPERAND_ONE)
        *count = 1;
    return s->kinds[i] == OPERAND_PICTURES ? group * s->cols : 0;
}

static void run_inner(const rows_half_state *s, const chunk_plan *plan, const gft_exec *exec,
                      const void *const *inputs, void *output, char *scratch) {
    gft_exec inner = *exec;
    inner.state = plan->prepare.state;
    inner.attrs = s->attrs;
    inner.inputs_desc = plan->inputs;
    inner.outputs_desc = &plan->output;
    inner.inputs = inputs;
    inner.outputs = (void *const[1]){output};
    inner.output_count = 1;
    inner.scratch = scratch;
    inner.worker_scratch = scratch + gft_size_align(plan->prepare.scratch_bytes, GFT_ALIGN);
    for (inner.phase = 0; inner.phase < plan->prepare.phases; inner.phase++)
        for (inner.task = 0; inner.task < plan->prepare.tasks[inner.phase]; inner.task++)
            s->inner->run(&inner);
}

static void run_chunk(const rows_half_state *s, const gft_exec *exec, int64_t chunk) {
    int64_t group = chunk / s->chunks;
    int64_t row = chunk % s->chunks * s->rows;
    int64_t rows = gft_i64_min(s->rows, s->group_rows - row);
    float *room = exec->worker_scratch;
    const void *inputs[GFT_HALF_MAX_INPUTS];
    for (int32_t i = 0; i < s->count; i++, room += s->operand_floats) {
        int64_t count;
        int64_t at = operand_at(s, i, group, row, rows, &count);
        inputs[i] = gft_half_at(exec->inputs[i], s->halves[i], at);
        if (s->halves[i]) {
            s->kernels.widen(inputs[i], room, count);
            inputs[i] = room;
        }
    }
    int64_t at = (group * s->group_rows + row) * s->cols;
    float *result = s->f32_result ? (float *)exec->outputs[0] + at : room;
    run_inner(s, rows == s->rows ? &s->whole : &s->rest, exec, inputs, result,
              (char *)(room + s->operand_floats));
    if (!s->f32_result)
        s->kernels.narrow(result, (uint16_t *)exec->outputs[0] + at, rows * s->cols);
}

static void run(const gft_exec *exec) {
    const rows_half_state *s = exec->state;
    gft_range r = gft_grid_range(s->groups * s->chunks, TASK_CHUNKS, exec->task);
    for (int64_t chunk = r.begin; chunk < r.end; chunk++)
        run_chunk(s, exec, chunk);
}

const gft_op gft_op_rows_half = {
    .name = "rows_half",
    .min_inputs = 1,
    .max_inputs = GFT_HALF_MAX_INPUTS,
    .outputs = 1,
    .attrs_bytes = sizeof(gft_half_attrs),
    .infer = gft_half_infer,
    .cost = gft_half_cost,
    .prepare = prepare,
    .run = run,
};
