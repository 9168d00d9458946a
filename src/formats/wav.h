/*
 * WAV files (RIFF, "Multimedia Programming Interface and Data Specifications 1.0" and
 * WAVE_FORMAT_EXTENSIBLE): PCM of 8, 16, 24 or 32 bits and 32-bit float, as one channel of float32.
 */
#ifndef GFT_FORMATS_WAV_H
#define GFT_FORMATS_WAV_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define GFT_WAV_MAX_CHANNELS 256

typedef struct gft_wav {
    float
        *samples; /* heap: gft_wav_deinit. The mean of all channels; integers are scaled to -1..1 */
    int64_t count;
    int32_t rate;     /* samples per second */
    int32_t channels; /* of the file */
} gft_wav;

/**
 * @param out [out] untouched on error
 * @return OK; INVALID_ARGUMENT for bytes that are no WAV file; UNIMPLEMENTED naming another format
 * or encoding; DATA_LOSS for a cut file; RESOURCE_EXHAUSTED
 */
GRAFT_MUST_CHECK graft_status gft_wav_parse(const void *data, size_t bytes, const char *where,
                                            gft_wav *out, graft_error *err);
void gft_wav_deinit(gft_wav *wav);

#endif
