/*
 * Outputs of ops by name. Inside a function a tensor is "node:argument:number", where the argument
 * is one of the op's output arguments and may hold several tensors; everywhere else outputs are
 * counted through. The names are those of TensorFlow's op registry.
 */
#include <string.h>

#include "models/savedmodel_read.h"

#define MAX_ARGUMENTS 6

/* Ops with several output arguments of one tensor each. */
static const struct {
    const char *op;
    const char *arguments[MAX_ARGUMENTS];
} OPS[] = {
    {"CombinedNonMaxSuppression",
     {"nmsed_boxes", "nmsed_scores", "nmsed_classes", "valid_detections"}},
    {"FusedBatchNorm", {"y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2"}},
    {"FusedBatchNormV2",
     {"y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2"}},
    {"FusedBatchNormV3",
     {"y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2",
      "reserve_space_3"}},
    {"ListDiff", {"out", "idx"}},
    {"LookupTableExportV2", {"keys", "values"}},
    {"MaxPoolWithArgmax", {"output", "argmax"}},
    {"Merge", {"output", "value_index"}},
    {"NonMaxSuppressionV4", {"selected_indices", "valid_outputs"}},
    {"NonMaxSuppressionV5", {"selected_indices", "selected_scores", "valid_outputs"}},
    {"RefMerge", {"output", "value_index"}},
    {"RefSwitch", {"output_false", "output_true"}},
    {"SparseFillEmptyRows",
     {"output_indices", "output_values", "empty_row_indicator", "reverse_index_map"}},
    {"SparseReshape", {"output_indices", "output_shape"}},
    {"StringSplit", {"indices", "values", "shape"}},
    {"StringSplitV2", {"indices", "values", "shape"}},
    {"Switch", {"output_false", "output_true"}},
    {"TensorArrayV3", {"handle", "flow"}},
    {"TopK", {"values", "indices"}},
    {"TopKV2", {"values", "indices"}},
    {"Unique", {"y", "idx"}},
    {"UniqueV2", {"y", "idx"}},
    {"UniqueWithCounts", {"y", "idx", "count"}},
};

static bool same(const char *wanted, const char *name, size_t length) {
    return strlen(wanted) == length && memcmp(wanted, name, length) == 0;
}

int32_t gft_sm_flat_output(const Tensorflow__NodeDef *node, const char *name, size_t length,
                           int32_t number) {
    if (strncmp(node->op, "Parse", 5) == 0)
        return gft_tf_example_output(node, name, length, number);
    for (size_t i = 0; i < sizeof OPS / sizeof OPS[0]; i++) {
        if (OPS[i].op[0] != node->op[0] || strcmp(OPS[i].op, node->op) != 0)
            continue;
        for (int32_t k = 0; k < MAX_ARGUMENTS && OPS[i].arguments[k]; k++) {
            if (same(OPS[i].arguments[k], name, length))
                return k + number;
        }
        return -1;
    }
    return number; /* one argument, or one that holds all */
}
