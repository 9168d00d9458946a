/*
 * Listing the store: handles found by walking modules/, what is in each, and which versions of a
 * model are known.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/file.h"
#include "hub/handle.h"
#include "hub/store.h"
#include "hub/store_priv.h"

#define MAX_MODULES 100000

/* ---- all modules ---- */

void gft_store_names_free(gft_store_names *names) {
    gft_free(names->handles);
    gft_arena_deinit(&names->arena);
    *names = (gft_store_names){0};
}

static bool is_number(const char *name) {
    size_t digits = strspn(name, "0123456789");
    return digits > 0 && name[digits] == '\0';
}

static graft_status push_name(gft_store_names *names, const char *handle, graft_error *err) {
    if (names->count == MAX_MODULES)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "hub: more than %d modules", MAX_MODULES);
    const char **list = gft_realloc(names->handles, (names->count + 1) * sizeof *list);
    if (!list)
        return gft_fail_memory(err, (names->count + 1) * sizeof *list, "a list of modules");
    names->handles = list;
    list[names->count++] = handle;
    return GRAFT_OK;
}

/*
 * The directories of one depth after the other: those named by a bare number are modules, others
 * are parts of handles. What an installer writes at this moment has a suffix and is neither.
 */
static graft_status list_level(const char *top, gft_store_names *level, gft_store_names *next,
                               gft_store_names *modules, graft_error *err) {
    for (size_t i = 0; i < level->count; i++) {
        gft_dir_entry *entries = NULL;
        size_t count = 0;
        char *dir = *level->handles[i] ? gft_path_join(top, level->handles[i]) : gft_strdup(top);
        if (!dir)
            return gft_fail_memory(err, strlen(top) + 256, "a path");
        graft_status status = gft_dir_list(dir, &entries, &count, err);
        gft_free(dir);
        for (size_t k = 0; k < count && status == GRAFT_OK; k++) {
            if (!entries[k].is_dir || strstr(entries[k].name, ".partial-") ||
                strstr(entries[k].name, ".old-"))
                continue;
            const char *name =
                *level->handles[i]
                    ? gft_arena_format(&modules->arena, "%s/%s", level->handles[i], entries[k].name)
                    : gft_arena_strdup(&modules->arena, entries[k].name);
            if (!name)
                status = gft_fail_memory(err, 256, "a handle");
            else
                status = push_name(is_number(entries[k].name) ? modules : next, name, err);
        }
        gft_dir_list_free(entries, count);
        GFT_TRY(status);
    }
    return GRAFT_OK;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

graft_status gft_store_list(gft_store_names *out, graft_error *err) {
    graft_status status;
    char *top = NULL;
    gft_store_names level = {0};
    gft_store_names next = {0};
    *out = (gft_store_names){0};
    GFT_TRY(gft_store_path("modules", &top, err));
    if (!gft_dir_exists(top)) {
        gft_free(top);
        return GRAFT_OK;
    }
    GFT_GOTO(push_name(&level, "", err));
    for (int depth = 0; depth < GFT_HANDLE_MAX_PARTS && level.count > 0; depth++) {
        GFT_GOTO(list_level(top, &level, &next, out, err));
        gft_store_names_free(&level);
        level = next;
        next = (gft_store_names){0};
    }
    if (out->count)
        qsort(out->handles, out->count, sizeof *out->handles, by_text);
done:
    gft_store_names_free(&level);
    gft_store_names_free(&next);
    if (status != GRAFT_OK)
        gft_store_names_free(out);
    gft_free(top);
    return status;
}

/* Listed all the same, so that it can be seen and mended. */
static graft_status describe_broken(const char *handle, const char *dir, const char *why,
                                    graft_module_info *out, graft_error *err) {
    out->handle = gft_strdup(handle);
    out->path = gft_strdup(dir);
    out->description = gft_format("broken: %s", why);
    out->sha256 = gft_strdup("");
    out->license = gft_strdup("");
    out->source = gft_strdup("");
    out->input = gft_strdup("");
    out->added = gft_strdup("");
    bool all = out->handle && out->path && out->description && out->sha256 && out->license &&
               out->source && out->input && out->added;
    return all ? GRAFT_OK : gft_fail_memory(err, 256, "a list of modules");
}

graft_status graft_hub_list(graft_module_info **out, int32_t *count, graft_error *err) {
    graft_status status = GRAFT_OK;
    gft_store_names names;
    int32_t n = 0;
    GFT_TRY(gft_store_list(&names, err));
    graft_module_info *list = gft_calloc(names.count + 1, sizeof *list);
    if (!list) {
        status = gft_fail_memory(err, names.count * sizeof *list, "a list of modules");
        goto done;
    }
    for (size_t i = 0; i < names.count; i++) {
        char *dir = NULL;
        graft_error why;
        GFT_GOTO(gft_hub_module_path(names.handles[i], &dir, err));
        graft_status read = gft_hub_info(dir, &list[n], &why);
        if (read != GRAFT_OK)
            status = describe_broken(names.handles[i], dir, why.message, &list[n], err);
        n++;
        gft_free(dir);
        if (status != GRAFT_OK)
            goto done;
    }
    *out = list;
    *count = n;
    list = NULL;
done:
    graft_modules_free(list, n);
    gft_store_names_free(&names);
    return status;
}

/* ---- versions ---- */

/* Appends the version if the handle is `unversioned` and one. */
static graft_status add_version(gft_buffer *out, const char *handle, const char *unversioned) {
    size_t length = strlen(unversioned);
    if (strncmp(handle, unversioned, length) != 0 || handle[length] != '/' ||
        !is_number(handle + length + 1))
        return GRAFT_OK;
    const char *version = handle + length + 1;
    char marked[32];
    (void)snprintf(marked, sizeof marked, ", %s,", version);
    GFT_TRY(gft_buffer_terminate(out, NULL));
    /* the list so far, as ", 1, 2" with a comma to end the last one */
    char *so_far = gft_format("%s,", out->data ? (const char *)out->data : "");
    bool there = so_far && strstr(so_far, marked);
    gft_free(so_far);
    return there ? GRAFT_OK : gft_buffer_format(out, NULL, ", %s", version);
}

char *gft_hub_known_versions(const char *unversioned) {
    gft_buffer list;
    gft_store_names names = {0};
    const char *handle;
    const char *description;
    const char *source;
    graft_status status = GRAFT_OK;
    gft_buffer_init(&list, 4096);
    if (gft_store_list(&names, NULL) != GRAFT_OK)
        names = (gft_store_names){0}; /* then only the recipes are known */
    for (size_t i = 0; i < names.count && status == GRAFT_OK; i++)
        status = add_version(&list, names.handles[i], unversioned);
    for (size_t i = 0; status == GRAFT_OK && graft_hub_recipe(i, &handle, &description, &source);
         i++)
        status = add_version(&list, handle, unversioned);
    status = gft_buffer_terminate(&list, NULL);
    char *out =
        status == GRAFT_OK ? gft_strdup(list.bytes ? (const char *)list.data + 2 : "") : NULL;
    gft_store_names_free(&names);
    gft_buffer_deinit(&list);
    return out;
}
