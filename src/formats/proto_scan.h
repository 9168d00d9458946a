/*
 * Untrusted protobuf: bounds checked before protobuf-c unpacks anything, memory drawn from an arena
 * with a ceiling, large tensor bytes left in the file.
 *
 * A pass guided by protobuf-c's own descriptors walks the wire format with an explicit stack (no
 * recursion), checks every length, the nesting and the number of elements, and copies what is known
 * into a compact message: unknown fields are dropped and a large TensorProto.tensor_content becomes
 * an offset into the input (mapped_offset, mapped_bytes). protobuf-c then unpacks the compact form.
 */
#ifndef GFT_FORMATS_PROTO_SCAN_H
#define GFT_FORMATS_PROTO_SCAN_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"

#define GFT_PROTO_MAX_DEPTH 100 /* protobuf's own limit */

typedef struct gft_proto_limits {
    uint32_t max_depth;   /* 1..GFT_PROTO_MAX_DEPTH */
    size_t max_elements;  /* fields of all messages together */
    size_t max_memory;    /* bytes that unpacking may take */
    size_t outline_bytes; /* tensor_content from this size on stays in the input; 0: never */
    enum {
        GFT_PROTO_ALL,   /* every known field */
        GFT_PROTO_GRAPH, /* FunctionDefs stay in the input, see gft_proto_unpack_at; attributes of
                               nodes that only TensorFlow's runtime looks at ("_class") are left out */
        GFT_PROTO_FUNCTION, /* a FunctionDef, without what is repeated from its nodes (shapes) */
    } part;
} gft_proto_limits;

/** Depth 100, 16 million fields, 2 GiB, nothing outlined: for buffers that do not outlive the call.
 */
extern const gft_proto_limits gft_proto_limits_default;
/** The same with tensor bytes from 256 on left in the input: for mapped files. */
extern const gft_proto_limits gft_proto_limits_mapped;
/** The same for graphs that are read and not written again: functions are left there too, and unpacked
 * with the second when they are called. */
extern const gft_proto_limits gft_proto_limits_graph;
extern const gft_proto_limits gft_proto_limits_function;

/**
 * Checks a serialized message and appends its compact form to `compact` (NULL: only checks).
 *
 * @param type   descriptor of the message, e.g. &tensorflow__graph_def__descriptor
 * @param limits NULL takes gft_proto_limits_default
 * @param where  file name or another word for messages
 * @return DATA_LOSS with the byte offset for a cut or foreign input; RESOURCE_EXHAUSTED past a
 * limit
 */
GRAFT_MUST_CHECK graft_status gft_proto_scan(const ProtobufCMessageDescriptor *type,
                                             const void *data, size_t bytes,
                                             const gft_proto_limits *limits, const char *where,
                                             gft_buffer *compact, graft_error *err);

/** The same for the message at [offset, offset + bytes) of `data`, whose end lies beyond it. */
GRAFT_MUST_CHECK graft_status gft_proto_scan_at(const ProtobufCMessageDescriptor *type,
                                                const void *data, size_t offset, size_t bytes,
                                                const gft_proto_limits *limits, const char *where,
                                                gft_buffer *compact, graft_error *err);

/**
 * Scans, then unpacks into `arena`. The message lives as long as the arena and is never freed by
 * itself (no protobuf_c_message_free_unpacked); it holds no pointer into `data`.
 */
GRAFT_MUST_CHECK graft_status gft_proto_unpack(const ProtobufCMessageDescriptor *type,
                                               const void *data, size_t bytes,
                                               const gft_proto_limits *limits, const char *where,
                                               gft_arena *arena, ProtobufCMessage **out,
                                               graft_error *err);

/**
 * Unpacks the message that lies at [offset, offset + bytes) of a file, such as a function that was
 * left there; the offsets of outlined tensors are those in the file. DATA_LOSS if it is not there.
 */
GRAFT_MUST_CHECK graft_status gft_proto_unpack_at(const ProtobufCMessageDescriptor *type,
                                                  const gft_map *map, uint64_t offset,
                                                  uint64_t bytes, const gft_proto_limits *limits,
                                                  const char *where, gft_arena *arena,
                                                  ProtobufCMessage **out, graft_error *err);

/* An allocator for protobuf-c: gives what the arena has until `left` bytes are used up. */
typedef struct gft_proto_alloc {
    ProtobufCAllocator base; /* pass &x.base */
    gft_arena *arena;
    size_t left;
    int exhausted; /* the ceiling was met (1) or memory ran out (2) */
} gft_proto_alloc;
void gft_proto_alloc_init(gft_proto_alloc *alloc, gft_arena *arena, size_t max_bytes);

/* A file holding one message. The map stays open: outlined tensors point into it. */
typedef struct gft_proto_file {
    gft_map map;
    gft_arena arena;
    char *path;
    ProtobufCMessage *message;
} gft_proto_file;

/**
 * Maps and unpacks a file; on failure nothing is left open. limits NULL: gft_proto_limits_mapped.
 * Threads: immutable after opening.
 */
GRAFT_MUST_CHECK graft_status gft_proto_file_open(const char *path,
                                                  const ProtobufCMessageDescriptor *type,
                                                  const gft_proto_limits *limits,
                                                  gft_proto_file *out, graft_error *err);
void gft_proto_file_close(gft_proto_file *file); /* accepts a zeroed one */

/** Serializes a message (fields in the order of their numbers) and appends it. */
GRAFT_MUST_CHECK graft_status gft_proto_append(gft_buffer *buffer, const ProtobufCMessage *message,
                                               graft_error *err);

#endif
