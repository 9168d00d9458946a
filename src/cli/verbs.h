/*
 * The verbs: each lives in a file of its own and returns the program's exit code.
 */
#ifndef GRAFT_CLI_VERBS_H
#define GRAFT_CLI_VERBS_H

#include "cli/args.h"
#include "graft/graft.h"

int cli_train(int argc, char **argv);
int cli_eval(int argc, char **argv);
int cli_predict(int argc, char **argv);
int cli_run(int argc, char **argv);
int cli_summary(int argc, char **argv);
int cli_export(int argc, char **argv);
int cli_convert(int argc, char **argv);
int cli_diff(int argc, char **argv);
int cli_bench(int argc, char **argv);
int cli_hub(int argc, char **argv);
int cli_data(int argc, char **argv);
int cli_doctor(int argc, char **argv);

/** Prints "graft VERB: message" to stderr and returns CLI_FAILED. */
int cli_fail(const char *verb, const graft_error *err);
/** --precision as text to its type; prints what is wrong and returns CLI_USAGE. NULL: float32. */
int cli_precision(const char *verb, const char *text, graft_dtype *out);
/** "float32 [?,224,224,3]" */
const char *cli_desc_text(const graft_tensor_desc *desc, char out[128]);
/** Runs one of the sub-verbs of "hub" or "data"; a wrong one suggests the nearest. */
typedef struct cli_subverb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} cli_subverb;
int cli_dispatch(const char *verb, const cli_subverb *table, int argc, char **argv);

#endif
