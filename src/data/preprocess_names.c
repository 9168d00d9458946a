/*
 * The words of a preprocessing rule, for flags and JSON: number to name and back, with the nearest
 * right word for a wrong one.
 */
#include <string.h>

#include "base/error.h"
#include "base/words.h"
#include "graft/data.h"

static const char *const mode_names[] = {"squeeze", "crop", "pad"};
static const char *const interpolation_names[] = {"nearest", "bilinear", "bicubic", "area",
                                                  "lanczos3"};
static const char *const flavour_names[] = {"pil", "tf"};

#define COUNT(names) (sizeof(names) / sizeof(names)[0])

static const char *name_of(const char *const *names, size_t count, int value) {
    return value >= 0 && (size_t)value < count ? names[value] : "?";
}

static graft_status parse(const char *what, const char *const *names, size_t count,
                          const char *name, int *out, graft_error *err) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            *out = (int)i;
            return GRAFT_OK;
        }
    }
    char list[80] = "";
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(names[i]);
        if (used + n + 3 > sizeof list)
            break;
        if (i > 0) {
            memcpy(list + used, ", ", 2);
            used += 2;
        }
        memcpy(list + used, names[i], n + 1);
        used += n;
    }
    const char *nearest = gft_words_nearest(name, names, count);
    return gft_fail(err, GRAFT_INVALID_ARGUMENT, "%s: found '%.40s', expected one of %s%s%s%s",
                    what, name, list, nearest ? " (did you mean '" : "", nearest ? nearest : "",
                    nearest ? "'?)" : "");
}

const char *graft_resize_mode_name(graft_resize_mode mode) {
    return name_of(mode_names, COUNT(mode_names), (int)mode);
}

const char *graft_interpolation_name(graft_interpolation interpolation) {
    return name_of(interpolation_names, COUNT(interpolation_names), (int)interpolation);
}

const char *graft_resize_flavour_name(graft_resize_flavour flavour) {
    return name_of(flavour_names, COUNT(flavour_names), (int)flavour);
}

graft_status graft_resize_mode_parse(const char *name, graft_resize_mode *out, graft_error *err) {
    int value = 0;
    GFT_TRY(parse("resize mode", mode_names, COUNT(mode_names), name, &value, err));
    *out = (graft_resize_mode)value;
    return GRAFT_OK;
}

graft_status graft_interpolation_parse(const char *name, graft_interpolation *out,
                                       graft_error *err) {
    int value = 0;
    GFT_TRY(
        parse("interpolation", interpolation_names, COUNT(interpolation_names), name, &value, err));
    *out = (graft_interpolation)value;
    return GRAFT_OK;
}

graft_status graft_resize_flavour_parse(const char *name, graft_resize_flavour *out,
                                        graft_error *err) {
    int value = 0;
    GFT_TRY(parse("resize flavour", flavour_names, COUNT(flavour_names), name, &value, err));
    *out = (graft_resize_flavour)value;
    return GRAFT_OK;
}
