/*
 * The gradient table made from op_list.h. Nothing else refers to gradient functions, so a program
 * that does not call gft_ops_gradients() links without them.
 */
#include "ops/gradients.h"

#include "ops/ops.h"

#define ENTRY(name) {&gft_op_##name, gft_grad_##name},
static const gft_gradient_entry entries[] = {GFT_GRADIENT_LIST(ENTRY)};
#undef ENTRY

static const gft_gradients table = {entries, (int32_t)(sizeof entries / sizeof entries[0]),
                                    &gft_op_add, &gft_op_fill_like};

const gft_gradients *gft_ops_gradients(void) {
    return &table;
}
