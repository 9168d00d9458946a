/*
 * Pipeline workers: take a position, decode, give the picture its row in a batch, copy.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "data/pipeline_priv.h"

/* Tuning looks at this many batches at a time. */
#define TUNE_BATCHES 8

bool gft_broken_list_add(broken_list *list, pipe_broken item) {
    if (list->count == list->capacity) {
        int64_t larger = list->capacity ? list->capacity * 2 : 16;
        pipe_broken *items = gft_realloc(list->items, (size_t)larger * sizeof *items);
        if (!items)
            return false;
        list->items = items;
        list->capacity = larger;
    }
    list->items[list->count++] = item;
    return true;
}

void gft_broken_list_clear(broken_list *list) {
    for (int64_t i = 0; i < list->count; i++)
        gft_free(list->items[i].reason);
    list->count = 0;
}

void gft_broken_list_deinit(broken_list *list) {
    gft_broken_list_clear(list);
    gft_free(list->items);
    memset(list, 0, sizeof *list);
}

/* Decodes and preprocesses one sample into slot memory. No lock. */
static graft_status make_picture(const graft_pipeline *p, int64_t id, int64_t epoch, void *pixels,
                                 graft_error *err) {
    const graft_preprocess *rule = &p->options.preprocess;
    gft_picture picture;
    GFT_TRY(gft_dataset_picture(p->dataset, id, &picture, err));
    gft_view view = {picture.pixels, picture.height, picture.width, (size_t)picture.width * 3};
    gft_augment_before(p->policy, p->options.seed, epoch, id, &view);
    graft_status status = p->slot_u8 ? gft_preprocess_u8(rule, &view, pixels, err)
                                     : gft_preprocess_f32(rule, &view, pixels, err);
    gft_picture_deinit(&picture);
    if (status == GRAFT_OK) {
        gft_augment_pixels out = {pixels, p->slot_u8 ? 1 : sizeof(float), rule->height,
                                  rule->width};
        gft_augment_after(p->policy, p->options.seed, epoch, id, &out);
    }
    return status;
}

/* Out of memory is not the picture's fault. */
static bool is_fault_of_picture(graft_status status) {
    return status != GRAFT_RESOURCE_EXHAUSTED && status != GRAFT_INTERNAL &&
           status != GRAFT_CANCELLED;
}

static void decode_next(graft_pipeline *p) {
    int64_t position = p->next++;
    int64_t index = p->order[position];
    int64_t id = p->ids[index];
    int64_t epoch = p->epoch;
    pipe_slot *slot = &p->slots[position % p->slot_count];
    slot->known = p->known_broken[index] != 0;
    if (slot->known) {
        slot->state = SLOT_BROKEN;
        return;
    }
    slot->state = SLOT_BUSY;
    p->busy++;
    pthread_mutex_unlock(&p->lock);
    graft_error reason;
    memset(&reason, 0, sizeof reason);
    graft_status status = make_picture(p, id, epoch, slot->pixels, &reason);
    pthread_mutex_lock(&p->lock);
    p->busy--;
    slot->state = status == GRAFT_OK ? SLOT_DONE : SLOT_BROKEN;
    if (status != GRAFT_OK)
        slot->reason = reason;
}

/* "path: what" becomes "what": the path is told beside it. */
static char *copy_reason(const char *message, const char *path) {
    size_t n = strlen(path);
    if (strncmp(message, path, n) == 0 && message[n] == ':' && message[n + 1] == ' ')
        message += n + 2;
    return gft_strdup(message);
}

static void leave_out(graft_pipeline *p, pipe_slot *slot) {
    int64_t index = p->order[p->frontier];
    int64_t id = p->ids[index];
    if (slot->known)
        return;
    if (p->options.strict || !is_fault_of_picture(slot->reason.code)) {
        p->failure = slot->reason;
        return;
    }
    pipe_broken item = {id, index, p->filling,
                        copy_reason(slot->reason.message, p->dataset->samples[id].path)};
    if (!item.reason || !gft_broken_list_add(&p->found, item)) {
        gft_free(item.reason);
        (void)gft_fail_memory(&p->failure, sizeof item, "the list of broken pictures");
        return;
    }
    p->known_broken[index] = 1;
}

static void copy_picture(const graft_pipeline *p, const pipe_slot *slot, const pipe_batch *batch,
                         int32_t row) {
    size_t at = (size_t)row * p->elems;
    if (p->options.as_u8) {
        uint8_t *to = (uint8_t *)batch->values + at;
        if (p->slot_u8)
            memcpy(to, slot->pixels, p->elems);
        else
            gft_f32_to_u8(slot->pixels, p->elems, to);
    } else {
        float *to = (float *)batch->values + at;
        if (p->slot_u8)
            gft_u8_to_f32(slot->pixels, p->elems, to);
        else
            memcpy(to, slot->pixels, p->elems * sizeof(float));
    }
}

/* The end of an epoch: a last batch that is not full is closed or dropped. */
static void end_epoch(graft_pipeline *p) {
    pipe_batch *batch = &p->batches[p->filling % p->batch_count];
    if (p->filling < p->released + p->batch_count && batch->rows > 0 && !batch->closed) {
        if (!p->options.drop_remainder) {
            batch->closed = true;
            p->filling++;
        }
    }
    p->ended = true;
    pthread_cond_signal(&p->ready);
}

/* Gives the picture at the frontier its row and copies it. */
static void hand_over(graft_pipeline *p, pipe_slot *slot) {
    int64_t id = p->ids[p->order[p->frontier]];
    pipe_batch *batch = &p->batches[p->filling % p->batch_count];
    int32_t row = batch->rows++;
    batch->labels[row] = p->dataset->samples[id].label;
    batch->ids[row] = id;
    p->good++;
    if (batch->rows == p->options.batch_size) {
        batch->closed = true;
        p->filling++;
    }
    p->frontier++;
    if (p->frontier == p->count)
        end_epoch(p);
    slot->state = SLOT_COPYING;
    p->busy++;
    pthread_cond_broadcast(&p->work); /* the picture behind it may follow at once */
    pthread_mutex_unlock(&p->lock);
    copy_picture(p, slot, batch, row);
    pthread_mutex_lock(&p->lock);
    p->busy--;
    slot->state = SLOT_FREE;
    batch->copied++;
    if (batch->closed && batch->copied == batch->rows)
        pthread_cond_signal(&p->ready);
    pthread_cond_broadcast(&p->work);
}

/* Moves the frontier by one position if it can be; false if there is nothing to do. */
static bool advance(graft_pipeline *p) {
    if (p->frontier >= p->count || p->failure.code != GRAFT_OK)
        return false;
    pipe_slot *slot = &p->slots[p->frontier % p->slot_count];
    if (p->frontier >= p->next)
        return false;
    if (slot->state == SLOT_DONE) {
        if (p->filling >= p->released + p->batch_count)
            return false; /* all batches are full or with the consumer */
        hand_over(p, slot);
        return true;
    }
    if (slot->state != SLOT_BROKEN)
        return false;
    leave_out(p, slot);
    if (p->failure.code != GRAFT_OK) {
        pthread_cond_signal(&p->ready);
        return true;
    }
    slot->state = SLOT_FREE;
    p->frontier++;
    if (p->frontier == p->count)
        end_epoch(p);
    pthread_cond_broadcast(&p->work);
    return true;
}

static bool can_decode(const graft_pipeline *p) {
    return p->next < p->count && p->failure.code == GRAFT_OK &&
           p->slots[p->next % p->slot_count].state == SLOT_FREE;
}

void *gft_pipeline_worker(void *argument) {
    pipe_worker *worker = argument;
    graft_pipeline *p = worker->pipeline;
    pthread_mutex_lock(&p->lock);
    while (!p->quit) {
        if (p->running && worker->number < p->active) {
            if (advance(p))
                continue;
            if (can_decode(p)) {
                decode_next(p);
                continue;
            }
        }
        /* Waiting counts only while there is more to read: it is the consumer who is slow then. */
        bool held_up = p->running && worker->number < p->active && p->next < p->count;
        uint64_t from = gft_clock_ns();
        if (p->busy == 0)
            pthread_cond_signal(&p->ready); /* begin and free wait for this */
        pthread_cond_wait(&p->work, &p->lock);
        if (held_up)
            p->worker_wait_ns += gft_clock_ns() - from;
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

void gft_pipeline_tune(graft_pipeline *p) {
    if (++p->batches_since_tuned < TUNE_BATCHES)
        return;
    uint64_t now = gft_clock_ns();
    uint64_t span = now - p->tuned_at_ns;
    if (p->consumer_wait_ns > span / 20 && p->active < p->worker_count)
        p->active++;
    else if (p->active > 1 && p->consumer_wait_ns < span / 50 &&
             p->worker_wait_ns / (uint64_t)p->active > span / 2)
        p->active--;
    p->batches_since_tuned = 0;
    p->worker_wait_ns = 0;
    p->consumer_wait_ns = 0;
    p->tuned_at_ns = now;
    pthread_cond_broadcast(&p->work);
}
