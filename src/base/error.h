/*
 * Reporting failure: fill an error value, return early, jump to the one cleanup label.
 *
 * Every function that can fail returns graft_status and takes `graft_error *err` (may be NULL)
 * last. Messages are lower case and say where, what was found and what was expected.
 */
#ifndef GFT_BASE_ERROR_H
#define GFT_BASE_ERROR_H

#include "graft/status.h"

/**
 * Writes code and message into err (if not NULL) and returns code, so that callers can `return
 * gft_fail(...)`.
 */
graft_status gft_fail(graft_error *err, graft_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/**
 * Puts "prefix: " before the message already in err; returns err's code (or `code` when err is
 * NULL).
 */
graft_status gft_fail_in(graft_error *err, graft_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** RESOURCE_EXHAUSTED, "out of memory: needed N bytes for WHAT". */
graft_status gft_fail_memory(graft_error *err, unsigned long long bytes, const char *what);

/** Maps errno to a status and says "path: strerror" with `doing` before it ("write", "open"). */
graft_status gft_fail_errno(graft_error *err, int errnum, const char *doing, const char *path);

/* Returns early with the failing status; use where nothing is held. */
#define GFT_TRY(expr)                                                                              \
    do {                                                                                           \
        graft_status gft_try_ = (expr);                                                            \
        if (gft_try_ != GRAFT_OK)                                                                  \
            return gft_try_;                                                                       \
    } while (0)

/*
 * Stores the failing status in a local `status` and jumps to `done:`; use where something is held.
 */
#define GFT_GOTO(expr)                                                                             \
    do {                                                                                           \
        status = (expr);                                                                           \
        if (status != GRAFT_OK)                                                                    \
            goto done;                                                                             \
    } while (0)

/* For bugs in Graft only, never the check of data that came from outside. */
#define GFT_ASSERT(cond) ((cond) ? (void)0 : gft_assert_failed(#cond, __FILE__, __LINE__))
void gft_assert_failed(const char *cond, const char *file, int line) __attribute__((noreturn));

#endif
