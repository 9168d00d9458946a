/*
 * Look-ups in immutable tables. What a table holds is found by the file's reader
 * (savedmodel_read_tables.c), which gives its handle the kind GFT_TF_TABLE; here the look-up
 * becomes one op over the table's keys and values as constants.
 */
#include "base/shape.h"
#include "models/op_strings.h"
#include "models/tensorflow_ops_import.h"

static graft_status table_of(const gft_tf_import *m, gft_tf_value **out, graft_error *err) {
    if (m->input_count < 1 || m->inputs[0]->kind != GFT_TF_TABLE)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "looks up in what is no table");
    *out = m->inputs[0];
    return GRAFT_OK;
}

graft_status gft_tf_import_table_find(gft_tf_import *m, graft_error *err) {
    gft_tf_value *handle = NULL;
    gft_value_id inputs[4];
    gft_value_id out;
    GFT_TRY(table_of(m, &handle, err));
    GFT_TRY(gft_tf_take(m, 1, &inputs[0], err));
    GFT_TRY(gft_tf_take(m, 2, &inputs[1], err));
    const gft_tf_table *table = handle->table;
    if (handle->id < 0) { /* both once per graph; the values come right behind the keys */
        gft_value_id values;
        GFT_TRY(gft_graph_const(m->graph, table->keys.name, &table->keys.desc, table->keys.data,
                                false, &handle->id, err));
        GFT_TRY(gft_graph_const(m->graph, table->values.name, &table->values.desc,
                                table->values.data, false, &values, err));
    }
    inputs[2] = handle->id;
    inputs[3] = handle->id + 1;
    GFT_TRY(gft_tf_append(m, &gft_op_table_find, NULL, inputs, 4, &out, err));
    gft_tf_set_graph(m, 0, out);
    return GRAFT_OK;
}

graft_status gft_tf_import_table_size(gft_tf_import *m, graft_error *err) {
    gft_tf_value *handle = NULL;
    GFT_TRY(table_of(m, &handle, err));
    const gft_tf_ints size = {.rank = 0,
                              .count = 1,
                              .dtype = GRAFT_S64,
                              .values = {handle->table->keys.desc.shape.dims[0]}};
    return gft_tf_set_ints(m, &size, err);
}
