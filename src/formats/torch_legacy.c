/*
 * The legacy torch.save container: pickles of magic number, version, system, the dictionary and the
 * list of storage keys; then per key an i64 element count and the raw elements. Each tensor's reach
 * (offset, sizes, strides) is checked against its storage before it is given out.
 */
#include "formats/torch_legacy.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/shape.h"
#include "base/size.h"
#include "formats/torch_pickle.h"

#define MAX_DEPTH 8        /* of nested dictionaries */
#define MAX_VISITS 4000000 /* dictionary entries looked at: shared children would multiply */
#define PROTOCOL_VERSION 1001
static const uint8_t magic[10] = {0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};

struct gft_torch {
    gft_arena arena;
    gft_torch_tensor *tensors;
    size_t count;
    size_t capacity;
};

static int by_key(const void *a, const void *b) {
    return strcmp((*(gft_pickle_value *const *)a)->text, (*(gft_pickle_value *const *)b)->text);
}

/* First storage of the sorted list with this key; NULL if none. */
static gft_pickle_value *find_storage(const gft_pickle_storages *s, const char *key) {
    size_t low = 0;
    size_t high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(s->items[middle]->text, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->count && strcmp(s->items[low]->text, key) == 0 ? s->items[low] : NULL;
}

static graft_status read_head(gft_cursor *c, gft_arena *arena, gft_pickle_storages *storages,
                              graft_error *err) {
    gft_pickle_value *v = NULL;
    static const uint8_t opening[5] = {0x80, 2, 0x8a, 10, 0x6c};
    if (c->bytes >= 4 && memcmp(c->data, "PK\3\4", 4) == 0)
        return gft_fail(
            err, GRAFT_UNIMPLEMENTED,
            "%s: a torch file in the newer zip form, only the legacy form is read (torch.save with "
            "_use_new_zipfile_serialization=False)",
            c->where);
    if (c->bytes < sizeof opening || memcmp(c->data, opening, sizeof opening) != 0)
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: does not start like a legacy torch file (%zu bytes)", c->where,
                        c->bytes);
    GFT_TRY(gft_pickle_run(c, arena, storages, &v, err));
    if (v->kind != GFT_PICKLE_LONG || v->bytes != sizeof magic ||
        memcmp(v->text, magic, sizeof magic) != 0)
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: the magic number of a legacy torch file is missing", c->where);
    GFT_TRY(gft_pickle_run(c, arena, storages, &v, err));
    if (v->kind != GFT_PICKLE_INT || v->integer != PROTOCOL_VERSION)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: torch protocol version %lld, expected %d",
                        c->where, (long long)v->integer, PROTOCOL_VERSION);
    GFT_TRY(gft_pickle_run(c, arena, storages, &v, err));
    const gft_pickle_value *little = gft_pickle_get(v, "little_endian");
    if (little && little->kind == GFT_PICKLE_BOOL && !little->integer)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: written on a big-endian machine", c->where);
    return GRAFT_OK;
}

/* The storages behind the pickles, in the order of `keys`. */
static graft_status place_storages(gft_cursor *c, const gft_pickle_value *keys,
                                   gft_pickle_storages *s, graft_error *err) {
    if (keys->kind != GFT_PICKLE_LIST)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: the list of storages is missing", c->where);
    if (s->count > 0)
        qsort(s->items, s->count, sizeof(gft_pickle_value *), by_key);
    for (size_t i = 0; i < keys->count; i++) {
        const char *key = keys->items[i]->kind == GFT_PICKLE_STRING ? keys->items[i]->text : NULL;
        gft_pickle_value *storage = key ? find_storage(s, key) : NULL;
        if (!storage || storage->storage_data)
            return gft_fail(err, GRAFT_DATA_LOSS, "%s: storage %zu '%.40s' is %s", c->where, i,
                            key ? key : "", storage ? "listed twice" : "used by no tensor");
        uint64_t count = 0;
        GFT_TRY(gft_cursor_u64(c, &count, "the size of a storage", err));
        size_t unit = graft_dtype_bytes(storage->dtype);
        if (count != (uint64_t)storage->integer || count > gft_cursor_left(c) / unit)
            return gft_fail(err, GRAFT_DATA_LOSS,
                            "%s: byte %zu: storage '%.40s' has %llu elements of %zu bytes, its "
                            "tensors say %lld, "
                            "%zu bytes are left: the file is cut or damaged",
                            c->where, c->at - 8, key, (unsigned long long)count, unit,
                            (long long)storage->integer, gft_cursor_left(c));
        GFT_TRY(gft_cursor_take(c, (size_t)count * unit, &storage->storage_data, "a storage", err));
    }
    return GRAFT_OK;
}

/* Sizes and strides into the tensor; the last element reached must lie in the storage. */
static graft_status describe(const char *where, const gft_pickle_value *v, gft_torch_tensor *t,
                             graft_error *err) {
    const gft_pickle_value *storage = v->items[0];
    const gft_pickle_value *size = v->items[2];
    const gft_pickle_value *stride = v->items[3];
    if (size->count > GRAFT_MAX_RANK || stride->count != size->count)
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: tensor '%.80s': %zu sizes, %zu strides, at most %d", where, t->name,
                        size->count, stride->count, GRAFT_MAX_RANK);
    int64_t offset = v->items[1]->integer;
    int64_t last = offset;
    bool empty = false;
    t->dtype = storage->dtype;
    t->shape.rank = (int32_t)size->count;
    for (size_t d = 0; d < size->count; d++) {
        const gft_pickle_value *n = size->items[d];
        const gft_pickle_value *s = stride->items[d];
        int64_t reach;
        if (n->kind != GFT_PICKLE_INT || s->kind != GFT_PICKLE_INT || n->integer < 0 ||
            s->integer < 0 ||
            (n->integer > 0 && (!gft_i64_mul(n->integer - 1, s->integer, &reach) ||
                                __builtin_add_overflow(last, reach, &last))))
            return gft_fail(err, GRAFT_DATA_LOSS,
                            "%s: tensor '%.80s': a size or stride is not sensible", where, t->name);
        empty = empty || n->integer == 0;
        t->shape.dims[d] = n->integer;
        t->strides[d] = s->integer;
    }
    if (offset < 0 || offset > storage->integer || (!empty && last >= storage->integer))
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: tensor '%.80s': reaches element %lld of a storage of %lld", where,
                        t->name, (long long)last, (long long)storage->integer);
    return GRAFT_OK;
}

static graft_status add_tensor(gft_torch *torch, const char *where,
                               const gft_pickle_storages *storages, const char *name,
                               const gft_pickle_value *v, graft_error *err) {
    gft_torch_tensor tensor = {.name = name};
    GFT_TRY(describe(where, v, &tensor, err));
    const gft_pickle_value *own = v->items[0];
    const gft_pickle_value *storage = find_storage(storages, own->text);
    if (!storage || !storage->storage_data || storage->dtype != own->dtype ||
        storage->integer != own->integer)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: tensor '%.80s': its storage '%.40s' is missing",
                        where, name, own->text);
    size_t unit = graft_dtype_bytes(tensor.dtype);
    tensor.storage = storage->storage_data;
    tensor.storage_bytes = (size_t)storage->integer * unit;
    tensor.data = tensor.storage + (size_t)v->items[1]->integer * unit;
    if (torch->count == torch->capacity) {
        size_t capacity = torch->capacity ? torch->capacity * 2 : 64;
        gft_torch_tensor *grown = gft_realloc(torch->tensors, capacity * sizeof *grown);
        if (!grown)
            return gft_fail_memory(err, capacity * sizeof *grown, "a list of tensors");
        torch->tensors = grown;
        torch->capacity = capacity;
    }
    torch->tensors[torch->count++] = tensor;
    return GRAFT_OK;
}

typedef struct level {
    const gft_pickle_value *dict;
    const char *prefix; /* "" or "outer." */
    size_t at;
} level;

/* Walks dictionaries depth first with a bounded stack; anything else than tensors is passed over.
 */
static graft_status collect(gft_torch *torch, const char *where,
                            const gft_pickle_storages *storages, const gft_pickle_value *root,
                            graft_error *err) {
    level levels[MAX_DEPTH] = {{root, "", 0}};
    size_t depth = 1;
    size_t visits = 0;
    while (depth > 0) {
        level *top = &levels[depth - 1];
        if (top->at >= top->dict->count) {
            depth--;
            continue;
        }
        const gft_pickle_value *key = top->dict->items[top->at];
        const gft_pickle_value *value = top->dict->items[top->at + 1];
        top->at += 2;
        if (++visits > MAX_VISITS)
            return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: more than %d dictionary entries",
                            where, MAX_VISITS);
        bool nested = value->kind == GFT_PICKLE_DICT;
        if (key->kind != GFT_PICKLE_STRING || (!nested && value->kind != GFT_PICKLE_TENSOR))
            continue;
        if (nested && depth == MAX_DEPTH)
            return gft_fail(err, GRAFT_DATA_LOSS, "%s: dictionaries nested deeper than %d", where,
                            MAX_DEPTH);
        size_t length = strlen(top->prefix) + key->bytes;
        if (length > 1024)
            return gft_fail(err, GRAFT_DATA_LOSS, "%s: a tensor name of %zu bytes", where, length);
        const char *name =
            gft_arena_format(&torch->arena, "%s%s%s", top->prefix, key->text, nested ? "." : "");
        if (!name)
            return gft_fail_memory(err, length, "a name");
        if (nested)
            levels[depth++] = (level){value, name, 0};
        else
            GFT_TRY(add_tensor(torch, where, storages, name, value, err));
    }
    return GRAFT_OK;
}

graft_status gft_torch_open(const void *data, size_t bytes, const char *where, gft_torch **out,
                            graft_error *err) {
    gft_arena scratch;
    gft_arena_init(&scratch);
    gft_pickle_storages storages = {0};
    gft_cursor c = gft_cursor_make(data, bytes, where);
    graft_status status = GRAFT_OK;
    gft_torch *torch = gft_calloc(1, sizeof *torch);
    if (!torch) {
        status = gft_fail_memory(err, sizeof *torch, "a torch file");
        goto done;
    }
    gft_pickle_value *root = NULL;
    gft_pickle_value *keys = NULL;
    GFT_GOTO(read_head(&c, &scratch, &storages, err));
    GFT_GOTO(gft_pickle_run(&c, &scratch, &storages, &root, err));
    GFT_GOTO(gft_pickle_run(&c, &scratch, &storages, &keys, err));
    GFT_GOTO(place_storages(&c, keys, &storages, err));
    if (root->kind != GFT_PICKLE_DICT) {
        status = gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: holds no dictionary of tensors", where);
        goto done;
    }
    GFT_GOTO(collect(torch, where, &storages, root, err));
    *out = torch;
    torch = NULL;
done:
    gft_torch_close(torch);
    gft_arena_deinit(&scratch);
    return status;
}

void gft_torch_close(gft_torch *torch) {
    if (!torch)
        return;
    gft_arena_deinit(&torch->arena);
    gft_free(torch->tensors);
    gft_free(torch);
}

size_t gft_torch_count(const gft_torch *torch) {
    return torch->count;
}

const gft_torch_tensor *gft_torch_at(const gft_torch *torch, size_t index) {
    return index < torch->count ? &torch->tensors[index] : NULL;
}

const gft_torch_tensor *gft_torch_find(const gft_torch *torch, const char *name) {
    for (size_t i = 0; i < torch->count; i++)
        if (strcmp(torch->tensors[i].name, name) == 0)
            return &torch->tensors[i];
    return NULL;
}
