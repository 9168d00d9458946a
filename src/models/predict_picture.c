/*
 * Pictures to labels: the model's own preprocessing rule, one run, the best scores. Scores are what
 * the signature's first rank-2 output gives: probabilities where the model ends in softmax (Graft's
 * own models and classification modules do), logits where it does not.
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/shape.h"
#include "models/session.h"

static graft_status find_scores(const graft_session *s, gft_classifier *out, graft_error *err) {
    for (int32_t i = 0; i < s->graph->output_count; i++) {
        const graft_tensor_desc *desc =
            &gft_graph_value(s->graph, s->graph->outputs[i].value)->desc;
        if (desc->dtype == GRAFT_F32 && desc->shape.rank == 2 && desc->shape.dims[1] > 0 &&
            desc->shape.dims[1] <= INT32_MAX) {
            out->output = i;
            out->classes = desc->shape.dims[1];
            return GRAFT_OK;
        }
    }
    return gft_fail(
        err, GRAFT_FAILED_PRECONDITION,
        "model '%s': no output of its signature is scores, expected float32 [?,classes]",
        graft_model_name(s->model));
}

graft_status gft_session_classifier(const graft_session *session, gft_classifier *out,
                                    graft_error *err) {
    const gft_graph *graph = session->graph;
    const graft_model *model = session->model;
    const char *name = graft_model_name(model);
    char text[GFT_DESC_TEXT_BYTES];
    if (graph->input_count != 1)
        return gft_fail(err, GRAFT_FAILED_PRECONDITION,
                        "model '%s': has %d inputs, expected one that takes pictures", name,
                        (int)graph->input_count);
    const graft_tensor_desc *in = &gft_graph_value(graph, graph->inputs[0].value)->desc;
    const int64_t *dims = in->shape.dims;
    if (in->dtype != GRAFT_F32 || in->shape.rank != 4 || dims[3] != 3)
        return gft_fail(err, GRAFT_FAILED_PRECONDITION,
                        "model '%s': takes %s, expected pictures, float32 [?,H,W,3]", name,
                        gft_desc_text(in, text));
    bool sized = dims[1] > 0 && dims[2] > 0 && dims[1] <= INT32_MAX && dims[2] <= INT32_MAX;
    if (!model->has_preprocess && !sized)
        return gft_fail(err, GRAFT_FAILED_PRECONDITION, "model '%s': says no size for its pictures",
                        name);
    if (model->has_preprocess)
        out->rule = model->preprocess;
    else
        out->rule = graft_preprocess_default((int32_t)dims[1], (int32_t)dims[2]);
    out->height = out->rule.height;
    out->width = out->rule.width;
    if ((dims[1] > 0 && dims[1] != out->height) || (dims[2] > 0 && dims[2] != out->width))
        return gft_fail(err, GRAFT_FAILED_PRECONDITION,
                        "model '%s': its rule gives pictures of %dx%d, its input is %s", name,
                        (int)out->height, (int)out->width, gft_desc_text(in, text));
    GFT_TRY(graft_preprocess_check(&out->rule, err));
    out->batch = dims[0] > 0 ? dims[0] : -1;
    GFT_TRY(find_scores(session, out, err));
    if (model->label_count > 0 && model->label_count != out->classes)
        return gft_fail(err, GRAFT_FAILED_PRECONDITION,
                        "model '%s': gives %lld scores for %d labels", name,
                        (long long)out->classes, (int)model->label_count);
    return GRAFT_OK;
}

/* Index as text, made once, where a model has no labels. */
static graft_status make_numbers(graft_session *s, int64_t classes, graft_error *err) {
    if (s->model->label_count > 0 || s->numbers)
        return GRAFT_OK;
    s->numbers = gft_calloc((size_t)classes, sizeof *s->numbers);
    if (!s->numbers)
        return gft_fail_memory(err, (unsigned long long)classes * sizeof *s->numbers, "labels");
    s->number_count = (int32_t)classes;
    for (int32_t i = 0; i < s->number_count; i++) {
        s->numbers[i] = gft_format("%d", (int)i);
        if (!s->numbers[i])
            return gft_fail_memory(err, 16, "a label");
    }
    return GRAFT_OK;
}

static const char *label_of(const graft_session *s, int32_t index) {
    const char *label = graft_model_label(s->model, index);
    if (!label && index < s->number_count)
        label = s->numbers[index];
    return label ? label : "";
}

/* Insertion into a short sorted list; of equal scores the lower index stands first. */
static int32_t best_scores(const float *scores, int64_t classes, int32_t top,
                           graft_prediction *out) {
    int32_t n = 0;
    for (int64_t i = 0; i < classes; i++) {
        int32_t at = n;
        while (at > 0 && scores[i] > out[at - 1].score)
            at--;
        if (at >= top)
            continue;
        n = n < top ? n + 1 : n;
        memmove(&out[at + 1], &out[at], (size_t)(n - 1 - at) * sizeof *out);
        out[at] = (graft_prediction){(int32_t)i, NULL, scores[i]};
    }
    return n;
}

static graft_status run_picture(graft_session *s, const gft_classifier *c, const float **scores,
                                const char *path, graft_error *err) {
    graft_status status;
    size_t count = (size_t)c->height * (size_t)c->width * 3;
    size_t copies = c->batch > 0 ? (size_t)c->batch : 1;
    size_t bytes = copies * count * sizeof *s->picture; /* the rule's sizes are checked */
    int32_t outputs = s->graph->output_count;
    graft_tensor *out = gft_calloc((size_t)outputs + 1, sizeof *out);
    float *picture = gft_realloc(s->picture, bytes);
    if (picture)
        s->picture = picture;
    if (!out || !picture) {
        status = gft_fail_memory(err, bytes, "a picture");
        goto done;
    }
    memset(picture, 0, bytes); /* a fixed batch above one: the rest is blank */
    GFT_GOTO(graft_preprocess_file(&c->rule, path, picture, err));
    graft_tensor in = {
        .name = s->graph->inputs[0].name,
        .desc = {GRAFT_F32, gft_shape_4((int64_t)copies, c->height, c->width, 3), NULL},
        .data = picture,
        .bytes = bytes};
    GFT_GOTO(graft_session_run(s, &in, 1, out, outputs, err));
    *scores = out[c->output].data;
    for (int64_t i = 0; i < c->classes; i++) {
        if (isnan((*scores)[i])) {
            status = gft_fail(err, GRAFT_FAILED_PRECONDITION,
                              "model '%s': score %lld of '%s' is not a number",
                              graft_model_name(s->model), (long long)i, path);
            goto done;
        }
    }
done:
    gft_free(out);
    return status;
}

graft_status graft_predict_file(graft_session *session, const char *path, int32_t top,
                                graft_prediction *out, int32_t *count, graft_error *err) {
    gft_classifier c;
    const float *scores = NULL;
    if (top < 1)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "the best %d predictions, expected 1 or more",
                        (int)top);
    GFT_TRY(gft_session_classifier(session, &c, err));
    GFT_TRY(make_numbers(session, c.classes, err));
    GFT_TRY(run_picture(session, &c, &scores, path, err));
    *count = best_scores(scores, c.classes, top, out);
    for (int32_t i = 0; i < *count; i++)
        out[i].label = label_of(session, out[i].index);
    return GRAFT_OK;
}
