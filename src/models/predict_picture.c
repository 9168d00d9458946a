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
#include "ops/ops.h"

/* The scale that the integers of an input or output have: constants of the one node beside them. */
static bool read_scale(const graft_session *s, const gft_node *node, gft_classifier_end *end) {
    const gft_graph *g = s->graph;
    if (!node || node->input_count != 3)
        return false;
    const float *scale = gft_graph_value_data(g, node->inputs[1]);
    const int32_t *zero = gft_graph_value_data(g, node->inputs[2]);
    if (!scale || !zero || gft_shape_elems(&g->values[node->inputs[1]].desc.shape) != 1 ||
        !(*scale > 0.0f))
        return false;
    end->scale = *scale;
    end->zero_point = *zero;
    return true;
}

static bool is_byte(graft_dtype dtype) {
    return dtype == GRAFT_U8 || dtype == GRAFT_S8;
}

/* Whether an output of this type can be scores: floats, or integers that a quantize makes. */
static bool gives_scores(const graft_session *s, gft_value_id id, gft_classifier_end *end) {
    const gft_value *value = gft_graph_value(s->graph, id);
    *end = (gft_classifier_end){.dtype = value->desc.dtype};
    if (value->desc.dtype == GRAFT_F32)
        return true;
    if (!is_byte(value->desc.dtype) || value->kind != GFT_VALUE_NODE)
        return false;
    const gft_node *node = gft_graph_node(s->graph, value->node);
    return node->op == &gft_op_quantize && read_scale(s, node, end);
}

/* Whether an input can be pictures: floats, or integers that a dequantize takes. */
static bool takes_pictures(const graft_session *s, gft_value_id id, gft_classifier_end *end) {
    const gft_graph *g = s->graph;
    *end = (gft_classifier_end){.dtype = g->values[id].desc.dtype};
    if (end->dtype == GRAFT_F32)
        return true;
    for (int32_t i = 0; is_byte(end->dtype) && i < g->node_count; i++) {
        const gft_node *node = &g->nodes[i];
        if (node->op == &gft_op_dequantize && node->inputs[0] == id)
            return read_scale(s, node, end);
    }
    return false;
}

static graft_status find_scores(const graft_session *s, gft_classifier *out, graft_error *err) {
    for (int32_t i = 0; i < s->graph->output_count; i++) {
        const gft_value_id id = s->graph->outputs[i].value;
        const graft_tensor_desc *desc = &gft_graph_value(s->graph, id)->desc;
        if (gives_scores(s, id, &out->gives) && desc->shape.rank == 2 && desc->shape.dims[1] > 0 &&
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
    if (!takes_pictures(session, graph->inputs[0].value, &out->takes) || in->shape.rank != 4 ||
        dims[3] != 3)
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
    const size_t count =
        (size_t)c->height * (size_t)c->width * 3; /* the rule's sizes are checked */
    int32_t outputs = s->graph->output_count;
    graft_tensor *out = gft_calloc((size_t)outputs + 1, sizeof *out);
    float *picture = gft_realloc(s->picture, count * sizeof *s->picture);
    if (picture)
        s->picture = picture;
    if (!out || !picture) {
        status = gft_fail_memory(err, count * sizeof *s->picture, "a picture");
        goto done;
    }
    GFT_GOTO(graft_preprocess_file(&c->rule, path, picture, err));
    GFT_GOTO(gft_session_classify(s, c, picture, 1, out, scores, err));
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
