/*
 * The inside of a prediction service: serve_stub MODEL reads a picture's path per line and answers
 * a line of JSON. A plan is made once and kept warm; a bad picture is an answer, not the end.
 */
#include <graft/graft.h>
#include <stdio.h>
#include <string.h>

static void answer(graft_session *session, const char *path) {
    graft_prediction best;
    graft_error err = {0};
    int32_t count = 0;
    uint64_t began = graft_clock_now_ns();
    if (graft_predict_file(session, path, 1, &best, &count, &err) != GRAFT_OK)
        printf("{\"error\": %d, \"status\": \"%s\"}\n", graft_status_http(err.code),
               graft_status_name(err.code));
    else
        printf("{\"index\": %d, \"score\": %.4f, \"ms\": %.2f}\n", (int)best.index,
               (double)best.score, (double)(graft_clock_now_ns() - began) * 1e-6);
    fflush(stdout);
}

int main(int argc, char **argv) {
    char line[4096];
    graft_error err = {0};
    graft_model *model = NULL;
    graft_session *session = NULL;
    if (argc != 2) {
        fprintf(stderr, "usage: serve_stub MODEL < paths\n");
        return 2;
    }
    graft_status status = graft_model_open(argv[1], &model, &err);
    if (status == GRAFT_OK)
        status =
            graft_session_new(model, graft_model_find_signature(model, NULL), 1, &session, &err);
    while (status == GRAFT_OK && fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0])
            answer(session, line);
    }
    if (status != GRAFT_OK)
        fprintf(stderr, "serve_stub: %s\n", err.message);
    graft_session_free(session);
    graft_model_free(model);
    return status == GRAFT_OK ? 0 : 1;
}
