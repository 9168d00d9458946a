/* Private to the SavedModel writer: a preprocessing rule as TensorFlow's nodes. */
#ifndef GFT_MODELS_SAVEDMODEL_WRITE_PICTURE_H
#define GFT_MODELS_SAVEDMODEL_WRITE_PICTURE_H

#include "graft/data.h"
#include "models/savedmodel_proto.h"

/** Pixels uint8 (h,w,3) of any size to float32 (height,width,3), 0..255, by a checked rule. */
const char *gft_sm_resize_picture(gft_tf_nodes *nodes, const graft_preprocess *rule,
                                  const char *pixels);

#endif
