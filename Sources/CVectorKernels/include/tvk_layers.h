#ifndef TRENDEX_LAYER_KERNELS_H
#define TRENDEX_LAYER_KERNELS_H

// The layers of a transformer encoder, in float32: matrix products with bias and activation, softmax, normalisation.
// Included by CVectorKernels.h.
//
// Every function is pure, reentrant and free of allocation. Levels differ by rounding only. Where a function says that
// memory must have room for whole panels, columns are rounded up to a multiple of TVK_PANEL.

#pragma clang assume_nonnull begin

/// Columns of a panel: the unit in which the second factor of a product is stored.
#define TVK_PANEL 32

/// C = A · B + bias, with A of rows × depth and B of depth × columns.
typedef struct {
    size_t rows;
    size_t columns;
    size_t depth;

    /// Element (i, k) is a[i·a_stride + k]. A stride that is no multiple of 1,024 floats keeps rows in different cache sets.
    const float *a;
    size_t a_stride;

    /// Element (k, j) is b[(j / TVK_PANEL)·b_panel_stride + k·b_stride + j % TVK_PANEL]. `tvk_pack_panels` makes such panels,
    /// with b_stride TVK_PANEL. Whole panels are read.
    const float *b;
    size_t b_stride;
    size_t b_panel_stride;

    /// Element (i, j) is c[i·c_stride + j]; overlaps neither a nor b. Rows must have room for whole panels, which are
    /// overwritten.
    float *c;
    size_t c_stride;

    /// A float for each column, in whole panels, or NULL for none.
    const float *_Nullable bias;

    /// Whether C goes through `gelu`.
    int activated;
} tvk_product;

typedef struct {
    tvk_level level;

    /// Computes a product in O(rows·columns·depth).
    void (*multiply)(const tvk_product *product);

    /// x = x·Φ(x) with the normal distribution's Φ (Hendrycks, Gimpel 2016), by formula 7.1.26 of Abramowitz and Stegun
    /// for the error function. The result is within 1e-6·max(1, |x|) of the exact one; NaN stays NaN.
    void (*gelu)(float *x, size_t n);

    /// x = exp(x + bias − max) / Σ, for finite x + bias and n >= 1. Elements come out within 1e-6 of the exact ones.
    void (*softmax)(float *x, const float *bias, size_t n);

    /// x = (y − mean(y)) / sqrt(variance(y) + epsilon)·weight + bias with y = x + residual (Ba, Kiros, Hinton 2016).
    /// The other arrays don't overlap x.
    void (*layer_norm)(
        float *x, const float *residual, const float *weight, const float *bias, float epsilon, size_t n);
} tvk_layer_kernels;

/// The table of one level, or NULL when this build or this CPU doesn't have it. Scalar is always there.
const tvk_layer_kernels *_Nullable tvk_layer_kernels_for(tvk_level level);

/// The table of the level that `tvk_kernels_best` chooses.
const tvk_layer_kernels *tvk_layer_kernels_best(void);

/// Writes rows of weights, each a column of B, as panels: out[(j / TVK_PANEL)·depth·TVK_PANEL + k·TVK_PANEL + j % TVK_PANEL] =
/// weights[j·stride + k]·scale for j < columns, and 0 in the rest of the last panel. out has room for whole panels.
/// O(columns·depth).
void tvk_pack_panels(
    const float *weights, size_t stride, size_t columns, size_t depth, float scale, float *out);

#pragma clang assume_nonnull end

#endif
