/*
 * Recorded by TensorFlow 2.21.0 on a CPU, for x = [[1,2,3],[4,5,6]] as (1,2,3,1):
 * tf.raw_ops.ResizeBilinear(images=x, size=[3,4], align_corners=..., half_pixel_centers=...), likewise
 * ResizeNearestNeighbor. The test asks for 1e-6.
 */
static const struct {
    gft_resize_attrs attrs;
    float want[12];
} recorded[] = {
    {{3, 4, GFT_RESIZE_BILINEAR, false, false, 0, 0},
     {1.0f, 1.75f, 2.5f, 3.0f, 3.0f, 3.75f, 4.5f, 5.0f, 4.0f, 4.75f, 5.5f, 6.0f}},
    {{3, 4, GFT_RESIZE_BILINEAR, true, false, 0, 0},
     {1.0f, 1.6666667f, 2.3333335f, 3.0f, 2.5f, 3.1666665f, 3.8333335f, 4.5f, 4.0f, 4.6666665f, 5.3333335f, 6.0f}},
    {{3, 4, GFT_RESIZE_BILINEAR, false, true, 0, 0},
     {1.0f, 1.625f, 2.375f, 3.0f, 2.5f, 3.125f, 3.875f, 4.5f, 4.0f, 4.625f, 5.375f, 6.0f}},
    {{3, 4, GFT_RESIZE_NEAREST, false, false, 0, 0},
     {1.0f, 1.0f, 2.0f, 3.0f, 1.0f, 1.0f, 2.0f, 3.0f, 4.0f, 4.0f, 5.0f, 6.0f}},
    {{3, 4, GFT_RESIZE_NEAREST, true, false, 0, 0},
     {1.0f, 2.0f, 2.0f, 3.0f, 4.0f, 5.0f, 5.0f, 6.0f, 4.0f, 5.0f, 5.0f, 6.0f}},
    {{3, 4, GFT_RESIZE_NEAREST, false, true, 0, 0},
     {1.0f, 2.0f, 2.0f, 3.0f, 4.0f, 5.0f, 5.0f, 6.0f, 4.0f, 5.0f, 5.0f, 6.0f}},
};
