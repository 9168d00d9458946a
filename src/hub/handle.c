/*
 * Parsing handles (handle.h). The store is asked for known versions only when a message needs them.
 */
#include "hub/handle.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "hub/store.h"

/* ---- URLs ---- */

static const char *after(const char *text, const char *prefix) {
    size_t length = strlen(prefix);
    return strncasecmp(text, prefix, length) == 0 ? text + length : NULL;
}

/*
 * The part of a URL that names the model; the text itself if it is none. Kaggle's long form keeps
 * words between the parts, "/frameworks/TensorFlow2/variations/V/versions/N": they are dropped
 * while the parts are copied.
 */
static const char *strip_url(const char *text, bool *kaggle) {
    static const char *const TFHUB[] = {"https://tfhub.dev/", "http://tfhub.dev/", "tfhub.dev/"};
    static const char *const KAGGLE[] = {"https://www.kaggle.com/models/",
                                         "https://kaggle.com/models/", "www.kaggle.com/models/",
                                         "kaggle.com/models/"};
    const char *rest;
    *kaggle = false;
    for (size_t i = 0; i < sizeof TFHUB / sizeof TFHUB[0]; i++) {
        if ((rest = after(text, TFHUB[i])))
            return rest;
    }
    for (size_t i = 0; i < sizeof KAGGLE / sizeof KAGGLE[0]; i++) {
        if ((rest = after(text, KAGGLE[i]))) {
            *kaggle = true;
            return rest;
        }
    }
    return text;
}

static bool is_filler(const char *part, size_t length) {
    static const char *const WORDS[] = {"frameworks", "variations", "versions"};
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        if (strlen(WORDS[i]) == length && strncasecmp(part, WORDS[i], length) == 0)
            return true;
    }
    return false;
}

/* ---- parts ---- */

static bool all_digits(const char *part, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (!isdigit((unsigned char)part[i]))
            return false;
    }
    return length > 0;
}

static graft_status check_part(const char *text, const char *part, size_t length,
                               graft_error *err) {
    if (length == 0)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "handle '%.200s': an empty part, expected publisher/model/version", text);
    if (length > GFT_HANDLE_MAX_PART)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "handle '%.200s': a part of %zu characters, expected at most %d", text,
                        length, GFT_HANDLE_MAX_PART);
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)part[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        bool mark = c == '_' || c == '-' || c == '.';
        if (!letter && !(mark && (i > 0 || c == '_')))
            return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                            "handle '%.200s': byte 0x%02x at the %s of '%.*s', expected letters, "
                            "digits, '-', '_', '.'",
                            text, c, i ? "inside" : "beginning", (int)length, part);
    }
    return GRAFT_OK;
}

static graft_status check_version(const char *text, const char *part, size_t length,
                                  graft_error *err) {
    if (part[0] == '0' || length > 9)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "handle '%.200s': version '%.*s', expected a number from 1 to %d without "
                        "leading zeros",
                        text, (int)length, part, GFT_HANDLE_MAX_VERSION);
    return GRAFT_OK;
}

graft_status gft_handle_parse(const char *text, gft_handle *out, graft_error *err) {
    bool kaggle;
    size_t at = 0;
    const char *part = strip_url(text, &kaggle);
    size_t left = strcspn(part, "?"); /* the query says how to fetch, not what */
    out->parts = 0;
    out->versioned = false;
    if (part == text && text[left] == '?')
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "handle '%.200s': a '?', expected %s", text,
                        "publisher/model/version");
    for (;;) {
        size_t length = 0;
        while (length < left && part[length] != '/')
            length++;
        bool last = length == left;
        if (!(kaggle && is_filler(part, length))) {
            GFT_TRY(check_part(text, part, length, err));
            if (out->versioned)
                return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                                "handle '%.200s': a bare number before the last part", text);
            if (out->parts == GFT_HANDLE_MAX_PARTS || at + length + 1 > GFT_HANDLE_MAX_BYTES)
                return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                                "handle '%.200s...': too long, expected at most %d characters in "
                                "%d parts",
                                text, GFT_HANDLE_MAX_BYTES, GFT_HANDLE_MAX_PARTS);
            out->versioned = all_digits(part, length);
            if (out->versioned)
                GFT_TRY(check_version(text, part, length, err));
            if (at)
                out->text[at++] = '/';
            memcpy(out->text + at, part, length);
            at += length;
            out->parts++;
        }
        if (last)
            break;
        part += length + 1;
        left -= length + 1;
    }
    out->text[at] = '\0';
    if (strip_url(out->text, &kaggle) !=
        out->text) /* it would mean another handle when read again */
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "handle '%.200s': a URL within a URL", text);
    if (out->parts < GFT_HANDLE_MIN_PARTS - (out->versioned ? 0 : 1))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "handle '%.200s': expected publisher/model/version", text);
    return GRAFT_OK;
}

graft_status gft_handle_parse_versioned(const char *text, gft_handle *out, graft_error *err) {
    GFT_TRY(gft_handle_parse(text, out, err));
    if (out->versioned)
        return GRAFT_OK;
    char *slash = strrchr(out->text, '/');
    bool latest = slash && strcasecmp(slash + 1, "latest") == 0;
    if (latest)
        *slash = '\0';
    char *versions = gft_hub_known_versions(out->text);
    if (!versions)
        return gft_fail_memory(err, 64, "versions");
    graft_status status =
        gft_fail(err, GRAFT_INVALID_ARGUMENT,
                 "handle '%.200s': %s, so that it means the same tomorrow; %s%s", text,
                 latest ? "'latest' is no version, name one" : "no version, name one",
                 *versions ? "known versions: " : "no version of it is known here", versions);
    gft_free(versions);
    return status;
}

graft_status graft_hub_check_handle(const char *handle, graft_error *err) {
    gft_handle parsed;
    return gft_handle_parse_versioned(handle, &parsed, err);
}

bool gft_handle_looks_like_path(const char *text) {
    size_t length = strlen(text);
    return length == 0 || text[0] == '/' || text[0] == '.' || text[0] == '~' ||
           text[length - 1] == '/';
}
