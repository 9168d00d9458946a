/*
 * Two models on the same input. Both run with constants and batch norms folded, since converters
 * fold them, and nothing fused (sessions that tap), so that a layer means the same on both sides.
 */
#include "models/diff.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/shape.h"
#include "graft/diff.h"
#include "graph/rewrite.h"

#define DEFAULT_TOLERANCE 2e-5
#define UNKNOWN_SIZE 224 /* of a picture's side that the model leaves open */

/* One of the two models. */
typedef struct side {
    const graft_model *model;
    graft_session *session;
    graft_tensor *in;  /* by its own input names */
    graft_tensor *out; /* of the last run */
    int32_t in_count, out_count;
    gft_taps taps;
} side;

/* The graph as converters write it: constants, pads and batch norms folded, dropout gone. */
static graft_status tap_graph(graft_session *session, graft_error *err) {
    const gft_rewrite_options fold = {.fuse = true};
    GFT_TRY(gft_graph_clone(session->graph, &session->tapped, err));
    GFT_TRY(gft_rewrite_drop_identity(session->tapped, &fold, err));
    GFT_TRY(gft_graph_sweep(session->tapped, err));
    GFT_TRY(gft_rewrite_fold(session->tapped, &fold, err));
    return gft_graph_sweep(session->tapped, err);
}

static graft_status open_side(side *s, const graft_model *model, const char *signature,
                              int32_t threads, graft_error *err) {
    const int32_t index = graft_model_find_signature(model, signature);
    s->model = model;
    if (index < 0)
        return gft_fail(err, GRAFT_NOT_FOUND, "model '%s': no signature '%s'",
                        graft_model_name(model), signature ? signature : "serving_default");
    GFT_TRY(graft_session_new(model, index, threads, &s->session, err));
    GFT_TRY(tap_graph(s->session, err));
    s->in_count = s->session->graph->input_count;
    s->out_count = s->session->graph->output_count;
    s->in = gft_calloc((size_t)s->in_count + 1, sizeof *s->in);
    s->out = gft_calloc((size_t)s->out_count + 1, sizeof *s->out);
    return s->in && s->out ? GRAFT_OK : gft_fail_memory(err, sizeof *s->in, "tensors");
}

static void close_side(side *s) {
    gft_free(s->taps.items);
    gft_free(s->in);
    gft_free(s->out);
    graft_session_free(s->session);
}

/* ---- inputs ---- */

static void fill_random(graft_tensor *t, size_t elems, bool picture, uint64_t seed, int32_t i) {
    gft_rng rng = gft_rng_make(seed, GFT_RNG_TEST, (uint64_t)i);
    for (size_t k = 0; k < elems; k++) {
        if (t->desc.dtype == GRAFT_F32 && picture)
            ((float *)t->data)[k] = (float)gft_rng_below(&rng, 256);
        else if (t->desc.dtype == GRAFT_F32)
            ((float *)t->data)[k] = (float)gft_rng_normal(&rng);
        else if (t->desc.dtype == GRAFT_S32)
            ((int32_t *)t->data)[k] = (int32_t)gft_rng_below(&rng, 2);
        else if (t->desc.dtype == GRAFT_S64)
            ((int64_t *)t->data)[k] = (int64_t)gft_rng_below(&rng, 2);
        else if (t->desc.dtype == GRAFT_U8 || t->desc.dtype == GRAFT_S8)
            ((uint8_t *)t->data)[k] = (uint8_t)gft_rng_below(&rng, 256);
        else
            return; /* zeros */
    }
}

/* Random values for every input of A, in an arena. */
static graft_status random_inputs(side *a, uint64_t seed, gft_arena *arena, graft_error *err) {
    const gft_graph *g = a->session->graph;
    for (int32_t i = 0; i < a->in_count; i++) {
        graft_tensor *t = &a->in[i];
        *t = (graft_tensor){.name = g->inputs[i].name,
                            .desc = gft_graph_value(g, g->inputs[i].value)->desc};
        graft_shape *shape = &t->desc.shape;
        const bool picture =
            a->model->has_preprocess && shape->rank == 4 && shape->dims[3] == 3 && i == 0;
        for (int32_t d = 0; d < shape->rank; d++) {
            if (shape->dims[d] < 0)
                shape->dims[d] = d == 0 ? 1 : UNKNOWN_SIZE;
        }
        if (!gft_desc_bytes(&t->desc, &t->bytes) || t->desc.dtype == GRAFT_STRING)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "input '%s': no random values for it; give arrays", t->name);
        t->data = gft_arena_alloc(arena, t->bytes + 1);
        if (!t->data)
            return gft_fail_memory(err, t->bytes, "an input");
        fill_random(t, t->bytes / graft_dtype_bytes(t->desc.dtype), picture, seed, i);
    }
    return GRAFT_OK;
}

static graft_status picture_input(side *a, const char *path, gft_arena *arena, graft_error *err) {
    gft_classifier c;
    GFT_TRY(gft_session_classifier(a->session, &c, err));
    const int64_t batch = c.batch > 0 ? c.batch : 1;
    graft_tensor *t = &a->in[0];
    *t = (graft_tensor){.name = a->session->graph->inputs[0].name,
                        .desc = {GRAFT_F32, gft_shape_4(batch, c.height, c.width, 3), NULL}};
    if (!gft_desc_bytes(&t->desc, &t->bytes))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "pictures of %dx%d are too large",
                        (int)c.width, (int)c.height);
    t->data = gft_arena_alloc(arena, t->bytes);
    if (!t->data)
        return gft_fail_memory(err, t->bytes, "a picture");
    return graft_preprocess_file(&c.rule, path, t->data, err);
}

/* B's inputs: by name, else in A's place. */
static graft_status share_inputs(const side *a, int32_t given, side *b, graft_error *err) {
    if (given != b->in_count)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%d inputs for model '%s', which takes %d",
                        (int)given, graft_model_name(b->model), (int)b->in_count);
    for (int32_t i = 0; i < b->in_count; i++) {
        const char *name = b->session->graph->inputs[i].name;
        int32_t from = i;
        for (int32_t k = 0; k < given; k++) {
            if (a->in[k].name && strcmp(a->in[k].name, name) == 0)
                from = k;
        }
        b->in[i] = a->in[from];
        b->in[i].name = name;
    }
    return GRAFT_OK;
}

static graft_status make_inputs(side *a, side *b, const graft_diff_options *o,
                                const graft_tensor *inputs, int32_t count, gft_arena *arena,
                                graft_error *err) {
    if (count > 0 && count != a->in_count)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%d inputs for model '%s', which takes %d",
                        (int)count, graft_model_name(a->model), (int)a->in_count);
    if (count > 0)
        memcpy(a->in, inputs, (size_t)count * sizeof *inputs);
    else if (o->picture)
        GFT_TRY(picture_input(a, o->picture, arena, err));
    else
        GFT_TRY(random_inputs(a, o->seed, arena, err));
    return share_inputs(a, a->in_count, b, err);
}

/* ---- comparing ---- */

static void compare(const float *x, const float *y, size_t n, double tolerance,
                    graft_diff_row *row) {
    double low = INFINITY;
    double high = -INFINITY;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        /* equal infinities agree; a NaN agrees with a NaN */
        const bool same = x[i] == y[i] || (isnan(x[i]) && isnan(y[i]));
        double d = same ? 0 : fabs((double)x[i] - (double)y[i]);
        if (isnan(d))
            d = INFINITY;
        row->max_error = d > row->max_error ? d : row->max_error;
        sum += d;
        if (isfinite(x[i])) {
            low = x[i] < low ? x[i] : low;
            high = x[i] > high ? x[i] : high;
        }
    }
    row->mean_error = n ? sum / (double)n : 0;
    row->range = high > low ? high - low : 0;
    row->differs = row->max_error > tolerance * row->range;
}

static size_t elems_of(const graft_tensor_desc *desc) {
    size_t bytes = 0;
    return gft_desc_bytes(desc, &bytes) ? bytes / gft_dtype_cell_bytes(desc->dtype) : 0;
}

static void add_row(graft_diff *diff, graft_diff_row row, const void *x, const void *y,
                    size_t elems, double tolerance) {
    compare(x, y, elems, tolerance, &row);
    if (row.differs && diff->first < 0)
        diff->first = diff->count;
    diff->rows[diff->count++] = row;
}

/* B's output for A's output i: of the same name, else in its place. */
static const graft_tensor *output_partner(const side *a, int32_t i, const side *b) {
    for (int32_t k = 0; k < b->out_count; k++) {
        if (strcmp(a->out[i].name, b->out[k].name) == 0)
            return &b->out[k];
    }
    return a->out_count == b->out_count ? &b->out[i] : NULL;
}

/* Of other types than float32: bit for bit; strings by their text. */
static bool same_values(const graft_tensor *x, const graft_tensor *y) {
    if (x->desc.dtype != GRAFT_STRING)
        return x->bytes == 0 || memcmp(x->data, y->data, x->bytes) == 0;
    const graft_string_view *a = x->data;
    const graft_string_view *b = y->data;
    for (size_t i = 0; i < x->bytes / sizeof *a; i++) {
        if (a[i].bytes != b[i].bytes ||
            (a[i].bytes && memcmp(a[i].data, b[i].data, a[i].bytes) != 0))
            return false;
    }
    return true;
}

static graft_status compare_outputs(const side *a, const side *b, double tolerance,
                                    graft_diff *diff, graft_error *err) {
    char text_a[GFT_DESC_TEXT_BYTES];
    char text_b[GFT_DESC_TEXT_BYTES];
    for (int32_t i = 0; i < a->out_count; i++) {
        const graft_tensor *x = &a->out[i];
        const graft_tensor *y = output_partner(a, i, b);
        if (!y)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "model '%s' has no output '%s', and %d outputs, not %d",
                            graft_model_name(b->model), x->name, (int)b->out_count,
                            (int)a->out_count);
        if (x->desc.dtype != y->desc.dtype || !gft_shape_equal(&x->desc.shape, &y->desc.shape))
            return gft_fail(err, GRAFT_INVALID_ARGUMENT, "output '%s': %s, in the other model %s",
                            x->name, gft_desc_text(&x->desc, text_a),
                            gft_desc_text(&y->desc, text_b));
        graft_diff_row row = {.name_a = x->name,
                              .name_b = y->name,
                              .op = "output",
                              .is_output = true,
                              .shape = x->desc.shape};
        if (x->desc.dtype == GRAFT_F32) {
            add_row(diff, row, x->data, y->data, elems_of(&x->desc), tolerance);
            continue;
        }
        row.differs = !same_values(x, y);
        row.max_error = row.mean_error = row.differs ? INFINITY : 0;
        if (row.differs && diff->first < 0)
            diff->first = diff->count;
        diff->rows[diff->count++] = row;
    }
    return GRAFT_OK;
}

static graft_status compare_sides(side *a, side *b, const graft_diff_options *o, graft_diff *diff,
                                  graft_error *err) {
    const double tolerance = o->tolerance > 0 ? o->tolerance : DEFAULT_TOLERANCE;
    GFT_TRY(gft_taps_list(a->session, o->per_op, &a->taps, err));
    GFT_TRY(gft_taps_list(b->session, o->per_op, &b->taps, err));
    gft_taps_match(&a->taps, &b->taps);
    const size_t rows = (size_t)a->taps.count + (size_t)a->out_count + 1;
    diff->rows = gft_calloc(rows, sizeof *diff->rows);
    if (!diff->rows)
        return gft_fail_memory(err, rows * sizeof *diff->rows, "a comparison");
    for (int32_t i = 0; i < b->taps.count; i++)
        diff->only_b += b->taps.items[i].shown && b->taps.items[i].partner < 0;
    for (int32_t i = 0; i < a->taps.count; i++) {
        const gft_tap *x = &a->taps.items[i];
        if (x->partner < 0) {
            diff->only_a += x->shown;
            continue;
        }
        const gft_tap *y = &b->taps.items[x->partner];
        const graft_diff_row row = {
            .name_a = x->name, .name_b = y->name, .op = x->op, .shape = x->desc->shape};
        add_row(diff, row, x->data, y->data, elems_of(x->desc), tolerance);
    }
    return compare_outputs(a, b, tolerance, diff, err);
}

/* Names of layers belong to the sessions' graphs, which end with the comparison. */
static graft_status keep_names(graft_diff *diff, graft_error *err) {
    size_t bytes = 1;
    for (int32_t i = 0; i < diff->count; i++)
        bytes += strlen(diff->rows[i].name_a) + strlen(diff->rows[i].name_b) + 2;
    char *text = gft_malloc(bytes);
    if (!text)
        return gft_fail_memory(err, bytes, "names");
    diff->text = text;
    for (int32_t i = 0; i < 2 * diff->count; i++) {
        graft_diff_row *row = &diff->rows[i / 2];
        const char **name = i % 2 ? &row->name_b : &row->name_a;
        const size_t length = strlen(*name) + 1;
        *name = memcpy(text, *name, length);
        text += length;
    }
    return GRAFT_OK;
}

graft_status graft_model_diff(const graft_model *a, const graft_model *b,
                              const graft_diff_options *options, const graft_tensor *inputs,
                              int32_t input_count, graft_diff *out, graft_error *err) {
    static const graft_diff_options DEFAULTS = {0};
    const graft_diff_options *o = options ? options : &DEFAULTS;
    graft_status status;
    side one = {0};
    side two = {0};
    graft_diff diff = {.first = -1};
    gft_arena arena;
    gft_arena_init(&arena);
    GFT_GOTO(open_side(&one, a, o->signature_a, o->threads, err));
    GFT_GOTO(open_side(&two, b, o->signature_b, o->threads, err));
    GFT_GOTO(make_inputs(&one, &two, o, inputs, input_count, &arena, err));
    GFT_GOTO(graft_session_run(one.session, one.in, one.in_count, one.out, one.out_count, err));
    GFT_GOTO(graft_session_run(two.session, two.in, two.in_count, two.out, two.out_count, err));
    GFT_GOTO(compare_sides(&one, &two, o, &diff, err));
    GFT_GOTO(keep_names(&diff, err));
    *out = diff;
    diff.rows = NULL;
done:
    gft_free(diff.rows);
    close_side(&one);
    close_side(&two);
    gft_arena_deinit(&arena);
    return status;
}

void graft_diff_deinit(graft_diff *diff) {
    gft_free(diff->rows);
    gft_free(diff->text);
    *diff = (graft_diff){.first = -1};
}
