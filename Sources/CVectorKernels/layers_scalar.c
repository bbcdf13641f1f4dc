// The layers' kernels in portable C, and the packing of weights.
#define LANES 4
#define TILE_ROWS 4
#define TILE_VECTORS 2
// Not fmaf: without an instruction for it that is a call of the C library.
#define FMA(a, b, c) ((a) * (b) + (c))
#include "layers.h"

const tvk_layer_kernels tvk_scalar_layer_kernels = {TVK_LEVEL_SCALAR, multiply, gelu, softmax, layer_norm};

void tvk_pack_panels(const float *weights, size_t stride, size_t columns, size_t depth, float scale, float *out) {
    for (size_t first = 0; first < columns; first += TVK_PANEL, out += depth * TVK_PANEL) {
        size_t count = columns - first < TVK_PANEL ? columns - first : TVK_PANEL;
        if (count < TVK_PANEL) memset(out, 0, depth * TVK_PANEL * sizeof(float));
        const float *rows = weights + first * stride;
        // In blocks of a cache line of each row.
        for (size_t block = 0; block < depth; block += 16) {
            size_t end = depth - block < 16 ? depth : block + 16;
            for (size_t j = 0; j < count; j++) {
                for (size_t k = block; k < end; k++) out[k * TVK_PANEL + j] = rows[j * stride + k] * scale;
            }
        }
    }
}
