/*
 * For the interop tests: pictures decoded and preprocessed by the library, as raw numbers.
 *
 *   picture_tool decode FILE OUT                       uint8 H W 3; prints H and W
 *   picture_tool preprocess FILE OUT H W MODE INTERPOLATION FLAVOUR ANTIALIAS CROP_PADDING      float32 H W 3
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "data/preprocess.h"
#include "graft/data.h"

static int fail(const graft_error *err) {
    fprintf(stderr, "%s: %s\n", graft_status_name(err->code), err->message);
    return 1;
}

static int write_out(const char *path, const void *values, size_t bytes) {
    FILE *file = fopen(path, "wb");
    int ok = file && fwrite(values, 1, bytes, file) == bytes;
    if (file && fclose(file) != 0)
        ok = 0;
    return ok ? 0 : 1;
}

static int run_decode(char **argv) {
    graft_error err = {0};
    gft_picture picture;
    if (gft_picture_open(argv[2], &picture, &err) != GRAFT_OK)
        return fail(&err);
    printf("%d %d\n", picture.height, picture.width);
    int status =
        write_out(argv[3], picture.pixels, (size_t)picture.height * (size_t)picture.width * 3);
    gft_picture_deinit(&picture);
    return status;
}

static int run_preprocess(char **argv) {
    graft_error err = {0};
    graft_preprocess rule = graft_preprocess_default((int32_t)strtol(argv[4], NULL, 10),
                                                     (int32_t)strtol(argv[5], NULL, 10));
    if (graft_resize_mode_parse(argv[6], &rule.mode, &err) != GRAFT_OK ||
        graft_interpolation_parse(argv[7], &rule.interpolation, &err) != GRAFT_OK ||
        graft_resize_flavour_parse(argv[8], &rule.flavour, &err) != GRAFT_OK)
        return fail(&err);
    rule.antialias = strcmp(argv[9], "1") == 0;
    rule.crop_padding = (int32_t)strtol(argv[10], NULL, 10);
    rule.pad_value = 0;
    size_t elems = gft_preprocess_elems(&rule);
    float *out = gft_malloc(elems * sizeof *out);
    if (!out)
        return 1;
    int status = graft_preprocess_file(&rule, argv[2], out, &err) != GRAFT_OK
                     ? fail(&err)
                     : write_out(argv[3], out, elems * 4);
    gft_free(out);
    return status;
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "decode") == 0)
        return run_decode(argv);
    if (argc == 11 && strcmp(argv[1], "preprocess") == 0)
        return run_preprocess(argv);
    fprintf(
        stderr,
        "usage: picture_tool decode FILE OUT | preprocess FILE OUT H W MODE INTERPOLATION FLAVOUR "
        "ANTIALIAS CROP_PADDING\n");
    return 2;
}
