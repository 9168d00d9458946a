/*
 * Fuzz target: saved_model.pb as a model, beside a checkpoint that holds the variables of the
 * corpus. What loads has a graph or a problem per signature, and every graph can be put in order
 * and checked again.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/models/savedmodel_maker.h"
#include "base/alloc.h"
#include "fuzz_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/graft-fuzz-XXXXXX";
static char *model_dir, *model_pb;

static void clean_up(void) {
    (void)!gft_tree_remove(folder, NULL);
    gft_free(model_dir);
    gft_free(model_pb);
}

/* One model with the parameters of all kinds that the corpus holds. */
static void set_up(void) {
    static const char *const kinds[] = {"cnn", "pair", "text"};
    maker m = {.rng = gft_rng_make(11, GFT_RNG_TEST, 0)};
    if (!mkdtemp(folder) || gft_model_new(&m.model, NULL) != GRAFT_OK)
        abort();
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        MAKER_DO(&m, gft_graph_new(&m.model->params, &m.graph, NULL));
        for (size_t k = 0; k < MAKER_KINDS; k++) {
            if (strcmp(maker_kinds[k].name, kinds[i]) == 0)
                maker_kinds[k].make(&m);
        }
        MAKER_DO(&m, gft_model_add_signature(m.model, kinds[i], m.graph, NULL));
    }
    model_dir = gft_path_join(folder, "model");
    model_pb = gft_path_join(model_dir, "saved_model.pb");
    MAKER_DO(&m, gft_savedmodel_write(m.model, model_dir, false, NULL));
    if (m.status != GRAFT_OK)
        abort();
    graft_model_free(m.model);
    char *vocabulary = gft_path_join(model_dir, "assets/v.txt"); /* of the corpus' look-up table */
    char *assets = gft_path_join(model_dir, "assets");
    if (gft_dir_make(assets, NULL) != GRAFT_OK ||
        gft_file_write(vocabulary, "a\nb\n", 4, NULL) != GRAFT_OK)
        abort();
    gft_free(assets);
    gft_free(vocabulary);
    (void)atexit(clean_up);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!model_dir)
        set_up();
    FILE *file = fopen(model_pb, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0)
        abort();
    graft_model *model = NULL;
    graft_error err = {0};
    if (gft_savedmodel_read(model_dir, &model, &err) != GRAFT_OK) {
        if (err.message[0] == '\0')
            abort();
        return 0;
    }
    fuzz_check_model(model);
    graft_model_free(model);
    return 0;
}
