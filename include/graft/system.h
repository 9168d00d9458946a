/*
 * The library itself: version, the log, the processor, what this build holds.
 */
#ifndef GRAFT_SYSTEM_H
#define GRAFT_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "graft/status.h"

#ifdef __cplusplus
extern "C" {
#endif

GRAFT_API const char *graft_version(void); /* "0.1.0" */

typedef enum graft_log_severity {
    GRAFT_LOG_DEBUG,
    GRAFT_LOG_INFO,
    GRAFT_LOG_WARNING,
    GRAFT_LOG_ERROR
} graft_log_severity;
typedef void (*graft_log_sink)(void *context, graft_log_severity severity, const char *message);
/** Where log lines go; call once, at start. Default: nowhere. */
GRAFT_API void graft_log_to(graft_log_sink sink, void *context);

GRAFT_API int32_t graft_cpu_count(void);    /* cores this process may use */
GRAFT_API const char *graft_cpu_name(void); /* the processor's own name */
GRAFT_API const char *
graft_cpu_level(void); /* kernels in use: "scalar", "avx2", "avx512", "neon" */
GRAFT_API const char *
graft_cpu_level_best(void); /* what the processor has, whatever GRAFT_CPU says */
/** The i-th library or feature of this build, with its version or "no"; false past the end. */
GRAFT_API bool graft_build_feature(size_t i, const char **name, const char **value);
GRAFT_API double graft_peak_rss_mb(void);
GRAFT_API uint64_t graft_clock_now_ns(void); /* monotonic */
/** The nearest right word for a wrong one, NULL if none is near. Borrowed from words. */
GRAFT_API const char *graft_nearest_word(const char *word, const char *const *words, size_t count);
/** The whole text as a number; false if anything is left over. */
GRAFT_API bool graft_parse_int(const char *text, int64_t *out);
GRAFT_API bool graft_parse_float(const char *text, double *out);
GRAFT_API bool graft_parse_size(const char *text, uint64_t *out); /* "512", "64K", "2.5G" */

#ifdef __cplusplus
}
#endif
#endif
