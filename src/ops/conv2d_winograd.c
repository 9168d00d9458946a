/*
 * Runs the Winograd convolution block by block. What a block works on stays in L2: a panel of the
 * transformed filter and the sums of one block of columns; the transformed tiles too, or at least
 * in L3. See conv2d_winograd_choose.c for sizes.
 */
#include "ops/conv2d_winograd.h"

#include <math.h>

#include "base/size.h"

struct gft_winograd {
    gft_conv_geometry geo;
    gft_epilogue epilogue;
    gft_winograd_grid grid;
    const gft_winograd_f32_kernels *kernels;
    void (*input)(const gft_winograd_f32_input_args *args);
    void (*output)(const gft_winograd_f32_output_args *args);
    int64_t side, points, nr;
    int64_t tiles_h, tiles_w, tiles; /* rows and columns of a picture, tiles of the batch */
    int64_t max_tiles;               /* of a block */
    int64_t max_cols;                /* of a block of columns; a multiple of nr */
    int64_t panels;
    int64_t v_row, v_point; /* transformed tiles: floats from tile to tile, from point to point */
    int64_t s_point;        /* sums */
    size_t sums_at;         /* in the worker scratch, behind a task's transformed tiles */
    const float *filter;    /* transformed and packed; NULL: by the first phase, into the scratch */
    bool flip;
};

/* Of a block; its sums are transformed back while they are in L2. */
#define BLOCK_COLS 64

/* ---- preparation ---- */

static bool floats_of(int64_t count, int64_t points, int64_t *stride, size_t *bytes) {
    if (count > INT64_MAX / 4 / points)
        return false;
    /* odd multiples of a cache line: points must not fall onto the same lines of L1 */
    *stride = gft_i64_ceil_div(count, 32) * 32 + 16;
    return gft_size_mul((size_t)(*stride * points), sizeof(float), bytes);
}

/* Strides and scratch; the floats of the transformed filter go to *filter. */
static bool sizes_of(gft_winograd *w, gft_prepare *p, bool constant, size_t *filter) {
    int64_t v_count;
    int64_t s_count;
    size_t v;
    size_t s;
    size_t u;
    w->v_row = gft_i64_ceil_div(w->geo.c, 16) * 16;
    if (!gft_i64_mul(w->max_tiles, w->v_row, &v_count) ||
        !floats_of(v_count, w->points, &w->v_point, &v) ||
        !gft_i64_mul(w->max_tiles, w->max_cols, &s_count) ||
        !floats_of(s_count, w->points, &w->s_point, &s) ||
        !gft_size_mul((size_t)(w->panels * w->nr), (size_t)w->geo.c, filter) ||
        !gft_size_mul(*filter, (size_t)w->points, filter) ||
        !gft_size_mul(*filter, sizeof(float), &u) || u > SIZE_MAX / 2 || v > SIZE_MAX / 2)
        return false;
    p->scratch_bytes = constant ? 0 : u;
    w->sums_at = gft_size_align(v, 64);
    return gft_size_add(w->sums_at, s, &p->worker_scratch_bytes);
}

static void transform_filter(const gft_winograd *w, const float *filter, int64_t panel, float *u) {
    const gft_winograd_f32_filter_args args = {
        .filter = filter, .c = w->geo.c, .oc = w->geo.oc, .flip = w->flip, .panel = panel, .u = u};
    if (w->grid.m == 4)
        w->kernels->filter_4(&args);
    else
        w->kernels->filter_2(&args);
}

graft_status gft_winograd_prepare(const gft_winograd_setup *setup, gft_prepare *p,
                                  const gft_winograd **out, graft_error *err) {
    const gft_winograd_f32_kernels *kernels = gft_kernels()->winograd_f32;
    const gft_winograd_grid *grid = &setup->grid;
    const gft_conv_geometry *geo = &setup->geo;
    gft_winograd *w = gft_arena_alloc(p->arena, sizeof *w);
    if (!w)
        return gft_fail_memory(err, sizeof *w, p->node);
    *w = (gft_winograd){
        .geo = *geo,
        .epilogue = setup->epilogue,
        .grid = *grid,
        .kernels = kernels,
        .nr = kernels->product_nr,
        .input = grid->m == 4 ? kernels->input_4 : kernels->input_2,
        .output = grid->m == 4 ? kernels->output_4 : kernels->output_2,
        .side = grid->m + 2,
        .points = (grid->m + 2) * (grid->m + 2),
        .tiles_h = gft_i64_ceil_div(geo->oh, grid->m),
        .tiles_w = gft_i64_ceil_div(geo->ow, grid->m),
        .flip = setup->flip,
    };
    w->tiles = geo->n * w->tiles_h * w->tiles_w;
    w->panels = gft_gemm_panels(geo->oc, w->nr);
    w->max_tiles = gft_i64_ceil_div(w->tiles, grid->tile_tasks);
    const int64_t block = gft_i64_max(BLOCK_COLS / w->nr, 1);
    w->max_cols = gft_i64_min(gft_i64_ceil_div(w->panels, grid->col_tasks), block) * w->nr;
    size_t floats;
    if (!sizes_of(w, p, setup->filter, &floats))
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: the result is too large", p->node);
    if (setup->filter) {
        float *u = floats <= INT64_MAX ? gft_arena_floats(p->arena, (int64_t)floats) : NULL;
        if (!u)
            return gft_fail_memory(err, floats * sizeof(float), p->node);
        for (int64_t panel = 0; panel < w->panels; panel++)
            transform_filter(w, setup->filter, panel, u);
        w->filter = u;
    }
    p->phases = 0;
    if (!setup->filter)
        p->tasks[p->phases++] = w->panels;
    p->tasks[p->phases++] = grid->tile_tasks * grid->col_tasks;
    *out = w;
    return GRAFT_OK;
}

gft_winograd_setup gft_winograd_gradient(const gft_conv_geometry *geo, const float *filter) {
    gft_winograd_setup s = {.geo = *geo, .filter = filter, .flip = true};
    s.geo.h = geo->oh;
    s.geo.w = geo->ow;
    s.geo.c = geo->oc;
    s.geo.group_c = geo->group_oc;
    s.geo.oh = geo->h;
    s.geo.ow = geo->w;
    s.geo.oc = geo->c;
    s.geo.group_oc = geo->group_c;
    s.geo.pad_top = 2 - geo->pad_top; /* may be negative: dy begins further up */
    s.geo.pad_left = 2 - geo->pad_left;
    s.epilogue = (gft_epilogue){
        .bias = -1, .residual = -1, .input_scale = -1, .lo = -INFINITY, .hi = INFINITY};
    s.grid = gft_winograd_choose(&s.geo, filter);
    return s;
}

/* ---- running ---- */

typedef struct tile_at {
    int64_t picture, h, w; /* first result */
} tile_at;

static tile_at tile_place(const gft_winograd *w, int64_t tile) {
    int64_t line = tile / w->tiles_w;
    return (tile_at){line / w->tiles_h, line % w->tiles_h * w->grid.m,
                     tile % w->tiles_w * w->grid.m};
}

/* Transforms tiles first..end-1 to v, which is that of tile `first`. */
static void transform_tiles(const gft_winograd *w, const float *x, int64_t first, int64_t end,
                            float *v) {
    const gft_conv_geometry *geo = &w->geo;
    gft_winograd_f32_input_args args = {.x = x,
                                        .row_stride = geo->w * geo->c,
                                        .pixel_stride = geo->c,
                                        .channels = geo->c,
                                        .point_stride = w->v_point};
    for (int64_t tile = first; tile < end; tile++, v += w->v_row) {
        tile_at at = tile_place(w, tile);
        int64_t h = at.h - geo->pad_top;
        int64_t left = at.w - geo->pad_left;
        args.origin = ((at.picture * geo->h + h) * geo->w + left) * geo->c;
        args.h_first = gft_i64_max(-h, 0);
        args.h_end = gft_i64_min(geo->h - h, w->side);
        args.w_first = gft_i64_max(-left, 0);
        args.w_end = gft_i64_min(geo->w - left, w->side);
        args.v = v;
        w->input(&args);
    }
}

/* sums[point][tile][col] for `panels` panels from `panel` on. */
static void multiply(const gft_winograd *w, const float *filter, const float *v, int64_t tiles,
                     int64_t panel, int64_t panels, float *sums) {
    const int64_t matrix = w->panels * w->geo.c * w->nr;
    gft_winograd_f32_product_args args = {.rows = tiles,
                                          .panels = panels,
                                          .depth = w->geo.c,
                                          .v = v,
                                          .v_row = w->v_row,
                                          .u = filter + panel * w->geo.c * w->nr,
                                          .s = sums,
                                          .s_row = w->max_cols};
    for (int64_t point = 0; point < w->points; point++) {
        args.next = point + 1 < w->points ? args.u + matrix : NULL;
        w->kernels->product(&args);
        args.u += matrix;
        args.v += w->v_point;
        args.s += w->s_point;
    }
}

static void finish_tiles(const gft_winograd *w, const gft_exec *exec, const float *sums,
                         int64_t first, int64_t tiles, int64_t col, int64_t cols) {
    const gft_conv_geometry *geo = &w->geo;
    const float *bias = gft_exec_input(exec, w->epilogue.bias);
    const float *residual = gft_exec_input(exec, w->epilogue.residual);
    gft_winograd_f32_output_args args = {.point_stride = w->s_point,
                                         .channels = cols,
                                         .row_stride = geo->ow * geo->oc,
                                         .pixel_stride = geo->oc,
                                         .bias = bias ? bias + col : NULL,
                                         .lo = w->epilogue.lo,
                                         .hi = w->epilogue.hi};
    for (int64_t i = 0; i < tiles; i++) {
        tile_at at = tile_place(w, first + i);
        int64_t offset = ((at.picture * geo->oh + at.h) * geo->ow + at.w) * geo->oc + col;
        args.s = sums + i * w->max_cols;
        args.y = (float *)exec->outputs[0] + offset;
        args.residual = residual ? residual + offset : NULL;
        args.rows = gft_i64_min(geo->oh - at.h, w->grid.m);
        args.cols = gft_i64_min(geo->ow - at.w, w->grid.m);
        w->output(&args);
        for (int64_t row = 0; row < args.rows; row++)
            gft_epilogue_finish(&w->epilogue, args.y + row * args.row_stride, args.cols, cols,
                                geo->oc);
    }
}

static void run_block(const gft_winograd *w, const gft_exec *exec) {
    char *scratch = exec->worker_scratch;
    float *sums = (float *)(void *)(scratch + w->sums_at);
    int64_t block = exec->task / w->grid.col_tasks;
    int64_t slice = exec->task % w->grid.col_tasks;
    int64_t first = block * w->tiles / w->grid.tile_tasks;
    int64_t tiles = (block + 1) * w->tiles / w->grid.tile_tasks - first;
    int64_t panel = slice * w->panels / w->grid.col_tasks;
    int64_t panel_end = (slice + 1) * w->panels / w->grid.col_tasks;
    float *v = (float *)(void *)scratch;
    transform_tiles(w, exec->inputs[0], first, first + tiles, v);
    const float *filter = w->filter ? w->filter : exec->scratch;
    const int64_t step = w->max_cols / w->nr;
    for (; panel < panel_end; panel += step) {
        int64_t panels = gft_i64_min(step, panel_end - panel);
        int64_t col = panel * w->nr;
        multiply(w, filter, v, tiles, panel, panels, sums);
        finish_tiles(w, exec, sums, first, tiles, col,
                     gft_i64_min(panels * w->nr, w->geo.oc - col));
    }
}

void gft_winograd_run(const gft_winograd *w, const gft_exec *exec) {
    if (exec->phase == 0 && !w->filter)
        transform_filter(w, exec->inputs[1], exec->task, exec->scratch);
    else
        run_block(w, exec);
}
