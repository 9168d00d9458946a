/*
 * A session's inside: one signature, its pool, and the plans of the shapes used last.
 */
#ifndef GFT_MODELS_SESSION_H
#define GFT_MODELS_SESSION_H

#include "graph/plan.h"
#include "models/model.h"

#define GFT_SESSION_PLANS 4

typedef struct gft_session_plan {
    gft_plan *plan; /* NULL: free */
    gft_run *run;
    graft_shape *shapes; /* one per input */
    uint64_t used;       /* tick of the last use */
} gft_session_plan;

struct graft_session {
    const graft_model *model;
    int32_t signature;
    const gft_graph *graph;
    gft_pool *pool;
    gft_session_plan plans[GFT_SESSION_PLANS];
    gft_session_plan *last; /* used by the last run; NULL before the first */
    uint64_t tick;
    bool profile;
    graft_dtype precision; /* NONE: float32 */
    gft_graph *tapped; /* run instead of graph, every output kept, nothing fused; owned (diff.c) */
    graft_profile_row *rows; /* of graft_session_profile_rows */
    const void **data;       /* per input, for one call */
    graft_shape *shapes;     /* the same */
    /* prediction (predict.c) */
    float *picture; /* one preprocessed picture */
    void *fed;      /* pictures as the input wants them */
    size_t fed_bytes;
    float *scores; /* of an output of integers */
    size_t scores_bytes;
    char **numbers; /* index as text, where the model has no labels */
    int32_t number_count;
};

/* Integers that stand for numbers, scale * (q - zero_point); dtype F32: they are floats. */
typedef struct gft_classifier_end {
    graft_dtype dtype;
    float scale;
    int32_t zero_point;
} gft_classifier_end;

/* How a signature takes pictures and gives scores. */
typedef struct gft_classifier {
    int32_t output; /* first output of rank 2: float32, or quantised */
    gft_classifier_end takes, gives;
    int64_t classes;
    int64_t batch; /* the only batch size it takes; -1: any */
    int32_t height, width;
    graft_preprocess rule; /* the model's, or the default for its input size */
} gft_classifier;

/** Finds out, or says why pictures cannot be classified with this signature. */
GRAFT_MUST_CHECK graft_status gft_session_classifier(const graft_session *session,
                                                     gft_classifier *out, graft_error *err);

/**
 * Runs n pictures (pixels 0..255, at most the batch where that is fixed): they are normalised and
 * quantised as the input wants them, the scores come as floats, n rows.
 *
 * @param outputs [out] one per output of the signature
 * @param scores  [out] borrowed until the next run
 */
GRAFT_MUST_CHECK graft_status gft_session_classify(graft_session *session,
                                                   const gft_classifier *classifier,
                                                   const float *pixels, int64_t n,
                                                   graft_tensor *outputs, const float **scores,
                                                   graft_error *err);

#endif
