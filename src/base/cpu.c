/*
 * What the processor offers: CPUID and XGETBV on x86, the hardware capabilities on ARM; masked by
 * GRAFT_CPU.
 *
 * A feature counts only if the operating system saves its registers, hence XGETBV before AVX and
 * AVX-512.
 */
#include "base/cpu.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#ifndef HWCAP_ASIMDDP
#define HWCAP_ASIMDDP (1ul << 20)
#endif
#endif

#define AVX512_LEVEL (GFT_CPU_AVX2 | GFT_CPU_AVX512)

static const struct {
    const char *name;
    uint32_t keeps;
} levels[] = {
    {"scalar", 0},
    {"avx2", GFT_CPU_AVX2},
    {"avxvnni", GFT_CPU_AVX2 | GFT_CPU_AVXVNNI},
    {"avx512", AVX512_LEVEL},
    {"avx512vnni", AVX512_LEVEL | GFT_CPU_AVX512VNNI},
    {"avx512bf16", AVX512_LEVEL | GFT_CPU_AVX512VNNI | GFT_CPU_AVX512BF16},
    {"avx512fp16", AVX512_LEVEL | GFT_CPU_AVX512VNNI | GFT_CPU_AVX512BF16 | GFT_CPU_AVX512FP16},
    {"neon", GFT_CPU_NEON},
    {"neondot", GFT_CPU_NEON | GFT_CPU_NEON_DOTPROD},
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint32_t flags_found;
static uint32_t flags_used;
static char model[64];

#if defined(__x86_64__)
static uint64_t xgetbv0(void) {
    uint32_t low;
    uint32_t high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static bool has(uint32_t word, int bit) {
    return word >> bit & 1u;
}

static uint32_t detect(void) {
    uint32_t a;
    uint32_t b;
    uint32_t c;
    uint32_t d;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return 0;
    bool os_saves = has(c, 27);
    bool base = has(c, 28) && has(c, 12) && has(c, 29); /* AVX, FMA, F16C */
    if (!os_saves || !base || (xgetbv0() & 0x6u) != 0x6u ||
        !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !has(b, 5))
        return 0;
    uint32_t flags = GFT_CPU_AVX2;
    uint32_t a1 = 0;
    uint32_t b1 = 0;
    uint32_t c1 = 0;
    uint32_t d1 = 0;
    if (a >= 1)
        (void)__get_cpuid_count(7, 1, &a1, &b1, &c1, &d1);
    if (has(a1, 4))
        flags |= GFT_CPU_AVXVNNI;
    bool wide = has(b, 16) && has(b, 30) && has(b, 17) && has(b, 31); /* F, BW, DQ, VL */
    if (wide && (xgetbv0() & 0xe6u) == 0xe6u) {
        flags |= GFT_CPU_AVX512;
        if (has(c, 11))
            flags |= GFT_CPU_AVX512VNNI;
        if (has(a1, 5))
            flags |= GFT_CPU_AVX512BF16;
        if (has(d, 23))
            flags |= GFT_CPU_AVX512FP16;
    }
    return flags;
}

static void find_model(void) {
    uint32_t words[12];
    if (__get_cpuid_max(0x80000000u, NULL) < 0x80000004u)
        return;
    for (uint32_t i = 0; i < 3; i++)
        (void)__get_cpuid(0x80000002u + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2],
                          &words[4 * i + 3]);
    char text[sizeof words + 1];
    memcpy(text, words, sizeof words);
    text[sizeof words] = '\0';
    size_t from = strspn(text, " ");
    size_t length = strlen(text + from);
    while (length > 0 && text[from + length - 1] == ' ')
        length--;
    memcpy(model, text + from, length);
    model[length] = '\0';
}
#else
static uint32_t detect(void) {
#if defined(__aarch64__)
    uint32_t flags = GFT_CPU_NEON; /* part of the architecture */
#if defined(__linux__)
    if (getauxval(AT_HWCAP) & HWCAP_ASIMDDP)
        flags |= GFT_CPU_NEON_DOTPROD;
#endif
    return flags;
#else
    return 0;
#endif
}

static void find_model(void) {
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[256];
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "model name : %63[^\n]", model) == 1 ||
            sscanf(line, "Model : %63[^\n]", model) == 1)
            break;
    }
    if (file)
        fclose(file);
}
#endif

static void prepare(void) {
    flags_found = detect();
    flags_used = flags_found;
    find_model();
    const char *level = getenv("GRAFT_CPU");
    if (!level || !*level)
        return;
    int known;
    flags_used = gft_cpu_mask(flags_found, level, &known);
    if (!known)
        gft_log(GFT_LOG_WARNING,
                "GRAFT_CPU: no level \"%.40s\", using \"%s\" (known: scalar, avx2, avx512, neon)",
                level, gft_cpu_level_name(flags_found));
}

uint32_t gft_cpu_flags(void) {
    pthread_once(&once, prepare);
    return flags_used;
}

uint32_t gft_cpu_flags_unmasked(void) {
    pthread_once(&once, prepare);
    return flags_found;
}

uint32_t gft_cpu_mask(uint32_t flags, const char *level, int *known) {
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (strcmp(level, levels[i].name) == 0) {
            *known = 1;
            return flags & levels[i].keeps;
        }
    }
    *known = 0;
    return flags;
}

const char *gft_cpu_level_name(uint32_t flags) {
    if (flags & GFT_CPU_AVX512)
        return "avx512";
    if (flags & GFT_CPU_AVX2)
        return "avx2";
    if (flags & GFT_CPU_NEON)
        return "neon";
    return "scalar";
}

const char *gft_cpu_model(void) {
    pthread_once(&once, prepare);
    return model;
}
