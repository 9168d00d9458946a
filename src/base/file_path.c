/*
 * Names of files: joining, last part, extension; and whether something is there.
 */
#include "base/file.h"

#include <ctype.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"

char *gft_path_join(const char *a, const char *b) {
    size_t length = strlen(a);
    if (length == 0)
        return gft_strdup(b);
    const char *slash = a[length - 1] == '/' ? "" : "/";
    return gft_format("%s%s%s", a, slash, b);
}

char *gft_path_dir(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash)
        return gft_format(".");
    return slash == path ? gft_format("/") : gft_format("%.*s", (int)(slash - path), path);
}

const char *gft_path_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *gft_path_extension(const char *path, char out[16]) {
    const char *base = gft_path_base(path);
    const char *dot = strrchr(base, '.');
    out[0] = '\0';
    if (!dot || dot == base || strlen(dot + 1) > 15)
        return out;
    size_t i = 0;
    for (const char *c = dot + 1; *c; c++)
        out[i++] = (char)tolower((unsigned char)*c);
    out[i] = '\0';
    return out;
}

bool gft_file_exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

bool gft_dir_exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}
