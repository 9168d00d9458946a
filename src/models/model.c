/*
 * The model object: making, looking at and freeing it. Signatures own their graphs, the model owns
 * the parameters all of them share, and what has to stay alive because parameters borrow from it.
 * The card is card.c, opening is open.c.
 */
#include "models/model.h"

#include <string.h>

#include "base/alloc.h"
#include "base/shape.h"

graft_status gft_model_new(graft_model **out, graft_error *err) {
    graft_model *model = gft_calloc(1, sizeof *model);
    if (!model)
        return gft_fail_memory(err, sizeof *model, "a model");
    gft_arena_init(&model->arena);
    gft_params_init(&model->params);
    *out = model;
    return GRAFT_OK;
}

void graft_model_free(graft_model *model) {
    if (!model)
        return;
    for (int32_t i = 0; i < model->signature_count; i++) {
        gft_graph_free(model->signatures[i].graph);
        for (int32_t rank = 0; rank < GFT_SIGNATURE_RANKS; rank++)
            gft_graph_free(model->signatures[i].by_rank[rank]);
    }
    gft_params_deinit(&model->params);
    for (int32_t i = model->keep_count; i-- > 0;)
        model->keeps[i].close(model->keeps[i].object);
    gft_arena_deinit(&model->arena);
    gft_free(model);
}

graft_status gft_model_keep_open(graft_model *model, void (*close)(void *), void *object,
                                 graft_error *err) {
    if (model->keep_count == GFT_MODEL_MAX_KEEPS) {
        close(object);
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "model: more than %d open files",
                        GFT_MODEL_MAX_KEEPS);
    }
    model->keeps[model->keep_count++] = (gft_model_keep){.close = close, .object = object};
    return GRAFT_OK;
}

graft_status gft_model_keep_checked(graft_model *model, void (*close)(void *),
                                    graft_status (*check)(void *, size_t, graft_error *),
                                    void *object, graft_error *err) {
    GFT_TRY(gft_model_keep_open(model, close, object, err));
    model->keeps[model->keep_count - 1].check = check;
    return GRAFT_OK;
}

graft_status gft_model_check_weights(const graft_model *model, size_t most, graft_error *err) {
    for (int32_t i = 0; i < model->keep_count; i++) {
        if (model->keeps[i].check)
            GFT_TRY(model->keeps[i].check(model->keeps[i].object, most, err));
    }
    return GRAFT_OK;
}

graft_status gft_model_add_signature(graft_model *model, const char *name, gft_graph *graph_take,
                                     graft_error *err) {
    graft_status status = GRAFT_OK;
    const char *copy = NULL;
    if (model->signature_count == GFT_MODEL_MAX_SIGNATURES)
        status = gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "model: signature '%s': more than %d",
                          name, GFT_MODEL_MAX_SIGNATURES);
    else if (graft_model_find_signature(model, name) >= 0)
        status =
            gft_fail(err, GRAFT_ALREADY_EXISTS, "model: there is a signature '%s' already", name);
    else if (!(copy = gft_arena_strdup(&model->arena, name)))
        status = gft_fail_memory(err, strlen(name) + 1, "a signature's name");
    if (status != GRAFT_OK) {
        gft_graph_free(graph_take);
        return status;
    }
    model->signatures[model->signature_count++] =
        (gft_signature){.name = copy, .graph = graph_take};
    return GRAFT_OK;
}

const gft_graph *gft_signature_graph(const gft_signature *signature, int32_t rank) {
    const bool other = rank >= 0 && rank < GFT_SIGNATURE_RANKS && signature->by_rank[rank];
    return other ? signature->by_rank[rank] : signature->graph;
}

graft_status gft_model_set_labels(graft_model *model, const char *const *labels, int32_t count,
                                  graft_error *err) {
    const char **copy = gft_arena_array(&model->arena, (size_t)count, sizeof *copy);
    if (!copy)
        return gft_fail_memory(err, (unsigned long long)count * sizeof *copy, "labels");
    for (int32_t i = 0; i < count; i++) {
        copy[i] = gft_arena_strdup(&model->arena, labels[i]);
        if (!copy[i])
            return gft_fail_memory(err, strlen(labels[i]) + 1, "a label");
    }
    model->labels = copy;
    model->label_count = count;
    return GRAFT_OK;
}

graft_status gft_model_set_label_lines(graft_model *model, char *text, graft_error *err) {
    size_t lines = 1;
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    graft_status status = GRAFT_OK;
    const char **labels = gft_calloc(lines, sizeof *labels);
    if (!labels)
        return gft_fail_memory(err, lines * sizeof *labels, "labels");
    int32_t count = 0;
    for (char *line = text; line && *line;) {
        char *end = line + strcspn(line, "\n");
        char *next = *end ? end + 1 : NULL;
        if (end > line && end[-1] == '\r')
            end[-1] = '\0';
        *end = '\0';
        labels[count++] = line;
        line = next;
    }
    if (count > 0)
        status = gft_model_set_labels(model, labels, count, err);
    gft_free(labels);
    return status;
}

/* ---- what it is ---- */

const char *graft_model_name(const graft_model *model) {
    return model->name ? model->name : "";
}

const char *graft_model_backbone(const graft_model *model) {
    return model->backbone;
}

bool graft_model_preprocess(const graft_model *model, graft_preprocess *out) {
    if (!model->has_preprocess)
        return false;
    *out = model->preprocess;
    return true;
}

int32_t graft_model_label_count(const graft_model *model) {
    return model->label_count;
}

const char *graft_model_label(const graft_model *model, int32_t index) {
    return index >= 0 && index < model->label_count ? model->labels[index] : NULL;
}

int64_t graft_model_parameter_count(const graft_model *model, bool trainable_only) {
    int64_t sum = 0;
    for (int32_t i = 0; i < model->params.count; i++) {
        const gft_param *param = &model->params.items[i];
        if (param->kind == GFT_PARAM_SLOT || (trainable_only && !param->trainable))
            continue;
        int64_t elems = gft_shape_elems(&param->desc.shape);
        sum += elems > 0 ? elems : 0;
    }
    return sum;
}

const char *graft_model_card_json(const graft_model *model) {
    return model->card;
}

/* ---- signatures ---- */

static const gft_signature *signature_at(const graft_model *model, int32_t i) {
    return i >= 0 && i < model->signature_count ? &model->signatures[i] : NULL;
}

int32_t graft_model_signature_count(const graft_model *model) {
    return model->signature_count;
}

const char *graft_model_signature_name(const graft_model *model, int32_t signature) {
    const gft_signature *s = signature_at(model, signature);
    return s ? s->name : NULL;
}

int32_t graft_model_find_signature(const graft_model *model, const char *name) {
    const char *wanted = name ? name : "serving_default";
    for (int32_t i = 0; i < model->signature_count; i++) {
        if (strcmp(model->signatures[i].name, wanted) == 0)
            return i;
    }
    return !name && model->signature_count == 1 ? 0 : -1;
}

const char *graft_model_signature_problem(const graft_model *model, int32_t signature) {
    const gft_signature *s = signature_at(model, signature);
    if (!s)
        return "there is no such signature";
    if (s->graph)
        return NULL;
    return s->problem ? s->problem : "it could not be read";
}

int32_t graft_model_input_count(const graft_model *model, int32_t signature) {
    const gft_signature *s = signature_at(model, signature);
    return s && s->graph ? s->graph->input_count : 0;
}

int32_t graft_model_output_count(const graft_model *model, int32_t signature) {
    const gft_signature *s = signature_at(model, signature);
    return s && s->graph ? s->graph->output_count : 0;
}

static bool describe(const gft_graph *graph, const gft_binding *binding, const char **name,
                     graft_tensor_desc *desc) {
    if (name)
        *name = binding->name;
    if (desc)
        *desc = gft_graph_value(graph, binding->value)->desc;
    return true;
}

bool graft_model_input(const graft_model *model, int32_t signature, int32_t i, const char **name,
                       graft_tensor_desc *desc) {
    if (i < 0 || i >= graft_model_input_count(model, signature))
        return false;
    const gft_graph *graph = model->signatures[signature].graph;
    return describe(graph, &graph->inputs[i], name, desc);
}

bool graft_model_output(const graft_model *model, int32_t signature, int32_t i, const char **name,
                        graft_tensor_desc *desc) {
    if (i < 0 || i >= graft_model_output_count(model, signature))
        return false;
    const gft_graph *graph = model->signatures[signature].graph;
    return describe(graph, &graph->outputs[i], name, desc);
}
