/*
 * hdf5_dump FILE: every dataset of an HDF5 file as Graft reads it, a line each: path, type, shape,
 * bytes in hexadecimal (of strings: the texts, each with its length). Attributes named on the
 * command line follow their object's line as "path@name". For comparing with h5py.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/shape.h"
#include "formats/hdf5_file.h"

#define MAX_PENDING 100000

typedef struct item {
    const char *path;
    gft_hdf5_object object;
} item;

static void print_tensor(const char *path, const char *attribute, const graft_tensor *t) {
    char text[GFT_DESC_TEXT_BYTES];
    printf("%s%s%s\t%s\t", path, attribute ? "@" : "", attribute ? attribute : "",
           gft_desc_text(&t->desc, text));
    if (t->desc.dtype == GRAFT_STRING) {
        const graft_string_view *views = t->data;
        for (size_t i = 0; i < t->bytes / sizeof *views; i++)
            printf("%zu:%.*s;", views[i].bytes, (int)views[i].bytes, views[i].data);
    } else {
        for (size_t i = 0; i < t->bytes; i++)
            printf("%02x", ((const unsigned char *)t->data)[i]);
    }
    printf("\n");
}

static graft_status dump_one(const gft_hdf5 *file, const item *at, gft_arena *arena, char **names,
                             int name_count, bool *leaf, graft_error *err) {
    graft_tensor tensor;
    GFT_TRY(gft_hdf5_is_dataset(file, at->object, leaf, err));
    if (*leaf) {
        GFT_TRY(gft_hdf5_read(file, at->object, arena, &tensor, err));
        print_tensor(at->path, NULL, &tensor);
    }
    for (int i = 0; i < name_count; i++) {
        bool found;
        GFT_TRY(gft_hdf5_attribute(file, at->object, names[i], arena, &found, &tensor, err));
        if (found)
            print_tensor(at->path, names[i], &tensor);
    }
    return GRAFT_OK;
}

static graft_status dump(const gft_hdf5 *file, gft_arena *arena, char **names, int name_count,
                         graft_error *err) {
    item *items = gft_arena_array(arena, MAX_PENDING, sizeof *items);
    size_t count = 1;
    if (!items)
        return gft_fail_memory(err, MAX_PENDING * sizeof *items, "a list");
    items[0] = (item){"", gft_hdf5_root(file)};
    for (size_t i = 0; i < count; i++) {
        gft_hdf5_link *links;
        size_t link_count;
        bool leaf;
        GFT_TRY(dump_one(file, &items[i], arena, names, name_count, &leaf, err));
        if (leaf)
            continue;
        GFT_TRY(gft_hdf5_links(file, items[i].object, arena, &links, &link_count, err));
        for (size_t k = 0; k < link_count && count < MAX_PENDING; k++) {
            if (links[k].object != GFT_HDF5_NONE)
                items[count++] =
                    (item){gft_arena_format(arena, "%s/%s", items[i].path, links[k].name),
                           links[k].object};
        }
    }
    return GRAFT_OK;
}

int main(int argc, char **argv) {
    graft_error err;
    gft_map map;
    gft_arena arena;
    gft_hdf5 *file = NULL;
    gft_arena_init(&arena);
    if (argc < 2 || gft_map_open(argv[1], &map, &err) != GRAFT_OK)
        return 2;
    graft_status status = gft_hdf5_open_memory(map.data, map.bytes, argv[1], &file, &err);
    if (status == GRAFT_OK)
        status = dump(file, &arena, argv + 2, argc - 2, &err);
    if (status != GRAFT_OK)
        fprintf(stderr, "%s\n", err.message);
    gft_hdf5_close(file);
    gft_arena_deinit(&arena);
    gft_map_close(&map);
    return status == GRAFT_OK ? 0 : 1;
}
