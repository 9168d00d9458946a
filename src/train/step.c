/*
 * The training step (step.h): builds loss and gradients behind the trained side, runs them, updates
 * the master weights.
 */
#include "train/step.h"

#include <string.h>

#include "base/alloc.h"
#include "base/shape.h"
#include "graph/rewrite.h"
#include "ops/gradients.h"
#include "ops/ops.h"
#include "ops/precision.h"

static graft_status append_loss(gft_graph *g, gft_value_id logits, int32_t classes, float smoothing,
                                gft_value_id *loss, graft_error *err) {
    graft_tensor_desc desc = gft_desc_f32(gft_shape_2(-1, classes));
    gft_value_id inputs[2] = {logits, -1};
    gft_value_id rows;
    GFT_TRY(gft_graph_input(g, "target", &desc, &inputs[1], err));
    gft_loss_attrs attrs = {.label_smoothing = smoothing};
    GFT_TRY(gft_graph_add(g, &gft_op_softmax_cross_entropy, "loss/rows", &attrs, inputs, 2, &rows,
                          err));
    gft_reduce_attrs mean = {.axes = 1u, .keep_dims = false};
    GFT_TRY(gft_graph_add(g, &gft_op_reduce_mean, "loss/mean", &mean, &rows, 1, loss, err));
    return gft_graph_output(g, "loss", *loss, err);
}

/* scale * loss, which gradients are taken of. */
static graft_status append_scale(gft_graph *g, gft_value_id loss, gft_value_id *scaled,
                                 graft_error *err) {
    graft_tensor_desc desc = gft_desc_f32((graft_shape){0});
    gft_value_id inputs[2] = {loss, -1};
    GFT_TRY(gft_graph_input(g, "loss_scale", &desc, &inputs[1], err));
    return gft_graph_add(g, &gft_op_mul, "loss/scaled", NULL, inputs, 2, scaled, err);
}

static graft_status append_gradients(gft_graph *g, gft_value_id loss, const gft_master *master,
                                     graft_error *err) {
    graft_status status = GRAFT_OK;
    gft_value_id *wrt = gft_calloc((size_t)master->count * 2, sizeof *wrt);
    if (!wrt)
        return gft_fail_memory(err, (unsigned long long)master->count * sizeof *wrt, "gradients");
    gft_value_id *grads = wrt + master->count;
    for (int32_t i = 0; i < master->count; i++)
        GFT_GOTO(gft_graph_param(g, master->ids[i], &wrt[i], err));
    GFT_GOTO(gft_autodiff(g, loss, wrt, master->count, gft_ops_gradients(), grads, err));
    for (int32_t i = 0; i < master->count; i++) {
        const char *name = master->params->items[master->ids[i]].name;
        if (grads[i] < 0) {
            status =
                gft_fail(err, GRAFT_INVALID_ARGUMENT,
                         "parameter '%s' is trainable but the loss does not depend on it", name);
            goto done;
        }
        GFT_GOTO(gft_graph_output(g, name, grads[i], err));
    }
done:
    gft_free(wrt);
    return status;
}

/*
 * Running statistics change while the plan runs, before it is known whether the gradients are
 * finite: a step that may be skipped keeps what they were.
 */
static graft_status find_statistics(gft_step *s, const gft_graph *g, graft_error *err) {
    int64_t elems = 0;
    size_t bytes = ((size_t)g->node_count + 1) * sizeof *s->statistics;
    s->statistics = gft_malloc(bytes);
    if (!s->statistics)
        return gft_fail_memory(err, bytes, "running statistics");
    for (int32_t i = 0; i < g->node_count; i++) {
        const gft_node *node = &g->nodes[i];
        if (node->op != &gft_op_ema_update)
            continue;
        const gft_value *running = gft_graph_value(g, node->inputs[0]);
        s->statistics[s->statistic_count++] = running->param;
        elems += gft_shape_elems(&running->desc.shape);
    }
    s->kept = gft_calloc((size_t)elems + 1, sizeof *s->kept);
    if (!s->kept)
        return gft_fail_memory(err, ((unsigned long long)elems + 1) * sizeof *s->kept,
                               "running statistics");
    return GRAFT_OK;
}

/* To `kept`, or back from there. */
static void copy_statistics(gft_step *s, bool back) {
    float *kept = s->kept;
    for (int32_t i = 0; i < s->statistic_count; i++) {
        const gft_param *param = &s->master->params->items[s->statistics[i]];
        int64_t elems = gft_shape_elems(&param->desc.shape);
        memcpy(back ? param->data : kept, back ? kept : param->data, (size_t)elems * sizeof(float));
        kept += elems;
    }
}

graft_status gft_step_make(gft_split *split, gft_value_id logits, gft_master *master,
                           const gft_optimizer *optimizer, float smoothing, int64_t max_batch,
                           gft_pool *pool, const gft_step_precision *precision, gft_step *out,
                           graft_error *err) {
    graft_status status = GRAFT_OK;
    gft_graph *g = split->trained;
    gft_value_id here = split->map[logits];
    gft_value_id loss;
    const graft_shape *shape = &gft_graph_value(g, here)->desc.shape;
    gft_step s = {.split = split,
                  .master = master,
                  .pool = pool,
                  .optimizer = *optimizer,
                  .max_batch = max_batch,
                  .scale = precision ? precision->scale : NULL};
    s.classes = (int32_t)shape->dims[shape->rank - 1];
    s.targets = gft_calloc((size_t)max_batch * (size_t)s.classes, sizeof(float));
    if (!s.targets)
        return gft_fail_memory(err, (unsigned long long)max_batch * (unsigned)s.classes * 4,
                               "targets");
    GFT_GOTO(gft_graph_output(g, "logits", here, err));
    GFT_GOTO(gft_graph_clone(g, &s.evaluation, err));
    GFT_GOTO(gft_graph_sweep(s.evaluation, err));
    GFT_GOTO(gft_rewrite_fold_pad(g, &(gft_rewrite_options){.training = true, .fuse = true}, err));
    GFT_GOTO(gft_rewrite_train_batch_norm(g, &gft_op_batch_norm_train, &gft_op_ema_update, err));
    here = g->outputs[g->output_count - 1].value; /* a batch norm may have made it */
    GFT_GOTO(append_loss(g, here, s.classes, smoothing, &loss, err));
    if (s.scale)
        GFT_GOTO(append_scale(g, loss, &loss, err));
    GFT_GOTO(append_gradients(g, loss, master, err));
    GFT_GOTO(gft_graph_sweep(g, err));
    if (s.scale)
        GFT_GOTO(find_statistics(&s, g, err));
    gft_plan_options options = {.training = true};
    if (precision) {
        options.precision = precision->dtype;
        options.half_ops = gft_ops_precision();
    }
    s.runner = gft_runner_make(g, &options, pool);
    *out = s;
    return GRAFT_OK;
done:
    gft_step_deinit(&s);
    return status;
}

void gft_step_deinit(gft_step *step) {
    gft_runner_deinit(&step->runner);
    gft_graph_free(step->evaluation);
    gft_free(step->targets);
    gft_free(step->statistics);
    gft_free(step->kept);
    memset(step, 0, sizeof *step);
}

int32_t gft_step_argmax(const float *values, int32_t k) {
    int32_t best = 0;
    for (int32_t i = 1; i < k; i++)
        if (values[i] > values[best])
            best = i;
    return best;
}

graft_status gft_step_run(gft_step *step, const float *const *crossings, const int32_t *labels,
                          int64_t n, double lr, int64_t iteration, uint64_t seed,
                          uint64_t random_step, double *loss, int64_t *correct, bool *updated,
                          graft_error *err) {
    enum { FIRST_GRAD = 2 }; /* outputs: logits, loss, gradients */
    gft_run *run;
    gft_master *m = step->master;
    const void *inputs[GFT_SPLIT_MAX_CROSSINGS + 2];
    GFT_TRY(gft_runner_get(&step->runner, n, &run, err));
    memset(step->targets, 0, (size_t)n * (size_t)step->classes * sizeof(float));
    for (int64_t i = 0; i < n; i++)
        step->targets[i * step->classes + labels[i]] = 1.0f;
    for (int32_t i = 0; i < step->split->crossing_count; i++)
        inputs[i] = crossings[i];
    inputs[step->split->crossing_count] = step->targets;
    step->scale_now = step->scale ? (float)step->scale->scale : 1.0f;
    inputs[step->split->crossing_count + 1] = &step->scale_now;
    void **outputs = gft_calloc((size_t)(FIRST_GRAD + m->count), sizeof *outputs);
    if (!outputs)
        return gft_fail_memory(err, (unsigned long long)m->count * sizeof *outputs,
                               "training step");
    for (int32_t i = 0; i < m->count; i++)
        outputs[FIRST_GRAD + i] = m->grads + m->offsets[i];
    gft_run_set_random(run, seed, random_step);
    copy_statistics(step, false);
    graft_status status = gft_run_execute(run, inputs, outputs, err);
    gft_free(outputs);
    GFT_TRY(status);
    const float *logits = gft_run_output(run, 0);
    *loss = (double)*(const float *)gft_run_output(run, 1);
    *correct = 0;
    for (int64_t i = 0; i < n; i++)
        *correct += gft_step_argmax(logits + i * step->classes, step->classes) == labels[i];
    *updated = !step->scale || gft_loss_scale_take(step->scale, m->grads, m->elems);
    if (step->scale)
        gft_loss_scale_update(step->scale, *updated);
    if (!*updated) {
        copy_statistics(step, true);
        return GRAFT_OK;
    }
    gft_optimizer_step(&step->optimizer, lr, iteration, m->weights, m->grads, m->slots, m->elems,
                       step->pool);
    return GRAFT_OK;
}
