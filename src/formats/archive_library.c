/*
 * Loading libarchive by the name of its binary interface (13 since version 3).
 */
#include "formats/archive_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define FILE_NAME "libarchive.so.13"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static gft_archive_library library;
static bool loaded;

static void load(void) {
    void *handle = dlopen(FILE_NAME, RTLD_LAZY | RTLD_LOCAL);
    if (!handle)
        return;
    bool complete = true;
    void *symbol;
    /* POSIX has a function's address come as void *, and C has no cast for it */
#define FIND(function)                                                                             \
    symbol = dlsym(handle, #function);                                                             \
    complete = complete && symbol;                                                                 \
    memcpy(&library.function, &symbol, sizeof symbol);
    GFT_ARCHIVE_FUNCTIONS(FIND)
#undef FIND
    loaded = complete; /* and stays so: the process keeps it */
}

graft_status gft_archive_load(const gft_archive_library **out, graft_error *err) {
    pthread_once(&once, load);
    if (!loaded)
        return gft_fail(
            err, GRAFT_FAILED_PRECONDITION,
            "archives need libarchive, and %s cannot be loaded; install the package libarchive13",
            FILE_NAME);
    *out = &library;
    return GRAFT_OK;
}
