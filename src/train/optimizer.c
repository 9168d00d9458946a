/*
 * Keras 3's Adam, AdamW, SGD (momentum, Nesterov) and RMSprop; see optimizer.h. Element-wise, so
 * slices run in parallel.
 */
#include "train/optimizer.h"

#include <math.h>
#include <string.h>

#include "base/size.h"
#include "base/words.h"

#define SLICE 16384

int gft_optimizer_slots(const gft_optimizer *optimizer) {
    switch (optimizer->kind) {
    case GFT_ADAM:
    case GFT_ADAMW:
        return 2;
    case GFT_RMSPROP:
        return optimizer->momentum > 0 ? 2 : 1;
    case GFT_SGD:
        return optimizer->momentum > 0 ? 1 : 0;
    }
    return 0;
}

/* ---- text ---- */

static bool set_option(gft_optimizer *o, const char *key, double value) {
    const struct {
        const char *name;
        double *where;
    } options[] = {{"beta_1", &o->beta_1},   {"beta_2", &o->beta_2},
                   {"rho", &o->rho},         {"momentum", &o->momentum},
                   {"epsilon", &o->epsilon}, {"weight_decay", &o->weight_decay}};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (strcmp(options[i].name, key) == 0) {
            *options[i].where = value;
            return true;
        }
    }
    return false;
}

static graft_status parse_option(gft_optimizer *o, const char *word, const char *text,
                                 graft_error *err) {
    char buffer[64];
    size_t length = strlen(word);
    if (length >= sizeof buffer)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "optimizer '%s': option is too long", text);
    memcpy(buffer, word, length + 1);
    char *equals = strchr(buffer, '=');
    double value = 1.0;
    if (equals) {
        *equals = '\0';
        if (!gft_words_f64(equals + 1, &value) || value < 0)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "optimizer '%s': '%s' is not a number >= 0", text, equals + 1);
    }
    if (strcmp(buffer, "nesterov") == 0) {
        o->nesterov = value != 0;
        return GRAFT_OK;
    }
    if (!equals || !set_option(o, buffer, value))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "optimizer '%s': unknown option '%s'; expected beta_1, beta_2, rho, "
                        "momentum, epsilon, weight_decay "
                        "(each =NUMBER) or nesterov",
                        text, word);
    return GRAFT_OK;
}

static graft_status check(const gft_optimizer *o, const char *text, graft_error *err) {
    if (o->beta_1 >= 1 || o->beta_2 >= 1 || o->rho >= 1 || o->momentum > 1)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "optimizer '%s': beta_1, beta_2 and rho are below 1, momentum at most 1",
                        text);
    return GRAFT_OK;
}

graft_status gft_optimizer_parse(const char *text, gft_optimizer *out, graft_error *err) {
    static const char *const names[] = {"sgd", "rmsprop", "adam", "adamw"};
    gft_optimizer o = {.beta_1 = 0.9, .beta_2 = 0.999, .rho = 0.9, .epsilon = 1e-7};
    char copy[256];
    size_t length = strlen(text);
    if (length >= sizeof copy)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "optimizer: text of %zu bytes is too long",
                        length);
    memcpy(copy, text, length + 1);
    char *colon = strchr(copy, ':');
    if (colon)
        *colon = '\0';
    size_t kind = 0;
    while (kind < 4 && strcmp(names[kind], copy) != 0)
        kind++;
    if (kind == 4) {
        const char *near = gft_words_nearest(copy, names, 4);
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "optimizer: unknown '%s'; expected adam, adamw, sgd or rmsprop%s%s%s", copy,
                        near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
    }
    o.kind = (gft_optimizer_kind)kind;
    if (o.kind == GFT_ADAMW)
        o.weight_decay = 0.004;
    char *word = colon ? colon + 1 : NULL;
    while (word) {
        char *comma = strchr(word, ',');
        if (comma)
            *comma = '\0';
        GFT_TRY(parse_option(&o, word, text, err));
        word = comma ? comma + 1 : NULL;
    }
    GFT_TRY(check(&o, text, err));
    *out = o;
    return GRAFT_OK;
}

/* ---- update ---- */

typedef struct update {
    const gft_optimizer *o;
    float lr, lr_corrected;
    float *w;
    const float *g;
    float *const *slots;
    int64_t count;
} update;

static void adam(const update *u, int64_t from, int64_t to) {
    float b1 = (float)(1.0 - u->o->beta_1);
    float b2 = (float)(1.0 - u->o->beta_2);
    float epsilon = (float)u->o->epsilon;
    float *m = u->slots[0];
    float *v = u->slots[1];
    for (int64_t i = from; i < to; i++) {
        float g = u->g[i];
        m[i] += (g - m[i]) * b1;
        v[i] += (g * g - v[i]) * b2;
        u->w[i] -= u->lr_corrected * m[i] / (sqrtf(v[i]) + epsilon);
    }
}

static void rmsprop(const update *u, int64_t from, int64_t to) {
    float rho = (float)u->o->rho;
    float momentum = (float)u->o->momentum;
    float epsilon = (float)u->o->epsilon;
    float *v = u->slots[0];
    for (int64_t i = from; i < to; i++) {
        float g = u->g[i];
        v[i] = rho * v[i] + (1.0f - rho) * g * g;
        float increment = u->lr * g / sqrtf(v[i] + epsilon);
        if (momentum > 0) {
            u->slots[1][i] = momentum * u->slots[1][i] + increment;
            increment = u->slots[1][i];
        }
        u->w[i] -= increment;
    }
}

static void sgd(const update *u, int64_t from, int64_t to) {
    float momentum = (float)u->o->momentum;
    for (int64_t i = from; i < to; i++) {
        float step = u->lr * u->g[i];
        if (momentum > 0) {
            float *m = u->slots[0];
            m[i] = momentum * m[i] - step;
            u->w[i] += u->o->nesterov ? momentum * m[i] - step : m[i];
        } else {
            u->w[i] -= step;
        }
    }
}

static void run_slice(void *context, int64_t task, int worker) {
    (void)worker;
    const update *u = context;
    int64_t from = task * SLICE;
    int64_t to = gft_i64_min(from + SLICE, u->count);
    if (u->o->weight_decay > 0) {
        /* Keras decays before the update, by lr * weight_decay, every variable. */
        float keep = 1.0f - u->lr * (float)u->o->weight_decay;
        for (int64_t i = from; i < to; i++)
            u->w[i] *= keep;
    }
    if (u->o->kind == GFT_SGD)
        sgd(u, from, to);
    else if (u->o->kind == GFT_RMSPROP)
        rmsprop(u, from, to);
    else
        adam(u, from, to);
}

void gft_optimizer_step(const gft_optimizer *optimizer, double lr, int64_t iteration,
                        float *weights, const float *grads, float *const *slots, int64_t count,
                        gft_pool *pool) {
    double t = (double)iteration;
    double corrected =
        lr * sqrt(1.0 - pow(optimizer->beta_2, t)) / (1.0 - pow(optimizer->beta_1, t));
    update u = {optimizer, (float)lr, (float)corrected, weights, grads, slots, count};
    gft_pool_run(pool, gft_i64_ceil_div(count, SLICE), run_slice, &u);
}
