/*
 * Fuzz target: recipe and module.json texts. Of an accepted recipe every name is mapped and the
 * labels are read.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hub/module_json.h"
#include "hub/recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(gft_recipe *recipe) {
    static const char *const NAMES[] = {"stem_conv/kernel", "block2a_expand_bn/moving_mean",
                                        "block5c_dwconv/depthwise_kernel", ""};
    char from[GFT_RECIPE_MAX_NAME];
    const gft_recipe_rule *rule = NULL;
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (gft_recipe_map(recipe, NAMES[i], from, &rule, NULL) == GRAFT_OK &&
            (strlen(from) >= sizeof from || rule->rank < 0 || rule->rank > GRAFT_MAX_RANK))
            abort();
    for (int32_t i = 0; i < recipe->rule_count; i++)
        if (gft_recipe_map(recipe, recipe->rules[i].to, from, &rule, NULL) == GRAFT_OK &&
            strlen(from) >= sizeof from)
            abort();
    const char *const *labels = NULL;
    int32_t count = 0;
    if (gft_recipe_labels(recipe, &labels, &count, NULL) == GRAFT_OK && count > 0 && !labels[0])
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    graft_error err;
    gft_recipe recipe = {0};
    gft_module module = {0};
    if (gft_recipe_parse((const char *)data, size, "fuzz", &recipe, &err) == GRAFT_OK) {
        use(&recipe);
        gft_recipe_deinit(&recipe);
    }
    if (gft_module_parse((const char *)data, size, "fuzz", &module, &err) == GRAFT_OK)
        gft_module_deinit(&module);
    return 0;
}
