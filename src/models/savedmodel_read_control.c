/*
 * Branches and loops of functions (If, Case, While) whose conditions are constants: the branch that
 * is taken becomes a call, a loop one call per turn, each taking its arguments from the turn
 * before. Conditions are computed from scalar constants (a training flag, a loop's counter); what
 * depends on an input of the signature stays undecided, and its node is refused.
 */
#include <string.h>

#include "base/shape.h"
#include "formats/tensor_proto.h"
#include "models/savedmodel_read.h"

/* ---- scalars ---- */

/* A scalar constant of integers or truth values. */
static bool constant(const Tensorflow__NodeDef *node, int64_t *out) {
    const Tensorflow__AttrValue *value = gft_tf_find_attr(node, "value");
    graft_shape shape;
    if (!value || value->value_case != TENSORFLOW__ATTR_VALUE__VALUE_TENSOR)
        return false;
    const Tensorflow__TensorProto *t = value->tensor;
    if (gft_tensor_proto_shape(t->tensor_shape, "", &shape, NULL) != GRAFT_OK ||
        gft_shape_elems(&shape) != 1)
        return false;
    int32_t narrow = 0;
    *out = 0;
    switch (t->dtype) {
    case GRAFT_BOOL:
        if (t->tensor_content.len == 1)
            *out = t->tensor_content.data[0] != 0;
        else
            *out = t->n_bool_val > 0 && t->bool_val[0];
        return true;
    case GRAFT_S32:
        if (t->tensor_content.len == sizeof narrow)
            memcpy(&narrow, t->tensor_content.data, sizeof narrow);
        else if (t->n_int_val > 0)
            narrow = t->int_val[0];
        *out = narrow;
        return true;
    case GRAFT_S64:
        if (t->tensor_content.len == sizeof *out)
            memcpy(out, t->tensor_content.data, sizeof *out);
        else if (t->n_int64_val > 0)
            *out = t->int64_val[0];
        return true;
    default:
        return false;
    }
}

typedef struct scalar_op {
    const char *op;
    int32_t operands;
    enum { NOT, AND, OR, EQUAL, NOT_EQUAL, LESS, LESS_EQUAL, ADD, SUB, MUL, CAST } kind;
    bool swapped;
} scalar_op;

static const scalar_op OPS[] = {
    {"Add", 2, ADD, false},
    {"AddV2", 2, ADD, false},
    {"Cast", 1, CAST, false},
    {"Equal", 2, EQUAL, false},
    {"Greater", 2, LESS, true},
    {"GreaterEqual", 2, LESS_EQUAL, true},
    {"Less", 2, LESS, false},
    {"LessEqual", 2, LESS_EQUAL, false},
    {"LogicalAnd", 2, AND, false},
    {"LogicalNot", 1, NOT, false},
    {"LogicalOr", 2, OR, false},
    {"Mul", 2, MUL, false},
    {"NotEqual", 2, NOT_EQUAL, false},
    {"Sub", 2, SUB, false},
};

/* False if it overflows. */
static bool compute(const scalar_op *op, int64_t a, int64_t b, int64_t *out) {
    switch (op->kind) {
    case NOT:
        *out = a == 0;
        return true;
    case AND:
        *out = a && b;
        return true;
    case OR:
        *out = a || b;
        return true;
    case EQUAL:
        *out = a == b;
        return true;
    case NOT_EQUAL:
        *out = a != b;
        return true;
    case LESS:
        *out = a < b;
        return true;
    case LESS_EQUAL:
        *out = a <= b;
        return true;
    case ADD:
        return !__builtin_add_overflow(a, b, out);
    case SUB:
        return !__builtin_sub_overflow(a, b, out);
    case MUL:
        return !__builtin_mul_overflow(a, b, out);
    default:
        *out = a;
        return true;
    }
}

/* Only integers and truth values: a float is no number here. */
static bool casts_numbers(const Tensorflow__NodeDef *node) {
    const graft_dtype to = gft_tf_get_type(node, "DstT", GRAFT_F32);
    const graft_dtype from = gft_tf_get_type(node, "SrcT", GRAFT_F32);
    const bool wide = to == GRAFT_S32 || to == GRAFT_S64;
    return wide && (from == GRAFT_BOOL || from == GRAFT_S32 || from == GRAFT_S64);
}

static graft_status compute_node(gft_sm_reader *r, gft_sm_site site, bool *known, int64_t *number,
                                 graft_error *err) {
    const Tensorflow__NodeDef *node = gft_sm_node(r, site);
    int64_t v[2] = {0, 0};
    const scalar_op *op = NULL;
    for (size_t i = 0; i < sizeof OPS / sizeof OPS[0] && !op; i++)
        op = strcmp(OPS[i].op, node->op) == 0 ? &OPS[i] : NULL;
    if (!op || (op->kind == CAST && !casts_numbers(node)))
        return GRAFT_OK;
    for (int32_t i = 0; i < op->operands; i++) {
        const char *text = gft_sm_data_input(node, i);
        bool there = false;
        if (text)
            GFT_TRY(gft_sm_number(r, site.frame, text, &there, &v[i], err));
        if (!there)
            return GRAFT_OK;
    }
    *known = compute(op, v[op->swapped], v[1 - op->swapped], number);
    return GRAFT_OK;
}

graft_status gft_sm_number(gft_sm_reader *r, int32_t frame, const char *text, bool *known,
                           int64_t *number, graft_error *err) {
    gft_sm_tensor tensor;
    *known = false;
    if (r->questions >= GFT_SM_MAX_QUESTIONS)
        return GRAFT_OK;
    r->questions++;
    graft_status status = gft_sm_resolve(r, frame, text, &tensor, err);
    if (status == GRAFT_OK) {
        gft_sm_state *state = gft_sm_state_of(r, tensor.site);
        if (state->known == 0 && !state->outputs) {
            state->known = 1;
            bool found = false;
            if (strcmp(gft_sm_node(r, tensor.site)->op, "Const") == 0)
                found = constant(gft_sm_node(r, tensor.site), &state->number);
            else
                status = compute_node(r, tensor.site, &found, &state->number, err);
            state->known = found ? 2 : 1;
        }
        *known = state->known == 2;
        *number = state->number;
    }
    r->questions--;
    return status;
}

/* ---- branches ---- */

static const char *function_attr(const Tensorflow__NodeDef *node, const char *key) {
    const Tensorflow__AttrValue *f = gft_tf_find_attr(node, key);
    return f && f->value_case == TENSORFLOW__ATTR_VALUE__VALUE_FUNC ? f->func->name : NULL;
}

static bool is_one_of(const Tensorflow__NodeDef *node, const char *op) {
    return strcmp(node->op, op) == 0 ||
           (strncmp(node->op, "Stateless", 9) == 0 && strcmp(node->op + 9, op) == 0);
}

bool gft_sm_is_control(const Tensorflow__NodeDef *node) {
    return is_one_of(node, "If") || is_one_of(node, "Case") || is_one_of(node, "While");
}

/* The function of an If or Case that is taken; NULL: not known. */
static graft_status taken(gft_sm_reader *r, gft_sm_site site, const char **name, graft_error *err) {
    const Tensorflow__NodeDef *node = gft_sm_node(r, site);
    const char *text = gft_sm_data_input(node, 0);
    bool known = false;
    int64_t number = 0;
    *name = NULL;
    if (text)
        GFT_TRY(gft_sm_number(r, site.frame, text, &known, &number, err));
    if (!known)
        return GRAFT_OK;
    if (is_one_of(node, "If")) {
        *name = function_attr(node, number ? "then_branch" : "else_branch");
        return GRAFT_OK;
    }
    const Tensorflow__AttrValue *list = gft_tf_find_attr(node, "branches");
    if (!list || list->value_case != TENSORFLOW__ATTR_VALUE__VALUE_LIST || list->list->n_func == 0)
        return GRAFT_OK;
    const size_t last = list->list->n_func - 1;
    *name = list->list->func[number >= 0 && (uint64_t)number < last ? (size_t)number : last]->name;
    return GRAFT_OK;
}

/* ---- loops ---- */

/* One turn's condition; `before`: the frame of the turn before, -1: the first. */
static graft_status goes_on(gft_sm_reader *r, gft_sm_site site, const char *condition,
                            int32_t before, bool *known, bool *on, graft_error *err) {
    int32_t frame;
    int64_t number = 0;
    *known = false;
    GFT_TRY(gft_sm_enter(r, site, condition, 0, before, &frame, err));
    const char *result = gft_sm_result(r->frames[frame].body, 0);
    if (result)
        GFT_TRY(gft_sm_number(r, frame, result, known, &number, err));
    *on = number != 0;
    return GRAFT_OK;
}

static graft_status unroll(gft_sm_reader *r, gft_sm_site site, int32_t *child, graft_error *err) {
    const Tensorflow__NodeDef *node = gft_sm_node(r, site);
    const char *condition = function_attr(node, "cond");
    const char *body = function_attr(node, "body");
    int32_t frame = -1;
    if (!condition || !body)
        return GRAFT_OK;
    for (int turn = 0; turn <= GFT_SM_MAX_TURNS; turn++) {
        bool known;
        bool on;
        GFT_TRY(goes_on(r, site, condition, frame, &known, &on, err));
        if (!known)
            return GRAFT_OK;
        if (!on) {
            *child = turn == 0 ? GFT_SM_CALL_PASSES : frame + 1;
            return GRAFT_OK;
        }
        GFT_TRY(gft_sm_enter(r, site, body, 0, frame, &frame, err));
    }
    return GRAFT_OK;
}

graft_status gft_sm_decide(gft_sm_reader *r, gft_sm_site site, int32_t *child, graft_error *err) {
    const Tensorflow__NodeDef *node = gft_sm_node(r, site);
    const char *name = NULL;
    *child = GFT_SM_CALL_NONE;
    gft_sm_state_of(r, site)->child = GFT_SM_CALL_NONE; /* while it is being asked */
    r->decided = true;
    if (is_one_of(node, "While"))
        return unroll(r, site, child, err);
    GFT_TRY(taken(r, site, &name, err));
    if (name) {
        GFT_TRY(gft_sm_enter(r, site, name, 1, -1, child, err));
        ++*child;
    }
    return GRAFT_OK;
}

const char *gft_sm_control_problem(const Tensorflow__NodeDef *node) {
    static const char *const old[] = {"Enter",  "RefEnter",  "Exit",  "NextIteration", "LoopCond",
                                      "Switch", "RefSwitch", "Merge", "RefMerge"};
    if (is_one_of(node, "If") || is_one_of(node, "Case"))
        return "which branch is taken depends on an input; only constant conditions are resolved";
    if (is_one_of(node, "While"))
        return "how often the loop turns depends on an input (or is more than 256 times); only "
               "constant conditions are resolved";
    for (size_t i = 0; i < sizeof old / sizeof old[0]; i++) {
        if (strcmp(node->op, old[i]) == 0)
            return i < 5 ? "loops of TensorFlow 1 are not read"
                         : "which branch is taken depends on an input; only constant conditions "
                           "are resolved";
    }
    return NULL;
}
