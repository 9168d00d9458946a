/*
 * Look-up tables of a SavedModel. What a table holds is said by the node that fills it,
 * LookupTableImportV2 or InitializeTable..., in the main graph (TensorFlow 1) or in an initialiser
 * function that the init op calls (TensorFlow 2); keys and values are constants, or lines of a
 * vocabulary file in assets/.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/shape.h"
#include "models/savedmodel_read.h"
#include "models/savedmodel_vocabulary.h"

#define MAX_HOPS 8 /* from a table's file name through a variable to the asset */

static bool is_table(const Tensorflow__NodeDef *node) {
    return strcmp(node->op, "HashTableV2") == 0 || strcmp(node->op, "HashTable") == 0;
}

static bool fills_from_tensors(const Tensorflow__NodeDef *node) {
    return strncmp(node->op, "LookupTableImport", 17) == 0 ||
           strcmp(node->op, "InitializeTable") == 0 || strcmp(node->op, "InitializeTableV2") == 0;
}

static bool fills_from_file(const Tensorflow__NodeDef *node) {
    return strncmp(node->op, "InitializeTableFromTextFile", 27) == 0;
}

/* The data input of this number, NULL if there is none. */
static const char *input_of(const Tensorflow__NodeDef *node, size_t number) {
    return number < node->n_input && node->input[number][0] != '^' ? node->input[number] : NULL;
}

/* ---- which node fills which table ---- */

static graft_status add_filler(gft_sm_reader *r, gft_sm_site site, graft_error *err) {
    const char *handle = input_of(gft_sm_node(r, site), 0);
    gft_sm_tensor table;
    if (!handle)
        return GRAFT_OK;
    GFT_TRY(gft_sm_resolve(r, site.frame, handle, &table, err));
    if (table.site.frame != 0 || !is_table(gft_sm_node(r, table.site)))
        return GRAFT_OK;
    for (int32_t i = 0; i < r->table_count; i++) {
        if (r->tables[i].node == table.site.node && !r->tables[i].filled) {
            r->tables[i].filled = true;
            r->tables[i].filler = site;
        }
    }
    return GRAFT_OK;
}

static graft_status scan_frame(gft_sm_reader *r, int32_t frame, graft_error *err) {
    const int32_t count = r->frames[frame].body->node_count;
    for (int32_t i = 0; i < count; i++) {
        const gft_sm_site site = {frame, i};
        const Tensorflow__NodeDef *node = gft_sm_node(r, site);
        if (fills_from_tensors(node) || fills_from_file(node))
            GFT_TRY(add_filler(r, site, err));
    }
    return GRAFT_OK;
}

/* The node that TensorFlow runs after loading; NULL if there is none. */
static const char *init_op(const gft_sm_reader *r) {
    for (size_t i = 0; i < r->meta->n_signature_def; i++) {
        const Tensorflow__SignatureDef *s = r->meta->signature_def[i]->value;
        if (strcmp(r->meta->signature_def[i]->key, "__saved_model_init_op") == 0 && s &&
            s->n_outputs == 1 && s->outputs[0]->value &&
            s->outputs[0]->value->encoding_case == TENSORFLOW__TENSOR_INFO__ENCODING_NAME)
            return s->outputs[0]->value->name;
    }
    for (size_t i = 0; i < r->meta->n_collection_def; i++) {
        const Tensorflow__CollectionDef *c = r->meta->collection_def[i]->value;
        if ((strcmp(r->meta->collection_def[i]->key, "saved_model_main_op") == 0 ||
             strcmp(r->meta->collection_def[i]->key, "legacy_init_op") == 0) &&
            c && c->kind_case == TENSORFLOW__COLLECTION_DEF__KIND_NODE_LIST &&
            c->node_list->n_value == 1)
            return c->node_list->value[0];
    }
    return NULL;
}

/* Nodes to look at, each once. */
typedef struct pending {
    gft_sm_site *sites;
    size_t count, capacity;
    bool *seen; /* of the main graph */
} pending;

static graft_status push(pending *p, gft_sm_site site, graft_error *err) {
    if (p->count == p->capacity) {
        const size_t capacity = p->capacity ? 2 * p->capacity : 64;
        gft_sm_site *sites = gft_realloc(p->sites, capacity * sizeof *sites);
        if (!sites)
            return gft_fail_memory(err, capacity * sizeof *sites, "initialisers");
        p->sites = sites;
        p->capacity = capacity;
    }
    p->sites[p->count++] = site;
    return GRAFT_OK;
}

static graft_status push_named(gft_sm_reader *r, pending *p, const char *text, graft_error *err) {
    char name[512];
    int32_t index;
    text += *text == '^';
    const size_t length = strcspn(text, ":");
    if (length >= sizeof name)
        return GRAFT_OK;
    memcpy(name, text, length);
    name[length] = '\0';
    if (!gft_sm_names_find(&r->main.names, name, &index) || index < 0 || p->seen[index])
        return GRAFT_OK;
    p->seen[index] = true;
    return push(p, (gft_sm_site){0, index}, err);
}

/* Follows a call: what its function fills, and the calls in it. */
static graft_status look_at(gft_sm_reader *r, pending *p, gft_sm_site site, graft_error *err) {
    int32_t callee;
    const Tensorflow__NodeDef *node = gft_sm_node(r, site);
    for (size_t i = 0; site.frame == 0 && i < node->n_input; i++)
        GFT_TRY(push_named(r, p, node->input[i], err));
    GFT_TRY(gft_sm_callee(r, site, &callee, err));
    if (callee < 0)
        return GRAFT_OK;
    GFT_TRY(scan_frame(r, callee, err));
    const int32_t count = r->frames[callee].body->node_count;
    for (int32_t i = 0; i < count; i++) {
        const char *op = r->frames[callee].body->nodes[i]->op;
        if (strcmp(op, "PartitionedCall") == 0 || strcmp(op, "StatefulPartitionedCall") == 0)
            GFT_TRY(push(p, (gft_sm_site){callee, i}, err));
    }
    return GRAFT_OK;
}

static graft_status follow_init_op(gft_sm_reader *r, graft_error *err) {
    pending p = {0};
    const char *name = init_op(r);
    graft_status status = GRAFT_OK;
    if (!name)
        return GRAFT_OK;
    p.seen = gft_calloc((size_t)r->main.node_count + 1, sizeof *p.seen);
    if (!p.seen)
        return gft_fail_memory(err, (unsigned long long)r->main.node_count, "initialisers");
    GFT_GOTO(push_named(r, &p, name, err));
    while (p.count > 0)
        GFT_GOTO(look_at(r, &p, p.sites[--p.count], err));
done:
    gft_free(p.seen);
    gft_free(p.sites);
    return status;
}

graft_status gft_sm_open_tables(gft_sm_reader *r, graft_error *err) {
    int32_t count = 0;
    for (int32_t i = 0; i < r->main.node_count; i++)
        count += is_table(r->main.nodes[i]);
    if (count == 0)
        return GRAFT_OK;
    r->tables = gft_arena_array(r->arena, (size_t)count, sizeof *r->tables);
    if (!r->tables)
        return gft_fail_memory(err, (size_t)count * sizeof *r->tables, "tables");
    for (int32_t i = 0; i < r->main.node_count; i++) {
        if (is_table(r->main.nodes[i]))
            r->tables[r->table_count++].node = i;
    }
    GFT_TRY(scan_frame(r, 0, err));
    return follow_init_op(r, err);
}

/* ---- what a table holds ---- */

static graft_status constant_input(gft_sm_reader *r, gft_sm_site filler, size_t number,
                                   const char *what, graft_tensor *out, graft_error *err) {
    const char *text = input_of(gft_sm_node(r, filler), number);
    gft_sm_tensor tensor = {{0, 0}, 0};
    gft_tf_value value = {.id = -1};
    if (!text)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "the node that fills it gives no %s", what);
    GFT_TRY(gft_sm_resolve(r, filler.frame, text, &tensor, err));
    gft_tf_import m = {.arena = r->arena,
                       .map = r->map,
                       .node = gft_sm_node(r, tensor.site),
                       .outputs = &value,
                       .output_count = 1};
    m.name = m.node->name;
    if (strcmp(m.node->op, "Const") != 0)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "its %s are computed by '%s' (op '%s')", what,
                        m.node->name, m.node->op);
    GFT_TRY(gft_tf_import_node(&m, err));
    *out = *value.tensor;
    const int64_t elems = gft_shape_elems(&out->desc.shape); /* known: it is a constant's */
    out->desc.shape = gft_shape_1(elems);
    return GRAFT_OK;
}

/* The value that a variable of the main graph is given there; NULL if nothing gives it one. */
static const char *assigned(gft_sm_reader *r, gft_sm_site variable, graft_error *err) {
    for (int32_t i = 0; i < r->main.node_count; i++) {
        const Tensorflow__NodeDef *node = r->main.nodes[i];
        gft_sm_tensor handle;
        if (strcmp(node->op, "AssignVariableOp") != 0 || !input_of(node, 0) || !input_of(node, 1) ||
            gft_sm_resolve(r, 0, node->input[0], &handle, err) != GRAFT_OK)
            continue;
        if (handle.site.frame == 0 && handle.site.node == variable.node)
            return node->input[1];
    }
    return NULL;
}

/* The node that holds a file's name, behind the variable that newer TensorFlow keeps it in. */
static graft_status asset_node(gft_sm_reader *r, gft_sm_site filler, gft_sm_tensor *out,
                               graft_error *err) {
    const char *text = input_of(gft_sm_node(r, filler), 1);
    int32_t frame = filler.frame;
    for (int hop = 0; text && hop < MAX_HOPS; hop++) {
        GFT_TRY(gft_sm_resolve(r, frame, text, out, err));
        const Tensorflow__NodeDef *node = gft_sm_node(r, out->site);
        frame = out->site.frame;
        if (strcmp(node->op, "ReadVariableOp") == 0) {
            text = input_of(node, 0);
        } else if (strcmp(node->op, "VarHandleOp") == 0 && frame == 0) {
            text = assigned(r, out->site, err);
        } else {
            return GRAFT_OK;
        }
    }
    return gft_fail(err, GRAFT_UNIMPLEMENTED, "the name of its vocabulary file is not constant");
}

/* The file below assets/: what the asset list says, else the last part of the constant's path. */
static graft_status asset_name(gft_sm_reader *r, gft_sm_tensor tensor, const char **out,
                               graft_error *err) {
    const Tensorflow__NodeDef *node = gft_sm_node(r, tensor.site);
    const size_t length = strlen(node->name);
    gft_tf_value value = {.id = -1};
    for (size_t i = 0; tensor.site.frame == 0 && i < r->meta->n_asset_file_def; i++) {
        const Tensorflow__AssetFileDef *asset = r->meta->asset_file_def[i];
        const char *name = asset->tensor_info && asset->tensor_info->encoding_case ==
                                                     TENSORFLOW__TENSOR_INFO__ENCODING_NAME
                               ? asset->tensor_info->name
                               : "";
        if (strncmp(name, node->name, length) == 0 && (name[length] == ':' || !name[length])) {
            *out = asset->filename;
            return GRAFT_OK;
        }
    }
    gft_tf_import m = {.arena = r->arena,
                       .map = r->map,
                       .node = node,
                       .name = node->name,
                       .outputs = &value,
                       .output_count = 1};
    if (strcmp(node->op, "Const") == 0)
        GFT_TRY(gft_tf_import_node(&m, err));
    if (!value.tensor || value.tensor->desc.dtype != GRAFT_STRING ||
        value.tensor->bytes != sizeof(graft_string_view))
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "node '%s' names no vocabulary file", node->name);
    const graft_string_view path = *(const graft_string_view *)value.tensor->data;
    const char *copy = gft_arena_strndup(r->arena, path.data, path.bytes);
    if (!copy)
        return gft_fail_memory(err, path.bytes, "a file name");
    *out = gft_path_base(copy);
    return GRAFT_OK;
}

static graft_status from_file(gft_sm_reader *r, const Tensorflow__NodeDef *table, gft_sm_site site,
                              gft_tf_table *out, graft_error *err) {
    const Tensorflow__NodeDef *node = gft_sm_node(r, site);
    const Tensorflow__AttrValue *delimiter = gft_tf_find_attr(node, "delimiter");
    gft_sm_tensor tensor = {{0, 0}, 0};
    const char *name = NULL;
    gft_vocabulary v = {.key_index = gft_tf_get_int(node, "key_index", GFT_VOCABULARY_LINE),
                        .value_index = gft_tf_get_int(node, "value_index", GFT_VOCABULARY_NUMBER),
                        .most_lines = gft_tf_get_int(node, "vocab_size", -1),
                        .offset = gft_tf_get_int(node, "offset", 0),
                        .delimiter = '\t',
                        .key_type = gft_tf_get_type(table, "key_dtype", GRAFT_STRING),
                        .value_type = gft_tf_get_type(table, "value_dtype", GRAFT_S64)};
    if (delimiter && delimiter->value_case == TENSORFLOW__ATTR_VALUE__VALUE_S &&
        delimiter->s.len == 1)
        v.delimiter = (char)delimiter->s.data[0];
    GFT_TRY(asset_node(r, site, &tensor, err));
    GFT_TRY(asset_name(r, tensor, &name, err));
    if (name[0] == '\0' || name[0] == '/' || strstr(name, ".."))
        return gft_fail(err, GRAFT_DATA_LOSS, "its vocabulary file '%.100s' is not in assets/",
                        name);
    char *path = gft_format("%s/assets/%s", r->dir, name);
    if (!path)
        return gft_fail_memory(err, strlen(r->dir), "a file name");
    graft_status status = gft_vocabulary_read(&v, path, r->arena, &out->keys, &out->values, err);
    gft_free(path);
    return status;
}

static graft_status read_table(gft_sm_reader *r, gft_sm_table *t, graft_error *err) {
    gft_tf_table *table = gft_arena_alloc(r->arena, sizeof *table);
    if (!table)
        return gft_fail_memory(err, sizeof *table, "a table");
    if (fills_from_file(gft_sm_node(r, t->filler))) {
        GFT_TRY(from_file(r, r->main.nodes[t->node], t->filler, table, err));
    } else {
        GFT_TRY(constant_input(r, t->filler, 1, "keys", &table->keys, err));
        GFT_TRY(constant_input(r, t->filler, 2, "values", &table->values, err));
    }
    t->contents = table;
    return GRAFT_OK;
}

/* A table by its node, or by the name that several handles share. */
static gft_sm_table *find_table(const gft_sm_reader *r, gft_sm_site site) {
    const Tensorflow__AttrValue *name = gft_tf_find_attr(gft_sm_node(r, site), "shared_name");
    for (int32_t i = 0; i < r->table_count; i++) {
        if (site.frame == 0 && r->tables[i].node == site.node && r->tables[i].filled)
            return &r->tables[i];
    }
    for (int32_t i = 0; name && i < r->table_count; i++) {
        const Tensorflow__AttrValue *other =
            gft_tf_find_attr(r->main.nodes[r->tables[i].node], "shared_name");
        if (r->tables[i].filled && other && name->value_case == TENSORFLOW__ATTR_VALUE__VALUE_S &&
            other->value_case == TENSORFLOW__ATTR_VALUE__VALUE_S && name->s.len > 0 &&
            name->s.len == other->s.len && memcmp(name->s.data, other->s.data, name->s.len) == 0)
            return &r->tables[i];
    }
    return NULL;
}

graft_status gft_sm_read_table(gft_sm_reader *r, gft_sm_site site, gft_tf_value *out,
                               graft_error *err) {
    gft_sm_table *t = find_table(r, site);
    if (!t)
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "a table that nothing fills when the model is "
                        "loaded");
    if (!t->contents)
        GFT_TRY(read_table(r, t, err));
    out->kind = GFT_TF_TABLE;
    out->table = t->contents;
    return GRAFT_OK;
}
