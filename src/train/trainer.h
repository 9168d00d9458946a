/*
 * What a training run holds, shared by the files of this room: train_run.c builds it, stage.c runs
 * a stage, checkpoint.c saves it, report.c tells about it.
 */
#ifndef GFT_TRAIN_TRAINER_H
#define GFT_TRAIN_TRAINER_H

#include "graft/train.h"
#include "models/model.h"
#include "monitor/event_writer.h"
#include "train/checkpoint.h"
#include "train/freeze.h"
#include "train/optimizer.h"

typedef struct gft_trainer {
    const graft_train_options *options;
    graft_dataset *dataset;
    graft_train_event_fn event;
    void *context;

    graft_model *model;     /* the backbone, with the head appended: what is written in the end */
    gft_graph *graph;       /* of its first signature */
    gft_node_id first_head; /* nodes from here on are the head's */
    gft_value_id logits;
    gft_layers layers;
    gft_optimizer optimizer;
    graft_dtype precision; /* F32, BF16 or F16 */
    gft_fine_tune fine_tune;
    graft_preprocess rule;
    gft_pool *pool;

    char *checkpoint_dir;
    char *fingerprint; /* settings a resumed run must share */
    gft_train_state state;
    bool resuming; /* state came from a checkpoint and its stage has not been entered yet */
    bool has_validation;
    gft_events *train_events, *validation_events;
    uint64_t last_progress_ns;
    int64_t pictures; /* gone through training so far, for the rate */
    graft_train_result result;
} gft_trainer;

/* report.c */
void gft_report_info(gft_trainer *t, graft_train_event_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** At most ten times a second; false if the caller wants to stop. */
bool gft_report_progress(gft_trainer *t, const char *stage, int64_t done, int64_t total,
                         uint64_t since_ns);
GRAFT_MUST_CHECK graft_status gft_report_epoch(gft_trainer *t, const graft_train_event *event,
                                               graft_error *err);

/* stage.c */
typedef struct gft_stage_plan {
    const char *name;    /* "head", "fine-tune" */
    int32_t index;       /* 0, 1, ...: what a checkpoint remembers */
    int32_t first_layer; /* first trained layer of the backbone; layers.count: the head alone */
    int32_t epochs;
    double lr;
} gft_stage_plan;
/**
 * Runs a stage to its end (or the rest of it, when resuming inside it); the best weights are in
 * place afterwards.
 */
GRAFT_MUST_CHECK graft_status gft_stage_run(gft_trainer *t, const gft_stage_plan *plan,
                                            graft_error *err);

#endif
