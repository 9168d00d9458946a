/* Private to the comparison of two models: which layers and ops belong together. */
#ifndef GFT_MODELS_DIFF_H
#define GFT_MODELS_DIFF_H

#include "models/session.h"

/* A value that can be compared: output 0 of a node. */
typedef struct gft_tap {
    const char *name; /* of the layer, or of the node */
    const char *op;
    const graft_tensor_desc *desc; /* concrete; lives as long as the plan */
    const void *data;              /* valid until the next run */
    bool shown;                    /* per op: all; else the last node of its layer */
    bool offered;                  /* as partner: shown, or followed by activations alone */
    int32_t partner;               /* tap of the other model; -1: none */
} gft_tap;

typedef struct gft_taps {
    gft_tap *items;
    int32_t count;
} gft_taps;

/** The taps of a session's last run, float values only. */
GRAFT_MUST_CHECK graft_status gft_taps_list(const graft_session *session, bool per_op,
                                            gft_taps *out, graft_error *err);
/**
 * Finds a partner for each tap of A that is shown: the last of B with the same op and shape whose
 * name is the same, or else is the other behind a scope ("mobilenetv2/Conv1" and "Conv1"), or else
 * differs in '/' and '_' alone. (An activation that a converter fused stands in B under the name of
 * its convolution: the op tells them apart.)
 */
void gft_taps_match(gft_taps *a, gft_taps *b);

#endif
