/*
 * Private to the readers of SavedModels and GraphDefs. A signature is walked backwards from its
 * outputs through the main graph and into the functions it calls (each call is a frame); what is
 * met is listed in an order in which producers come first, and then turned into a graph node by
 * node. Branches and loops whose conditions are constants are resolved on the way. The walk has a
 * stack of its own; conditions that depend on conditions are followed to GFT_SM_MAX_QUESTIONS.
 */
#ifndef GFT_MODELS_SAVEDMODEL_READ_H
#define GFT_MODELS_SAVEDMODEL_READ_H

#include "formats/bundle.h"
#include "formats/saved_model_file.h"
#include "models/model.h"
#include "models/tensorflow_ops_import.h"

#define GFT_SM_MAX_DEPTH 100               /* of calls */
#define GFT_SM_MAX_SITES ((size_t)1 << 20) /* nodes of all frames together */
#define GFT_SM_MAX_HOPS 2048    /* identities and calls that one tensor may lead through */
#define GFT_SM_MAX_TURNS 256    /* of a loop that is unrolled */
#define GFT_SM_MAX_QUESTIONS 24 /* conditions within conditions */
#define GFT_SM_KEY_SUFFIX "/.ATTRIBUTES/VARIABLE_VALUE" /* of keys of variables of objects */

/* Names to indices. */
typedef struct gft_sm_names {
    const char **keys;
    int32_t *values;
    size_t slots;
} gft_sm_names;

/* What following a tensor through a node depends on. */
typedef enum gft_sm_kind {
    GFT_SM_OTHER,
    GFT_SM_CALL,    /* PartitionedCall, StatefulPartitionedCall, or a function's name as op */
    GFT_SM_PASSES,  /* an identity */
    GFT_SM_CONTROL, /* If, Case, While */
    GFT_SM_SWITCH,  /* of TensorFlow 1 */
    GFT_SM_MERGE,
} gft_sm_kind;

/* The main graph, or a function. */
typedef struct gft_sm_body {
    const Tensorflow__FunctionDef *function; /* NULL: the main graph */
    Tensorflow__NodeDef *const *nodes;
    uint8_t *kinds; /* gft_sm_kind per node */
    int32_t node_count;
    gft_sm_names names; /* of nodes; arguments are -1 - index */
} gft_sm_body;

/* A node in a frame. */
typedef struct gft_sm_site {
    int32_t frame;
    int32_t node;
} gft_sm_site;

/* What a call, branch or loop came to. */
enum { GFT_SM_CALL_UNKNOWN = 0, GFT_SM_CALL_NONE = -1, GFT_SM_CALL_PASSES = -2 };

typedef struct gft_sm_state {
    int32_t child; /* frame of a call, plus 1; or GFT_SM_CALL_... */
    int8_t mark;   /* of the present walk: 0 new, 1 on the stack, 2 done */
    int8_t dead;   /* of the present walk: 0 not asked, 1 being asked, 2 runs, 3 never runs */
    int8_t known;  /* of the present walk: 0 not asked, 1 no number, 2 `number` */
    int8_t merged; /* of the present walk, a Merge: 0 not asked, 1 not decided, 2 input `number` */
    int16_t output_count;
    gft_tf_value *outputs; /* set before the walk where it ends (inputs) */
    int64_t number;
} gft_sm_state;

/* One call of a body; a turn of a loop takes its arguments from the turn before. */
typedef struct gft_sm_frame {
    gft_sm_body *body;
    gft_sm_site call;    /* where it is called from; frame -1: the main graph */
    int32_t first_input; /* of the call: the one that is argument 0 */
    int32_t before;      /* frame whose results are the arguments; -1: the call's inputs are */
    int32_t depth;
    gft_sm_state *states; /* per node */
} gft_sm_frame;

/* A variable of the main graph. */
typedef struct gft_sm_source {
    int32_t node;       /* VarHandleOp (or VariableV2) in the main graph */
    const char *key;    /* in the checkpoint; NULL: not restored */
    const char *slice;  /* "10 4 0,5:-" of a partition; NULL: the whole tensor */
    gft_param_id param; /* -1: not read yet */
    bool used;          /* by a signature */
    bool statistic;     /* of the data, of a Normalization layer: nothing trains it */
} gft_sm_source;

/* A look-up table of the main graph. */
typedef struct gft_sm_table {
    int32_t node;
    bool filled;
    gft_sm_site filler;           /* the node that fills it */
    const gft_tf_table *contents; /* NULL: not read yet */
} gft_sm_table;

typedef struct gft_sm_reader {
    const char *dir; /* or file */
    graft_model *model;
    gft_arena *arena; /* lives as long as the model: constants point into it */
    const gft_map *map;
    const Tensorflow__MetaGraphDef *meta;
    gft_bundle *bundle;          /* NULL: no variables */
    const graft_tensor *weights; /* values of nodes by name, from elsewhere; may be NULL */
    gft_sm_names weight_names;
    bool constant_weights; /* constants that are filters, biases, ... become parameters */
    gft_sm_body main;
    gft_sm_names functions;     /* library: name -> index */
    bool function_letters[256]; /* that names of functions begin with */
    gft_sm_body **bodies;       /* per function, made when it is first called */
    gft_sm_frame *frames;
    int32_t frame_count, frame_capacity;
    size_t site_count;
    int32_t questions;      /* being answered */
    bool decided;           /* control flow was, since the last reset */
    size_t partition_bytes; /* read one by one */
    gft_sm_source *sources;
    int32_t source_count;
    int32_t *source_of; /* main graph node -> source, -1 */
    gft_sm_table *tables;
    int32_t table_count;
    gft_sm_names params;  /* checkpoint key -> parameter */
    gft_sm_names objects; /* checkpoint key -> variable's node in the object graph */
} gft_sm_reader;

/* A tensor followed through identities and calls to the node that makes it. */
typedef struct gft_sm_tensor {
    gft_sm_site site;
    int32_t output;
} gft_sm_tensor;

/* An input or output of a signature. */
typedef struct gft_sm_end {
    const char *key;
    const char *tensor; /* as the main graph names it; NULL: not a dense tensor */
    graft_dtype dtype;  /* of an input */
    bool any_rank;      /* of an input: neither signature nor node nor feature knows its rank */
    bool free_rank;    /* numbers whose rank the signature leaves open; a feature may suggest one */
    graft_shape shape; /* of an input */
} gft_sm_end;

typedef struct gft_sm_ends {
    gft_sm_end *inputs;
    size_t input_count;
    gft_sm_end *outputs;
    size_t output_count;
} gft_sm_ends;

/* ---- savedmodel_read_frames.c: names, bodies, frames ---- */
GRAFT_MUST_CHECK graft_status gft_sm_names_make(gft_arena *arena, size_t count, gft_sm_names *out,
                                                graft_error *err);
/** False if the name is there already. */
bool gft_sm_names_add(gft_sm_names *names, const char *key, int32_t value);
bool gft_sm_names_find(const gft_sm_names *names, const char *key, int32_t *value);
/** Sets up main graph and library. */
GRAFT_MUST_CHECK graft_status gft_sm_open_graph(gft_sm_reader *r, graft_error *err);
/** Appends nodes to the main graph; before the first walk. */
GRAFT_MUST_CHECK graft_status gft_sm_append_nodes(gft_sm_reader *r,
                                                  Tensorflow__NodeDef *const *nodes, size_t count,
                                                  graft_error *err);
const Tensorflow__NodeDef *gft_sm_node(const gft_sm_reader *r, gft_sm_site site);
static inline gft_sm_kind gft_sm_kind_of(const gft_sm_reader *r, gft_sm_site site) {
    return (gft_sm_kind)r->frames[site.frame].body->kinds[site.node];
}
gft_sm_state *gft_sm_state_of(const gft_sm_reader *r, gft_sm_site site);
/** The function a frame's body is, or "the main graph". */
const char *gft_sm_where(const gft_sm_reader *r, int32_t frame);
/** A frame of function `name`, called from `site`. */
GRAFT_MUST_CHECK graft_status gft_sm_enter(gft_sm_reader *r, gft_sm_site site, const char *name,
                                           int32_t first_input, int32_t before, int32_t *out,
                                           graft_error *err);
/** Forgets marks, values and decisions of the last walk. */
void gft_sm_reset(gft_sm_reader *r);

/* ---- savedmodel_read_walk.c: following tensors ---- */
/** The data input of this number of a node; NULL if there is none. */
const char *gft_sm_data_input(const Tensorflow__NodeDef *node, int32_t number);
/** Result `output` of a function, as text in its own frame; NULL if there is none. */
const char *gft_sm_result(const gft_sm_body *body, int32_t output);
/** The node that a text in a frame names, and the number among its outputs; node -1: an argument
 * (its number in *output). */
GRAFT_MUST_CHECK graft_status gft_sm_parse(const gft_sm_reader *r, int32_t frame, const char *text,
                                           int32_t *node, int32_t *output, graft_error *err);
/** Follows an input's text as written in a frame. */
GRAFT_MUST_CHECK graft_status gft_sm_resolve(gft_sm_reader *r, int32_t frame, const char *text,
                                             gft_sm_tensor *out, graft_error *err);
/** The frame of a call node (of a branch that is taken, of a loop's last turn); -1 in *out if the
 * node is no call. */
GRAFT_MUST_CHECK graft_status gft_sm_callee(gft_sm_reader *r, gft_sm_site site, int32_t *out,
                                            graft_error *err);
/** Lists what `roots` need, producers first. */
GRAFT_MUST_CHECK graft_status gft_sm_walk(gft_sm_reader *r, const gft_sm_tensor *roots,
                                          size_t count, gft_sm_site **order, size_t *order_count,
                                          graft_error *err);

/* ---- savedmodel_read_outputs.c ---- */
/** The number among all outputs of a node that output `number` of its argument `name` (length
 * bytes) has. */
int32_t gft_sm_flat_output(const Tensorflow__NodeDef *node, const char *name, size_t length,
                           int32_t number);

/* ---- savedmodel_read_control.c: branches and loops of functions ---- */
bool gft_sm_is_control(const Tensorflow__NodeDef *node);
/** A scalar integer or truth value that is known while reading. */
GRAFT_MUST_CHECK graft_status gft_sm_number(gft_sm_reader *r, int32_t frame, const char *text,
                                            bool *known, int64_t *number, graft_error *err);
/** Decides If, Case and While: the frame, or a GFT_SM_CALL_... in *child. */
GRAFT_MUST_CHECK graft_status gft_sm_decide(gft_sm_reader *r, gft_sm_site site, int32_t *child,
                                            graft_error *err);
/** Why a node of control flow was not resolved; NULL if the op is none. */
const char *gft_sm_control_problem(const Tensorflow__NodeDef *node);

/* ---- savedmodel_read_merge.c: TensorFlow 1's Switch and Merge ---- */
bool gft_sm_is_switch(const Tensorflow__NodeDef *node);
bool gft_sm_is_merge(const Tensorflow__NodeDef *node);
/** The input that an output of a Switch or Merge is; -1: it is not decided. */
GRAFT_MUST_CHECK graft_status gft_sm_switched(gft_sm_reader *r, gft_sm_site site, int32_t output,
                                              int32_t *input, graft_error *err);

/* ---- savedmodel_read_variables.c ---- */
/** Finds the variables of the main graph, their checkpoint keys and trainable flags. */
GRAFT_MUST_CHECK graft_status gft_sm_open_variables(gft_sm_reader *r, graft_error *err);
/* ---- savedmodel_read_objects.c ---- */
/** Finds the variables of the object graph by their checkpoint keys. */
GRAFT_MUST_CHECK graft_status gft_sm_read_objects(gft_sm_reader *r, graft_error *err);

/* ---- savedmodel_read_params.c ---- */
/** A concatenation of all partitions of a variable: one of them; -1: it is no such node. */
GRAFT_MUST_CHECK graft_status gft_sm_whole_variable(gft_sm_reader *r, gft_sm_site site,
                                                    int32_t *source, graft_error *err);
/** The parameter of the variable that a source is a partition of. */
GRAFT_MUST_CHECK graft_status gft_sm_whole_param(gft_sm_reader *r, int32_t source,
                                                 gft_param_id *out, graft_error *err);
/** The parameter of a source, read now if it was not before. */
GRAFT_MUST_CHECK graft_status gft_sm_source_param(gft_sm_reader *r, int32_t source,
                                                  gft_param_id *out, graft_error *err);
/** Reads the variables that are marked as used, in the order of the file. */
GRAFT_MUST_CHECK graft_status gft_sm_read_used(gft_sm_reader *r, graft_error *err);

/* ---- savedmodel_read_rows.c ---- */
/** A batch norm over rows, which is a layer norm; only its input 0 is looked at. */
GRAFT_MUST_CHECK graft_status gft_sm_is_row_norm(gft_sm_reader *r, gft_sm_site site, bool *out,
                                                 graft_error *err);
GRAFT_MUST_CHECK graft_status gft_sm_read_row_norm(gft_tf_import *m, graft_error *err);

/* ---- savedmodel_read_tables.c ---- */
/** Finds the nodes that fill look-up tables. */
GRAFT_MUST_CHECK graft_status gft_sm_open_tables(gft_sm_reader *r, graft_error *err);
/** What the table of this handle holds, read now if it was not before. */
GRAFT_MUST_CHECK graft_status gft_sm_read_table(gft_sm_reader *r, gft_sm_site site,
                                                gft_tf_value *out, graft_error *err);

/* ---- savedmodel_read_patterns.c ---- */
/**
 * Makes one op of the nodes TensorFlow writes it with: biases, batch norm, silu, hard_sigmoid,
 * hard_swish.
 */
GRAFT_MUST_CHECK graft_status gft_sm_join_patterns(gft_graph *graph, graft_error *err);

/* ---- savedmodel_read_weights.c ---- */
/** Makes parameters of the constants that are weights of an op; named after the constants. */
GRAFT_MUST_CHECK graft_status gft_sm_constants_to_params(gft_graph *graph, graft_error *err);

/* ---- savedmodel_read_ends.c ---- */
/** Inputs and outputs of a SignatureDef in the order of their keys. */
GRAFT_MUST_CHECK graft_status gft_sm_ends_of(gft_sm_reader *r, const Tensorflow__SignatureDef *def,
                                             gft_sm_ends *out, graft_error *err);
/** Sets an input's dtype and shape, where they are not known, from its node of the main graph. */
GRAFT_MUST_CHECK graft_status gft_sm_end_from_node(const gft_sm_reader *r, gft_sm_end *end,
                                                   graft_error *err);

/* ---- savedmodel_read_call.c ---- */
/**
 * Inputs and outputs of the root's function __call__ for inference, with a call of it appended to
 * the main graph; *found: there is one.
 */
GRAFT_MUST_CHECK graft_status gft_sm_called_ends(gft_sm_reader *r, gft_sm_ends *out, bool *found,
                                                 graft_error *err);

/* ---- savedmodel_read_ops.c ---- */
/** Counts the ops of a walk; which of them are missing, and where first. */
GRAFT_MUST_CHECK graft_status gft_sm_count_ops(gft_sm_reader *r, const gft_sm_site *order,
                                               size_t order_count, graft_op_info **out,
                                               int32_t *count, graft_error *err);

/* ---- savedmodel_read_graph.c ---- */
/** Adds signatures to the model: of each its graph, or the problem why there is none. */
GRAFT_MUST_CHECK graft_status gft_sm_read_signatures(gft_sm_reader *r, const char *const *names,
                                                     const gft_sm_ends *ends, int32_t count,
                                                     graft_error *err);

#endif
