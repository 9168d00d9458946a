/*
 * Fuzz target: a TF.js model. The input is model.json's text; what lies behind its first zero byte
 * is the only shard. What loads has a graph or a problem, and a graph can be put in order and
 * checked again.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "fuzz_model.h"
#include "models/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/graft-fuzz-XXXXXX";
static char *json_path, *shard_path;

static void clean_up(void) {
    (void)!gft_tree_remove(folder, NULL);
    gft_free(json_path);
    gft_free(shard_path);
}

static void put(const char *path, const uint8_t *data, size_t size) {
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!json_path) {
        if (!mkdtemp(folder))
            abort();
        json_path = gft_path_join(folder, "model.json");
        shard_path = gft_path_join(folder, "group1-shard1of1.bin");
        (void)atexit(clean_up);
    }
    const uint8_t *zero = size > 0 ? memchr(data, 0, size) : NULL;
    const size_t text = zero ? (size_t)(zero - data) : size;
    put(json_path, data, text);
    put(shard_path, zero ? zero + 1 : data, zero ? size - text - 1 : 0);
    graft_model *model = NULL;
    graft_error err = {0};
    if (gft_tfjs_read(folder, &model, &err) != GRAFT_OK) {
        if (err.message[0] == '\0')
            abort();
        return 0;
    }
    fuzz_check_model(model);
    graft_model_free(model);
    return 0;
}
