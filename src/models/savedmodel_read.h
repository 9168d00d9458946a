/*
 * Private to the SavedModel reader. A signature is walked backwards from its outputs through the
 * main graph and into the functions it calls (each call is a frame); what is met is listed in an
 * order in which producers come first, and then turned into a graph node by node. Nothing recurses:
 * the walk has a stack of its own.
 */
#ifndef GFT_MODELS_SAVEDMODEL_READ_H
#define GFT_MODELS_SAVEDMODEL_READ_H

#include "formats/bundle.h"
#include "formats/saved_model_file.h"
#include "models/model.h"
#include "models/tensorflow_ops_import.h"

#define GFT_SM_MAX_DEPTH 100               /* of calls */
#define GFT_SM_MAX_SITES ((size_t)1 << 20) /* nodes of all frames together */
#define GFT_SM_MAX_HOPS 1024 /* identities and calls that one tensor may lead through */

/* Names to indices. */
typedef struct gft_sm_names {
    const char **keys;
    int32_t *values;
    size_t slots;
} gft_sm_names;

/* The main graph, or a function. */
typedef struct gft_sm_body {
    const Tensorflow__FunctionDef *function; /* NULL: the main graph */
    Tensorflow__NodeDef *const *nodes;
    int32_t node_count;
    gft_sm_names names; /* of nodes; arguments are -1 - index */
} gft_sm_body;

/* A node in a frame. */
typedef struct gft_sm_site {
    int32_t frame;
    int32_t node;
} gft_sm_site;

typedef struct gft_sm_state {
    int32_t child; /* frame of a call, plus 1; 0: not made yet */
    int8_t mark;   /* of the present walk: 0 new, 1 on the stack, 2 done */
    int16_t output_count;
    gft_tf_value *outputs;
} gft_sm_state;

/* One call of a body. */
typedef struct gft_sm_frame {
    gft_sm_body *body;
    gft_sm_site call; /* where it is called from; frame -1: the main graph */
    int32_t depth;
    gft_sm_state *states; /* per node */
} gft_sm_frame;

/* A variable of the main graph. */
typedef struct gft_sm_source {
    int32_t node;       /* VarHandleOp (or VariableV2) in the main graph */
    const char *key;    /* in the checkpoint; NULL: not restored */
    gft_param_id param; /* -1: not read yet */
    bool used;          /* by a signature */
} gft_sm_source;

typedef struct gft_sm_reader {
    const char *dir;
    graft_model *model;
    gft_arena *arena; /* lives as long as the model: constants point into it */
    const gft_map *map;
    const Tensorflow__MetaGraphDef *meta;
    gft_bundle *bundle; /* NULL: no variables */
    gft_sm_body main;
    gft_sm_names functions; /* library: name -> index */
    gft_sm_body **bodies;   /* per function, made when it is first called */
    gft_sm_frame *frames;
    int32_t frame_count, frame_capacity;
    size_t site_count;
    gft_sm_source *sources;
    int32_t source_count;
    int32_t *source_of;   /* main graph node -> source, -1 */
    gft_sm_names params;  /* checkpoint key -> parameter */
    gft_sm_names objects; /* checkpoint key -> variable's node in the object graph */
} gft_sm_reader;

/* A tensor followed through identities and calls to the node that makes it. */
typedef struct gft_sm_tensor {
    gft_sm_site site;
    int32_t output;
} gft_sm_tensor;

/* ---- savedmodel_read_walk.c ---- */
GRAFT_MUST_CHECK graft_status gft_sm_names_make(gft_arena *arena, size_t count, gft_sm_names *out,
                                                graft_error *err);
/** False if the name is there already. */
bool gft_sm_names_add(gft_sm_names *names, const char *key, int32_t value);
bool gft_sm_names_find(const gft_sm_names *names, const char *key, int32_t *value);
/** Sets up main graph and library. */
GRAFT_MUST_CHECK graft_status gft_sm_open_graph(gft_sm_reader *r, graft_error *err);
const Tensorflow__NodeDef *gft_sm_node(const gft_sm_reader *r, gft_sm_site site);
gft_sm_state *gft_sm_state_of(const gft_sm_reader *r, gft_sm_site site);
/** "in function 'f'" or "". */
const char *gft_sm_where(const gft_sm_reader *r, int32_t frame);
/** Follows an input's text as written in a frame. */
GRAFT_MUST_CHECK graft_status gft_sm_resolve(gft_sm_reader *r, int32_t frame, const char *text,
                                             gft_sm_tensor *out, graft_error *err);
/** The frame of a call node; -1 in *out if the node is no call. */
GRAFT_MUST_CHECK graft_status gft_sm_callee(gft_sm_reader *r, gft_sm_site site, int32_t *out,
                                            graft_error *err);
/** Forgets marks and values of the last walk. */
void gft_sm_reset(gft_sm_reader *r);
/** Lists what `roots` need, producers first. */
GRAFT_MUST_CHECK graft_status gft_sm_walk(gft_sm_reader *r, const gft_sm_tensor *roots,
                                          size_t count, gft_sm_site **order, size_t *order_count,
                                          graft_error *err);

/* ---- savedmodel_read_variables.c ---- */
/** Finds the variables of the main graph, their checkpoint keys and trainable flags. */
GRAFT_MUST_CHECK graft_status gft_sm_open_variables(gft_sm_reader *r, graft_error *err);
/** The parameter of a source, read now if it was not before. */
GRAFT_MUST_CHECK graft_status gft_sm_source_param(gft_sm_reader *r, int32_t source,
                                                  gft_param_id *out, graft_error *err);
/** Reads the variables that are marked as used, in the order of the file. */
GRAFT_MUST_CHECK graft_status gft_sm_read_used(gft_sm_reader *r, graft_error *err);

/* ---- savedmodel_read_patterns.c ---- */
/**
 * Makes one op of the nodes TensorFlow writes it with: biases, batch norm, silu, hard_sigmoid,
 * hard_swish.
 */
GRAFT_MUST_CHECK graft_status gft_sm_join_patterns(gft_graph *graph, graft_error *err);

/* ---- savedmodel_read_graph.c ---- */
/** Marks the variables that a signature uses. */
GRAFT_MUST_CHECK graft_status gft_sm_mark_used(gft_sm_reader *r,
                                               const Tensorflow__SignatureDef *def,
                                               graft_error *err);
/** Adds a signature to the model: its graph, or the problem why there is none. */
GRAFT_MUST_CHECK graft_status gft_sm_read_signature(gft_sm_reader *r, const char *name,
                                                    const Tensorflow__SignatureDef *def,
                                                    graft_error *err);

#endif
