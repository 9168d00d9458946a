/*
 * The files that are mapped at present, so that memory can be told to be a file's: only of those
 * may pages be given back at any time, since they can be read again. A process maps a few files,
 * seldom.
 */
#include "base/map_list.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"

typedef struct mapped {
    uintptr_t begin, end;
} mapped;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static mapped *list;
static size_t count, capacity;

/* A file that is not listed keeps its pages: no harm is done when memory is short. */
void gft_map_list_add(const void *data, size_t bytes) {
    pthread_mutex_lock(&mutex);
    if (count == capacity) {
        const size_t more = capacity ? 2 * capacity : 8;
        mapped *grown = gft_realloc(list, more * sizeof *grown);
        if (grown) {
            list = grown;
            capacity = more;
        }
    }
    if (count < capacity)
        list[count++] = (mapped){(uintptr_t)data, (uintptr_t)data + bytes};
    pthread_mutex_unlock(&mutex);
}

void gft_map_list_remove(const void *data) {
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < count; i++) {
        if (list[i].begin == (uintptr_t)data) {
            list[i] = list[--count];
            break;
        }
    }
    if (count == 0) {
        gft_free(list);
        list = NULL;
        capacity = 0;
    }
    pthread_mutex_unlock(&mutex);
}

void gft_map_let_go(const void *data, size_t bytes) {
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t begin = ((uintptr_t)data + page - 1) / page * page;
    const uintptr_t end = ((uintptr_t)data + bytes) / page * page;
    if (!data || begin >= end)
        return;
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < count; i++) {
        if (list[i].begin <= begin && end <= list[i].end) {
            (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
            break;
        }
    }
    pthread_mutex_unlock(&mutex);
}
