/* Clocks: monotonic for durations, wall for time stamps; peak memory of this process. */
#ifndef GFT_BASE_CLOCK_H
#define GFT_BASE_CLOCK_H

#include <stdint.h>

uint64_t gft_clock_ns(void);   /* monotonic */
double gft_clock_wall_s(void); /* seconds since 1970 */
double gft_clock_cpu_s(void);  /* processor time of the whole process */
double gft_peak_rss_mb(void);  /* peak resident memory, MiB (VmHWM) */

#endif
