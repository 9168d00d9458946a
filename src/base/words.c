/*
 * Words and numbers as people type them: nearest word by edit distance (with swapped neighbours,
 * optimal string alignment), numbers that must be right to the last character.
 */
#include "base/words.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WORD 48

static size_t min3(size_t a, size_t b, size_t c) {
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

static bool same_letter(char a, char b) {
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Insertions, removals, replacements and swaps that turn a into b; both at most MAX_WORD long. */
static size_t distance(const char *a, size_t a_bytes, const char *b, size_t b_bytes) {
    size_t rows[3][MAX_WORD + 1];
    size_t *before = rows[0];
    size_t *above = rows[1];
    size_t *row = rows[2];
    for (size_t j = 0; j <= b_bytes; j++)
        above[j] = j;
    for (size_t i = 1; i <= a_bytes; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_bytes; j++) {
            size_t change = same_letter(a[i - 1], b[j - 1]) ? 0 : 1;
            row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + change);
            bool swapped = i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) &&
                           same_letter(a[i - 2], b[j - 1]);
            if (swapped && before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        size_t *free_row = before;
        before = above;
        above = row;
        row = free_row;
    }
    return above[b_bytes];
}

const char *gft_words_nearest(const char *word, const char *const *words, size_t count) {
    size_t length = strlen(word);
    if (length > MAX_WORD)
        return NULL;
    const char *nearest = NULL;
    size_t best = 1 + length / 4 + 1;
    for (size_t i = 0; i < count; i++) {
        size_t other = strlen(words[i]);
        if (other > MAX_WORD)
            continue;
        size_t d = distance(word, length, words[i], other);
        if (d < best) {
            best = d;
            nearest = words[i];
        }
    }
    return nearest;
}

bool gft_words_i64(const char *s, int64_t *out) {
    const char *digits = *s == '-' || *s == '+' ? s + 1 : s;
    if (!isdigit((unsigned char)*digits))
        return false; /* strtoll would skip blanks */
    char *end;
    errno = 0;
    long long value = strtoll(s, &end, 10);
    if (errno || *end)
        return false;
    *out = value;
    return true;
}

/* The bytes of a decimal number at the start of s ("-1.5e3"); 0 if there is none. */
static size_t number_bytes(const char *s) {
    size_t i = s[0] == '-' || s[0] == '+' ? 1 : 0;
    size_t digits = 0;
    for (; isdigit((unsigned char)s[i]); i++)
        digits++;
    if (s[i] == '.') {
        for (i++; isdigit((unsigned char)s[i]); i++)
            digits++;
    }
    if (digits == 0)
        return 0;
    if (s[i] == 'e' || s[i] == 'E') {
        size_t e = i + 1;
        if (s[e] == '-' || s[e] == '+')
            e++;
        if (isdigit((unsigned char)s[e])) {
            while (isdigit((unsigned char)s[e]))
                e++;
            i = e;
        }
    }
    return i;
}

/* strtod under the "C" locale, whatever the program's is. */
static bool parse_double(const char *s, double *out) {
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (c_locale == (locale_t)0)
        return false;
    locale_t kept = uselocale(c_locale);
    double value = strtod(s, NULL);
    uselocale(kept);
    freelocale(c_locale);
    if (!isfinite(value))
        return false;
    *out = value;
    return true;
}

bool gft_words_f64(const char *s, double *out) {
    size_t bytes = number_bytes(s);
    return bytes > 0 && s[bytes] == '\0' && parse_double(s, out);
}

/* Bytes of a unit: "", "B", "K", "KB", "KiB", ... in powers of 1024; 0 if unknown. */
static uint64_t unit_bytes(const char *unit) {
    static const char letters[] = "KMGT";
    if (*unit == '\0' || ((*unit == 'B' || *unit == 'b') && unit[1] == '\0'))
        return 1;
    const char *letter = strchr(letters, toupper((unsigned char)*unit));
    if (!letter)
        return 0;
    const char *rest = unit + 1;
    if (*rest == 'i')
        rest++;
    bool ends =
        *rest == '\0' ? rest == unit + 1 : (*rest == 'B' || *rest == 'b') && rest[1] == '\0';
    return ends ? (uint64_t)1 << (10 * (letter - letters + 1)) : 0;
}

bool gft_words_size(const char *s, uint64_t *out) {
    if (!isdigit((unsigned char)*s))
        return false;
    char *end;
    errno = 0;
    unsigned long long whole = strtoull(s, &end, 10);
    if (errno)
        return false;
    if (*end != '.') { /* a whole number: exact */
        uint64_t unit = unit_bytes(end);
        uint64_t value;
        if (unit == 0 || __builtin_mul_overflow((uint64_t)whole, unit, &value))
            return false;
        *out = value;
        return true;
    }
    const char *rest = end + 1;
    if (!isdigit((unsigned char)*rest))
        return false;
    while (isdigit((unsigned char)*rest))
        rest++;
    uint64_t unit = unit_bytes(rest);
    double number;
    if (unit == 0 || !parse_double(s, &number))
        return false;
    double value = number * (double)unit;
    if (value >= 0x1p63)
        return false;
    *out = (uint64_t)value;
    return true;
}
