// The layers' kernels with AVX2: of 16 registers a tile takes 12 for its sums and 2 for the panel.
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define LANES 8
#define TILE_ROWS 6
#define TILE_VECTORS 2
#define FMA(a, b, c) __builtin_elementwise_fma(a, b, c)
#include "layers.h"
#pragma clang attribute pop

const tvk_layer_kernels tvk_avx2_layer_kernels = {TVK_LEVEL_AVX2, multiply, gelu, softmax, layer_norm};
#endif
