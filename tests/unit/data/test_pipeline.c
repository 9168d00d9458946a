/*
 * Pipelines: the same bytes whatever the threads, shuffling, augmentation, broken pictures, strict,
 * stopping early.
 */
#include "cmocka_all.h"

#include "base/alloc.h"
#include "base/file.h"
#include "graft/data.h"
#include "unit/data/picture_maker.h"

#define COUNT 29
#define SIDE 12
#define ELEMS ((size_t)SIDE * SIDE * 3)

static char root[64];
static graft_dataset *dataset;

static void put_bytes(const char *name, const void *bytes, size_t count) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", root, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    fclose(file);
}

/* 29 pictures of different sizes and kinds in two classes. */
static int setup(void **state) {
    (void)state;
    snprintf(root, sizeof root, "/tmp/graft-test-XXXXXX");
    if (!mkdtemp(root))
        return -1;
    char name[128];
    for (int c = 0; c < 2; c++) {
        snprintf(name, sizeof name, "%s/%c", root, 'a' + c);
        assert_int_equal(gft_dir_make(name, NULL), GRAFT_OK);
    }
    for (int i = 0; i < COUNT; i++) {
        int h = 10 + i * 3;
        int w = 40 - i;
        unsigned char *rgb = make_pattern(h, w, 3, (unsigned)i);
        made_bytes in = i % 2 ? make_jpeg(rgb, h, w, 3, 0)
                              : make_png(rgb, (size_t)(h * w * 3), h, w, SPNG_COLOR_TYPE_TRUECOLOR,
                                         8, 0, NULL, NULL);
        snprintf(name, sizeof name, "%c/%02d.%s", i < 15 ? 'a' : 'b', i, i % 2 ? "jpg" : "png");
        put_bytes(name, in.data, in.bytes);
        free(in.data);
        free(rgb);
    }
    return graft_dataset_open(root, 0, &dataset, NULL) == GRAFT_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    graft_dataset_free(dataset);
    return gft_tree_remove(root, NULL) == GRAFT_OK ? 0 : -1;
}

/* Everything an epoch gives, one after the other. */
typedef struct record {
    float *values;
    uint8_t *bytes;
    int64_t ids[4 * COUNT];
    int32_t labels[4 * COUNT];
    int64_t count;
    int32_t sizes[4 * COUNT];
    int batches;
} record;

static void run_epoch(graft_pipeline *p, int64_t epoch, record *r) {
    memset(r, 0, sizeof *r);
    r->values = calloc(COUNT * ELEMS, sizeof(float));
    r->bytes = calloc(COUNT * ELEMS, 1);
    assert_int_equal(graft_pipeline_begin(p, epoch, NULL), GRAFT_OK);
    for (;;) {
        graft_batch batch;
        graft_error err = {0};
        graft_status status = graft_pipeline_next(p, &batch, &err);
        if (status != GRAFT_OK)
            print_message("%s\n", err.message);
        assert_int_equal(status, GRAFT_OK);
        if (batch.count == 0)
            return;
        assert_int_equal(batch.height, SIDE);
        assert_int_equal(batch.width, SIDE);
        assert_true((batch.f32 == NULL) != (batch.u8 == NULL));
        size_t n = (size_t)batch.count;
        if (batch.f32)
            memcpy(r->values + (size_t)r->count * ELEMS, batch.f32, n * ELEMS * sizeof(float));
        else
            memcpy(r->bytes + (size_t)r->count * ELEMS, batch.u8, n * ELEMS);
        memcpy(r->ids + r->count, batch.ids, n * sizeof(int64_t));
        memcpy(r->labels + r->count, batch.labels, n * sizeof(int32_t));
        r->count += batch.count;
        r->sizes[r->batches++] = batch.count;
    }
}

static void free_record(record *r) {
    free(r->values);
    free(r->bytes);
}

static void assert_same(const record *a, const record *b) {
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->batches, b->batches);
    assert_memory_equal(a->ids, b->ids, sizeof a->ids);
    assert_memory_equal(a->labels, b->labels, sizeof a->labels);
    assert_memory_equal(a->sizes, b->sizes, sizeof a->sizes);
    assert_memory_equal(a->values, b->values, COUNT * ELEMS * sizeof(float));
    assert_memory_equal(a->bytes, b->bytes, COUNT * ELEMS);
}

static graft_pipeline *make(const graft_data_options *options) {
    graft_pipeline *p = NULL;
    graft_error err = {0};
    graft_status status = graft_pipeline_new(dataset, options, &p, &err);
    if (status != GRAFT_OK)
        print_message("%s\n", err.message);
    assert_int_equal(status, GRAFT_OK);
    return p;
}

static graft_data_options small(void) {
    graft_data_options o = graft_data_options_default(SIDE, SIDE);
    o.batch_size = 4;
    return o;
}

static void test_in_order(void **state) {
    (void)state;
    graft_data_options o = small();
    graft_pipeline *p = make(&o);
    assert_int_equal(graft_pipeline_samples(p), COUNT);
    record r;
    run_epoch(p, 0, &r);
    assert_int_equal(r.count, COUNT);
    assert_int_equal(r.batches, 8);
    assert_int_equal(r.sizes[7], 1);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(r.ids[i], i);
        assert_int_equal(r.labels[i], i < 15 ? 0 : 1);
        float one[ELEMS];
        assert_int_equal(
            graft_preprocess_file(&o.preprocess, graft_dataset_sample_path(dataset, i), one, NULL),
            GRAFT_OK);
        assert_memory_equal(one, r.values + (size_t)i * ELEMS, sizeof one);
    }
    free_record(&r);
    graft_pipeline_free(p);
    graft_pipeline_free(NULL);
}

static void test_threads_do_not_matter(void **state) {
    (void)state;
    for (int flavour = 0; flavour < 2; flavour++) {
        for (int as_u8 = 0; as_u8 < 2; as_u8++) {
            record first[2];
            const int threads[4] = {1, 2, 5, 5};
            const int prefetch[4] = {2, 1, 3, 7};
            for (int t = 0; t < 4; t++) {
                graft_data_options o = small();
                o.preprocess.flavour = (graft_resize_flavour)flavour;
                o.as_u8 = as_u8;
                o.shuffle = true;
                o.augment = "basic";
                o.threads = threads[t];
                o.prefetch = prefetch[t];
                o.seed = 77;
                graft_pipeline *p = make(&o);
                for (int epoch = 0; epoch < 2; epoch++) {
                    record r;
                    run_epoch(p, epoch, &r);
                    if (t == 0) {
                        first[epoch] = r;
                    } else {
                        assert_same(&first[epoch], &r);
                        free_record(&r);
                    }
                }
                graft_pipeline_free(p);
            }
            assert_memory_not_equal(first[0].ids, first[1].ids, COUNT * sizeof(int64_t));
            free_record(&first[0]);
            free_record(&first[1]);
        }
    }
}

static void test_shuffle(void **state) {
    (void)state;
    int64_t orders[3][COUNT];
    for (int k = 0; k < 3; k++) {
        graft_data_options o = small();
        o.shuffle = true;
        o.seed = k == 2 ? 2 : 1;
        graft_pipeline *p = make(&o);
        record r;
        run_epoch(p, 3, &r);
        memcpy(orders[k], r.ids, sizeof orders[k]);
        int seen[COUNT] = {0};
        for (int i = 0; i < COUNT; i++)
            seen[r.ids[i]]++;
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(seen[i], 1);
        free_record(&r);
        graft_pipeline_free(p);
    }
    assert_memory_equal(orders[0], orders[1], sizeof orders[0]);
    assert_memory_not_equal(orders[0], orders[2], sizeof orders[0]);
}

static int is_mirror(const float *a, const float *b) {
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            for (int c = 0; c < 3; c++)
                if (a[(y * SIDE + x) * 3 + c] != b[(y * SIDE + SIDE - 1 - x) * 3 + c])
                    return 0;
    return 1;
}

static void test_flip(void **state) {
    (void)state;
    graft_data_options o = small();
    graft_pipeline *plain = make(&o);
    o.augment = "flip";
    graft_pipeline *flipping = make(&o);
    record a;
    record b;
    run_epoch(plain, 0, &a);
    run_epoch(flipping, 0, &b);
    int flipped = 0;
    for (int i = 0; i < COUNT; i++) {
        const float *x = a.values + (size_t)i * ELEMS;
        const float *y = b.values + (size_t)i * ELEMS;
        int same = memcmp(x, y, ELEMS * sizeof(float)) == 0;
        assert_true(same || is_mirror(x, y));
        flipped += !same;
    }
    assert_in_range(flipped, 5, 24);
    free_record(&a);
    free_record(&b);
    graft_pipeline_free(plain);
    graft_pipeline_free(flipping);
}

static void test_ids_and_splits(void **state) {
    (void)state;
    graft_data_options o = small();
    const int64_t ids[5] = {7, 3, 28, 3, 0};
    o.ids = ids;
    o.id_count = 5;
    o.batch_size = 2;
    o.drop_remainder = true;
    graft_pipeline *p = make(&o);
    record r;
    run_epoch(p, 0, &r);
    assert_int_equal(r.count, 4);
    assert_memory_equal(r.ids, ids, 4 * sizeof ids[0]);
    free_record(&r);
    graft_pipeline_free(p);

    graft_error err;
    o = small();
    o.split = GRAFT_SPLIT_TEST;
    assert_int_equal(graft_pipeline_new(dataset, &o, &p, &err), GRAFT_FAILED_PRECONDITION);
    assert_non_null(strstr(err.message, "no test pictures"));
    const int64_t bad[1] = {COUNT};
    o.ids = bad;
    o.id_count = 1;
    assert_int_equal(graft_pipeline_new(dataset, &o, &p, &err), GRAFT_INVALID_ARGUMENT);
}

static void test_bad_options(void **state) {
    (void)state;
    graft_pipeline *p;
    graft_error err;
    for (int i = 0; i < 6; i++) {
        graft_data_options o = small();
        switch (i) {
        case 0:
            o.batch_size = 0;
            break;
        case 1:
            o.prefetch = 0;
            break;
        case 2:
            o.threads = -1;
            break;
        case 3:
            o.augment = "bassic";
            break;
        case 4:
            o.preprocess.height = -1;
            break;
        default:
            o.split = (graft_split)5;
            break;
        }
        assert_int_equal(graft_pipeline_new(dataset, &o, &p, &err), GRAFT_INVALID_ARGUMENT);
        if (i == 3)
            assert_non_null(strstr(err.message, "did you mean 'basic'"));
    }
    graft_data_options o = small();
    p = make(&o);
    graft_batch batch;
    assert_int_equal(graft_pipeline_next(p, &batch, NULL), GRAFT_FAILED_PRECONDITION);
    assert_int_equal(graft_pipeline_begin(p, -1, NULL), GRAFT_INVALID_ARGUMENT);
    graft_pipeline_free(p);
}

static void test_stop_early(void **state) {
    (void)state;
    for (int taken = 0; taken < 9; taken++) {
        for (int threads = 1; threads <= 3; threads += 2) {
            graft_data_options o = small();
            o.threads = threads;
            o.shuffle = true;
            graft_pipeline *p = make(&o);
            if (taken > 0)
                assert_int_equal(graft_pipeline_begin(p, 0, NULL), GRAFT_OK);
            graft_batch batch = {0};
            for (int i = 0; i < taken; i++)
                assert_int_equal(graft_pipeline_next(p, &batch, NULL), GRAFT_OK);
            if (taken % 2) { /* starting anew in the middle gives a whole epoch */
                record r;
                run_epoch(p, 1, &r);
                assert_int_equal(r.count, COUNT);
                free_record(&r);
                assert_int_equal(graft_pipeline_next(p, &batch, NULL),
                                 GRAFT_OK); /* and stays at its end */
                assert_int_equal(batch.count, 0);
            }
            graft_pipeline_free(p);
        }
    }
}

typedef struct report {
    int64_t ids[COUNT];
    int count;
} report;

static void on_broken(void *context, int64_t id, const char *path, const char *reason) {
    report *r = context;
    assert_string_equal(path, graft_dataset_sample_path(dataset, id));
    assert_true(strlen(reason) > 5);
    assert_null(strstr(reason, root)); /* the path is told once */
    r->ids[r->count++] = id;
}

/* Pictures 3 (text), 9 (cut), 20 (missing) cannot be read. */
static void spoil(void) {
    put_bytes("a/03.jpg", "I am not a picture.\n", 20);
    unsigned char *rgb = make_pattern(30, 30, 3, 1);
    made_bytes in = make_jpeg(rgb, 30, 30, 3, 0);
    put_bytes("a/09.jpg", in.data, in.bytes / 2);
    free(in.data);
    free(rgb);
    char path[128];
    snprintf(path, sizeof path, "%s/b/20.png", root);
    assert_int_equal(remove(path), 0);
}

static void test_broken_are_skipped(void **state) {
    (void)state;
    spoil();
    record first;
    for (int threads = 1; threads <= 5; threads += 2) {
        report told = {{0}, 0};
        graft_data_options o = small();
        o.threads = threads;
        o.on_broken = on_broken;
        o.context = &told;
        graft_pipeline *p = make(&o);
        record r;
        run_epoch(p, 0, &r);
        assert_int_equal(r.count, COUNT - 3);
        assert_int_equal(r.sizes[0], 4); /* filled by the next good one */
        assert_int_equal(r.ids[3], 4);
        assert_int_equal(told.count, 3);
        assert_int_equal(told.ids[0], 3);
        assert_int_equal(told.ids[1], 9);
        assert_int_equal(told.ids[2], 20);
        record again;
        run_epoch(p, 1, &again);
        assert_same(&r, &again);
        free_record(&again);
        assert_int_equal(told.count, 3); /* once each */
        assert_int_equal(graft_pipeline_broken_count(p), 3);
        int64_t id;
        const char *path;
        const char *reason;
        assert_true(graft_pipeline_broken(p, 0, &id, &path, &reason));
        assert_int_equal(id, 3);
        assert_non_null(strstr(path, "a/03.jpg"));
        assert_non_null(strstr(reason, "not a picture"));
        assert_false(graft_pipeline_broken(p, 3, &id, &path, &reason));
        if (threads == 1) {
            first = r;
        } else {
            assert_same(&first, &r);
            free_record(&r);
        }
        graft_pipeline_free(p);
    }
    free_record(&first);
}

static void test_reports_follow_batches(void **state) {
    (void)state;
    spoil();
    report told = {{0}, 0};
    graft_data_options o = small();
    o.on_broken = on_broken;
    o.context = &told;
    o.prefetch = 8;
    graft_pipeline *p = make(&o);
    assert_int_equal(graft_pipeline_begin(p, 0, NULL), GRAFT_OK);
    graft_batch batch;
    assert_int_equal(graft_pipeline_next(p, &batch, NULL), GRAFT_OK);
    assert_int_equal(told.count, 1); /* only the one met on the way to this batch */
    assert_int_equal(graft_pipeline_begin(p, 1, NULL), GRAFT_OK);
    while (graft_pipeline_next(p, &batch, NULL) == GRAFT_OK && batch.count > 0) {
    }
    assert_int_equal(told.count, 3);
    graft_pipeline_free(p);
}

static void test_strict(void **state) {
    (void)state;
    spoil();
    for (int threads = 1; threads <= 4; threads += 3) {
        graft_data_options o = small();
        o.strict = true;
        o.threads = threads;
        o.batch_size = 3;
        graft_pipeline *p = make(&o);
        for (int epoch = 0; epoch < 2; epoch++) {
            assert_int_equal(graft_pipeline_begin(p, epoch, NULL), GRAFT_OK);
            graft_batch batch;
            graft_error err = {0};
            assert_int_equal(graft_pipeline_next(p, &batch, &err), GRAFT_OK); /* 0 1 2 */
            assert_int_equal(batch.count, 3);
            assert_int_equal(graft_pipeline_next(p, &batch, &err), GRAFT_INVALID_ARGUMENT);
            assert_non_null(strstr(err.message, "a/03.jpg: not a picture"));
            assert_int_equal(graft_pipeline_next(p, &batch, &err),
                             GRAFT_INVALID_ARGUMENT); /* and so it stays */
        }
        graft_pipeline_free(p);
    }
}

static void test_nothing_readable(void **state) {
    (void)state;
    spoil();
    const int64_t ids[3] = {3, 9, 20};
    graft_data_options o = small();
    o.ids = ids;
    o.id_count = 3;
    graft_pipeline *p = make(&o);
    for (int epoch = 0; epoch < 2; epoch++) {
        assert_int_equal(graft_pipeline_begin(p, epoch, NULL), GRAFT_OK);
        graft_batch batch;
        graft_error err;
        assert_int_equal(graft_pipeline_next(p, &batch, &err), GRAFT_FAILED_PRECONDITION);
        assert_non_null(strstr(err.message, "not one of 3 pictures"));
        assert_int_equal(graft_pipeline_broken_count(p), 3);
    }
    graft_pipeline_free(p);
}

static void test_out_of_memory(void **state) {
    (void)state;
    int failures = 0;
    for (int64_t n = 1; n < 300; n++) {
        graft_data_options o = small();
        o.threads = 2;
        graft_pipeline *p = NULL;
        gft_alloc_fail_after(n);
        graft_status status = graft_pipeline_new(dataset, &o, &p, NULL);
        gft_alloc_fail_after(0);
        if (status == GRAFT_OK) {
            graft_pipeline_free(p);
            break;
        }
        assert_int_equal(status, GRAFT_RESOURCE_EXHAUSTED);
        failures++;
    }
    assert_in_range(failures, 10, 100);
}

static void test_workers_are_tuned(void **state) {
    (void)state;
    /* A consumer that never hurries needs fewer workers; the number stays within its bounds. */
    graft_data_options o = small();
    o.batch_size = 1;
    o.threads = 3;
    graft_pipeline *p = make(&o);
    assert_int_equal(graft_pipeline_workers(p), 3);
    for (int64_t epoch = 0; epoch < 2; epoch++) {
        record r;
        run_epoch(p, epoch, &r);
        assert_int_equal(r.count, COUNT);
        free_record(&r);
        assert_in_range(graft_pipeline_workers(p), 1, 3);
    }
    graft_pipeline_free(p);
}

#define WITH_PICTURES(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_PICTURES(test_in_order),
        WITH_PICTURES(test_threads_do_not_matter),
        WITH_PICTURES(test_shuffle),
        WITH_PICTURES(test_flip),
        WITH_PICTURES(test_ids_and_splits),
        WITH_PICTURES(test_bad_options),
        WITH_PICTURES(test_stop_early),
        WITH_PICTURES(test_broken_are_skipped),
        WITH_PICTURES(test_reports_follow_batches),
        WITH_PICTURES(test_strict),
        WITH_PICTURES(test_nothing_readable),
        WITH_PICTURES(test_out_of_memory),
        WITH_PICTURES(test_workers_are_tuned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
