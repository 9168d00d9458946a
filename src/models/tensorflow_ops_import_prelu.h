/* Keras' PReLU as TF.js' converter writes it: tensorflow_ops_import_prelu.c. */
#ifndef GFT_MODELS_TENSORFLOW_OPS_IMPORT_PRELU_H
#define GFT_MODELS_TENSORFLOW_OPS_IMPORT_PRELU_H

#include "models/tensorflow_ops_import.h"

/** x where it is positive, alpha * x where not; *x becomes the result. */
GRAFT_MUST_CHECK graft_status gft_tf_prelu(gft_tf_import *m, gft_value_id alpha, gft_value_id *x,
                                           graft_error *err);
GFT_TF_IMPORT_DECLARE(prelu);

#endif
