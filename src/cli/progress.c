/*
 * The progress bar (progress.h).
 */
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "graft/system.h"

#define BAR_CELLS 28
#define BAR_EVERY_NS 100000000u
#define LINE_EVERY_NS 5000000000u

cli_progress cli_progress_make(bool quiet) {
    return (cli_progress){.quiet = quiet, .terminal = isatty(STDERR_FILENO) == 1};
}

static void time_text(double seconds, char out[24]) {
    int s = (int)(seconds + 0.5);
    if (s >= 3600)
        (void)snprintf(out, 24, "%d:%02d:%02d", s / 3600, s / 60 % 60, s % 60);
    else
        (void)snprintf(out, 24, "%d:%02d", s / 60, s % 60);
}

void cli_progress_clear(cli_progress *p) {
    if (p->bar_shown)
        fprintf(stderr, "\r\033[K");
    p->bar_shown = false;
}

static void show_bar(cli_progress *p, int64_t done, int64_t total, double rate, const char *left) {
    char bar[BAR_CELLS + 1];
    int64_t cells = total > 0 ? done * BAR_CELLS / total : BAR_CELLS;
    for (int i = 0; i < BAR_CELLS; i++)
        bar[i] = i < cells ? '#' : '.';
    bar[BAR_CELLS] = '\0';
    fprintf(stderr, "\r\033[K%-12s [%s] %lld/%lld  %.0f/s  %s left", p->stage, bar, (long long)done,
            (long long)total, rate, left);
    (void)fflush(stderr);
    p->bar_shown = true;
}

void cli_progress_show(cli_progress *p, const char *stage, int64_t done, int64_t total) {
    uint64_t now = graft_clock_now_ns();
    char left[24];
    if (p->quiet)
        return;
    bool anew = !p->stage || strcmp(p->stage, stage) != 0 ||
                done < p->last_done; /* another epoch of a stage, too */
    p->last_done = done;
    if (anew) {
        p->stage = stage;
        p->began_ns = now;
        p->last_ns = now;
        return;
    }
    if (now - p->last_ns < (p->terminal ? BAR_EVERY_NS : LINE_EVERY_NS))
        return;
    p->last_ns = now;
    double seconds = (double)(now - p->began_ns) * 1e-9;
    double rate = seconds > 0 ? (double)done / seconds : 0;
    time_text(rate > 0 ? (double)(total - done) / rate : 0, left);
    if (p->terminal)
        show_bar(p, done, total, rate, left);
    else
        fprintf(stderr, "%s: %lld of %lld, %.0f/s, %s left\n", stage, (long long)done,
                (long long)total, rate, left);
}
