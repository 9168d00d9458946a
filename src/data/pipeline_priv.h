/*
 * Private to the pipeline: its state, shared by the consumer (pipeline.c) and the workers
 * (pipeline_work.c).
 *
 * Positions 0..count-1 are the samples of an epoch in its order. A worker takes the next position,
 * decodes into a free slot (position modulo slots) and marks it done. Done slots leave in the order
 * of positions: each is given the next row of the batch being filled, so where a picture lands
 * depends on the pictures before it alone. Any worker may do the copy; the batch is ready when it
 * is full and all its copies are finished.
 */
#ifndef GFT_DATA_PIPELINE_PRIV_H
#define GFT_DATA_PIPELINE_PRIV_H

#include <pthread.h>

#include "data/augment.h"
#include "data/dataset.h"
#include "data/preprocess.h"

typedef enum slot_state { SLOT_FREE, SLOT_BUSY, SLOT_DONE, SLOT_BROKEN, SLOT_COPYING } slot_state;

/* One decoded picture on its way to a batch. */
typedef struct pipe_slot {
    slot_state state;
    void *pixels;       /* uint8 or float32, by gft_preprocess_gives_u8 */
    bool known;         /* broken, and reported in an epoch before */
    graft_error reason; /* when broken */
} pipe_slot;

typedef struct pipe_batch {
    void *values; /* float32, or uint8 with as_u8 */
    int32_t *labels;
    int64_t *ids;
    int32_t rows;   /* given out */
    int32_t copied; /* finished */
    bool closed;    /* gets no more rows */
} pipe_batch;

typedef struct pipe_broken {
    int64_t id;
    int64_t index; /* into pipeline->ids */
    int64_t batch; /* the batch it would have been in: reported with that one */
    char *reason;
} pipe_broken;

typedef struct broken_list {
    pipe_broken *items;
    int64_t count;
    int64_t capacity;
} broken_list;

struct pipe_worker;

struct graft_pipeline {
    const graft_dataset *dataset;
    graft_data_options options; /* ids and augment are not used after creation */
    const gft_augment_policy *policy;
    int64_t *ids; /* samples, in their given order */
    int64_t count;
    uint32_t *order; /* of the epoch: indices into ids */
    size_t elems;    /* values of one picture */
    bool slot_u8;

    pthread_mutex_t lock; /* everything below */
    pthread_cond_t work;  /* workers wait here */
    pthread_cond_t ready; /* the consumer waits here */
    pipe_slot *slots;
    int64_t slot_count;
    pipe_batch *batches;
    int64_t batch_count;
    uint8_t *known_broken; /* by index into ids */

    bool running; /* an epoch is under way */
    bool quit;
    int64_t epoch;
    int64_t next;        /* position to decode next */
    int64_t frontier;    /* first position that has not left its slot */
    int64_t filling;     /* number of the batch being filled */
    int64_t good;        /* pictures given to batches */
    int64_t released;    /* batches the consumer is done with */
    bool ended;          /* filling = number of batches of the epoch */
    graft_error failure; /* of batch `filling`, once code is not OK */
    int busy;            /* workers outside the lock */

    struct pipe_worker *workers;
    int worker_count;
    int active; /* workers that may take work; changed by the consumer only */
    uint64_t worker_wait_ns;
    uint64_t consumer_wait_ns;
    uint64_t tuned_at_ns;
    int batches_since_tuned;

    broken_list found; /* in order, of this epoch, not yet reported */

    /* The consumer's own, no lock. */
    bool begun;
    bool holding;
    broken_list reported;
};

typedef struct pipe_worker {
    pthread_t thread;
    graft_pipeline *pipeline;
    int number;
} pipe_worker;

/** The body of a worker thread; `worker` is a pipe_worker. */
void *gft_pipeline_worker(void *worker);

/** Appends (reason is taken over); false when out of memory, reason then still the caller's. */
bool gft_broken_list_add(broken_list *list, pipe_broken item);
void gft_broken_list_clear(broken_list *list); /* frees the reasons, keeps the memory */
void gft_broken_list_deinit(broken_list *list);

/** Called by the consumer with the lock held after each batch: more or fewer workers. */
void gft_pipeline_tune(graft_pipeline *pipeline);

#endif
