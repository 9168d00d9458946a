/*
 * TensorFlow 1's branches. A Switch gives its data to one of two outputs, what hangs on the other
 * never runs; a Merge gives the one input that did run. With a constant predicate (is_training with
 * its default) a Switch is its data and a Merge one of its inputs.
 */
#include <string.h>

#include "base/alloc.h"
#include "models/savedmodel_read.h"

enum { ASKED = 1, RUNS, NEVER };

bool gft_sm_is_switch(const Tensorflow__NodeDef *node) {
    return strcmp(node->op, "Switch") == 0 || strcmp(node->op, "RefSwitch") == 0;
}

bool gft_sm_is_merge(const Tensorflow__NodeDef *node) {
    return strcmp(node->op, "Merge") == 0 || strcmp(node->op, "RefMerge") == 0;
}

/* Whether output `output` of a Switch is the one that never has data. */
static graft_status closed(gft_sm_reader *r, gft_sm_site site, int32_t output, bool *known,
                           bool *shut, graft_error *err) {
    const Tensorflow__NodeDef *node = gft_sm_node(r, site);
    const char *predicate = gft_sm_data_input(node, 1);
    int64_t number = 0;
    *known = false;
    if (predicate)
        GFT_TRY(gft_sm_number(r, site.frame, predicate, known, &number, err));
    *shut = *known && (number != 0) != (output == 1);
    return GRAFT_OK;
}

typedef struct question {
    int32_t node;
    size_t next;  /* input to look at */
    size_t alive; /* inputs that run */
} question;

typedef struct asker {
    gft_sm_reader *r;
    int32_t frame;
    question *stack;
    size_t depth, capacity;
} asker;

static graft_status push(asker *a, int32_t node, graft_error *err) {
    if (a->depth == a->capacity) {
        const size_t larger = a->capacity ? a->capacity * 2 : 64;
        question *grown = gft_realloc(a->stack, larger * sizeof *grown);
        if (!grown)
            return gft_fail_memory(err, larger * sizeof *grown, "branches");
        a->stack = grown;
        a->capacity = larger;
    }
    a->r->frames[a->frame].states[node].dead = ASKED;
    a->stack[a->depth++] = (question){node, 0, 0};
    return GRAFT_OK;
}

/* What an input's text says: RUNS, NEVER, or 0 and the node to ask first. */
static graft_status edge(asker *a, const char *text, int *out, int32_t *node, graft_error *err) {
    const bool control = text[0] == '^';
    int32_t output;
    bool known = false;
    bool shut = false;
    *out = RUNS;
    GFT_TRY(gft_sm_parse(a->r, a->frame, control ? text + 1 : text, node, &output, err));
    if (*node < 0)
        return GRAFT_OK;
    const gft_sm_site site = {a->frame, *node};
    if (!control && gft_sm_kind_of(a->r, site) == GFT_SM_SWITCH)
        GFT_TRY(closed(a->r, site, output, &known, &shut, err));
    const int8_t dead = gft_sm_state_of(a->r, site)->dead;
    *out = shut || dead == NEVER ? NEVER : dead == 0 ? 0 : RUNS; /* a circle is a loop: it runs */
    return GRAFT_OK;
}

/* A node never runs if one of its inputs never does; a Merge, if none does. */
static graft_status ask(asker *a, int32_t node, graft_error *err) {
    GFT_TRY(push(a, node, err));
    while (a->depth > 0) {
        question *top = &a->stack[a->depth - 1];
        const gft_sm_site site = {a->frame, top->node};
        const Tensorflow__NodeDef *def = gft_sm_node(a->r, site);
        const bool merge = gft_sm_kind_of(a->r, site) == GFT_SM_MERGE;
        int8_t *dead = &gft_sm_state_of(a->r, site)->dead;
        if (*dead == NEVER || top->next == def->n_input) {
            if (*dead == ASKED)
                *dead = merge && def->n_input > 0 && top->alive == 0 ? NEVER : RUNS;
            a->depth--;
            continue;
        }
        int state;
        int32_t first;
        GFT_TRY(edge(a, def->input[top->next], &state, &first, err));
        if (state == 0) {
            GFT_TRY(push(a, first, err));
            continue;
        }
        top->next++;
        top->alive += state == RUNS;
        if (state == NEVER && !merge)
            *dead = NEVER;
    }
    return GRAFT_OK;
}

/* Whether what this text of the frame names runs. */
static graft_status runs(gft_sm_reader *r, int32_t frame, const char *text, bool *out,
                         graft_error *err) {
    asker a = {.r = r, .frame = frame};
    int state;
    int32_t node;
    graft_status status = edge(&a, text, &state, &node, err);
    if (status == GRAFT_OK && state == 0) {
        status = ask(&a, node, err);
        if (status == GRAFT_OK)
            status = edge(&a, text, &state, &node, err);
    }
    gft_free(a.stack);
    *out = state == RUNS;
    return status;
}

static graft_status merged(gft_sm_reader *r, gft_sm_site site, graft_error *err) {
    const Tensorflow__NodeDef *node = gft_sm_node(r, site);
    gft_sm_state *state = gft_sm_state_of(r, site);
    int32_t alive = 0;
    state->merged = 1;
    for (int32_t i = 0;; i++) {
        const char *text = gft_sm_data_input(node, i);
        bool on = false;
        if (!text)
            break;
        GFT_TRY(runs(r, site.frame, text, &on, err));
        if (on) {
            state->number = i;
            alive++;
        }
    }
    state->merged = alive == 1 ? 2 : 1;
    return GRAFT_OK;
}

graft_status gft_sm_switched(gft_sm_reader *r, gft_sm_site site, int32_t output, int32_t *input,
                             graft_error *err) {
    const gft_sm_kind kind = gft_sm_kind_of(r, site);
    *input = -1;
    if (kind == GFT_SM_SWITCH) {
        bool known;
        bool shut;
        GFT_TRY(closed(r, site, output, &known, &shut, err));
        *input = known && !shut ? 0 : -1;
    } else if (kind == GFT_SM_MERGE && output == 0) {
        gft_sm_state *state = gft_sm_state_of(r, site);
        if (state->merged == 0)
            GFT_TRY(merged(r, site, err));
        *input = state->merged == 2 ? (int32_t)state->number : -1;
    }
    return GRAFT_OK;
}
