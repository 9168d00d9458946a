/*
 * The SavedModel writer and reader against each other: models of every kind written, read, run and
 * written again; what is said of ops, variables and files that are not as they should be.
 * TensorFlow judges the files in tests/interop.
 */
#include "models_test.h"

#include <unistd.h>

#include "formats/saved_model_file.h"
#include "graph/plan.h"
#include "savedmodel_maker.h"

static char folder[64];

static char *inside(const char *name) {
    char *path = gft_path_join(folder, name);
    assert_non_null(path);
    return path;
}

static int make_folder(void **state) {
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/graft-savedmodel-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    return gft_tree_remove(folder, NULL) == GRAFT_OK ? 0 : -1;
}

/* ---- running ---- */

typedef struct result {
    graft_tensor_desc desc[16];
    float *data[16];
    int32_t count;
} result;

static void free_result(result *r) {
    for (int32_t i = 0; i < r->count; i++)
        gft_free(r->data[i]);
}

/* Runs signature 0 on seeded inputs of this batch; the outputs come in the order of their names. */
static result run_model(const graft_model *model, int64_t batch) {
    const gft_graph *graph = model->signatures[0].graph;
    assert_non_null(graph);
    const gft_plan_options options = {0};
    gft_plan *plan = NULL;
    gft_run *run = NULL;
    graft_shape shapes[4];
    void *inputs[4];
    result r = {.count = graph->output_count};
    assert_true(graph->input_count <= 4 && r.count <= 16);
    for (int32_t i = 0; i < graph->input_count; i++) {
        const graft_tensor_desc *desc = &graph->values[graph->inputs[i].value].desc;
        gft_rng rng = gft_rng_make(hash_name(graph->inputs[i].name), GFT_RNG_TEST, 1);
        shapes[i] = desc->shape;
        for (int32_t d = 0; d < shapes[i].rank; d++)
            shapes[i].dims[d] = shapes[i].dims[d] >= 0 ? shapes[i].dims[d] : d == 0 ? batch : 5;
        const int64_t elems = gft_shape_elems(&shapes[i]);
        inputs[i] = gft_malloc((size_t)elems * 4);
        for (int64_t k = 0; k < elems; k++) {
            if (desc->dtype == GRAFT_S32)
                ((int32_t *)inputs[i])[k] = (int32_t)gft_rng_below(&rng, 50);
            else
                ((float *)inputs[i])[k] = 4.0f * gft_rng_uniform(&rng) - 2.0f;
        }
    }
    OK(gft_plan_new(graph, shapes, &options, &plan, err));
    OK(gft_run_new(plan, NULL, &run, err));
    OK(gft_run_execute(run, (const void *const *)inputs, NULL, err));
    for (int32_t i = 0; i < r.count; i++) {
        int32_t rank = 0; /* how many names are smaller */
        for (int32_t k = 0; k < r.count; k++)
            rank += strcmp(graph->outputs[k].name, graph->outputs[i].name) < 0;
        size_t bytes;
        r.desc[rank] = *gft_plan_output_desc(plan, i);
        assert_true(gft_desc_bytes(&r.desc[rank], &bytes));
        r.data[rank] = gft_malloc(bytes + 1);
        memcpy(r.data[rank], gft_run_output(run, i), bytes);
    }
    gft_run_free(run);
    gft_plan_unref(plan);
    for (int32_t i = 0; i < graph->input_count; i++)
        gft_free(inputs[i]);
    return r;
}

static void same_results(const char *kind, const graft_model *a, const graft_model *b) {
    for (int64_t batch = 1; batch <= 3; batch += 2) {
        result x = run_model(a, batch);
        result y = run_model(b, batch);
        assert_int_equal(x.count, y.count);
        for (int32_t i = 0; i < x.count; i++) {
            assert_true(gft_shape_equal(&x.desc[i].shape, &y.desc[i].shape));
            const int64_t elems = gft_shape_elems(&x.desc[i].shape);
            float most = 0.0f;
            for (int64_t k = 0; k < elems; k++)
                most = fmaxf(most, fabsf(x.data[i][k]));
            for (int64_t k = 0; k < elems; k++) {
                if (!(fabsf(x.data[i][k] - y.data[i][k]) <= 2e-6f * most))
                    fail_msg("%s: output %d, element %lld: %g and %g", kind, i, (long long)k,
                             (double)x.data[i][k], (double)y.data[i][k]);
            }
        }
        free_result(&x);
        free_result(&y);
    }
}

/* ---- round trips ---- */

static void same_parameters(const graft_model *a, const graft_model *b) {
    for (int32_t i = 0; i < a->params.count; i++) {
        const gft_param *p = &a->params.items[i];
        const gft_param_id id = gft_params_find(&b->params, p->name);
        size_t bytes;
        if (id < 0)
            fail_msg("no parameter '%s'", p->name);
        const gft_param *q = &b->params.items[id];
        assert_int_equal(id, i);
        assert_int_equal(p->trainable, q->trainable);
        assert_int_equal(p->desc.dtype, q->desc.dtype);
        assert_true(gft_shape_equal(&p->desc.shape, &q->desc.shape));
        assert_true(gft_desc_bytes(&p->desc, &bytes));
        assert_memory_equal(p->data, q->data, bytes);
        if (p->kind == GFT_PARAM_STATISTIC)
            assert_int_equal(q->kind, GFT_PARAM_STATISTIC);
    }
    assert_int_equal(a->params.count, b->params.count);
}

static void same_bytes(const char *kind, const char *a, const char *b, const char *name) {
    uint8_t *bytes[2];
    size_t counts[2];
    char *paths[2] = {gft_path_join(a, name), gft_path_join(b, name)};
    for (int i = 0; i < 2; i++)
        OK(gft_file_read(paths[i], (size_t)1 << 28, &bytes[i], &counts[i], err));
    if (counts[0] != counts[1] || memcmp(bytes[0], bytes[1], counts[0]) != 0)
        fail_msg("%s: %s is another one after a second round (%zu and %zu bytes)", kind, name,
                 counts[0], counts[1]);
    for (int i = 0; i < 2; i++) {
        gft_free(bytes[i]);
        gft_free(paths[i]);
    }
}

static int32_t live_nodes(const gft_graph *graph) {
    int32_t count = 0;
    for (int32_t i = 0; i < graph->node_count; i++)
        count += graph->nodes[i].op != NULL;
    return count;
}

static void every_kind_comes_back(void **state) {
    (void)state;
    for (size_t k = 0; k < MAKER_KINDS; k++) {
        const char *kind = maker_kinds[k].name;
        char *first = inside(kind);
        char *second = inside("second");
        char *third = inside("third");
        graft_model *made = NULL;
        graft_model *read = NULL;
        graft_model *again = NULL;
        OK(make_model(kind, &made, err));
        OK(gft_savedmodel_write(made, first, false, err));
        OK(gft_savedmodel_read(first, &read, err));
        same_parameters(made, read);
        same_results(kind, made, read);
        OK(gft_savedmodel_write(read, second, true, err));
        OK(gft_savedmodel_read(second, &again, err));
        same_parameters(made, again);
        same_results(kind, made, again);
        OK(gft_savedmodel_write(again, third, true, err));
        if (live_nodes(read->signatures[0].graph) == live_nodes(made->signatures[0].graph))
            same_bytes(kind, second, third,
                       "saved_model.pb"); /* where every op is one of TensorFlow's */
        same_bytes(kind, first, third, "variables/variables.index");
        same_bytes(kind, first, third, "variables/variables.data-00000-of-00001");
        graft_model_free(made);
        graft_model_free(read);
        graft_model_free(again);
        gft_free(first);
        gft_free(second);
        gft_free(third);
    }
}

static const gft_node *node_named(const gft_graph *graph, const char *name) {
    for (int32_t i = 0; i < graph->node_count; i++) {
        if (graph->nodes[i].op && strcmp(graph->nodes[i].name, name) == 0)
            return &graph->nodes[i];
    }
    return NULL;
}

static void layers_keep_their_names(void **state) {
    (void)state;
    graft_model *made = NULL;
    graft_model *read = NULL;
    char *path = inside("layers");
    OK(make_model("cnn", &made, err));
    OK(gft_savedmodel_write(made, path, false, err));
    OK(gft_savedmodel_read(path, &read, err));
    const gft_graph *a = made->signatures[0].graph;
    const gft_graph *b = read->signatures[0].graph;
    for (int32_t i = 0; i < a->node_count; i++) {
        const gft_node *node = &a->nodes[i];
        const gft_node *same = node_named(b, node->name);
        if (!same)
            fail_msg("no node '%s'", node->name);
        assert_string_equal(same->layer, node->layer);
        assert_ptr_equal(same->op, node->op);
        assert_int_equal(same->input_count, node->input_count);
    }
    assert_int_equal(live_nodes(b), live_nodes(a));
    const gft_batch_norm_attrs *norm = node_named(b, "stem/bn")->attrs;
    assert_true(norm->train && norm->momentum == 0.9f && norm->epsilon == 1e-3f);
    const gft_dropout_attrs *dropout = node_named(b, "head/dropout")->attrs;
    assert_true(dropout->rate == 0.25f && dropout->key == 7);
    /* the rest of the model */
    assert_int_equal(graft_model_label_count(read), 4);
    assert_string_equal(graft_model_label(read, 3), "bird of prey");
    graft_preprocess rule;
    assert_true(graft_model_preprocess(read, &rule));
    assert_true(rule.height == 32 && rule.interpolation == GRAFT_BICUBIC);
    assert_int_equal(graft_model_signature_count(read), 2);
    assert_string_equal(graft_model_signature_name(read, 0), "serving_default");
    assert_string_equal(graft_model_signature_name(read, 1), "serving_jpeg");
    assert_null(graft_model_signature_problem(read, 0));
    assert_non_null(strstr(graft_model_signature_problem(read, 1), "(op 'MapDefun')"));
    graft_model_free(made);
    graft_model_free(read);
    gft_free(path);
}

static void several_signatures(void **state) {
    (void)state;
    graft_model *model = NULL;
    graft_model *read = NULL;
    gft_graph *graph = NULL;
    char *path = inside("several");
    OK(make_model("pair", &model, err));
    maker m = {.model = model, .rng = gft_rng_make(3, GFT_RNG_TEST, 0)};
    OK(gft_graph_new(&model->params, &graph, err));
    m.graph = graph;
    make_output(&m, "y",
                make_dense(&m, make_input(&m, "x", GRAFT_F32, gft_shape_2(-1, 2)), "other", 2, 2));
    assert_int_equal(m.status, GRAFT_OK);
    OK(gft_model_add_signature(model, "features", graph, err));
    OK(gft_savedmodel_write(model, path, false, err));
    OK(gft_savedmodel_read(path, &read, err));
    assert_int_equal(read->signature_count, 2);
    assert_string_equal(read->signatures[1].name, "features");
    assert_int_equal(read->params.count, 4);
    same_results("several", model, read);
    graft_model_free(model);
    graft_model_free(read);
    gft_free(path);
}

/* ---- what cannot be written, and where ---- */

static void refuses_to_write(void **state) {
    (void)state;
    graft_model *model = NULL;
    gft_graph *graph = NULL;
    char *path = inside("refused");
    char *note = inside("notes.txt");
    OK(gft_model_new(&model, err));
    FAILS(gft_savedmodel_write(model, path, false, err), GRAFT_FAILED_PRECONDITION, "no signature");
    maker m = {.model = model, .rng = gft_rng_make(3, GFT_RNG_TEST, 0)};
    OK(gft_graph_new(&model->params, &graph, err));
    m.graph = graph;
    gft_value_id x = make_input(&m, "x", GRAFT_F32, gft_shape_2(-1, 2));
    const gft_shape_attrs row = {.shape = {1, {2}}};
    make_output(&m, "y", MAKE_NODE(&m, reduce_to, "sum of rows", &row, x));
    assert_int_equal(m.status, GRAFT_OK);
    OK(gft_model_add_signature(model, "serving_default", graph, err));
    FAILS(gft_savedmodel_write(model, path, false, err), GRAFT_UNIMPLEMENTED,
          "'sum of rows': op 'reduce_to'");
    assert_false(gft_dir_exists(path));
    graft_model_free(model);
    OK(make_model("pair", &model, err));
    OK(gft_file_write(note, "x", 1, err));
    FAILS(gft_savedmodel_write(model, folder, true, err), GRAFT_ALREADY_EXISTS, "not a SavedModel");
    OK(gft_savedmodel_write(model, path, false, err));
    FAILS(gft_savedmodel_write(model, path, false, err), GRAFT_ALREADY_EXISTS, "exists");
    OK(gft_savedmodel_write(model, path, true, err));
    graft_model_free(model);
    gft_free(path);
    gft_free(note);
}

/* ---- files that are not as they should be ---- */

/* Writes "pair" and gives saved_model.pb's path and bytes. */
static char *pair_on_disk(const char *name, uint8_t **bytes, size_t *count, char **pb) {
    graft_model *model = NULL;
    char *path = inside(name);
    OK(make_model("pair", &model, err));
    OK(gft_savedmodel_write(model, path, true, err));
    graft_model_free(model);
    *pb = gft_path_join(path, "saved_model.pb");
    OK(gft_file_read(*pb, (size_t)1 << 24, bytes, count, err));
    return path;
}

/* Replaces a word everywhere by one of the same length. */
static void replace_word(uint8_t *bytes, size_t count, const char *old, const char *new) {
    const size_t n = strlen(old);
    assert_int_equal(n, strlen(new));
    for (size_t i = 0; i + n <= count; i++) {
        if (memcmp(bytes + i, old, n) == 0)
            memcpy(bytes + i, new, n);
    }
}

static void unknown_op_is_a_problem(void **state) {
    (void)state;
    uint8_t *bytes;
    size_t count;
    char *pb;
    graft_model *read = NULL;
    char *path = pair_on_disk("unknown", &bytes, &count, &pb);
    replace_word(bytes, count, "Tanh", "Tang");
    OK(gft_file_write(pb, bytes, count, err));
    OK(gft_savedmodel_read(path, &read, err));
    const char *problem = graft_model_signature_problem(read, 0);
    assert_non_null(problem);
    assert_non_null(strstr(problem, "node 'squash/Tang' (op 'Tang') in call_inference"));
    assert_null(read->signatures[0].graph);
    bool found = false;
    for (int32_t i = 0; i < read->signatures[0].op_count; i++) {
        const graft_op_info *op = &read->signatures[0].ops[i];
        assert_int_equal(op->supported, strcmp(op->name, "Tang") != 0);
        found = found || !op->supported;
        assert_true(op->count >= 1);
    }
    assert_true(found);
    graft_model_free(read);
    gft_free(bytes);
    gft_free(pb);
    gft_free(path);
}

typedef void (*edit_fn)(Tensorflow__MetaGraphDef *meta);

static Tensorflow__FunctionDef *function_named(Tensorflow__MetaGraphDef *meta, const char *name) {
    for (size_t i = 0; i < meta->graph_def->library->n_function; i++) {
        if (strcmp(meta->graph_def->library->function[i]->signature->name, name) == 0)
            return meta->graph_def->library->function[i];
    }
    fail_msg("no function '%s'", name);
    return NULL;
}

static Tensorflow__NodeDef *node_of(Tensorflow__FunctionDef *f, const char *op) {
    for (size_t i = 0; i < f->n_node_def; i++) {
        if (strcmp(f->node_def[i]->op, op) == 0)
            return f->node_def[i];
    }
    fail_msg("no node of '%s'", op);
    return NULL;
}

static void call_itself(Tensorflow__MetaGraphDef *meta) {
    Tensorflow__FunctionDef *f = function_named(meta, "signature_wrapper_0");
    Tensorflow__NodeDef *call = node_of(f, "StatefulPartitionedCall");
    for (size_t i = 0; i < call->n_attr; i++) {
        if (strcmp(call->attr[i]->key, "f") == 0)
            call->attr[i]->value->func->name = f->signature->name;
    }
}

static void call_nothing(Tensorflow__MetaGraphDef *meta) {
    function_named(meta, "call_inference")->signature->name[0] = 'C';
}

static void feed_itself(Tensorflow__MetaGraphDef *meta) {
    Tensorflow__NodeDef *node = node_of(function_named(meta, "call_inference"), "Tanh");
    static char self[] = "squash/Tanh:y:0";
    node->input[0] = self;
}

static void feed_nothing(Tensorflow__MetaGraphDef *meta) {
    Tensorflow__NodeDef *node = node_of(function_named(meta, "call_inference"), "Tanh");
    static char nothing[] = "nowhere:y:0";
    node->input[0] = nothing;
}

static void lose_inputs(Tensorflow__MetaGraphDef *meta) {
    node_of(function_named(meta, "call_inference"), "MatMul")->n_input = 1;
}

static void lose_signatures(Tensorflow__MetaGraphDef *meta) {
    meta->n_signature_def = 0; /* __call__ is left */
}

static void lose_calls(Tensorflow__MetaGraphDef *meta) {
    meta->n_signature_def = 0;
    meta->object_graph_def->nodes[0]->n_children = 0;
}

static void lose_graph(Tensorflow__MetaGraphDef *meta) {
    meta->graph_def = NULL;
}

static void edited_graphs(void **state) {
    (void)state;
    const struct {
        edit_fn edit;
        graft_status status;
        const char *message;
    } cases[] = {
        {call_itself, GRAFT_RESOURCE_EXHAUSTED, "nested deeper than 100"},
        {call_nothing, GRAFT_DATA_LOSS, "'call_inference', which is not there"},
        {feed_itself, GRAFT_DATA_LOSS, "'squash/Tanh' in call_inference depends on itself"},
        {feed_nothing, GRAFT_DATA_LOSS, "no tensor 'nowhere:y:0'"},
        {lose_inputs, GRAFT_OK, "(op 'MatMul') in call_inference: has 1 inputs"},
        {lose_signatures, GRAFT_OK, NULL},
        {lose_calls, GRAFT_UNIMPLEMENTED, "neither a signature nor a function __call__"},
        {lose_graph, GRAFT_DATA_LOSS, "without a graph"},
    };
    uint8_t *bytes;
    size_t count;
    char *pb;
    char *path = pair_on_disk("edited", &bytes, &count, &pb);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gft_saved_model file;
        graft_model *read = NULL;
        OK(gft_file_write(pb, bytes, count, err));
        OK(gft_saved_model_load(path, &file, err));
        cases[i].edit(file.proto->meta_graphs[0]);
        OK(gft_saved_model_write(path, file.proto, err));
        gft_saved_model_free(&file);
        if (cases[i].status != GRAFT_OK) {
            FAILS(gft_savedmodel_read(path, &read, err), cases[i].status, cases[i].message);
            continue;
        }
        OK(gft_savedmodel_read(path, &read, err));
        const char *problem = graft_model_signature_problem(read, 0);
        if (!cases[i].message)
            assert_null(problem);
        else if (!problem || !strstr(problem, cases[i].message))
            fail_msg("'%s' is not in: %s", cases[i].message, problem ? problem : "nothing");
        graft_model_free(read);
    }
    gft_free(bytes);
    gft_free(pb);
    gft_free(path);
}

/* Older files leave the shape of an input to its node. */
static void shapes_of_inputs(void **state) {
    (void)state;
    uint8_t *bytes;
    size_t count;
    char *pb;
    char *path = pair_on_disk("shapes", &bytes, &count, &pb);
    for (int known = 1; known >= 0; known--) {
        gft_saved_model file;
        graft_model *read = NULL;
        const char *name;
        graft_tensor_desc desc;
        OK(gft_file_write(pb, bytes, count, err));
        OK(gft_saved_model_load(path, &file, err));
        Tensorflow__MetaGraphDef *meta = file.proto->meta_graphs[0];
        for (size_t i = 0; i < meta->signature_def[0]->value->n_inputs; i++)
            meta->signature_def[0]->value->inputs[i]->value->tensor_shape = NULL;
        for (size_t i = 0; i < meta->graph_def->n_node; i++) {
            if (!known && strcmp(meta->graph_def->node[i]->op, "Placeholder") == 0)
                meta->graph_def->node[i]->n_attr = 0;
        }
        OK(gft_saved_model_write(path, file.proto, err));
        gft_saved_model_free(&file);
        OK(gft_savedmodel_read(path, &read, err));
        const char *problem = graft_model_signature_problem(read, 0);
        if (known) {
            assert_null(problem);
            assert_true(graft_model_input(read, 0, 1, &name, &desc));
            assert_string_equal(name, "y");
            assert_true(desc.shape.rank == 2 && desc.shape.dims[0] == -1 &&
                        desc.shape.dims[1] == 3);
        } else {
            assert_non_null(strstr(problem, "'a_x' may be of any rank"));
        }
        graft_model_free(read);
    }
    gft_free(bytes);
    gft_free(pb);
    gft_free(path);
}

static void missing_files(void **state) {
    (void)state;
    uint8_t *bytes;
    size_t count;
    char *pb;
    graft_model *read = NULL;
    char *path = pair_on_disk("missing", &bytes, &count, &pb);
    char *index = gft_path_join(path, "variables/variables.index");
    char *data = gft_path_join(path, "variables/variables.data-00000-of-00001");
    assert_int_equal(unlink(data), 0);
    FAILS(gft_savedmodel_read(path, &read, err), GRAFT_NOT_FOUND, "variables");
    assert_int_equal(unlink(index), 0);
    OK(gft_savedmodel_read(path, &read, err));
    assert_non_null(strstr(graft_model_signature_problem(read, 0), "no checkpoint"));
    graft_model_free(read);
    assert_int_equal(unlink(pb), 0);
    FAILS(gft_savedmodel_read(path, &read, err), GRAFT_NOT_FOUND, "saved_model.pb");
    gft_free(bytes);
    gft_free(pb);
    gft_free(path);
    gft_free(index);
    gft_free(data);
}

/* Reads what is there; a failure has one sentence, a model that loads runs or says why not. */
static void read_anything(const char *path) {
    graft_model *read = NULL;
    graft_error error = {0};
    if (gft_savedmodel_read(path, &read, &error) != GRAFT_OK) {
        assert_true(error.code != GRAFT_OK && error.message[0] != '\0' &&
                    error.code != GRAFT_INTERNAL);
        return;
    }
    for (int32_t i = 0; i < read->signature_count; i++)
        assert_true(read->signatures[i].graph || read->signatures[i].problem);
    graft_model_free(read);
}

static void cut_files(void **state) {
    (void)state;
    uint8_t *bytes;
    size_t count;
    char *pb;
    char *path = pair_on_disk("cut", &bytes, &count, &pb);
    for (size_t n = count; n-- > 0;) {
        assert_int_equal(truncate(pb, (off_t)n), 0);
        read_anything(path);
    }
    gft_free(bytes);
    gft_free(pb);
    gft_free(path);
}

static void altered_files(void **state) {
    (void)state;
    static const uint8_t masks[] = {0xff, 0x01, 0x80, 0x08};
    uint8_t *bytes;
    size_t count;
    char *pb;
    char *path = pair_on_disk("altered", &bytes, &count, &pb);
    FILE *file = fopen(pb, "r+b");
    assert_non_null(file);
    for (size_t n = 0; n < count; n++) {
        for (int change = 1; change >= 0; change--) { /* and back */
            assert_int_equal(fseek(file, (long)n, SEEK_SET), 0);
            assert_int_equal(
                fputc(change ? bytes[n] ^ masks[n % sizeof masks] : bytes[n], file) == EOF, 0);
            assert_int_equal(fflush(file), 0);
            if (change)
                read_anything(path);
        }
    }
    assert_int_equal(fclose(file), 0);
    gft_free(bytes);
    gft_free(pb);
    gft_free(path);
}

/* ---- out of memory ---- */

static void every_allocation_fails_once(void **state) {
    (void)state;
    graft_model *made = NULL;
    char *path = inside("memory");
    OK(make_model("cnn", &made, err));
    graft_status status = GRAFT_RESOURCE_EXHAUSTED;
    for (int64_t n = 1; status != GRAFT_OK; n++) {
        gft_alloc_fail_after(n);
        status = gft_savedmodel_write(made, path, true, NULL);
        gft_alloc_fail_after(0);
        if (status != GRAFT_OK)
            assert_int_equal(status, GRAFT_RESOURCE_EXHAUSTED);
        assert_true(n < 20000);
    }
    status = GRAFT_RESOURCE_EXHAUSTED;
    for (int64_t n = 1; status != GRAFT_OK; n++) {
        graft_model *read = NULL;
        gft_alloc_fail_after(n);
        status = gft_savedmodel_read(path, &read, NULL);
        gft_alloc_fail_after(0);
        if (status != GRAFT_OK)
            assert_int_equal(status, GRAFT_RESOURCE_EXHAUSTED);
        else
            graft_model_free(read);
        assert_true(n < 20000);
    }
    graft_model_free(made);
    gft_free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_comes_back),
        cmocka_unit_test(layers_keep_their_names),
        cmocka_unit_test(several_signatures),
        cmocka_unit_test(refuses_to_write),
        cmocka_unit_test(unknown_op_is_a_problem),
        cmocka_unit_test(edited_graphs),
        cmocka_unit_test(shapes_of_inputs),
        cmocka_unit_test(missing_files),
        cmocka_unit_test(cut_files),
        cmocka_unit_test(altered_files),
        cmocka_unit_test(every_allocation_fails_once),
    };
    return cmocka_run_group_tests_name("savedmodel", tests, make_folder, remove_folder);
}
