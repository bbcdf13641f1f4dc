// The layers' kernels with AVX-512: of 32 registers a tile takes 24 for its sums and 2 for the panel.
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq"))), apply_to = function)
#define LANES 16
#define TILE_ROWS 12
#define TILE_VECTORS 2
#define FMA(a, b, c) __builtin_elementwise_fma(a, b, c)
#include "layers.h"
#pragma clang attribute pop

const tvk_layer_kernels tvk_avx512_layer_kernels = {TVK_LEVEL_AVX512, multiply, gelu, softmax, layer_norm};
#endif
