/*
 * conv2d_grad_filter: x, dy -> dfilter, dfilter[tap][c][oc] = sum over output pixels of x[pixel,
 * tap][c] * dy[pixel][oc].
 *
 * A GEMM with A transposed: rows are channels of a tap, columns are filters, the reduction runs
 * over output pixels in blocks; of each block dy is packed into panels (worker scratch) and x is
 * met through the same pointers as in the forward pass. A small filter is cut by pixels: each part
 * has partial sums of its own, joined in order in a second phase. A large one is cut by columns and
 * rows, straight into the output.
 */
#include "base/size.h"
#include "ops/conv_grad_common.h"
#include "ops/conv_indirect.h"
#include "ops/gemm_grid.h"
#include "ops/ops.h"

#define PIXEL_BLOCK 128
#define TASK_MACS 262144.0
#define WANTED_TASKS 16.0
#define SMALL_FILTER 65536 /* floats: 16 copies are 4 MB */

typedef struct grad_filter_state {
    gft_conv_geometry geo;
    gft_conv_taps taps;
    const gft_gemm_f32_kernels *kernels;
    int64_t pixels, rows, panels; /* rows: taps * depth */
    int64_t parts, row_tasks, col_tasks;
    const float *zeros;
    size_t edge_at, panels_at; /* worker scratch behind the pointers */
} grad_filter_state;

static graft_status infer(const gft_infer *in, graft_error *err) {
    const gft_conv2d_grad_attrs *attrs = in->attrs;
    gft_conv_geometry geo;
    GFT_TRY(gft_conv_grad_filter_geometry(in->node, attrs, &in->inputs[0], &in->inputs[1], false,
                                          &geo, err));
    in->outputs[0] = gft_desc_f32(attrs->shape);
    return GRAFT_OK;
}

static void cost(const gft_infer *in, gft_cost *out) {
    gft_conv_geometry geo;
    if (gft_conv_grad_filter_geometry(in->node, in->attrs, &in->inputs[0], &in->inputs[1], false,
                                      &geo, NULL) == GRAFT_OK)
        out->macs = gft_conv_geometry_macs(&geo);
}

static void cut(grad_filter_state *s) {
    const gft_conv_geometry *g = &s->geo;
    double macs = (double)s->pixels * (double)s->rows * (double)g->group_oc;
    double most = macs / TASK_MACS < WANTED_TASKS ? macs / TASK_MACS : WANTED_TASKS;
    int64_t wanted = gft_i64_ceil_div(gft_at_least_one((int64_t)most), gft_at_least_one(g->groups));
    s->parts = s->row_tasks = s->col_tasks = 1;
    if (s->rows * g->oc <= SMALL_FILTER) {
        s->parts = gft_at_least_one(gft_i64_min(wanted, s->pixels / PIXEL_BLOCK));
        return;
    }
    s->col_tasks = gft_at_least_one(gft_i64_min(wanted, s->panels));
    s->row_tasks =
        gft_at_least_one(gft_i64_min(gft_i64_ceil_div(wanted, s->col_tasks), s->rows / 48));
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    grad_filter_state *s = gft_arena_alloc(p->arena, sizeof *s);
    if (!s)
        return gft_fail_memory(err, sizeof *s, p->node);
    GFT_TRY(gft_conv_grad_filter_geometry(p->node, p->attrs, &p->inputs[0], &p->inputs[1], false,
                                          &s->geo, err));
    const gft_conv_geometry *g = &s->geo;
    s->kernels = gft_kernels()->gemm_f32;
    s->taps = gft_conv_taps_of(g);
    s->pixels = g->n * g->oh * g->ow;
    s->rows = s->taps.taps * s->taps.depth;
    s->panels = gft_gemm_panels(g->group_oc, s->kernels->nr);
    cut(s);
    s->zeros = gft_arena_floats(p->arena, s->taps.depth);
    if (!s->zeros)
        return gft_fail_memory(err, (size_t)s->taps.depth * sizeof(float), p->node);
    int64_t block = gft_i64_min(PIXEL_BLOCK, s->pixels);
    s->edge_at = gft_size_align((size_t)(s->taps.taps * block) * sizeof(float *), 64);
    s->panels_at = gft_size_align(
        s->edge_at + (size_t)gft_conv_edge_floats(&s->taps, block) * sizeof(float), 64);
    int64_t panels = gft_i64_ceil_div(s->panels, s->col_tasks);
    p->worker_scratch_bytes =
        s->panels_at + (size_t)(panels * s->kernels->nr * block) * sizeof(float);
    p->state = s;
    p->tasks[0] = gft_at_least_one(g->groups * s->parts * s->row_tasks * s->col_tasks);
    if (s->parts > 1) {
        int64_t elems = s->rows * g->oc;
        p->scratch_bytes = (size_t)(s->parts * elems) * sizeof(float);
        p->tasks[1] = gft_i64_ceil_div(elems, GFT_GRAD_SLICE);
        p->phases = 2;
    }
    return GRAFT_OK;
}

/* Rows row..row_end of the gradient, from the `count` pixels whose pointers are in `a`. */
static void add_rows(const grad_filter_state *s, gft_gemm_tn_f32_args *args, const float *const *a,
                     int64_t count, float *to, int64_t row, int64_t row_end) {
    int64_t depth = s->taps.depth;
    while (row < row_end) {
        int64_t tap = row / depth;
        args->a = a + tap * count;
        args->a_offset = row % depth;
        args->rows = gft_i64_min(row_end, (tap + 1) * depth) - row;
        args->c = to + row * s->geo.oc;
        s->kernels->run_tn(args);
        row += args->rows;
    }
}

static void run_part(const grad_filter_state *s, const gft_exec *exec) {
    const gft_conv_geometry *g = &s->geo;
    int64_t left = exec->task;
    int64_t c = left % s->col_tasks;
    int64_t r = (left /= s->col_tasks) % s->row_tasks;
    int64_t part = (left /= s->row_tasks) % s->parts;
    int64_t group = left / s->parts;
    if (group >= g->groups)
        return;
    int64_t nr = s->kernels->nr;
    int64_t panel = c * s->panels / s->col_tasks;
    int64_t panels = (c + 1) * s->panels / s->col_tasks - panel;
    int64_t col = panel * nr;
    char *scratch = exec->worker_scratch;
    const float **a = (const float **)(void *)scratch;
    float *packed = (float *)(void *)(scratch + s->panels_at);
    float *to = s->parts > 1 ? (float *)exec->scratch + part * s->rows * g->oc : exec->outputs[0];
    const float *dy = (const float *)exec->inputs[1] + group * g->group_oc;
    gft_gemm_tn_f32_args args = {
        .cols = gft_i64_min(panels * nr, g->group_oc - col), .b = packed, .c_stride = g->oc};
    int64_t pixel = part * s->pixels / s->parts;
    int64_t end = (part + 1) * s->pixels / s->parts;
    do { /* once even without pixels: the sum is then zero */
        args.depth = gft_i64_min(PIXEL_BLOCK, end - pixel);
        args.b_panel_stride = args.depth * nr;
        if (args.depth > 0) {
            gft_conv_indirect(g, &s->taps, exec->inputs[0], group, pixel, args.depth, s->zeros,
                              (float *)(void *)(scratch + s->edge_at), a);
            gft_gemm_pack_f32(dy + pixel * g->oc, args.depth, g->group_oc, g->oc, 1, nr, panel,
                              panels, packed);
        }
        add_rows(s, &args, a, args.depth, to + group * g->group_oc + col,
                 r * s->rows / s->row_tasks, (r + 1) * s->rows / s->row_tasks);
        args.accumulate = true;
        pixel += PIXEL_BLOCK;
    } while (pixel < end);
}

static void run(const gft_exec *exec) {
    const grad_filter_state *s = exec->state;
    if (exec->phase == 0)
        run_part(s, exec);
    else
        gft_conv_grad_join(exec->scratch, s->parts, s->rows * s->geo.oc, exec->task,
                           exec->outputs[0]);
}

const gft_op gft_op_conv2d_grad_filter = {
    .name = "conv2d_grad_filter",
    .min_inputs = 2,
    .max_inputs = 2,
    .outputs = 1,
    .attrs_bytes = sizeof(gft_conv2d_grad_attrs),
    .infer = infer,
    .cost = cost,
    .prepare = prepare,
    .run = run,
};
