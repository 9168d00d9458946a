/*
 * Status codes and error values: the one way every Graft function reports failure.
 *
 * Numbers are TensorFlow's (tensorflow/core/protobuf/error_codes.proto), which are gRPC's too, so a
 * status crosses the wire unchanged. An error value has a fixed size: reporting never allocates.
 */
#ifndef GRAFT_STATUS_H
#define GRAFT_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define GRAFT_API __attribute__((visibility("default")))
#define GRAFT_MUST_CHECK __attribute__((warn_unused_result))
#else
#define GRAFT_API
#define GRAFT_MUST_CHECK
#endif

/* X(symbol, number, name, HTTP status that TensorFlow Serving answers with) */
#define GRAFT_STATUS_LIST(X)                                                                       \
    X(OK, 0, "ok", 200)                                                                            \
    X(CANCELLED, 1, "cancelled", 499)                                                              \
    X(UNKNOWN, 2, "unknown", 500)                                                                  \
    X(INVALID_ARGUMENT, 3, "invalid argument", 400)                                                \
    X(DEADLINE_EXCEEDED, 4, "deadline exceeded", 504)                                              \
    X(NOT_FOUND, 5, "not found", 404)                                                              \
    X(ALREADY_EXISTS, 6, "already exists", 409)                                                    \
    X(PERMISSION_DENIED, 7, "permission denied", 403)                                              \
    X(RESOURCE_EXHAUSTED, 8, "resource exhausted", 429)                                            \
    X(FAILED_PRECONDITION, 9, "failed precondition", 400)                                          \
    X(ABORTED, 10, "aborted", 409)                                                                 \
    X(OUT_OF_RANGE, 11, "out of range", 400)                                                       \
    X(UNIMPLEMENTED, 12, "unimplemented", 501)                                                     \
    X(INTERNAL, 13, "internal", 500)                                                               \
    X(UNAVAILABLE, 14, "unavailable", 503)                                                         \
    X(DATA_LOSS, 15, "data loss", 500)                                                             \
    X(UNAUTHENTICATED, 16, "unauthenticated", 401)

#define GRAFT_STATUS_ENUM_(symbol, number, name, http) GRAFT_##symbol = number,
typedef enum graft_status { GRAFT_STATUS_LIST(GRAFT_STATUS_ENUM_) } graft_status;
#undef GRAFT_STATUS_ENUM_

#define GRAFT_ERROR_MESSAGE_BYTES 512

/**
 * What went wrong and where. `message` is one lower-case sentence: where, what was found, what was
 * expected.
 */
typedef struct graft_error {
    graft_status code;
    char message[GRAFT_ERROR_MESSAGE_BYTES];
} graft_error;

/**
 * Returns the lower-case name of a status ("not found"), or "unknown" for a number outside the
 * list.
 */
GRAFT_API const char *graft_status_name(graft_status status);

/** Returns the HTTP status TensorFlow Serving answers with for this status. */
GRAFT_API int graft_status_http(graft_status status);

#ifdef __cplusplus
}
#endif
#endif
