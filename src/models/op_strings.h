/*
 * Ops over strings that need formats which the ops room cannot see, or tables that only readers
 * make: their place is here, their contract is graph/op.h like any other op's.
 */
#ifndef GFT_MODELS_OP_STRINGS_H
#define GFT_MODELS_OP_STRINGS_H

#include "graph/op.h"

/*
 * table_find: keys (any shape), default (one value), table keys (n), table values (n) -> values,
 * shaped like keys. Keys are string, int64 or int32; table keys are constant (a hash over them is
 * made once per plan) and the first of equal ones counts. TensorFlow's LookupTableFindV2 over an
 * immutable table.
 */
extern const gft_op gft_op_table_find;

/*
 * parse_feature: serialized tf.Examples (string, any shape) [, default] -> one dense feature of
 * each, the examples' shape followed by attrs.shape. Without a default the feature must be there.
 * Bytes are views into the input. TensorFlow's ParseExample is one such node for each of its dense
 * features.
 */
typedef struct gft_parse_feature_attrs {
    const char *key; /* borrowed from the model */
    size_t key_bytes;
    graft_dtype dtype; /* float32, int64 or string */
    graft_shape shape; /* of one example, known */
} gft_parse_feature_attrs;
extern const gft_op gft_op_parse_feature;

#endif
