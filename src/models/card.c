/*
 * The card, assets.extra/graft.json: what a SavedModel does not say and a user of the model needs:
 * preprocessing, backbone with its sha256, head, training settings, accuracy, tool version.
 *
 *   {"format": "graft-model", "version": 1, "tool": "graft 0.1.0",
 *    "backbone": {"handle": "...", "sha256": "..."},
 *    "preprocess": {"height": 224, "width": 224, "mode": "squeeze", "interpolation": "bicubic", "flavour": "pil",
 *                   "antialias": true, "crop_padding": 32, "crop_fraction": 0.0, "pad_value": 127},
 *    "head": "dense:128,relu", "training": {...}, "accuracy": {...}}
 *
 * Readers pass over keys they do not know. A file without "preprocess" is a model that says nothing
 * about pictures.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "graft/system.h"
#include "models/model.h"

#define FORMAT_NAME "graft-model"
#define FORMAT_VERSION 1
#define MAX_CARD_BYTES ((size_t)16 << 20)

/* ---- reading ---- */

typedef struct reader {
    const char *where;
    graft_error *err;
} reader;

static graft_status wrong(const reader *r, const char *section, const char *key,
                          const char *expected) {
    return gft_fail(r->err, GRAFT_DATA_LOSS, "%s: %s%s%s is not %s", r->where, section,
                    *section ? "." : "", key, expected);
}

/* Each leaves *out as it is where the key is missing or null. */
static graft_status read_int(const reader *r, const json_t *object, const char *key, int32_t *out) {
    const json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value))
        return GRAFT_OK;
    json_int_t n = json_integer_value(value);
    if (!json_is_integer(value) || n < INT32_MIN || n > INT32_MAX)
        return wrong(r, "preprocess", key, "a 32-bit number");
    *out = (int32_t)n;
    return GRAFT_OK;
}

static graft_status read_text(const reader *r, const json_t *object, const char *section,
                              const char *key, const char **out) {
    const json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value))
        return GRAFT_OK;
    if (!json_is_string(value))
        return wrong(r, section, key, "a text");
    *out = json_string_value(value);
    return GRAFT_OK;
}

static graft_status read_words(const reader *r, const json_t *object, graft_preprocess *rule) {
    const char *word = NULL;
    GFT_TRY(read_text(r, object, "preprocess", "mode", &word));
    if (word)
        GFT_TRY(graft_resize_mode_parse(word, &rule->mode, r->err));
    word = NULL;
    GFT_TRY(read_text(r, object, "preprocess", "interpolation", &word));
    if (word)
        GFT_TRY(graft_interpolation_parse(word, &rule->interpolation, r->err));
    word = NULL;
    GFT_TRY(read_text(r, object, "preprocess", "flavour", &word));
    if (word)
        GFT_TRY(graft_resize_flavour_parse(word, &rule->flavour, r->err));
    return GRAFT_OK;
}

static graft_status read_rule(const reader *r, const json_t *object, graft_preprocess *out) {
    graft_preprocess rule = graft_preprocess_default(0, 0);
    if (!json_is_object(object))
        return wrong(r, "", "preprocess", "an object");
    GFT_TRY(read_int(r, object, "height", &rule.height));
    GFT_TRY(read_int(r, object, "width", &rule.width));
    GFT_TRY(read_int(r, object, "crop_padding", &rule.crop_padding));
    GFT_TRY(read_int(r, object, "pad_value", &rule.pad_value));
    const json_t *value = json_object_get(object, "antialias");
    if (value && !json_is_null(value)) {
        if (!json_is_boolean(value))
            return wrong(r, "preprocess", "antialias", "true or false");
        rule.antialias = json_is_true(value);
    }
    value = json_object_get(object, "crop_fraction");
    if (value && !json_is_null(value)) {
        if (!json_is_number(value))
            return wrong(r, "preprocess", "crop_fraction", "a number");
        rule.crop_fraction = json_number_value(value);
    }
    graft_error why;
    const reader words = {r->where, &why};
    graft_status status = read_words(&words, object, &rule);
    if (status == GRAFT_OK)
        status = graft_preprocess_check(&rule, &why);
    if (status != GRAFT_OK) /* whose fault it is there: the file's */
        return gft_fail(r->err, GRAFT_DATA_LOSS, "%s: preprocess: %s", r->where, why.message);
    *out = rule;
    return GRAFT_OK;
}

static graft_status read_card(const reader *r, const json_t *root, graft_model *model) {
    if (!json_is_object(root))
        return wrong(r, "", "the text", "a JSON object");
    const char *format = NULL;
    const char *handle = NULL;
    const char *sha256 = NULL;
    graft_preprocess rule = model->preprocess;
    GFT_TRY(read_text(r, root, "", "format", &format));
    if (format && strcmp(format, FORMAT_NAME) != 0)
        return gft_fail(r->err, GRAFT_DATA_LOSS, "%s: format is '%s', expected '%s'", r->where,
                        format, FORMAT_NAME);
    json_int_t version = json_integer_value(json_object_get(root, "version"));
    if (version > FORMAT_VERSION)
        return gft_fail(r->err, GRAFT_UNIMPLEMENTED,
                        "%s: version %lld, this build reads up to %d; use a newer graft", r->where,
                        (long long)version, FORMAT_VERSION);
    const json_t *backbone = json_object_get(root, "backbone");
    if (backbone && !json_is_null(backbone)) {
        if (!json_is_object(backbone))
            return wrong(r, "", "backbone", "an object");
        GFT_TRY(read_text(r, backbone, "backbone", "handle", &handle));
        GFT_TRY(read_text(r, backbone, "backbone", "sha256", &sha256));
    }
    const json_t *preprocess = json_object_get(root, "preprocess");
    bool has_rule = preprocess && !json_is_null(preprocess);
    if (has_rule)
        GFT_TRY(read_rule(r, preprocess, &rule));
    if (handle && !(handle = gft_arena_strdup(&model->arena, handle)))
        return gft_fail_memory(r->err, 256, "a handle");
    if (sha256 && !(sha256 = gft_arena_strdup(&model->arena, sha256)))
        return gft_fail_memory(r->err, 64, "a sha256");
    model->backbone = handle;
    model->backbone_sha256 = sha256;
    model->has_preprocess = has_rule;
    model->preprocess = rule;
    return GRAFT_OK;
}

graft_status gft_model_set_card(graft_model *model, const char *json, const char *where,
                                graft_error *err) {
    reader r = {where, err};
    size_t length = strlen(json);
    if (length > MAX_CARD_BYTES)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%s: %zu bytes, expected at most %zu", where,
                        length, MAX_CARD_BYTES);
    char *copy = gft_arena_strdup(&model->arena, json);
    if (!copy)
        return gft_fail_memory(err, length + 1, "a model's card");
    json_error_t bad;
    json_t *root = json_loadb(json, length, JSON_REJECT_DUPLICATES, &bad);
    if (!root)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: line %d: %s", where, bad.line, bad.text);
    graft_status status = read_card(&r, root, model);
    if (status == GRAFT_OK)
        model->card = copy;
    json_decref(root);
    return status;
}

/* ---- writing ---- */

/* True when it could be put there; takes the value. */
static bool put(json_t *object, const char *key, json_t *value) {
    return json_object_set_new(object, key, value) == 0;
}

static json_t *text_or_null(const char *text) {
    return text ? json_string(text) : json_null();
}

static json_t *write_rule(const graft_preprocess *rule) {
    return json_pack("{s:i, s:i, s:s, s:s, s:s, s:b, s:i, s:f, s:i}", "height", (int)rule->height,
                     "width", (int)rule->width, "mode", graft_resize_mode_name(rule->mode),
                     "interpolation", graft_interpolation_name(rule->interpolation), "flavour",
                     graft_resize_flavour_name(rule->flavour), "antialias", (int)rule->antialias,
                     "crop_padding", (int)rule->crop_padding, "crop_fraction", rule->crop_fraction,
                     "pad_value", (int)rule->pad_value);
}

static json_t *write_card(const graft_model *model) {
    json_t *root = json_object();
    char tool[64];
    (void)snprintf(tool, sizeof tool, "graft %s", graft_version());
    bool ok = root && put(root, "format", json_string(FORMAT_NAME)) &&
              put(root, "version", json_integer(FORMAT_VERSION)) &&
              put(root, "tool", json_string(tool));
    if (ok && model->backbone) {
        json_t *backbone = json_object();
        ok = put(root, "backbone", backbone) &&
             put(backbone, "handle", text_or_null(model->backbone)) &&
             put(backbone, "sha256", text_or_null(model->backbone_sha256));
    }
    if (ok && model->has_preprocess)
        ok = put(root, "preprocess", write_rule(&model->preprocess));
    if (!ok) {
        json_decref(root);
        return NULL;
    }
    return root;
}

/* Members of extra replace those of the card; null removes (the top level of RFC 7386). */
static bool merge(json_t *root, json_t *extra) {
    const char *key;
    json_t *value;
    json_object_foreach(extra, key, value) {
        if (json_is_null(value))
            (void)json_object_del(root, key);
        else if (json_object_set(root, key, value) != 0)
            return false;
    }
    return true;
}

graft_status gft_model_make_card(graft_model *model, const char *extra, graft_error *err) {
    graft_status status = GRAFT_OK;
    json_error_t bad;
    char *text = NULL;
    json_t *more = NULL;
    json_t *root = write_card(model);
    if (!root)
        goto memory;
    if (extra) {
        more = json_loads(extra, JSON_REJECT_DUPLICATES, &bad);
        if (!json_is_object(more)) {
            status = gft_fail(err, GRAFT_INVALID_ARGUMENT,
                              "model card: what is to be added is no JSON object");
            goto done;
        }
        if (!merge(root, more))
            goto memory;
    }
    text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    const char *copy = text ? gft_arena_format(&model->arena, "%s\n", text) : NULL;
    if (!copy)
        goto memory;
    model->card = copy;
    goto done;
memory:
    status = gft_fail_memory(err, 4096, "a model's card");
done:
    free(text); /* jansson's own allocation */
    json_decref(more);
    json_decref(root);
    return status;
}
