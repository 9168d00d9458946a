/*
 * Writing .npz: a zip of stored "<name>.npy" members; the same arrays give the same bytes.
 */
#include <string.h>

#include "base/alloc.h"
#include "formats/npy.h"
#include "formats/zip_writer.h"

#define MAX_ARRAYS 65535

static graft_status check_names(const graft_tensor *tensors, size_t count, graft_error *err) {
    if (count > MAX_ARRAYS)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "npz: %zu arrays, at most %d", count,
                        MAX_ARRAYS);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k <= i; k++)
            if (!tensors[i].name || (k < i && strcmp(tensors[i].name, tensors[k].name) == 0))
                return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                                "npz: array %zu has %s, expected names that differ", i,
                                tensors[i].name ? "the name of another" : "no name");
    return GRAFT_OK;
}

graft_status gft_npz_write(const char *path, const graft_tensor *tensors, size_t count,
                           graft_error *err) {
    GFT_TRY(check_names(tensors, count, err));
    gft_buffer array;
    gft_buffer_init(&array, SIZE_MAX / 2);
    gft_zip_writer zip = {0};
    graft_status status;
    GFT_GOTO(gft_zip_writer_open(&zip, path, err));
    for (size_t i = 0; i < count; i++) {
        gft_buffer_clear(&array);
        GFT_GOTO(gft_npy_append(&array, &tensors[i].desc, tensors[i].data, err));
        char *name = gft_format("%s.npy", tensors[i].name);
        if (!name) {
            status = gft_fail_memory(err, strlen(tensors[i].name) + 5, "a name");
            goto done;
        }
        status = gft_zip_writer_add(&zip, name, array.data, array.bytes, err);
        gft_free(name);
        if (status != GRAFT_OK)
            goto done;
    }
    GFT_GOTO(gft_zip_writer_commit(&zip, err));
done:
    gft_zip_writer_abort(&zip);
    gft_buffer_deinit(&array);
    return status;
}
