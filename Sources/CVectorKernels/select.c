// Which tables this CPU can run, and the one the process uses.
#include "batched.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#ifndef HWCAP_ASIMDDP
#define HWCAP_ASIMDDP (1 << 20)
#endif
#endif

const tvk_kernels *tvk_kernels_for(tvk_level level) {
    switch (level) {
    case TVK_LEVEL_SCALAR: return &tvk_scalar_kernels;
#if defined(__x86_64__)
    case TVK_LEVEL_AVX2: {
        __builtin_cpu_init();
        int available
            = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
        return available ? &tvk_avx2_kernels : NULL;
    }
    case TVK_LEVEL_AVX512: {
        // The file uses FMA and F16C as well, which every CPU with AVX-512 has.
        __builtin_cpu_init();
        int available = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
            && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")
            && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
        return available ? &tvk_avx512_kernels : NULL;
    }
#endif
#if defined(__aarch64__)
    case TVK_LEVEL_NEON:
#if defined(__linux__)
        if (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) return &tvk_neon_dotprod_kernels;
#elif defined(__APPLE__)
        return &tvk_neon_dotprod_kernels;
#endif
        return &tvk_neon_kernels;
#endif
    default: return NULL;
    }
}

static const tvk_level levels_fastest_first[] = {TVK_LEVEL_AVX512, TVK_LEVEL_AVX2, TVK_LEVEL_NEON, TVK_LEVEL_SCALAR};

const char *tvk_level_name(tvk_level level) {
    switch (level) {
    case TVK_LEVEL_SCALAR: return "scalar";
    case TVK_LEVEL_AVX2: return "avx2";
    case TVK_LEVEL_AVX512: return "avx512";
    case TVK_LEVEL_NEON: return "neon";
    }
    return "unknown";
}

static const tvk_kernels *best;
static pthread_once_t best_chosen = PTHREAD_ONCE_INIT;

static void choose_best(void) {
    const char *forced = getenv("TRENDEX_SIMD_LEVEL");
    size_t count = sizeof levels_fastest_first / sizeof levels_fastest_first[0];
    for (size_t i = 0; forced && i < count; i++) {
        if (strcmp(forced, tvk_level_name(levels_fastest_first[i])) != 0) continue;
        best = tvk_kernels_for(levels_fastest_first[i]);
        if (best) return;
    }
    for (size_t i = 0; i < count; i++) {
        best = tvk_kernels_for(levels_fastest_first[i]);
        if (best) return;
    }
}

const tvk_kernels *tvk_kernels_best(void) {
    pthread_once(&best_chosen, choose_best);
    return best;
}
