/*
 * A stack machine over the pickle opcodes that state dicts use. Each opcode takes at least one byte
 * and makes at most one value, so memory and time are bounded by the input's size.
 */
#include "formats/torch_pickle.h"

#include <string.h>

#include "base/alloc.h"
#include "base/size.h"

typedef struct machine {
    gft_cursor *in;
    gft_arena *arena;
    gft_pickle_storages *storages;
    size_t start;
    gft_pickle_value **stack;
    size_t depth;
    size_t stack_capacity;
    size_t *marks; /* stack depths */
    size_t mark_count;
    size_t mark_capacity;
    gft_pickle_value **memo;
    size_t memo_count;
} machine;

graft_status gft_pickle_push(gft_arena *arena, gft_pickle_value ***items, size_t *count,
                             size_t *capacity, gft_pickle_value *value, graft_error *err) {
    if (*count == *capacity) {
        size_t grown = *capacity ? *capacity * 2 : 8;
        gft_pickle_value **list = gft_arena_array(arena, grown, sizeof *list);
        if (!list)
            return gft_fail_memory(err, grown * sizeof *list, "a pickled list");
        if (*count)
            memcpy(list, *items, *count * sizeof *list);
        *items = list;
        *capacity = grown;
    }
    (*items)[(*count)++] = value;
    return GRAFT_OK;
}

gft_pickle_value *gft_pickle_get(const gft_pickle_value *dict, const char *key) {
    if (dict->kind != GFT_PICKLE_DICT)
        return NULL;
    for (size_t i = 0; i + 1 < dict->count; i += 2)
        if (dict->items[i]->kind == GFT_PICKLE_STRING && strcmp(dict->items[i]->text, key) == 0)
            return dict->items[i + 1];
    return NULL;
}

static graft_status fail_at(const machine *m, const char *what, graft_error *err) {
    return gft_fail(err, GRAFT_DATA_LOSS, "%s: pickle at byte %zu, byte %zu: %s", m->in->where,
                    m->start, m->in->at, what);
}

static graft_status push(machine *m, gft_pickle_value *value, graft_error *err) {
    if (m->depth == m->stack_capacity) {
        size_t capacity = m->stack_capacity ? m->stack_capacity * 2 : 256;
        gft_pickle_value **grown = gft_realloc(m->stack, capacity * sizeof *grown);
        if (!grown)
            return gft_fail_memory(err, capacity * sizeof *grown, "a pickle stack");
        m->stack = grown;
        m->stack_capacity = capacity;
    }
    m->stack[m->depth++] = value;
    return GRAFT_OK;
}

static graft_status push_new(machine *m, gft_pickle_kind kind, gft_pickle_value **out,
                             graft_error *err) {
    gft_pickle_value *value = gft_arena_alloc(m->arena, sizeof *value);
    if (!value)
        return gft_fail_memory(err, sizeof *value, "a pickled value");
    value->kind = kind;
    if (out)
        *out = value;
    return push(m, value, err);
}

/* Nothing below the last mark may be popped. */
static size_t available(const machine *m) {
    return m->depth - (m->mark_count ? m->marks[m->mark_count - 1] : 0);
}

static graft_status pop(machine *m, gft_pickle_value **out, graft_error *err) {
    if (available(m) == 0)
        return fail_at(m, "an operation on an empty stack", err);
    *out = m->stack[--m->depth];
    return GRAFT_OK;
}

static graft_status pop_mark(machine *m, size_t *at, graft_error *err) {
    if (m->mark_count == 0)
        return fail_at(m, "an operation without a mark", err);
    *at = m->marks[--m->mark_count];
    return GRAFT_OK;
}

static graft_status set_mark(machine *m, graft_error *err) {
    if (m->mark_count == m->mark_capacity) {
        size_t capacity = m->mark_capacity ? m->mark_capacity * 2 : 32;
        size_t *grown = gft_realloc(m->marks, capacity * sizeof *grown);
        if (!grown)
            return gft_fail_memory(err, capacity * sizeof *grown, "pickle marks");
        m->marks = grown;
        m->mark_capacity = capacity;
    }
    m->marks[m->mark_count++] = m->depth;
    return GRAFT_OK;
}

static graft_status push_integer(machine *m, int64_t integer, graft_error *err) {
    gft_pickle_value *value = NULL;
    GFT_TRY(push_new(m, GFT_PICKLE_INT, &value, err));
    value->integer = integer;
    return GRAFT_OK;
}

/* LONG1: two's complement of any length; more than 8 bytes stay raw (the magic number has 10). */
static graft_status push_long(machine *m, graft_error *err) {
    uint8_t bytes = 0;
    const uint8_t *p = NULL;
    GFT_TRY(gft_cursor_u8(m->in, &bytes, "the length of a long", err));
    GFT_TRY(gft_cursor_take(m->in, bytes, &p, "a long", err));
    if (bytes > 8) {
        gft_pickle_value *value = NULL;
        GFT_TRY(push_new(m, GFT_PICKLE_LONG, &value, err));
        value->text = gft_arena_memdup(m->arena, p, bytes);
        value->bytes = bytes;
        return value->text ? GRAFT_OK : gft_fail_memory(err, bytes, "a long");
    }
    uint64_t v = bytes && (p[bytes - 1] & 0x80) ? UINT64_MAX : 0;
    for (size_t i = bytes; i-- > 0;)
        v = v << 8 | p[i];
    return push_integer(m, (int64_t)v, err);
}

static graft_status push_float(machine *m, graft_error *err) {
    const uint8_t *p = NULL;
    GFT_TRY(gft_cursor_take(m->in, 8, &p, "a float", err));
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | p[i];
    gft_pickle_value *value = NULL;
    GFT_TRY(push_new(m, GFT_PICKLE_FLOAT, &value, err));
    memcpy(&value->real, &bits, sizeof bits);
    return GRAFT_OK;
}

static graft_status push_string(machine *m, bool wide_length, graft_error *err) {
    uint32_t bytes = 0;
    uint8_t narrow = 0;
    const uint8_t *p = NULL;
    if (wide_length)
        GFT_TRY(gft_cursor_u32(m->in, &bytes, "the length of a string", err));
    else
        GFT_TRY(gft_cursor_u8(m->in, &narrow, "the length of a string", err));
    bytes += narrow;
    GFT_TRY(gft_cursor_take(m->in, bytes, &p, "a string", err));
    if (memchr(p, 0, bytes))
        return fail_at(m, "a string with a zero byte", err);
    gft_pickle_value *value = NULL;
    GFT_TRY(push_new(m, GFT_PICKLE_STRING, &value, err));
    value->text = gft_arena_strndup(m->arena, (const char *)p, bytes);
    value->bytes = bytes;
    return value->text ? GRAFT_OK : gft_fail_memory(err, bytes, "a string");
}

/* The line up to '\n', NUL-terminated. */
static graft_status take_line(machine *m, char out[64], graft_error *err) {
    size_t n = 0;
    for (;;) {
        uint8_t c = 0;
        GFT_TRY(gft_cursor_u8(m->in, &c, "a name", err));
        if (c == '\n')
            break;
        if (n + 1 >= 64 || c == 0)
            return fail_at(m, "a name that is too long", err);
        out[n++] = (char)c;
    }
    out[n] = '\0';
    return GRAFT_OK;
}

static graft_status push_global(machine *m, graft_error *err) {
    static const struct {
        const char *module;
        const char *name;
        gft_pickle_kind kind;
        graft_dtype dtype;
    } known[] = {
        {"collections", "OrderedDict", GFT_PICKLE_ORDERED_DICT_TYPE, GRAFT_DTYPE_NONE},
        {"torch._utils", "_rebuild_tensor_v2", GFT_PICKLE_REBUILD_TENSOR, GRAFT_DTYPE_NONE},
        {"torch._utils", "_rebuild_parameter", GFT_PICKLE_REBUILD_PARAMETER, GRAFT_DTYPE_NONE},
        {"torch", "FloatStorage", GFT_PICKLE_STORAGE_TYPE, GRAFT_F32},
        {"torch", "DoubleStorage", GFT_PICKLE_STORAGE_TYPE, GRAFT_F64},
        {"torch", "HalfStorage", GFT_PICKLE_STORAGE_TYPE, GRAFT_F16},
        {"torch", "BFloat16Storage", GFT_PICKLE_STORAGE_TYPE, GRAFT_BF16},
        {"torch", "LongStorage", GFT_PICKLE_STORAGE_TYPE, GRAFT_S64},
        {"torch", "IntStorage", GFT_PICKLE_STORAGE_TYPE, GRAFT_S32},
        {"torch", "ShortStorage", GFT_PICKLE_STORAGE_TYPE, GRAFT_S16},
        {"torch", "CharStorage", GFT_PICKLE_STORAGE_TYPE, GRAFT_S8},
        {"torch", "ByteStorage", GFT_PICKLE_STORAGE_TYPE, GRAFT_U8},
        {"torch", "BoolStorage", GFT_PICKLE_STORAGE_TYPE, GRAFT_BOOL},
    };
    char module[64];
    char name[64];
    GFT_TRY(take_line(m, module, err));
    GFT_TRY(take_line(m, name, err));
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].module, module) == 0 && strcmp(known[i].name, name) == 0) {
            gft_pickle_value *value = NULL;
            GFT_TRY(push_new(m, known[i].kind, &value, err));
            value->dtype = known[i].dtype;
            return GRAFT_OK;
        }
    return gft_fail(err, GRAFT_UNIMPLEMENTED,
                    "%s: byte %zu: '%s.%s' is not part of a state dict: only dictionaries of "
                    "tensors are read, no "
                    "code is run",
                    m->in->where, m->in->at, module, name);
}

/* A tuple of the values from stack position `at` on. */
static graft_status make_tuple(machine *m, size_t at, graft_error *err) {
    if (at == m->depth)
        return push_new(m, GFT_PICKLE_TUPLE, NULL, err);
    gft_pickle_value *tuple = gft_arena_alloc(m->arena, sizeof *tuple);
    size_t count = m->depth - at;
    if (tuple)
        tuple->items = gft_arena_memdup(m->arena, m->stack + at, count * sizeof *m->stack);
    if (!tuple || !tuple->items)
        return gft_fail_memory(err, count * sizeof *m->stack, "a tuple");
    tuple->kind = GFT_PICKLE_TUPLE;
    tuple->count = tuple->capacity = count;
    m->depth = at;
    return push(m, tuple, err);
}

static graft_status small_tuple(machine *m, size_t count, graft_error *err) {
    if (available(m) < count)
        return fail_at(m, "a tuple of more values than there are", err);
    return make_tuple(m, m->depth - count, err);
}

/* BINPERSID: ("storage", type, key, location, elements, view). */
static graft_status push_storage(machine *m, graft_error *err) {
    gft_pickle_value *id = NULL;
    GFT_TRY(pop(m, &id, err));
    if (id->kind != GFT_PICKLE_TUPLE || id->count < 5 || id->items[0]->kind != GFT_PICKLE_STRING ||
        strcmp(id->items[0]->text, "storage") != 0 ||
        id->items[1]->kind != GFT_PICKLE_STORAGE_TYPE || id->items[2]->kind != GFT_PICKLE_STRING ||
        id->items[4]->kind != GFT_PICKLE_INT || id->items[4]->integer < 0)
        return fail_at(m, "not the description of a tensor storage", err);
    if (id->count > 5 && id->items[5]->kind != GFT_PICKLE_NONE)
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "%s: byte %zu: a storage that is a view of another", m->in->where,
                        m->in->at);
    gft_pickle_value *storage = NULL;
    GFT_TRY(push_new(m, GFT_PICKLE_STORAGE, &storage, err));
    storage->dtype = id->items[1]->dtype;
    storage->text = id->items[2]->text;
    storage->bytes = id->items[2]->bytes;
    storage->integer = id->items[4]->integer;
    return gft_pickle_push(m->arena, &m->storages->items, &m->storages->count,
                           &m->storages->capacity, storage, err);
}

static graft_status reduce(machine *m, graft_error *err) {
    gft_pickle_value *args = NULL;
    gft_pickle_value *what = NULL;
    GFT_TRY(pop(m, &args, err));
    GFT_TRY(pop(m, &what, err));
    if (args->kind != GFT_PICKLE_TUPLE)
        return fail_at(m, "a call without arguments", err);
    switch (what->kind) {
    case GFT_PICKLE_ORDERED_DICT_TYPE:
        if (args->count != 0)
            return fail_at(m, "an OrderedDict made from arguments", err);
        return push_new(m, GFT_PICKLE_DICT, NULL, err);
    case GFT_PICKLE_REBUILD_TENSOR: {
        if (args->count < 4 || args->items[0]->kind != GFT_PICKLE_STORAGE ||
            args->items[1]->kind != GFT_PICKLE_INT || args->items[2]->kind != GFT_PICKLE_TUPLE ||
            args->items[3]->kind != GFT_PICKLE_TUPLE)
            return fail_at(m, "not the description of a tensor", err);
        gft_pickle_value *tensor = NULL;
        GFT_TRY(push_new(m, GFT_PICKLE_TENSOR, &tensor, err));
        tensor->items = args->items;
        tensor->count = args->count;
        return GRAFT_OK;
    }
    case GFT_PICKLE_REBUILD_PARAMETER:
        if (args->count < 1 || args->items[0]->kind != GFT_PICKLE_TENSOR)
            return fail_at(m, "a parameter without a tensor", err);
        return push(m, args->items[0], err);
    default:
        return fail_at(m, "a call of something that is not a function", err);
    }
}

/* APPEND(S), SETITEM(S): moves the values from stack position `at` on into the container below
 * them. */
static graft_status extend(machine *m, size_t at, gft_pickle_kind kind, graft_error *err) {
    size_t floor = m->mark_count ? m->marks[m->mark_count - 1] : 0;
    gft_pickle_value *container = at > floor ? m->stack[at - 1] : NULL;
    if (!container || container->kind != kind ||
        (kind == GFT_PICKLE_DICT && (m->depth - at) % 2 != 0))
        return fail_at(m, "items for something that is not a list or dictionary", err);
    for (size_t i = at; i < m->depth; i++)
        GFT_TRY(gft_pickle_push(m->arena, &container->items, &container->count,
                                &container->capacity, m->stack[i], err));
    m->depth = at;
    return GRAFT_OK;
}

static graft_status memo_put(machine *m, size_t index, graft_error *err) {
    if (available(m) == 0)
        return fail_at(m, "nothing to remember", err);
    if (index > m->in->bytes)
        return fail_at(m, "a memo number larger than the file", err);
    if (index >= m->memo_count) {
        size_t count = gft_size_max(index + 1, m->memo_count * 2);
        gft_pickle_value **grown = gft_realloc(m->memo, count * sizeof *grown);
        if (!grown)
            return gft_fail_memory(err, count * sizeof *grown, "a pickle memo");
        memset(grown + m->memo_count, 0, (count - m->memo_count) * sizeof *grown);
        m->memo = grown;
        m->memo_count = count;
    }
    m->memo[index] = m->stack[m->depth - 1];
    return GRAFT_OK;
}

static graft_status memo_get(machine *m, size_t index, graft_error *err) {
    if (index >= m->memo_count || !m->memo[index])
        return fail_at(m, "a memo number that was not set", err);
    return push(m, m->memo[index], err);
}

/* BUILD sets attributes: an OrderedDict's carry `_metadata`, which is not needed. */
static graft_status build(machine *m, graft_error *err) {
    gft_pickle_value *state = NULL;
    GFT_TRY(pop(m, &state, err));
    if (available(m) == 0 || m->stack[m->depth - 1]->kind != GFT_PICKLE_DICT)
        return fail_at(m, "attributes for something that is not a dictionary", err);
    return GRAFT_OK;
}

static graft_status push_number(machine *m, uint8_t op, graft_error *err) {
    uint8_t u8 = 0;
    uint16_t u16 = 0;
    uint32_t u32 = 0;
    switch (op) {
    case 'K':
        GFT_TRY(gft_cursor_u8(m->in, &u8, "a number", err));
        return push_integer(m, u8, err);
    case 'M':
        GFT_TRY(gft_cursor_u16(m->in, &u16, "a number", err));
        return push_integer(m, u16, err);
    default:
        GFT_TRY(gft_cursor_u32(m->in, &u32, "a number", err));
        return push_integer(m, (int32_t)u32, err);
    }
}

static graft_status memo_op(machine *m, uint8_t op, graft_error *err) {
    uint8_t u8 = 0;
    uint32_t u32 = 0;
    if (op == 'q' || op == 'h')
        GFT_TRY(gft_cursor_u8(m->in, &u8, "a memo number", err));
    else
        GFT_TRY(gft_cursor_u32(m->in, &u32, "a memo number", err));
    size_t index = (size_t)u8 + u32;
    return op == 'q' || op == 'r' ? memo_put(m, index, err) : memo_get(m, index, err);
}

static graft_status marked_op(machine *m, uint8_t op, graft_error *err) {
    size_t at = 0;
    GFT_TRY(pop_mark(m, &at, err));
    switch (op) {
    case 't':
        return make_tuple(m, at, err);
    case 'e':
        return extend(m, at, GFT_PICKLE_LIST, err);
    default:
        return extend(m, at, GFT_PICKLE_DICT, err);
    }
}

/* One opcode; a flat list (Lib/pickletools.py), each with its byte. */
static graft_status step(machine *m, uint8_t op, graft_error *err) {
    gft_pickle_value *value = NULL;
    uint8_t version = 0;
    switch (op) {
    case 0x80: /* PROTO */
        GFT_TRY(gft_cursor_u8(m->in, &version, "the pickle protocol", err));
        return version == 2 ? GRAFT_OK : fail_at(m, "a pickle protocol other than 2", err);
    case '(':
        return set_mark(m, err);
    case 'N':
        return push_new(m, GFT_PICKLE_NONE, NULL, err);
    case 0x88: /* NEWTRUE */
    case 0x89: /* NEWFALSE */
        GFT_TRY(push_new(m, GFT_PICKLE_BOOL, &value, err));
        value->integer = op == 0x88;
        return GRAFT_OK;
    case 'K': /* BININT1, BININT2, BININT */
    case 'M':
    case 'J':
        return push_number(m, op, err);
    case 0x8a:
        return push_long(m, err);
    case 'G':
        return push_float(m, err);
    case 'X': /* BINUNICODE, BINSTRING */
    case 'T':
        return push_string(m, true, err);
    case 'U':
        return push_string(m, false, err);
    case ')': /* EMPTY_TUPLE, TUPLE1 to TUPLE3 */
        return small_tuple(m, 0, err);
    case 0x85:
    case 0x86:
    case 0x87:
        return small_tuple(m, (size_t)op - 0x84, err);
    case ']':
        return push_new(m, GFT_PICKLE_LIST, NULL, err);
    case '}':
        return push_new(m, GFT_PICKLE_DICT, NULL, err);
    case 'a': /* APPEND, SETITEM */
    case 's':
        if (available(m) < (op == 'a' ? 2u : 3u))
            return fail_at(m, "an item without its container", err);
        return extend(m, m->depth - (op == 'a' ? 1 : 2),
                      op == 'a' ? GFT_PICKLE_LIST : GFT_PICKLE_DICT, err);
    case 't': /* TUPLE, APPENDS, SETITEMS */
    case 'e':
    case 'u':
        return marked_op(m, op, err);
    case 'q': /* BINPUT, LONG_BINPUT, BINGET, LONG_BINGET */
    case 'r':
    case 'h':
    case 'j':
        return memo_op(m, op, err);
    case 'c':
        return push_global(m, err);
    case 'Q':
        return push_storage(m, err);
    case 'R':
        return reduce(m, err);
    case 'b':
        return build(m, err);
    default:
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "%s: byte %zu: pickle opcode 0x%02x is not used by state dicts",
                        m->in->where, m->in->at - 1, op);
    }
}

graft_status gft_pickle_run(gft_cursor *cursor, gft_arena *arena, gft_pickle_storages *storages,
                            gft_pickle_value **out, graft_error *err) {
    machine m = {.in = cursor, .arena = arena, .storages = storages, .start = cursor->at};
    graft_status status;
    for (;;) {
        uint8_t op = 0;
        GFT_GOTO(gft_cursor_u8(cursor, &op, "a pickle opcode", err));
        if (op == '.')
            break;
        GFT_GOTO(step(&m, op, err));
    }
    if (m.depth != 1 || m.mark_count != 0)
        status = fail_at(&m, "the pickle does not end with one value", err);
    else
        *out = m.stack[0];
done:
    gft_free(m.stack);
    gft_free(m.marks);
    gft_free(m.memo);
    return status;
}
