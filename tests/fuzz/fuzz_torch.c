/* Fuzz target: legacy torch files from memory; every tensor that is accepted is copied out. */
#include <stdint.h>
#include <stdlib.h>

#include "base/shape.h"
#include "formats/torch_legacy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    gft_torch *torch = NULL;
    graft_error err;
    if (gft_torch_open(data, size, "fuzz", &torch, &err) != GRAFT_OK)
        return 0;
    for (size_t i = 0; i < gft_torch_count(torch); i++) {
        const gft_torch_tensor *t = gft_torch_at(torch, i);
        graft_tensor_desc desc = {.dtype = t->dtype, .shape = t->shape};
        size_t bytes;
        if (!gft_desc_bytes(&desc, &bytes) || bytes > 1 << 20)
            continue;
        void *copy = malloc(bytes ? bytes : 1);
        if (copy && gft_torch_copy(t, NULL, copy, bytes, NULL, &err) != GRAFT_OK)
            abort();
        free(copy);
    }
    gft_torch_close(torch);
    return 0;
}
