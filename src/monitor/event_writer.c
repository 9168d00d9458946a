/*
 * Event files: TFRecord-framed Event messages (tensorflow/core/util/event.proto). Every value
 * carries its plugin metadata: readers need it once per tag, and any record may be the first they
 * see.
 */
#include "monitor/event_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "formats/proto_scan.h"
#include "formats/tfrecord.h"
#include "tensorflow.pb-c.h"

#define MAX_EVENT_BYTES ((size_t)1 << 20)
#define MAX_FILES_PER_SECOND 1000
#define FORMAT_VERSION "brain.Event:2"
enum { DATA_CLASS_SCALAR = 1 };

struct gft_events {
    FILE *file;
    char *path;
    gft_buffer scratch;
};

static graft_status write_event(gft_events *events, const Tensorflow__Event *event,
                                graft_error *err) {
    gft_buffer_clear(&events->scratch);
    GFT_TRY(gft_proto_append(&events->scratch, &event->base, err));
    return gft_tfrecord_write(events->file, events->path, events->scratch.data,
                              events->scratch.bytes, err);
}

/* Host name with anything that has no place in a file name replaced. */
static void host_name(char out[64]) {
    if (gethostname(out, 64) != 0)
        out[0] = '\0';
    out[63] = '\0';
    for (char *p = out; *p; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
              *p == '-'))
            *p = '_';
    if (!out[0])
        memcpy(out, "localhost", sizeof "localhost");
}

/* A file that did not exist: the counter moves on if two runs of one process start in one second.
 */
static graft_status create_file(gft_events *events, const char *dir, graft_error *err) {
    char host[64];
    host_name(host);
    for (int counter = 0; counter < MAX_FILES_PER_SECOND; counter++) {
        gft_free(events->path);
        events->path = gft_format("%s/events.out.tfevents.%010lld.%s.%ld.%d.v2", dir,
                                  (long long)gft_clock_wall_s(), host, (long)getpid(), counter);
        if (!events->path)
            return gft_fail_memory(err, strlen(dir) + 128, "a file name");
        int fd = open(events->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno == EEXIST)
            continue;
        if (fd < 0)
            return gft_fail_errno(err, errno, "create", events->path);
        events->file = fdopen(fd, "wb");
        if (events->file)
            return GRAFT_OK;
        int failed = errno;
        close(fd);
        return gft_fail_errno(err, failed, "create", events->path);
    }
    return gft_fail(err, GRAFT_ALREADY_EXISTS, "%s: more than %d event files in one second", dir,
                    MAX_FILES_PER_SECOND);
}

graft_status gft_events_open(const char *dir, gft_events **out, graft_error *err) {
    graft_status status = GRAFT_OK;
    gft_events *events = gft_calloc(1, sizeof *events);
    if (!events)
        return gft_fail_memory(err, sizeof *events, "an event writer");
    gft_buffer_init(&events->scratch, MAX_EVENT_BYTES);
    GFT_GOTO(gft_dir_make(dir, err));
    GFT_GOTO(create_file(events, dir, err));
    Tensorflow__Event first = TENSORFLOW__EVENT__INIT;
    char version[] = FORMAT_VERSION;
    first.wall_time = gft_clock_wall_s();
    first.what_case = TENSORFLOW__EVENT__WHAT_FILE_VERSION;
    first.file_version = version;
    GFT_GOTO(write_event(events, &first, err));
    GFT_GOTO(gft_events_flush(events, err));
    *out = events;
    return GRAFT_OK;
done:
    (void)!gft_events_close(events, NULL); /* the first failure is the one to report */
    return status;
}

graft_status gft_events_scalar(gft_events *events, const char *tag, int64_t step, double value,
                               graft_error *err) {
    char plugin[] = "scalars";
    float number = (float)value;
    char *name = gft_strdup(tag);
    if (!name)
        return gft_fail_memory(err, strlen(tag) + 1, "a tag");
    Tensorflow__SummaryMetadata__PluginData data = TENSORFLOW__SUMMARY_METADATA__PLUGIN_DATA__INIT;
    data.plugin_name = plugin;
    Tensorflow__SummaryMetadata metadata = TENSORFLOW__SUMMARY_METADATA__INIT;
    metadata.plugin_data = &data;
    metadata.data_class = DATA_CLASS_SCALAR;
    Tensorflow__TensorShapeProto scalar = TENSORFLOW__TENSOR_SHAPE_PROTO__INIT;
    Tensorflow__TensorProto tensor = TENSORFLOW__TENSOR_PROTO__INIT;
    tensor.dtype = 1; /* DT_FLOAT */
    tensor.tensor_shape = &scalar;
    tensor.n_float_val = 1;
    tensor.float_val = &number;
    Tensorflow__Summary__Value point = TENSORFLOW__SUMMARY__VALUE__INIT;
    point.tag = name;
    point.metadata = &metadata;
    point.value_case = TENSORFLOW__SUMMARY__VALUE__VALUE_TENSOR;
    point.tensor = &tensor;
    Tensorflow__Summary__Value *points[1] = {&point};
    Tensorflow__Summary summary = TENSORFLOW__SUMMARY__INIT;
    summary.n_value = 1;
    summary.value = points;
    Tensorflow__Event event = TENSORFLOW__EVENT__INIT;
    event.wall_time = gft_clock_wall_s();
    event.step = step;
    event.what_case = TENSORFLOW__EVENT__WHAT_SUMMARY;
    event.summary = &summary;
    graft_status status = write_event(events, &event, err);
    gft_free(name);
    return status;
}

graft_status gft_events_flush(gft_events *events, graft_error *err) {
    errno = 0;
    if (fflush(events->file) != 0)
        return gft_fail_errno(err, errno ? errno : EIO, "write", events->path);
    return GRAFT_OK;
}

graft_status gft_events_close(gft_events *events, graft_error *err) {
    if (!events)
        return GRAFT_OK;
    graft_status status = GRAFT_OK;
    errno = 0;
    if (events->file && fclose(events->file) != 0)
        status = gft_fail_errno(err, errno ? errno : EIO, "write", events->path);
    gft_buffer_deinit(&events->scratch);
    gft_free(events->path);
    gft_free(events);
    return status;
}

const char *gft_events_path(const gft_events *events) {
    return events->path;
}
