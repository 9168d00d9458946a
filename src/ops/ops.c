/*
 * The ops by name and in list order, made from op_list.h.
 */
#include "ops/ops.h"

#include <string.h>

#define ENTRY(name) &gft_op_##name,
static const gft_op *const ops[] = {GFT_OP_LIST(ENTRY)};
#undef ENTRY

const gft_op *gft_ops_find(const char *name) {
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        if (strcmp(ops[i]->name, name) == 0)
            return ops[i];
    }
    return NULL;
}

const gft_op *const *gft_ops_all(int32_t *count) {
    *count = (int32_t)(sizeof ops / sizeof ops[0]);
    return ops;
}
