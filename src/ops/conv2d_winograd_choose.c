/*
 * Which convolutions run by Winograd's algorithm, and how their work is cut.
 *
 * Times are estimated in nanoseconds of one core (measured on an AMD EPYC, Zen 3, AVX2; other CPUs
 * differ in scale more than in proportion). A product of at least two register tiles of rows runs
 * as fast as the direct sum; transforms cost per tile, channel and point; filters of a picture's
 * batch are read once from memory, which is what small pictures with many channels wait for.
 */
#include "base/size.h"
#include "ops/conv2d_winograd.h"

#define MACS_PER_NS 46.0
#define BYTES_PER_NS 20.0
#define TRANSFORM_NS 0.035 /* one point of one channel of a tile, in or out */
#define ROW_TILE 6.0       /* fewer tiles take as long */
#define FILTER_NS 10.0     /* transforming the 9 taps between two channels */

static double round_up(int64_t n, int64_t unit) {
    return (double)(gft_i64_ceil_div(n, unit) * unit);
}

static double direct_ns(const gft_conv_geometry *geo) {
    const double filter = 9.0 * (double)geo->c * round_up(geo->oc, 16);
    const double rows = (double)(geo->n * geo->oh * geo->ow);
    return rows * filter / MACS_PER_NS + 4.0 * filter / BYTES_PER_NS;
}

static int64_t tiles_of(const gft_conv_geometry *geo, int32_t m) {
    return geo->n * gft_i64_ceil_div(geo->oh, m) * gft_i64_ceil_div(geo->ow, m);
}

static double winograd_ns(const gft_conv_geometry *geo, int32_t m) {
    const double points = (double)(m + 2) * (double)(m + 2);
    const double tiles = (double)tiles_of(geo, m);
    const double rows = tiles < ROW_TILE ? ROW_TILE : tiles;
    const double c = (double)geo->c;
    const double oc = round_up(geo->oc, 16);
    return points * (rows * c * oc / MACS_PER_NS + 4.0 * c * oc / BYTES_PER_NS +
                     tiles * (c + oc) * TRANSFORM_NS);
}

/*
 * A block's transformed tiles stay in L2 where few channels allow 24 tiles; with more channels a
 * filter that is read less often outweighs tiles that go to L3. Four tasks or a multiple give two
 * and four threads the same share. With too few tiles for four blocks slices of columns make up for
 * it: each transforms the tiles once more, which is cheaper than handing them from core to core
 * (14x14x256 on two threads: 583 us with a phase of its own for tiles, 480 with slices).
 */
static gft_winograd_grid grid_of(const gft_conv_geometry *geo, int32_t m) {
    const int64_t tiles = tiles_of(geo, m);
    const int64_t points = (m + 2) * (m + 2);
    const int64_t wanted = gft_i64_max(geo->c / 8, 24 * 36 / points);
    const int64_t least = gft_i64_max(geo->c / 16, 12 * 36 / points);
    int64_t blocks = gft_i64_ceil_div(tiles, wanted);
    if (blocks < 16)
        blocks = gft_i64_ceil_div(blocks, 4) * 4;
    if (tiles >= blocks * least)
        return (gft_winograd_grid){m, blocks, 1};
    blocks = gft_i64_ceil_div(tiles, wanted);
    const int64_t slices = gft_i64_max(gft_i64_min(geo->oc / 64, 4), 1);
    return (gft_winograd_grid){m, blocks, slices};
}

gft_winograd_grid gft_winograd_choose(const gft_conv_geometry *geo, bool constant) {
    const gft_winograd_grid none = {0};
    if (geo->kh != 3 || geo->kw != 3 || geo->stride_h != 1 || geo->stride_w != 1 ||
        geo->dilation_h != 1 || geo->dilation_w != 1 || geo->groups != 1)
        return none;
    if (geo->n < 1 || geo->oh < 1 || geo->ow < 1 || geo->c < 8 || geo->oc < 8)
        return none;
    int64_t outputs;
    if (!gft_i64_mul(geo->n, geo->oh, &outputs) || !gft_i64_mul(outputs, geo->ow, &outputs))
        return none; /* refused elsewhere */
    const double filter = constant ? 0.0 : FILTER_NS * (double)geo->c * (double)geo->oc;
    const double two = winograd_ns(geo, 2) + filter;
    const double four = winograd_ns(geo, 4) + filter;
    if (direct_ns(geo) * 0.9 <= (two < four ? two : four))
        return none;
    return grid_of(geo, two < four ? 2 : 4);
}
