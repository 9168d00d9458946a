/*
 * graft bench: latency, throughput, peak memory, per-op profile of a model on this machine.
 *
 * With --blocks it stays and measures when it is told to, so that it can take turns with others: a
 * line "WARMUP RUNS" on standard input answers with one JSON object that holds the milliseconds of
 * each run.
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

enum { MOST_TENSORS = 16, MOST_RUNS = 1000000 };

/* A model that is ready to run, with what it is fed. */
typedef struct bench_case {
    graft_model *model;
    graft_session *session;
    graft_tensor in[MOST_TENSORS];
    graft_tensor out[MOST_TENSORS];
    graft_tensor *read; /* arrays of a file, instead of made-up inputs */
    int32_t in_count, out_count, read_count;
} bench_case;

static int compare(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/*
 * Pictures with values all over the range: element i is i * 2654435761 modulo 256, as a float or as
 * the bits of a byte; never zeros, which hide denormals. Other integers stay 0, an index that every
 * table has.
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
    for (size_t i = 0; i < elems; i++) {
        if (t->desc.dtype == GRAFT_F32)
            ((float *)t->data)[i] = (float)(i * 2654435761u % 256u);
        else if (t->desc.dtype == GRAFT_U8 || t->desc.dtype == GRAFT_S8)
            ((uint8_t *)t->data)[i] = (uint8_t)(i * 2654435761u % 256u);
    }
    return true;
}

static graft_status run_once(bench_case *c, graft_error *err) {
    return graft_session_run(c->session, c->read ? c->read : c->in, c->in_count, c->out,
                             c->out_count, err);
}

/* Times `runs` runs into ms[]. */
static graft_status time_runs(bench_case *c, int32_t warmup, int32_t runs, bool profile, double *ms,
                              graft_error *err) {
    graft_status status = GRAFT_OK;
    for (int32_t i = 0; status == GRAFT_OK && i < warmup; i++)
        status = run_once(c, err);
    graft_session_profile(c->session, profile);
    for (int32_t i = 0; status == GRAFT_OK && i < runs; i++) {
        uint64_t began = graft_clock_now_ns();
        status = run_once(c, err);
        ms[i] = (double)(graft_clock_now_ns() - began) * 1e-6;
    }
    return status;
}

static graft_status measure(bench_case *c, int32_t warmup, int32_t runs, bool profile,
                            bench_result *r, graft_error *err) {
    double *ms = calloc((size_t)runs, sizeof *ms);
    graft_status status =
        ms ? time_runs(c, warmup, runs, profile, ms, err) : GRAFT_RESOURCE_EXHAUSTED;
    if (status == GRAFT_OK) {
        qsort(ms, (size_t)runs, sizeof *ms, compare);
        r->min_ms = ms[0];
        r->median_ms = runs % 2 ? ms[runs / 2] : (ms[runs / 2 - 1] + ms[runs / 2]) / 2;
        r->p99_ms = ms[(runs * 99 + 99) / 100 - 1];
    }
    free(ms);
    return status;
}

/* "WARMUP RUNS", nothing else. */
static bool parse_block(char *line, int32_t *warmup, int32_t *runs) {
    int64_t value[2];
    line[strcspn(line, "\r\n")] = '\0';
    char *blank = strchr(line, ' ');
    if (!blank)
        return false;
    *blank = '\0';
    if (!graft_parse_int(line, &value[0]) || !graft_parse_int(blank + 1, &value[1]) ||
        value[0] < 0 || value[0] > MOST_RUNS || value[1] < 1 || value[1] > MOST_RUNS)
        return false;
    *warmup = (int32_t)value[0];
    *runs = (int32_t)value[1];
    return true;
}

static void print_ready(const bench_case *c, double load_ms, double first_run_ms) {
    cli_json j = {0};
    size_t arena_bytes;
    size_t packed_bytes;
    graft_session_memory(c->session, &arena_bytes, &packed_bytes);
    cli_json_open(&j, NULL, '{');
    cli_json_text(&j, "ready", graft_version());
    cli_json_real(&j, "load_ms", load_ms);
    cli_json_real(&j, "first_run_ms", first_run_ms);
    cli_json_int(&j, "arena_bytes", (int64_t)arena_bytes);
    cli_json_int(&j, "packed_bytes", (int64_t)packed_bytes);
    cli_json_close(&j, '}');
    fflush(stdout);
}

static void print_block(const double *ms, int32_t runs) {
    cli_json j = {0};
    cli_json_open(&j, NULL, '{');
    cli_json_open(&j, "ms", '[');
    for (int32_t i = 0; i < runs; i++)
        cli_json_real(&j, NULL, ms[i]);
    cli_json_close(&j, ']');
    cli_json_close(&j, '}');
    fflush(stdout);
}

/* Measures a block for each line of standard input; a first run says when it is ready. */
static int serve_blocks(bench_case *c, double load_ms) {
    graft_error err = {0};
    char line[64];
    uint64_t began = graft_clock_now_ns();
    if (run_once(c, &err) != GRAFT_OK)
        return cli_fail("bench", &err);
    print_ready(c, load_ms, (double)(graft_clock_now_ns() - began) * 1e-6);
    while (fgets(line, sizeof line, stdin)) {
        int32_t warmup;
        int32_t runs;
        if (!parse_block(line, &warmup, &runs)) {
            fprintf(stderr, "graft bench: found '%s' on standard input, expected \"WARMUP RUNS\"\n",
                    line);
            return CLI_FAILED;
        }
        double *ms = calloc((size_t)runs, sizeof *ms);
        graft_status status =
            ms ? time_runs(c, warmup, runs, false, ms, &err) : GRAFT_RESOURCE_EXHAUSTED;
        if (status == GRAFT_OK)
            print_block(ms, runs);
        free(ms);
        if (status != GRAFT_OK)
            return cli_fail("bench", &err);
    }
    return CLI_OK;
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
                         int32_t runs, graft_dtype precision, bool json) {
    cli_json j = {0};
    const char *name = precision == GRAFT_BF16 ? "bf16" : precision == GRAFT_F16 ? "f16" : "f32";
    double rate = r->median_ms > 0 ? 1000.0 * batch / r->median_ms : 0;
    if (!json) {
        printf(
            "%s: %s, batch %d, %d threads, %d runs: min %.3f ms, median %.3f ms, p99 %.3f ms, %.1f "
            "images/s, peak %.0f MB, loaded in "
            "%.1f ms\n",
            model, name, (int)batch, (int)threads, (int)runs, r->min_ms, r->median_ms, r->p99_ms,
            rate, graft_peak_rss_mb(), r->load_ms);
        return;
    }
    cli_json_open(&j, NULL, '{');
    cli_json_text(&j, "model", model);
    cli_json_int(&j, "threads", threads);
    cli_json_int(&j, "batch", batch);
    cli_json_text(&j, "precision", name);
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
    const char *signature, *input;
    graft_dtype precision;
    bool profile, blocks, json;
} bench_flags;

static void close_case(bench_case *c) {
    for (int32_t i = 0; i < c->in_count && !c->read; i++)
        free(c->in[i].data);
    graft_arrays_free(c->read, c->read_count);
    graft_session_free(c->session);
    graft_model_free(c->model);
}

/* Fills c; what it holds is for close_case even after a failure. */
static int open_case(const char *name, const bench_flags *f, bench_case *c, double *load_ms) {
    graft_error err = {0};
    uint64_t began = graft_clock_now_ns();
    if (graft_model_open(name, &c->model, &err) != GRAFT_OK)
        return cli_fail("bench", &err);
    *load_ms = (double)(graft_clock_now_ns() - began) * 1e-6;
    int32_t signature = graft_model_find_signature(c->model, f->signature);
    int32_t in_count = graft_model_input_count(c->model, signature);
    c->out_count = graft_model_output_count(c->model, signature);
    if (signature < 0 || in_count > MOST_TENSORS || c->out_count > MOST_TENSORS) {
        fprintf(stderr,
                "graft bench: the model has no such signature with at most %d inputs and outputs\n",
                MOST_TENSORS);
        return CLI_FAILED;
    }
    if (f->input) {
        if (graft_arrays_read(f->input, &c->read, &c->read_count, &err) != GRAFT_OK)
            return cli_fail("bench", &err);
        c->in_count = c->read_count;
    }
    for (int32_t i = 0; i < in_count && !c->read; i++) {
        (void)graft_model_input(c->model, signature, i, &c->in[i].name, &c->in[i].desc);
        c->in_count = i + 1;
        if (!make_input(&c->in[i], f->batch)) {
            fprintf(stderr, "graft bench: input '%s' cannot be made up (%s); give it by --input\n",
                    c->in[i].name, graft_dtype_name(c->in[i].desc.dtype));
            return CLI_FAILED;
        }
    }
    if (graft_session_new(c->model, signature, f->threads, &c->session, &err) != GRAFT_OK ||
        graft_session_set_precision(c->session, f->precision, &err) != GRAFT_OK)
        return cli_fail("bench", &err);
    return CLI_OK;
}

static int bench(const char *name, const bench_flags *f) {
    graft_error err = {0};
    bench_case c = {0};
    bench_result result = {0};
    int32_t batch = f->batch;
    int code = open_case(name, f, &c, &result.load_ms);
    if (code == CLI_OK && f->blocks) {
        code = serve_blocks(&c, result.load_ms);
    } else if (code == CLI_OK) {
        if (c.read && c.read_count > 0 && c.read[0].desc.shape.rank > 0)
            batch = (int32_t)c.read[0].desc.shape.dims[0];
        if (measure(&c, f->warmup, f->runs, f->profile, &result, &err) != GRAFT_OK)
            code = cli_fail("bench", &err);
        else
            print_result(name, &result, f->threads ? f->threads : graft_cpu_count(), batch, f->runs,
                         f->precision, f->json);
        if (code == CLI_OK && f->profile && !f->json)
            print_profile(c.session, f->runs);
    }
    close_case(&c);
    return code;
}

int cli_bench(int argc, char **argv) {
    const char *precision = NULL;
    bench_flags f = {.batch = 1, .threads = 1, .runs = 50, .warmup = 5};
    const cli_option options[] = {
        {"batch", CLI_INT, &f.batch, "N", "first dimension of the inputs", 1, 65536},
        {"threads", CLI_INT, &f.threads, "N", "0: the cores there are", 0, 4096},
        {"runs", CLI_INT, &f.runs, "N", "timed runs", 1, MOST_RUNS},
        {"warmup", CLI_INT, &f.warmup, "N", "runs before them", 0, MOST_RUNS},
        {"input", CLI_TEXT, &f.input, "FILE", ".npz or .npy instead of made-up inputs", 0, 0},
        {"signature", CLI_TEXT, &f.signature, "S", "default: serving_default", 0, 0},
        {"precision", CLI_TEXT, &precision, "P",
         "f32, bf16 or f16: of products and of what lies between them", 0, 0},
        {"profile", CLI_FLAG, &f.profile, NULL, "time of each step", 0, 0},
        {"blocks", CLI_FLAG, &f.blocks, NULL,
         "stay, and measure for each line \"WARMUP RUNS\" read", 0, 0},
        {"json", CLI_FLAG, &f.json, NULL, "one JSON object on stdout", 0, 0},
        {NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0},
    };
    cli_args args;
    int code = cli_parse(&verb, options, argc, argv, &args);
    if (code != CLI_OK)
        return code == CLI_HELP_SHOWN ? CLI_OK : code;
    code = cli_precision("bench", precision, &f.precision);
    return code == CLI_OK ? bench(args.items[0], &f) : code;
}
