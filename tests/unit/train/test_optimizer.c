/*
 * Optimisers against a double-precision statement of Keras 3's rules, over several steps, and their
 * text form.
 */
#include "cmocka_all.h"

#include <math.h>
#include <string.h>

#include "train/optimizer.h"

enum { COUNT = 1000, STEPS = 5 };

typedef struct reference {
    double w[COUNT], a[COUNT], b[COUNT];
} reference;

static double gradient(int i, int step) {
    return sin(0.37 * i + 1.3 * step) * (i % 7 == 0 ? 10.0 : 0.1);
}

/* One element of Keras' update_step, in its own order of operations. */
static void keras_update(const gft_optimizer *o, reference *r, int i, double g, double lr, int t) {
    if (o->kind == GFT_ADAMW)
        r->w[i] -= r->w[i] * o->weight_decay * lr;
    switch (o->kind) {
    case GFT_ADAM:
    case GFT_ADAMW: {
        double alpha = lr * sqrt(1 - pow(o->beta_2, t)) / (1 - pow(o->beta_1, t));
        r->a[i] += (g - r->a[i]) * (1 - o->beta_1);
        r->b[i] += (g * g - r->b[i]) * (1 - o->beta_2);
        r->w[i] -= alpha * r->a[i] / (sqrt(r->b[i]) + o->epsilon);
        break;
    }
    case GFT_RMSPROP:
        r->a[i] = o->rho * r->a[i] + (1 - o->rho) * g * g;
        r->b[i] = o->momentum * r->b[i] + lr * g / sqrt(r->a[i] + o->epsilon);
        r->w[i] -= r->b[i];
        break;
    case GFT_SGD:
        r->a[i] = o->momentum * r->a[i] - lr * g;
        r->w[i] += o->nesterov ? o->momentum * r->a[i] - lr * g : r->a[i];
        break;
    }
}

static void check_rule(const char *text) {
    static reference r;
    static float w[COUNT], g[COUNT], s0[COUNT], s1[COUNT];
    gft_optimizer o;
    float *const slots[2] = {s0, s1};
    assert_int_equal(gft_optimizer_parse(text, &o, NULL), GRAFT_OK);
    memset(&r, 0, sizeof r);
    memset(s0, 0, sizeof s0);
    memset(s1, 0, sizeof s1);
    for (int i = 0; i < COUNT; i++) {
        w[i] = (float)cos(i);
        r.w[i] = (double)w[i];
    }
    for (int t = 1; t <= STEPS; t++) {
        for (int i = 0; i < COUNT; i++) {
            g[i] = (float)gradient(i, t);
            keras_update(&o, &r, i, (double)g[i], 0.01, t);
        }
        gft_optimizer_step(&o, 0.01, t, w, g, slots, COUNT, NULL);
    }
    for (int i = 0; i < COUNT; i++)
        assert_true(fabs((double)w[i] - r.w[i]) < 2e-6);
}

static void test_rules(void **state) {
    (void)state;
    static const char *const rules[] = {"adam",
                                        "adamw",
                                        "sgd",
                                        "sgd:momentum=0.9",
                                        "sgd:momentum=0.9,nesterov",
                                        "rmsprop",
                                        "rmsprop:rho=0.8,momentum=0.5",
                                        "adam:beta_1=0.8,epsilon=0.001",
                                        "adamw:weight_decay=0.1"};
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        check_rule(rules[i]);
}

static void test_slots(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int slots;
    } cases[] = {{"sgd", 0},     {"sgd:momentum=0.9", 1},
                 {"rmsprop", 1}, {"rmsprop:momentum=0.1", 2},
                 {"adam", 2},    {"adamw", 2}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gft_optimizer o;
        assert_int_equal(gft_optimizer_parse(cases[i].text, &o, NULL), GRAFT_OK);
        assert_int_equal(gft_optimizer_slots(&o), cases[i].slots);
    }
}

static void test_wrong_text(void **state) {
    (void)state;
    static const char *const wrong[] = {"",
                                        "adm",
                                        "adam:",
                                        "adam:beta_1",
                                        "adam:beta_1=1",
                                        "sgd:momentum=x",
                                        "sgd:momentm=0.9",
                                        "adam:lr=-1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        gft_optimizer o;
        graft_error err = {0};
        assert_int_equal(gft_optimizer_parse(wrong[i], &o, &err), GRAFT_INVALID_ARGUMENT);
        assert_true(err.message[0] != '\0');
    }
    graft_error err = {0};
    gft_optimizer o;
    assert_int_equal(gft_optimizer_parse("adm", &o, &err), GRAFT_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "did you mean 'adam'"));
}

static void test_threads_do_not_matter(void **state) {
    (void)state;
    enum { MANY = 100003 };
    static float w[2][MANY], s[2][2][MANY], g[MANY];
    gft_pool *pool = NULL;
    gft_optimizer o;
    assert_int_equal(gft_pool_new(3, &pool, NULL), GRAFT_OK);
    assert_int_equal(gft_optimizer_parse("adam", &o, NULL), GRAFT_OK);
    for (int i = 0; i < MANY; i++)
        g[i] = (float)gradient(i, 1);
    for (int k = 0; k < 2; k++) {
        float *const slots[2] = {s[k][0], s[k][1]};
        gft_optimizer_step(&o, 0.1, 1, w[k], g, slots, MANY, k ? pool : NULL);
    }
    assert_memory_equal(w[0], w[1], sizeof w[0]);
    gft_pool_free(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rules), cmocka_unit_test(test_slots),
                                       cmocka_unit_test(test_wrong_text),
                                       cmocka_unit_test(test_threads_do_not_matter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
