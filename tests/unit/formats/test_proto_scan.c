/* Protobuf before it is believed: nesting, counts, ceilings, outlined tensor bytes, SavedModel
 * files. */
#include "formats_test.h"

#include "formats/proto_scan.h"
#include "formats/saved_model_file.h"
#include "formats/tensor_proto.h"

/* A StructuredValue holding `depth` lists inside each other, innermost first. */
static void nested(gft_buffer *out, int depth) {
    gft_buffer_init(out, 1 << 16);
    for (int i = 0; i < depth; i++) {
        uint8_t old[4096];
        size_t n = out->bytes;
        memcpy(old, out->data ? out->data : old, n);
        gft_buffer_clear(out);
        /* ListValue{values: old}, then StructuredValue{list_value: that}; lengths as two-byte
         * varints */
        size_t inner = n + 3;
        uint8_t lead[7] = {0x9a,
                           0x03,
                           (uint8_t)(inner | 0x80),
                           (uint8_t)(inner >> 7),
                           0x0a,
                           (uint8_t)(n | 0x80),
                           (uint8_t)(n >> 7)};
        assert_int_equal(gft_buffer_append(out, lead, 7, NULL), GRAFT_OK);
        assert_int_equal(gft_buffer_append(out, old, n, NULL), GRAFT_OK);
    }
}

static graft_status unpack(const ProtobufCMessageDescriptor *type, const void *data, size_t bytes,
                           const gft_proto_limits *limits, graft_error *err) {
    gft_arena arena;
    gft_arena_init(&arena);
    ProtobufCMessage *message = NULL;
    graft_status status =
        gft_proto_unpack(type, data, bytes, limits, "x.pb", &arena, &message, err);
    gft_arena_deinit(&arena);
    return status;
}

static void nesting_is_bounded(void **state) {
    (void)state;
    graft_error err;
    const ProtobufCMessageDescriptor *type = &tensorflow__structured_value__descriptor;
    gft_buffer b;
    nested(&b, 49); /* 1 + 2 * 49 messages */
    assert_int_equal(unpack(type, b.data, b.bytes, NULL, &err), GRAFT_OK);
    gft_buffer_deinit(&b);
    nested(&b, 50);
    assert_failed(unpack(type, b.data, b.bytes, NULL, &err), &err, GRAFT_DATA_LOSS);
    assert_non_null(strstr(err.message, "nested"));
    gft_buffer_deinit(&b);
    nested(&b, 400);
    assert_failed(unpack(type, b.data, b.bytes, NULL, &err), &err, GRAFT_DATA_LOSS);
    gft_buffer_deinit(&b);
}

static void counts_and_memory_are_bounded(void **state) {
    (void)state;
    graft_error err;
    uint8_t empty_nodes[2000];
    for (size_t i = 0; i < sizeof empty_nodes; i += 2) {
        empty_nodes[i] = 0x0a;
        empty_nodes[i + 1] = 0;
    }
    const ProtobufCMessageDescriptor *type = &tensorflow__graph_def__descriptor;
    gft_proto_limits limits = {100, 1000, 1 << 20, 0, GFT_PROTO_ALL};
    assert_int_equal(unpack(type, empty_nodes, sizeof empty_nodes, &limits, &err), GRAFT_OK);
    limits.max_elements = 999;
    assert_failed(unpack(type, empty_nodes, sizeof empty_nodes, &limits, &err), &err,
                  GRAFT_RESOURCE_EXHAUSTED);
    limits.max_elements = 1000;
    limits.max_memory = 20000;
    assert_failed(unpack(type, empty_nodes, sizeof empty_nodes, &limits, &err), &err,
                  GRAFT_RESOURCE_EXHAUSTED);
    limits.max_depth = 101;
    assert_failed(unpack(type, empty_nodes, 2, &limits, &err), &err, GRAFT_INVALID_ARGUMENT);
}

static void foreign_bytes_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t count;
    } cases[] = {
        {"\x0a\x05"
         "ab",
         4},         /* cut string */
        {"\x0a", 1}, /* no length */
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11},
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12},
        {"\x08\x01", 2},         /* node as a number */
        {"\x00\x01", 2},         /* field 0 */
        {"\x0b\x0c", 2},         /* groups */
        {"\x22\x02\x08\x80", 4}, /* a number past its message's end */
        {"\x22\x00\x22\x00", 4}, /* versions twice */
        {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11},
    };
    graft_error err;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t *copy = exact(cases[i].bytes, cases[i].count);
        assert_failed(unpack(&tensorflow__graph_def__descriptor, copy, cases[i].count, NULL, &err),
                      &err, GRAFT_DATA_LOSS);
        assert_non_null(strstr(err.message, "x.pb"));
        free(copy);
    }
}

#define BIG 300

/* A SavedModel with one large and one small constant, tagged "serve". */
static void build_model(gft_buffer *out) {
    static uint8_t big[BIG * 4];
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (uint8_t)i;
    float repeated = 2.5f;
    char names[2][8] = {"big", "small"};
    char op[] = "Const";
    char key[] = "value";
    char tag[] = "serve";
    Tensorflow__TensorShapeProto__Dim dim = TENSORFLOW__TENSOR_SHAPE_PROTO__DIM__INIT;
    dim.size = BIG;
    Tensorflow__TensorShapeProto__Dim *dims[1] = {&dim};
    Tensorflow__TensorShapeProto shape = TENSORFLOW__TENSOR_SHAPE_PROTO__INIT;
    shape.n_dim = 1;
    shape.dim = dims;
    Tensorflow__TensorProto tensors[2] = {TENSORFLOW__TENSOR_PROTO__INIT,
                                          TENSORFLOW__TENSOR_PROTO__INIT};
    tensors[0].dtype = tensors[1].dtype = GRAFT_F32;
    tensors[0].tensor_shape = tensors[1].tensor_shape = &shape;
    tensors[0].tensor_content = (ProtobufCBinaryData){sizeof big, big};
    tensors[0].mapped_offset = 5; /* a file that claims to know better */
    tensors[0].mapped_bytes = 77;
    tensors[1].n_float_val = 1;
    tensors[1].float_val = &repeated;
    Tensorflow__AttrValue values[2] = {TENSORFLOW__ATTR_VALUE__INIT, TENSORFLOW__ATTR_VALUE__INIT};
    Tensorflow__NodeDef__AttrEntry attrs[2] = {TENSORFLOW__NODE_DEF__ATTR_ENTRY__INIT,
                                               TENSORFLOW__NODE_DEF__ATTR_ENTRY__INIT};
    Tensorflow__NodeDef__AttrEntry *attr_lists[2][1] = {{&attrs[0]}, {&attrs[1]}};
    Tensorflow__NodeDef nodes[2] = {TENSORFLOW__NODE_DEF__INIT, TENSORFLOW__NODE_DEF__INIT};
    Tensorflow__NodeDef *node_list[2] = {&nodes[0], &nodes[1]};
    for (int i = 0; i < 2; i++) {
        values[i].value_case = TENSORFLOW__ATTR_VALUE__VALUE_TENSOR;
        values[i].tensor = &tensors[i];
        attrs[i].key = key;
        attrs[i].value = &values[i];
        nodes[i].name = names[i];
        nodes[i].op = op;
        nodes[i].n_attr = 1;
        nodes[i].attr = attr_lists[i];
    }
    Tensorflow__GraphDef graph = TENSORFLOW__GRAPH_DEF__INIT;
    graph.n_node = 2;
    graph.node = node_list;
    char *tags[1] = {tag};
    Tensorflow__MetaGraphDef__MetaInfoDef info = TENSORFLOW__META_GRAPH_DEF__META_INFO_DEF__INIT;
    info.n_tags = 1;
    info.tags = tags;
    Tensorflow__MetaGraphDef meta = TENSORFLOW__META_GRAPH_DEF__INIT;
    meta.meta_info_def = &info;
    meta.graph_def = &graph;
    Tensorflow__MetaGraphDef *metas[1] = {&meta};
    Tensorflow__SavedModel model = TENSORFLOW__SAVED_MODEL__INIT;
    model.saved_model_schema_version = 1;
    model.n_meta_graphs = 1;
    model.meta_graphs = metas;
    gft_buffer_init(out, 1 << 16);
    assert_int_equal(gft_proto_append(out, &model.base, NULL), GRAFT_OK);
}

static const Tensorflow__TensorProto *constant(const Tensorflow__MetaGraphDef *meta, size_t i) {
    return meta->graph_def->node[i]->attr[0]->value->tensor;
}

static void tensor_bytes_stay_in_the_file(void **state) {
    (void)state;
    temp_dir dir = temp_dir_make();
    char path[128];
    snprintf(path, sizeof path, "%s/saved_model.pb", dir.path);
    gft_buffer b;
    build_model(&b);
    put_file(path, b.data, b.bytes);
    graft_error err;
    gft_saved_model model;
    const Tensorflow__MetaGraphDef *meta = NULL;
    assert_true(gft_saved_model_present(dir.path));
    assert_int_equal(gft_saved_model_load(dir.path, &model, &err), GRAFT_OK);
    assert_int_equal(gft_saved_model_meta_graph(&model, "train", &meta, &err), GRAFT_OK);
    assert_ptr_equal(meta, model.proto->meta_graphs[0]); /* the only one */
    assert_int_equal(gft_saved_model_meta_graph(&model, "serve", &meta, &err), GRAFT_OK);
    const Tensorflow__TensorProto *big = constant(meta, 0);
    assert_int_equal(big->tensor_content.len, 0);
    assert_int_equal(big->mapped_bytes, BIG * 4); /* not the 77 the file claims */
    assert_true(big->mapped_offset + big->mapped_bytes <= b.bytes);
    gft_arena arena;
    gft_arena_init(&arena);
    graft_tensor t;
    assert_int_equal(gft_tensor_proto_read(big, &model.file.map, "big", &arena, &t, &err),
                     GRAFT_OK);
    assert_int_equal(t.bytes, BIG * 4);
    for (size_t i = 0; i < t.bytes; i++)
        assert_int_equal(((const uint8_t *)t.data)[i], (uint8_t)i);
    assert_failed(gft_tensor_proto_read(big, NULL, "big", &arena, &t, &err), &err, GRAFT_INTERNAL);
    assert_int_equal(
        gft_tensor_proto_read(constant(meta, 1), &model.file.map, "small", &arena, &t, &err),
        GRAFT_OK);
    for (size_t i = 0; i < BIG; i++)
        assert_true(((const float *)t.data)[i] == 2.5f);
    gft_arena_deinit(&arena);
    gft_saved_model_free(&model);
    gft_buffer_deinit(&b);
    temp_dir_remove(&dir);
}

/* A length whose own bytes run past the end of the message it stands in. */
static void length_past_the_end(void **state) {
    (void)state;
    static const uint8_t bytes[] = {0x0a, 0x02, 0x2a, 0x80, 0x01};
    const gft_proto_limits *const limits[] = {&gft_proto_limits_default, &gft_proto_limits_graph};
    for (size_t i = 0; i < 2; i++) {
        graft_error err;
        uint8_t *copy = exact(bytes, sizeof bytes);
        assert_failed(gft_proto_scan(&tensorflow__graph_def__descriptor, copy, sizeof bytes,
                                     limits[i], "a graph", NULL, &err),
                      &err, GRAFT_DATA_LOSS);
        assert_non_null(strstr(err.message, "attr of 128 bytes, but 0 are left"));
        free(copy);
    }
}

/* Functions stay in the file until they are asked for; the runtime's attributes are left out. */
static void functions_stay_in_the_file(void **state) {
    (void)state;
    graft_error err;
    gft_arena arena;
    gft_buffer b;
    gft_arena_init(&arena);
    gft_buffer_init(&b, 1 << 16);
    Tensorflow__GraphDef graph = TENSORFLOW__GRAPH_DEF__INIT;
    Tensorflow__FunctionDefLibrary library = TENSORFLOW__FUNCTION_DEF_LIBRARY__INIT;
    Tensorflow__FunctionDef function = TENSORFLOW__FUNCTION_DEF__INIT;
    Tensorflow__OpDef signature = TENSORFLOW__OP_DEF__INIT;
    Tensorflow__NodeDef node = TENSORFLOW__NODE_DEF__INIT;
    Tensorflow__NodeDef__AttrEntry entries[3];
    Tensorflow__AttrValue value = TENSORFLOW__ATTR_VALUE__INIT;
    Tensorflow__NodeDef__AttrEntry *attr[3];
    static char *const keys[] = {"T", "_class", "_graft_layer"};
    Tensorflow__FunctionDef *functions[] = {&function};
    Tensorflow__NodeDef *nodes[] = {&node};
    value.value_case = TENSORFLOW__ATTR_VALUE__VALUE_TYPE;
    value.type = 1;
    for (size_t i = 0; i < 3; i++) {
        entries[i] = (Tensorflow__NodeDef__AttrEntry)TENSORFLOW__NODE_DEF__ATTR_ENTRY__INIT;
        entries[i].key = keys[i];
        entries[i].value = &value;
        attr[i] = &entries[i];
    }
    node.name = "relu";
    node.op = "Relu";
    node.attr = attr;
    node.n_attr = 3;
    signature.name = "inner";
    function.signature = &signature;
    function.node_def = nodes;
    function.n_node_def = 1;
    library.function = functions;
    library.n_function = 1;
    graph.library = &library;
    assert_int_equal(gft_proto_append(&b, &graph.base, &err), GRAFT_OK);
    ProtobufCMessage *message = NULL;
    assert_int_equal(gft_proto_unpack(&tensorflow__graph_def__descriptor, b.data, b.bytes,
                                      &gft_proto_limits_graph, "a graph", &arena, &message, &err),
                     GRAFT_OK);
    const Tensorflow__FunctionDef *f =
        ((const Tensorflow__GraphDef *)message)->library->function[0];
    assert_string_equal(f->signature->name, "inner");
    assert_int_equal(f->n_node_def, 0);
    const gft_map map = {b.data, b.bytes};
    assert_int_equal(gft_proto_unpack_at(&tensorflow__function_def__descriptor, &map,
                                         f->mapped_offset, f->mapped_bytes,
                                         &gft_proto_limits_function, "a graph", &arena, &message,
                                         &err),
                     GRAFT_OK);
    const Tensorflow__NodeDef *read = ((const Tensorflow__FunctionDef *)message)->node_def[0];
    assert_int_equal(read->n_attr, 2);
    assert_string_equal(read->attr[0]->key, "T");
    assert_string_equal(read->attr[1]->key, "_graft_layer");
    assert_failed(gft_proto_unpack_at(&tensorflow__function_def__descriptor, &map, b.bytes - 1, 2,
                                      NULL, "a graph", &arena, &message, &err),
                  &err, GRAFT_DATA_LOSS);
    gft_buffer_deinit(&b);
    gft_arena_deinit(&arena);
}

/* Cut anywhere, and with any bit flipped, a model is refused or read, never a crash. */
static void cuts_and_flips(void **state) {
    (void)state;
    gft_buffer b;
    build_model(&b);
    graft_error err;
    const ProtobufCMessageDescriptor *type = &tensorflow__saved_model__descriptor;
    size_t whole = 0;
    for (size_t cut = 0; cut < b.bytes; cut++) {
        uint8_t *part = exact(b.data, cut);
        graft_status status = unpack(type, part, cut, &gft_proto_limits_mapped, &err);
        if (status == GRAFT_OK)
            whole++; /* cuts between top-level fields */
        else
            assert_failed(status, &err, GRAFT_DATA_LOSS);
        free(part);
    }
    assert_int_equal(whole, 2); /* nothing at all, and after the version */
    for (size_t bit = 0; bit < b.bytes * 8; bit++) {
        uint8_t *copy = exact(b.data, b.bytes);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        graft_status status = unpack(type, copy, b.bytes, &gft_proto_limits_mapped, &err);
        assert_true(status == GRAFT_OK || status == GRAFT_DATA_LOSS);
        free(copy);
    }
    gft_buffer_deinit(&b);
}

static graft_status load(void *context) {
    gft_saved_model model;
    graft_status status = gft_saved_model_load(context, &model, NULL);
    if (status == GRAFT_OK)
        gft_saved_model_free(&model);
    return status;
}

static void files_are_told_apart(void **state) {
    (void)state;
    temp_dir dir = temp_dir_make();
    char path[128];
    graft_error err;
    gft_saved_model model;
    assert_false(gft_saved_model_present(dir.path));
    assert_failed(gft_saved_model_load(dir.path, &model, &err), &err, GRAFT_NOT_FOUND);
    snprintf(path, sizeof path, "%s/saved_model.pbtxt", dir.path);
    put_file(path, "saved_model_schema_version: 1\n", 30);
    assert_failed(gft_saved_model_load(dir.path, &model, &err), &err, GRAFT_UNIMPLEMENTED);
    snprintf(path, sizeof path, "%s/saved_model.pb", dir.path);
    put_file(path, "saved_model_schema_version: 1\n", 30);
    assert_failed(gft_saved_model_load(dir.path, &model, &err), &err, GRAFT_UNIMPLEMENTED);
    put_file(path, "", 0);
    assert_failed(gft_saved_model_load(dir.path, &model, &err), &err, GRAFT_DATA_LOSS);
    put_file(path, "\x08\x02\x12\x00", 4);
    assert_failed(gft_saved_model_load(dir.path, &model, &err), &err, GRAFT_UNIMPLEMENTED);
    gft_proto_file graph;
    assert_failed(gft_graph_def_load(path, &graph, &err), &err, GRAFT_DATA_LOSS);
    put_file(path, "", 0);
    assert_failed(gft_graph_def_load(path, &graph, &err), &err, GRAFT_DATA_LOSS);
    put_file(path,
             "\x0a\x03\x0a\x01"
             "a",
             5);
    assert_int_equal(gft_graph_def_load(path, &graph, &err), GRAFT_OK);
    gft_proto_file_close(&graph);
    gft_buffer b;
    build_model(&b);
    put_file(path, b.data, b.bytes);
    until_memory_suffices(load, dir.path);
    gft_buffer_deinit(&b);
    temp_dir_remove(&dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(counts_and_memory_are_bounded),
        cmocka_unit_test(foreign_bytes_are_refused),
        cmocka_unit_test(tensor_bytes_stay_in_the_file),
        cmocka_unit_test(length_past_the_end),
        cmocka_unit_test(functions_stay_in_the_file),
        cmocka_unit_test(cuts_and_flips),
        cmocka_unit_test(files_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
