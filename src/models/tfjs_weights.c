/*
 * weightsManifest: groups of shards, in whose joined bytes the weights of the group lie one behind
 * the other. Quantised weights (uint8, uint16 with scale and min; float16) are decoded as TF.js
 * does, q * scale + min in double, rounded once.
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/float16.h"
#include "base/shape.h"
#include "base/size.h"
#include "models/tfjs_read.h"

/* The joined shards of a group, and how far weights have taken from them. */
typedef struct group {
    gft_tfjs_file *file;
    const gft_map *shards;
    size_t shard_count;
    size_t bytes, at;
    size_t shard, shard_begin; /* the shard that `at` lies in, and its first byte */
} group;

/* Borrows from one shard when it can, else copies; `unit` is the alignment that is needed. */
static graft_status take(group *g, size_t bytes, size_t unit, const char *name, const void **out,
                         graft_error *err) {
    if (bytes > g->bytes - g->at)
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: weight '%s' needs %zu bytes at %zu, its shards have %zu",
                        g->file->where, name, bytes, g->at, g->bytes);
    while (g->shard < g->shard_count && g->at - g->shard_begin >= g->shards[g->shard].bytes)
        g->shard_begin += g->shards[g->shard++].bytes;
    size_t offset = g->at - g->shard_begin;
    g->at += bytes;
    *out = "";
    if (bytes == 0)
        return GRAFT_OK;
    const gft_map *shard = &g->shards[g->shard];
    if (bytes <= shard->bytes - offset && (uintptr_t)(shard->data + offset) % unit == 0) {
        *out = shard->data + offset;
        return GRAFT_OK;
    }
    uint8_t *copy = gft_arena_alloc(&g->file->arena, bytes);
    if (!copy)
        return gft_fail_memory(err, bytes, name);
    *out = copy;
    for (size_t k = g->shard; bytes > 0; k++, offset = 0) {
        const size_t part = gft_size_min(bytes, g->shards[k].bytes - offset);
        memcpy(copy, g->shards[k].data + offset, part);
        copy += part;
        bytes -= part;
    }
    return GRAFT_OK;
}

/* ---- one weight ---- */

typedef struct encoding {
    graft_dtype stored; /* what lies in the shard */
    bool affine;
    double scale, min;
} encoding;

static graft_status wrong(const group *g, const char *name, const char *what, graft_error *err) {
    return gft_fail(err, GRAFT_DATA_LOSS, "%s: weight '%s': %s", g->file->where, name, what);
}

static graft_status read_dims(const group *g, const json_t *spec, const char *name,
                              graft_shape *out, graft_error *err) {
    const json_t *shape = json_object_get(spec, "shape");
    if (!json_is_array(shape))
        return wrong(g, name, "no shape in its entry", err);
    if (json_array_size(shape) > GRAFT_MAX_RANK)
        return gft_fail(err, GRAFT_UNIMPLEMENTED, "%s: weight '%s': rank %zu, at most %d",
                        g->file->where, name, json_array_size(shape), GRAFT_MAX_RANK);
    *out = (graft_shape){.rank = (int32_t)json_array_size(shape)};
    for (int32_t i = 0; i < out->rank; i++) {
        const json_t *dim = json_array_get(shape, (size_t)i);
        if (!json_is_integer(dim) || json_integer_value(dim) < 0)
            return wrong(g, name, "a dimension that is no number of 0 or more", err);
        out->dims[i] = json_integer_value(dim);
    }
    return GRAFT_OK;
}

static graft_status read_dtype(const group *g, const json_t *spec, const char *name,
                               graft_dtype *out, graft_error *err) {
    static const struct {
        const char *word;
        graft_dtype dtype;
    } TYPES[] = {
        {"float32", GRAFT_F32}, {"int32", GRAFT_S32},     {"bool", GRAFT_BOOL},
        {"uint8", GRAFT_U8},    {"string", GRAFT_STRING},
    };
    const char *word = json_string_value(json_object_get(spec, "dtype"));
    for (size_t i = 0; word && i < sizeof TYPES / sizeof TYPES[0]; i++) {
        if (strcmp(TYPES[i].word, word) == 0) {
            *out = TYPES[i].dtype;
            return GRAFT_OK;
        }
    }
    return gft_fail(err, word ? GRAFT_UNIMPLEMENTED : GRAFT_DATA_LOSS,
                    "%s: weight '%s' is of type %.40s, expected float32, int32, bool, uint8 or "
                    "string",
                    g->file->where, name, word ? word : "none");
}

static graft_status read_encoding(const group *g, const json_t *spec, const char *name,
                                  graft_dtype dtype, encoding *out, graft_error *err) {
    const json_t *q = json_object_get(spec, "quantization");
    *out = (encoding){.stored = dtype};
    if (!q || json_is_null(q))
        return GRAFT_OK;
    const char *word = json_string_value(json_object_get(q, "dtype"));
    if (!word || (dtype != GRAFT_F32 && dtype != GRAFT_S32))
        return wrong(g, name, "its quantization has no type, or it is neither float32 nor int32",
                     err);
    if (strcmp(word, "float16") == 0) {
        out->stored = GRAFT_F16;
        return dtype == GRAFT_F32 ? GRAFT_OK : wrong(g, name, "int32 stored as float16", err);
    }
    const json_t *scale = json_object_get(q, "scale");
    const json_t *min = json_object_get(q, "min");
    if (strcmp(word, "uint8") != 0 && strcmp(word, "uint16") != 0)
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "%s: weight '%s' is stored as %.40s, expected uint8, uint16 or float16",
                        g->file->where, name, word);
    if (!json_is_number(scale) || !json_is_number(min))
        return wrong(g, name, "its quantization has no scale or no min", err);
    out->stored = word[4] == '8' ? GRAFT_U8 : GRAFT_S16;
    out->affine = true;
    out->scale = json_number_value(scale);
    out->min = json_number_value(min);
    return GRAFT_OK;
}

/* Math.round: halves go up. Values beyond int32 are taken to its ends. */
static int32_t round_s32(double v) {
    const double r = floor(v + 0.5);
    return r >= 2147483647.0 ? INT32_MAX : r > -2147483648.0 ? (int32_t)r : INT32_MIN;
}

static graft_status decode(group *g, const encoding *e, const void *stored, graft_tensor *t,
                           graft_error *err) {
    const size_t count = t->bytes / 4;
    void *out = gft_arena_alloc(&g->file->arena, t->bytes);
    if (!out)
        return gft_fail_memory(err, t->bytes, t->name);
    t->data = out;
    for (size_t i = 0; i < count; i++) {
        if (e->stored == GRAFT_F16) {
            ((float *)out)[i] = gft_f32_from_f16(((const uint16_t *)stored)[i]);
            continue;
        }
        const double q = e->stored == GRAFT_U8 ? (double)((const uint8_t *)stored)[i]
                                               : (double)((const uint16_t *)stored)[i];
        const double v = q * e->scale + e->min;
        if (t->desc.dtype == GRAFT_F32)
            ((float *)out)[i] = (float)v;
        else
            ((int32_t *)out)[i] = round_s32(v);
    }
    return GRAFT_OK;
}

/* Each string is its length in bytes (u32) and the bytes. */
static graft_status read_strings(group *g, graft_tensor *t, graft_error *err) {
    const int64_t count = gft_shape_elems(&t->desc.shape);
    if (count < 0 || (uint64_t)count > (g->bytes - g->at) / 4)
        return wrong(g, t->name, "more strings than its shards have bytes for", err);
    graft_string_view *views = gft_arena_array(&g->file->arena, (size_t)count, sizeof *views);
    if (!views)
        return gft_fail_memory(err, (unsigned long long)count * sizeof *views, t->name);
    for (int64_t i = 0; i < count; i++) {
        const void *p;
        uint32_t length;
        GFT_TRY(take(g, sizeof length, 1, t->name, &p, err));
        memcpy(&length, p, sizeof length);
        GFT_TRY(take(g, length, 1, t->name, &p, err));
        views[i] = (graft_string_view){p, length};
    }
    t->data = views;
    t->bytes = (size_t)count * sizeof *views;
    return GRAFT_OK;
}

static graft_status read_weight(group *g, const json_t *spec, graft_tensor *t, graft_error *err) {
    encoding e;
    const void *stored;
    const char *name = json_string_value(json_object_get(spec, "name"));
    if (!name || !*name)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: a weight without a name", g->file->where);
    *t = (graft_tensor){.name = gft_arena_strdup(&g->file->arena, name)};
    if (!t->name)
        return gft_fail_memory(err, strlen(name), "a name");
    GFT_TRY(read_dtype(g, spec, name, &t->desc.dtype, err));
    GFT_TRY(read_dims(g, spec, name, &t->desc.shape, err));
    if (t->desc.dtype == GRAFT_STRING)
        return read_strings(g, t, err);
    GFT_TRY(read_encoding(g, spec, name, t->desc.dtype, &e, err));
    const graft_tensor_desc stored_desc = {e.stored, t->desc.shape, NULL};
    const size_t unit = graft_dtype_bytes(e.stored);
    size_t bytes;
    if (!gft_desc_bytes(&t->desc, &t->bytes) || !gft_desc_bytes(&stored_desc, &bytes))
        return wrong(g, name, "a shape whose size overflows", err);
    GFT_TRY(take(g, bytes, unit, name, &stored, err));
    if (e.stored != t->desc.dtype)
        return decode(g, &e, stored, t, err);
    t->data = (void *)(uintptr_t)stored;
    return GRAFT_OK;
}

/* ---- groups ---- */

/* A shard lies beside model.json or below: nothing may lead out of its directory. */
static graft_status check_path(const gft_tfjs_file *file, const char *path, graft_error *err) {
    bool inside = path[0] != '\0' && path[0] != '/' && !strchr(path, '\\') && !strstr(path, "://");
    for (const char *part = path; inside && part; part = strchr(part, '/')) {
        part += *part == '/';
        inside = strncmp(part, "..", 2) != 0 || (part[2] != '/' && part[2] != '\0');
    }
    return inside ? GRAFT_OK
                  : gft_fail(err, GRAFT_INVALID_ARGUMENT,
                             "%s: the shard '%.200s' is not a path inside of its directory",
                             file->where, path);
}

static graft_status map_shard(gft_tfjs_file *file, const json_t *path, graft_error *err) {
    const char *name = json_string_value(path);
    if (!name)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: the name of a shard is not a text", file->where);
    GFT_TRY(check_path(file, name, err));
    char *full = gft_path_join(file->dir, name);
    if (!full)
        return gft_fail_memory(err, strlen(name), "a file name");
    const graft_status status = gft_map_open(full, &file->shards[file->shard_count], err);
    file->shard_count += status == GRAFT_OK;
    gft_free(full);
    return status;
}

static graft_status read_group(gft_tfjs_file *file, const json_t *json, graft_error *err) {
    const json_t *paths = json_object_get(json, "paths");
    const json_t *specs = json_object_get(json, "weights");
    if (!json_is_array(paths) || !json_is_array(specs))
        return gft_fail(err, GRAFT_DATA_LOSS,
                        "%s: a group of weightsManifest without paths or weights", file->where);
    group g = {.file = file, .shards = &file->shards[file->shard_count]};
    for (size_t i = 0; i < json_array_size(paths); i++) {
        GFT_TRY(map_shard(file, json_array_get(paths, i), err));
        if (!gft_size_add(g.bytes, g.shards[g.shard_count++].bytes, &g.bytes))
            return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: its shards are too large",
                            file->where);
    }
    for (size_t i = 0; i < json_array_size(specs); i++) {
        GFT_TRY(read_weight(&g, json_array_get(specs, i), &file->weights[file->weight_count], err));
        file->weight_count++;
    }
    return GRAFT_OK;
}

graft_status gft_tfjs_read_weights(gft_tfjs_file *file, const json_t *manifest, graft_error *err) {
    size_t shards = 0;
    size_t weights = 0;
    if (!manifest || json_is_null(manifest))
        return GRAFT_OK;
    if (!json_is_array(manifest))
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: weightsManifest is not a list", file->where);
    for (size_t i = 0; i < json_array_size(manifest); i++) {
        const json_t *g = json_array_get(manifest, i);
        shards += json_array_size(json_object_get(g, "paths"));
        weights += json_array_size(json_object_get(g, "weights"));
    }
    if (shards > GFT_TFJS_MAX_SHARDS)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: %zu shards, at most %zu are read",
                        file->where, shards, GFT_TFJS_MAX_SHARDS);
    file->shards = gft_arena_array(&file->arena, shards, sizeof *file->shards);
    file->weights = gft_arena_array(&file->arena, weights, sizeof *file->weights);
    if (!file->shards || !file->weights)
        return gft_fail_memory(err, weights * sizeof *file->weights, "a list of weights");
    for (size_t i = 0; i < json_array_size(manifest); i++)
        GFT_TRY(read_group(file, json_array_get(manifest, i), err));
    return GRAFT_OK;
}
