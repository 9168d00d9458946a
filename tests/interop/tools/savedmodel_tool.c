/*
 * Command-line access to the SavedModel writer and reader for the interop tests: makes small models
 * through the internal interface, writes, reads and runs them. Not installed, not part of the
 * program.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../unit/models/savedmodel_maker.h"
#include "base/alloc.h"
#include "formats/npy.h"
#include "graph/plan.h"

/* ---- running ---- */

static graft_status find_input(const graft_tensor *arrays, size_t count, const char *name,
                               const graft_tensor **out, graft_error *err) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(arrays[i].name, name) == 0 || count == 1) {
            *out = &arrays[i];
            return GRAFT_OK;
        }
    }
    return gft_fail(err, GRAFT_NOT_FOUND, "no array for the input '%s'", name);
}

static graft_status write_outputs(const gft_plan *plan, const gft_run *run, const char *path,
                                  graft_error *err) {
    graft_tensor outputs[64];
    const int32_t count = gft_plan_output_count(plan);
    for (int32_t i = 0; i < count && i < 64; i++) {
        outputs[i] = (graft_tensor){.name = gft_plan_output_name(plan, i),
                                    .desc = *gft_plan_output_desc(plan, i)};
        outputs[i].data = (void *)(uintptr_t)gft_run_output(run, i);
        if (!gft_desc_bytes(&outputs[i].desc, &outputs[i].bytes))
            return gft_fail(err, GRAFT_INTERNAL, "an output without a size");
    }
    return gft_npz_write(path, outputs, (size_t)count, err);
}

static graft_status run_graph(const gft_graph *graph, const char *in, const char *out,
                              graft_error *err) {
    graft_tensor *arrays = NULL;
    size_t count = 0;
    gft_plan *plan = NULL;
    gft_run *run = NULL;
    graft_shape shapes[16];
    const void *inputs[16];
    const gft_plan_options options = {0};
    gft_arena arena;
    gft_arena_init(&arena);
    graft_status status;
    GFT_GOTO(gft_npz_read(in, &arena, &arrays, &count, err));
    for (int32_t i = 0; i < graph->input_count && i < 16; i++) {
        const graft_tensor *array = NULL;
        GFT_GOTO(find_input(arrays, count, graph->inputs[i].name, &array, err));
        shapes[i] = array->desc.shape;
        inputs[i] = array->data;
    }
    GFT_GOTO(gft_plan_new(graph, shapes, &options, &plan, err));
    GFT_GOTO(gft_run_new(plan, NULL, &run, err));
    GFT_GOTO(gft_run_execute(run, inputs, NULL, err));
    GFT_GOTO(write_outputs(plan, run, out, err));
done:
    gft_run_free(run);
    gft_plan_unref(plan);
    gft_arena_deinit(&arena);
    return status;
}

/* ---- commands ---- */

/* kinds: the models `make` knows, one a line. */
static graft_status kinds(char **args, graft_error *err) {
    (void)args;
    (void)err;
    for (size_t i = 0; i < MAKER_KINDS; i++)
        printf("%s\n", maker_kinds[i].name);
    return GRAFT_OK;
}

/* make KIND DIR: writes a model. */
static graft_status make_dir(char **args, graft_error *err) {
    graft_model *model = NULL;
    GFT_TRY(make_model(args[0], &model, err));
    graft_status status = gft_savedmodel_write(model, args[1], true, err);
    graft_model_free(model);
    return status;
}

/* run-made KIND IN.npz OUT.npz: the model as it was made. */
static graft_status run_made(char **args, graft_error *err) {
    graft_model *model = NULL;
    GFT_TRY(make_model(args[0], &model, err));
    graft_status status = run_graph(model->signatures[0].graph, args[1], args[2], err);
    graft_model_free(model);
    return status;
}

/* run DIR SIGNATURE IN.npz OUT.npz */
static graft_status run_dir(char **args, graft_error *err) {
    graft_model *model = NULL;
    GFT_TRY(gft_savedmodel_read(args[0], &model, err));
    int32_t s = graft_model_find_signature(model, args[1]);
    graft_status status;
    if (s < 0)
        status = gft_fail(err, GRAFT_NOT_FOUND, "no signature '%s'", args[1]);
    else if (!model->signatures[s].graph)
        status = gft_fail(err, GRAFT_UNIMPLEMENTED, "%s", model->signatures[s].problem);
    else
        status = run_graph(model->signatures[s].graph, args[2], args[3], err);
    graft_model_free(model);
    return status;
}

/* copy DIR OUT: reads and writes. */
static graft_status copy_dir(char **args, graft_error *err) {
    graft_model *model = NULL;
    GFT_TRY(gft_savedmodel_read(args[0], &model, err));
    graft_status status = gft_savedmodel_write(model, args[1], true, err);
    graft_model_free(model);
    return status;
}

/* list DIR: signatures, their problems and ops, parameters, nodes. */
static graft_status list_dir(char **args, graft_error *err) {
    graft_model *model = NULL;
    GFT_TRY(gft_savedmodel_read(args[0], &model, err));
    char text[GFT_DESC_TEXT_BYTES];
    for (int32_t i = 0; i < model->signature_count; i++) {
        const gft_signature *s = &model->signatures[i];
        printf("signature\t%s\t%s\n", s->name, s->problem ? s->problem : "");
        for (int32_t o = 0; o < s->op_count; o++)
            printf("op\t%s\t%s\t%d\t%d\n", s->name, s->ops[o].name, s->ops[o].count,
                   s->ops[o].supported);
        for (int32_t n = 0; s->graph && n < s->graph->node_count; n++) {
            const gft_node *node = &s->graph->nodes[n];
            if (node->op)
                printf("node\t%s\t%s\t%s\t%s\n", s->name, node->name, node->layer, node->op->name);
        }
    }
    for (int32_t i = 0; i < model->params.count; i++) {
        const gft_param *p = &model->params.items[i];
        printf("param\t%s\t%s\t%d\t%d\n", p->name, gft_desc_text(&p->desc, text), p->trainable,
               (int)p->kind);
    }
    graft_model_free(model);
    return GRAFT_OK;
}

/*
 * preprocess MODE FLAVOUR INTERPOLATION ANTIALIAS SIZE PICTURE OUT.npy: Graft's own preprocessing.
 */
static graft_status preprocess(char **args, graft_error *err) {
    const int32_t size = (int32_t)strtol(args[4], NULL, 10);
    graft_preprocess rule = graft_preprocess_default(size, size);
    GFT_TRY(graft_resize_mode_parse(args[0], &rule.mode, err));
    GFT_TRY(graft_resize_flavour_parse(args[1], &rule.flavour, err));
    GFT_TRY(graft_interpolation_parse(args[2], &rule.interpolation, err));
    rule.antialias = args[3][0] == '1';
    graft_tensor out = {.name = "picture", .desc = gft_desc_f32(gft_shape_4(1, size, size, 3))};
    if (!gft_desc_bytes(&out.desc, &out.bytes) || !(out.data = gft_malloc(out.bytes)))
        return gft_fail_memory(err, out.bytes, "a picture");
    graft_status status = graft_preprocess_file(&rule, args[5], out.data, err);
    if (status == GRAFT_OK)
        status = gft_npz_write(args[6], &out, 1, err);
    gft_free(out.data);
    return status;
}

/*
 * make-pictures MODE FLAVOUR INTERPOLATION ANTIALIAS SIZE DIR: a model whose output is its picture.
 */
static graft_status make_pictures(char **args, graft_error *err) {
    const int32_t size = (int32_t)strtol(args[4], NULL, 10);
    graft_model *model = NULL;
    GFT_TRY(gft_model_new(&model, err));
    graft_status status;
    maker m = {.model = model, .rng = gft_rng_make(11, GFT_RNG_TEST, 0), .err = err};
    model->has_preprocess = true;
    model->preprocess = graft_preprocess_default(size, size);
    GFT_GOTO(graft_resize_mode_parse(args[0], &model->preprocess.mode, err));
    GFT_GOTO(graft_resize_flavour_parse(args[1], &model->preprocess.flavour, err));
    GFT_GOTO(graft_interpolation_parse(args[2], &model->preprocess.interpolation, err));
    model->preprocess.antialias = args[3][0] == '1';
    GFT_GOTO(gft_graph_new(&model->params, &m.graph, err));
    gft_value_id x = make_input(&m, "inputs", GRAFT_F32, gft_shape_4(-1, size, size, 3));
    make_output(&m, "picture", MAKE_NODE(&m, identity, "same", NULL, x));
    GFT_GOTO(m.status);
    GFT_GOTO(gft_model_add_signature(model, "serving_default", m.graph, err));
    GFT_GOTO(gft_savedmodel_write(model, args[5], true, err));
done:
    graft_model_free(model);
    return status;
}

static const struct {
    const char *name;
    int args;
    graft_status (*run)(char **args, graft_error *err);
} commands[] = {
    {"kinds", 0, kinds},           {"make", 2, make_dir},
    {"run-made", 3, run_made},     {"run", 4, run_dir},
    {"copy", 2, copy_dir},         {"list", 1, list_dir},
    {"preprocess", 7, preprocess}, {"make-pictures", 6, make_pictures},
};

int main(int argc, char **argv) {
    graft_error err = {0};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (argc == commands[i].args + 2 && strcmp(argv[1], commands[i].name) == 0) {
            graft_status status = commands[i].run(argv + 2, &err);
            if (status != GRAFT_OK)
                fprintf(stderr, "%s: %s\n", graft_status_name(status), err.message);
            return status == GRAFT_OK ? 0 : 1;
        }
    }
    fprintf(stderr, "usage: savedmodel_tool COMMAND ARGS (see the source)\n");
    return 2;
}
