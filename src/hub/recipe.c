/*
 * Using recipes (recipe.h): the compiled-in ones by name, tensor names through the rules, labels,
 * the source's bytes.
 */
#include "hub/recipe.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/words.h"
#include "formats/zip_archive.h"
#include "graft/hub.h"
#include "hub/sha256.h"

#define MAX_SOURCE_BYTES ((size_t)4 << 30)
#define MAX_LABEL_BYTES ((size_t)64 << 20)

/* ---- compiled in ---- */

bool graft_hub_recipe(size_t i, const char **handle, const char **description,
                      const char **source) {
    if (i >= gft_recipe_entry_count)
        return false;
    *handle = gft_recipe_entries[i].handle;
    *description = gft_recipe_entries[i].description;
    *source = gft_recipe_entries[i].source;
    return true;
}

/* Names joined by commas, as many as there is room for. */
static const char *known_recipes(char *out, size_t size) {
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < gft_recipe_entry_count && at + 1 < size; i++) {
        int n = snprintf(out + at, size - at, "%s%s", i ? ", " : "", gft_recipe_entries[i].name);
        at += n > 0 ? (size_t)n : 0;
    }
    return out;
}

graft_status gft_recipe_find(const char *name, gft_recipe *out, graft_error *err) {
    const char *words[64] = {NULL};
    size_t count = 0;
    for (size_t i = 0; i < gft_recipe_entry_count; i++) {
        const gft_recipe_entry *entry = &gft_recipe_entries[i];
        if (strcmp(name, entry->handle) == 0 || strcmp(name, entry->name) == 0)
            return gft_recipe_parse(entry->text, strlen(entry->text), entry->name, out, err);
        if (count + 2 <= sizeof words / sizeof words[0]) {
            words[count++] = entry->handle;
            words[count++] = entry->name;
        }
    }
    const char *near = gft_words_nearest(name, words, count);
    if (near)
        return gft_fail(err, GRAFT_NOT_FOUND, "no recipe '%.200s', did you mean '%s'?", name, near);
    char list[256];
    return gft_fail(err, GRAFT_NOT_FOUND, "no recipe '%.200s', expected a recipe file or one of %s",
                    name, known_recipes(list, sizeof list));
}

/* ---- tensor names ---- */

static const gft_recipe_list *find_list(const gft_recipe *recipe, const char *name, size_t length) {
    for (int32_t i = 0; i < recipe->list_count; i++) {
        const gft_recipe_list *list = &recipe->lists[i];
        if (strlen(list->name) == length && strncmp(list->name, name, length) == 0)
            return list;
    }
    return NULL;
}

static const gft_recipe_word *longest_word(const gft_recipe_list *list, const char *at) {
    const gft_recipe_word *best = NULL;
    for (int32_t i = 0; i < list->count; i++) {
        const char *word = list->words[i].to;
        size_t length = strlen(word);
        if (strncmp(word, at, length) == 0 && (!best || length > strlen(best->to)))
            best = &list->words[i];
    }
    return best;
}

/* What a template's variables were found to be. */
typedef struct found {
    const gft_recipe_list *lists[GFT_RECIPE_MAX_VARIABLES];
    const gft_recipe_word *words[GFT_RECIPE_MAX_VARIABLES];
    int count;
} found;

static bool match(const gft_recipe *recipe, const char *template, const char *name, found *out) {
    out->count = 0;
    while (*template) {
        if (*template != '{') {
            if (*template ++ != *name++)
                return false;
            continue;
        }
        const char *end = strchr(template, '}'); /* there is one: checked when parsed */
        const gft_recipe_list *list = find_list(recipe, template + 1, (size_t)(end - template - 1));
        const gft_recipe_word *word = list ? longest_word(list, name) : NULL;
        if (!word || out->count == GFT_RECIPE_MAX_VARIABLES)
            return false;
        out->lists[out->count] = list;
        out->words[out->count++] = word;
        name += strlen(word->to);
        template = end + 1;
    }
    return *name == '\0';
}

static bool append(char *out, size_t *at, const char *text, size_t length) {
    if (*at + length >= GFT_RECIPE_MAX_NAME)
        return false;
    memcpy(out + *at, text, length);
    *at += length;
    out[*at] = '\0';
    return true;
}

/* Variables of one list are taken in the order they were found in. */
static bool expand(const gft_recipe *recipe, const char *template, const found *f, char *out) {
    bool used[GFT_RECIPE_MAX_VARIABLES] = {false};
    size_t at = 0;
    out[0] = '\0';
    while (*template) {
        size_t plain = strcspn(template, "{");
        if (!append(out, &at, template, plain))
            return false;
        template += plain;
        if (!*template)
            break;
        const char *end = strchr(template, '}');
        const gft_recipe_list *list = find_list(recipe, template + 1, (size_t)(end - template - 1));
        int i = 0;
        while (i < f->count && (used[i] || f->lists[i] != list))
            i++;
        if (i == f->count || !append(out, &at, f->words[i]->from, strlen(f->words[i]->from)))
            return false;
        used[i] = true;
        template = end + 1;
    }
    return true;
}

graft_status gft_recipe_map(const gft_recipe *recipe, const char *to,
                            char from[GFT_RECIPE_MAX_NAME], const gft_recipe_rule **rule,
                            graft_error *err) {
    for (int32_t i = 0; i < recipe->rule_count; i++) {
        found f;
        if (match(recipe, recipe->rules[i].to, to, &f) &&
            expand(recipe, recipe->rules[i].from, &f, from)) {
            *rule = &recipe->rules[i];
            return GRAFT_OK;
        }
    }
    return gft_fail(err, GRAFT_NOT_FOUND, "recipe '%s': no rule says where '%s' comes from",
                    recipe->handle, to);
}

/* ---- labels ---- */

static graft_status labels_text(const gft_recipe *recipe, uint8_t **text, graft_error *err) {
    size_t bytes = 0;
    if (recipe->dir) {
        char *path = gft_path_join(recipe->dir, recipe->labels_file);
        if (!path)
            return gft_fail_memory(err, 256, "a path");
        graft_status status = gft_file_read(path, MAX_LABEL_BYTES, text, &bytes, err);
        gft_free(path);
        return status;
    }
    for (size_t i = 0; i < gft_recipe_text_count; i++) {
        if (strcmp(gft_recipe_texts[i].name, recipe->labels_file) == 0) {
            *text = (uint8_t *)gft_strdup(gft_recipe_texts[i].text);
            return *text ? GRAFT_OK : gft_fail_memory(err, 1 << 16, "labels");
        }
    }
    return gft_fail(err, GRAFT_NOT_FOUND, "recipe '%s': no label list '%s'", recipe->handle,
                    recipe->labels_file);
}

graft_status gft_recipe_labels(gft_recipe *recipe, const char *const **labels, int32_t *count,
                               graft_error *err) {
    uint8_t *text = NULL;
    *labels = NULL;
    *count = 0;
    if (!recipe->labels_file)
        return GRAFT_OK;
    GFT_TRY(labels_text(recipe, &text, err));
    char *copy = gft_arena_strdup(&recipe->arena, (const char *)text);
    gft_free(text);
    size_t lines = 0;
    for (const char *c = copy; c && *c; c++)
        lines += *c == '\n' || c[1] == '\0';
    const char **list = copy ? gft_arena_array(&recipe->arena, lines + 1, sizeof *list) : NULL;
    if (!list)
        return gft_fail_memory(err, lines * sizeof *list, "labels");
    if (lines > GFT_RECIPE_MAX_LABELS)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "recipe '%s': %zu labels", recipe->handle,
                        lines);
    int32_t n = 0;
    for (char *line = copy; *line;) {
        size_t length = strcspn(line, "\n");
        char *next = line[length] ? line + length + 1 : line + length;
        line[length] = '\0';
        if (length && line[length - 1] == '\r')
            line[length - 1] = '\0';
        list[n++] = line;
        line = next;
    }
    *labels = list;
    *count = n;
    return GRAFT_OK;
}

/* ---- the source's bytes ---- */

static bool is_zip(const uint8_t *data, size_t bytes) {
    return bytes >= 4 && memcmp(data, "PK\003\004", 4) == 0;
}

graft_status gft_recipe_source_open(const gft_recipe *recipe, const char *path,
                                    gft_recipe_source *out, graft_error *err) {
    graft_status status;
    gft_map map;
    char hash[GFT_SHA256_TEXT];
    gft_recipe_source source = {0};
    GFT_TRY(gft_map_open(path, &map, err));
    if (is_zip(map.data, map.bytes)) {
        gft_map_close(&map);
        GFT_TRY(gft_zip_read_member(path, recipe->member, MAX_SOURCE_BYTES, &source.owned,
                                    &source.bytes, err));
        source.data = source.owned;
    } else {
        source.data = source.mapped = map.data;
        source.bytes = map.bytes;
    }
    GFT_GOTO(gft_sha256(source.data, source.bytes, hash, err));
    if (strcmp(hash, recipe->sha256) != 0) {
        status = gft_fail(err, GRAFT_DATA_LOSS,
                          "%s: the weights' sha256 is %.16s..., module '%s' is made from %.16s... "
                          "(%s %s)",
                          path, hash, recipe->handle, recipe->sha256, recipe->package,
                          recipe->package_version);
        goto done;
    }
    *out = source;
    return GRAFT_OK;
done:
    gft_recipe_source_close(&source);
    return status;
}

void gft_recipe_source_close(gft_recipe_source *source) {
    gft_free(source->owned);
    if (source->mapped) {
        gft_map map = {source->mapped, source->bytes};
        gft_map_close(&map);
    }
    *source = (gft_recipe_source){0};
}
