/*
 * Progress on stderr: a bar with rate and time left on a terminal, a plain line every few seconds
 * otherwise.
 */
#ifndef GRAFT_CLI_PROGRESS_H
#define GRAFT_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct cli_progress {
    bool quiet;
    bool terminal;
    bool bar_shown;
    uint64_t began_ns, last_ns;
    const char *stage;
    int64_t last_done;
} cli_progress;

cli_progress cli_progress_make(bool quiet);
/** Shows done of total; a new stage name starts a new bar. */
void cli_progress_show(cli_progress *p, const char *stage, int64_t done, int64_t total);
/** Wipes the bar, so that a line can be printed. */
void cli_progress_clear(cli_progress *p);

#endif
