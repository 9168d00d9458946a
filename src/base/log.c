/*
 * The log sink: one function set at start; without it messages go nowhere.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static gft_log_fn sink;
static void *sink_context;

void gft_log_set_sink(gft_log_fn fn, void *context) {
    sink = fn;
    sink_context = context;
}

void gft_log(gft_log_level level, const char *format, ...) {
    if (!sink)
        return;
    char text[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n >= 0)
        sink(sink_context, level, text);
}
