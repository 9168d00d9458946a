/*
 * Shapes and descriptors: products, text, matching, broadcasting as NumPy does it, strides, axes.
 */
#include "cmocka_all.h"

#include <string.h>

#include "base/shape.h"

static void products(void **state) {
    (void)state;
    graft_shape s = gft_shape_4(2, 3, 4, 5);
    assert_int_equal(gft_shape_elems(&s), 120);
    graft_shape scalar = gft_shape_0();
    assert_int_equal(gft_shape_elems(&scalar), 1);
    graft_shape zero = gft_shape_4(INT64_MAX, INT64_MAX, 0, 7);
    assert_int_equal(gft_shape_elems(&zero), 0);
    graft_shape unknown = gft_shape_2(-1, 0);
    assert_int_equal(gft_shape_elems(&unknown), -1);
    assert_false(gft_shape_known(&unknown));
    graft_shape huge = gft_shape_2(INT64_MAX, 2);
    assert_int_equal(gft_shape_elems(&huge), -1);
    size_t bytes = 1;
    graft_tensor_desc d = {GRAFT_F32, s, NULL};
    assert_true(gft_desc_bytes(&d, &bytes) && bytes == 480);
    d.shape = gft_shape_1(INT64_MAX);
    assert_false(gft_desc_bytes(&d, &bytes)); /* fits int64, not bytes */
    d.shape = s;
    d.dtype = GRAFT_RESOURCE;
    assert_false(gft_desc_bytes(&d, &bytes));
    d.dtype = GRAFT_STRING; /* its views */
    assert_true(gft_desc_bytes(&d, &bytes) && bytes == 120 * sizeof(graft_string_view));
    bytes = 480;
    d = gft_desc_f32(unknown);
    assert_false(gft_desc_bytes(&d, &bytes));
    assert_int_equal(bytes, 480);
}

static void text(void **state) {
    (void)state;
    char out[GFT_DESC_TEXT_BYTES];
    graft_tensor_desc d = {GRAFT_F32, gft_shape_4(-1, 224, 224, 3), NULL};
    assert_string_equal(gft_desc_text(&d, out), "float32 [?,224,224,3]");
    graft_shape scalar = gft_shape_0();
    assert_string_equal(gft_shape_text(&scalar, out), "[]");
    const int64_t large[8] = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX,
                              INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
    d = (graft_tensor_desc){GRAFT_BF16, gft_shape_of(8, large), NULL};
    assert_int_equal(strlen(gft_desc_text(&d, out)), strlen("bfloat16 []") + 8 * 19 + 7);
}

static void matching(void **state) {
    (void)state;
    graft_shape a = gft_shape_2(-1, 3);
    graft_shape b = gft_shape_2(5, 3);
    graft_shape c = gft_shape_2(5, 4);
    graft_shape d = gft_shape_1(3);
    assert_true(gft_shape_matches(&a, &b));
    assert_true(gft_shape_matches(&b, &a));
    assert_false(gft_shape_matches(&a, &c));
    assert_false(gft_shape_matches(&a, &d));
    assert_true(gft_shape_equal(&b, &b));
    assert_false(gft_shape_equal(&a, &b));
    assert_false(gft_shape_equal(&a, &d));
}

static void check_broadcast(graft_shape a, graft_shape b, graft_shape want) {
    graft_shape out;
    assert_true(gft_shape_broadcast(&a, &b, &out));
    assert_true(gft_shape_equal(&out, &want));
    assert_true(gft_shape_broadcast(&b, &a, &out));
    assert_true(gft_shape_equal(&out, &want));
}

static void broadcasting(void **state) {
    (void)state;
    check_broadcast(gft_shape_4(2, 1, 4, 1), gft_shape_2(1, 5), gft_shape_4(2, 1, 4, 5));
    check_broadcast(gft_shape_0(), gft_shape_1(3), gft_shape_1(3));
    check_broadcast(gft_shape_1(-1), gft_shape_1(1), gft_shape_1(-1));
    check_broadcast(gft_shape_1(-1), gft_shape_1(6), gft_shape_1(6));
    check_broadcast(gft_shape_1(-1), gft_shape_1(-1), gft_shape_1(-1));
    check_broadcast(gft_shape_1(0), gft_shape_1(1), gft_shape_1(0));
    check_broadcast(gft_shape_1(-1), gft_shape_1(0), gft_shape_1(0));
    graft_shape a = gft_shape_1(3);
    graft_shape b = gft_shape_1(4);
    graft_shape out;
    assert_false(gft_shape_broadcast(&a, &b, &out));
}

static void strides_and_axes(void **state) {
    (void)state;
    int64_t strides[GRAFT_MAX_RANK];
    graft_shape s = gft_shape_4(2, 3, 4, 5);
    gft_shape_strides(&s, strides);
    assert_int_equal(strides[0], 60);
    assert_int_equal(strides[3], 1);
    s = gft_shape_4(2, 3, -1, 5);
    gft_shape_strides(&s, strides);
    assert_int_equal(strides[2], 5);
    assert_int_equal(strides[0], -1);
    s = gft_shape_4(2, 3, INT64_MAX, 5);
    gft_shape_strides(&s, strides);
    assert_int_equal(strides[0], -1);
    int32_t axis = 9;
    assert_true(gft_axis_normalise(-1, 4, &axis) && axis == 3);
    assert_true(gft_axis_normalise(-4, 4, &axis) && axis == 0);
    assert_false(gft_axis_normalise(4, 4, &axis));
    assert_false(gft_axis_normalise(-5, 4, &axis));
    assert_false(gft_axis_normalise(0, 0, &axis));
    assert_false(gft_axis_normalise(INT64_MIN, 4, &axis));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products),         cmocka_unit_test(text),
        cmocka_unit_test(matching),         cmocka_unit_test(broadcasting),
        cmocka_unit_test(strides_and_axes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
