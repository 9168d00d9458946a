/*
 * Log sink: rooms report through it, only the program decides what is printed. Default: nothing.
 */
#ifndef GFT_BASE_LOG_H
#define GFT_BASE_LOG_H

typedef enum gft_log_level {
    GFT_LOG_DEBUG,
    GFT_LOG_INFO,
    GFT_LOG_WARNING,
    GFT_LOG_ERROR
} gft_log_level;
typedef void (*gft_log_fn)(void *context, gft_log_level level, const char *message);

void gft_log_set_sink(gft_log_fn fn, void *context); /* once, at start */
void gft_log(gft_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
