/*
 * Parsing by table (args.h).
 */
#include "cli/args.h"

#include <stdio.h>
#include <string.h>

#include "graft/system.h"

#define MAX_OPTIONS 48

static void show_default(const cli_option *o) {
    switch (o->type) {
    case CLI_INT:
        printf(" [%d]", (int)*(const int32_t *)o->target);
        break;
    case CLI_REAL:
        printf(" [%g]", *(const double *)o->target);
        break;
    case CLI_TEXT:
        if (*(const char *const *)o->target)
            printf(" [%s]", *(const char *const *)o->target);
        break;
    case CLI_SIZE:
    case CLI_FLAG:
        break;
    }
}

static void show_help(const cli_verb *verb, const cli_option *options) {
    printf("graft %s: %s\n\nUsage: graft %s %s%s[options]\n\n", verb->name, verb->summary,
           verb->name, verb->arguments, verb->arguments[0] ? " " : "");
    for (const cli_option *o = options; o->name; o++) {
        char left[64];
        (void)snprintf(left, sizeof left, "--%s%s%s", o->name, o->value ? " " : "",
                       o->value ? o->value : "");
        printf("  %-26s %s", left, o->help);
        show_default(o);
        printf("\n");
    }
    printf("  %-26s %s\n\nExample:\n  %s\n", "--help", "this text", verb->example);
}

static int usage(const cli_verb *verb, const char *what, const char *word, const char *hint) {
    fprintf(stderr, "graft %s: %s '%s'%s%s%s; see graft %s --help\n", verb->name, what, word,
            hint ? "; did you mean '" : "", hint ? hint : "", hint ? "'?" : "", verb->name);
    return CLI_USAGE;
}

static const cli_option *find(const cli_option *options, const char *name, size_t length) {
    for (const cli_option *o = options; o->name; o++)
        if (strlen(o->name) == length && strncmp(o->name, name, length) == 0)
            return o;
    return NULL;
}

static int unknown(const cli_verb *verb, const cli_option *options, const char *word,
                   size_t length) {
    const char *words[MAX_OPTIONS];
    char name[64];
    char hint[80];
    size_t count = 0;
    for (const cli_option *o = options; o->name && count < MAX_OPTIONS; o++)
        words[count++] = o->name;
    (void)snprintf(name, sizeof name, "%.*s", (int)length, word);
    const char *near = graft_nearest_word(name, words, count);
    (void)snprintf(hint, sizeof hint, "--%s", near ? near : "");
    (void)snprintf(name, sizeof name, "--%.*s", (int)(length < 60 ? length : 60), word);
    return usage(verb, "unknown option", name, near ? hint : NULL);
}

static bool set_number(const cli_option *o, const char *text) {
    int64_t i = 0;
    double d = 0;
    if (o->type == CLI_INT) {
        if (!graft_parse_int(text, &i) || i < INT32_MIN || i > INT32_MAX)
            return false;
        d = (double)i;
    } else if (!graft_parse_float(text, &d)) {
        return false;
    }
    if ((o->min != 0 || o->max != 0) && (d < o->min || d > o->max))
        return false;
    if (o->type == CLI_INT)
        *(int32_t *)o->target = (int32_t)i;
    else
        *(double *)o->target = d;
    return true;
}

static int set_value(const cli_verb *verb, const cli_option *o, const char *text) {
    char what[128];
    bool ok = true;
    if (o->type == CLI_TEXT)
        *(const char **)o->target = text;
    else if (o->type == CLI_SIZE)
        ok = graft_parse_size(text, o->target);
    else
        ok = set_number(o, text);
    if (ok)
        return CLI_OK;
    if (o->type == CLI_SIZE)
        (void)snprintf(what, sizeof what, "--%s takes a size such as 512M, not", o->name);
    else if (o->min != 0 || o->max != 0)
        (void)snprintf(what, sizeof what, "--%s takes a%s number from %g to %g, not", o->name,
                       o->type == CLI_INT ? " whole" : "", o->min, o->max);
    else
        (void)snprintf(what, sizeof what, "--%s takes a%s number, not", o->name,
                       o->type == CLI_INT ? " whole" : "");
    return usage(verb, what, text, NULL);
}

/* One "--name", "--name=value" or "--name value"; *at moves past what was used. */
static int parse_option(const cli_verb *verb, const cli_option *options, int argc, char **argv,
                        int *at) {
    const char *word = argv[*at] + 2;
    const char *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word) : strlen(word);
    const cli_option *o = find(options, word, length);
    if (!o)
        return unknown(verb, options, word, length);
    if (o->type == CLI_FLAG) {
        if (equals)
            return usage(verb, "this option takes no value:", argv[*at], NULL);
        *(bool *)o->target = true;
        return CLI_OK;
    }
    if (equals)
        return set_value(verb, o, equals + 1);
    if (*at + 1 >= argc)
        return usage(verb, "this option needs a value:", argv[*at], NULL);
    (*at)++;
    return set_value(verb, o, argv[*at]);
}

int cli_parse(const cli_verb *verb, const cli_option *options, int argc, char **argv,
              cli_args *out) {
    bool open = true;
    int32_t count = 0;
    for (int at = 0; at < argc; at++) {
        const char *word = argv[at];
        if (open && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
            show_help(verb, options);
            return CLI_HELP_SHOWN;
        }
        if (open && strcmp(word, "--") == 0) {
            open = false;
        } else if (open && word[0] == '-' && word[1] == '-') {
            int code = parse_option(verb, options, argc, argv, &at);
            if (code != CLI_OK)
                return code;
        } else if (open && word[0] == '-' && word[1] != '\0') {
            return usage(verb, "unknown option", word, NULL);
        } else {
            argv[count++] = argv[at]; /* arguments are moved to the front, in order */
        }
    }
    out->items = argv;
    out->count = count;
    if (count < verb->min_arguments) {
        fprintf(stderr, "graft %s: expected %s; see graft %s --help\n", verb->name, verb->arguments,
                verb->name);
        return CLI_USAGE;
    }
    if (verb->max_arguments >= 0 && count > verb->max_arguments)
        return usage(verb, "one argument too many:", argv[verb->max_arguments], NULL);
    return CLI_OK;
}
