/*
 * Named arrays on disk for programs: formats/npy.h and TFRecord files behind graft/model.h. A list
 * owns an arena with its names and data.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/shape.h"
#include "formats/npy.h"
#include "formats/tfrecord_file.h"
#include "models/arrays.h"

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

graft_status gft_arrays_take(gft_arena *arena, const graft_tensor *list, size_t count,
                             graft_tensor **out, graft_error *err) {
    const size_t bytes = sizeof(holder) + (count + 1) * sizeof *list;
    holder *h = gft_malloc(bytes);
    if (!h)
        return gft_fail_memory(err, bytes, "a list of arrays");
    if (count > 0)
        memcpy(h->tensors, list, count * sizeof *list);
    h->arena = *arena;
    *out = h->tensors;
    return GRAFT_OK;
}

/*
 * Records of a TFRecord file as one vector of strings (serialized tf.Examples for models that parse
 * them).
 */
static graft_status read_records(const gft_tfrecord_file *file, const char *path, gft_arena *arena,
                                 graft_tensor *out, graft_error *err) {
    gft_tfrecord_reader r = gft_tfrecord_reader_make(file->data, file->bytes, path, false);
    const uint8_t *record;
    size_t bytes;
    graft_status status;
    while ((status = gft_tfrecord_next(&r, &record, &bytes, err)) == GRAFT_OK)
        ;
    if (status != GRAFT_OUT_OF_RANGE)
        return status;
    const size_t count = (size_t)r.count;
    const char *copy = gft_arena_memdup(arena, file->data, file->bytes);
    graft_string_view *views = gft_arena_array(arena, count, sizeof *views);
    if (!copy || !views)
        return gft_fail_memory(err, file->bytes, path);
    r = gft_tfrecord_reader_make(copy, file->bytes, path, false);
    for (size_t i = 0; i < count; i++) {
        GFT_TRY(gft_tfrecord_skip(&r, &record, &bytes, err));
        views[i] = (graft_string_view){(const char *)record, bytes};
    }
    *out = (graft_tensor){.name = "",
                          .desc = {GRAFT_STRING, gft_shape_1((int64_t)count), NULL},
                          .data = views,
                          .bytes = count * sizeof *views};
    return GRAFT_OK;
}

static graft_status read_any(const char *path, gft_arena *arena, graft_tensor **list, size_t *count,
                             graft_error *err) {
    gft_tfrecord_file file;
    uint8_t head[12];
    size_t bytes = 0;
    GFT_TRY(gft_file_peek(path, head, sizeof head, &bytes, err));
    if (!gft_tfrecord_begins(head, bytes) && gft_tfrecord_told(head, bytes) == GFT_TFRECORD_PLAIN)
        return gft_npz_read(path, arena, list, count, err);
    *list = gft_arena_alloc(arena, sizeof **list);
    *count = 1;
    if (!*list)
        return gft_fail_memory(err, sizeof **list, path);
    GFT_TRY(gft_tfrecord_file_open(path, &file, err));
    const graft_status status = read_records(&file, path, arena, *list, err);
    gft_tfrecord_file_close(&file);
    return status;
}

graft_status graft_arrays_read(const char *path, graft_tensor **out, int32_t *count,
                               graft_error *err) {
    graft_status status = GRAFT_OK;
    gft_arena arena;
    graft_tensor *list = NULL;
    size_t n = 0;
    gft_arena_init(&arena);
    GFT_GOTO(read_any(path, &arena, &list, &n, err));
    if (n > INT32_MAX)
        GFT_GOTO(gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: %zu arrays", path, n));
    if (n == 1 && !*list[0].name)
        GFT_GOTO(name_after_file(&arena, path, &list[0].name, err));
    GFT_GOTO(gft_arrays_take(&arena, list, n, out, err));
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
