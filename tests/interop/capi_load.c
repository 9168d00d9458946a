/*
 * The smallest program on TensorFlow's C API (what TensorFlow Serving's loader is): loads a
 * SavedModel by the tag "serve", feeds float32 from stdin to one tensor and writes another one's
 * float32 to stdout. Arguments: DIR, INPUT node, OUTPUT node, INPUT's dimensions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <tensorflow/c/c_api.h>

static void check(TF_Status *status, const char *doing) {
    if (TF_GetCode(status) != TF_OK) {
        fprintf(stderr, "%s: %s\n", doing, TF_Message(status));
        exit(1);
    }
}

int main(int argc, char **argv) {
    int64_t dims[8];
    size_t elems = 1;
    const char *tags[] = {"serve"};
    TF_Status *status = TF_NewStatus();
    TF_Graph *graph = TF_NewGraph();
    TF_SessionOptions *options = TF_NewSessionOptions();
    if (argc < 4 || argc > 12)
        return 2;
    TF_Session *session =
        TF_LoadSessionFromSavedModel(options, NULL, argv[1], tags, 1, graph, NULL, status);
    check(status, "load");
    for (int i = 4; i < argc; i++)
        elems *= (size_t)(dims[i - 4] = atol(argv[i]));
    TF_Tensor *in = TF_AllocateTensor(TF_FLOAT, dims, argc - 4, elems * sizeof(float));
    if (fread(TF_TensorData(in), sizeof(float), elems, stdin) != elems)
        return 2;
    TF_Output input = {TF_GraphOperationByName(graph, argv[2]), 0};
    TF_Output output = {TF_GraphOperationByName(graph, argv[3]), 0};
    TF_Tensor *out = NULL;
    TF_SessionRun(session, NULL, &input, &in, 1, &output, &out, 1, NULL, 0, NULL, status);
    check(status, "run");
    fwrite(TF_TensorData(out), 1, TF_TensorByteSize(out), stdout);
    TF_DeleteTensor(in);
    TF_DeleteTensor(out);
    TF_CloseSession(session, status);
    TF_DeleteSession(session, status);
    TF_DeleteGraph(graph);
    TF_DeleteSessionOptions(options);
    TF_DeleteStatus(status);
    return 0;
}
