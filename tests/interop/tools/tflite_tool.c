/*
 * Command-line access to the TFLite writer for the interop tests: writes the models of
 * savedmodel_maker.h without a SavedModel between. Not installed, not part of the program.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../unit/models/savedmodel_maker.h"

/* tflite_tool KIND OUT MODE: mode 0 float32, 1 float16, 2 dynamic. */
int main(int argc, char **argv) {
    graft_error err = {0};
    graft_model *model = NULL;
    if (argc != 4) {
        fprintf(stderr, "usage: tflite_tool KIND OUT MODE\n");
        return 2;
    }
    graft_status status = make_model(argv[1], &model, &err);
    if (status == GRAFT_OK)
        status = gft_tflite_write(model, argv[2], (gft_tflite_weights)(argv[3][0] - '0'), &err);
    graft_model_free(model);
    if (status != GRAFT_OK)
        fprintf(stderr, "%s\n", err.message);
    return status == GRAFT_OK ? 0 : 1;
}
