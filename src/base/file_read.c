/*
 * Reading files: mapped as a whole, or copied up to a limit (which also works for pipes and
 * devices).
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/map_list.h"
#include "base/size.h"

static graft_status open_for_reading(const char *path, int *fd, struct stat *st, graft_error *err) {
    int opened = open(path, O_RDONLY | O_CLOEXEC);
    if (opened < 0)
        return gft_fail_errno(err, errno, "open", path);
    if (fstat(opened, st) != 0) {
        int failed = errno;
        close(opened);
        return gft_fail_errno(err, failed, "look at", path);
    }
    if (S_ISDIR(st->st_mode)) {
        close(opened);
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: is a folder, expected a file", path);
    }
    *fd = opened;
    return GRAFT_OK;
}

graft_status gft_map_open(const char *path, gft_map *out, graft_error *err) {
    int fd = -1;
    struct stat st;
    GFT_TRY(open_for_reading(path, &fd, &st, err));
    if (!S_ISREG(st.st_mode)) {
        close(fd);
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: is not a regular file and cannot be mapped", path);
    }
    gft_map map = {(const uint8_t *)"", 0};
    if (st.st_size > 0) {
        map.bytes = (size_t)st.st_size;
        void *p = mmap(NULL, map.bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED) {
            int failed = errno;
            close(fd);
            return gft_fail_errno(err, failed, "map", path);
        }
        map.data = p;
        gft_map_list_add(map.data, map.bytes);
    }
    close(fd); /* the mapping stays */
    *out = map;
    return GRAFT_OK;
}

void gft_map_close(gft_map *map) {
    if (map->bytes > 0) {
        gft_map_list_remove(map->data);
        munmap((void *)(uintptr_t)map->data, map->bytes);
    }
    *map = (gft_map){(const uint8_t *)"", 0};
}

/* Reads to the end into *data (grown as needed, one byte kept for the NUL). */
static graft_status read_all(int fd, const char *path, size_t max_bytes, size_t hint,
                             uint8_t **data, size_t *bytes, graft_error *err) {
    size_t capacity = gft_size_min(hint, max_bytes);
    capacity = gft_size_min(gft_size_max(capacity, 255), SIZE_MAX - 1) + 1;
    size_t used = 0;
    uint8_t *buffer = gft_malloc(capacity);
    if (!buffer)
        return gft_fail_memory(err, capacity, path);
    for (;;) {
        if (used == capacity - 1) {
            size_t larger;
            uint8_t *grown =
                gft_size_mul(capacity, 2, &larger) ? gft_realloc(buffer, larger) : NULL;
            if (!grown) {
                gft_free(buffer);
                return gft_fail_memory(err, capacity, path);
            }
            buffer = grown;
            capacity = larger;
        }
        ssize_t n = read(fd, buffer + used, capacity - 1 - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int failed = errno;
            gft_free(buffer);
            return gft_fail_errno(err, failed, "read", path);
        }
        if (n == 0)
            break;
        used += (size_t)n;
        if (used > max_bytes) {
            gft_free(buffer);
            return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED,
                            "%s: is larger than the limit of %zu bytes", path, max_bytes);
        }
    }
    buffer[used] = 0;
    *data = buffer;
    *bytes = used;
    return GRAFT_OK;
}

graft_status gft_file_read(const char *path, size_t max_bytes, uint8_t **data, size_t *bytes,
                           graft_error *err) {
    int fd = -1;
    struct stat st;
    GFT_TRY(open_for_reading(path, &fd, &st, err));
    size_t hint = S_ISREG(st.st_mode) && st.st_size > 0 ? (size_t)st.st_size : 0;
    graft_status status;
    if (hint > max_bytes)
        status = gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: has %zu bytes, the limit is %zu",
                          path, hint, max_bytes);
    else
        status = read_all(fd, path, max_bytes, hint, data, bytes, err);
    close(fd);
    return status;
}

graft_status gft_file_peek(const char *path, void *out, size_t max_bytes, size_t *bytes,
                           graft_error *err) {
    int fd = -1;
    struct stat st;
    size_t have = 0;
    GFT_TRY(open_for_reading(path, &fd, &st, err));
    while (have < max_bytes) {
        const ssize_t got = read(fd, (uint8_t *)out + have, max_bytes - have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            const int failed = errno;
            close(fd);
            return gft_fail_errno(err, failed, "read", path);
        }
        if (got == 0)
            break;
        have += (size_t)got;
    }
    close(fd);
    *bytes = have;
    return GRAFT_OK;
}
