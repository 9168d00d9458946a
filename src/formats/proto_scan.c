/*
 * The scan: one loop over the wire format (protobuf encoding guide) with a stack of at most 100
 * open messages. Lengths of copied messages are written as five-byte varints and patched when the
 * message ends, since dropped fields change them.
 */
#include "formats/proto_scan.h"

#include <string.h>

#include "base/cursor.h"
#include "base/size.h"
#include "tensorflow.pb-c.h"

#define LENGTH_BYTES 5
#define MAX_NAME_BYTES 4096 /* of a function */
#define MAX_RESERVED ((size_t)16 << 20)
enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };
enum { FIELD_TENSOR_CONTENT = 4, FIELD_MAPPED_OFFSET = 1000, FIELD_MAPPED_BYTES = 1001 };
enum { FIELD_OP = 2 }; /* of NodeDef */

#define LIMITS(outline, part)                                                                      \
    { GFT_PROTO_MAX_DEPTH, 16u << 20, (size_t)2 << 30, outline, part }
const gft_proto_limits gft_proto_limits_default = LIMITS(0, GFT_PROTO_ALL);
const gft_proto_limits gft_proto_limits_mapped = LIMITS(256, GFT_PROTO_ALL);
const gft_proto_limits gft_proto_limits_graph = LIMITS(256, GFT_PROTO_GRAPH);
const gft_proto_limits gft_proto_limits_function = LIMITS(256, GFT_PROTO_FUNCTION);

typedef struct frame {
    const ProtobufCMessageDescriptor *type;
    size_t end;       /* input offset where the message ends */
    size_t length_at; /* output offset of its length, SIZE_MAX for the outermost */
    uint64_t seen;    /* singular messages met, by field index */
    bool bare;        /* a node whose attributes say nothing to a reader */
} frame;

typedef struct scan {
    gft_cursor in;
    gft_buffer *out; /* may be NULL */
    const gft_proto_limits *limits;
    size_t elements;
    uint32_t depth; /* frames in use */
    frame frames[GFT_PROTO_MAX_DEPTH];
} scan;

/* Most of what is written fits what was reserved. */
static inline graft_status emit(scan *s, const void *p, size_t bytes, graft_error *err) {
    gft_buffer *out = s->out;
    if (!out)
        return GRAFT_OK;
    if (bytes == 0 || bytes > out->capacity - out->bytes || bytes > out->max_bytes - out->bytes)
        return gft_buffer_append(out, p, bytes, err);
    memcpy(out->data + out->bytes, p, bytes);
    out->bytes += bytes;
    return GRAFT_OK;
}

/* Most numbers are one byte. */
static inline graft_status read_varint(gft_cursor *in, uint64_t *out, const char *what,
                                       graft_error *err) {
    if (in->at < in->bytes && in->data[in->at] < 0x80) {
        *out = in->data[in->at++];
        return GRAFT_OK;
    }
    return gft_cursor_varint(in, out, what, err);
}

/* Most messages number their fields from one without a gap. */
static inline const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *type,
                                                         uint32_t number) {
    if (number - 1 < type->n_fields && type->fields[number - 1].id == number)
        return &type->fields[number - 1];
    return protobuf_c_message_descriptor_get_field(type, number);
}

static graft_status emit_varint(scan *s, uint64_t value, graft_error *err) {
    uint8_t b[10];
    size_t n = 0;
    while (value >= 0x80) {
        b[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    b[n++] = (uint8_t)value;
    return emit(s, b, n, err);
}

static size_t varint_bytes(uint64_t value) {
    size_t n = 1;
    while (value >>= 7)
        n++;
    return n;
}

static graft_status emit_fixed64(scan *s, uint32_t field, uint64_t value, graft_error *err) {
    GFT_TRY(emit_varint(s, (uint64_t)field << 3 | WIRE_64, err));
    uint8_t b[8];
    for (size_t i = 0; i < 8; i++)
        b[i] = (uint8_t)(value >> (8 * i));
    return emit(s, b, sizeof b, err);
}

static uint32_t wire_of(ProtobufCType type) {
    switch (type) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return WIRE_32;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return WIRE_64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_BYTES;
    default:
        return WIRE_VARINT;
    }
}

static graft_status count_elements(scan *s, size_t more, graft_error *err) {
    if (more > s->limits->max_elements - s->elements)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED,
                        "%s: more than %zu fields by byte %zu, a limit against hostile files",
                        s->in.where, s->limits->max_elements, s->in.at);
    s->elements += more;
    return GRAFT_OK;
}

/* The content of a packed field must be whole elements. */
static graft_status check_packed(scan *s, const ProtobufCFieldDescriptor *field, const uint8_t *p,
                                 size_t bytes, size_t start, graft_error *err) {
    uint32_t wire = wire_of(field->type);
    size_t count = 0;
    if (wire == WIRE_VARINT) {
        size_t run = 0;
        for (size_t i = 0; i < bytes; i++) {
            if (++run > 10)
                return gft_fail(err, GRAFT_DATA_LOSS,
                                "%s: byte %zu: a number of more than 10 bytes in %s", s->in.where,
                                start + i, field->name);
            if (!(p[i] & 0x80)) {
                run = 0;
                count++;
            }
        }
        if (run != 0)
            return gft_fail(err, GRAFT_DATA_LOSS, "%s: byte %zu: the last number of %s is cut",
                            s->in.where, start + bytes, field->name);
    } else {
        size_t unit = wire == WIRE_64 ? 8 : 4;
        if (bytes % unit != 0)
            return gft_fail(err, GRAFT_DATA_LOSS,
                            "%s: byte %zu: %s has %zu bytes, expected a multiple of %zu",
                            s->in.where, start, field->name, bytes, unit);
        count = bytes / unit;
    }
    /* Packed numbers take a bounded multiple of their bytes; they weigh an eighth of a field. */
    return count_elements(s, count / 8, err);
}

static graft_status open_message(scan *s, const ProtobufCFieldDescriptor *field, uint32_t number,
                                 size_t bytes, graft_error *err) {
    frame *top = &s->frames[s->depth - 1];
    if (s->depth >= s->limits->max_depth)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: byte %zu: messages nested deeper than %u",
                        s->in.where, s->in.at, s->limits->max_depth);
    size_t index = (size_t)(field - top->type->fields);
    if (field->label != PROTOBUF_C_LABEL_REPEATED && index < 64) {
        if (top->seen & (uint64_t)1 << index)
            return gft_fail(err, GRAFT_DATA_LOSS,
                            "%s: byte %zu: %s.%s appears twice, expected once", s->in.where,
                            s->in.at, top->type->short_name, field->name);
        top->seen |= (uint64_t)1 << index;
    }
    GFT_TRY(emit_varint(s, (uint64_t)number << 3 | WIRE_BYTES, err));
    frame *next = &s->frames[s->depth++];
    next->type = field->descriptor;
    next->end = s->in.at + bytes;
    next->length_at = s->out ? s->out->bytes : 0;
    next->seen = 0;
    next->bare = false;
    static const uint8_t room[LENGTH_BYTES] = {0x80, 0x80, 0x80, 0x80, 0};
    return emit(s, room, sizeof room, err);
}

/* The first field `number` of a message that lies in `in`, *bytes 0 without one. */
static graft_status find_bytes(gft_cursor *in, uint64_t number, const uint8_t **found,
                               size_t *bytes, graft_error *err) {
    *bytes = 0;
    while (gft_cursor_left(in) > 0) {
        uint64_t tag;
        uint64_t value;
        const uint8_t *p;
        GFT_TRY(gft_cursor_varint(in, &tag, "a field tag", err));
        const uint64_t wire = tag & 7;
        if (wire == WIRE_VARINT) {
            GFT_TRY(gft_cursor_varint(in, &value, "a number", err));
            continue;
        }
        value = wire == WIRE_64 ? 8 : 4;
        if (wire == WIRE_BYTES)
            GFT_TRY(gft_cursor_varint(in, &value, "a length", err));
        else if (wire != WIRE_64 && wire != WIRE_32)
            return gft_fail(err, GRAFT_DATA_LOSS, "%s: byte %zu: 0x%llx is not a field tag",
                            in->where, in->at, (unsigned long long)tag);
        if (value > gft_cursor_left(in))
            return gft_fail(err, GRAFT_DATA_LOSS,
                            "%s: byte %zu: a field of %llu bytes, %zu are left", in->where, in->at,
                            (unsigned long long)value, gft_cursor_left(in));
        GFT_TRY(gft_cursor_take(in, (size_t)value, &p, "a field", err));
        if (tag == (number << 3 | WIRE_BYTES)) {
            *found = p;
            *bytes = (size_t)value;
            return GRAFT_OK;
        }
    }
    return GRAFT_OK;
}

/* True if a map's entry has this key; `p` is its content. */
static bool has_key(const uint8_t *p, size_t bytes, const char *key) {
    const size_t n = strlen(key);
    return n < 0x80 && bytes >= n + 2 && p[0] == (1 << 3 | WIRE_BYTES) && p[1] == n &&
           memcmp(p + 2, key, n) == 0;
}

/* Nodes that come in hundreds and are what they are, whatever the type. */
static bool is_bare(const uint8_t *op, size_t bytes) {
    static const char *const OPS[] = {"AssignVariableOp", "Identity", "NoOp", "ReadVariableOp",
                                      "VarIsInitializedOp"};
    for (size_t i = 0; i < sizeof OPS / sizeof OPS[0]; i++) {
        if (strlen(OPS[i]) == bytes && memcmp(OPS[i], op, bytes) == 0)
            return true;
    }
    return false;
}

/*
 * What a reader of graphs does not look at: attributes of the runtime, and the shapes that are
 * repeated at every node of a function.
 */
static bool is_left_out(const scan *s, const ProtobufCFieldDescriptor *field, size_t bytes) {
    static const char *const RUNTIME[] = {"config_proto", "debug_name", "executor_type",
                                          "validate_shape"};
    static const char OURS[] = "_graft";
    const uint8_t *p = s->in.data + s->in.at;
    if (field->descriptor == &tensorflow__function_def__arg_attr_entry__descriptor ||
        field->descriptor == &tensorflow__function_def__attr_entry__descriptor ||
        field->descriptor == &tensorflow__resource_handle_proto__dtype_and_shape__descriptor)
        return s->limits->part == GFT_PROTO_FUNCTION;
    if (field->descriptor != &tensorflow__node_def__attr_entry__descriptor || bytes < 3)
        return false;
    const bool runtime = p[0] == (1 << 3 | WIRE_BYTES) && p[1] > 0 && p[2] == '_';
    if (runtime && p[1] >= sizeof OURS - 1 && bytes >= sizeof OURS + 1 &&
        memcmp(p + 2, OURS, sizeof OURS - 1) == 0)
        return false;
    if (s->frames[s->depth - 1].bare)
        return true;
    for (size_t i = 0; i < sizeof RUNTIME / sizeof RUNTIME[0]; i++) {
        if (has_key(p, bytes, RUNTIME[i]))
            return true;
    }
    if (!runtime)
        return false;
    return s->limits->part == GFT_PROTO_FUNCTION || !has_key(p, bytes, "_output_shapes");
}

/*
 * A function that stays in the input: {signature {name}, mapped_offset, mapped_bytes} stands for
 * it.
 */
static graft_status outline_function(scan *s, uint32_t number, size_t bytes, graft_error *err) {
    const size_t start = s->in.at;
    const uint8_t *content;
    const uint8_t *signature = NULL;
    const uint8_t *name = NULL;
    size_t signature_bytes;
    size_t name_bytes = 0;
    GFT_TRY(gft_cursor_take(&s->in, bytes, &content, "a function", err));
    gft_cursor in = gft_cursor_make(s->in.data, start + bytes, s->in.where);
    in.at = start;
    GFT_TRY(find_bytes(&in, 1, &signature, &signature_bytes, err));
    if (signature_bytes > 0) {
        const size_t at = (size_t)(signature - s->in.data);
        in = gft_cursor_make(s->in.data, at + signature_bytes, s->in.where);
        in.at = at;
        GFT_TRY(find_bytes(&in, 1, &name, &name_bytes, err));
    }
    if (name_bytes == 0 || name_bytes > MAX_NAME_BYTES)
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: byte %zu: a function with a name of %zu bytes, expected 1 to %d",
                        s->in.where, start, name_bytes, MAX_NAME_BYTES);
    GFT_TRY(emit_varint(s, (uint64_t)number << 3 | WIRE_BYTES, err));
    const size_t inner = 1 + varint_bytes(name_bytes) + name_bytes;
    GFT_TRY(emit_varint(s, 1 + varint_bytes(inner) + inner + 2 * (2 + 8), err));
    GFT_TRY(emit_varint(s, 1 << 3 | WIRE_BYTES, err));
    GFT_TRY(emit_varint(s, inner, err));
    GFT_TRY(emit_varint(s, 1 << 3 | WIRE_BYTES, err));
    GFT_TRY(emit_varint(s, name_bytes, err));
    GFT_TRY(emit(s, name, name_bytes, err));
    GFT_TRY(emit_fixed64(s, FIELD_MAPPED_OFFSET, start, err));
    return emit_fixed64(s, FIELD_MAPPED_BYTES, bytes, err);
}

static graft_status close_message(scan *s, graft_error *err) {
    frame *top = &s->frames[--s->depth];
    if (!s->out || top->length_at == SIZE_MAX)
        return GRAFT_OK;
    size_t bytes = s->out->bytes - top->length_at - LENGTH_BYTES;
    if (bytes > INT32_MAX)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED,
                        "%s: a message %s of %zu bytes, protobuf allows 2 GiB", s->in.where,
                        top->type->short_name, bytes);
    for (size_t i = 0; i < LENGTH_BYTES; i++)
        s->out->data[top->length_at + i] =
            (uint8_t)((bytes >> (7 * i) & 0x7f) | (i + 1 < LENGTH_BYTES ? 0x80 : 0));
    return GRAFT_OK;
}

/* A length-delimited field: a message is opened, anything else is copied or left in the input. */
static graft_status take_bytes(scan *s, const ProtobufCFieldDescriptor *field, uint32_t number,
                               graft_error *err) {
    frame *top = &s->frames[s->depth - 1];
    uint64_t bytes;
    GFT_TRY(read_varint(&s->in, &bytes, "a length", err));
    if (s->in.at > top->end || bytes > top->end - s->in.at)
        return gft_fail(
            err, GRAFT_DATA_LOSS,
            "%s: byte %zu: field %s.%s of %llu bytes, but %zu are left: the file is cut or is not "
            "what its name says",
            s->in.where, s->in.at, top->type->short_name, field ? field->name : "(unknown)",
            (unsigned long long)bytes, s->in.at > top->end ? 0 : top->end - s->in.at);
    const bool message = field && field->type == PROTOBUF_C_TYPE_MESSAGE;
    if (message && s->limits->part == GFT_PROTO_GRAPH && bytes > 0 &&
        field->descriptor == &tensorflow__function_def__descriptor)
        return outline_function(s, number, (size_t)bytes, err);
    if (message && s->limits->part != GFT_PROTO_ALL && is_left_out(s, field, (size_t)bytes))
        field = NULL;
    else if (message)
        return open_message(s, field, number, (size_t)bytes, err);
    size_t start = s->in.at;
    const uint8_t *p;
    GFT_TRY(gft_cursor_take(&s->in, (size_t)bytes, &p, "a field", err));
    if (!field)
        return GRAFT_OK;
    if (wire_of(field->type) != WIRE_BYTES)
        GFT_TRY(check_packed(s, field, p, (size_t)bytes, start, err));
    if (top->type == &tensorflow__node_def__descriptor && number == FIELD_OP)
        top->bare = is_bare(p, (size_t)bytes);
    if (top->type == &tensorflow__tensor_proto__descriptor && number == FIELD_TENSOR_CONTENT &&
        s->limits->outline_bytes != 0 && bytes >= s->limits->outline_bytes) {
        GFT_TRY(emit_fixed64(s, FIELD_MAPPED_OFFSET, start, err));
        return emit_fixed64(s, FIELD_MAPPED_BYTES, bytes, err);
    }
    GFT_TRY(emit_varint(s, (uint64_t)number << 3 | WIRE_BYTES, err));
    GFT_TRY(emit_varint(s, bytes, err));
    return emit(s, p, (size_t)bytes, err);
}

/* A number of its own: varint, 4 or 8 bytes. */
static graft_status take_number(scan *s, const ProtobufCFieldDescriptor *field, uint32_t number,
                                uint32_t wire, graft_error *err) {
    size_t start = s->in.at;
    uint64_t value;
    const uint8_t *p;
    if (wire == WIRE_VARINT)
        GFT_TRY(read_varint(&s->in, &value, "a number", err));
    else
        GFT_TRY(gft_cursor_take(&s->in, wire == WIRE_64 ? 8 : 4, &p, "a number", err));
    if (s->in.at > s->frames[s->depth - 1].end)
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: byte %zu: a number runs past the end of its message %s", s->in.where,
                        start, s->frames[s->depth - 1].type->short_name);
    if (!field)
        return GRAFT_OK;
    GFT_TRY(emit_varint(s, (uint64_t)number << 3 | wire, err));
    return emit(s, s->in.data + start, s->in.at - start, err);
}

static graft_status take_field(scan *s, graft_error *err) {
    frame *top = &s->frames[s->depth - 1];
    size_t start = s->in.at;
    uint64_t tag;
    GFT_TRY(read_varint(&s->in, &tag, "a field tag", err));
    uint32_t wire = (uint32_t)(tag & 7);
    if (s->in.at > top->end || tag >> 3 == 0 || tag > UINT32_MAX ||
        (wire != WIRE_VARINT && wire != WIRE_64 && wire != WIRE_BYTES && wire != WIRE_32))
        return gft_fail(
            err, GRAFT_DATA_LOSS,
            "%s: byte %zu: 0x%llx is not a field tag of %s: the file is damaged or is not what its "
            "name says",
            s->in.where, start, (unsigned long long)tag, top->type->short_name);
    uint32_t number = (uint32_t)(tag >> 3);
    const ProtobufCFieldDescriptor *field = find_field(top->type, number);
    if ((top->type == &tensorflow__tensor_proto__descriptor ||
         top->type == &tensorflow__function_def__descriptor) &&
        (number == FIELD_MAPPED_OFFSET || number == FIELD_MAPPED_BYTES))
        field = NULL; /* ours alone, never taken from a file */
    if (field) {
        uint32_t expected = wire_of(field->type);
        bool packed = wire == WIRE_BYTES && field->label == PROTOBUF_C_LABEL_REPEATED;
        if (wire != expected && !packed)
            return gft_fail(err, GRAFT_DATA_LOSS,
                            "%s: byte %zu: field %s.%s has wire type %u, expected %u: the file is "
                            "damaged or is "
                            "not what its name says",
                            s->in.where, start, top->type->short_name, field->name, wire, expected);
    }
    GFT_TRY(count_elements(s, 1, err));
    return wire == WIRE_BYTES ? take_bytes(s, field, number, err)
                              : take_number(s, field, number, wire, err);
}

graft_status gft_proto_scan_at(const ProtobufCMessageDescriptor *type, const void *data,
                               size_t offset, size_t bytes, const gft_proto_limits *limits,
                               const char *where, gft_buffer *compact, graft_error *err) {
    scan s = {.out = compact, .limits = limits ? limits : &gft_proto_limits_default};
    s.in = gft_cursor_make(data, offset + bytes, where);
    s.in.at = offset;
    if (s.limits->max_depth < 1 || s.limits->max_depth > GFT_PROTO_MAX_DEPTH)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "protobuf limits: depth %u, expected 1 to %d",
                        s.limits->max_depth, GFT_PROTO_MAX_DEPTH);
    if (compact && bytes < MAX_RESERVED && compact->capacity == 0)
        (void)gft_buffer_reserve(compact, gft_size_min(bytes + bytes / 2, compact->max_bytes),
                                 NULL); /* a guess: without it the buffer grows */
    s.frames[0] = (frame){.type = type, .end = offset + bytes, .length_at = SIZE_MAX};
    s.depth = 1;
    while (s.depth > 0) {
        if (s.in.at == s.frames[s.depth - 1].end)
            GFT_TRY(close_message(&s, err));
        else
            GFT_TRY(take_field(&s, err));
    }
    return GRAFT_OK;
}

graft_status gft_proto_scan(const ProtobufCMessageDescriptor *type, const void *data, size_t bytes,
                            const gft_proto_limits *limits, const char *where, gft_buffer *compact,
                            graft_error *err) {
    return gft_proto_scan_at(type, data, 0, bytes, limits, where, compact, err);
}
