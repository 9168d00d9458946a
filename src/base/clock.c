/*
 * Clocks of the system and this process's peak memory (VmHWM in /proc/self/status, else getrusage).
 */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static double seconds_of(clockid_t clock) {
    struct timespec t;
    if (clock_gettime(clock, &t) != 0)
        return 0.0;
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

uint64_t gft_clock_ns(void) {
    struct timespec t;
    if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
        return 0;
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

double gft_clock_wall_s(void) {
    return seconds_of(CLOCK_REALTIME);
}

double gft_clock_cpu_s(void) {
    return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

double gft_peak_rss_mb(void) {
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    unsigned long kib = 0;
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "VmHWM: %lu kB", &kib) == 1)
            break;
    }
    if (file)
        fclose(file);
    if (kib == 0) {
        struct rusage usage;
        if (getrusage(RUSAGE_SELF, &usage) == 0 && usage.ru_maxrss > 0)
            kib = (unsigned long)usage.ru_maxrss;
    }
    return (double)kib / 1024.0;
}
