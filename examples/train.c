/*
 * Trains a classifier on a folder of class folders: train DATA BACKBONE OUT
 */
#include <graft/graft.h>
#include <stdio.h>

static bool on_event(void *context, const graft_train_event *event) {
    (void)context;
    if (event->kind == GRAFT_TRAIN_EPOCH)
        printf("%s %d/%d: loss %.4f, accuracy %.3f\n", event->stage, (int)event->epoch,
               (int)event->epochs, event->loss, event->accuracy);
    return true; /* false would stop the run */
}

int main(int argc, char **argv) {
    graft_error err = {0};
    graft_dataset *data = NULL;
    graft_train_result result;
    if (argc != 4) {
        fprintf(stderr, "usage: train DATA BACKBONE OUT\n");
        return 2;
    }
    graft_train_options options = graft_train_options_default();
    options.backbone = argv[2];
    options.out = argv[3];
    options.epochs = 10;
    graft_status status = graft_dataset_open(argv[1], 0, &data, &err);
    if (status == GRAFT_OK)
        status = graft_train(data, &options, on_event, NULL, &result, &err);
    graft_dataset_free(data);
    if (status != GRAFT_OK) {
        fprintf(stderr, "train: %s\n", err.message);
        return 1;
    }
    printf("accuracy on the training pictures %.3f, written to %s\n", result.train_top1,
           options.out);
    return 0;
}
