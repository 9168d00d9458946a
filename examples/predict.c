/*
 * Names what is in a picture: predict MODEL FILE
 */
#include <graft/graft.h>
#include <stdio.h>

int main(int argc, char **argv) {
    enum { TOP = 3 };
    graft_error err = {0};
    graft_model *model = NULL;
    graft_session *session = NULL;
    graft_prediction best[TOP];
    int32_t count = 0;
    if (argc != 3) {
        fprintf(stderr, "usage: predict MODEL FILE\n");
        return 2;
    }
    graft_status status = graft_model_open(argv[1], &model, &err);
    if (status == GRAFT_OK) /* all cores; the signature that TensorFlow calls serving_default */
        status =
            graft_session_new(model, graft_model_find_signature(model, NULL), 0, &session, &err);
    if (status == GRAFT_OK)
        status = graft_predict_file(session, argv[2], TOP, best, &count, &err);
    for (int32_t i = 0; i < count; i++)
        printf("%.4f  %s\n", (double)best[i].score, best[i].label);
    if (status != GRAFT_OK)
        fprintf(stderr, "predict: %s\n", err.message);
    graft_session_free(session);
    graft_model_free(model);
    return status == GRAFT_OK ? 0 : 1;
}
