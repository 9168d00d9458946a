/*
 * Fuzz target: tf.Example. Every feature is read and its values counted and taken; what was read is
 * written again and must read back equal. The input is also what a data set's record may say.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "data/records.h"
#include "formats/example.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define VALUES 64

typedef union values {
    float f[VALUES];
    int64_t i[VALUES];
    graft_string_view s[VALUES];
} values;

static void inside(const void *p, size_t bytes, const uint8_t *data, size_t size) {
    const uint8_t *at = p;
    if (bytes > size || (bytes > 0 && (at < data || at + bytes > data + size)))
        abort();
}

/* One feature written alone and found again. */
static void round_trip(const gft_feature *feature, const values *v, size_t count) {
    gft_example_writer w;
    gft_buffer out;
    gft_feature again;
    values read;
    size_t found = 0;
    graft_status status = GRAFT_OK;
    gft_example_writer_init(&w);
    gft_buffer_init(&out, (size_t)1 << 24);
    if (feature->kind == GFT_FEATURE_FLOAT)
        status = gft_example_put_float(&w, "k", v->f, count, NULL);
    else if (feature->kind == GFT_FEATURE_INT64)
        status = gft_example_put_int64(&w, "k", v->i, count, NULL);
    else
        status = gft_example_put_bytes(&w, "k", v->s[0].data, v->s[0].bytes, NULL);
    if (status != GRAFT_OK || gft_example_finish(&w, &out, NULL) != GRAFT_OK ||
        gft_example_find(out.data, out.bytes, "again", (graft_string_view){"k", 1}, &again, NULL) !=
            GRAFT_OK ||
        again.kind != feature->kind ||
        gft_feature_read(&again, &read, VALUES, &found, NULL) != GRAFT_OK)
        abort();
    if (feature->kind == GFT_FEATURE_BYTES) {
        if (found != 1 || read.s[0].bytes != v->s[0].bytes ||
            (read.s[0].bytes && memcmp(read.s[0].data, v->s[0].data, read.s[0].bytes) != 0))
            abort();
    } else if (found != count ||
               memcmp(&read, v, count * (feature->kind == GFT_FEATURE_FLOAT ? 4 : 8)) != 0) {
        abort();
    }
    gft_example_writer_deinit(&w);
    gft_buffer_deinit(&out);
}

static void walk(const uint8_t *data, size_t size) {
    gft_example_reader r = gft_example_reader_make(data, size, "fuzz");
    bool more = true;
    graft_error err;
    while (more) {
        graft_string_view key = {NULL, 0};
        gft_feature feature;
        values v;
        size_t count = 0;
        size_t again = 0;
        if (gft_example_next(&r, &key, &feature, &more, &err) != GRAFT_OK || !more)
            return;
        inside(key.data, key.bytes, data, size);
        if (gft_feature_read(&feature, NULL, 0, &count, &err) != GRAFT_OK)
            continue;
        if (gft_feature_read(&feature, &v, VALUES, &again, &err) != GRAFT_OK || again != count ||
            count > size)
            abort();
        for (size_t i = 0; feature.kind == GFT_FEATURE_BYTES && i < count && i < VALUES; i++)
            inside(v.s[i].data, v.s[i].bytes, data, size);
        if (feature.kind != GFT_FEATURE_NONE && count > 0 && count <= VALUES)
            round_trip(&feature, &v, count);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    gft_record_facts facts;
    graft_error err;
    walk(data, size);
    if (gft_record_facts_read(data, size, "fuzz", &facts, &err) == GRAFT_OK) {
        inside(facts.picture.data, facts.picture.bytes, data, size);
        inside(facts.text.data, facts.text.bytes, data, size);
        inside(facts.file.data, facts.file.bytes, data, size);
    }
    return 0;
}
