/*
 * What store.c and install.c share: paths below the store's directory, the list of modules, the
 * check of one.
 */
#ifndef GFT_HUB_STORE_PRIV_H
#define GFT_HUB_STORE_PRIV_H

#include <stdbool.h>

#include "base/arena.h"
#include "hub/module_json.h"

/** A path below graft_hub_home(); gft_free. */
GRAFT_MUST_CHECK graft_status gft_store_path(const char *below, char **out, graft_error *err);

/* Handles of the modules in the store, sorted; whether they are sound is not looked at. */
typedef struct gft_store_names {
    gft_arena arena;
    const char **handles;
    size_t count;
} gft_store_names;
GRAFT_MUST_CHECK graft_status gft_store_list(gft_store_names *out, graft_error *err);
void gft_store_names_free(gft_store_names *names);

/**
 * The files of dir are those of module.json, with their sizes; DATA_LOSS names the first that is
 * not.
 */
GRAFT_MUST_CHECK graft_status gft_store_compare(const char *dir, const gft_module *module,
                                                graft_error *err);
/**
 * Reads a module and compares its files; contents: hashes them too.
 * @param out [out] may be NULL; gft_module_deinit
 */
GRAFT_MUST_CHECK graft_status gft_store_check(const char *dir, const char *handle, bool contents,
                                              gft_module *out, graft_error *err);

#endif
