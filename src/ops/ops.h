/*
 * The ops by name, and their declarations. Including this does not link gradients: those are in ops/gradients.h.
 */
#ifndef GFT_OPS_OPS_H
#define GFT_OPS_OPS_H

#include "graph/op.h"
#include "ops/op_list.h"

#define GFT_OP_DECLARE_(name) extern const gft_op gft_op_##name;
GFT_OP_LIST(GFT_OP_DECLARE_)
#undef GFT_OP_DECLARE_

/** Finds an op by name, NULL if there is none. */
const gft_op *gft_ops_find(const char *name);
/** All ops in list order. */
const gft_op *const *gft_ops_all(int32_t *count);

#endif
