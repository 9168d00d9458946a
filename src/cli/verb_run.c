/*
 * graft run: any model on named arrays, on sound cut into windows, on serialized tf.Examples.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/json_out.h"
#include "cli/verbs.h"

static const cli_verb verb = {"run",
                              "MODEL",
                              "run any model on named arrays (.npz or .npy), sound or records",
                              "graft run model --input in.npz --output out.npz\n"
                              "  graft run pitch --input tune.wav --rate 22050 --output notes.npz",
                              1,
                              1};

static void report(const graft_tensor *outputs, int32_t count, const char *file, bool json) {
    cli_json j = {0};
    char text[128];
    if (!json) {
        for (int32_t i = 0; i < count; i++)
            printf("%s  %s\n", outputs[i].name, cli_desc_text(&outputs[i].desc, text));
        return;
    }
    cli_json_open(&j, NULL, '{');
    cli_json_text(&j, "output", file);
    cli_json_open(&j, "tensors", '[');
    for (int32_t i = 0; i < count; i++) {
        cli_json_open(&j, NULL, '{');
        cli_json_text(&j, "name", outputs[i].name);
        cli_json_text(&j, "dtype", graft_dtype_name(outputs[i].desc.dtype));
        cli_json_open(&j, "shape", '[');
        for (int32_t d = 0; d < outputs[i].desc.shape.rank; d++)
            cli_json_int(&j, NULL, outputs[i].desc.shape.dims[d]);
        cli_json_close(&j, ']');
        cli_json_close(&j, '}');
    }
    cli_json_close(&j, ']');
    cli_json_close(&j, '}');
}

/* What a run is asked for. */
typedef struct request {
    const char *input; /* NULL: the signature has no inputs */
    const char *output;
    int32_t threads;
    graft_dtype precision;
    int32_t rate; /* that the model expects; 0: not said */
    bool json;
} request;

static bool is_sound(const char *path) {
    const char *dot = strrchr(path, '.');
    return dot && (strcasecmp(dot, ".wav") == 0 || strcasecmp(dot, ".wave") == 0);
}

static graft_status run_arrays(graft_session *session, const request *r, int32_t count,
                               graft_error *err) {
    graft_tensor *in = NULL;
    int32_t in_count = 0;
    graft_tensor *out = calloc((size_t)count + 1, sizeof *out);
    graft_status status = out ? GRAFT_OK : GRAFT_RESOURCE_EXHAUSTED;
    if (status == GRAFT_OK && r->input)
        status = graft_arrays_read(r->input, &in, &in_count, err);
    if (status == GRAFT_OK)
        status = graft_session_run(session, in, in_count, out, count, err);
    if (status == GRAFT_OK)
        status = graft_arrays_write(r->output, out, count, err);
    if (status == GRAFT_OK)
        report(out, count, r->output, r->json);
    graft_arrays_free(in, in_count);
    free(out);
    return status;
}

static graft_status run_sound(graft_session *session, const request *r, graft_error *err) {
    graft_sound sound = {0};
    graft_tensor *out = NULL;
    int32_t count = 0;
    graft_status status = graft_sound_read(r->input, &sound, err);
    if (status == GRAFT_OK) {
        const int64_t window = graft_session_sound_window(session);
        fprintf(stderr, "%s: %d Hz, %d channel%s, %.2f s", r->input, (int)sound.rate,
                (int)sound.channels, sound.channels == 1 ? "" : "s mixed to one",
                (double)sound.count / sound.rate);
        if (window > 0)
            fprintf(stderr, ": %lld window%s of %lld samples",
                    (long long)((sound.count + window - 1) / window),
                    sound.count > window ? "s" : "", (long long)window);
        fprintf(stderr, "\n");
        if (r->rate > 0 && r->rate != sound.rate)
            fprintf(stderr,
                    "warning: %s has %d samples a second, the model expects %d; resample it\n",
                    r->input, (int)sound.rate, (int)r->rate);
        status = graft_session_run_sound(session, sound.samples, sound.count, &out, &count, err);
    }
    if (status == GRAFT_OK)
        status = graft_arrays_write(r->output, out, count, err);
    if (status == GRAFT_OK)
        report(out, count, r->output, r->json);
    graft_arrays_free(out, count);
    graft_sound_free(&sound);
    return status;
}

static graft_status run(const graft_model *model, int32_t signature, const request *r,
                        graft_error *err) {
    graft_session *session = NULL;
    graft_status status = graft_session_new(model, signature, r->threads, &session, err);
    if (status == GRAFT_OK)
        status = graft_session_set_precision(session, r->precision, err);
    if (status == GRAFT_OK)
        status = r->input && is_sound(r->input)
                     ? run_sound(session, r, err)
                     : run_arrays(session, r, graft_model_output_count(model, signature), err);
    graft_session_free(session);
    return status;
}

int cli_run(int argc, char **argv) {
    request r = {0};
    const char *signature = NULL;
    const char *precision = NULL;
    const cli_option options[] = {
        {"input", CLI_TEXT, &r.input, "FILE",
         ".npz with arrays by input name, one .npy, .wav, or .tfrecord of strings", 0, 0},
        {"output", CLI_TEXT, &r.output, "FILE", ".npz to write, arrays by output name", 0, 0},
        {"signature", CLI_TEXT, &signature, "S", "default: serving_default", 0, 0},
        {"rate", CLI_INT, &r.rate, "HZ", "of a .wav: what the model expects; another is told", 0,
         2147483647},
        {"threads", CLI_INT, &r.threads, "N", "0: the cores there are", 0, 4096},
        {"precision", CLI_TEXT, &precision, "P",
         "f32, bf16 or f16: of products and of what lies between them", 0, 0},
        {"json", CLI_FLAG, &r.json, NULL, "names, types and shapes of the outputs on stdout", 0, 0},
        {NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0},
    };
    cli_args args;
    int code = cli_parse(&verb, options, argc, argv, &args);
    if (code != CLI_OK)
        return code == CLI_HELP_SHOWN ? CLI_OK : code;
    code = cli_precision("run", precision, &r.precision);
    if (code != CLI_OK)
        return code;
    if (!r.output) {
        fprintf(stderr, "graft run: --%s is needed; see graft run --help\n",
                r.input ? "output" : "input");
        return CLI_USAGE;
    }
    graft_error err = {0};
    graft_model *model = NULL;
    if (graft_model_open(args.items[0], &model, &err) != GRAFT_OK)
        return cli_fail("run", &err);
    int32_t index = graft_model_find_signature(model, signature);
    if (index < 0) {
        fprintf(stderr, "graft run: the model has no signature '%s'; it has:",
                signature ? signature : "serving_default");
        for (int32_t i = 0; i < graft_model_signature_count(model); i++)
            fprintf(stderr, " %s", graft_model_signature_name(model, i));
        fprintf(stderr, "\n");
        code = CLI_FAILED;
    } else if (!r.input && graft_model_input_count(model, index) > 0) {
        fprintf(stderr, "graft run: --input is needed; see graft run --help\n");
        code = CLI_USAGE;
    } else if (run(model, index, &r, &err) != GRAFT_OK) {
        code = cli_fail("run", &err);
    }
    graft_model_free(model);
    return code;
}
