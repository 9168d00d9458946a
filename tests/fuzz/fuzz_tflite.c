/*
 * Fuzz target: a .tflite file as a model. What loads has a graph or a problem per signature, and
 * every graph can be put in order and checked again. Files are refused with a message.
 */
#include <stdint.h>
#include <stdlib.h>

#include "fuzz_model.h"
#include "models/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    graft_model *model = NULL;
    graft_error err = {0};
    if (gft_tflite_read_memory(data, size, "fuzz", &model, &err) != GRAFT_OK) {
        if (err.message[0] == '\0')
            abort();
        return 0;
    }
    fuzz_check_model(model);
    graft_model_free(model);
    return 0;
}
