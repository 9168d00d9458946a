/*
 * Evaluation of a classifier on a data set: top-1, top-5, loss, precision and recall per class,
 * confusion.
 *
 * Loss is Keras' categorical_crossentropy: the mean of -log p of the right class, scores divided by
 * their sum and clipped to [1e-7, 1 - 1e-7]. Where the scores of the first batch are no
 * distribution they are taken as logits, and p is their softmax. Of equal scores the class of lower
 * index stands first, as in argmax.
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/shape.h"
#include "base/size.h"
#include "models/session.h"

#define CLIP 1e-7
#define SUM_TOLERANCE 1e-3

typedef struct evaluator {
    graft_session *session;
    gft_classifier classifier;
    graft_evaluation result;
    graft_tensor *outputs;
    bool logits, judged;
    double loss_sum;
    int64_t top1, top5;
} evaluator;

void graft_evaluation_deinit(graft_evaluation *evaluation) {
    gft_free(evaluation->precision);
    gft_free(evaluation->recall);
    gft_free(evaluation->support);
    gft_free(evaluation->confusion);
    *evaluation = (graft_evaluation){0};
}

/* ---- one picture ---- */

static bool is_distribution(const float *p, int64_t classes) {
    double sum = 0;
    for (int64_t i = 0; i < classes; i++) {
        if (!(p[i] >= 0))
            return false;
        sum += (double)p[i];
    }
    return fabs(sum - 1.0) <= SUM_TOLERANCE;
}

static double loss_of(const float *scores, int64_t classes, int32_t label, bool logits) {
    double sum = 0;
    double highest = logits ? (double)scores[0] : 0;
    for (int64_t i = 1; i < classes && logits; i++) {
        if ((double)scores[i] > highest)
            highest = (double)scores[i];
    }
    for (int64_t i = 0; i < classes; i++)
        sum += logits ? exp((double)scores[i] - highest) : (double)scores[i];
    double right = logits ? exp((double)scores[label] - highest) : (double)scores[label];
    double p = sum > 0 ? right / sum : 0;
    return -log(fmin(fmax(p, CLIP), 1.0 - CLIP));
}

static graft_status count_picture(evaluator *e, const float *scores, int32_t label, int64_t id,
                                  const graft_dataset *dataset, graft_error *err) {
    int64_t classes = e->classifier.classes;
    int64_t best = 0;
    int64_t before = 0; /* classes that stand before the right one */
    for (int64_t i = 0; i < classes; i++) {
        if (!isfinite(scores[i]))
            return gft_fail(err, GRAFT_FAILED_PRECONDITION,
                            "model '%s': score %lld of '%s' is not finite",
                            graft_model_name(e->session->model), (long long)i,
                            graft_dataset_sample_path(dataset, id));
        if (scores[i] > scores[best])
            best = i;
        if (scores[i] > scores[label] || (scores[i] == scores[label] && i < label))
            before++;
    }
    e->top1 += before == 0;
    e->top5 += before < 5;
    e->loss_sum += loss_of(scores, classes, label, e->logits);
    e->result.images++;
    e->result.support[label]++;
    e->result.confusion[(int64_t)label * classes + best]++;
    return GRAFT_OK;
}

/* ---- batches ---- */

static graft_status go_through(evaluator *e, graft_pipeline *pipeline, const graft_dataset *dataset,
                               graft_progress_fn progress, void *context, graft_error *err) {
    int64_t classes = e->classifier.classes;
    int64_t total = graft_pipeline_samples(pipeline);
    GFT_TRY(graft_pipeline_begin(pipeline, 0, err));
    for (;;) {
        graft_batch batch;
        const float *scores = NULL;
        GFT_TRY(graft_pipeline_next(pipeline, &batch, err));
        if (batch.count == 0)
            return GRAFT_OK;
        GFT_TRY(gft_session_classify(e->session, &e->classifier, batch.f32, batch.count, e->outputs,
                                     &scores, err));
        for (int32_t i = 0; i < batch.count && !e->judged; i++)
            e->logits = e->logits || !is_distribution(scores + i * classes, classes);
        e->judged = true;
        for (int32_t i = 0; i < batch.count; i++)
            GFT_TRY(count_picture(e, scores + i * classes, batch.labels[i], batch.ids[i], dataset,
                                  err));
        e->result.skipped = graft_pipeline_broken_count(pipeline);
        if (progress)
            progress(context, e->result.images + e->result.skipped, total);
    }
}

/* ---- before and after ---- */

static graft_status make_room(evaluator *e, graft_error *err) {
    graft_evaluation *r = &e->result;
    size_t classes = (size_t)e->classifier.classes;
    size_t cells = 0;
    r->classes = (int32_t)e->classifier.classes;
    if (!gft_size_mul(classes, classes, &cells))
        return gft_fail_memory(err, classes, "a confusion matrix");
    r->precision = gft_calloc(classes, sizeof *r->precision);
    r->recall = gft_calloc(classes, sizeof *r->recall);
    r->support = gft_calloc(classes, sizeof *r->support);
    r->confusion = gft_calloc(cells, sizeof *r->confusion);
    e->outputs = gft_calloc((size_t)e->session->graph->output_count + 1, sizeof *e->outputs);
    if (!r->precision || !r->recall || !r->support || !r->confusion || !e->outputs)
        return gft_fail_memory(err, cells * sizeof *r->confusion, "an evaluation");
    return GRAFT_OK;
}

static graft_status match_classes(const evaluator *e, graft_dataset *dataset, graft_error *err) {
    const graft_model *model = e->session->model;
    int32_t there = graft_dataset_class_count(dataset);
    if (model->label_count > 0)
        return graft_dataset_relabel(dataset, model->labels, model->label_count, err);
    if (there != e->classifier.classes)
        return gft_fail(err, GRAFT_FAILED_PRECONDITION,
                        "model '%s': has no labels and gives %lld scores, the data has %d classes",
                        graft_model_name(model), (long long)e->classifier.classes, (int)there);
    return GRAFT_OK;
}

/* What the caller wants, without what would falsify it. */
static graft_status settings(const evaluator *e, const graft_dataset *dataset,
                             const graft_data_options *given, graft_data_options *out,
                             graft_error *err) {
    const gft_classifier *c = &e->classifier;
    *out = graft_data_options_default(c->height, c->width);
    out->preprocess = c->rule;
    out->split = graft_dataset_count(dataset, GRAFT_SPLIT_TEST) > 0         ? GRAFT_SPLIT_TEST
                 : graft_dataset_count(dataset, GRAFT_SPLIT_VALIDATION) > 0 ? GRAFT_SPLIT_VALIDATION
                                                                            : GRAFT_SPLIT_ALL;
    if (given)
        *out = *given;
    out->shuffle = false;
    out->augment = "none";
    out->as_u8 = false;
    out->drop_remainder = false;
    if (c->batch > 0)
        out->batch_size = (int32_t)c->batch;
    if (out->preprocess.height != c->height || out->preprocess.width != c->width)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "model '%s': takes pictures of %dx%d, the rule gives %dx%d",
                        graft_model_name(e->session->model), (int)c->height, (int)c->width,
                        (int)out->preprocess.height, (int)out->preprocess.width);
    return GRAFT_OK;
}

static void summarise(evaluator *e) {
    graft_evaluation *r = &e->result;
    int64_t classes = r->classes;
    double n = (double)r->images;
    r->top1 = n > 0 ? (double)e->top1 / n : NAN;
    r->top5 = n > 0 ? (double)e->top5 / n : NAN;
    r->loss = n > 0 ? e->loss_sum / n : NAN;
    for (int64_t k = 0; k < classes; k++) {
        int64_t predicted = 0;
        for (int64_t i = 0; i < classes; i++)
            predicted += r->confusion[i * classes + k];
        double right = (double)r->confusion[k * classes + k];
        r->precision[k] = predicted > 0 ? right / (double)predicted : NAN;
        r->recall[k] = r->support[k] > 0 ? right / (double)r->support[k] : NAN;
    }
}

graft_status graft_evaluate(graft_session *session, graft_dataset *dataset,
                            const graft_data_options *options, graft_progress_fn progress,
                            void *context, graft_evaluation *out, graft_error *err) {
    graft_status status;
    evaluator e = {.session = session};
    graft_data_options data;
    graft_pipeline *pipeline = NULL;
    GFT_GOTO(gft_session_classifier(session, &e.classifier, err));
    GFT_GOTO(match_classes(&e, dataset, err));
    GFT_GOTO(settings(&e, dataset, options, &data, err));
    GFT_GOTO(make_room(&e, err));
    GFT_GOTO(graft_pipeline_new(dataset, &data, &pipeline, err));
    GFT_GOTO(go_through(&e, pipeline, dataset, progress, context, err));
    summarise(&e);
    *out = e.result;
    e.result = (graft_evaluation){0};
done:
    graft_pipeline_free(pipeline);
    graft_evaluation_deinit(&e.result);
    gft_free(e.outputs);
    return status;
}
