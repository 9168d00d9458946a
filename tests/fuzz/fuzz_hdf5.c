/*
 * Fuzz target: HDF5 files. Everything is walked, each dataset and some attributes are read; what is
 * described has the type and shape of what is read.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/shape.h"
#include "formats/hdf5_file.h"

#define MAX_OBJECTS 2000
#define MAX_WALK_BYTES ((size_t)256 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(const gft_hdf5 *file, gft_hdf5_object object, gft_arena *arena) {
    static const char *const NAMES[] = {"title", "names", "a3", "missing"};
    graft_tensor_desc desc;
    graft_tensor tensor;
    volatile uint8_t sum = 0;
    const bool described = gft_hdf5_describe(file, object, &desc, NULL) == GRAFT_OK;
    if (gft_hdf5_read(file, object, arena, &tensor, NULL) == GRAFT_OK) {
        if (!described || desc.dtype != tensor.desc.dtype ||
            !gft_shape_equal(&desc.shape, &tensor.desc.shape))
            abort();
        if (tensor.desc.dtype == GRAFT_STRING) {
            const graft_string_view *views = tensor.data;
            for (size_t i = 0; i < tensor.bytes / sizeof *views; i++)
                for (size_t k = 0; k < views[i].bytes; k++)
                    sum = (uint8_t)(sum + views[i].data[k]);
        }
        for (size_t i = 0; i < tensor.bytes; i++)
            sum = (uint8_t)(sum + ((const uint8_t *)tensor.data)[i]);
    }
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        bool found;
        const char *text;
        const char **texts;
        size_t count;
        (void)!gft_hdf5_attribute(file, object, NAMES[i], arena, &found, &tensor, NULL);
        (void)!gft_hdf5_text(file, object, NAMES[i], arena, &text, NULL);
        (void)!gft_hdf5_text_list(file, object, NAMES[i], arena, &found, &texts, &count, NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    gft_hdf5 *file = NULL;
    gft_arena arena;
    gft_hdf5_object objects[MAX_OBJECTS];
    size_t count = 1;
    graft_error err;
    if (gft_hdf5_open_memory(data, size, "fuzz", &file, &err) != GRAFT_OK)
        return 0;
    gft_arena_init(&arena);
    objects[0] = gft_hdf5_root(file);
    for (size_t i = 0; i < count && arena.used_bytes < MAX_WALK_BYTES; i++) {
        gft_hdf5_link *links;
        size_t link_count;
        look_at(file, objects[i], &arena);
        if (gft_hdf5_links(file, objects[i], &arena, &links, &link_count, &err) != GRAFT_OK)
            continue;
        for (size_t k = 0; k < link_count; k++) {
            const gft_hdf5_object object = links[k].object;
            bool known = object == GFT_HDF5_NONE || count == MAX_OBJECTS;
            for (size_t j = 0; j < count && !known; j++)
                known = objects[j] == object;
            if (!known)
                objects[count++] = object;
        }
    }
    gft_arena_deinit(&arena);
    gft_hdf5_close(file);
    return 0;
}
