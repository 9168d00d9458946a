/* Event files: name, framing, version record, scalars with their metadata; a second file when
 * resumed. */
#include "../formats/formats_test.h"

#include <math.h>

#include "formats/proto_scan.h"
#include "formats/tfrecord.h"
#include "monitor/event_writer.h"
#include "tensorflow.pb-c.h"

static void write_run(const char *dir, int first, int last) {
    gft_events *events = NULL;
    graft_error err;
    assert_int_equal(gft_events_open(dir, &events, &err), GRAFT_OK);
    assert_non_null(strstr(gft_events_path(events), "/events.out.tfevents."));
    for (int step = first; step < last; step++)
        assert_int_equal(gft_events_scalar(events, "epoch_loss", step, 1.5 * step, &err), GRAFT_OK);
    assert_int_equal(gft_events_flush(events, &err), GRAFT_OK);
    assert_int_equal(gft_events_close(events, &err), GRAFT_OK);
}

static const Tensorflow__Event *next(gft_tfrecord_reader *r, gft_arena *arena) {
    const uint8_t *record;
    size_t bytes;
    ProtobufCMessage *message = NULL;
    graft_status status = gft_tfrecord_next(r, &record, &bytes, NULL);
    if (status == GRAFT_OUT_OF_RANGE)
        return NULL;
    assert_int_equal(status, GRAFT_OK);
    assert_int_equal(gft_proto_unpack(&tensorflow__event__descriptor, record, bytes, NULL, "event",
                                      arena, &message, NULL),
                     GRAFT_OK);
    return (const Tensorflow__Event *)message;
}

static int check_file(const char *dir, const char *name, int first) {
    char *path = gft_path_join(dir, name);
    gft_map map;
    assert_int_equal(gft_map_open(path, &map, NULL), GRAFT_OK);
    gft_free(path);
    gft_tfrecord_reader r = gft_tfrecord_reader_make(map.data, map.bytes, name, false);
    gft_arena arena;
    gft_arena_init(&arena);
    const Tensorflow__Event *e = next(&r, &arena);
    assert_int_equal(e->what_case, TENSORFLOW__EVENT__WHAT_FILE_VERSION);
    assert_string_equal(e->file_version, "brain.Event:2");
    assert_true(e->wall_time > 1.5e9);
    int step = first;
    while ((e = next(&r, &arena)) != NULL) {
        assert_int_equal(e->what_case, TENSORFLOW__EVENT__WHAT_SUMMARY);
        assert_int_equal(e->step, step);
        assert_int_equal(e->summary->n_value, 1);
        const Tensorflow__Summary__Value *v = e->summary->value[0];
        assert_string_equal(v->tag, "epoch_loss");
        assert_string_equal(v->metadata->plugin_data->plugin_name, "scalars");
        assert_int_equal(v->value_case, TENSORFLOW__SUMMARY__VALUE__VALUE_TENSOR);
        assert_int_equal(v->tensor->dtype, 1);
        assert_int_equal(v->tensor->tensor_shape->n_dim, 0);
        assert_true(fabs((double)v->tensor->float_val[0] - 1.5 * step) < 1e-6);
        step++;
    }
    gft_arena_deinit(&arena);
    gft_map_close(&map);
    return step;
}

static void resumed_run(void **state) {
    (void)state;
    temp_dir dir = temp_dir_make();
    char run[80];
    snprintf(run, sizeof run, "%s/logs/train", dir.path);
    write_run(run, 0, 3);
    write_run(run, 3, 5);
    gft_dir_entry *entries;
    size_t count;
    assert_int_equal(gft_dir_list(run, &entries, &count, NULL), GRAFT_OK);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_true(strncmp(entries[i].name, "events.out.tfevents.", 20) == 0);
    assert_int_equal(check_file(run, entries[0].name, 0), 3);
    assert_int_equal(check_file(run, entries[1].name, 3), 5);
    gft_dir_list_free(entries, count);
    temp_dir_remove(&dir);
}

static void impossible_folder(void **state) {
    (void)state;
    temp_dir dir = temp_dir_make();
    char path[128];
    snprintf(path, sizeof path, "%s/file", dir.path);
    put_file(path, "x", 1);
    gft_events *events = NULL;
    graft_error err;
    graft_status status = gft_events_open(path, &events, &err);
    assert_true(status != GRAFT_OK && err.code == status && strstr(err.message, path));
    assert_null(events);
    assert_int_equal(gft_events_close(NULL, &err), GRAFT_OK);
    temp_dir_remove(&dir);
}

static graft_status whole_run(void *context) {
    gft_events *events = NULL;
    graft_status status = gft_events_open(context, &events, NULL);
    if (status != GRAFT_OK)
        return status;
    status = gft_events_scalar(events, "a", 1, 2, NULL);
    graft_status closed = gft_events_close(events, NULL);
    return status != GRAFT_OK ? status : closed;
}

static void out_of_memory(void **state) {
    (void)state;
    temp_dir dir = temp_dir_make();
    until_memory_suffices(whole_run, dir.path);
    temp_dir_remove(&dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resumed_run),
        cmocka_unit_test(impossible_folder),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
