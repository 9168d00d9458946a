/*
 * Importing published picture sets: the table of kinds, and the frame around each (checks, staging
 * folder, commit).
 */
#include "data/import.h"

#include <string.h>

#include "base/file.h"
#include "base/words.h"

typedef struct import_kind {
    const char *name;
    const char *description;
    gft_import_fn import;
} import_kind;

static const import_kind kinds[] = {
    {"elpv",
     "solar cells, 4 classes, from the elpv-dataset wheel (CC BY-NC-SA 4.0: evaluation only)",
     gft_import_elpv},
};

#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

graft_import_options graft_import_options_default(void) {
    return (graft_import_options){1, 0.25};
}

bool graft_data_import_kind(size_t i, const char **kind, const char **description) {
    if (i >= KIND_COUNT)
        return false;
    *kind = kinds[i].name;
    *description = kinds[i].description;
    return true;
}

static graft_status find_kind(const char *name, const import_kind **out, graft_error *err) {
    const char *words[KIND_COUNT];
    for (size_t i = 0; i < KIND_COUNT; i++) {
        words[i] = kinds[i].name;
        if (strcmp(kinds[i].name, name) == 0) {
            *out = &kinds[i];
            return GRAFT_OK;
        }
    }
    const char *nearest = gft_words_nearest(name, words, KIND_COUNT);
    return gft_fail(err, GRAFT_INVALID_ARGUMENT, "import: unknown kind '%.40s'%s%s%s; known: elpv",
                    name, nearest ? " (did you mean '" : "", nearest ? nearest : "",
                    nearest ? "'?)" : "");
}

graft_status graft_data_import(const char *kind, const char *file, const char *dir,
                               const graft_import_options *options, graft_import_report *report,
                               graft_error *err) {
    const import_kind *found;
    GFT_TRY(find_kind(kind, &found, err));
    graft_import_options chosen = options ? *options : graft_import_options_default();
    if (!(chosen.test_fraction >= 0.0 && chosen.test_fraction < 1.0))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "import: found test fraction %g, expected 0 <= fraction < 1",
                        chosen.test_fraction);
    if (gft_dir_exists(dir) || gft_file_exists(dir))
        return gft_fail(err, GRAFT_ALREADY_EXISTS, "%s: exists already; import into a new folder",
                        dir);

    gft_staging staging;
    GFT_TRY(gft_staging_open(&staging, dir, err));
    graft_status status = GRAFT_OK;
    graft_import_report made = {0};
    GFT_GOTO(found->import(file, staging.temp_path, &chosen, &made, err));
    GFT_GOTO(gft_staging_commit(&staging, false, err));
    if (report)
        *report = made;
    return GRAFT_OK;
done:
    gft_staging_abort(&staging);
    return status;
}
