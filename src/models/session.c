/*
 * Sessions: tensors matched to a signature's inputs by name, checked, and run with the plan of
 * their shapes. The plans of the last few combinations of shapes are kept (least recently used goes
 * first).
 */
#include "models/session.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/shape.h"
#include "ops/precision.h"

static void drop_plan(gft_session_plan *p) {
    gft_run_free(p->run);
    gft_plan_unref(p->plan);
    gft_free(p->shapes);
    *p = (gft_session_plan){0};
}

graft_status graft_session_new(const graft_model *model, int32_t signature, int32_t threads,
                               graft_session **out, graft_error *err) {
    const char *problem = graft_model_signature_problem(model, signature);
    if (signature < 0 || signature >= model->signature_count)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "model '%s': signature %d of %d",
                        graft_model_name(model), (int)signature, (int)model->signature_count);
    if (problem)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "model '%s': signature '%s' cannot be run: %s",
                        graft_model_name(model), model->signatures[signature].name, problem);
    if (threads < 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%d threads, expected 0 (all cores) or more",
                        (int)threads);
    GFT_TRY(gft_model_check_weights(model, GFT_MODEL_CHECKED_BYTES, err));
    graft_session *s = gft_calloc(1, sizeof *s);
    if (!s)
        return gft_fail_memory(err, sizeof *s, "a session");
    s->model = model;
    s->signature = signature;
    s->graph = model->signatures[signature].graph;
    size_t inputs = (size_t)s->graph->input_count + 1;
    s->data = gft_calloc(inputs, sizeof *s->data);
    s->shapes = gft_calloc(inputs, sizeof *s->shapes);
    graft_status status = s->data && s->shapes
                              ? GRAFT_OK
                              : gft_fail_memory(err, inputs * sizeof *s->shapes, "a session");
    if (status == GRAFT_OK && threads != 1)
        status = gft_pool_new(threads, &s->pool, err);
    if (status == GRAFT_OK)
        *out = s;
    else
        graft_session_free(s);
    return status;
}

void graft_session_free(graft_session *session) {
    if (!session)
        return;
    for (int32_t i = 0; i < GFT_SESSION_PLANS; i++)
        drop_plan(&session->plans[i]);
    for (int32_t i = 0; i < session->number_count; i++)
        gft_free(session->numbers[i]);
    gft_free(session->numbers);
    gft_free(session->picture);
    gft_free(session->fed);
    gft_free(session->scores);
    gft_free(session->rows);
    gft_free(session->data);
    gft_free(session->shapes);
    gft_pool_free(session->pool);
    gft_graph_free(session->tapped);
    gft_free(session);
}

graft_status graft_session_set_precision(graft_session *session, graft_dtype precision,
                                         graft_error *err) {
    if (precision != GRAFT_F32 && precision != GRAFT_BF16 && precision != GRAFT_F16)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "precision: %s, expected float32, bfloat16 or float16",
                        graft_dtype_name(precision));
    for (int32_t i = 0; i < GFT_SESSION_PLANS; i++)
        drop_plan(&session->plans[i]);
    session->last = NULL;
    session->precision = precision;
    return GRAFT_OK;
}

/* ---- inputs ---- */

static const char *signature_name(const graft_session *s) {
    return s->model->signatures[s->signature].name;
}

/* "'a' (float32 [?,4]), 'b' (...)", cut off where it gets long. */
static const char *list_inputs(const graft_session *s, char *out, size_t size) {
    size_t at = 0;
    out[0] = '\0';
    for (int32_t i = 0; i < s->graph->input_count && at + 1 < size; i++) {
        char text[GFT_DESC_TEXT_BYTES];
        const gft_binding *b = &s->graph->inputs[i];
        int n = snprintf(out + at, size - at, "%s'%s' %s", i ? ", " : "", b->name,
                         gft_desc_text(&gft_graph_value(s->graph, b->value)->desc, text));
        at += n > 0 ? (size_t)n : 0;
    }
    return out;
}

static const graft_tensor *find_tensor(const graft_session *s, int32_t i, const graft_tensor *given,
                                       int32_t count) {
    const char *name = s->graph->inputs[i].name;
    for (int32_t k = 0; k < count; k++) {
        if (given[k].name && strcmp(given[k].name, name) == 0)
            return &given[k];
    }
    return s->graph->input_count == 1 && count == 1 ? &given[0] : NULL;
}

static graft_status check_tensor(const graft_session *s, int32_t i, const graft_tensor *t,
                                 graft_error *err) {
    char got[GFT_DESC_TEXT_BYTES];
    char wanted[GFT_DESC_TEXT_BYTES];
    size_t bytes = 0;
    const gft_binding *b = &s->graph->inputs[i];
    const graft_tensor_desc *desc = &gft_graph_value(s->graph, b->value)->desc;
    if (t->desc.dtype != desc->dtype || !gft_shape_matches(&desc->shape, &t->desc.shape))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "input '%s': got %s, expected %s", b->name,
                        gft_desc_text(&t->desc, got), gft_desc_text(desc, wanted));
    if (!gft_desc_bytes(&t->desc, &bytes))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "input '%s': %s has no definite size", b->name,
                        gft_desc_text(&t->desc, got));
    if (t->bytes != bytes || (bytes && !t->data))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "input '%s': %zu bytes for %s, expected %zu",
                        b->name, t->data ? t->bytes : 0, gft_desc_text(&t->desc, got), bytes);
    return GRAFT_OK;
}

/* An input whose rank the signature leaves open chooses among its graphs. */
static void choose_graph(graft_session *s, const graft_tensor *given, int32_t count) {
    const gft_signature *signature = &s->model->signatures[s->signature];
    for (int32_t i = 0; i < s->graph->input_count && signature->free_input && !s->tapped; i++) {
        const graft_tensor *t = find_tensor(s, i, given, count);
        if (t && strcmp(s->graph->inputs[i].name, signature->free_input) == 0)
            s->graph = gft_signature_graph(signature, t->desc.shape.rank);
    }
}

static graft_status bind_inputs(graft_session *s, const graft_tensor *given, int32_t count,
                                graft_error *err) {
    char list[256];
    for (int32_t i = 0; i < s->graph->input_count; i++) {
        const graft_tensor *t = find_tensor(s, i, given, count);
        if (!t)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "signature '%s': input '%s' is missing, expected %s", signature_name(s),
                            s->graph->inputs[i].name, list_inputs(s, list, sizeof list));
        GFT_TRY(check_tensor(s, i, t, err));
        s->data[i] = t->data ? t->data : "";
        s->shapes[i] = t->desc.shape;
    }
    for (int32_t k = 0; k < count; k++) {
        bool used = false;
        for (int32_t i = 0; i < s->graph->input_count; i++)
            used = used || find_tensor(s, i, given, count) == &given[k];
        if (!used)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "signature '%s': no input '%s' (or it is given twice), expected %s",
                            signature_name(s), given[k].name ? given[k].name : "",
                            list_inputs(s, list, sizeof list));
    }
    return GRAFT_OK;
}

/* ---- plans ---- */

static bool same_shapes(const graft_session *s, const gft_session_plan *p) {
    for (int32_t i = 0; i < s->graph->input_count; i++) {
        if (!gft_shape_equal(&p->shapes[i], &s->shapes[i]))
            return false;
    }
    return true;
}

static graft_status make_plan(graft_session *s, gft_session_plan *p, graft_error *err) {
    const gft_plan_options options = {.keep_all = s->tapped,
                                      .no_rewrite = s->tapped,
                                      .pool = s->pool,
                                      .precision = s->precision,
                                      .half_ops = gft_ops_precision()};
    const gft_graph *graph = s->tapped ? s->tapped : s->graph;
    size_t bytes = ((size_t)s->graph->input_count + 1) * sizeof *p->shapes;
    p->shapes = gft_malloc(bytes);
    if (!p->shapes)
        return gft_fail_memory(err, bytes, "shapes");
    memcpy(p->shapes, s->shapes, bytes);
    GFT_TRY(gft_plan_new(graph, s->shapes, &options, &p->plan, err));
    GFT_TRY(gft_run_new(p->plan, s->pool, &p->run, err));
    if (s->profile)
        gft_run_profile(p->run, true);
    return GRAFT_OK;
}

/* The plan of the shapes at hand: from the cache, or in the place of the one unused longest. */
static graft_status get_plan(graft_session *s, gft_session_plan **out, graft_error *err) {
    gft_session_plan *oldest = &s->plans[0];
    for (int32_t i = 0; i < GFT_SESSION_PLANS; i++) {
        gft_session_plan *p = &s->plans[i];
        if (p->plan && same_shapes(s, p)) {
            *out = p;
            return GRAFT_OK;
        }
        if (p->used < oldest->used)
            oldest = p;
    }
    if (s->last == oldest)
        s->last = NULL;
    drop_plan(oldest);
    graft_status status = make_plan(s, oldest, err);
    if (status != GRAFT_OK) {
        drop_plan(oldest);
        return status;
    }
    *out = oldest;
    return GRAFT_OK;
}

graft_status graft_session_run(graft_session *session, const graft_tensor *inputs,
                               int32_t input_count, graft_tensor *outputs, int32_t output_count,
                               graft_error *err) {
    gft_session_plan *p = NULL;
    if (output_count != session->graph->output_count)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "signature '%s': room for %d outputs, it has %d", signature_name(session),
                        (int)output_count, (int)session->graph->output_count);
    choose_graph(session, inputs, input_count);
    GFT_TRY(bind_inputs(session, inputs, input_count, err));
    GFT_TRY(get_plan(session, &p, err));
    p->used = ++session->tick;
    session->last = p;
    GFT_TRY(gft_run_execute(p->run, session->data, NULL, err));
    for (int32_t i = 0; i < output_count; i++) {
        const graft_tensor_desc *desc = gft_plan_output_desc(p->plan, i);
        size_t bytes = 0;
        if (!gft_desc_bytes(desc, &bytes))
            return gft_fail(err, GRAFT_INTERNAL, "output '%s': its size is not known",
                            session->graph->outputs[i].name);
        outputs[i] = (graft_tensor){
            .name = session->graph->outputs[i].name,
            .desc = *desc,
            /* the tensor's data is not const so that callers can use one type for both ways */
            .data = (void *)(uintptr_t)gft_run_output(p->run, i),
            .bytes = bytes};
    }
    return GRAFT_OK;
}

/* ---- looking ---- */

void graft_session_memory(const graft_session *session, size_t *arena_bytes, size_t *packed_bytes) {
    const gft_plan *plan = session->last ? session->last->plan : NULL;
    if (arena_bytes)
        *arena_bytes = plan ? gft_plan_arena_bytes(plan) : 0;
    if (packed_bytes)
        *packed_bytes = plan ? gft_plan_packed_bytes(plan) : 0;
}

void graft_session_profile(graft_session *session, bool on) {
    session->profile = on;
    for (int32_t i = 0; i < GFT_SESSION_PLANS; i++) {
        if (session->plans[i].run)
            gft_run_profile(session->plans[i].run, on);
    }
}

int32_t graft_session_profile_rows(graft_session *session, const graft_profile_row **rows) {
    const gft_session_plan *p = session->last;
    const uint64_t *ns = p ? gft_run_step_ns(p->run) : NULL;
    if (!ns)
        return 0;
    int32_t count = gft_plan_step_count(p->plan);
    graft_profile_row *list =
        gft_realloc(session->rows, ((size_t)count + 1) * sizeof *session->rows);
    if (!list)
        return 0;
    session->rows = list;
    for (int32_t i = 0; i < count; i++)
        list[i] = (graft_profile_row){gft_plan_step_name(p->plan, i), gft_plan_step_op(p->plan, i),
                                      ns[i], gft_plan_step_cost(p->plan, i).macs};
    *rows = list;
    return count;
}
