/*
 * Fuzz target: any bytes through the picture decoders; a picture that comes out is of the size it
 * says, every pixel set.
 */
#include <stddef.h>
#include <stdint.h>

#include "formats/picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    gft_picture picture = {0};
    graft_error err;
    if (gft_picture_decode(data, size, "fuzz", &picture, &err) != GRAFT_OK)
        return 0;
    volatile uint32_t sum = 0;
    size_t bytes = (size_t)picture.height * (size_t)picture.width * 3;
    for (size_t i = 0; i < bytes; i++)
        sum += picture.pixels[i];
    gft_picture_deinit(&picture);
    return 0;
}
