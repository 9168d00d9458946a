/*
 * The store: modules/<handle>/ under graft_hub_home(), each a SavedModel with
 * assets.extra/module.json. Modules appear whole, are read-only from then on, and are known by the
 * sha256 of their tree.
 *
 * module.json: {"format": "graft-module", "version": 1, "handle", "sha256", "description",
 * "license", "source", "source_sha256", "input", "added", "parameters", "bytes", "files": [{"path",
 * "bytes", "sha256"}]}.
 */
#ifndef GFT_HUB_STORE_H
#define GFT_HUB_STORE_H

#include "base/error.h"
#include "graft/hub.h"

#define GFT_MODULE_FILE "assets.extra/module.json"

/* What an installer knows of a module before it is made; text is borrowed. NULL reads as "". */
typedef struct gft_module_meta {
    const char *description;
    const char *license;
    const char *source;
    const char *source_sha256;
    const char *input;
    int64_t parameters;
} gft_module_meta;

/**
 * Makes the module's directory at `dir` (which is not there yet) and may correct the meta
 * (parameters).
 */
typedef graft_status (*gft_module_fill)(void *context, const char *dir, gft_module_meta *meta,
                                        graft_error *err);

/**
 * Installs a module: fill writes it beside its place, then it is hashed, described, made read-only
 * and renamed.
 *
 * One installer at a time works on a store (flock on <home>/lock; a dead owner's lock is gone). A
 * sound module of the same source_sha256 is left as it is and OK; a broken one is replaced.
 * @param out [out] may be NULL
 * @return OK; ALREADY_EXISTS if the module is there from another source; FAILED_PRECONDITION if
 * graft.lock here pins
 *         another sha256; what fill returns
 */
GRAFT_MUST_CHECK graft_status gft_hub_install(const char *handle, const gft_module_meta *meta,
                                              gft_module_fill fill, void *context,
                                              graft_module_info *out, graft_error *err);

/** Reads the description of the module in this directory. Free with graft_module_info_deinit. */
GRAFT_MUST_CHECK graft_status gft_hub_info(const char *dir, graft_module_info *out,
                                           graft_error *err);
/** Directory of a handle in the store; gft_free. Whether it is there is not looked at. */
GRAFT_MUST_CHECK graft_status gft_hub_module_path(const char *handle, char **out, graft_error *err);
/**
 * Versions of an unversioned handle, in the store and among the recipes: "1, 2" or "". gft_free;
 * NULL: memory.
 */
char *gft_hub_known_versions(const char *unversioned);

#endif
