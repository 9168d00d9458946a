/*
 * Following tensors, and the walk. A tensor's text ("node:1", "node:output:1", an argument's name)
 * is followed through identities, out of a function to the call's input, into a called function to
 * its result and through branches that are decided, until a node that computes something; the walk
 * lists such nodes by depth-first search with an explicit stack.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "models/savedmodel_read.h"

#define MAX_NAME 512

/* ---- texts ---- */

static graft_status broken(const gft_sm_reader *r, int32_t frame, const char *text,
                           graft_error *err) {
    return gft_fail(err, GRAFT_DATA_LOSS, "%s: in %s, there is no tensor '%.200s'", r->dir,
                    gft_sm_where(r, frame), text);
}

/* Control inputs come behind all others. */
const char *gft_sm_data_input(const Tensorflow__NodeDef *node, int32_t number) {
    if (number < 0 || (size_t)number >= node->n_input || node->input[number][0] == '^')
        return NULL;
    return node->input[number];
}

const char *gft_sm_result(const gft_sm_body *body, int32_t output) {
    const Tensorflow__FunctionDef *f = body->function;
    if (!f || !f->signature || output < 0 || (size_t)output >= f->signature->n_output_arg)
        return NULL;
    const char *name = f->signature->output_arg[output]->name;
    for (size_t i = 0; i < f->n_ret; i++) {
        if (strcmp(f->ret[i]->key, name) == 0)
            return f->ret[i]->value;
    }
    return NULL;
}

/* The number behind the last ':'; 0 without one, -1 for a broken one. */
static int32_t number_of(const char *text) {
    const char *last = strrchr(text, ':');
    if (!last)
        return 0;
    char *end;
    const long number = strtol(last + 1, &end, 10);
    return last[1] >= '0' && last[1] <= '9' && *end == '\0' && number < INT16_MAX ? (int32_t)number
                                                                                  : -1;
}

graft_status gft_sm_parse(const gft_sm_reader *r, int32_t frame, const char *text, int32_t *node,
                          int32_t *output, graft_error *err) {
    const gft_sm_body *body = r->frames[frame].body;
    const size_t length = strcspn(text, ":");
    char name[MAX_NAME];
    int32_t index;
    *output = number_of(text);
    if (*output < 0 || length >= sizeof name)
        return broken(r, frame, text, err);
    memcpy(name, text, length);
    name[length] = '\0';
    if (!gft_sm_names_find(&body->names, name, &index))
        return broken(r, frame, text, err);
    if (index < 0) {
        *node = -1;
        *output = -1 - index;
        return GRAFT_OK;
    }
    *node = index;
    const char *argument = text[length] == ':' ? text + length + 1 : NULL;
    const char *last = strrchr(text, ':');
    if (argument && last >= argument)
        *output =
            gft_sm_flat_output(body->nodes[index], argument, (size_t)(last - argument), *output);
    return *output >= 0 ? GRAFT_OK : broken(r, frame, text, err);
}

/* ---- calls ---- */

/* Which function a node calls. */
static const char *called(const Tensorflow__NodeDef *node) {
    if (strcmp(node->op, "PartitionedCall") != 0 &&
        strcmp(node->op, "StatefulPartitionedCall") != 0)
        return node->op;
    const Tensorflow__AttrValue *f = gft_tf_find_attr(node, "f");
    return f && f->value_case == TENSORFLOW__ATTR_VALUE__VALUE_FUNC ? f->func->name : "";
}

graft_status gft_sm_callee(gft_sm_reader *r, gft_sm_site site, int32_t *out, graft_error *err) {
    gft_sm_state *state = gft_sm_state_of(r, site);
    const gft_sm_kind kind = gft_sm_kind_of(r, site);
    int32_t child = state->child;
    if (child == GFT_SM_CALL_UNKNOWN && kind == GFT_SM_CALL) {
        GFT_TRY(gft_sm_enter(r, site, called(gft_sm_node(r, site)), 0, -1, &child, err));
        state->child = ++child;
    } else if (child == GFT_SM_CALL_UNKNOWN && kind == GFT_SM_CONTROL) {
        GFT_TRY(gft_sm_decide(r, site, &child, err));
        state->child = child;
    }
    *out = child > 0 ? child - 1 : -1;
    return GRAFT_OK;
}

/* ---- following ---- */

/* What an argument of a frame is, as text in *frame. */
static const char *argument_text(const gft_sm_reader *r, int32_t *frame, int32_t number) {
    const gft_sm_frame *f = &r->frames[*frame];
    if (f->before >= 0) {
        *frame = f->before;
        return gft_sm_result(r->frames[f->before].body, number);
    }
    const char *text = gft_sm_data_input(gft_sm_node(r, f->call), f->first_input + number);
    *frame = f->call.frame;
    return text;
}

/* Where output `output` of a node comes from: *next in *frame; NULL: from the node itself. */
static graft_status lead(gft_sm_reader *r, gft_sm_site site, int32_t output, int32_t *frame,
                         const char **next, bool *dangling, graft_error *err) {
    const Tensorflow__NodeDef *node = gft_sm_node(r, site);
    const gft_sm_kind kind = gft_sm_kind_of(r, site);
    int32_t callee;
    int32_t input = -1;
    *next = NULL;
    *dangling = false;
    if (kind == GFT_SM_OTHER || gft_sm_state_of(r, site)->outputs)
        return GRAFT_OK;
    GFT_TRY(gft_sm_callee(r, site, &callee, err));
    if (callee >= 0) {
        *frame = callee;
        *next = gft_sm_result(r->frames[callee].body, output);
        *dangling = !*next;
        return GRAFT_OK;
    }
    if (gft_sm_state_of(r, site)->child == GFT_SM_CALL_PASSES)
        input = output;
    else if (kind == GFT_SM_PASSES)
        input = strcmp(node->op, "IdentityN") == 0 ? output : 0;
    else
        GFT_TRY(gft_sm_switched(r, site, output, &input, err));
    if (input >= 0) {
        *next = gft_sm_data_input(node, input);
        *dangling = !*next;
    }
    return GRAFT_OK;
}

graft_status gft_sm_resolve(gft_sm_reader *r, int32_t frame, const char *text, gft_sm_tensor *out,
                            graft_error *err) {
    const char *origin = text;
    for (int hop = 0; hop < GFT_SM_MAX_HOPS; hop++) {
        const int32_t here = frame;
        const char *next;
        int32_t node;
        int32_t output;
        bool dangling;
        GFT_TRY(gft_sm_parse(r, frame, text, &node, &output, err));
        if (node < 0) {
            next = argument_text(r, &frame, output);
            dangling = !next;
        } else {
            const gft_sm_site site = {frame, node};
            GFT_TRY(lead(r, site, output, &frame, &next, &dangling, err));
            if (!next && !dangling) {
                *out = (gft_sm_tensor){site, output};
                return GRAFT_OK;
            }
        }
        if (dangling)
            return broken(r, here, text, err);
        text = next;
    }
    return gft_fail(err, GRAFT_DATA_LOSS, "%s: tensor '%.200s' leads through more than %d nodes",
                    r->dir, origin, GFT_SM_MAX_HOPS);
}

/* ---- the walk ---- */

typedef struct visit {
    gft_sm_site site;
    size_t next; /* input to look at */
} visit;

typedef struct walk {
    visit *stack;
    size_t depth, stack_capacity;
    gft_sm_site *order;
    size_t count, order_capacity;
} walk;

static graft_status grow(void *items, size_t *capacity, size_t unit, graft_error *err) {
    void *old;
    memcpy(&old, items, sizeof old);
    const size_t larger = *capacity == 0 ? 64 : *capacity * 2;
    void *p = gft_realloc(old, larger * unit);
    if (!p)
        return gft_fail_memory(err, larger * unit, "a graph's order");
    memcpy(items, &p, sizeof p);
    *capacity = larger;
    return GRAFT_OK;
}

static graft_status enter(gft_sm_reader *r, walk *w, gft_sm_site site, graft_error *err) {
    gft_sm_state *state = gft_sm_state_of(r, site);
    if (state->mark == 2)
        return GRAFT_OK;
    if (state->mark == 1)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: node '%s' in %s depends on itself", r->dir,
                        gft_sm_node(r, site)->name, gft_sm_where(r, site.frame));
    if (w->depth == w->stack_capacity)
        GFT_TRY(grow(&w->stack, &w->stack_capacity, sizeof *w->stack, err));
    state->mark = 1;
    w->stack[w->depth++] = (visit){site, 0};
    return GRAFT_OK;
}

/* The input to look at next; n_input: there is none. Some nodes are read as a whole, without all
 * that hangs on them. */
static graft_status next_input(gft_sm_reader *r, gft_sm_site site, size_t *next, graft_error *err) {
    const Tensorflow__NodeDef *node = gft_sm_node(r, site);
    bool rows = false;
    int32_t whole = -1;
    if (*next == 0 && r->source_count > 0)
        GFT_TRY(gft_sm_whole_variable(r, site, &whole, err));
    if (*next == 1)
        GFT_TRY(gft_sm_is_row_norm(r, site, &rows, err));
    if (whole >= 0 || rows)
        *next = node->n_input;
    return GRAFT_OK;
}

static graft_status walk_on(gft_sm_reader *r, walk *w, graft_error *err) {
    while (w->depth > 0) {
        visit *top = &w->stack[w->depth - 1];
        const gft_sm_site site = top->site;
        const Tensorflow__NodeDef *node = gft_sm_node(r, site);
        const bool input = gft_sm_state_of(r, site)->outputs;
        if (!input)
            GFT_TRY(next_input(r, site, &top->next, err));
        if (input || top->next == node->n_input) {
            if (w->count == w->order_capacity)
                GFT_TRY(grow(&w->order, &w->order_capacity, sizeof *w->order, err));
            w->order[w->count++] = site;
            gft_sm_state_of(r, site)->mark = 2;
            w->depth--;
            continue;
        }
        const char *text = node->input[top->next++];
        if (text[0] == '^')
            continue;
        gft_sm_tensor tensor;
        GFT_TRY(gft_sm_resolve(r, site.frame, text, &tensor, err));
        GFT_TRY(enter(r, w, tensor.site, err));
    }
    return GRAFT_OK;
}

graft_status gft_sm_walk(gft_sm_reader *r, const gft_sm_tensor *roots, size_t count,
                         gft_sm_site **order, size_t *order_count, graft_error *err) {
    walk w = {0};
    graft_status status = GRAFT_OK;
    for (size_t i = 0; i < count; i++) {
        GFT_GOTO(enter(r, &w, roots[i].site, err));
        GFT_GOTO(walk_on(r, &w, err));
    }
    *order = w.order;
    *order_count = w.count;
    w.order = NULL;
done:
    gft_free(w.stack);
    gft_free(w.order);
    return status;
}
