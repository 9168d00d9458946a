/*
 * From checked bytes to protobuf-c structures in an arena, and back: the allocator with a ceiling,
 * files holding one message, serializing into a buffer.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"
#include "formats/proto_scan.h"

static void *take(void *data, size_t bytes) {
    gft_proto_alloc *alloc = data;
    if (bytes > alloc->left) {
        alloc->exhausted = 1;
        return NULL;
    }
    void *p = gft_arena_alloc(alloc->arena, bytes);
    if (!p)
        alloc->exhausted = 2;
    else
        alloc->left -= bytes;
    return p;
}

static void give_back(void *data, void *p) {
    (void)data;
    (void)p; /* goes with the arena */
}

void gft_proto_alloc_init(gft_proto_alloc *alloc, gft_arena *arena, size_t max_bytes) {
    *alloc = (gft_proto_alloc){
        .base = {.alloc = take, .free = give_back}, .arena = arena, .left = max_bytes};
    alloc->base.allocator_data = alloc;
}

static graft_status unpack(const ProtobufCMessageDescriptor *type, const void *data, size_t offset,
                           size_t bytes, const gft_proto_limits *limits, const char *where,
                           gft_arena *arena, ProtobufCMessage **out, graft_error *err) {
    if (!limits)
        limits = &gft_proto_limits_default;
    gft_buffer compact;
    gft_buffer_init(&compact, limits->max_memory);
    graft_status status;
    GFT_GOTO(gft_proto_scan_at(type, data, offset, bytes, limits, where, &compact, err));

    gft_proto_alloc alloc;
    gft_proto_alloc_init(&alloc, arena, limits->max_memory);
    static const uint8_t nothing[1] = {0};
    ProtobufCMessage *message = protobuf_c_message_unpack(type, &alloc.base, compact.bytes,
                                                          compact.bytes ? compact.data : nothing);
    if (!message) {
        if (alloc.exhausted == 1)
            status = gft_fail(
                err, GRAFT_RESOURCE_EXHAUSTED,
                "%s: unpacking %s needs more than %zu bytes, a limit against hostile files", where,
                type->short_name, limits->max_memory);
        else if (alloc.exhausted)
            status = gft_fail_memory(err, compact.bytes, where);
        else
            status = gft_fail(err, GRAFT_DATA_LOSS, "%s: not a valid %s message", where,
                              type->short_name);
        goto done;
    }
    *out = message;
done:
    gft_buffer_deinit(&compact);
    return status;
}

graft_status gft_proto_unpack(const ProtobufCMessageDescriptor *type, const void *data,
                              size_t bytes, const gft_proto_limits *limits, const char *where,
                              gft_arena *arena, ProtobufCMessage **out, graft_error *err) {
    return unpack(type, data, 0, bytes, limits, where, arena, out, err);
}

graft_status gft_proto_unpack_at(const ProtobufCMessageDescriptor *type, const gft_map *map,
                                 uint64_t offset, uint64_t bytes, const gft_proto_limits *limits,
                                 const char *where, gft_arena *arena, ProtobufCMessage **out,
                                 graft_error *err) {
    if (!map || offset > map->bytes || bytes > map->bytes - offset)
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: a message of %llu bytes at %llu, which is not in "
                        "the file",
                        where, (unsigned long long)bytes, (unsigned long long)offset);
    return unpack(type, map->data, (size_t)offset, (size_t)bytes, limits, where, arena, out, err);
}

graft_status gft_proto_file_open(const char *path, const ProtobufCMessageDescriptor *type,
                                 const gft_proto_limits *limits, gft_proto_file *out,
                                 graft_error *err) {
    gft_proto_file file = {0};
    graft_status status;
    GFT_GOTO(gft_map_open(path, &file.map, err));
    gft_arena_init(&file.arena);
    file.path = gft_strdup(path);
    if (!file.path) {
        status = gft_fail_memory(err, strlen(path) + 1, "a file name");
        goto done;
    }
    GFT_GOTO(gft_proto_unpack(type, file.map.data, file.map.bytes,
                              limits ? limits : &gft_proto_limits_mapped, path, &file.arena,
                              &file.message, err));
    *out = file;
    return GRAFT_OK;
done:
    gft_proto_file_close(&file);
    return status;
}

void gft_proto_file_close(gft_proto_file *file) {
    if (!file)
        return;
    gft_arena_deinit(&file->arena);
    if (file->map.data)
        gft_map_close(&file->map);
    gft_free(file->path);
    *file = (gft_proto_file){0};
}

graft_status gft_proto_append(gft_buffer *buffer, const ProtobufCMessage *message,
                              graft_error *err) {
    size_t bytes = protobuf_c_message_get_packed_size(message);
    if (bytes > INT32_MAX)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED,
                        "a %s message of %zu bytes cannot be written, protobuf allows 2 GiB",
                        message->descriptor->short_name, bytes);
    if (bytes == 0)
        return GRAFT_OK;
    uint8_t *p = gft_buffer_reserve(buffer, bytes, err);
    if (!p)
        return err ? err->code : GRAFT_RESOURCE_EXHAUSTED;
    buffer->bytes += protobuf_c_message_pack(message, p);
    return GRAFT_OK;
}
