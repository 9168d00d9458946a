/*
 * Listing, hashing and protecting a module's files (module_tree.h). Directories are walked with a
 * list of those still to be seen, not by recursion.
 */
#include "hub/module_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/file.h"
#include "hub/store.h"

void gft_tree_deinit(gft_tree *tree) {
    gft_free(tree->files);
    gft_arena_deinit(&tree->arena);
    *tree = (gft_tree){0};
}

graft_status gft_tree_add(gft_tree *tree, const char *path, uint64_t bytes, const char *sha256,
                          graft_error *err) {
    if (tree->count == GFT_TREE_MAX_FILES)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "module: more than %d files",
                        GFT_TREE_MAX_FILES);
    if (tree->count == tree->capacity) {
        size_t bigger = tree->capacity ? 2 * tree->capacity : 16;
        gft_tree_file *files = gft_realloc(tree->files, bigger * sizeof *files);
        if (!files)
            return gft_fail_memory(err, bigger * sizeof *files, "a list of files");
        tree->files = files;
        tree->capacity = bigger;
    }
    gft_tree_file *file = &tree->files[tree->count];
    *file = (gft_tree_file){.path = gft_arena_strdup(&tree->arena, path), .bytes = bytes};
    if (!file->path)
        return gft_fail_memory(err, strlen(path) + 1, "a file's name");
    if (sha256)
        memcpy(file->sha256, sha256, GFT_SHA256_TEXT);
    tree->count++;
    return GRAFT_OK;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const gft_tree_file *)a)->path, ((const gft_tree_file *)b)->path);
}

void gft_tree_sort(gft_tree *tree) {
    if (tree->count)
        qsort(tree->files, tree->count, sizeof *tree->files, by_path);
}

uint64_t gft_tree_bytes(const gft_tree *tree) {
    uint64_t sum = 0;
    for (size_t i = 0; i < tree->count; i++)
        sum += tree->files[i].bytes;
    return sum;
}

/* ---- walking ---- */

/* Called for each entry with its path below `dir` and the same joined to it. */
typedef graft_status (*visit_fn)(void *context, const char *relative, const char *full, bool is_dir,
                                 uint64_t bytes, graft_error *err);

typedef struct walk {
    gft_arena arena;
    const char **dirs; /* relative; "" is the top */
    int *depths;
    size_t count, capacity;
    visit_fn visit;
    void *context;
} walk;

static graft_status push_dir(walk *w, const char *relative, int depth, graft_error *err) {
    if (depth > GFT_TREE_MAX_DEPTH || w->count >= GFT_TREE_MAX_FILES)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED,
                        "module: '%s': directories deeper than %d or more than %d of them",
                        relative, GFT_TREE_MAX_DEPTH, GFT_TREE_MAX_FILES);
    if (w->count == w->capacity) {
        size_t bigger = w->capacity ? 2 * w->capacity : 16;
        const char **dirs = gft_realloc(w->dirs, bigger * sizeof *dirs);
        if (dirs)
            w->dirs = dirs;
        int *depths = gft_realloc(w->depths, bigger * sizeof *depths);
        if (depths)
            w->depths = depths;
        if (!dirs || !depths)
            return gft_fail_memory(err, bigger * sizeof *dirs, "a list of directories");
        w->capacity = bigger;
    }
    w->dirs[w->count] = relative;
    w->depths[w->count++] = depth;
    return GRAFT_OK;
}

static graft_status walk_entry(walk *w, const char *dir, const char *below, int depth,
                               const gft_dir_entry *entry, graft_error *err) {
    const char *relative = *below ? gft_arena_format(&w->arena, "%s/%s", below, entry->name)
                                  : gft_arena_strdup(&w->arena, entry->name);
    char *full = relative ? gft_path_join(dir, relative) : NULL;
    if (!full)
        return gft_fail_memory(err, strlen(entry->name) + 256, "a file's name");
    graft_status status;
    struct stat st;
    if (lstat(full, &st) != 0)
        status = gft_fail_errno(err, errno, "look at", full);
    else if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        status = gft_fail(err, GRAFT_FAILED_PRECONDITION,
                          "%s: a link or a device, expected a regular file", full);
    else
        status =
            w->visit(w->context, relative, full, S_ISDIR(st.st_mode), (uint64_t)st.st_size, err);
    if (status == GRAFT_OK && S_ISDIR(st.st_mode))
        status = push_dir(w, relative, depth + 1, err);
    gft_free(full);
    return status;
}

static graft_status walk_dir(walk *w, const char *dir, const char *below, int depth,
                             graft_error *err) {
    gft_dir_entry *entries = NULL;
    size_t count = 0;
    char *full = *below ? gft_path_join(dir, below) : gft_strdup(dir);
    if (!full)
        return gft_fail_memory(err, strlen(dir) + 256, "a directory's name");
    graft_status status = gft_dir_list(full, &entries, &count, err);
    for (size_t i = 0; i < count && status == GRAFT_OK; i++)
        status = walk_entry(w, dir, below, depth, &entries[i], err);
    gft_dir_list_free(entries, count);
    gft_free(full);
    return status;
}

static graft_status walk_tree(const char *dir, visit_fn visit, void *context, graft_error *err) {
    walk w = {.visit = visit, .context = context};
    gft_arena_init(&w.arena);
    graft_status status = push_dir(&w, "", 0, err);
    while (status == GRAFT_OK && w.count > 0) {
        w.count--;
        status = walk_dir(&w, dir, w.dirs[w.count], w.depths[w.count], err);
    }
    gft_free(w.dirs);
    gft_free(w.depths);
    gft_arena_deinit(&w.arena);
    return status;
}

/* ---- listing and hashing ---- */

static graft_status list_file(void *context, const char *relative, const char *full, bool is_dir,
                              uint64_t bytes, graft_error *err) {
    (void)full;
    if (is_dir || strcmp(relative, GFT_MODULE_FILE) == 0)
        return GRAFT_OK;
    return gft_tree_add(context, relative, bytes, NULL, err);
}

graft_status gft_tree_list(const char *dir, gft_tree *tree, graft_error *err) {
    GFT_TRY(walk_tree(dir, list_file, tree, err));
    gft_tree_sort(tree);
    return GRAFT_OK;
}

graft_status gft_tree_hash_files(const char *dir, gft_tree *tree, graft_error *err) {
    for (size_t i = 0; i < tree->count; i++) {
        char *full = gft_path_join(dir, tree->files[i].path);
        if (!full)
            return gft_fail_memory(err, strlen(dir) + 256, "a file's name");
        graft_status status = gft_sha256_file(full, tree->files[i].sha256, err);
        gft_free(full);
        GFT_TRY(status);
    }
    return GRAFT_OK;
}

graft_status gft_tree_hash(const gft_tree *tree, char out[GFT_SHA256_TEXT], graft_error *err) {
    graft_status status = GRAFT_OK;
    gft_buffer lines;
    gft_buffer_init(&lines, (size_t)1 << 30);
    for (size_t i = 0; i < tree->count; i++)
        GFT_GOTO(gft_buffer_format(&lines, err, "%s %llu %s\n", tree->files[i].sha256,
                                   (unsigned long long)tree->files[i].bytes, tree->files[i].path));
    GFT_GOTO(gft_sha256(lines.data ? lines.data : (const void *)"", lines.bytes, out, err));
done:
    gft_buffer_deinit(&lines);
    return status;
}

/* ---- modes ---- */

static graft_status set_mode(const char *path, bool is_dir, bool read_only, graft_error *err) {
    mode_t mode = is_dir ? (read_only ? 0555 : 0755) : (read_only ? 0444 : 0644);
    return chmod(path, mode) == 0 ? GRAFT_OK
                                  : gft_fail_errno(err, errno, "change the mode of", path);
}

static graft_status protect_entry(void *context, const char *relative, const char *full,
                                  bool is_dir, uint64_t bytes, graft_error *err) {
    (void)relative;
    (void)bytes;
    return set_mode(full, is_dir, *(const bool *)context, err);
}

graft_status gft_tree_protect(const char *dir, bool read_only, graft_error *err) {
    GFT_TRY(set_mode(dir, true, read_only, err));
    return walk_tree(dir, protect_entry, &read_only, err);
}
