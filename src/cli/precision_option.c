/*
 * The option --precision, the same for all verbs that have it.
 */
#include <stdio.h>

#include "cli/verbs.h"

int cli_precision(const char *verb, const char *text, graft_dtype *out) {
    graft_error err = {0};
    if (graft_precision_parse(text, out, &err) == GRAFT_OK)
        return CLI_OK;
    fprintf(stderr, "graft %s: %s\n", verb, err.message);
    return CLI_USAGE;
}
