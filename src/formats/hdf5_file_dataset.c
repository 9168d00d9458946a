/*
 * HDF5 datasets: type, shape and data, wherever the layout says it lies.
 */
#include <string.h>

#include "base/size.h"
#include "formats/hdf5_file_priv.h"

/* What an object header says about a dataset. */
typedef struct dataset {
    gft_hdf5_type type;
    gft_hdf5_space space;
    const gft_hdf5_message *layout, *filters, *external;
} dataset;

graft_status gft_hdf5_is_dataset(const gft_hdf5 *file, gft_hdf5_object object, bool *out,
                                 graft_error *err) {
    gft_arena arena;
    gft_hdf5_header header;
    gft_arena_init(&arena);
    graft_status status = gft_hdf5_header_read(file, object, &arena, &header, err);
    if (status == GRAFT_OK)
        *out = gft_hdf5_message_of(&header, GFT_HDF5_DATASPACE) != NULL;
    gft_arena_deinit(&arena);
    return status;
}

static graft_status open_dataset(const gft_hdf5 *file, gft_hdf5_object object, gft_arena *arena,
                                 dataset *out, graft_error *err) {
    gft_hdf5_header header;
    GFT_TRY(gft_hdf5_header_read(file, object, arena, &header, err));
    const gft_hdf5_message *space = gft_hdf5_message_of(&header, GFT_HDF5_DATASPACE);
    const gft_hdf5_message *type = gft_hdf5_message_of(&header, GFT_HDF5_DATATYPE);
    out->layout = gft_hdf5_message_of(&header, GFT_HDF5_LAYOUT);
    out->filters = gft_hdf5_message_of(&header, GFT_HDF5_FILTERS);
    out->external = gft_hdf5_message_of(&header, GFT_HDF5_EXTERNAL_FILES);
    if (!space || !type || !out->layout)
        return gft_fail(err, GRAFT_FAILED_PRECONDITION, "%s: an HDF5 group, expected a dataset",
                        file->where);
    if (space->flags & 2)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: shared HDF5 dataspaces", file->where);
    GFT_TRY(gft_hdf5_space_parse(file, space->data, space->bytes, &out->space, err));
    return gft_hdf5_type_parse(file, type->data, type->bytes, type->flags & 2, &out->type, err);
}

/* A two-byte opaque is bfloat16 if an attribute says so, as Keras writes it. */
static graft_status check_opaque(const gft_hdf5 *file, gft_hdf5_object object,
                                 const gft_hdf5_type *type, gft_arena *arena, graft_error *err) {
    const char *name;
    if (type->class != GFT_HDF5_OPAQUE2)
        return GRAFT_OK;
    GFT_TRY(gft_hdf5_text(file, object, "dtype", arena, &name, err));
    if (name && strcmp(name, "bfloat16") == 0)
        return GRAFT_OK;
    return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: HDF5 opaque types are not read", file->where);
}

graft_status gft_hdf5_describe(const gft_hdf5 *file, gft_hdf5_object object, graft_tensor_desc *out,
                               graft_error *err) {
    gft_arena arena;
    dataset d;
    graft_status status;
    gft_arena_init(&arena);
    GFT_GOTO(open_dataset(file, object, &arena, &d, err));
    GFT_GOTO(check_opaque(file, object, &d.type, &arena, err));
    GFT_GOTO(gft_hdf5_desc_of(file, &d.type, &d.space, out, err));
done:
    gft_arena_deinit(&arena);
    return status;
}

static graft_status locate(const gft_hdf5 *file, const dataset *d, gft_arena *arena,
                           const uint8_t **data, size_t *bytes, graft_error *err) {
    gft_hdf5_layout layout;
    gft_hdf5_filters filters = {0};
    gft_cursor c;
    size_t elems = 0;
    size_t need;
    GFT_TRY(gft_hdf5_space_elems(file, &d->space, &elems, err));
    if (!gft_size_mul(elems, d->type.bytes, &need))
        return gft_hdf5_damaged(file, err, "a dataspace larger than memory");
    *data = (const uint8_t *)"";
    *bytes = 0;
    if (need == 0)
        return GRAFT_OK;
    GFT_TRY(gft_hdf5_layout_parse(file, d->layout, &layout, err));
    if (layout.kind == GFT_HDF5_COMPACT) {
        *data = layout.compact;
        *bytes = (size_t)layout.bytes;
        return GRAFT_OK;
    }
    if (d->external)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: HDF5 data in other files", file->where);
    if (gft_hdf5_undefined(file, layout.address))
        return gft_hdf5_damaged(file, err, "a dataset whose data was never written");
    if (layout.kind == GFT_HDF5_CONTIGUOUS) {
        GFT_TRY(gft_hdf5_range(file, layout.address, need, "a dataset", &c, err));
        *data = c.data;
        *bytes = need;
        return GRAFT_OK;
    }
    if (d->filters)
        GFT_TRY(gft_hdf5_filters_parse(file, d->filters, &filters, err));
    return gft_hdf5_chunks_read(file, &layout, &filters, &d->space, d->type.bytes, arena, data,
                                bytes, err);
}

graft_status gft_hdf5_read(const gft_hdf5 *file, gft_hdf5_object object, gft_arena *arena,
                           graft_tensor *out, graft_error *err) {
    gft_arena scratch;
    dataset d;
    const uint8_t *data;
    size_t bytes;
    graft_status status;
    gft_arena_init(&scratch);
    GFT_GOTO(open_dataset(file, object, &scratch, &d, err));
    GFT_GOTO(check_opaque(file, object, &d.type, &scratch, err));
    GFT_GOTO(locate(file, &d, arena, &data, &bytes, err));
    GFT_GOTO(gft_hdf5_convert(file, &d.type, &d.space, data, bytes, arena, out, err));
done:
    gft_arena_deinit(&scratch);
    return status;
}
