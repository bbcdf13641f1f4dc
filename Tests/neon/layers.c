// The kernels of transformer layers: products of every height of a tile, and the functions at every length.
#include "support.h"

#include <math.h>

static const tvk_layer_kernels *one, *other;

/// Counts floats that differ by more than rounding.
static void compare(const float *a, const float *b, size_t n, float tolerance, const char *what, size_t size) {
    for (size_t i = 0; i < n; i++) {
        CHECK(fabsf(a[i] - b[i]) <= tolerance * fmaxf(1, fabsf(b[i])), "%s of %zu: %zu is %g, not %g", what, size, i, a[i],
            b[i]);
    }
}

static float *floats(size_t n, float magnitude) {
    float *x = guarded(n * sizeof(float));
    for (size_t i = 0; i < n; i++) x[i] = random_float(magnitude);
    return x;
}

static void check_product(size_t rows, size_t columns, size_t depth, int activated) {
    size_t panels = (columns + TVK_PANEL - 1) / TVK_PANEL;
    size_t c_stride = panels * TVK_PANEL;
    float *a = floats(rows * depth, 1), *weights = floats(columns * depth, 1), *bias = floats(panels * TVK_PANEL, 1);
    float *packed = guarded(panels * depth * TVK_PANEL * sizeof(float));
    float *c = guarded(rows * c_stride * sizeof(float)), *d = guarded(rows * c_stride * sizeof(float));
    tvk_pack_panels(weights, depth, columns, depth, 1, packed);
    tvk_product product = {rows, columns, depth, a, depth, packed, TVK_PANEL, depth * TVK_PANEL, c, c_stride, bias, activated};
    one->multiply(&product);
    product.c = d;
    other->multiply(&product);
    compare(c, d, rows * c_stride, 1e-4f, "a product", rows);
    release_guarded();
}

void test_layers(void) {
    one = tvk_layer_kernels_for(TVK_LEVEL_NEON);
    other = tvk_layer_kernels_for(TVK_LEVEL_SCALAR);
    CHECK(one == tvk_layer_kernels_best() && one->level == TVK_LEVEL_NEON, "this CPU was given another table of layers");
    for (size_t rows = 1; rows < 15; rows++) check_product(rows, 1 + random_below(70), 1 + random_below(100), rows % 2);
    check_product(7, 64, 1600, 1);
    for (size_t i = 0; i < LENGTH_COUNT; i++) {
        size_t n = length_at(i);
        if (n == 0 || n > 1024) continue;
        float *x = floats(n, 9), *y = guarded(n * sizeof(float)), *bias = floats(n, 1), *weight = floats(n, 1);
        float *residual = floats(n, 1);
        for (size_t k = 0; k < n; k++) y[k] = x[k];
        one->gelu(x, n);
        other->gelu(y, n);
        compare(x, y, n, 1e-6f, "GELU", n);
        one->layer_norm(x, residual, weight, bias, 1e-5f, n);
        other->layer_norm(y, residual, weight, bias, 1e-5f, n);
        // Few elements may lie close together, and their rounding is divided by a small deviation.
        compare(x, y, n, n < 8 ? 1e-2f : 1e-4f, "a normalisation", n);
        for (size_t k = 0; k < n; k++) y[k] = x[k];
        one->softmax(x, bias, n);
        other->softmax(y, bias, n);
        compare(x, y, n, 1e-6f, "softmax", n);
        release_guarded();
    }
}
