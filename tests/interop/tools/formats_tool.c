/*
 * Command-line access to the formats room for the interop tests: converts between Graft's readers
 * and writers so that scripts can compare with the real tools. Not installed, not part of the
 * program.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/shape.h"
#include "formats/bundle.h"
#include "formats/npy.h"
#include "formats/saved_model_file.h"
#include "formats/tensor_proto.h"
#include "formats/tfrecord.h"
#include "formats/torch_legacy.h"
#include "monitor/event_writer.h"

/* npz has no bfloat16: such tensors travel as int16 bits. */
static graft_dtype npy_dtype(graft_dtype dtype) {
    return dtype == GRAFT_BF16 ? GRAFT_S16 : dtype;
}

/* bundle-list PREFIX: one line per tensor. */
static graft_status bundle_list(char **args, graft_error *err) {
    gft_bundle *bundle = NULL;
    GFT_TRY(gft_bundle_open(args[0], &bundle, err));
    graft_status status = gft_bundle_verify(bundle, err);
    for (size_t i = 0; i < gft_bundle_count(bundle) && status == GRAFT_OK; i++) {
        const gft_bundle_entry *e = gft_bundle_at(bundle, i);
        graft_tensor_desc desc = {.dtype = e->dtype, .shape = e->shape};
        char text[GFT_DESC_TEXT_BYTES];
        printf("%s\t%s\n", e->key, gft_desc_text(&desc, text));
    }
    gft_bundle_close(bundle);
    return status;
}

/* bundle-to-npz PREFIX OUT.npz: all numeric tensors. */
static graft_status bundle_to_npz(char **args, graft_error *err) {
    gft_bundle *bundle = NULL;
    gft_arena arena;
    gft_arena_init(&arena);
    graft_status status;
    GFT_GOTO(gft_bundle_open(args[0], &bundle, err));
    graft_tensor *list = gft_arena_array(&arena, gft_bundle_count(bundle) + 1, sizeof *list);
    size_t count = 0;
    for (size_t i = 0; i < gft_bundle_count(bundle); i++) {
        const gft_bundle_entry *e = gft_bundle_at(bundle, i);
        if (e->dtype == GRAFT_STRING)
            continue;
        GFT_GOTO(gft_bundle_read(bundle, e, &arena, &list[count], err));
        list[count].desc.dtype = npy_dtype(list[count].desc.dtype);
        count++;
    }
    GFT_GOTO(gft_npz_write(args[1], list, count, err));
done:
    gft_bundle_close(bundle);
    gft_arena_deinit(&arena);
    return status;
}

/* bundle-strings PREFIX KEY: one line of hexadecimal digits per string. */
static graft_status bundle_strings(char **args, graft_error *err) {
    gft_bundle *bundle = NULL;
    gft_arena arena;
    gft_arena_init(&arena);
    gft_bundle_string *strings = NULL;
    size_t count = 0;
    graft_status status;
    GFT_GOTO(gft_bundle_open(args[0], &bundle, err));
    const gft_bundle_entry *e = gft_bundle_find(bundle, args[1]);
    if (!e) {
        status = gft_fail(err, GRAFT_NOT_FOUND, "no tensor '%s'", args[1]);
        goto done;
    }
    GFT_GOTO(gft_bundle_read_strings(bundle, e, &arena, &strings, &count, err));
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < strings[i].bytes; k++)
            printf("%02x", strings[i].data[k]);
        printf("\n");
    }
done:
    gft_bundle_close(bundle);
    gft_arena_deinit(&arena);
    return status;
}

static graft_status write_bundle(gft_bundle_writer *w, const graft_tensor *list, size_t count,
                                 const uint8_t *object_graph, size_t bytes, graft_error *err) {
    for (size_t i = 0; i < count; i++)
        GFT_TRY(gft_bundle_writer_add(w, list[i].name, &list[i].desc, list[i].data, list[i].bytes,
                                      err));
    graft_shape scalar = gft_shape_0();
    graft_shape vector = gft_shape_1(3);
    gft_bundle_string whole = {object_graph, bytes};
    gft_bundle_string words[3] = {
        {(const uint8_t *)"", 0}, {(const uint8_t *)"ab", 2}, {object_graph, bytes}};
    GFT_TRY(gft_bundle_writer_add_strings(w, "words", &vector, words, 3, err));
    return gft_bundle_writer_add_strings(w, "_CHECKPOINTABLE_OBJECT_GRAPH", &scalar, &whole, 1,
                                         err);
}

/* npz-to-bundle IN.npz PREFIX GRAPHFILE */
static graft_status npz_to_bundle(char **args, graft_error *err) {
    gft_arena arena;
    gft_arena_init(&arena);
    graft_tensor *list = NULL;
    size_t count = 0;
    uint8_t *graph = NULL;
    size_t graph_bytes = 0;
    gft_bundle_writer *writer = NULL;
    graft_status status;
    GFT_GOTO(gft_npz_read(args[0], &arena, &list, &count, err));
    GFT_GOTO(gft_file_read(args[2], (size_t)1 << 30, &graph, &graph_bytes, err));
    GFT_GOTO(gft_bundle_writer_open(args[1], &writer, err));
    status = write_bundle(writer, list, count, graph, graph_bytes, err);
    if (status == GRAFT_OK)
        status = gft_bundle_writer_commit(writer, err);
    else
        gft_bundle_writer_abort(writer);
done:
    gft_free(graph);
    gft_arena_deinit(&arena);
    return status;
}

/* npz-copy IN OUT: reads .npz or .npy; writes .npz, or .npy if OUT ends so. */
static graft_status npz_copy(char **args, graft_error *err) {
    gft_arena arena;
    gft_arena_init(&arena);
    graft_tensor *list = NULL;
    size_t count = 0;
    char extension[16];
    graft_status status;
    GFT_GOTO(gft_npz_read(args[0], &arena, &list, &count, err));
    if (strcmp(gft_path_extension(args[1], extension), "npy") == 0)
        status = gft_npy_write(args[1], &list[0], err);
    else
        status = gft_npz_write(args[1], list, count, err);
done:
    gft_arena_deinit(&arena);
    return status;
}

static void print_dims(const int64_t *dims, int32_t rank) {
    printf("\t[");
    for (int32_t d = 0; d < rank; d++)
        printf("%s%lld", d ? ", " : "", (long long)dims[d]);
    printf("]");
}

/* torch-list FILE: name, type, size, stride, file offset, bytes. */
static graft_status torch_list(char **args, graft_error *err) {
    gft_map map;
    gft_torch *torch = NULL;
    GFT_TRY(gft_map_open(args[0], &map, err));
    graft_status status = gft_torch_open(map.data, map.bytes, args[0], &torch, err);
    for (size_t i = 0; status == GRAFT_OK && i < gft_torch_count(torch); i++) {
        const gft_torch_tensor *t = gft_torch_at(torch, i);
        printf("%s\t%s", t->name, graft_dtype_name(t->dtype));
        print_dims(t->shape.dims, t->shape.rank);
        print_dims(t->strides, t->shape.rank);
        printf("\t%zu\t%zu\n", (size_t)(t->data - map.data), t->storage_bytes);
    }
    gft_torch_close(torch);
    gft_map_close(&map);
    return status;
}

/* torch-to-npz FILE OUT.npz: every tensor in torch's own order of dimensions. */
static graft_status torch_to_npz(char **args, graft_error *err) {
    gft_map map = {NULL, 0};
    gft_torch *torch = NULL;
    gft_arena arena;
    gft_arena_init(&arena);
    graft_status status;
    GFT_GOTO(gft_map_open(args[0], &map, err));
    GFT_GOTO(gft_torch_open(map.data, map.bytes, args[0], &torch, err));
    size_t count = gft_torch_count(torch);
    graft_tensor *list = gft_arena_array(&arena, count, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        const gft_torch_tensor *t = gft_torch_at(torch, i);
        list[i] = (graft_tensor){.name = t->name, .desc = {.dtype = t->dtype, .shape = t->shape}};
        if (!gft_desc_bytes(&list[i].desc, &list[i].bytes)) {
            status = gft_fail(err, GRAFT_DATA_LOSS, "%s: too large", t->name);
            goto done;
        }
        list[i].data = gft_arena_alloc(&arena, list[i].bytes);
        GFT_GOTO(gft_torch_copy(t, NULL, list[i].data, list[i].bytes, NULL, err));
        list[i].desc.dtype = npy_dtype(t->dtype);
    }
    GFT_GOTO(gft_npz_write(args[1], list, count, err));
done:
    gft_torch_close(torch);
    if (map.data)
        gft_map_close(&map);
    gft_arena_deinit(&arena);
    return status;
}

/* tfrecord-copy IN OUT */
static graft_status tfrecord_copy(char **args, graft_error *err) {
    gft_map map;
    GFT_TRY(gft_map_open(args[0], &map, err));
    gft_tfrecord_reader reader = gft_tfrecord_reader_make(map.data, map.bytes, args[0], false);
    const uint8_t *record;
    size_t bytes;
    graft_status status;
    FILE *out = fopen(args[1], "wb");
    if (!out)
        status = gft_fail(err, GRAFT_NOT_FOUND, "cannot write %s", args[1]);
    else
        while ((status = gft_tfrecord_next(&reader, &record, &bytes, err)) == GRAFT_OK)
            if ((status = gft_tfrecord_write(out, args[1], record, bytes, err)) != GRAFT_OK)
                break;
    if (out && fclose(out) != 0 && status == GRAFT_OUT_OF_RANGE)
        status = gft_fail(err, GRAFT_UNKNOWN, "cannot write %s", args[1]);
    gft_map_close(&map);
    return status == GRAFT_OUT_OF_RANGE ? GRAFT_OK : status;
}

/* events DIR FIRST LAST: a made-up run in Keras' layout; each call is one (resumed) session. */
static graft_status events(char **args, graft_error *err) {
    int first = (int)strtol(args[1], NULL, 10);
    int last = (int)strtol(args[2], NULL, 10);
    static const char *const runs[2] = {"train", "validation"};
    for (int r = 0; r < 2; r++) {
        gft_events *writer = NULL;
        char *dir = gft_path_join(args[0], runs[r]);
        graft_status status = gft_events_open(dir, &writer, err);
        gft_free(dir);
        for (int epoch = first; epoch < last && status == GRAFT_OK; epoch++) {
            status = gft_events_scalar(writer, "epoch_loss", epoch, 1.0 / (epoch + 1 + r), err);
            if (status == GRAFT_OK)
                status =
                    gft_events_scalar(writer, "epoch_accuracy", epoch, 0.5 + 0.01 * epoch, err);
            if (status == GRAFT_OK && r == 0)
                status = gft_events_scalar(writer, "epoch_learning_rate", epoch, 1e-3, err);
            if (status == GRAFT_OK)
                status = gft_events_flush(writer, err);
        }
        graft_status closed = gft_events_close(writer, status == GRAFT_OK ? err : NULL);
        GFT_TRY(status);
        GFT_TRY(closed);
    }
    return GRAFT_OK;
}

/* saved-model-copy DIR OUTDIR: unpacks saved_model.pb and packs it again (no outlined constants).
 */
static graft_status saved_model_copy(char **args, graft_error *err) {
    gft_map map = {NULL, 0};
    gft_arena arena;
    gft_arena_init(&arena);
    ProtobufCMessage *message = NULL;
    graft_status status;
    char *path = gft_path_join(args[0], "saved_model.pb");
    GFT_GOTO(gft_map_open(path, &map, err));
    GFT_GOTO(gft_proto_unpack(&tensorflow__saved_model__descriptor, map.data, map.bytes, NULL, path,
                              &arena, &message, err));
    GFT_GOTO(gft_saved_model_write(args[1], (const Tensorflow__SavedModel *)message, err));
done:
    gft_free(path);
    if (map.data)
        gft_map_close(&map);
    gft_arena_deinit(&arena);
    return status;
}

static graft_status show_constants(const Tensorflow__NodeDef *const *nodes, size_t count,
                                   const gft_map *map, gft_arena *arena, graft_error *err) {
    for (size_t i = 0; i < count; i++)
        for (size_t a = 0; strcmp(nodes[i]->op, "Const") == 0 && a < nodes[i]->n_attr; a++) {
            const Tensorflow__AttrValue *v = nodes[i]->attr[a]->value;
            if (!v || v->value_case != TENSORFLOW__ATTR_VALUE__VALUE_TENSOR ||
                v->tensor->dtype == GRAFT_STRING)
                continue;
            graft_tensor t;
            GFT_TRY(gft_tensor_proto_read(v->tensor, map, nodes[i]->name, arena, &t, err));
            char text[GFT_DESC_TEXT_BYTES];
            printf("const\t%s\t%s\t", nodes[i]->name, gft_desc_text(&t.desc, text));
            for (size_t k = 0; k < t.bytes; k++)
                printf("%02x", ((const uint8_t *)t.data)[k]);
            printf("\n");
        }
    return GRAFT_OK;
}

/* saved-model-constants DIR: every numeric constant of the main graph and of functions. */
static graft_status saved_model_constants(char **args, graft_error *err) {
    gft_saved_model model;
    const Tensorflow__MetaGraphDef *meta = NULL;
    GFT_TRY(gft_saved_model_load(args[0], &model, err));
    gft_arena arena;
    gft_arena_init(&arena);
    graft_status status;
    GFT_GOTO(gft_saved_model_meta_graph(&model, "serve", &meta, err));
    const Tensorflow__GraphDef *graph = meta->graph_def;
    GFT_GOTO(show_constants((const Tensorflow__NodeDef *const *)graph->node, graph->n_node,
                            &model.file.map, &arena, err));
    for (size_t i = 0; graph->library && i < graph->library->n_function; i++) {
        const Tensorflow__FunctionDef *f = graph->library->function[i];
        GFT_GOTO(show_constants((const Tensorflow__NodeDef *const *)f->node_def, f->n_node_def,
                                &model.file.map, &arena, err));
    }
done:
    gft_arena_deinit(&arena);
    gft_saved_model_free(&model);
    return status;
}

static const struct {
    const char *verb;
    int args;
    graft_status (*run)(char **args, graft_error *err);
} verbs[] = {
    {"bundle-list", 1, bundle_list},
    {"bundle-to-npz", 2, bundle_to_npz},
    {"bundle-strings", 2, bundle_strings},
    {"npz-to-bundle", 3, npz_to_bundle},
    {"npz-copy", 2, npz_copy},
    {"torch-list", 1, torch_list},
    {"torch-to-npz", 2, torch_to_npz},
    {"tfrecord-copy", 2, tfrecord_copy},
    {"events", 3, events},
    {"saved-model-copy", 2, saved_model_copy},
    {"saved-model-constants", 1, saved_model_constants},
};

int main(int argc, char **argv) {
    for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(argv[1], verbs[i].verb) != 0 || argc != verbs[i].args + 2)
            continue;
        graft_error err = {GRAFT_OK, ""};
        if (verbs[i].run(argv + 2, &err) == GRAFT_OK)
            return 0;
        fprintf(stderr, "%s: %s\n", graft_status_name(err.code), err.message);
        return 1;
    }
    fprintf(stderr,
            "usage: formats_tool VERB ARGUMENTS; the verbs are listed at the end of its source\n");
    return 2;
}
