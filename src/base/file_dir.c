/*
 * Directories: making with parents, listing in a fixed order, removing a tree without following
 * links or recursing.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/size.h"

#define MAX_DEPTH 64
#define MAX_ENTRIES ((size_t)1 << 24)

graft_status gft_dir_make(const char *path, graft_error *err) {
    char *copy = gft_strdup(path);
    if (!copy)
        return gft_fail_memory(err, strlen(path) + 1, "a folder name");
    graft_status status = GRAFT_OK;
    for (char *p = copy + 1; *copy && status == GRAFT_OK; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char kept = *p;
        *p = '\0';
        if (mkdir(copy, 0777) != 0 && !(errno == EEXIST && gft_dir_exists(copy)))
            status = gft_fail_errno(err, errno, "make the folder", copy);
        *p = kept;
        if (kept == '\0')
            break;
    }
    gft_free(copy);
    return status;
}

static int by_name(const void *a, const void *b) {
    const gft_dir_entry *x = a;
    const gft_dir_entry *y = b;
    return strcmp(x->name, y->name);
}

static bool is_dot(const char *name) {
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static graft_status add_entry(DIR *dir, const char *name, gft_dir_entry **list, size_t *count,
                              size_t *capacity, graft_error *err) {
    if (*count == *capacity) {
        size_t larger = *capacity ? *capacity * 2 : 16;
        if (larger > MAX_ENTRIES)
            return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "folder: more than %zu entries",
                            MAX_ENTRIES);
        gft_dir_entry *grown = gft_realloc(*list, larger * sizeof **list);
        if (!grown)
            return gft_fail_memory(err, larger * sizeof **list, "a list of files");
        *list = grown;
        *capacity = larger;
    }
    struct stat st;
    if (fstatat(dirfd(dir), name, &st, 0) != 0 &&
        fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return GRAFT_OK; /* gone meanwhile */
    char *copy = gft_strdup(name);
    if (!copy)
        return gft_fail_memory(err, strlen(name) + 1, "a file name");
    bool is_dir = S_ISDIR(st.st_mode);
    (*list)[(*count)++] =
        (gft_dir_entry){copy, is_dir, is_dir || st.st_size < 0 ? 0 : (uint64_t)st.st_size};
    return GRAFT_OK;
}

graft_status gft_dir_list(const char *path, gft_dir_entry **entries, size_t *count,
                          graft_error *err) {
    DIR *dir = opendir(path);
    if (!dir)
        return gft_fail_errno(err, errno, "list", path);
    gft_dir_entry *list = NULL;
    size_t found = 0;
    size_t capacity = 0;
    graft_status status = GRAFT_OK;
    while (status == GRAFT_OK) {
        errno = 0;
        struct dirent *entry = readdir(dir);
        if (!entry) {
            if (errno)
                status = gft_fail_errno(err, errno, "list", path);
            break;
        }
        if (!is_dot(entry->d_name))
            status = add_entry(dir, entry->d_name, &list, &found, &capacity, err);
    }
    closedir(dir);
    if (status != GRAFT_OK) {
        gft_dir_list_free(list, found);
        return status;
    }
    if (found > 1)
        qsort(list, found, sizeof *list, by_name);
    *entries = list;
    *count = found;
    return GRAFT_OK;
}

void gft_dir_list_free(gft_dir_entry *entries, size_t count) {
    for (size_t i = 0; i < count; i++)
        gft_free(entries[i].name);
    gft_free(entries);
}

/* One level of a tree being removed: an open folder and its name in the folder above. */
typedef struct tree_level {
    DIR *dir;
    char *name;
} tree_level;

static graft_status enter(tree_level *level, int above, const char *name, const char *path,
                          graft_error *err) {
    level->name = gft_strdup(name);
    if (!level->name)
        return gft_fail_memory(err, strlen(name) + 1, "a folder name");
    int fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    level->dir = fd < 0 ? NULL : fdopendir(fd);
    if (level->dir)
        return GRAFT_OK;
    int failed = errno;
    if (fd >= 0)
        close(fd);
    gft_free(level->name);
    return gft_fail_errno(err, failed, "remove", path);
}

/*
 * Removes what is in the innermost open folder until it is empty or a folder is met (its name then
 * in *folder).
 */
static graft_status remove_files(DIR *dir, const char **folder, const char *path,
                                 graft_error *err) {
    *folder = NULL;
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(dir);
        if (!entry)
            return errno ? gft_fail_errno(err, errno, "remove", path) : GRAFT_OK;
        if (is_dot(entry->d_name))
            continue;
        struct stat st;
        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue; /* gone meanwhile */
        if (S_ISDIR(st.st_mode)) {
            *folder = entry->d_name;
            return GRAFT_OK;
        }
        if (unlinkat(dirfd(dir), entry->d_name, 0) != 0 && errno != ENOENT)
            return gft_fail_errno(err, errno, "remove", path);
    }
}

graft_status gft_tree_remove(const char *path, graft_error *err) {
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? GRAFT_OK : gft_fail_errno(err, errno, "remove", path);
    if (!S_ISDIR(st.st_mode))
        return unlink(path) == 0 ? GRAFT_OK : gft_fail_errno(err, errno, "remove", path);
    tree_level levels[MAX_DEPTH];
    int depth = 0;
    GFT_TRY(enter(&levels[0], AT_FDCWD, path, path, err));
    depth = 1;
    graft_status status = GRAFT_OK;
    while (depth > 0 && status == GRAFT_OK) {
        const char *folder;
        DIR *dir = levels[depth - 1].dir;
        status = remove_files(dir, &folder, path, err);
        if (status != GRAFT_OK)
            break;
        if (folder && depth == MAX_DEPTH) {
            status = gft_fail(err, GRAFT_OUT_OF_RANGE, "%s: folders are nested deeper than %d",
                              path, MAX_DEPTH);
        } else if (folder) {
            status = enter(&levels[depth], dirfd(dir), folder, path, err);
            depth += status == GRAFT_OK;
        } else {
            depth--;
            closedir(dir);
            int above = depth > 0 ? dirfd(levels[depth - 1].dir) : AT_FDCWD;
            if (unlinkat(above, levels[depth].name, AT_REMOVEDIR) != 0)
                status = gft_fail_errno(err, errno, "remove", path);
            gft_free(levels[depth].name);
        }
    }
    while (depth > 0) {
        depth--;
        closedir(levels[depth].dir);
        gft_free(levels[depth].name);
    }
    return status;
}
