/*
 * Filling error values: code and message into a fixed-size struct, without allocating.
 *
 * A message is first formatted on the stack, so that the old message may be an argument of the new
 * one.
 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

graft_status gft_fail(graft_error *err, graft_status code, const char *format, ...) {
    if (!err)
        return code;
    char text[GRAFT_ERROR_MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0)
        text[0] = '\0';
    err->code = code;
    memcpy(err->message, text, strlen(text) + 1);
    return code;
}

graft_status gft_fail_in(graft_error *err, graft_status code, const char *format, ...) {
    if (!err)
        return code;
    char text[GRAFT_ERROR_MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0)
        text[0] = '\0';
    size_t used = strlen(text);
    if (err->code == GRAFT_OK)
        err->code = code;
    if (err->message[0] && used + 2 < sizeof text) {
        size_t room = sizeof text - used - 3;
        size_t kept = strnlen(err->message, sizeof err->message - 1);
        if (kept > room)
            kept = room;
        text[used] = ':';
        text[used + 1] = ' ';
        memcpy(text + used + 2, err->message, kept);
        text[used + 2 + kept] = '\0';
    }
    memcpy(err->message, text, strlen(text) + 1);
    return err->code;
}

graft_status gft_fail_memory(graft_error *err, unsigned long long bytes, const char *what) {
    return gft_fail(err, GRAFT_RESOURCE_EXHAUSTED, "out of memory: needed %llu bytes for %s", bytes,
                    what);
}

static graft_status status_of_errno(int errnum) {
    switch (errnum) {
    case ENOENT:
    case ENOTDIR:
        return GRAFT_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return GRAFT_PERMISSION_DENIED;
    case EEXIST:
    case ENOTEMPTY:
        return GRAFT_ALREADY_EXISTS;
    case ENOMEM:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case EAGAIN:
        return GRAFT_RESOURCE_EXHAUSTED;
    case EINVAL:
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
    case EBADF:
        return GRAFT_INVALID_ARGUMENT;
    case EIO:
        return GRAFT_DATA_LOSS;
    case EINTR:
    case ECANCELED:
        return GRAFT_CANCELLED;
    case ETIMEDOUT:
        return GRAFT_DEADLINE_EXCEEDED;
    case EBUSY:
    case ETXTBSY:
    case ECONNREFUSED:
    case ENETUNREACH:
        return GRAFT_UNAVAILABLE;
    case ENOSYS:
    case EOPNOTSUPP:
        return GRAFT_UNIMPLEMENTED;
    default:
        return GRAFT_UNKNOWN;
    }
}

graft_status gft_fail_errno(graft_error *err, int errnum, const char *doing, const char *path) {
    /* strerror_r's GNU and POSIX forms differ; strerrordesc_np does not exist everywhere. */
    char reason[96];
    if (strerror_r(errnum, reason, sizeof reason) != 0)
        snprintf(reason, sizeof reason, "error %d", errnum);
    return gft_fail(err, status_of_errno(errnum), "%s: cannot %s: %s", path, doing, reason);
}

void gft_assert_failed(const char *cond, const char *file, int line) {
    gft_log(GFT_LOG_ERROR, "%s:%d: this should always hold: %s", file, line, cond);
    abort(); /* a bug in Graft: going on would spread wrong numbers */
}
