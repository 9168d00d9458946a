/*
 * The JSON printer (json_out.h). Bytes that are not UTF-8 (file names may hold anything) are
 * printed as U+FFFD.
 */
#include "cli/json_out.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Length of the UTF-8 sequence at s, 0 if it is malformed (overlong, surrogate, cut). */
static int utf8_length(const unsigned char *s) {
    int n = s[0] < 0x80                   ? 1
            : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
            : (s[0] & 0xf0) == 0xe0       ? 3
            : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                          : 0;
    for (int i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if (n == 3 && ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f)))
        return 0;
    if (n == 4 && ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f)))
        return 0;
    return n;
}

static void put_string(const char *text) {
    const unsigned char *s = (const unsigned char *)text;
    putchar('"');
    while (*s) {
        int n = utf8_length(s);
        if (*s == '"' || *s == '\\')
            printf("\\%c", *s);
        else if (*s < 0x20)
            printf("\\u%04x", *s);
        else if (n > 0)
            (void)fwrite(s, 1, (size_t)n, stdout);
        else
            printf("\xef\xbf\xbd");
        s += n > 0 ? n : 1;
    }
    putchar('"');
}

static void begin(cli_json *j, const char *key) {
    if (j->comma)
        printf(", ");
    j->comma = true;
    if (key) {
        put_string(key);
        printf(": ");
    }
}

void cli_json_open(cli_json *j, const char *key, char bracket) {
    begin(j, key);
    putchar(bracket);
    j->depth++;
    j->comma = false;
}

void cli_json_close(cli_json *j, char bracket) {
    putchar(bracket);
    j->depth--;
    j->comma = true;
    if (j->depth == 0)
        putchar('\n');
}

void cli_json_text(cli_json *j, const char *key, const char *value) {
    begin(j, key);
    if (value)
        put_string(value);
    else
        printf("null");
}

void cli_json_int(cli_json *j, const char *key, int64_t value) {
    begin(j, key);
    printf("%lld", (long long)value);
}

void cli_json_real(cli_json *j, const char *key, double value) {
    begin(j, key);
    if (isfinite(value))
        printf("%.10g", value);
    else
        printf("null");
}

void cli_json_bool(cli_json *j, const char *key, bool value) {
    begin(j, key);
    printf(value ? "true" : "false");
}
