/*
 * Imports: a table of kinds, each turning one published archive into class folders inside a staging
 * folder.
 */
#ifndef GFT_DATA_IMPORT_H
#define GFT_DATA_IMPORT_H

#include "base/error.h"
#include "graft/data.h"

/** Fills `dir` (which exists and is empty) with train/ and test/ of class folders. */
typedef graft_status (*gft_import_fn)(const char *file, const char *dir,
                                      const graft_import_options *options,
                                      graft_import_report *report, graft_error *err);

GRAFT_MUST_CHECK graft_status gft_import_elpv(const char *file, const char *dir,
                                              const graft_import_options *options,
                                              graft_import_report *report, graft_error *err);

#endif
