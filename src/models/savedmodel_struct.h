/*
 * StructuredValue (tf.nest in protobuf, core/protobuf/struct.proto): how a SavedModel describes
 * arguments and results.
 */
#ifndef GFT_MODELS_SAVEDMODEL_STRUCT_H
#define GFT_MODELS_SAVEDMODEL_STRUCT_H

#include "models/savedmodel_proto.h"

typedef Tensorflow__StructuredValue gft_sv;

gft_sv *gft_sv_none(gft_pb *pb);
gft_sv *gft_sv_bool(gft_pb *pb, bool value);
gft_sv *gft_sv_text(gft_pb *pb, const char *value);
gft_sv *gft_sv_tensor_spec(gft_pb *pb, const char *name, const graft_tensor_desc *desc);
/**
 * Empty ones; members are appended with gft_sv_push (list, tuple) and gft_sv_set (dict,
 * FullArgSpec).
 */
gft_sv *gft_sv_list(gft_pb *pb);
gft_sv *gft_sv_tuple(gft_pb *pb);
gft_sv *gft_sv_dict(gft_pb *pb);
gft_sv *gft_sv_named_tuple(gft_pb *pb, const char *name);
void gft_sv_push(gft_pb *pb, gft_sv *sequence, gft_sv *value);
/** Keys of a dict come in sorted order. */
void gft_sv_set(gft_pb *pb, gft_sv *mapping, const char *key, gft_sv *value);

#endif
