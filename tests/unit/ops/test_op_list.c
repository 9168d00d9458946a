/*
 * The tables made from op_list.h: every op is found by the name it is listed under, is complete,
 * and has its gradient where the list says so.
 */
#include "unit/ops/op_check.h"

static void test_find(void **state) {
    (void)state;
    int32_t count = 0;
    const gft_op *const *all = gft_ops_all(&count);
    int32_t i = 0;
#define LISTED(op_name)                                                                            \
    assert_string_equal(all[i]->name, #op_name);                                                   \
    assert_ptr_equal(gft_ops_find(#op_name), &gft_op_##op_name);                                   \
    i++;
    GFT_OP_LIST(LISTED)
#undef LISTED
    assert_int_equal(i, count);
    assert_null(gft_ops_find("no_such_op"));
}

static void test_complete(void **state) {
    (void)state;
    int32_t count = 0;
    const gft_op *const *all = gft_ops_all(&count);
    for (int32_t i = 0; i < count; i++) {
        const gft_op *op = all[i];
        if (!op->infer || (!op->run && !(op->flags & GFT_OP_VIEW)) || op->min_inputs < 1 ||
            (op->max_inputs >= 0 && op->max_inputs < op->min_inputs) ||
            (op->kind == GFT_KIND_UNARY) != (op->unary != NULL))
            fail_msg("op %s is not complete", op->name);
        for (int32_t k = 0; k < i; k++)
            assert_string_not_equal(op->name, all[k]->name);
    }
}

static void test_gradients(void **state) {
    (void)state;
    const gft_gradients *table = gft_ops_gradients();
    int32_t i = 0;
#define LISTED(op_name)                                                                            \
    assert_ptr_equal(table->entries[i].op, &gft_op_##op_name);                                     \
    assert_true(table->entries[i].fn == gft_grad_##op_name);                                       \
    i++;
    GFT_GRADIENT_LIST(LISTED)
#undef LISTED
    assert_int_equal(i, table->count);
    assert_ptr_equal(table->add, &gft_op_add);
    assert_ptr_equal(table->fill_like, &gft_op_fill_like);
}

int main(void) {
    const struct CMUnitTest list[] = {cmocka_unit_test(test_find), cmocka_unit_test(test_complete),
                                      cmocka_unit_test(test_gradients)};
    return cmocka_run_group_tests(list, NULL, NULL);
}
