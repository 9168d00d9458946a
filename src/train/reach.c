/*
 * Which trainable parameters have a gradient (reach.h): gradients are taken on a copy of the
 * trained side, since only they tell; a path through the graph may pass an index or a comparison.
 */
#include "train/reach.h"

#include "base/alloc.h"
#include "ops/gradients.h"

/* A copy of the trained side whose last output is the logits. */
static graft_status copy_trained(const gft_split *split, gft_value_id logits, gft_graph **out,
                                 graft_error *err) {
    gft_graph *g = split->trained;
    GFT_TRY(gft_graph_output(g, "logits", split->map[logits], err));
    const graft_status status = gft_graph_clone(g, out, err);
    g->output_count--;
    return status;
}

static graft_status find(gft_graph *copy, const gft_param_id *ids, int32_t count, gft_value_id *wrt,
                         gft_value_id *grads, graft_error *err) {
    for (int32_t i = 0; i < count; i++)
        GFT_TRY(gft_graph_param(copy, ids[i], &wrt[i], err));
    const gft_value_id logits = copy->outputs[copy->output_count - 1].value;
    return gft_autodiff(copy, logits, wrt, count, gft_ops_gradients(), grads, err);
}

graft_status gft_reach_apply(gft_split *split, gft_value_id logits, gft_reach *out,
                             graft_error *err) {
    graft_status status = GRAFT_OK;
    gft_params *params = split->trained->params;
    const size_t all = (size_t)params->count + 1;
    int32_t count = 0;
    gft_graph *copy = NULL;
    gft_reach reach = {0};
    int32_t *ids = gft_calloc(3 * all, sizeof *ids);
    if (!ids)
        return gft_fail_memory(err, 3 * all * sizeof *ids, "gradients");
    gft_value_id *grads = ids + 2 * all;
    for (int32_t i = 0; i < params->count; i++) {
        if (params->items[i].trainable)
            ids[count++] = i;
    }
    GFT_GOTO(copy_trained(split, logits, &copy, err));
    GFT_GOTO(find(copy, ids, count, ids + all, grads, err));
    for (int32_t i = 0; i < count; i++) {
        gft_param *param = &params->items[ids[i]];
        if (grads[i] >= 0)
            continue;
        param->trainable = false;
        reach.first = reach.dropped++ == 0 ? param->name : reach.first;
    }
    *out = reach;
done:
    gft_graph_free(copy);
    gft_free(ids);
    return status;
}
