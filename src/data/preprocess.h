/*
 * A preprocessing rule applied to pixels: crop, squeeze or pad, resize, and the element type of the
 * result.
 */
#ifndef GFT_DATA_PREPROCESS_H
#define GFT_DATA_PREPROCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "data/resize.h"
#include "formats/picture.h"
#include "graft/data.h"

#define GFT_PICTURE_FILE_MAX_BYTES ((size_t)512 << 20)

/** True if the rule's own result is uint8 (PIL's arithmetic), false if float32. */
bool gft_preprocess_gives_u8(const graft_preprocess *rule);
/** Values of one picture: height * width * 3, which a checked rule keeps within bounds. */
size_t gft_preprocess_elems(const graft_preprocess *rule);

/** Applies a rule of PIL's arithmetic; `rule` has passed graft_preprocess_check. */
GRAFT_MUST_CHECK graft_status gft_preprocess_u8(const graft_preprocess *rule, const gft_view *view,
                                                uint8_t *out, graft_error *err);
/** Applies a rule of TensorFlow's arithmetic. */
GRAFT_MUST_CHECK graft_status gft_preprocess_f32(const graft_preprocess *rule, const gft_view *view,
                                                 float *out, graft_error *err);

/** uint8 to float32, the same numbers. */
void gft_u8_to_f32(const uint8_t *in, size_t count, float *out);
/** float32 to uint8: rounded to nearest, clipped. */
void gft_f32_to_u8(const float *in, size_t count, uint8_t *out);

/** Reads and decodes a picture file; the caller frees it with gft_picture_deinit. */
GRAFT_MUST_CHECK graft_status gft_picture_open(const char *path, gft_picture *picture,
                                               graft_error *err);

#endif
