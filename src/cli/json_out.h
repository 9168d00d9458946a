/*
 * JSON on stdout: a small printer with commas and escapes kept right. Numbers that are not finite
 * become null.
 */
#ifndef GRAFT_CLI_JSON_OUT_H
#define GRAFT_CLI_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct cli_json {
    int depth;
    bool comma; /* something was printed at this level */
} cli_json;

/* key is NULL inside a list. */
void cli_json_open(cli_json *j, const char *key, char bracket); /* '{' or '[' */
void cli_json_close(cli_json *j, char bracket); /* '}' or ']'; a new line at the end */
void cli_json_text(cli_json *j, const char *key, const char *value); /* NULL: null */
void cli_json_int(cli_json *j, const char *key, int64_t value);
void cli_json_real(cli_json *j, const char *key, double value);
void cli_json_bool(cli_json *j, const char *key, bool value);

#endif
