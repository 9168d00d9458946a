/*
 * Constants as TF.js' weights: one group, its bytes cut into shards of 4 MiB. TF.js knows float32,
 * int32, bool and strings; other types become the one that holds their values.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/float16.h"
#include "base/shape.h"
#include "base/size.h"
#include "formats/json_text.h"
#include "models/tfjs_write.h"

/* ---- types ---- */

static graft_dtype stored_type(graft_dtype dtype) {
    switch (dtype) {
    case GRAFT_F32:
    case GRAFT_F64:
    case GRAFT_F16:
    case GRAFT_BF16:
        return GRAFT_F32;
    case GRAFT_U8:
    case GRAFT_S8:
    case GRAFT_S16:
    case GRAFT_S32:
    case GRAFT_S64:
        return GRAFT_S32;
    case GRAFT_BOOL:
    case GRAFT_STRING:
        return dtype;
    default:
        return GRAFT_DTYPE_NONE;
    }
}

static float as_float(graft_dtype dtype, const void *data, size_t i) {
    if (dtype == GRAFT_F64)
        return (float)((const double *)data)[i];
    return dtype == GRAFT_F16 ? gft_f32_from_f16(((const uint16_t *)data)[i])
                              : gft_f32_from_bf16(((const uint16_t *)data)[i]);
}

static int64_t as_int(graft_dtype dtype, const void *data, size_t i) {
    switch (dtype) {
    case GRAFT_U8:
        return ((const uint8_t *)data)[i];
    case GRAFT_S8:
        return ((const int8_t *)data)[i];
    case GRAFT_S16:
        return ((const int16_t *)data)[i];
    default:
        return ((const int64_t *)data)[i];
    }
}

/* The weight's data in the type TF.js has for it. */
static graft_status convert(gft_tfjs_writer *w, gft_tfjs_weight *weight, graft_error *err) {
    const graft_dtype from = weight->desc.dtype;
    const graft_dtype to = stored_type(from);
    const void *data = weight->data;
    if (to == GRAFT_DTYPE_NONE)
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "constant '%s' is of type %s, which TF.js has not", weight->node->name,
                        graft_dtype_name(from));
    weight->desc.dtype = to;
    if (!gft_desc_bytes(&weight->desc, &weight->bytes))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "constant '%s' has no size",
                        weight->node->name);
    if (from == to)
        return GRAFT_OK;
    void *out = gft_arena_alloc(&w->arena, weight->bytes);
    if (!out)
        return gft_fail_memory(err, weight->bytes, weight->node->name);
    weight->data = out;
    for (size_t i = 0; i < weight->bytes / 4; i++) {
        if (to == GRAFT_F32) {
            ((float *)out)[i] = as_float(from, data, i);
            continue;
        }
        const int64_t v = as_int(from, data, i);
        if (v < INT32_MIN || v > INT32_MAX)
            return gft_fail(err, GRAFT_UNIMPLEMENTED,
                            "constant '%s': %lld does not fit int32, TF.js has no int64",
                            weight->node->name, (long long)v);
        ((int32_t *)out)[i] = (int32_t)v;
    }
    return GRAFT_OK;
}

/* Strings: length (u32) and bytes, one behind the other. */
static graft_status join_strings(gft_tfjs_writer *w, gft_tfjs_weight *weight,
                                 const Tensorflow__TensorProto *tensor, graft_error *err) {
    weight->bytes = 0;
    for (size_t i = 0; i < tensor->n_string_val; i++) {
        if (tensor->string_val[i].len > UINT32_MAX ||
            !gft_size_add(weight->bytes, tensor->string_val[i].len + 4, &weight->bytes))
            return gft_fail(err, GRAFT_UNIMPLEMENTED, "constant '%s': a string is too long",
                            weight->node->name);
    }
    uint8_t *out = gft_arena_alloc(&w->arena, weight->bytes);
    if (!out)
        return gft_fail_memory(err, weight->bytes, weight->node->name);
    weight->data = out;
    for (size_t i = 0; i < tensor->n_string_val; i++) {
        const uint32_t length = (uint32_t)tensor->string_val[i].len;
        memcpy(out, &length, 4);
        if (length > 0)
            memcpy(out + 4, tensor->string_val[i].data, length);
        out += 4 + length;
    }
    return GRAFT_OK;
}

static const Tensorflow__TensorProto *tensor_of(const gft_tf_node *node) {
    for (size_t i = 0; strcmp(node->op, "Const") == 0 && i < node->n_attr; i++) {
        if (strcmp(node->attr[i]->key, "value") == 0)
            return node->attr[i]->value->tensor;
    }
    return NULL;
}

graft_status gft_tfjs_collect_weights(gft_tfjs_writer *w, graft_error *err) {
    w->weights = gft_arena_array(&w->arena, w->nodes.count, sizeof *w->weights);
    if (!w->weights)
        return gft_fail_memory(err, w->nodes.count * sizeof *w->weights, "a list of weights");
    for (size_t i = 0; i < w->nodes.count; i++) {
        const Tensorflow__TensorProto *tensor = tensor_of(w->nodes.items[i]);
        if (!tensor)
            continue;
        gft_tfjs_weight *weight = &w->weights[w->weight_count++];
        *weight = (gft_tfjs_weight){.node = w->nodes.items[i], .data = tensor->tensor_content.data};
        weight->desc.dtype = (graft_dtype)tensor->dtype;
        weight->desc.shape.rank = (int32_t)tensor->tensor_shape->n_dim;
        for (int32_t k = 0; k < weight->desc.shape.rank; k++)
            weight->desc.shape.dims[k] = tensor->tensor_shape->dim[k]->size;
        if (weight->desc.dtype == GRAFT_STRING)
            GFT_TRY(join_strings(w, weight, tensor, err));
        else
            GFT_TRY(convert(w, weight, err));
        if (!gft_size_add(w->weight_bytes, weight->bytes, &w->weight_bytes))
            return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "tfjs: the weights are too large");
    }
    return GRAFT_OK;
}

/* ---- manifest and shards ---- */

/*
 * What is not a multiple of four bytes long comes last, so that the others lie aligned: pass 0 and
 * 1.
 */
static bool in_pass(const gft_tfjs_weight *weight, int pass) {
    const bool whole = weight->desc.dtype == GRAFT_F32 || weight->desc.dtype == GRAFT_S32;
    return whole == (pass == 0);
}

static size_t shard_count(const gft_tfjs_writer *w) {
    return w->weight_bytes / GFT_TFJS_SHARD_BYTES + (w->weight_bytes % GFT_TFJS_SHARD_BYTES > 0);
}

static graft_status write_entry(const gft_tfjs_weight *weight, bool first, gft_buffer *out,
                                graft_error *err) {
    GFT_TRY(gft_buffer_append_str(out, first ? "\n{\"name\":" : ",\n{\"name\":", err));
    GFT_TRY(gft_json_quote(out, weight->node->name, err));
    GFT_TRY(gft_buffer_append_str(out, ",\"shape\":[", err));
    for (int32_t i = 0; i < weight->desc.shape.rank; i++)
        GFT_TRY(gft_buffer_format(out, err, "%s%lld", i == 0 ? "" : ",",
                                  (long long)weight->desc.shape.dims[i]));
    return gft_buffer_format(out, err, "],\"dtype\":\"%s\"}", graft_dtype_name(weight->desc.dtype));
}

graft_status gft_tfjs_write_manifest(const gft_tfjs_writer *w, gft_buffer *out, graft_error *err) {
    const size_t shards = shard_count(w);
    bool first = true;
    GFT_TRY(gft_buffer_append_str(out, "\"weightsManifest\":[{\"paths\":[", err));
    for (size_t i = 0; i < shards; i++)
        GFT_TRY(gft_buffer_format(out, err, "%s\"group1-shard%zuof%zu.bin\"", i == 0 ? "" : ",",
                                  i + 1, shards));
    GFT_TRY(gft_buffer_append_str(out, "],\"weights\":[", err));
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < w->weight_count; i++) {
            if (!in_pass(&w->weights[i], pass))
                continue;
            GFT_TRY(write_entry(&w->weights[i], first, out, err));
            first = false;
        }
    }
    return gft_buffer_append_str(out, "\n]}]", err);
}

/* Shards being written one after the other. */
typedef struct shards {
    const char *dir;
    size_t count, index; /* index: of the next one */
    size_t left;         /* bytes that the open one still takes */
    gft_writer writer;
    bool open;
} shards;

static graft_status next_shard(shards *s, graft_error *err) {
    char name[64];
    if (s->open) {
        s->open = false;
        GFT_TRY(gft_writer_commit(&s->writer, err));
    }
    (void)snprintf(name, sizeof name, "group1-shard%zuof%zu.bin", ++s->index, s->count);
    char *path = gft_path_join(s->dir, name);
    if (!path)
        return gft_fail_memory(err, strlen(s->dir), "a file name");
    const graft_status status = gft_writer_open(&s->writer, path, err);
    s->open = status == GRAFT_OK;
    s->left = GFT_TFJS_SHARD_BYTES;
    gft_free(path);
    return status;
}

static graft_status write_bytes(shards *s, const void *data, size_t bytes, graft_error *err) {
    const uint8_t *from = data;
    while (bytes > 0) {
        if (s->left == 0)
            GFT_TRY(next_shard(s, err));
        const size_t part = gft_size_min(bytes, s->left);
        GFT_TRY(gft_writer_write(&s->writer, from, part, err));
        from += part;
        bytes -= part;
        s->left -= part;
    }
    return GRAFT_OK;
}

graft_status gft_tfjs_write_shards(const gft_tfjs_writer *w, const char *dir, graft_error *err) {
    shards s = {.dir = dir, .count = shard_count(w)};
    graft_status status = GRAFT_OK;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < w->weight_count; i++) {
            if (in_pass(&w->weights[i], pass))
                GFT_GOTO(write_bytes(&s, w->weights[i].data, w->weights[i].bytes, err));
        }
    }
    if (s.open) {
        s.open = false;
        GFT_GOTO(gft_writer_commit(&s.writer, err));
    }
done:
    if (s.open)
        gft_writer_abort(&s.writer);
    return status;
}
