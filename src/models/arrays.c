/*
 * Named arrays on disk for programs: formats/npy.h behind graft/model.h. A list owns an arena with
 * its names and data.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "formats/npy.h"
#include "graft/model.h"

/* What a list is part of: the arena lies before the tensors, so that graft_arrays_free finds it. */
typedef struct holder {
    gft_arena arena;
    graft_tensor tensors[];
} holder;

static holder *holder_of(graft_tensor *arrays) {
    return (holder *)(void *)((char *)arrays - offsetof(holder, tensors));
}

/* "a/b/picture.npy" -> "picture" */
static graft_status name_after_file(gft_arena *arena, const char *path, const char **out,
                                    graft_error *err) {
    const char *base = gft_path_base(path);
    const char *dot = strrchr(base, '.');
    size_t length = dot && dot != base ? (size_t)(dot - base) : strlen(base);
    *out = gft_arena_strndup(arena, base, length);
    return *out ? GRAFT_OK : gft_fail_memory(err, length + 1, "an array's name");
}

graft_status graft_arrays_read(const char *path, graft_tensor **out, int32_t *count,
                               graft_error *err) {
    graft_status status = GRAFT_OK;
    gft_arena arena;
    graft_tensor *list = NULL;
    size_t n = 0;
    gft_arena_init(&arena);
    GFT_GOTO(gft_npz_read(path, &arena, &list, &n, err));
    if (n > INT32_MAX) {
        status = gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: %zu arrays", path, n);
        goto done;
    }
    if (n == 1 && !*list[0].name)
        GFT_GOTO(name_after_file(&arena, path, &list[0].name, err));
    size_t bytes = sizeof(holder) + (n + 1) * sizeof *list;
    holder *h = gft_malloc(bytes);
    if (!h) {
        status = gft_fail_memory(err, bytes, "a list of arrays");
        goto done;
    }
    if (n)
        memcpy(h->tensors, list, n * sizeof *list);
    h->arena = arena;
    *out = h->tensors;
    *count = (int32_t)n;
    return GRAFT_OK;
done:
    gft_arena_deinit(&arena);
    return status;
}

void graft_arrays_free(graft_tensor *arrays, int32_t count) {
    (void)count;
    if (!arrays)
        return;
    holder *h = holder_of(arrays);
    gft_arena_deinit(&h->arena);
    gft_free(h);
}

graft_status graft_arrays_write(const char *path, const graft_tensor *arrays, int32_t count,
                                graft_error *err) {
    char extension[16];
    if (count < 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: %d arrays", path, (int)count);
    (void)gft_path_extension(path, extension);
    if (strcmp(extension, "npy") != 0)
        return gft_npz_write(path, arrays, (size_t)count, err);
    if (count != 1)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: an .npy file holds one array, not %d; write an .npz", path,
                        (int)count);
    return gft_npy_write(path, &arrays[0], err);
}
