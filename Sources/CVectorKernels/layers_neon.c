// The layers' kernels with NEON: of 32 registers a tile takes 24 for its sums and 4 for the panel.
#if defined(__aarch64__)
#define LANES 4
#define TILE_ROWS 6
#define TILE_VECTORS 4
#define FMA(a, b, c) __builtin_elementwise_fma(a, b, c)
#include "layers.h"

const tvk_layer_kernels tvk_neon_layer_kernels = {TVK_LEVEL_NEON, multiply, gelu, softmax, layer_norm};
#endif
