/*
 * table_find (models/op_strings.h): an open-addressing hash over the table's keys, made when the
 * plan is, then one look-up per key.
 */
#include <inttypes.h>
#include <string.h>

#include "base/shape.h"
#include "base/size.h"
#include "models/op_strings.h"
#include "ops/grid.h"
#include "ops/infer_check.h"

enum { KEYS, OTHERWISE, TABLE_KEYS, TABLE_VALUES, INPUTS };

#define LOOKUP_COST 64 /* elements' worth of work, for the grid */

typedef struct find_state {
    uint32_t *slots; /* index of the key + 1; 0: free */
    size_t mask;
    size_t value_bytes;
    int64_t rows_per_task;
} find_state;

static bool is_key_type(graft_dtype dtype) {
    return dtype == GRAFT_STRING || dtype == GRAFT_S64 || dtype == GRAFT_S32;
}

static graft_status infer(const gft_infer *in, graft_error *err) {
    char text[GFT_DESC_TEXT_BYTES];
    const graft_tensor_desc *keys = &in->inputs[TABLE_KEYS];
    const graft_tensor_desc *values = &in->inputs[TABLE_VALUES];
    if (!is_key_type(keys->dtype))
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "a table with keys of type %s, expected string, int64 or int32",
                        graft_dtype_name(keys->dtype));
    GFT_TRY(gft_check_dtype(in, KEYS, keys->dtype, err));
    GFT_TRY(gft_check_dtype(in, OTHERWISE, values->dtype, err));
    GFT_TRY(gft_check_rank(in, TABLE_KEYS, 1, err));
    GFT_TRY(gft_check_rank(in, TABLE_VALUES, 1, err));
    if (keys->shape.dims[0] != values->shape.dims[0] || keys->shape.dims[0] < 0 ||
        keys->shape.dims[0] > INT32_MAX)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "a table of %" PRId64 " keys and %" PRId64 " values", keys->shape.dims[0],
                        values->shape.dims[0]);
    if (gft_shape_elems(&in->inputs[OTHERWISE].shape) != 1)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "the default is %s, expected one value",
                        gft_desc_text(&in->inputs[OTHERWISE], text));
    in->outputs[0] = (graft_tensor_desc){.dtype = values->dtype, .shape = in->inputs[KEYS].shape};
    return GRAFT_OK;
}

static uint64_t hash_key(graft_dtype dtype, const void *keys, int64_t i) {
    uint64_t h = 1469598103934665603u; /* FNV-1a */
    if (dtype == GRAFT_STRING) {
        const graft_string_view v = ((const graft_string_view *)keys)[i];
        for (size_t k = 0; k < v.bytes; k++)
            h = (h ^ (uint8_t)v.data[k]) * 1099511628211u;
        return h ^ h >> 32;
    }
    h = (uint64_t)(dtype == GRAFT_S64 ? ((const int64_t *)keys)[i] : ((const int32_t *)keys)[i]);
    h = (h ^ h >> 33) * 0xff51afd7ed558ccdu; /* murmur's mixer: neighbours end up apart */
    return h ^ h >> 33;
}

static bool same_key(graft_dtype dtype, const void *a, int64_t i, const void *b, int64_t k) {
    if (dtype == GRAFT_S64)
        return ((const int64_t *)a)[i] == ((const int64_t *)b)[k];
    if (dtype == GRAFT_S32)
        return ((const int32_t *)a)[i] == ((const int32_t *)b)[k];
    const graft_string_view x = ((const graft_string_view *)a)[i];
    const graft_string_view y = ((const graft_string_view *)b)[k];
    return x.bytes == y.bytes && (x.bytes == 0 || memcmp(x.data, y.data, x.bytes) == 0);
}

/* The slot of key i of `keys`: the one that holds its equal in the table, or a free one. */
static size_t slot_of(const find_state *s, graft_dtype dtype, const void *table, const void *keys,
                      int64_t i) {
    size_t at = (size_t)hash_key(dtype, keys, i) & s->mask;
    while (s->slots[at] != 0 && !same_key(dtype, table, (int64_t)s->slots[at] - 1, keys, i))
        at = (at + 1) & s->mask;
    return at;
}

static graft_status prepare(gft_prepare *p, graft_error *err) {
    const graft_tensor_desc *keys = &p->inputs[TABLE_KEYS];
    const void *table = p->constants[TABLE_KEYS];
    const int64_t count = gft_shape_elems(&keys->shape);
    find_state *s;
    size_t slots = 8;
    if (!table && count > 0)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "the keys of its table are not constant");
    GFT_TRY(gft_grid_state(p, sizeof *s, &s, err));
    while (slots < 2 * (size_t)count)
        slots *= 2;
    s->slots = gft_arena_array(p->arena, slots, sizeof *s->slots);
    if (!s->slots)
        return gft_fail_memory(err, slots * sizeof *s->slots, p->node);
    s->mask = slots - 1;
    s->value_bytes = gft_dtype_cell_bytes(p->outputs[0].dtype);
    for (int64_t i = 0; i < count; i++) {
        const size_t at = slot_of(s, keys->dtype, table, table, i);
        if (s->slots[at] == 0)
            s->slots[at] = (uint32_t)i + 1;
    }
    s->rows_per_task = gft_grid_rows(LOOKUP_COST);
    p->tasks[0] = gft_grid_count(gft_shape_elems(&p->inputs[KEYS].shape), s->rows_per_task);
    return GRAFT_OK;
}

static void run(const gft_exec *exec) {
    const find_state *s = exec->state;
    const graft_dtype dtype = exec->inputs_desc[KEYS].dtype;
    const gft_range r = gft_grid_range(gft_shape_elems(&exec->inputs_desc[KEYS].shape),
                                       s->rows_per_task, exec->task);
    for (int64_t i = r.begin; i < r.end; i++) {
        const uint32_t found =
            s->slots[slot_of(s, dtype, exec->inputs[TABLE_KEYS], exec->inputs[KEYS], i)];
        const char *from =
            found ? (const char *)exec->inputs[TABLE_VALUES] + (size_t)(found - 1) * s->value_bytes
                  : exec->inputs[OTHERWISE];
        memcpy((char *)exec->outputs[0] + (size_t)i * s->value_bytes, from, s->value_bytes);
    }
}

const gft_op gft_op_table_find = {.name = "table_find",
                                  .min_inputs = INPUTS,
                                  .max_inputs = INPUTS,
                                  .outputs = 1,
                                  .infer = infer,
                                  .prepare = prepare,
                                  .run = run};
