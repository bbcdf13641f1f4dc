// Which tables of the layers' kernels this CPU can run, by the levels of the other kernels.
#include "CVectorKernels.h"

extern const tvk_layer_kernels tvk_scalar_layer_kernels, tvk_avx2_layer_kernels, tvk_avx512_layer_kernels,
    tvk_neon_layer_kernels;

const tvk_layer_kernels *tvk_layer_kernels_for(tvk_level level) {
    if (!tvk_kernels_for(level)) return NULL;
    switch (level) {
#if defined(__x86_64__)
    case TVK_LEVEL_AVX2: return &tvk_avx2_layer_kernels;
    case TVK_LEVEL_AVX512: return &tvk_avx512_layer_kernels;
#endif
#if defined(__aarch64__)
    case TVK_LEVEL_NEON: return &tvk_neon_layer_kernels;
#endif
    case TVK_LEVEL_SCALAR: return &tvk_scalar_layer_kernels;
    default: return NULL;
    }
}

const tvk_layer_kernels *tvk_layer_kernels_best(void) {
    const tvk_layer_kernels *best = tvk_layer_kernels_for(tvk_kernels_best()->level);
    return best ? best : &tvk_scalar_layer_kernels;
}
