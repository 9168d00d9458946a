/*
 * Parameter sets: names and data of a model's weights, shared by every graph made from it.
 */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"
#include "graph/graph_priv.h"

#define FIRST_CAPACITY 32
#define SLOTS_PER_ENTRY 2
#define MAX_PARAMS (1 << 24)

void gft_params_init(gft_params *params) {
    gft_arena_init(&params->arena);
    params->items = NULL;
    params->count = 0;
    params->capacity = 0;
    params->slots = NULL;
    params->slot_count = 0;
}

void gft_params_deinit(gft_params *params) {
    gft_free(params->items);
    gft_free(params->slots);
    gft_arena_deinit(&params->arena);
    gft_params_init(params);
}

/* The slot of this name, or the free one where it would go. There is always one. */
static int32_t *slot_of(const gft_params *params, const char *name) {
    size_t mask = params->slot_count - 1;
    size_t at = (size_t)gft_name_hash(name) & mask;
    while (params->slots[at] && strcmp(params->items[params->slots[at] - 1].name, name) != 0)
        at = (at + 1) & mask;
    return &params->slots[at];
}

static graft_status make_slots(gft_params *params, int32_t capacity, graft_error *err) {
    size_t bytes = (size_t)capacity * SLOTS_PER_ENTRY * sizeof *params->slots;
    int32_t *slots = gft_calloc(1, bytes);
    if (!slots)
        return gft_fail_memory(err, bytes, "a parameter table");
    gft_free(params->slots);
    params->slots = slots;
    params->slot_count = (size_t)capacity * SLOTS_PER_ENTRY;
    for (int32_t i = 0; i < params->count; i++)
        *slot_of(params, params->items[i].name) = i + 1;
    return GRAFT_OK;
}

static graft_status make_room(gft_params *params, graft_error *err) {
    if (params->count < params->capacity)
        return GRAFT_OK;
    if (params->count >= MAX_PARAMS)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "parameters: more than %d", MAX_PARAMS);
    int32_t capacity = params->capacity ? params->capacity * 2 : FIRST_CAPACITY;
    size_t bytes = (size_t)capacity * sizeof *params->items;
    gft_param *items = gft_realloc(params->items, bytes);
    if (!items)
        return gft_fail_memory(err, bytes, "a parameter table");
    params->items = items;
    GFT_TRY(make_slots(params, capacity, err));
    params->capacity = capacity;
    return GRAFT_OK;
}

graft_status gft_params_add(gft_params *params, const char *name, const graft_tensor_desc *desc,
                            gft_param_kind kind, bool trainable, void *data, gft_param_id *out,
                            graft_error *err) {
    char text[GFT_DESC_TEXT_BYTES];
    size_t bytes;
    if (desc->dtype == GRAFT_STRING || !gft_desc_bytes(desc, &bytes))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "parameter '%s': %s has no size, expected a type and shape that are known",
                        name, gft_desc_text(desc, text));
    if (gft_params_find(params, name) >= 0)
        return gft_fail(err, GRAFT_ALREADY_EXISTS, "parameter '%s': the name is taken", name);
    GFT_TRY(make_room(params, err));
    char *copy = gft_arena_strdup(&params->arena, name);
    if (!copy)
        return gft_fail_memory(err, strlen(name) + 1, "a parameter's name");
    if (!data) {
        size_t padded; /* the arena aligns to 16 bytes, kernels like whole cache lines */
        if (!gft_size_add(bytes, GFT_ALIGN, &padded))
            return gft_fail_memory(err, bytes, name);
        uint8_t *storage = gft_arena_alloc(&params->arena, padded);
        if (!storage)
            return gft_fail_memory(err, bytes, name);
        size_t skew = (uintptr_t)storage % GFT_ALIGN;
        data = storage + (skew ? GFT_ALIGN - skew : 0);
    }
    params->items[params->count] = (gft_param){copy, *desc, data, kind, trainable};
    *slot_of(params, name) = params->count + 1;
    *out = params->count++;
    return GRAFT_OK;
}

gft_param_id gft_params_find(const gft_params *params, const char *name) {
    return params->slots ? *slot_of(params, name) - 1 : -1;
}
