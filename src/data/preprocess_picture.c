/*
 * One picture by a rule: from a file, from bytes, from pixels, to a float tensor; and PNG writing
 * for the public header.
 */
#include <errno.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/file.h"
#include "data/dataset.h"
#include "data/preprocess.h"

graft_status gft_picture_open(const char *path, gft_picture *picture, graft_error *err) {
    struct stat info;
    if (stat(path, &info) != 0)
        return gft_fail_errno(err, errno, "open", path);
    if (!S_ISREG(info.st_mode))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: not a regular file, expected a picture",
                        path);
    if (info.st_size > (off_t)GFT_PICTURE_FILE_MAX_BYTES)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: %lld bytes are too many for a picture (limit %zu)", path,
                        (long long)info.st_size, GFT_PICTURE_FILE_MAX_BYTES);
    /* Read, not mapped: a file cut short by somebody else must not raise a signal in a worker. */
    uint8_t *bytes;
    size_t count;
    GFT_TRY(gft_file_read(path, GFT_PICTURE_FILE_MAX_BYTES, &bytes, &count, err));
    graft_status status = gft_picture_decode(bytes, count, path, picture, err);
    gft_free(bytes);
    return status;
}

/* `rule` is checked. */
static graft_status apply(const graft_preprocess *rule, const gft_view *view, float *out,
                          graft_error *err) {
    if (!gft_preprocess_gives_u8(rule))
        return gft_preprocess_f32(rule, view, out, err);
    size_t elems = gft_preprocess_elems(rule);
    uint8_t *pixels = gft_malloc_aligned(elems);
    if (!pixels)
        return gft_fail_memory(err, elems, "preprocessing");
    graft_status status = gft_preprocess_u8(rule, view, pixels, err);
    if (status == GRAFT_OK)
        gft_u8_to_f32(pixels, elems, out);
    gft_free(pixels);
    return status;
}

static graft_status apply_picture(const graft_preprocess *rule, gft_picture *picture, float *out,
                                  graft_error *err) {
    gft_view view = {picture->pixels, picture->height, picture->width, (size_t)picture->width * 3};
    graft_status status = apply(rule, &view, out, err);
    gft_picture_deinit(picture);
    return status;
}

graft_status graft_preprocess_file(const graft_preprocess *rule, const char *path, float *out,
                                   graft_error *err) {
    GFT_TRY(graft_preprocess_check(rule, err));
    gft_picture picture;
    GFT_TRY(gft_picture_open(path, &picture, err));
    return apply_picture(rule, &picture, out, err);
}

graft_status graft_preprocess_bytes(const graft_preprocess *rule, const void *bytes, size_t count,
                                    const char *where, float *out, graft_error *err) {
    GFT_TRY(graft_preprocess_check(rule, err));
    gft_picture picture;
    GFT_TRY(gft_picture_decode(bytes, count, where, &picture, err));
    return apply_picture(rule, &picture, out, err);
}

graft_status graft_dataset_preprocess(const graft_dataset *dataset, int64_t id,
                                      const graft_preprocess *rule, float *out, graft_error *err) {
    GFT_TRY(graft_preprocess_check(rule, err));
    if (id < 0 || id >= dataset->sample_count)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "data set: sample %lld of %lld", (long long)id,
                        (long long)dataset->sample_count);
    gft_picture picture;
    GFT_TRY(gft_dataset_picture(dataset, id, &picture, err));
    return apply_picture(rule, &picture, out, err);
}

graft_status graft_preprocess_pixels(const graft_preprocess *rule, const uint8_t *pixels,
                                     int32_t height, int32_t width, float *out, graft_error *err) {
    GFT_TRY(graft_preprocess_check(rule, err));
    if (height < 1 || width < 1 || height > GFT_PICTURE_MAX_SIDE || width > GFT_PICTURE_MAX_SIDE)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "pixels: found %d x %d, expected sides from 1 to %d", width, height,
                        GFT_PICTURE_MAX_SIDE);
    gft_view view = {pixels, height, width, (size_t)width * 3};
    return apply(rule, &view, out, err);
}

graft_status graft_picture_write_png(const char *path, const uint8_t *pixels, int32_t height,
                                     int32_t width, int32_t channels, graft_error *err) {
    return gft_picture_write_png(path, pixels, height, width, channels, err);
}
