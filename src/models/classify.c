/*
 * A batch of pictures through a classifier: pixels become what its input wants (normalised where
 * the model's file says so, quantised where the input is of integers), scores become floats.
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/shape.h"
#include "base/size.h"
#include "models/session.h"

static graft_status grow(void *buffer, size_t *have, size_t bytes, graft_error *err) {
    void *p;
    if (bytes <= *have)
        return GRAFT_OK;
    memcpy(&p, buffer, sizeof p);
    void *larger = gft_realloc(p, bytes);
    if (!larger)
        return gft_fail_memory(err, bytes, "a batch");
    memcpy(buffer, &larger, sizeof larger);
    *have = bytes;
    return GRAFT_OK;
}

/* A pixel as the model's arithmetic wants it. */
static float normal(const graft_model *model, float pixel, size_t channel) {
    if (model->normalise_count == 0)
        return pixel;
    const size_t i = model->normalise_count == 1 ? 0 : channel;
    return (pixel - model->normalise_mean[i]) / model->normalise_std[i];
}

/*
 * As integers: by the scale where the file says how pixels become numbers; without that, pixels are
 * the unsigned integers themselves, or the signed ones 128 below.
 */
static float integer(const graft_model *model, const gft_classifier_end *end, float pixel,
                     size_t channel) {
    const bool byte = end->dtype == GRAFT_U8;
    const float q =
        model->normalise_count == 0
            ? rintf(pixel) - (byte ? 0.0f : 128.0f)
            : rintf(normal(model, pixel, channel) / end->scale) + (float)end->zero_point;
    return fminf(fmaxf(q, byte ? 0.0f : -128.0f), byte ? 255.0f : 127.0f);
}

static void fill(const graft_model *model, const gft_classifier_end *end, const float *pixels,
                 size_t count, void *out) {
    if (end->dtype == GRAFT_F32) {
        for (size_t i = 0; i < count; i++)
            ((float *)out)[i] = normal(model, pixels[i], i % 3);
    } else if (end->dtype == GRAFT_U8) {
        for (size_t i = 0; i < count; i++)
            ((uint8_t *)out)[i] = (uint8_t)integer(model, end, pixels[i], i % 3);
    } else {
        for (size_t i = 0; i < count; i++)
            ((int8_t *)out)[i] = (int8_t)integer(model, end, pixels[i], i % 3);
    }
}

/* A fixed batch is filled up with nothing. */
static graft_status feed(graft_session *s, const gft_classifier *c, const float *pixels, int64_t n,
                         graft_tensor *out, graft_error *err) {
    const int64_t batch = c->batch > 0 ? c->batch : n;
    *out =
        (graft_tensor){.name = s->graph->inputs[0].name,
                       .desc = {c->takes.dtype, gft_shape_4(batch, c->height, c->width, 3), NULL}};
    if (!gft_desc_bytes(&out->desc, &out->bytes) || n > batch)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "a batch of %lld pictures of %dx%d",
                        (long long)n, (int)c->width, (int)c->height);
    if (c->takes.dtype == GRAFT_F32 && s->model->normalise_count == 0 && n == batch) {
        out->data = (void *)(uintptr_t)pixels; /* only read */
        return GRAFT_OK;
    }
    const size_t count = (size_t)n * (size_t)c->height * (size_t)c->width * 3;
    const size_t filled = count * graft_dtype_bytes(c->takes.dtype);
    GFT_TRY(grow(&s->fed, &s->fed_bytes, out->bytes, err));
    out->data = s->fed;
    fill(s->model, &c->takes, pixels, count, s->fed);
    memset((char *)s->fed + filled, 0, out->bytes - filled);
    return GRAFT_OK;
}

/* Rows of scores as floats. */
static graft_status read_scores(graft_session *s, const gft_classifier *c, const graft_tensor *out,
                                const float **scores, graft_error *err) {
    const gft_classifier_end *end = &c->gives;
    if (end->dtype == GRAFT_F32) {
        *scores = out->data;
        return GRAFT_OK;
    }
    const size_t count = out->bytes;
    GFT_TRY(grow(&s->scores, &s->scores_bytes, count * sizeof *s->scores, err));
    for (size_t i = 0; i < count; i++) {
        const int32_t q = end->dtype == GRAFT_U8 ? ((const uint8_t *)out->data)[i]
                                                 : ((const int8_t *)out->data)[i];
        s->scores[i] = end->scale * (float)(q - end->zero_point);
    }
    *scores = s->scores;
    return GRAFT_OK;
}

graft_status gft_session_classify(graft_session *session, const gft_classifier *c,
                                  const float *pixels, int64_t n, graft_tensor *outputs,
                                  const float **scores, graft_error *err) {
    graft_tensor in;
    GFT_TRY(feed(session, c, pixels, n, &in, err));
    GFT_TRY(graft_session_run(session, &in, 1, outputs, session->graph->output_count, err));
    const graft_tensor *out = &outputs[c->output];
    if (out->desc.shape.dims[0] != in.desc.shape.dims[0])
        return gft_fail(err, GRAFT_FAILED_PRECONDITION,
                        "model '%s': gave %lld rows of scores for %lld pictures",
                        graft_model_name(session->model), (long long)out->desc.shape.dims[0],
                        (long long)in.desc.shape.dims[0]);
    return read_scores(session, c, out, scores, err);
}
