/*
 * Settings of a run: defaults and checks (graft/train.h).
 */
#include <math.h>
#include <string.h>

#include "data/augment.h"
#include "train/trainer.h"

graft_train_options graft_train_options_default(void) {
    return (graft_train_options){.head = "dense:128,relu/dropout:0.5",
                                 .epochs = 20,
                                 .batch_size = 32,
                                 .lr = 1e-3,
                                 .optimizer = "adam",
                                 .fine_tune = "none",
                                 .fine_tune_epochs = 5,
                                 .fine_tune_lr = 1e-4,
                                 .augment = "none",
                                 .precision = "f32",
                                 .early_stopping = 5,
                                 .resize = "squeeze",
                                 .shuffle = true,
                                 .seed = 1};
}

static graft_status check_range(const char *name, double value, double low, double high,
                                graft_error *err) {
    if (!(value >= low && value <= high))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: %g is not in %g..%g", name, value, low,
                        high);
    return GRAFT_OK;
}

graft_status graft_train_options_check(const graft_train_options *o, graft_error *err) {
    gft_optimizer optimizer;
    gft_fine_tune fine_tune;
    graft_resize_mode mode;
    const gft_augment_policy *augment;
    if (!o->backbone || !o->backbone[0])
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "backbone: none given; expected a hub handle or a SavedModel directory");
    if (!o->out || !o->out[0])
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "out: no directory given for the model");
    GFT_TRY(gft_head_check(o->head ? o->head : "", err));
    GFT_TRY(gft_optimizer_parse(o->optimizer, &optimizer, err));
    GFT_TRY(gft_fine_tune_parse(o->fine_tune, &fine_tune, err));
    GFT_TRY(graft_resize_mode_parse(o->resize, &mode, err));
    graft_dtype precision;
    GFT_TRY(graft_precision_parse(o->precision, &precision, err));
    GFT_TRY(gft_augment_find(o->augment, &augment, err));
    GFT_TRY(check_range("epochs", o->epochs, 0, 1e6, err));
    GFT_TRY(check_range("fine-tune-epochs", o->fine_tune_epochs, 0, 1e6, err));
    GFT_TRY(check_range("batch-size", o->batch_size, 1, 65536, err));
    GFT_TRY(check_range("lr", o->lr, 0, 1e3, err));
    GFT_TRY(check_range("fine-tune-lr", o->fine_tune_lr, 0, 1e3, err));
    GFT_TRY(check_range("label-smoothing", o->label_smoothing, 0, 1, err));
    GFT_TRY(check_range("validation-split", o->validation_split, 0, 0.9, err));
    GFT_TRY(check_range("early-stopping", o->early_stopping, 0, 1e6, err));
    return check_range("threads", o->threads, 0, 4096, err);
}
