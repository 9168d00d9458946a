/*
 * Fuzz target: a serialized SavedModel or GraphDef. What is accepted is packed, unpacked and packed
 * again, which must give the same bytes; every constant is read.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "formats/proto_scan.h"
#include "formats/tensor_proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_constants(const Tensorflow__GraphDef *graph, const gft_map *map,
                           gft_arena *arena) {
    for (size_t i = 0; i < graph->n_node; i++)
        for (size_t a = 0; a < graph->node[i]->n_attr; a++) {
            const Tensorflow__AttrValue *v = graph->node[i]->attr[a]->value;
            if (!v || v->value_case != TENSORFLOW__ATTR_VALUE__VALUE_TENSOR || !v->tensor)
                continue;
            graft_tensor t;
            ProtobufCBinaryData *strings;
            size_t count;
            graft_error err;
            graft_shape shape;
            /* A small list may stand for a large tensor: allowed, but slow to fuzz. */
            if (gft_tensor_proto_shape(v->tensor->tensor_shape, "fuzz", &shape, &err) != GRAFT_OK)
                continue;
            int64_t elems = 1;
            for (int32_t d = 0; d < shape.rank; d++)
                if (shape.dims[d] < 0 || __builtin_mul_overflow(elems, shape.dims[d], &elems) ||
                    elems > 1 << 20)
                    elems = INT64_MAX;
            if (elems == INT64_MAX)
                continue;
            (void)!gft_tensor_proto_read(v->tensor, map, "fuzz", arena, &t, &err);
            (void)!gft_tensor_proto_strings(v->tensor, "fuzz", arena, &strings, &count, &err);
        }
}

static void try_type(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t size,
                     gft_arena *arena) {
    graft_error err;
    ProtobufCMessage *message = NULL;
    if (gft_proto_unpack(type, data, size, NULL, "fuzz", arena, &message, &err) != GRAFT_OK)
        return;
    gft_buffer first;
    gft_buffer second;
    gft_buffer_init(&first, (size_t)1 << 26);
    gft_buffer_init(&second, (size_t)1 << 26);
    if (gft_proto_append(&first, message, &err) != GRAFT_OK ||
        gft_proto_unpack(type, first.data, first.bytes, NULL, "again", arena, &message, &err) !=
            GRAFT_OK ||
        gft_proto_append(&second, message, &err) != GRAFT_OK || first.bytes != second.bytes ||
        (first.bytes && memcmp(first.data, second.data, first.bytes) != 0))
        abort();
    gft_buffer_deinit(&first);
    gft_buffer_deinit(&second);
    gft_proto_limits outlined = gft_proto_limits_mapped;
    outlined.outline_bytes = 4;
    if (gft_proto_unpack(type, data, size, &outlined, "fuzz", arena, &message, &err) != GRAFT_OK)
        abort();
    gft_map map = {data, size};
    if (type == &tensorflow__graph_def__descriptor)
        read_constants((const Tensorflow__GraphDef *)message, &map, arena);
    const Tensorflow__SavedModel *model = (const Tensorflow__SavedModel *)message;
    for (size_t i = 0; type == &tensorflow__saved_model__descriptor && i < model->n_meta_graphs;
         i++)
        if (model->meta_graphs[i]->graph_def)
            read_constants(model->meta_graphs[i]->graph_def, &map, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const ProtobufCMessageDescriptor *const types[] = {
        &tensorflow__saved_model__descriptor, &tensorflow__graph_def__descriptor,
        &tensorflow__trackable_object_graph__descriptor, &tensorflow__event__descriptor,
        &tensorflow__example__descriptor};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        gft_arena arena;
        gft_arena_init(&arena);
        try_type(types[i], data, size, &arena);
        gft_arena_deinit(&arena);
    }
    return 0;
}
