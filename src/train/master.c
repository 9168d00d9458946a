/*
 * Contiguous trainable parameters (master.h). Each parameter gets its home in the set's arena when
 * the master is made, so that putting the weights back cannot fail.
 */
#include "train/master.h"

#include <string.h>

#include "base/alloc.h"
#include "base/shape.h"
#include "base/size.h"

#define PAD 16 /* floats: one cache line */

static void release(gft_master *m) {
    gft_free(m->weights);
    gft_free(m->grads);
    gft_free(m->best);
    gft_free(m->slots[0]);
    gft_free(m->slots[1]);
    gft_free(m->ids);
    gft_free(m->offsets);
    gft_free(m->homes);
    gft_free(m);
}

static graft_status lay_out(gft_master *m, graft_error *err) {
    gft_params *params = m->params;
    m->ids = gft_calloc((size_t)params->count, sizeof *m->ids);
    m->offsets = gft_calloc((size_t)params->count, sizeof *m->offsets);
    m->homes = gft_calloc((size_t)params->count, sizeof *m->homes);
    if (!m->ids || !m->offsets || !m->homes)
        return gft_fail_memory(err, (unsigned long long)params->count * sizeof *m->offsets,
                               "trainable parameters");
    size_t at = 0;
    for (int32_t i = 0; i < params->count; i++) {
        const gft_param *p = &params->items[i];
        if (!p->trainable)
            continue;
        if (p->desc.dtype != GRAFT_F32)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "parameter '%s' is %s; only float32 can be trained", p->name,
                            graft_dtype_name(p->desc.dtype));
        m->ids[m->count] = i;
        m->offsets[m->count++] = at;
        at += gft_size_align((size_t)gft_shape_elems(&p->desc.shape), PAD);
    }
    m->elems = (int64_t)at;
    if (m->count == 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "nothing to train: no parameter is trainable");
    return GRAFT_OK;
}

static float *zeros(size_t bytes) {
    float *p = gft_malloc_aligned(bytes);
    if (p)
        memset(p, 0, bytes);
    return p;
}

graft_status gft_master_new(gft_params *params, int slots, gft_master **out, graft_error *err) {
    graft_status status;
    gft_master *m = gft_calloc(1, sizeof *m);
    if (!m)
        return gft_fail_memory(err, sizeof *m, "trainable parameters");
    m->params = params;
    m->slot_count = slots;
    GFT_GOTO(lay_out(m, err));
    size_t bytes = (size_t)m->elems * sizeof(float);
    m->weights = zeros(bytes);
    m->grads = zeros(bytes);
    m->best = zeros(bytes);
    bool ok = m->weights && m->grads && m->best;
    for (int s = 0; s < slots; s++) {
        m->slots[s] = zeros(bytes);
        ok = ok && m->slots[s];
    }
    for (int32_t i = 0; ok && i < m->count; i++) {
        size_t elems = (size_t)gft_shape_elems(&params->items[m->ids[i]].desc.shape);
        m->homes[i] = gft_arena_array(&params->arena, elems, sizeof(float));
        ok = m->homes[i] != NULL;
    }
    if (!ok) {
        status = gft_fail_memory(err, bytes * (size_t)(3 + slots),
                                 "weights, gradients and optimiser slots");
        goto done;
    }
    for (int32_t i = 0; i < m->count; i++) {
        gft_param *p = &params->items[m->ids[i]];
        memcpy(m->weights + m->offsets[i], p->data,
               (size_t)gft_shape_elems(&p->desc.shape) * sizeof(float));
        p->data = m->weights + m->offsets[i];
    }
    gft_master_save_best(m);
    *out = m;
    return GRAFT_OK;
done:
    release(m);
    return status;
}

void gft_master_free(gft_master *m) {
    if (!m)
        return;
    for (int32_t i = 0; i < m->count; i++) {
        gft_param *p = &m->params->items[m->ids[i]];
        memcpy(m->homes[i], p->data, (size_t)gft_shape_elems(&p->desc.shape) * sizeof(float));
        p->data = m->homes[i];
    }
    release(m);
}

void gft_master_save_best(gft_master *m) {
    memcpy(m->best, m->weights, (size_t)m->elems * sizeof(float));
}

void gft_master_restore_best(gft_master *m) {
    memcpy(m->weights, m->best, (size_t)m->elems * sizeof(float));
}
