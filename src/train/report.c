/*
 * What a run tells: events to the caller, scalars to TensorBoard with Keras' tags.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "train/trainer.h"

void gft_report_info(gft_trainer *t, graft_train_event_kind kind, const char *format, ...) {
    char message[GRAFT_ERROR_MESSAGE_BYTES];
    va_list args;
    if (!t->event)
        return;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    graft_train_event event = {.kind = kind, .message = message};
    (void)t->event(t->context, &event);
}

bool gft_report_progress(gft_trainer *t, const char *stage, int64_t done, int64_t total,
                         uint64_t since_ns) {
    uint64_t now = gft_clock_ns();
    if (!t->event || (done < total && now - t->last_progress_ns < 100000000u))
        return true;
    t->last_progress_ns = now;
    double seconds = (double)(now - since_ns) * 1e-9;
    double rate = seconds > 0 ? (double)done / seconds : 0;
    graft_train_event event = {.kind = GRAFT_TRAIN_PROGRESS,
                               .stage = stage,
                               .done = done,
                               .total = total,
                               .pictures_per_s = rate,
                               .seconds_left = rate > 0 ? (double)(total - done) / rate : 0};
    return t->event(t->context, &event);
}

static graft_status log_epoch(gft_trainer *t, const graft_train_event *e, graft_error *err) {
    int64_t step = t->state.total_epochs - 1; /* Keras counts epochs from 0 */
    if (t->train_events) {
        GFT_TRY(gft_events_scalar(t->train_events, "epoch_accuracy", step, e->accuracy, err));
        GFT_TRY(gft_events_scalar(t->train_events, "epoch_loss", step, e->loss, err));
        GFT_TRY(gft_events_scalar(t->train_events, "epoch_learning_rate", step, e->lr, err));
        GFT_TRY(gft_events_flush(t->train_events, err));
    }
    if (t->validation_events) {
        GFT_TRY(
            gft_events_scalar(t->validation_events, "epoch_accuracy", step, e->val_accuracy, err));
        GFT_TRY(gft_events_scalar(t->validation_events, "epoch_loss", step, e->val_loss, err));
        GFT_TRY(gft_events_flush(t->validation_events, err));
    }
    return GRAFT_OK;
}

graft_status gft_report_epoch(gft_trainer *t, const graft_train_event *event, graft_error *err) {
    GFT_TRY(log_epoch(t, event, err));
    if (t->event && !t->event(t->context, event))
        return gft_fail(err, GRAFT_CANCELLED, "training was stopped after epoch %d",
                        (int)t->state.total_epochs);
    return GRAFT_OK;
}
