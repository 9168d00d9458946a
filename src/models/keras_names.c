/*
 * Snake case by Keras' two rules, and counting per class.
 */
#include "models/keras_names.h"

#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"

static bool upper(char c) {
    return c >= 'A' && c <= 'Z';
}
static bool lower(char c) {
    return c >= 'a' && c <= 'z';
}

/*
 * (.)([A-Z][a-z]+) -> \1_\2, then ([a-z])([A-Z]) -> \1_\2, then lower case. The first rule takes
 * what it matched out of its own further matching: a capital right behind a match cannot be its
 * first character.
 */
void gft_keras_snake_case(const char *name, char out[GFT_KERAS_CLASS_BYTES]) {
    bool before[GFT_KERAS_CLASS_BYTES] = {false}; /* an underscore stands before this character */
    const size_t n = strnlen(name, GFT_KERAS_CLASS_BYTES);
    for (size_t i = 0; i + 2 < n;) {
        if (!upper(name[i + 1]) || !lower(name[i + 2])) {
            i++;
            continue;
        }
        before[i + 1] = true;
        i += 2;
        while (i < n && lower(name[i]))
            i++;
    }
    for (size_t i = 1; i < n; i++)
        before[i] = before[i] || (lower(name[i - 1]) && upper(name[i]));
    size_t at = 0;
    for (size_t i = 0; i < n && at + 2 < GFT_KERAS_CLASS_BYTES; i++) {
        if (before[i])
            out[at++] = '_';
        out[at++] = upper(name[i]) ? (char)(name[i] - 'A' + 'a') : name[i];
    }
    out[at] = '\0';
}

static graft_status find_class(gft_keras_counter *counter, const char *name, gft_arena *arena,
                               struct gft_keras_class **out, graft_error *err) {
    for (int32_t i = 0; i < counter->count; i++) {
        if (strcmp(counter->classes[i].name, name) == 0) {
            *out = &counter->classes[i];
            return GRAFT_OK;
        }
    }
    if (counter->count == counter->capacity) {
        const int32_t capacity = counter->capacity ? counter->capacity * 2 : 16;
        struct gft_keras_class *classes =
            gft_realloc(counter->classes, (size_t)capacity * sizeof *classes);
        if (!classes)
            return gft_fail_memory(err, (size_t)capacity * sizeof *classes, "classes of layers");
        counter->classes = classes;
        counter->capacity = capacity;
    }
    const char *copy = gft_arena_strdup(arena, name);
    if (!copy)
        return gft_fail_memory(err, strlen(name) + 1, "a class' name");
    *out = &counter->classes[counter->count++];
    **out = (struct gft_keras_class){copy, 0};
    return GRAFT_OK;
}

bool gft_keras_same_layer(const char *a, const char *b) {
    for (; *a && *b; a++, b++) {
        if ((*a == '/' ? '_' : *a) != (*b == '/' ? '_' : *b))
            return false;
    }
    return *a == *b;
}

graft_status gft_keras_next_place(gft_keras_counter *counter, const char *class_name,
                                  gft_arena *arena, const char **out, graft_error *err) {
    char name[GFT_KERAS_CLASS_BYTES];
    struct gft_keras_class *known = NULL;
    gft_keras_snake_case(class_name, name);
    GFT_TRY(find_class(counter, name, arena, &known, err));
    const char *place = known->name;
    if (known->count > 0)
        place = gft_arena_format(arena, "%s_%d", known->name, (int)known->count);
    if (!place)
        return gft_fail_memory(err, sizeof name, "a layer's place");
    known->count++;
    *out = place;
    return GRAFT_OK;
}

void gft_keras_counter_deinit(gft_keras_counter *counter) {
    gft_free(counter->classes);
    *counter = (gft_keras_counter){0};
}
