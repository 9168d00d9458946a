/*
 * Frozen graphs, control flow and weights from elsewhere, on GraphDefs built here: what is read,
 * chosen and refused.
 */
#include "models_test.h"

#include "formats/saved_model_file.h"
#include "models/graphdef_read.h"
#include "models/savedmodel_proto.h"

/* A graph being built. */
typedef struct graph_maker {
    gft_arena arena;
    gft_pb pb;
    gft_tf_nodes nodes;
    Tensorflow__GraphDef graph;
} graph_maker;

static void begin(graph_maker *m) {
    *m = (graph_maker){.graph = TENSORFLOW__GRAPH_DEF__INIT};
    m->pb.arena = &m->arena;
    m->nodes.pb = &m->pb;
}

static gft_tf_node *add(graph_maker *m, const char *op, const char *name, const char *a,
                        const char *b) {
    gft_tf_node *node = gft_tf_add_named(&m->nodes, op, name);
    if (a)
        gft_tf_input(&m->nodes, node, a);
    if (b)
        gft_tf_input(&m->nodes, node, b);
    gft_tf_attr_type(&m->nodes, node, "T", GRAFT_F32);
    return node;
}

static void placeholder(graph_maker *m, const char *name, int64_t columns) {
    const graft_shape shape = gft_shape_2(-1, columns);
    gft_tf_node *node = add(m, "Placeholder", name, NULL, NULL);
    gft_tf_attr_type(&m->nodes, node, "dtype", GRAFT_F32);
    gft_tf_attr_shape(&m->nodes, node, "shape", &shape);
}

static void constant(graph_maker *m, const char *name, graft_dtype dtype, graft_shape shape,
                     const void *data) {
    const graft_tensor_desc desc = {dtype, shape, NULL};
    size_t bytes = 0;
    assert_true(gft_desc_bytes(&desc, &bytes));
    const void *copy = gft_arena_memdup(&m->arena, data, bytes);
    assert_non_null(gft_tf_const(&m->nodes, name, &desc, copy));
}

static void truth(graph_maker *m, const char *name, bool value) {
    constant(m, name, GRAFT_BOOL, gft_shape_0(), &value);
}

static graft_status build(graph_maker *m, gft_graphdef_source *source, graft_model **out,
                          graft_error *err) {
    m->graph.node = m->nodes.items;
    m->graph.n_node = m->nodes.count;
    source->graph = &m->graph;
    source->arena = &m->arena;
    source->where = "made.pb";
    GFT_TRY(gft_model_new(out, err));
    graft_status status = gft_graphdef_build(*out, source, err);
    if (status != GRAFT_OK)
        graft_model_free(*out);
    return status;
}

static void end(graph_maker *m, graft_model *model) {
    graft_model_free(model);
    gft_arena_deinit(&m->arena);
}

/* Output 0 for one input, a row of numbers. */
static void run_row(const graft_model *model, const float *x, int64_t n, float *y, int64_t most) {
    graft_session *session = NULL;
    graft_tensor out[4];
    const graft_tensor in = {.name = "x",
                             .desc = gft_desc_f32(gft_shape_2(1, n)),
                             .data = (void *)(uintptr_t)x,
                             .bytes = (size_t)n * sizeof *x};
    const int32_t count = graft_model_output_count(model, 0);
    assert_true(count >= 1 && count <= 4);
    OK(graft_session_new(model, 0, 1, &session, err));
    OK(graft_session_run(session, &in, 1, out, count, err));
    assert_true(out[0].bytes <= (size_t)most * sizeof *y);
    memcpy(y, out[0].data, out[0].bytes);
    graft_session_free(session);
}

/* y = tanh(x * w + b), with leftovers that are no outputs. */
static void make_dense(graph_maker *m, bool with_values) {
    static const float w[] = {1, 2, 3, 4, 5, 6};
    static const float b[] = {0.5f, -0.5f};
    begin(m);
    placeholder(m, "x", 3);
    if (with_values) {
        constant(m, "layer/w", GRAFT_F32, gft_shape_2(3, 2), w);
        constant(m, "layer/b", GRAFT_F32, gft_shape_1(2), b);
    } else {
        (void)add(m, "Const", "layer/w", NULL, NULL);
        (void)add(m, "Const", "layer/b", NULL, NULL);
    }
    (void)add(m, "MatMul", "layer/product", "x", "layer/w");
    (void)add(m, "BiasAdd", "layer/sum", "layer/product", "layer/b");
    (void)add(m, "Tanh", "y", "layer/sum", NULL);
    (void)add(m, "NoOp", "init", NULL, NULL);
    placeholder(m, "unused", 7);
}

static void inputs_outputs_and_weights(void **state) {
    (void)state;
    graph_maker m;
    graft_model *model = NULL;
    gft_graphdef_source source = {0};
    const float x[] = {0.1f, -0.2f, 0.3f};
    float y[2];
    make_dense(&m, true);
    OK(build(&m, &source, &model, err));
    assert_int_equal(graft_model_input_count(model, 0), 1);
    assert_int_equal(graft_model_output_count(model, 0), 1);
    assert_string_equal(model->signatures[0].graph->outputs[0].name, "y");
    assert_int_equal(model->params.count, 2);
    assert_int_equal(gft_params_find(&model->params, "layer/w"), 0);
    assert_int_equal(model->params.items[1].kind, GFT_PARAM_BIAS);
    run_row(model, x, 3, y, 2);
    assert_float_equal(y[0], tanhf(0.1f - 0.6f + 1.5f + 0.5f), 1e-6f);
    assert_float_equal(y[1], tanhf(0.2f - 0.8f + 1.8f - 0.5f), 1e-6f);
    end(&m, model);
}

static void weights_from_elsewhere(void **state) {
    (void)state;
    graph_maker m;
    graft_model *model = NULL;
    float w[] = {1, 0, 0, 1, 0, 0};
    float b[] = {1, 2};
    const graft_tensor weights[] = {
        {"layer/w", gft_desc_f32(gft_shape_2(3, 2)), w, sizeof w},
        {"layer/b", gft_desc_f32(gft_shape_1(2)), b, sizeof b},
    };
    gft_graphdef_source source = {.weights = weights, .weight_count = 2};
    const float x[] = {0.1f, -0.2f, 0.3f};
    float y[2];
    make_dense(&m, false);
    OK(build(&m, &source, &model, err));
    assert_null(graft_model_signature_problem(model, 0));
    assert_ptr_equal(model->params.items[0].data, w); /* borrowed */
    run_row(model, x, 3, y, 2);
    assert_float_equal(y[1], tanhf(-0.2f + 2.0f), 1e-6f);
    end(&m, model);
}

static void chosen_tensors(void **state) {
    (void)state;
    graph_maker m;
    graft_model *model = NULL;
    const gft_graphdef_end outputs[] = {{.tensor = "layer/sum:0"},
                                        {.name = "again", .tensor = "y"}};
    const gft_graphdef_end inputs[] = {{.name = "x", .tensor = "layer/product"}};
    gft_graphdef_source source = {.outputs = outputs, .output_count = 2};
    const float x[] = {0.25f, 4.0f};
    float y[2];
    make_dense(&m, true);
    OK(build(&m, &source, &model, err));
    assert_string_equal(model->signatures[0].graph->outputs[0].name, "layer/sum:0");
    assert_string_equal(model->signatures[0].graph->outputs[1].name, "again");
    graft_model_free(model);
    source.inputs = inputs; /* inside: its shape is what the graph makes of it */
    source.input_count = 1;
    OK(build(&m, &source, &model, err));
    assert_int_equal(model->signature_count, 1);
    run_row(model, x, 2, y, 2);
    assert_float_equal(y[0], 0.75f, 1e-6f);
    graft_model_free(model);
    const gft_graphdef_end nowhere = {.tensor = "nowhere"};
    source.outputs = &nowhere;
    source.output_count = 1;
    FAILS(build(&m, &source, &model, err), GRAFT_NOT_FOUND, "'nowhere' is not in the graph");
    end(&m, NULL);
}

/* What Switch and Merge leave of a branch with this predicate. */
static void switches(void **state) {
    (void)state;
    for (int on = 0; on < 2; on++) {
        graph_maker m;
        graft_model *model = NULL;
        gft_graphdef_source source = {0};
        const float x[] = {3.0f};
        float y[1];
        begin(&m);
        placeholder(&m, "x", 1);
        truth(&m, "p", !on);
        (void)add(&m, "LogicalNot", "not", "p", NULL);
        gft_tf_node *training = add(&m, "PlaceholderWithDefault", "training", "not", NULL);
        (void)add(&m, "Switch", "s", "x", training->name);
        (void)add(&m, "Digamma", "then", "s:1", NULL); /* not read, and not needed */
        (void)add(&m, "Neg", "else", "s:0", NULL);
        (void)add(&m, "Merge", "y", on ? "else" : "then", on ? "then" : "else");
        OK(build(&m, &source, &model, err));
        const char *problem = graft_model_signature_problem(model, 0);
        if (on) {
            assert_non_null(problem);
            assert_non_null(strstr(problem, "node 'then' (op 'Digamma') in the main graph"));
        } else {
            assert_null(problem);
            run_row(model, x, 1, y, 1);
            assert_float_equal(y[0], -3.0f, 0.0f);
        }
        end(&m, model);
    }
}

static void predicates_that_are_inputs(void **state) {
    (void)state;
    graph_maker m;
    graft_model *model = NULL;
    gft_graphdef_source source = {0};
    begin(&m);
    placeholder(&m, "x", 1);
    gft_tf_node *p = add(&m, "Placeholder", "p", NULL, NULL);
    gft_tf_attr_type(&m.nodes, p, "dtype", GRAFT_BOOL);
    gft_tf_attr_shape(&m.nodes, p, "shape", &(graft_shape){0, {0}});
    (void)add(&m, "Switch", "s", "x", "p");
    (void)add(&m, "Neg", "else", "s:0", NULL);
    (void)add(&m, "Merge", "y", "else", "s:1");
    OK(build(&m, &source, &model, err));
    const char *problem = graft_model_signature_problem(model, 0);
    assert_non_null(strstr(problem, "depends on an input"));
    bool found = false;
    for (int32_t i = 0; i < model->signatures[0].op_count; i++) {
        const graft_op_info *op = &model->signatures[0].ops[i];
        if (strcmp(op->name, "Switch") == 0) {
            found = true;
            assert_false(op->supported);
            assert_string_equal(op->node, "s");
            assert_null(op->function);
        }
    }
    assert_true(found);
    end(&m, model);
}

/* A function of one argument: y = x + 1. */
static void add_increment(graph_maker *m, Tensorflow__FunctionDefLibrary *library) {
    gft_tf_function f;
    const graft_shape scalar = {0, {0}};
    const int32_t one = 1;
    gft_tf_function_begin(&f, &m->pb, "increment");
    const char *i = gft_tf_function_arg(&f, "i", GRAFT_S32, &scalar);
    const char *x = gft_tf_function_arg(&f, "x", GRAFT_F32, NULL);
    const graft_tensor_desc desc = {GRAFT_S32, scalar, NULL};
    const char *c = gft_tf_const(&f.nodes, "one", &desc, gft_pb_new(&m->pb, sizeof one, &one));
    gft_tf_function_result(&f, "i", GRAFT_S32, gft_tf_binary(&f.nodes, "AddV2", i, c, GRAFT_S32));
    gft_tf_function_result(&f, "x", GRAFT_F32, gft_tf_binary(&f.nodes, "AddV2", x, x, GRAFT_F32));
    gft_tf_function_end(&f, library);
}

static void add_condition(graph_maker *m, Tensorflow__FunctionDefLibrary *library, int32_t turns) {
    gft_tf_function f;
    const graft_shape scalar = {0, {0}};
    gft_tf_function_begin(&f, &m->pb, "condition");
    const char *i = gft_tf_function_arg(&f, "i", GRAFT_S32, &scalar);
    (void)gft_tf_function_arg(&f, "x", GRAFT_F32, NULL);
    const graft_tensor_desc desc = {GRAFT_S32, scalar, NULL};
    const char *c =
        gft_tf_const(&f.nodes, "limit", &desc, gft_pb_new(&m->pb, sizeof turns, &turns));
    gft_tf_function_result(&f, "on", GRAFT_BOOL, gft_tf_binary(&f.nodes, "Less", i, c, GRAFT_S32));
    gft_tf_function_end(&f, library);
}

static void loops(void **state) {
    (void)state;
    const int32_t turns[] = {0, 1, 5, 100000};
    for (size_t k = 0; k < 4; k++) {
        graph_maker m;
        graft_model *model = NULL;
        gft_graphdef_source source = {0};
        const gft_graphdef_end output = {.tensor = "loop:1"};
        const int32_t zero = 0;
        const float x[] = {1.0f};
        float y[1];
        begin(&m);
        Tensorflow__FunctionDefLibrary library = TENSORFLOW__FUNCTION_DEF_LIBRARY__INIT;
        m.graph.library = &library;
        add_increment(&m, &library);
        add_condition(&m, &library, turns[k]);
        placeholder(&m, "x", 1);
        constant(&m, "zero", GRAFT_S32, gft_shape_0(), &zero);
        gft_tf_node *loop = add(&m, "StatelessWhile", "loop", "zero", "x");
        gft_tf_attr_function(&m.nodes, loop, "cond", "condition");
        gft_tf_attr_function(&m.nodes, loop, "body", "increment");
        source.outputs = &output;
        source.output_count = 1;
        OK(build(&m, &source, &model, err));
        const char *problem = graft_model_signature_problem(model, 0);
        if (turns[k] > 256) {
            assert_non_null(strstr(problem, "how often the loop turns"));
        } else {
            assert_null(problem);
            run_row(model, x, 1, y, 1);
            assert_float_equal(y[0], ldexpf(1.0f, turns[k]), 0.0f);
        }
        end(&m, model);
    }
}

static void broken_graphs(void **state) {
    (void)state;
    graph_maker m;
    graft_model *model = NULL;
    gft_graphdef_source source = {0};
    begin(&m);
    placeholder(&m, "x", 1);
    (void)add(&m, "Neg", "y", "nothing", NULL);
    FAILS(build(&m, &source, &model, err), GRAFT_DATA_LOSS, "no tensor 'nothing'");
    end(&m, NULL);
    begin(&m);
    (void)add(&m, "Neg", "a", "b", NULL);
    (void)add(&m, "Neg", "b", "a", NULL);
    (void)add(&m, "Neg", "y", "a", NULL);
    FAILS(build(&m, &source, &model, err), GRAFT_DATA_LOSS, "depends on itself");
    end(&m, NULL);
    begin(&m);
    (void)add(&m, "NoOp", "nothing", NULL, NULL);
    OK(build(&m, &source, &model, err));
    assert_string_equal(graft_model_signature_problem(model, 0), "it has no outputs");
    end(&m, model);
}

static void files(void **state) {
    (void)state;
    graph_maker m;
    graft_model *model = NULL;
    char folder[64];
    char path[96];
    char text[128];
    gft_buffer bytes;
    const float x[] = {0.25f, 4.0f};
    float y[2];
    gft_buffer_init(&bytes, 1 << 20);
    make_dense(&m, true);
    m.graph.node = m.nodes.items;
    m.graph.n_node = m.nodes.count;
    OK(gft_proto_append(&bytes, &m.graph.base, err));
    (void)snprintf(path, sizeof path, "%s/net.pb", make_dir(folder));
    OK(gft_file_write(path, bytes.data, bytes.bytes, err));
    OK(graft_model_open(path, &model, err));
    assert_string_equal(graft_model_name(model), path);
    graft_model_free(model);
    (void)snprintf(text, sizeof text, "%s#layer/sum@layer/product", path);
    OK(graft_model_open(text, &model, err));
    run_row(model, x, 2, y, 2);
    assert_float_equal(y[1], 3.5f, 1e-6f);
    graft_model_free(model);
    (void)snprintf(text, sizeof text, "%s#layer/total", path);
    FAILS(graft_model_open(text, &model, err), GRAFT_NOT_FOUND, "'layer/total'");
    OK(gft_file_write(path, bytes.data, bytes.bytes / 2, err));
    FAILS(graft_model_open(path, &model, err), GRAFT_DATA_LOSS, "net.pb");
    OK(gft_tree_remove(folder, err));
    gft_buffer_deinit(&bytes);
    end(&m, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inputs_outputs_and_weights),
        cmocka_unit_test(weights_from_elsewhere),
        cmocka_unit_test(chosen_tensors),
        cmocka_unit_test(switches),
        cmocka_unit_test(predicates_that_are_inputs),
        cmocka_unit_test(loops),
        cmocka_unit_test(broken_graphs),
        cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
