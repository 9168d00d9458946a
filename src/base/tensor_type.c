/*
 * Sizes and names of element types, expanded from the one list in graft/tensor.h.
 */
#include "graft/tensor.h"

#define BYTES_CASE(symbol, number, bytes, name)                                                    \
    case GRAFT_##symbol:                                                                           \
        return bytes;
#define NAME_CASE(symbol, number, bytes, name)                                                     \
    case GRAFT_##symbol:                                                                           \
        return name;

size_t graft_dtype_bytes(graft_dtype dtype) {
    switch (dtype) {
        GRAFT_DTYPE_LIST(BYTES_CASE)
    case GRAFT_DTYPE_NONE:
        break;
    }
    return 0;
}

const char *graft_dtype_name(graft_dtype dtype) {
    switch (dtype) {
        GRAFT_DTYPE_LIST(NAME_CASE)
    case GRAFT_DTYPE_NONE:
        break;
    }
    return "none";
}
