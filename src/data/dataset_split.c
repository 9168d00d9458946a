/*
 * Parting a data set: a seeded validation share and cross-validation folds, both per class; and a
 * model's class order.
 *
 * The draw for class c comes from (seed, GFT_RNG_SPLIT, c), so adding a class does not move the
 * pictures of another.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/size.h"
#include "data/dataset.h"

#define FOLD_STREAM ((uint64_t)1 << 32) /* folds draw other numbers than the validation share */

/*
 * Ids of the samples of a split, grouped by class: class c is ids[starts[c]] up to ids[starts[c +
 * 1]].
 */
typedef struct class_groups {
    uint32_t *ids;
    size_t *starts;
} class_groups;

static void free_groups(class_groups *groups) {
    gft_free(groups->ids);
    gft_free(groups->starts);
}

static graft_status group_by_class(const graft_dataset *dataset, graft_split split,
                                   class_groups *out, graft_error *err) {
    size_t classes = (size_t)dataset->class_count;
    class_groups groups = {gft_malloc((size_t)dataset->sample_count * sizeof(uint32_t)),
                           gft_calloc(classes + 2, sizeof(size_t))};
    if (!groups.ids || !groups.starts) {
        free_groups(&groups);
        return gft_fail_memory(err, (size_t)dataset->sample_count * sizeof(uint32_t),
                               "a list of samples");
    }
    /*
     * Counts go in two places ahead, so that after the filling pass starts[c] is where class c
     * begins.
     */
    size_t *ends = groups.starts + 1;
    for (size_t c = 0; c < classes; c++)
        ends[c + 1] = ends[c] + (size_t)graft_dataset_class_samples(dataset, split, (int32_t)c);
    for (int64_t i = 0; i < dataset->sample_count; i++) {
        const gft_sample *sample = &dataset->samples[i];
        if (split == GRAFT_SPLIT_ALL || sample->split == split)
            groups.ids[ends[sample->label]++] = (uint32_t)i;
    }
    *out = groups;
    return GRAFT_OK;
}

static uint32_t shuffle_class(class_groups *groups, int32_t label, uint64_t seed, uint64_t stream,
                              uint32_t **ids) {
    size_t from = groups->starts[label];
    uint32_t count = (uint32_t)(groups->starts[label + 1] - from);
    gft_rng rng = gft_rng_make(seed, GFT_RNG_SPLIT, stream + (uint64_t)label);
    *ids = groups->ids + from;
    gft_rng_shuffle(&rng, *ids, count);
    return count;
}

graft_status graft_dataset_split_validation(graft_dataset *dataset, double fraction, uint64_t seed,
                                            graft_error *err) {
    if (!(fraction >= 0.0 && fraction < 1.0))
        return gft_fail(err, GRAFT_INVALID_ARGUMENT,
                        "validation split: found %g, expected 0 <= fraction < 1", fraction);
    if (graft_dataset_count(dataset, GRAFT_SPLIT_VALIDATION) > 0)
        return gft_fail(err, GRAFT_FAILED_PRECONDITION,
                        "validation split: the data set has validation pictures of its own");
    class_groups groups;
    GFT_TRY(group_by_class(dataset, GRAFT_SPLIT_TRAIN, &groups, err));
    for (int32_t label = 0; label < dataset->class_count; label++) {
        uint32_t *ids;
        uint32_t count = shuffle_class(&groups, label, seed, 0, &ids);
        uint32_t moved = (uint32_t)lrint(fraction * count);
        if (count > 0 && moved >= count)
            moved = count - 1;
        for (uint32_t i = 0; i < moved; i++)
            dataset->samples[ids[i]].split = GRAFT_SPLIT_VALIDATION;
    }
    free_groups(&groups);
    return gft_dataset_recount(dataset, err);
}

graft_status graft_dataset_folds(const graft_dataset *dataset, graft_split split, int32_t folds,
                                 uint64_t seed, int32_t *fold_of, graft_error *err) {
    if (folds < 1)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "folds: found %d, expected at least 1", folds);
    class_groups groups;
    GFT_TRY(group_by_class(dataset, split, &groups, err));
    for (int64_t i = 0; i < dataset->sample_count; i++)
        fold_of[i] = -1;
    int64_t next = 0; /* runs on from class to class, so folds differ by one sample at most */
    for (int32_t label = 0; label < dataset->class_count; label++) {
        uint32_t *ids;
        uint32_t count = shuffle_class(&groups, label, seed, FOLD_STREAM, &ids);
        for (uint32_t i = 0; i < count; i++)
            fold_of[ids[i]] = (int32_t)(next++ % folds);
    }
    free_groups(&groups);
    return GRAFT_OK;
}

graft_status graft_dataset_relabel(graft_dataset *dataset, const char *const *classes,
                                   int32_t count, graft_error *err) {
    if (count < 1 || count > GFT_DATASET_MAX_CLASSES)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "classes: found %d names, expected 1 to %d",
                        count, GFT_DATASET_MAX_CLASSES);
    graft_status status = GRAFT_OK;
    int32_t *now = gft_malloc((size_t)dataset->class_count * sizeof *now);
    const char **names = gft_malloc((size_t)count * sizeof *names);
    if (!now || !names)
        GFT_GOTO(gft_fail_memory(err, (size_t)count * sizeof *names, "class names"));
    for (int32_t old = 0; old < dataset->class_count; old++) {
        now[old] = -1;
        for (int32_t i = 0; i < count && now[old] < 0; i++)
            if (strcmp(classes[i], dataset->classes[old]) == 0)
                now[old] = i;
        if (now[old] < 0)
            GFT_GOTO(gft_fail(err, GRAFT_NOT_FOUND,
                              "class '%.100s' of the data set is not among the model's %d classes",
                              dataset->classes[old], count));
    }
    for (int32_t i = 0; i < count; i++) {
        names[i] = gft_arena_strdup(&dataset->arena, classes[i]);
        if (!names[i])
            GFT_GOTO(gft_fail_memory(err, strlen(classes[i]) + 1, "a class name"));
    }
    for (int64_t i = 0; i < dataset->sample_count; i++)
        dataset->samples[i].label = now[dataset->samples[i].label];
    gft_free(dataset->classes);
    dataset->classes = names;
    names = NULL;
    dataset->class_count = count;
    dataset->class_capacity = count;
    status = gft_dataset_recount(dataset, err);
done:
    gft_free(now);
    gft_free(names);
    return status;
}
