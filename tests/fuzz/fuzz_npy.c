/* Fuzz target: .npy and .npz from memory; what is accepted is written and must read back equal. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/shape.h"
#include "formats/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Strings lose the zeros at their end. */
static int same_text(graft_string_view a, graft_string_view b) {
    while (a.bytes > 0 && a.data[a.bytes - 1] == 0)
        a.bytes--;
    return a.bytes == b.bytes && (a.bytes == 0 || memcmp(a.data, b.data, a.bytes) == 0);
}

static int same_data(const graft_tensor *a, const graft_tensor *b) {
    if (a->desc.dtype != GRAFT_STRING)
        return memcmp(b->data, a->data, a->bytes) == 0;
    for (size_t i = 0; i < a->bytes / sizeof(graft_string_view); i++) {
        if (!same_text(((const graft_string_view *)a->data)[i],
                       ((const graft_string_view *)b->data)[i]))
            return 0;
    }
    return 1;
}

static void round_trip(const graft_tensor *t) {
    gft_buffer buffer;
    gft_arena arena;
    graft_tensor again;
    gft_buffer_init(&buffer, (size_t)1 << 30);
    gft_arena_init(&arena);
    if (gft_npy_append(&buffer, &t->desc, t->data, NULL) != GRAFT_OK ||
        gft_npy_parse(buffer.data, buffer.bytes, "again", &arena, &again, NULL) != GRAFT_OK ||
        again.desc.dtype != t->desc.dtype || !gft_shape_equal(&again.desc.shape, &t->desc.shape) ||
        again.bytes != t->bytes || !same_data(t, &again))
        abort();
    gft_arena_deinit(&arena);
    gft_buffer_deinit(&buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    gft_arena arena;
    gft_arena_init(&arena);
    graft_tensor *list = NULL;
    size_t count = 0;
    graft_error err;
    if (gft_npz_parse(data, size, "fuzz", &arena, &list, &count, &err) == GRAFT_OK)
        for (size_t i = 0; i < count; i++)
            round_trip(&list[i]);
    gft_arena_deinit(&arena);
    return 0;
}
