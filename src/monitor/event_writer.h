/*
 * TensorBoard event files: scalars under a run directory, as tf.summary and Keras' callback write
 * them (rank-0 float32 tensors of plugin "scalars").
 *
 * Keras' layout: one writer on <logdir>/train and one on <logdir>/validation, step = epoch, tags
 * epoch_loss, epoch_accuracy, epoch_learning_rate. A resumed run simply opens a writer again: it
 * makes a further file in the directory, and TensorBoard joins them.
 */
#ifndef GFT_MONITOR_EVENT_WRITER_H
#define GFT_MONITOR_EVENT_WRITER_H

#include <stdint.h>

#include "base/error.h"

typedef struct gft_events gft_events;

/**
 * Makes `dir` (with parents) and in it a new events.out.tfevents.<seconds>.<host>.<pid>.<n>.v2
 * whose first record names the format version.
 *
 * Owner: gft_events_close.   Threads: one at a time.
 */
GRAFT_MUST_CHECK graft_status gft_events_open(const char *dir, gft_events **out, graft_error *err);

/** Adds one point. Buffered until gft_events_flush (call it once per epoch) or close. */
GRAFT_MUST_CHECK graft_status gft_events_scalar(gft_events *events, const char *tag, int64_t step,
                                                double value, graft_error *err);
/** Makes everything added so far visible to readers. */
GRAFT_MUST_CHECK graft_status gft_events_flush(gft_events *events, graft_error *err);
/** Flushes and frees; accepts NULL. The file stays valid even if this fails. */
GRAFT_MUST_CHECK graft_status gft_events_close(gft_events *events, graft_error *err);

/** Path of the file being written, borrowed. */
const char *gft_events_path(const gft_events *events);

#endif
