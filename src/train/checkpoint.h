/*
 * Checkpoints: one TensorBundle per epoch (TensorFlow's own checkpoint files) and a state.json that
 * names the one that counts. Writing the bundle first and replacing state.json last makes every
 * moment a good one to be killed.
 */
#ifndef GFT_TRAIN_CHECKPOINT_H
#define GFT_TRAIN_CHECKPOINT_H

#include "train/loss_scale.h"
#include "train/master.h"

/* Where a run is. Everything else follows from the seed and the settings. */
typedef struct gft_train_state {
    int32_t stage;        /* index of the stage being run */
    int32_t epoch;        /* epochs finished in it */
    int32_t total_epochs; /* finished in all stages */
    bool stage_done;      /* nothing more to run in this stage (epochs used up or stopped early) */
    int32_t wait;         /* epochs since validation improved */
    int64_t iterations;   /* updates of this stage's optimiser */
    int64_t global_step;  /* batches of all stages: the counter of dropout's random numbers */
    double best_val_loss, best_val_accuracy; /* of the weights called best */
    double stage_start_val_loss;             /* before this stage */
    double train_loss, train_accuracy;       /* of the last epoch */
    gft_loss_scale loss_scale;               /* of this stage, for float16 */
} gft_train_state;

/**
 * Saves state and master into dir, drops the checkpoint before it. fingerprint: text a later read
 * must match.
 */
GRAFT_MUST_CHECK graft_status gft_checkpoint_write(const char *dir, const gft_train_state *state,
                                                   const char *fingerprint,
                                                   const gft_master *master, graft_error *err);
/**
 * Reads the state. *found = false if dir has no checkpoint.
 * @return FAILED_PRECONDITION if it was made with other settings; DATA_LOSS if damaged
 */
GRAFT_MUST_CHECK graft_status gft_checkpoint_read(const char *dir, const char *fingerprint,
                                                  gft_train_state *state, bool *found,
                                                  graft_error *err);
/**
 * Fills weights, best weights and slots of a master with exactly the parameters that were saved.
 */
GRAFT_MUST_CHECK graft_status gft_checkpoint_load(const char *dir, gft_master *master,
                                                  graft_error *err);

#endif
