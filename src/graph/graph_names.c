/*
 * Names of nodes: a hash table (FNV-1a, open addressing) from name to node, so that building a
 * graph of n nodes that all want the same name stays linear. A name is free again when its node was
 * removed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "graph/graph_priv.h"

#define FIRST_SLOTS 64
#define SUFFIX_BYTES 16

typedef struct name_entry {
    const char *name; /* NULL: free slot */
    uint64_t hash;
    gft_node_id node;
    int32_t next_suffix; /* where to go on looking for a free "name_N" */
} name_entry;

struct gft_graph_names {
    name_entry *slots;
    size_t slot_count; /* a power of two */
    size_t used;
};

uint64_t gft_name_hash(const char *name) {
    uint64_t hash = 14695981039346656037u;
    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * 1099511628211u;
    return hash;
}

static name_entry *slot_of(const struct gft_graph_names *names, const char *name, uint64_t hash) {
    size_t mask = names->slot_count - 1;
    size_t at = (size_t)hash & mask;
    while (names->slots[at].name &&
           (names->slots[at].hash != hash || strcmp(names->slots[at].name, name) != 0))
        at = (at + 1) & mask;
    return &names->slots[at];
}

void gft_graph_names_free(struct gft_graph_names *names) {
    if (!names)
        return;
    gft_free(names->slots);
    gft_free(names);
}

/* Keeps at least half of the slots free. */
static graft_status make_room(gft_graph *graph, graft_error *err) {
    if (!graph->names) {
        graph->names = gft_calloc(1, sizeof *graph->names);
        if (!graph->names)
            return gft_fail_memory(err, sizeof *graph->names, "a table of names");
    }
    struct gft_graph_names *names = graph->names;
    if (names->slots && names->used + 1 <= names->slot_count / 2)
        return GRAFT_OK;
    struct gft_graph_names bigger = {NULL, names->slots ? names->slot_count * 2 : FIRST_SLOTS,
                                     names->used};
    bigger.slots = gft_calloc(bigger.slot_count, sizeof *bigger.slots);
    if (!bigger.slots)
        return gft_fail_memory(err, bigger.slot_count * sizeof(name_entry), "a table of names");
    for (size_t i = 0; i < names->slot_count && names->slots; i++) {
        if (names->slots[i].name)
            *slot_of(&bigger, names->slots[i].name, names->slots[i].hash) = names->slots[i];
    }
    gft_free(names->slots);
    *names = bigger;
    return GRAFT_OK;
}

static bool is_taken(const gft_graph *graph, const name_entry *entry) {
    return entry->name && entry->node >= 0 && entry->node < graph->node_count &&
           graph->nodes[entry->node].op;
}

static graft_status occupy(gft_graph *graph, name_entry *entry, const char *name, uint64_t hash,
                           gft_node_id node, const char **out, graft_error *err) {
    if (!entry->name) {
        const char *copy = gft_arena_strdup(&graph->arena, name);
        if (!copy)
            return gft_fail_memory(err, strlen(name) + 1, "a node's name");
        *entry = (name_entry){copy, hash, node, 1};
        graph->names->used++;
    }
    entry->node = node;
    *out = entry->name;
    return GRAFT_OK;
}

graft_status gft_graph_names_take(gft_graph *graph, const char *wanted, gft_node_id node,
                                  const char **out, graft_error *err) {
    GFT_TRY(make_room(graph, err));
    uint64_t hash = gft_name_hash(wanted);
    name_entry *entry = slot_of(graph->names, wanted, hash);
    if (!is_taken(graph, entry))
        return occupy(graph, entry, wanted, hash, node, out, err);
    size_t bytes = strlen(wanted) + SUFFIX_BYTES;
    char *text = gft_malloc(bytes);
    if (!text)
        return gft_fail_memory(err, bytes, "a node's name");
    graft_status status;
    for (;;) { /* ends: there are fewer names than suffixes */
        snprintf(text, bytes, "%s_%" PRId32, wanted, entry->next_suffix++);
        uint64_t other_hash = gft_name_hash(text);
        name_entry *other = slot_of(graph->names, text, other_hash);
        if (is_taken(graph, other))
            continue;
        status = occupy(graph, other, text, other_hash, node, out, err);
        break;
    }
    gft_free(text);
    return status;
}

gft_node_id gft_graph_names_find(const gft_graph *graph, const char *name) {
    if (!graph->names || !graph->names->slots)
        return -1;
    const name_entry *entry = slot_of(graph->names, name, gft_name_hash(name));
    return is_taken(graph, entry) ? entry->node : -1;
}

graft_status gft_graph_rename(gft_graph *graph, const char *const *names, graft_error *err) {
    gft_graph_names_free(graph->names);
    graph->names = NULL;
    for (gft_node_id i = 0; i < graph->node_count; i++) {
        gft_node *node = &graph->nodes[i];
        if (node->op)
            GFT_TRY(
                gft_graph_names_take(graph, names[i] ? names[i] : node->name, i, &node->name, err));
    }
    return GRAFT_OK;
}
