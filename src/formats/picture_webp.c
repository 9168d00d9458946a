/*
 * WebP through libwebp: lossy and lossless, alpha dropped. Animations are refused.
 */
#include <webp/decode.h>

#include "formats/picture_priv.h"

graft_status gft_picture_decode_webp(const uint8_t *bytes, size_t count, const char *where,
                                     gft_picture *picture, graft_error *err) {
    WebPBitstreamFeatures features;
    VP8StatusCode code = WebPGetFeatures(bytes, count, &features);
    if (code == VP8_STATUS_NOT_ENOUGH_DATA)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: the WebP file ends in its header (%zu bytes)",
                        where, count);
    if (code != VP8_STATUS_OK)
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: damaged WebP header", where);
    if (features.has_animation)
        return gft_fail(err, GRAFT_UNIMPLEMENTED,
                        "%s: found an animated WebP, expected a single picture", where);

    gft_picture made = {0};
    GFT_TRY(
        gft_picture_init(&made, (uint64_t)features.height, (uint64_t)features.width, where, err));
    size_t stride = (size_t)made.width * 3;
    if (!WebPDecodeRGBInto(bytes, count, made.pixels, stride * (size_t)made.height, (int)stride)) {
        gft_picture_deinit(&made);
        return gft_fail(err, GRAFT_DATA_LOSS, "%s: damaged or truncated WebP (%zu bytes)", where,
                        count);
    }
    *picture = made;
    return GRAFT_OK;
}
