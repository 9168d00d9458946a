/*
 * CPU levels. Each level contains the ones before it; GRAFT_CPU=scalar|avx2|avx512|neon hides what
 * is above it.
 */
#ifndef GFT_BASE_CPU_H
#define GFT_BASE_CPU_H

#include <stdint.h>

enum {
    GFT_CPU_AVX2 = 1u << 0,   /* AVX2, FMA, F16C */
    GFT_CPU_AVX512 = 1u << 1, /* F, BW, DQ, VL */
    GFT_CPU_AVX512VNNI = 1u << 2,
    GFT_CPU_AVX512BF16 = 1u << 3,
    GFT_CPU_AVXVNNI = 1u << 4,
    GFT_CPU_AVX512FP16 = 1u << 5, /* no kernel of its own: sums of halves are float32 */
    GFT_CPU_NEON = 1u << 8,
    GFT_CPU_NEON_DOTPROD = 1u << 9,
};

/** What the processor and the operating system offer, masked by GRAFT_CPU. Read once. */
uint32_t gft_cpu_flags(void);
/** What they offer, whatever GRAFT_CPU says (for `graft doctor`). */
uint32_t gft_cpu_flags_unmasked(void);
/** Masks flags by a level name; unknown names give the flags unchanged and *known = 0. */
uint32_t gft_cpu_mask(uint32_t flags, const char *level, int *known);
/** "avx2", "avx512", "neon" or "scalar": the highest level in flags. */
const char *gft_cpu_level_name(uint32_t flags);
/** The processor's own name, "" if unknown. */
const char *gft_cpu_model(void);

#endif
