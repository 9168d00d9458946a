/*
 * Command-line options: a table per verb gives parsing, help text and suggestions for wrong words.
 */
#ifndef GRAFT_CLI_ARGS_H
#define GRAFT_CLI_ARGS_H

#include <stdbool.h>
#include <stdint.h>

typedef enum cli_type { CLI_FLAG, CLI_INT, CLI_REAL, CLI_TEXT, CLI_SIZE } cli_type;

/*
 * One option. `target` is a bool, int32_t, double, const char * or uint64_t by type, holding the
 * default before parsing.
 */
typedef struct cli_option {
    const char *name; /* "batch-size", without dashes */
    cli_type type;
    void *target;
    const char *value; /* "N" as shown in help; NULL for flags */
    const char *help;
    double min, max; /* of numbers; both 0: any */
} cli_option;

typedef struct cli_verb {
    const char *name;                     /* "train", "hub add" */
    const char *arguments;                /* "DATA" */
    const char *summary;                  /* one line */
    const char *example;                  /* one command, shown in help and run by a test */
    int32_t min_arguments, max_arguments; /* max -1: any number */
} cli_verb;

typedef struct cli_args {
    char **items; /* positional arguments, borrowed from argv */
    int32_t count;
} cli_args;

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_HELP_SHOWN = -1 };

/**
 * Parses argv[0..argc) (behind the verb); options and arguments may be mixed, "--" ends options.
 * The last table entry has name NULL. Prints what is wrong, or the help for --help.
 * @return CLI_OK, CLI_USAGE, or CLI_HELP_SHOWN (the verb then ends with success)
 */
int cli_parse(const cli_verb *verb, const cli_option *options, int argc, char **argv,
              cli_args *out);

#endif
