/*
 * HDF5 filter pipelines (specification, IV.A.2.l): deflate, shuffle and fletcher32 undone, others
 * refused by name.
 */
#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "formats/hdf5_file_priv.h"

enum { FILTER_DEFLATE = 1, FILTER_SHUFFLE = 2, FILTER_FLETCHER32 = 3 };

static const char *filter_name(uint16_t id) {
    switch (id) {
    case 4:
        return "szip";
    case 5:
        return "nbit";
    case 6:
        return "scaleoffset";
    case 32000:
        return "lzf";
    case 32001:
        return "blosc";
    case 32015:
        return "zstd";
    default:
        return "unknown";
    }
}

static graft_status parse_filter(gft_cursor *c, uint8_t version, gft_hdf5_filter *out,
                                 graft_error *err) {
    uint16_t name_bytes = 0;
    uint16_t parameters;
    *out = (gft_hdf5_filter){0};
    GFT_TRY(gft_cursor_u16(c, &out->id, "a filter", err));
    if (version == 1 || out->id >= 256)
        GFT_TRY(gft_cursor_u16(c, &name_bytes, "a filter", err));
    GFT_TRY(gft_hdf5_skip(c, 2, "a filter", err)); /* flags */
    GFT_TRY(gft_cursor_u16(c, &parameters, "a filter", err));
    GFT_TRY(gft_hdf5_skip(c, version == 1 ? ((size_t)name_bytes + 7) / 8 * 8 : name_bytes,
                          "a filter's name", err));
    for (uint16_t i = 0; i < parameters; i++) {
        uint32_t value;
        GFT_TRY(gft_cursor_u32(c, &value, "a filter", err));
        if (i == 0)
            out->parameter = value;
    }
    return version == 1 && parameters % 2 ? gft_hdf5_skip(c, 4, "a filter", err) : GRAFT_OK;
}

graft_status gft_hdf5_filters_parse(const gft_hdf5 *file, const gft_hdf5_message *message,
                                    gft_hdf5_filters *out, graft_error *err) {
    gft_cursor c = gft_cursor_make(message->data, message->bytes, file->where);
    uint8_t version;
    uint8_t count;
    GFT_TRY(gft_cursor_u8(&c, &version, "filters", err));
    GFT_TRY(gft_cursor_u8(&c, &count, "filters", err));
    if (version < 1 || version > 2)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: HDF5 filters of version %d", file->where,
                        version);
    if (version == 1)
        GFT_TRY(gft_hdf5_skip(&c, 6, "filters", err));
    if (count > GFT_HDF5_MAX_FILTERS)
        return gft_hdf5_damaged(file, err, "%d filters", count);
    out->count = count;
    for (int32_t i = 0; i < count; i++) {
        gft_hdf5_filter *f = &out->items[i];
        GFT_TRY(parse_filter(&c, version, f, err));
        if (f->id < FILTER_DEFLATE || f->id > FILTER_FLETCHER32)
            return gft_fail(err, GRAFT_UNIMPLEMENTED,
                            "%s: HDF5 filter %d (%s) is not read; write the file with gzip or "
                            "without compression",
                            file->where, f->id, filter_name(f->id));
    }
    return GRAFT_OK;
}

/* ---- undoing ---- */

static graft_status inflate_all(const gft_hdf5 *file, const uint8_t *data, size_t bytes,
                                uint8_t *out, size_t most, size_t *count, graft_error *err) {
    z_stream z = {0};
    if (bytes > UINT32_MAX || most > UINT32_MAX)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: HDF5 chunks of more than 4 GiB",
                        file->where);
    if (inflateInit(&z) != Z_OK)
        return gft_fail_memory(err, 1 << 16, "inflate");
    z.next_in = (Bytef *)(uintptr_t)data;
    z.avail_in = (uInt)bytes;
    z.next_out = out;
    z.avail_out = (uInt)most;
    const int code = inflate(&z, Z_FINISH);
    *count = most - z.avail_out;
    (void)inflateEnd(&z);
    return code == Z_STREAM_END
               ? GRAFT_OK
               : gft_hdf5_damaged(file, err, "a deflated chunk of %zu bytes", bytes);
}

/* Bytes of all elements by significance, back to elements; what is over stays where it is. */
static void unshuffle(const uint8_t *from, uint8_t *to, size_t bytes, size_t element) {
    const size_t count = bytes / element;
    for (size_t b = 0; b < element; b++) {
        for (size_t i = 0; i < count; i++)
            to[i * element + b] = from[b * count + i];
    }
    memcpy(to + count * element, from + count * element, bytes - count * element);
}

/* Fletcher's checksum over 16-bit words, the high byte first. */
static uint32_t fletcher32(const uint8_t *p, size_t bytes) {
    uint32_t a = 0;
    uint32_t b = 0;
    size_t words = bytes / 2;
    while (words) {
        size_t block = words > 360 ? 360 : words;
        words -= block;
        for (; block; block--, p += 2) {
            a += (uint32_t)(p[0] << 8 | p[1]);
            b += a;
        }
        a = (a & 0xffff) + (a >> 16);
        b = (b & 0xffff) + (b >> 16);
    }
    if (bytes % 2) {
        a += (uint32_t)p[0] << 8;
        b += a;
        a = (a & 0xffff) + (a >> 16);
        b = (b & 0xffff) + (b >> 16);
    }
    a = (a & 0xffff) + (a >> 16);
    b = (b & 0xffff) + (b >> 16);
    return b << 16 | a;
}

static graft_status check_fletcher(const gft_hdf5 *file, const uint8_t *data, size_t *bytes,
                                   graft_error *err) {
    if (*bytes < 4)
        return gft_hdf5_damaged(file, err, "a chunk without its checksum");
    *bytes -= 4;
    const uint8_t *p = data + *bytes;
    const uint32_t stored =
        (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    const uint32_t sum = fletcher32(data, *bytes);
    /* Old versions of the library wrote the bytes of each half in the other order. */
    const uint32_t swapped = (sum & 0xff00ff) << 8 | (sum >> 8 & 0xff00ff);
    if (sum != stored && swapped != stored)
        return gft_hdf5_damaged(file, err, "the checksum of a chunk is wrong");
    return GRAFT_OK;
}

/* The pipeline backwards, between two buffers that hold the chunk and a checksum. */
static graft_status run_filters(const gft_hdf5 *file, const gft_hdf5_filters *filters,
                                uint32_t mask, const uint8_t **data, size_t *bytes,
                                uint8_t *buffers[2], size_t room, graft_error *err) {
    int next = 0;
    for (int32_t i = filters->count; i-- > 0;) {
        const gft_hdf5_filter *f = &filters->items[i];
        uint8_t *to = buffers[next];
        if (mask >> i & 1u)
            continue;
        if (f->id == FILTER_FLETCHER32) {
            GFT_TRY(check_fletcher(file, *data, bytes, err));
            continue;
        }
        if (f->id == FILTER_DEFLATE) {
            GFT_TRY(inflate_all(file, *data, *bytes, to, room, bytes, err));
        } else {
            if (*bytes > room)
                return gft_hdf5_damaged(file, err, "a chunk of %zu bytes, expected at most %zu",
                                        *bytes, room);
            unshuffle(*data, to, *bytes, f->parameter ? f->parameter : 1);
        }
        *data = to;
        next = 1 - next;
    }
    return GRAFT_OK;
}

graft_status gft_hdf5_unfilter(const gft_hdf5 *file, const gft_hdf5_filters *filters, uint32_t mask,
                               const uint8_t *data, size_t bytes, uint8_t *out, size_t chunk_bytes,
                               graft_error *err) {
    const size_t room = chunk_bytes + 4 * GFT_HDF5_MAX_FILTERS;
    graft_status status = GRAFT_OK;
    uint8_t *buffers[2] = {NULL, NULL};
    if (filters->count > 0) {
        buffers[0] = gft_malloc(room);
        buffers[1] = gft_malloc(room);
        if (!buffers[0] || !buffers[1])
            GFT_GOTO(gft_fail_memory(err, room, "a chunk"));
    }
    GFT_GOTO(run_filters(file, filters, mask, &data, &bytes, buffers, room, err));
    if (bytes < chunk_bytes)
        GFT_GOTO(
            gft_hdf5_damaged(file, err, "a chunk of %zu bytes, expected %zu", bytes, chunk_bytes));
    memcpy(out, data, chunk_bytes);
done:
    gft_free(buffers[0]);
    gft_free(buffers[1]);
    return status;
}
