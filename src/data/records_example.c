/*
 * What a record says: the features under the names that published data sets use (TensorFlow's own
 * image/..., short names as tutorials write them).
 */
#include <string.h>

#include "base/size.h"
#include "data/records.h"

static const char *const picture_keys[] = {"image/encoded", "image", "image_raw", "encoded",
                                           "jpeg",          "png",   NULL};
static const char *const number_keys[] = {"image/class/label", "label",  "class",
                                          "class/label",       "labels", NULL};
static const char *const text_keys[] = {"image/class/text", "class/text", "class_name",
                                        "label/text", NULL};
static const char *const file_keys[] = {"image/filename", "filename", "image/source_id", NULL};

/* Places in these lists: the earliest that is there counts. */
typedef struct choice {
    int rank;
    gft_feature feature;
} choice;

static void consider(choice *c, const char *const *keys, graft_string_view key,
                     const gft_feature *feature) {
    for (int i = 0; keys[i] && i <= c->rank; i++) {
        if (strlen(keys[i]) == key.bytes && memcmp(keys[i], key.data, key.bytes) == 0 &&
            feature->kind != GFT_FEATURE_NONE) {
            c->rank = i;
            c->feature = *feature;
        }
    }
}

static graft_status one_value(const choice *c, const char *const *keys, const char *where,
                              void *out, graft_error *err) {
    size_t count = 0;
    GFT_TRY(gft_feature_read(&c->feature, out, 1, &count, err));
    if (count != 1)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "%s: feature '%s' holds %zu values, expected one", where, keys[c->rank],
                        count);
    return GRAFT_OK;
}

/* "'a', 'b', 'c'", cut off where it gets long. */
static graft_status list_keys(const uint8_t *record, size_t bytes, const char *where, char out[160],
                              graft_error *err) {
    gft_example_reader r = gft_example_reader_make(record, bytes, where);
    size_t at = 0;
    out[0] = '\0';
    for (bool more = true; more;) {
        graft_string_view key = {NULL, 0};
        gft_feature feature;
        GFT_TRY(gft_example_next(&r, &key, &feature, &more, err));
        if (!more || at + key.bytes + 6 > 160)
            return GRAFT_OK;
        out[at++] = ' ';
        out[at++] = '\'';
        memcpy(out + at, key.data, key.bytes);
        at += key.bytes;
        out[at++] = '\'';
        out[at] = '\0';
    }
    return GRAFT_OK;
}

static graft_status missing(const uint8_t *record, size_t bytes, const char *where,
                            const char *what, const char *expected, graft_error *err) {
    char keys[160];
    GFT_TRY(list_keys(record, bytes, where, keys, err));
    return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: no %s in it; it holds%s, expected %s", where,
                    what, keys[0] ? keys : " nothing", expected);
}

graft_status gft_record_facts_read(const uint8_t *record, size_t bytes, const char *where,
                                   gft_record_facts *out, graft_error *err) {
    enum { LAST = 100 };
    choice picture = {.rank = LAST};
    choice number = {.rank = LAST};
    choice text = {.rank = LAST};
    choice file = {.rank = LAST};
    gft_example_reader r = gft_example_reader_make(record, bytes, where);
    *out = (gft_record_facts){.has_number = false};
    for (bool more = true; more;) {
        graft_string_view key = {NULL, 0};
        gft_feature feature = {GFT_FEATURE_NONE, {NULL, 0, 0, NULL}};
        GFT_TRY(gft_example_next(&r, &key, &feature, &more, err));
        if (!more)
            break;
        consider(&picture, picture_keys, key, &feature);
        consider(&number, number_keys, key, &feature);
        consider(&text, text_keys, key, &feature);
        consider(&file, file_keys, key, &feature);
    }
    if (picture.rank == LAST || picture.feature.kind != GFT_FEATURE_BYTES)
        return missing(record, bytes, where, "picture", "image/encoded (bytes)", err);
    GFT_TRY(one_value(&picture, picture_keys, where, &out->picture, err));
    if (text.rank != LAST && text.feature.kind == GFT_FEATURE_BYTES)
        GFT_TRY(one_value(&text, text_keys, where, &out->text, err));
    if (file.rank != LAST && file.feature.kind == GFT_FEATURE_BYTES)
        GFT_TRY(one_value(&file, file_keys, where, &out->file, err));
    if (number.rank != LAST && number.feature.kind == GFT_FEATURE_INT64) {
        GFT_TRY(one_value(&number, number_keys, where, &out->number, err));
        out->has_number = true;
    } else if (number.rank != LAST && number.feature.kind == GFT_FEATURE_BYTES) {
        GFT_TRY(one_value(&number, number_keys, where, &out->text, err)); /* a class by name */
    }
    if (!out->has_number && out->text.bytes == 0)
        return missing(record, bytes, where, "label", "image/class/label (int64)", err);
    return GRAFT_OK;
}
