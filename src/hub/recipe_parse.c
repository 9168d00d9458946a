/*
 * Recipe text to fields (recipe.h), every one checked: a recipe file may come from anywhere.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "hub/handle.h"
#include "hub/recipe.h"
#include "hub/sha256.h"

#define FORMAT_NAME "graft-recipe"
#define FORMAT_VERSION 1

typedef struct parser {
    gft_recipe *recipe;
    const char *where;
    graft_error *err;
} parser;

void gft_recipe_deinit(gft_recipe *recipe) {
    gft_arena_deinit(&recipe->arena);
    *recipe = (gft_recipe){0};
}

static graft_status wrong(const parser *p, const char *key, const char *expected) {
    return gft_fail(p->err, GRAFT_INVALID_ARGUMENT, "recipe %s: '%s' is not %s", p->where, key,
                    expected);
}

static graft_status keep_text(const parser *p, const char *text, const char **out) {
    *out = gft_arena_strdup(&p->recipe->arena, text);
    return *out ? GRAFT_OK : gft_fail_memory(p->err, strlen(text) + 1, "a recipe");
}

/* One line of printable text. */
static graft_status read_text(const parser *p, const json_t *object, const char *key,
                              const char **out) {
    const json_t *value = json_object_get(object, key);
    const char *text = json_string_value(value);
    if (!text || !*text || json_string_length(value) > 4096)
        return wrong(p, key, "a text");
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return wrong(p, key, "one line of text");
    }
    return keep_text(p, text, out);
}

static graft_status read_number(const parser *p, const json_t *object, const char *key,
                                int32_t most, int32_t *out) {
    const json_t *value = json_object_get(object, key);
    json_int_t n = json_integer_value(value);
    if (!json_is_integer(value) || n < 0 || n > most)
        return wrong(p, key, "a number of 0 or more");
    *out = (int32_t)n;
    return GRAFT_OK;
}

/* ---- templates ---- */

static graft_status check_template(const parser *p, const char *text) {
    int variables = 0;
    if (strlen(text) >= GFT_RECIPE_MAX_NAME)
        return wrong(p, text, "short enough");
    for (const char *c = text; *c; c++) {
        if (*c == '}')
            return wrong(p, text, "a template: a '}' without '{'");
        if (*c != '{')
            continue;
        const char *end = strchr(c, '}');
        bool known = false;
        for (int32_t i = 0; end && i < p->recipe->list_count; i++) {
            const char *name = p->recipe->lists[i].name;
            known = known || (strlen(name) == (size_t)(end - c - 1) &&
                              strncmp(name, c + 1, strlen(name)) == 0);
        }
        if (!known)
            return wrong(p, text, "a template: a '{name}' that is no list of words");
        if (++variables > GFT_RECIPE_MAX_VARIABLES)
            return wrong(p, text, "a template: too many '{name}'");
        c = end;
    }
    return GRAFT_OK;
}

static graft_status read_list(const parser *p, const char *name, json_t *words,
                              gft_recipe_list *out) {
    if (!json_is_object(words) || json_object_size(words) == 0 ||
        json_object_size(words) > GFT_RECIPE_MAX_WORDS)
        return wrong(p, name, "a list of words");
    out->words = gft_arena_array(&p->recipe->arena, json_object_size(words), sizeof *out->words);
    if (!out->words)
        return gft_fail_memory(p->err, json_object_size(words) * sizeof *out->words, "a recipe");
    GFT_TRY(keep_text(p, name, &out->name));
    const char *key;
    json_t *value;
    json_object_foreach(words, key, value) {
        gft_recipe_word *word = &out->words[out->count];
        if (!*key || strlen(key) > 64 || !json_is_string(value) || json_string_length(value) > 64)
            return wrong(p, name, "a list of short words");
        GFT_TRY(keep_text(p, key, &word->to));
        GFT_TRY(keep_text(p, json_string_value(value), &word->from));
        out->count++;
    }
    return GRAFT_OK;
}

static graft_status read_lists(const parser *p, json_t *lists) {
    const char *name;
    json_t *words;
    if (!lists)
        return GRAFT_OK;
    if (!json_is_object(lists) || json_object_size(lists) > GFT_RECIPE_MAX_LISTS)
        return wrong(p, "words", "an object of word lists");
    json_object_foreach(lists, name, words) {
        GFT_TRY(read_list(p, name, words, &p->recipe->lists[p->recipe->list_count]));
        p->recipe->list_count++;
    }
    return GRAFT_OK;
}

static graft_status read_permute(const parser *p, const json_t *list, gft_recipe_rule *rule) {
    uint32_t seen = 0;
    if (!list)
        return GRAFT_OK;
    if (!json_is_array(list) || json_array_size(list) < 1 || json_array_size(list) > GRAFT_MAX_RANK)
        return wrong(p, "permute", "a list of dimensions");
    rule->rank = (int32_t)json_array_size(list);
    for (int32_t i = 0; i < rule->rank; i++) {
        const json_t *value = json_array_get(list, (size_t)i);
        json_int_t d = json_integer_value(value);
        if (!json_is_integer(value) || d < 0 || d >= rule->rank || (seen & 1u << d))
            return wrong(p, "permute", "each dimension once");
        seen |= 1u << d;
        rule->permute[i] = (int32_t)d;
    }
    return GRAFT_OK;
}

static graft_status read_rules(const parser *p, const json_t *rules) {
    gft_recipe *recipe = p->recipe;
    size_t count = json_array_size(rules);
    if (!json_is_array(rules) || count == 0 || count > GFT_RECIPE_MAX_RULES)
        return wrong(p, "tensors", "a list of rules");
    recipe->rules = gft_arena_array(&recipe->arena, count, sizeof *recipe->rules);
    if (!recipe->rules)
        return gft_fail_memory(p->err, count * sizeof *recipe->rules, "a recipe");
    for (size_t i = 0; i < count; i++) {
        gft_recipe_rule *rule = &recipe->rules[i];
        const json_t *item = json_array_get(rules, i);
        GFT_TRY(read_text(p, item, "to", &rule->to));
        GFT_TRY(read_text(p, item, "from", &rule->from));
        GFT_TRY(check_template(p, rule->to));
        GFT_TRY(check_template(p, rule->from));
        GFT_TRY(read_permute(p, json_object_get(item, "permute"), rule));
        recipe->rule_count++;
    }
    return GRAFT_OK;
}

/* ---- the whole ---- */

static graft_status read_source(const parser *p, const json_t *source) {
    gft_recipe *r = p->recipe;
    if (!json_is_object(source))
        return wrong(p, "source", "an object");
    GFT_TRY(read_text(p, source, "package", &r->package));
    GFT_TRY(read_text(p, source, "package_version", &r->package_version));
    GFT_TRY(read_text(p, source, "member", &r->member));
    GFT_TRY(read_text(p, source, "sha256", &r->sha256));
    GFT_TRY(read_text(p, source, "container", &r->container));
    GFT_TRY(read_text(p, source, "fetch", &r->fetch));
    if (!gft_sha256_valid(r->sha256))
        return wrong(p, "sha256", "64 lower-case hex digits");
    if (strcmp(r->container, "torch-legacy") != 0)
        return gft_fail(p->err, GRAFT_UNIMPLEMENTED,
                        "recipe %s: container '%s' is not read, expected torch-legacy", p->where,
                        r->container);
    return GRAFT_OK;
}

/* A label list lies beside the recipe: its name is one of a file, no path. */
static graft_status read_labels_name(const parser *p, const json_t *root) {
    if (!json_object_get(root, "labels"))
        return GRAFT_OK;
    GFT_TRY(read_text(p, root, "labels", &p->recipe->labels_file));
    if (strchr(p->recipe->labels_file, '/') || p->recipe->labels_file[0] == '.')
        return wrong(p, "labels", "the name of a file beside the recipe");
    return GRAFT_OK;
}

static graft_status read_preprocess(const parser *p, const json_t *rule) {
    if (!rule)
        return GRAFT_OK;
    if (!json_is_object(rule))
        return wrong(p, "preprocess", "an object");
    char *text = json_dumps(rule, JSON_COMPACT);
    if (!text)
        return gft_fail_memory(p->err, 1024, "a recipe");
    graft_status status = keep_text(p, text, &p->recipe->preprocess);
    free(text); /* jansson's own allocation */
    return status;
}

static graft_status read_recipe(const parser *p, const json_t *root) {
    gft_recipe *r = p->recipe;
    int32_t version = 0;
    gft_handle handle;
    const char *format = json_string_value(json_object_get(root, "format"));
    if (!format || strcmp(format, FORMAT_NAME) != 0)
        return gft_fail(p->err, GRAFT_INVALID_ARGUMENT,
                        "recipe %s: 'format' is not '%s'; this is no recipe", p->where,
                        FORMAT_NAME);
    GFT_TRY(read_number(p, root, "version", INT32_MAX, &version));
    if (version != FORMAT_VERSION)
        return gft_fail(p->err, GRAFT_UNIMPLEMENTED,
                        "recipe %s: version %d, this build reads %d; use a newer graft", p->where,
                        (int)version, FORMAT_VERSION);
    GFT_TRY(read_text(p, root, "handle", &r->handle));
    graft_status status = gft_handle_parse(r->handle, &handle, p->err);
    if (status != GRAFT_OK)
        return gft_fail_in(p->err, status, "recipe %s", p->where);
    if (!handle.versioned)
        return wrong(p, "handle", "a handle with a version");
    GFT_TRY(keep_text(p, handle.text, &r->handle));
    GFT_TRY(read_text(p, root, "description", &r->description));
    GFT_TRY(read_text(p, root, "license", &r->license));
    GFT_TRY(read_text(p, root, "input", &r->input));
    GFT_TRY(read_text(p, root, "builder", &r->builder));
    GFT_TRY(read_number(p, root, "variant", 1000, &r->variant));
    GFT_TRY(read_number(p, root, "classes", GFT_RECIPE_MAX_LABELS, &r->classes));
    GFT_TRY(read_source(p, json_object_get(root, "source")));
    GFT_TRY(read_lists(p, json_object_get(root, "words")));
    GFT_TRY(read_rules(p, json_object_get(root, "tensors")));
    GFT_TRY(read_preprocess(p, json_object_get(root, "preprocess")));
    return read_labels_name(p, root);
}

graft_status gft_recipe_parse(const char *text, size_t bytes, const char *where, gft_recipe *out,
                              graft_error *err) {
    json_error_t bad;
    gft_recipe recipe = {0};
    parser p = {&recipe, where, err};
    if (bytes > GFT_RECIPE_MAX_BYTES)
        return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "recipe %s: %zu bytes, expected at most %zu",
                        where, bytes, GFT_RECIPE_MAX_BYTES);
    json_t *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &bad);
    if (!root)
        return gft_fail(err, GRAFT_INVALID_ARGUMENT, "recipe %s: line %d: %s", where, bad.line,
                        bad.text);
    graft_status status = read_recipe(&p, root);
    json_decref(root);
    if (status == GRAFT_OK)
        *out = recipe;
    else
        gft_recipe_deinit(&recipe);
    return status;
}

graft_status gft_recipe_read(const char *path, gft_recipe *out, graft_error *err) {
    uint8_t *text = NULL;
    size_t bytes = 0;
    gft_recipe recipe = {0};
    GFT_TRY(gft_file_read(path, GFT_RECIPE_MAX_BYTES, &text, &bytes, err));
    graft_status status = gft_recipe_parse((const char *)text, bytes, path, &recipe, err);
    gft_free(text);
    GFT_TRY(status);
    size_t length = (size_t)(gft_path_base(path) - path);
    recipe.dir = length ? gft_arena_strndup(&recipe.arena, path, length)
                        : gft_arena_strdup(&recipe.arena, ".");
    if (!recipe.dir) {
        gft_recipe_deinit(&recipe);
        return gft_fail_memory(err, length + 1, "a path");
    }
    *out = recipe;
    return GRAFT_OK;
}
