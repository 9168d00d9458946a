/*
 * module.json of a module in the store: read with every field checked, written sorted.
 */
#ifndef GFT_HUB_MODULE_JSON_H
#define GFT_HUB_MODULE_JSON_H

#include "graft/hub.h"
#include "hub/module_tree.h"

/* A module's description and its files. Zeroed is empty; gft_module_deinit. */
typedef struct gft_module {
    graft_module_info info; /* path: the directory it was read from */
    char *source_sha256;    /* "" if it has no source */
    gft_tree tree;          /* with hashes */
} gft_module;

void gft_module_deinit(gft_module *module);
/** Parses module.json's text; `where` names it. */
GRAFT_MUST_CHECK graft_status gft_module_parse(const char *text, size_t bytes, const char *where,
                                               gft_module *out, graft_error *err);
/** Reads dir/assets.extra/module.json. NOT_FOUND if there is none. */
GRAFT_MUST_CHECK graft_status gft_module_read(const char *dir, gft_module *out, graft_error *err);
GRAFT_MUST_CHECK graft_status gft_module_write(const char *dir, const gft_module *module,
                                               graft_error *err);

#endif
