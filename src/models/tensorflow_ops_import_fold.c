/*
 * Arithmetic on integers that are known (or partly known) while reading: shapes, axes, conditions
 * on them.
 */
#include <string.h>

#include "models/tensorflow_ops_import.h"

static bool is(const char *op, const char *name) {
    return strcmp(op, name) == 0;
}

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static int64_t divided(const char *op, int64_t a, int64_t b) {
    if (b == 0 || b == -1)
        return GFT_TF_UNKNOWN;
    if (is(op, "FloorDiv"))
        return floor_div(a, b);
    if (is(op, "FloorMod"))
        return a - floor_div(a, b) * b;
    if (is(op, "Mod") || is(op, "TruncateMod"))
        return a % b;
    return a / b; /* RealDiv does not occur with integers; Div, TruncateDiv */
}

static bool divides(const char *op) {
    return is(op, "FloorDiv") || is(op, "FloorMod") || is(op, "Mod") || is(op, "TruncateMod") ||
           is(op, "Div") || is(op, "TruncateDiv");
}

static int64_t compared(const char *op, int64_t a, int64_t b) {
    return is(op, "Equal")          ? a == b
           : is(op, "NotEqual")     ? a != b
           : is(op, "Less")         ? a < b
           : is(op, "LessEqual")    ? a <= b
           : is(op, "Greater")      ? a > b
           : is(op, "GreaterEqual") ? a >= b
           : is(op, "LogicalAnd")   ? a && b
           : is(op, "LogicalOr")    ? a || b
                                    : GFT_TF_UNKNOWN;
}

int64_t gft_tf_int_result(const char *op, int64_t a, int64_t b) {
    int64_t y = GFT_TF_UNKNOWN;
    bool bad = false;
    if (is(op, "Mul") && (a == 0 || b == 0))
        return 0;
    if (a == GFT_TF_UNKNOWN || b == GFT_TF_UNKNOWN)
        return GFT_TF_UNKNOWN;
    if (strncmp(op, "Add", 3) == 0)
        bad = __builtin_add_overflow(a, b, &y);
    else if (is(op, "Sub"))
        bad = __builtin_sub_overflow(a, b, &y);
    else if (is(op, "Mul"))
        bad = __builtin_mul_overflow(a, b, &y);
    else if (is(op, "Maximum"))
        y = a > b ? a : b;
    else if (is(op, "Minimum"))
        y = a < b ? a : b;
    else if (divides(op))
        y = divided(op, a, b);
    else
        y = compared(op, a, b);
    return bad ? GFT_TF_UNKNOWN : y;
}

/* A dimension times a number, or plus nothing, is still one that comes from somewhere. */
static gft_tf_dim origin(const char *op, const gft_tf_ints *a, int32_t i, const gft_tf_ints *b,
                         int32_t k) {
    const bool left = a->values[i] == GFT_TF_UNKNOWN;
    const gft_tf_dim none = {0};
    gft_tf_dim from = left ? a->dims[i] : b->dims[k];
    const int64_t other = left ? b->values[k] : a->values[i];
    if (other == GFT_TF_UNKNOWN || from.value == 0)
        return none;
    if (is(op, "Mul") && other > 0 && !__builtin_mul_overflow(from.times, other, &from.times))
        return from;
    const bool adds = strncmp(op, "Add", 3) == 0 || (is(op, "Sub") && left);
    if ((adds && other == 0) || (is(op, "Maximum") && other <= 1) ||
        (is(op, "FloorDiv") && left && other == 1))
        return from;
    if (is(op, "FloorDiv") && left && other > 0 && from.times % other == 0) {
        from.times /= other;
        return from;
    }
    return none;
}

static bool is_compare(const char *op) {
    static const char *const ops[] = {"Equal",     "NotEqual", "Less",
                                      "LessEqual", "Greater",  "GreaterEqual"};
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        if (is(ops[i], op))
            return true;
    }
    return false;
}

bool gft_tf_fold_binary(const gft_tf_import *m, gft_tf_ints *y) {
    const char *op = m->node->op;
    gft_tf_ints a;
    gft_tf_ints b;
    if (!gft_tf_operand_of(m, 0, &a) || !gft_tf_operand_of(m, 1, &b))
        return false;
    if (a.count != b.count && a.count != 1 && b.count != 1)
        return false;
    if (a.count != 1 && b.count != 1 && (a.rank != b.rank || a.cols != b.cols))
        return false;
    *y = a.count != 1 || (b.count == 1 && a.rank >= b.rank) ? a : b;
    if (is_compare(op))
        y->dtype = GRAFT_BOOL;
    for (int32_t i = 0; i < y->count; i++) {
        const int32_t ia = a.count == 1 ? 0 : i;
        const int32_t ib = b.count == 1 ? 0 : i;
        y->values[i] = gft_tf_int_result(op, a.values[ia], b.values[ib]);
        if (y->values[i] == GFT_TF_UNKNOWN)
            y->dims[i] = origin(op, &a, ia, &b, ib);
        if (y->values[i] == GFT_TF_UNKNOWN && is_compare(op))
            return false; /* a condition on what a run knows */
    }
    return true;
}

bool gft_tf_fold_unary(const gft_tf_import *m, gft_tf_ints *y) {
    const char *op = m->node->op;
    if (!gft_tf_operand_of(m, 0, y))
        return false;
    for (int32_t i = 0; i < y->count; i++) {
        const int64_t v = y->values[i];
        if (v == GFT_TF_UNKNOWN)
            return false;
        if (is(op, "Neg"))
            y->values[i] = -v;
        else if (is(op, "Abs"))
            y->values[i] = v < 0 ? -v : v;
        else if (is(op, "Sign"))
            y->values[i] = (v > 0) - (v < 0);
        else if (is(op, "LogicalNot"))
            y->values[i] = !v;
        else if (is(op, "Square"))
            y->values[i] = gft_tf_int_result("Mul", v, v);
        else
            return false;
    }
    return true;
}

/* All of them: a vector has one axis. */
bool gft_tf_fold_reduce(const gft_tf_import *m, gft_tf_ints *y) {
    static const struct {
        const char *op, *step;
        int64_t first;
    } ways[] = {{"Prod", "Mul", 1},
                {"Sum", "Add", 0},
                {"Max", "Maximum", INT64_MIN + 1},
                {"Min", "Minimum", INT64_MAX},
                {"All", "LogicalAnd", 1},
                {"Any", "LogicalOr", 0}};
    gft_tf_ints x;
    if (!gft_tf_operand_of(m, 0, &x) || x.rank > 1)
        return false;
    for (size_t k = 0; k < sizeof ways / sizeof ways[0]; k++) {
        if (!is(ways[k].op, m->node->op))
            continue;
        *y = (gft_tf_ints){.rank = gft_tf_get_bool(m->node, "keep_dims", false) ? x.rank : 0,
                           .count = 1,
                           .dtype = x.dtype};
        y->values[0] = ways[k].first;
        for (int32_t i = 0; i < x.count; i++) {
            const gft_tf_ints before = *y;
            y->values[0] = gft_tf_int_result(ways[k].step, y->values[0], x.values[i]);
            y->dims[0] = y->values[0] == GFT_TF_UNKNOWN ? origin(ways[k].step, &before, 0, &x, i)
                                                        : (gft_tf_dim){0};
        }
        return true;
    }
    return false;
}
