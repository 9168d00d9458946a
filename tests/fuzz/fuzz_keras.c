/*
 * Fuzz target: Keras files. What begins with '{' is a configuration alone (its layers find no
 * variables); anything else is a .keras or .h5 file, and then also a file of weights for a model
 * that is read first. What loads has a graph or a problem, and every graph can be put in order and
 * checked again.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "formats/json_text.h"
#include "fuzz_model.h"
#include "graph/graph.h"
#include "models/keras_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char name[] = "/tmp/graft-fuzz-keras-XXXXXX";
static bool ready;

static void clean_up(void) {
    (void)remove(name);
}

static graft_status find_nothing(void *context, gft_keras_layout *layout, gft_arena *arena,
                                 graft_error *err) {
    (void)context;
    (void)layout;
    (void)arena;
    (void)err;
    return GRAFT_OK;
}

static void try_config(const uint8_t *data, size_t size) {
    json_t *root = NULL;
    graft_model *model = NULL;
    graft_error err;
    if (gft_json_parse(data, size, "fuzz", &root, &err) != GRAFT_OK)
        return;
    if (gft_model_new(&model, &err) == GRAFT_OK &&
        gft_keras_read_config(model, root, false, find_nothing, NULL, "fuzz", &err) == GRAFT_OK)
        fuzz_check_model(model);
    graft_model_free(model);
    json_decref(root);
}

static void try_weights(const char *into) {
    graft_model *model = NULL;
    graft_error err;
    if (gft_keras_read(into, &model, &err) != GRAFT_OK)
        return;
    (void)!gft_keras_load_weights(model, name, false, &err);
    (void)!gft_keras_load_weights(model, name, true, &err);
    model->keras = NULL; /* as if it came from elsewhere */
    (void)!gft_keras_load_weights(model, name, false, &err);
    fuzz_check_model(model);
    graft_model_free(model);
}

static void try_file(const uint8_t *data, size_t size) {
    graft_model *model = NULL;
    graft_error err;
    FILE *file = fopen(name, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0)
        abort();
    if (gft_keras_read(name, &model, &err) == GRAFT_OK) {
        fuzz_check_model(model);
        graft_model_free(model);
    }
    try_weights(GFT_TEST_DIR "/fuzz/corpus/keras/functional.keras");
    try_weights(GFT_TEST_DIR "/fuzz/corpus/keras/keras2.h5");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!ready) {
        const int fd = mkstemp(name);
        if (fd < 0)
            abort();
        (void)atexit(clean_up);
        ready = true;
    }
    if (size > 0 && data[0] == '{')
        try_config(data, size);
    else
        try_file(data, size);
    return 0;
}
