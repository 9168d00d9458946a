/*
 * Placement: random sets of blocks, and random graphs of ops that stamp their output with a pattern
 * of their own and look for the patterns of their inputs: a buffer that is overwritten while it is
 * alive is seen at the next use.
 */
#include "graph/plan_priv.h"
#include "tiny_ops.h"

static void place_blocks(void **state) {
    (void)state;
    gft_rng rng = gft_rng_make(2, GFT_RNG_TEST, 0);
    for (int round = 0; round < 200; round++) {
        enum { MOST = 60 };
        gft_block blocks[MOST];
        gft_block *list[MOST];
        int32_t count = (int32_t)gft_rng_below(&rng, MOST + 1);
        size_t sum = 0;
        for (int32_t i = 0; i < count; i++) {
            int32_t first = (int32_t)gft_rng_below(&rng, 30);
            blocks[i] = (gft_block){gft_rng_below(&rng, 5) ? gft_rng_below(&rng, 5000) : 0, 99,
                                    first, first + (int32_t)gft_rng_below(&rng, 8)};
            sum += (blocks[i].bytes + 63) / 64 * 64;
            list[i] = &blocks[i];
        }
        size_t total = 0;
        OK(gft_plan_place(list, count, &total, err));
        size_t lower = 0; /* what is alive at one time must fit */
        for (int32_t t = 0; t < 40; t++) {
            size_t alive = 0;
            for (int32_t i = 0; i < count; i++)
                alive += blocks[i].first <= t && t <= blocks[i].last
                             ? (blocks[i].bytes + 63) / 64 * 64
                             : 0;
            lower = alive > lower ? alive : lower;
        }
        assert_in_range(total, lower, sum);
        for (int32_t i = 0; i < count; i++) {
            const gft_block *a = &blocks[i];
            assert_int_equal(a->offset % 64, 0);
            assert_true(a->offset + a->bytes <= total);
            for (int32_t k = 0; k < i; k++) {
                const gft_block *b = &blocks[k];
                bool meet = a->first <= b->last && b->first <= a->last;
                bool apart = a->offset + a->bytes <= b->offset || b->offset + b->bytes <= a->offset;
                assert_true(!meet || apart || a->bytes == 0 || b->bytes == 0);
            }
        }
    }
}

static void place_chain_needs_two(void **state) {
    (void)state;
    /* a chain of equal buffers lives in two of them */
    gft_block blocks[20];
    gft_block *list[20];
    for (int32_t i = 0; i < 20; i++) {
        blocks[i] = (gft_block){1000, 0, i, i + 1};
        list[i] = &blocks[i];
    }
    size_t total = 0;
    OK(gft_plan_place(list, 20, &total, err));
    assert_int_equal(total, 2 * 1024);
    /* of two gaps the smaller one that fits is taken */
    gft_block g[] = {{640, 0, 0, 9},  {6400, 0, 0, 4}, {512, 0, 0, 9},
                     {3200, 0, 0, 4}, {448, 0, 0, 9},  {3000, 0, 5, 9}};
    gft_block *gaps[] = {&g[0], &g[1], &g[2], &g[3], &g[4], &g[5]};
    OK(gft_plan_place(gaps, 6, &total, err));
    assert_int_equal(total, 640 + 6400 + 512 + 3200 + 448);
}

static void place_overflow(void **state) {
    (void)state;
    gft_block a = {SIZE_MAX - 100, 0, 0, 1};
    gft_block b = {SIZE_MAX - 200, 0, 0, 1};
    gft_block c = {SIZE_MAX, 0, 0, 1};
    gft_block *list[] = {&a, &b};
    gft_block *one[] = {&c};
    size_t total = 0;
    FAILS(GRAFT_RESOURCE_EXHAUSTED, "memory", gft_plan_place(list, 2, &total, err));
    FAILS(GRAFT_RESOURCE_EXHAUSTED, "memory", gft_plan_place(one, 1, &total, err));
}

/* ---- stamps ---- */

#define STAMP_INPUTS 4

typedef struct stamp_attrs {
    uint32_t own;
    uint32_t expected[STAMP_INPUTS];
    int64_t elems;
    size_t scratch;
    bool in_place;
} stamp_attrs;

static int wrong; /* counted by the ops, looked at by the tests */

static graft_status stamp_infer(const gft_infer *in, graft_error *err) {
    (void)err;
    const stamp_attrs *attrs = in->attrs;
    for (int32_t i = 0; i < in->output_count; i++)
        in->outputs[i] = f32_1(attrs->elems);
    return GRAFT_OK;
}

static graft_status stamp_prepare(gft_prepare *p, graft_error *err) {
    (void)err;
    const stamp_attrs *attrs = p->attrs;
    p->scratch_bytes = attrs->scratch;
    p->phases = 2;
    return GRAFT_OK;
}

static void expect(const void *data, const graft_tensor_desc *desc, uint32_t pattern) {
    const uint32_t *words = data;
    for (int64_t i = 0; i < tiny_elems(desc); i++)
        wrong += words[i] != pattern;
}

static void fill(void *data, const graft_tensor_desc *desc, uint32_t pattern) {
    uint32_t *words = data;
    for (int64_t i = 0; i < tiny_elems(desc); i++)
        words[i] = pattern;
}

static void stamp_run(const gft_exec *e) {
    const stamp_attrs *attrs = e->attrs;
    if (e->phase == 0) {
        for (int32_t i = 0; i < e->input_count; i++)
            expect(e->inputs[i], &e->inputs_desc[i], attrs->expected[i]);
        memset(e->scratch, 0xee, attrs->scratch);
        for (int32_t i = 0; i < e->output_count; i++)
            fill(e->outputs[i], &e->outputs_desc[i], attrs->own + (uint32_t)i);
        return;
    }
    for (int32_t i = 0; i < e->input_count && !attrs->in_place; i++)
        expect(e->inputs[i], &e->inputs_desc[i], attrs->expected[i]);
    for (int32_t i = 0; i < e->output_count; i++)
        expect(e->outputs[i], &e->outputs_desc[i], attrs->own + (uint32_t)i);
    for (size_t i = 0; i < attrs->scratch; i++)
        wrong += ((const uint8_t *)e->scratch)[i] != 0xee;
}

#define STAMP                                                                                      \
    .min_inputs = 0, .max_inputs = -1, .attrs_bytes = sizeof(stamp_attrs), .infer = stamp_infer,   \
    .prepare = stamp_prepare, .run = stamp_run
static const gft_op stamp = {.name = "stamp", .outputs = 1, STAMP};
static const gft_op stamp_two = {.name = "stamp_two", .outputs = 2, STAMP};
static const gft_op stamp_in_place = {
    .name = "stamp_in_place", .outputs = 1, .flags = GFT_OP_IN_PLACE, STAMP};

#define MOST_VALUES 120

typedef struct stamps {
    gft_value_id id[MOST_VALUES];
    uint32_t pattern[MOST_VALUES];
    int32_t count;
} stamps;

static void remember(stamps *s, gft_value_id id, uint32_t pattern) {
    s->id[s->count] = id;
    s->pattern[s->count++] = pattern;
}

static void add_random_node(gft_graph *g, stamps *s, gft_rng *rng, uint32_t number) {
    uint32_t what = gft_rng_below(rng, 10);
    stamp_attrs attrs = {.own = number * 16, .elems = 16 * gft_rng_below(rng, 40)};
    if (what == 0) { /* a view */
        int32_t at = (int32_t)gft_rng_below(rng, (uint32_t)s->count);
        int64_t elems = tiny_elems(&g->values[s->id[at]].desc);
        gft_shape_attrs shape = {.shape = gft_shape_2(elems / 16, 16)};
        remember(s, add_op(g, &tiny_reshape, NULL, &shape, s->id[at], -1), s->pattern[at]);
        return;
    }
    gft_value_id inputs[STAMP_INPUTS];
    int32_t count = 1 + (int32_t)gft_rng_below(rng, STAMP_INPUTS);
    for (int32_t i = 0; i < count; i++) {
        /* mostly recent ones, so that many buffers die young */
        uint32_t reach = gft_rng_below(rng, 3) ? 6 : (uint32_t)s->count;
        reach = reach > (uint32_t)s->count ? (uint32_t)s->count : reach;
        int32_t at = s->count - 1 - (int32_t)gft_rng_below(rng, reach);
        inputs[i] = s->id[at];
        attrs.expected[i] = s->pattern[at];
    }
    attrs.scratch = gft_rng_below(rng, 3) ? 0 : gft_rng_below(rng, 3000);
    const gft_op *op = what < 4 ? &stamp_in_place : what == 4 ? &stamp_two : &stamp;
    attrs.in_place = op == &stamp_in_place;
    if (attrs.in_place)
        attrs.elems = tiny_elems(&g->values[inputs[0]].desc);
    gft_value_id out[2];
    OK(gft_graph_add(g, op, NULL, &attrs, inputs, count, out, err));
    for (int32_t i = 0; i < op->outputs; i++)
        remember(s, out[i], attrs.own + (uint32_t)i);
}

static void check_plan(const gft_plan *plan) {
    const gft_block *blocks[2 * MOST_VALUES + MOST_VALUES];
    int32_t count = 0;
    for (int32_t i = 0; i < plan->place_count; i++) {
        if (plan->places[i].kind == GFT_PLACE_ARENA)
            blocks[count++] = &plan->places[i].block;
    }
    for (int32_t i = 0; i < plan->step_count; i++)
        blocks[count++] = &plan->steps[i].scratch;
    size_t end = 0;
    for (int32_t i = 0; i < count; i++) {
        const gft_block *a = blocks[i];
        end = a->bytes && a->offset + a->bytes > end ? a->offset + a->bytes : end;
        for (int32_t k = 0; k < i; k++) {
            const gft_block *b = blocks[k];
            bool meet = a->first <= b->last && b->first <= a->last && a->bytes && b->bytes;
            assert_false(meet && a->offset < b->offset + b->bytes &&
                         b->offset < a->offset + a->bytes);
        }
    }
    assert_int_equal((end + 63) / 64 * 64, plan->arena_bytes);
}

static void random_graph(uint32_t seed, bool keep_all) {
    gft_rng rng = gft_rng_make(seed, GFT_RNG_TEST, 7);
    gft_graph *g = NULL;
    OK(gft_graph_new(NULL, &g, err));
    stamps s = {.count = 0};
    uint32_t pattern = 0x10000;
    uint32_t data[640];
    for (int i = 0; i < 640; i++)
        data[i] = pattern;
    int64_t elems = 16 * (1 + gft_rng_below(&rng, 39));
    remember(&s, add_input(g, "x", f32_1(elems)), pattern);
    graft_tensor_desc desc = f32_1(320);
    gft_value_id constant = -1;
    OK(gft_graph_const(g, "c", &desc, data, true, &constant, err));
    remember(&s, constant, pattern);
    uint32_t nodes = 5 + gft_rng_below(&rng, 50);
    for (uint32_t i = 0; i < nodes; i++)
        add_random_node(g, &s, &rng, i + 1);
    enum { OUTPUTS = 5 };
    uint32_t expected[OUTPUTS];
    for (int i = 0; i < OUTPUTS; i++) { /* the same value may go out twice */
        int32_t at = i == 0 ? s.count - 1 : (int32_t)gft_rng_below(&rng, (uint32_t)s.count);
        OK(gft_graph_output(g, (const char *[]){"a", "b", "c", "d", "e"}[i], s.id[at], err));
        expected[i] = s.pattern[at];
    }
    gft_plan *plan = NULL;
    gft_plan_options options = {.no_rewrite = true, .keep_all = keep_all};
    OK(gft_plan_new(g, NULL, &options, &plan, err));
    gft_graph_free(g); /* the plan has a copy, with its constants */
    check_plan(plan);
    gft_run *run = NULL;
    OK(gft_run_new(plan, NULL, &run, err));
    gft_plan_unref(plan); /* the run keeps it */
    const void *inputs[1] = {data};
    uint32_t mine[OUTPUTS][640];
    for (int round = 0; round < 3; round++) {
        void *outputs[OUTPUTS];
        for (int i = 0; i < OUTPUTS; i++)
            outputs[i] = round == 0 || (round == 2 && i % 2) ? NULL : mine[i];
        OK(gft_run_execute(run, inputs, round ? outputs : NULL, err));
        assert_int_equal(wrong, 0);
        for (int i = 0; i < OUTPUTS; i++) {
            const uint32_t *y = gft_run_output(run, i);
            if (round && outputs[i])
                assert_ptr_equal(y, mine[i]);
            expect(y, gft_plan_output_desc(plan, i), expected[i]);
        }
        assert_int_equal(wrong, 0);
    }
    for (int i = 0; i < 640; i++)
        assert_int_equal(data[i], pattern);
    gft_run_free(run);
}

static void random_graphs(void **state) {
    (void)state;
    for (uint32_t seed = 0; seed < 300; seed++)
        random_graph(seed, seed % 5 == 0);
}

/* In place: a chain of element-wise ops needs one buffer, and none at all when its end is the
 * caller's. */
static void in_place_chain(void **state) {
    (void)state;
    gft_graph *g = NULL;
    OK(gft_graph_new(NULL, &g, err));
    gft_value_id x = add_input(g, "x", f32_1(1000));
    gft_value_id y = x;
    for (int i = 0; i < 10; i++)
        y = add_op(g, &tiny_relu, NULL, NULL, y, -1);
    OK(gft_graph_output(g, "y", y, err));
    gft_plan *plan = NULL;
    OK(gft_plan_new(g, NULL, NULL, &plan, err));
    assert_int_equal(gft_plan_arena_bytes(plan), 4032);
    gft_plan_unref(plan);
    /* kept apart for taps */
    gft_plan_options keep = {.keep_all = true};
    OK(gft_plan_new(g, NULL, &keep, &plan, err));
    assert_int_equal(gft_plan_arena_bytes(plan), 10 * 4032);
    gft_plan_unref(plan);
    /* x is read in place, not written: one more user at the end sees it unchanged */
    gft_value_id z = add_op(g, &tiny_add, "z", NULL, y, x);
    OK(gft_graph_output(g, "z", z, err));
    OK(gft_plan_new(g, NULL, NULL, &plan, err));
    assert_int_equal(gft_plan_arena_bytes(plan), 2 * 4032);
    gft_plan_unref(plan);
    gft_graph_free(g);
}

/* What is looked at for its shape only is not kept for it. */
static void shape_inputs(void **state) {
    (void)state;
    gft_graph *g = NULL;
    OK(gft_graph_new(NULL, &g, err));
    gft_value_id x = add_input(g, "x", f32_1(1000));
    gft_value_id a = add_op(g, &tiny_relu, "a", NULL, x, -1);
    gft_value_id b = add_op(g, &tiny_relu, "b", NULL, a, -1); /* over a */
    gft_value_id ones = add_op(g, &tiny_ones, "ones", NULL, a, -1);
    gft_value_id y = add_op(g, &tiny_add, "y", NULL, b, ones);
    OK(gft_graph_output(g, "y", y, err));
    for (int rewrite = 0; rewrite < 2; rewrite++) {
        gft_plan_options options = {.no_rewrite = !rewrite};
        gft_plan *plan = NULL;
        gft_run *run = NULL;
        OK(gft_plan_new(g, NULL, &options, &plan, err));
        /* the ones are a constant where rewrites are on */
        assert_int_equal(gft_plan_arena_bytes(plan), rewrite ? 4032 : 2 * 4032);
        assert_int_equal(gft_plan_step_count(plan), rewrite ? 3 : 4);
        OK(gft_run_new(plan, NULL, &run, err));
        float data[1000];
        for (int i = 0; i < 1000; i++)
            data[i] = (float)i;
        const void *inputs[] = {data};
        OK(gft_run_execute(run, inputs, NULL, err));
        const float *result = gft_run_output(run, 0);
        for (int i = 0; i < 1000; i++)
            assert_true(result[i] == (float)(i + 1));
        gft_run_free(run);
        gft_plan_unref(plan);
    }
    gft_graph_free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(place_blocks),   cmocka_unit_test(place_chain_needs_two),
        cmocka_unit_test(place_overflow), cmocka_unit_test(random_graphs),
        cmocka_unit_test(in_place_chain), cmocka_unit_test(shape_inputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
