/*
 * Joined nodes of Grappler and TF.js, read as the nodes they were: tensorflow_ops_import_fused.c.
 */
#ifndef GFT_MODELS_TENSORFLOW_OPS_IMPORT_FUSED_H
#define GFT_MODELS_TENSORFLOW_OPS_IMPORT_FUSED_H

#include "models/tensorflow_ops_import.h"

GFT_TF_IMPORT_DECLARE(fused);
GFT_TF_IMPORT_DECLARE(prelu);

#endif
