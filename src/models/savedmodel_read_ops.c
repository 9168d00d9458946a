/*
 * What a signature's source consists of: its ops with their counts, which of them are not read, and
 * where the first of those is. Made before anything is built, so that it is there for models that
 * do not run here.
 */
#include <stdlib.h>
#include <string.h>

#include "models/savedmodel_read.h"

static int by_op_name(const void *a, const void *b) {
    return strcmp(((const graft_op_info *)a)->name, ((const graft_op_info *)b)->name);
}

static void add(const gft_sm_reader *r, gft_sm_site site, graft_op_info *info) {
    const Tensorflow__NodeDef *node = gft_sm_node(r, site);
    const bool known = gft_sm_state_of(r, site)->outputs || gft_tf_import_outputs(node) > 0;
    if (info->count == 0)
        *info = (graft_op_info){.name = node->op, .supported = true};
    info->count++;
    if (known || !info->supported)
        return;
    info->supported = false;
    info->node = node->name;
    info->function = site.frame == 0 ? NULL : gft_sm_where(r, site.frame);
}

graft_status gft_sm_count_ops(gft_sm_reader *r, const gft_sm_site *order, size_t order_count,
                              graft_op_info **out, int32_t *count, graft_error *err) {
    gft_sm_names seen;
    gft_arena scratch;
    int32_t ops = 0;
    gft_arena_init(&scratch);
    graft_status status;
    GFT_GOTO(gft_sm_names_make(&scratch, order_count, &seen, err));
    for (size_t i = 0; i < order_count; i++)
        ops += gft_sm_names_add(&seen, gft_sm_node(r, order[i])->op, ops);
    graft_op_info *list = gft_arena_array(r->arena, (size_t)ops, sizeof *list);
    if (!list) {
        status = gft_fail_memory(err, (size_t)ops * sizeof *list, "a list of ops");
        goto done;
    }
    for (size_t i = 0; i < order_count; i++) {
        int32_t at = 0;
        (void)gft_sm_names_find(&seen, gft_sm_node(r, order[i])->op, &at);
        add(r, order[i], &list[at]);
    }
    if (ops > 1)
        qsort(list, (size_t)ops, sizeof *list, by_op_name);
    *out = list;
    *count = ops;
done:
    gft_arena_deinit(&scratch);
    return status;
}
