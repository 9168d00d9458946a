/*
 * Training: a task head on a frozen backbone, then fine-tuning. One call does the whole run, from
 * pictures to SavedModel.
 */
#ifndef GRAFT_TRAIN_H
#define GRAFT_TRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "graft/data.h"
#include "graft/model.h"
#include "graft/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Settings of a run; begin from graft_train_options_default(). Text is borrowed for the call. */
typedef struct graft_train_options {
    const char *backbone; /* hub handle or SavedModel directory with one feature output */
    const char *out;      /* model directory to write; checkpoints lie in "<out>.ckpt" meanwhile */
    const char *
        head; /* "dense:128,relu/dropout:0.5"; the softmax layer over the classes is added. "" or "none": only that */
    int32_t epochs;     /* 20; of the head */
    int32_t batch_size; /* 32 */
    double lr;          /* 1e-3 */
    const char *
        optimizer; /* "adam" | "adamw" | "sgd" | "rmsprop" with Keras' defaults; "sgd:momentum=0.9,nesterov" */
    const char *
        fine_tune; /* "none" | "last:N" | "last:P%" | "all" | "gradual" | "gradual:N" (N: blocks at most) */
    int32_t fine_tune_epochs; /* 5 */
    double fine_tune_lr;      /* 1e-4 */
    const char *augment;      /* "none" | "flip" | "basic" */
    const char *
        precision; /* "f32" | "bf16" | "f16" (with Keras' dynamic loss scale); weights that are learnt,
                                 statistics and the loss stay float32 */
    double label_smoothing;  /* 0 */
    double validation_split; /* 0: the data set's own val/ if any */
    int32_t early_stopping;  /* patience in epochs when there is validation data; 0 off */
    const char *resize;      /* "squeeze" | "crop" | "pad" */
    const char *logdir;      /* TensorBoard; NULL: none */
    const char *
        initial_head; /* .npz with the head's initial weights by parameter name, NULL: Glorot uniform by seed */
    bool shuffle;   /* true */
    bool strict;    /* a broken picture is an error */
    bool resume;    /* go on from "<out>.ckpt" */
    bool overwrite; /* replace an existing model at out */
    uint64_t seed;  /* 1 */
    uint64_t
        memory_budget; /* bytes for cached features before they go to a file; 0: a quarter of what is free */
    int32_t threads; /* 0: the cores there are */
} graft_train_options;

GRAFT_API graft_train_options graft_train_options_default(void);
/** INVALID_ARGUMENT names the first setting that is wrong by itself; graft_train asks it too. */
GRAFT_API GRAFT_MUST_CHECK graft_status
graft_train_options_check(const graft_train_options *options, graft_error *err);

/** What a run reports while it goes: one struct, only the fields of the event's kind are set. */
typedef enum graft_train_event_kind {
    GRAFT_TRAIN_INFO,     /* message */
    GRAFT_TRAIN_WARNING,  /* message: a broken picture, a class with very few pictures */
    GRAFT_TRAIN_PROGRESS, /* stage, done, total, pictures_per_s: at most some ten times a second */
    GRAFT_TRAIN_EPOCH     /* epoch, epochs, metrics */
} graft_train_event_kind;

typedef struct graft_train_event {
    graft_train_event_kind kind;
    const char *message;
    const char *stage; /* "features", "head", "fine-tune" */
    int64_t done, total;
    double pictures_per_s, seconds_left;
    int32_t epoch, epochs;
    double loss, accuracy, val_loss, val_accuracy, lr; /* val_*: NaN without validation data */
    double seconds;
} graft_train_event;
/** Return false to stop the run in an orderly way (CANCELLED; the last checkpoint stays). */
typedef bool (*graft_train_event_fn)(void *context, const graft_train_event *event);

typedef struct graft_train_result {
    double train_top1, val_top1, val_loss; /* NaN without validation data */
    double train_loss;
    int32_t epochs; /* run, of all stages */
    double seconds, images_per_s, peak_rss_mb;
    int64_t train_images, val_images, skipped;
} graft_train_result;

/**
 * Trains on the data set's train split and writes the model.
 *
 * The frozen part of the backbone runs once over the pictures and its features are cached (unless
 * augmentation changes them each epoch); later epochs cost what the head costs. A checkpoint is
 * written, atomically, after each epoch; with the same seed a resumed run ends bit for bit where an
 * uninterrupted one ends, whatever the number of threads.
 * @return OK; INVALID_ARGUMENT names the setting; ALREADY_EXISTS for out; CANCELLED; errors of
 * files and pictures
 */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_train(graft_dataset *dataset,
                                                    const graft_train_options *options,
                                                    graft_train_event_fn event, void *context,
                                                    graft_train_result *result, graft_error *err);

#ifdef __cplusplus
}
#endif
#endif
