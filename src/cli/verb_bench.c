/*
 * graft bench: latency, throughput, peak memory, per-op profile of a model on this machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json_out.h"
#include "cli/verbs.h"

static const cli_verb verb = {"bench",
                              "MODEL",
                              "latency, throughput, peak memory, per-op profile",
                              "graft bench model --threads 1 --runs 50",
                              1,
                              1};

typedef struct bench_result {
    double min_ms, median_ms, p99_ms, load_ms;
} bench_result;

static int compare(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/*
 * A float input gets a fixed ramp over 0..255 (pictures), integers count up from 0: never zeros,
 * which hide denormals.
 */
static bool make_input(graft_tensor *t, int32_t batch) {
    size_t elems = 1;
    size_t width = graft_dtype_bytes(t->desc.dtype);
    for (int32_t i = 0; i < t->desc.shape.rank; i++) {
        int64_t *d = &t->desc.shape.dims[i];
        if (*d < 0)
            *d = i == 0 ? batch : 224;
        if (*d != 0 && elems > SIZE_MAX / 16 / (size_t)*d)
            return false;
        elems *= (size_t)*d;
    }
    t->bytes = elems * width;
    t->data = width ? calloc(elems + 1, width) : NULL;
    if (!t->data)
        return false;
    for (size_t i = 0; t->desc.dtype == GRAFT_F32 && i < elems; i++)
        ((float *)t->data)[i] = (float)(i * 2654435761u % 256u);
    return true;
}

static graft_status measure(graft_session *session, graft_tensor *in, int32_t in_count,
                            graft_tensor *out, int32_t out_count, int32_t warmup, int32_t runs,
                            bool profile, bench_result *r, graft_error *err) {
    double *ms = calloc((size_t)runs, sizeof *ms);
    graft_status status = ms ? GRAFT_OK : GRAFT_RESOURCE_EXHAUSTED;
    for (int32_t i = 0; status == GRAFT_OK && i < warmup; i++)
        status = graft_session_run(session, in, in_count, out, out_count, err);
    graft_session_profile(session, profile);
    for (int32_t i = 0; status == GRAFT_OK && i < runs; i++) {
        uint64_t began = graft_clock_now_ns();
        status = graft_session_run(session, in, in_count, out, out_count, err);
        ms[i] = (double)(graft_clock_now_ns() - began) * 1e-6;
    }
    if (status == GRAFT_OK) {
        qsort(ms, (size_t)runs, sizeof *ms, compare);
        r->min_ms = ms[0];
        r->median_ms = runs % 2 ? ms[runs / 2] : (ms[runs / 2 - 1] + ms[runs / 2]) / 2;
        r->p99_ms = ms[(runs * 99 + 99) / 100 - 1];
    }
    free(ms);
    return status;
}

static void print_profile(graft_session *session, int32_t runs) {
    const graft_profile_row *rows;
    int32_t count = graft_session_profile_rows(session, &rows);
    uint64_t total = 1;
    for (int32_t i = 0; i < count; i++)
        total += rows[i].ns;
    printf("%-40s %-20s %10s %6s %9s\n", "step", "op", "us", "%", "GMAC/s");
    for (int32_t i = 0; i < count; i++) {
        double us = (double)rows[i].ns * 1e-3 / runs;
        printf("%-40s %-20s %10.1f %6.2f %9.2f\n", rows[i].name, rows[i].op, us,
               100.0 * (double)rows[i].ns / (double)total,
               us > 0 ? (double)rows[i].macs * 1e-3 / us : 0);
    }
}

static void print_result(const char *model, const bench_result *r, int32_t threads, int32_t batch,
                         int32_t runs, bool json) {
    cli_json j = {0};
    double rate = r->median_ms > 0 ? 1000.0 * batch / r->median_ms : 0;
    if (!json) {
        printf("%s: batch %d, %d threads, %d runs: min %.3f ms, median %.3f ms, p99 %.3f ms, %.1f "
               "images/s, peak %.0f MB, loaded in "
               "%.1f ms\n",
               model, (int)batch, (int)threads, (int)runs, r->min_ms, r->median_ms, r->p99_ms, rate,
               graft_peak_rss_mb(), r->load_ms);
        return;
    }
    cli_json_open(&j, NULL, '{');
    cli_json_text(&j, "model", model);
    cli_json_int(&j, "threads", threads);
    cli_json_int(&j, "batch", batch);
    cli_json_text(&j, "precision", "f32");
    cli_json_int(&j, "runs", runs);
    cli_json_real(&j, "min_ms", r->min_ms);
    cli_json_real(&j, "median_ms", r->median_ms);
    cli_json_real(&j, "p99_ms", r->p99_ms);
    cli_json_real(&j, "images_per_s", rate);
    cli_json_real(&j, "peak_rss_mb", graft_peak_rss_mb());
    cli_json_real(&j, "load_ms", r->load_ms);
    cli_json_close(&j, '}');
}

typedef struct bench_flags {
    int32_t batch, threads, runs, warmup;
    const char *signature;
    bool profile, json;
} bench_flags;

static int bench(const char *name, const bench_flags *f) {
    enum { MOST = 16 };
    graft_error err = {0};
    graft_model *model = NULL;
    graft_session *session = NULL;
    graft_tensor in[MOST] = {{0}};
    graft_tensor out[MOST];
    bench_result result = {0};
    uint64_t began = graft_clock_now_ns();
    int code = CLI_OK;
    if (graft_model_open(name, &model, &err) != GRAFT_OK)
        return cli_fail("bench", &err);
    int32_t signature = graft_model_find_signature(model, f->signature);
    int32_t in_count = graft_model_input_count(model, signature);
    int32_t out_count = graft_model_output_count(model, signature);
    if (signature < 0 || in_count > MOST || out_count > MOST) {
        fprintf(stderr,
                "graft bench: the model has no such signature with at most %d inputs and outputs\n",
                MOST);
        graft_model_free(model);
        return CLI_FAILED;
    }
    result.load_ms = (double)(graft_clock_now_ns() - began) * 1e-6;
    for (int32_t i = 0; i < in_count && code == CLI_OK; i++) {
        (void)graft_model_input(model, signature, i, &in[i].name, &in[i].desc);
        if (!make_input(&in[i], f->batch)) {
            fprintf(stderr, "graft bench: input '%s' cannot be made up (%s)\n", in[i].name,
                    graft_dtype_name(in[i].desc.dtype));
            code = CLI_FAILED;
        }
    }
    if (code == CLI_OK &&
        (graft_session_new(model, signature, f->threads, &session, &err) != GRAFT_OK ||
         measure(session, in, in_count, out, out_count, f->warmup, f->runs, f->profile, &result,
                 &err) != GRAFT_OK))
        code = cli_fail("bench", &err);
    if (code == CLI_OK) {
        print_result(name, &result, f->threads ? f->threads : graft_cpu_count(), f->batch, f->runs,
                     f->json);
        if (f->profile && !f->json)
            print_profile(session, f->runs);
    }
    for (int32_t i = 0; i < in_count; i++)
        free(in[i].data);
    graft_session_free(session);
    graft_model_free(model);
    return code;
}

int cli_bench(int argc, char **argv) {
    bench_flags f = {.batch = 1, .threads = 1, .runs = 50, .warmup = 5};
    const cli_option options[] = {
        {"batch", CLI_INT, &f.batch, "N", "first dimension of the inputs", 1, 65536},
        {"threads", CLI_INT, &f.threads, "N", "0: the cores there are", 0, 4096},
        {"runs", CLI_INT, &f.runs, "N", "timed runs", 1, 1000000},
        {"warmup", CLI_INT, &f.warmup, "N", "runs before them", 0, 1000000},
        {"signature", CLI_TEXT, &f.signature, "S", "default: serving_default", 0, 0},
        {"profile", CLI_FLAG, &f.profile, NULL, "time of each step", 0, 0},
        {"json", CLI_FLAG, &f.json, NULL, "one JSON object on stdout", 0, 0},
        {NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0},
    };
    cli_args args;
    int code = cli_parse(&verb, options, argc, argv, &args);
    if (code != CLI_OK)
        return code == CLI_HELP_SHOWN ? CLI_OK : code;
    return bench(args.items[0], &f);
}
