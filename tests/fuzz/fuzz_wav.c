/* Fuzz target: WAV. There are never more samples than bytes, and every one of them is there. */
#include <stdint.h>
#include <stdlib.h>

#include "formats/wav.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    gft_wav wav;
    graft_error err;
    if (gft_wav_parse(data, size, "fuzz", &wav, &err) != GRAFT_OK)
        return 0;
    if (wav.count < 0 || (size_t)wav.count > size || wav.rate < 1 || wav.channels < 1)
        abort();
    volatile float sum = 0; /* every sample is looked at */
    for (int64_t i = 0; i < wav.count; i++)
        sum += wav.samples[i];
    (void)sum;
    gft_wav_deinit(&wav);
    return 0;
}
