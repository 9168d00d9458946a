/*
 * Sound through a model that takes windows of samples: cut, the last one filled with zeros, run a
 * few at a time, results put behind one another.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/shape.h"
#include "base/size.h"
#include "formats/wav.h"
#include "models/arrays.h"
#include "models/session.h"

#define WINDOWS_AT_ONCE 8
#define MAX_WINDOWS ((int64_t)1 << 31)

graft_status graft_sound_read(const char *path, graft_sound *out, graft_error *err) {
    gft_map map;
    gft_wav wav;
    GFT_TRY(gft_map_open(path, &map, err));
    const graft_status status = gft_wav_parse(map.data, map.bytes, path, &wav, err);
    gft_map_close(&map);
    GFT_TRY(status);
    *out = (graft_sound){wav.samples, wav.count, wav.rate, wav.channels};
    return GRAFT_OK;
}

void graft_sound_free(graft_sound *sound) {
    gft_free(sound->samples);
    *sound = (graft_sound){NULL, 0, 0, 0};
}

/* How a signature takes samples. */
typedef struct taker {
    graft_session *session;
    graft_tensor_desc desc; /* of the input */
    int64_t window;         /* samples */
    int64_t at_once;        /* windows of a run */
    bool fixed;             /* every run takes exactly that many */
    int64_t windows;
    float *input; /* at_once windows */
} taker;

static graft_status find_taker(graft_session *s, int64_t samples, taker *t, graft_error *err) {
    char text[GFT_DESC_TEXT_BYTES];
    const char *name = s->model->signatures[s->signature].name;
    if (s->graph->input_count != 1)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "signature '%s' has %d inputs; sound goes into a single one", name,
                        (int)s->graph->input_count);
    *t = (taker){.session = s, .desc = gft_graph_value(s->graph, s->graph->inputs[0].value)->desc};
    const graft_shape *shape = &t->desc.shape;
    const bool fits = t->desc.dtype == GRAFT_F32 &&
                      (shape->rank == 2 || (shape->rank == 3 && shape->dims[2] == 1));
    if (!fits)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "input '%s' is %s; sound goes into float32 [windows,samples] or "
                        "[windows,samples,1]",
                        s->graph->inputs[0].name, gft_desc_text(&t->desc, text));
    t->window = shape->dims[1] >= 0 ? shape->dims[1] : gft_i64_max(samples, 1);
    if (t->window == 0 || shape->dims[0] == 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "input '%s' takes no samples",
                        s->graph->inputs[0].name);
    t->windows = gft_i64_max(1, gft_i64_ceil_div(samples, t->window));
    t->fixed = shape->dims[0] > 0;
    t->at_once = t->fixed ? shape->dims[0] : gft_i64_min(WINDOWS_AT_ONCE, t->windows);
    if (t->windows > MAX_WINDOWS)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "%lld windows are too many",
                        (long long)t->windows);
    return GRAFT_OK;
}

int64_t graft_session_sound_window(const graft_session *session) {
    if (session->graph->input_count != 1)
        return 0;
    const graft_tensor_desc *desc =
        &gft_graph_value(session->graph, session->graph->inputs[0].value)->desc;
    return desc->shape.rank >= 2 && desc->shape.dims[1] > 0 ? desc->shape.dims[1] : 0;
}

static graft_status run_windows(taker *t, const float *samples, int64_t count, int64_t first,
                                int64_t windows, graft_tensor *outputs, int32_t output_count,
                                graft_error *err) {
    const int64_t rows = t->fixed ? t->at_once : windows;
    const int64_t from = first * t->window;
    const int64_t given = gft_i64_min(windows * t->window, gft_i64_max(count - from, 0));
    graft_tensor in = {
        .name = t->session->graph->inputs[0].name, .desc = t->desc, .data = t->input};
    in.desc.shape.dims[0] = rows;
    in.desc.shape.dims[1] = t->window;
    in.bytes = (size_t)(rows * t->window) * sizeof(float);
    memset(t->input, 0, in.bytes);
    if (given > 0)
        memcpy(t->input, samples + from, (size_t)given * sizeof(float));
    return graft_session_run(t->session, &in, 1, outputs, output_count, err);
}

/* Room for all windows of every output, once the first run has told their shapes. */
static graft_status make_results(const taker *t, const graft_tensor *part, int32_t count,
                                 int64_t rows, gft_arena *arena, graft_tensor *out,
                                 graft_error *err) {
    char text[GFT_DESC_TEXT_BYTES];
    for (int32_t i = 0; i < count; i++) {
        out[i] =
            (graft_tensor){.name = gft_arena_strdup(arena, part[i].name), .desc = part[i].desc};
        out[i].desc.quant = NULL;
        if (part[i].desc.shape.rank < 1 || part[i].desc.shape.dims[0] % rows != 0 ||
            part[i].desc.dtype == GRAFT_STRING)
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "output '%s' of %lld windows is %s: no rows that belong to windows",
                            part[i].name, (long long)rows, gft_desc_text(&part[i].desc, text));
        out[i].desc.shape.dims[0] = part[i].desc.shape.dims[0] / rows * t->windows;
        if (!gft_desc_bytes(&out[i].desc, &out[i].bytes))
            return gft_fail_memory(err, SIZE_MAX, "results");
        out[i].data = gft_arena_alloc(arena, out[i].bytes);
        if (!out[i].data || !out[i].name)
            return gft_fail_memory(err, out[i].bytes, "results");
    }
    return GRAFT_OK;
}

static graft_status run_all(taker *t, const float *samples, int64_t count, graft_tensor *part,
                            graft_tensor *out, int32_t outputs, gft_arena *arena,
                            graft_error *err) {
    for (int64_t first = 0; first < t->windows; first += t->at_once) {
        const int64_t windows = gft_i64_min(t->at_once, t->windows - first);
        const int64_t rows = t->fixed ? t->at_once : windows;
        GFT_TRY(run_windows(t, samples, count, first, windows, part, outputs, err));
        if (first == 0)
            GFT_TRY(make_results(t, part, outputs, rows, arena, out, err));
        for (int32_t i = 0; i < outputs; i++) {
            const size_t each = part[i].bytes / (size_t)rows;
            memcpy((char *)out[i].data + (size_t)first * each, part[i].data,
                   (size_t)windows * each);
        }
    }
    return GRAFT_OK;
}

graft_status graft_session_run_sound(graft_session *session, const float *samples, int64_t count,
                                     graft_tensor **out, int32_t *out_count, graft_error *err) {
    taker t;
    size_t bytes;
    gft_arena arena;
    graft_status status;
    const int32_t outputs = session->graph->output_count;
    GFT_TRY(find_taker(session, count, &t, err));
    if (!gft_size_mul((size_t)t.at_once, (size_t)t.window, &bytes) ||
        !gft_size_mul(bytes, sizeof(float), &bytes))
        return gft_fail_memory(err, SIZE_MAX, "windows of sound");
    gft_arena_init(&arena);
    graft_tensor *part = gft_arena_array(&arena, (size_t)outputs, sizeof *part);
    graft_tensor *list = gft_arena_array(&arena, (size_t)outputs, sizeof *list);
    t.input = gft_malloc_aligned(bytes);
    if (!part || !list || !t.input)
        GFT_GOTO(gft_fail_memory(err, bytes, "windows of sound"));
    GFT_GOTO(run_all(&t, samples, count, part, list, outputs, &arena, err));
    GFT_GOTO(gft_arrays_take(&arena, list, (size_t)outputs, out, err));
    *out_count = outputs;
done:
    gft_free(t.input);
    if (status != GRAFT_OK)
        gft_arena_deinit(&arena);
    return status;
}
