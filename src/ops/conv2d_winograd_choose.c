/*
 * Which convolutions run by Winograd's algorithm, and how their work is cut.
 */
#include "base/size.h"
#include "ops/conv2d_winograd.h"

gft_winograd_grid gft_winograd_choose(const gft_conv_geometry *geo,
                                      const gft_gemm_f32_kernels *kernels) {
    gft_winograd_grid none = {0};
    if (geo->kh != 3 || geo->kw != 3 || geo->stride_h != 1 || geo->stride_w != 1 ||
        geo->dilation_h != 1 || geo->dilation_w != 1 || geo->groups != 1)
        return none;
    if (geo->n < 1 || geo->oh < 1 || geo->ow < 1 || geo->c < 16 || geo->oc < 16)
        return none;
    (void)kernels;
    int64_t tiles = geo->n * gft_i64_ceil_div(geo->oh, 4) * gft_i64_ceil_div(geo->ow, 4);
    return (gft_winograd_grid){4, false, gft_i64_ceil_div(tiles, 24), 1};
}
