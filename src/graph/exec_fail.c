/*
 * How a running step reports input that cannot be used: the first failure is kept with the run,
 * which ends behind the step.
 */
#include <stdarg.h>
#include <stdio.h>

#include "graph/op.h"

void gft_exec_fail(const gft_exec *exec, graft_status code, const char *format, ...) {
    gft_exec_failure *f = exec->failure;
    if (!f || atomic_flag_test_and_set(&f->taken))
        return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(f->error.message, sizeof f->error.message, format, arguments);
    va_end(arguments);
    f->error.code = code;
}
