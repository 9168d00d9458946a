/* The HTML report of graft eval: one file, nothing fetched. */
#ifndef GRAFT_CLI_EVAL_REPORT_H
#define GRAFT_CLI_EVAL_REPORT_H

#include "graft/model.h"

/** Writes beside and renames. Returns an exit code; says what failed on stderr. */
int cli_eval_html(const char *path, const char *model_name, const char *data_name,
                  const graft_model *model, const graft_evaluation *e);

#endif
