// The layers' kernels in vectors of LANES floats, included once for each instruction set. The file that includes it
// defines:
//   LANES        floats in a register
//   TILE_ROWS    rows of C that a tile keeps in registers, 1 … 14
//   TILE_VECTORS registers across a tile; LANES·TILE_VECTORS divides TVK_PANEL
//   FMA(a, b, c) a·b + c
#include "CVectorKernels.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define TVK_INLINE static inline __attribute__((always_inline))

typedef float vector __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t integers __attribute__((vector_size(LANES * sizeof(int32_t))));
typedef float unaligned __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float)), may_alias));

TVK_INLINE vector load(const float *x) { return *(const unaligned *)x; }
TVK_INLINE void store(float *x, vector values) { *(unaligned *)x = values; }
TVK_INLINE vector splat(float x) { return x - (vector){}; }
/// Per lane: mask is all ones or zeros.
TVK_INLINE vector choose(integers mask, vector yes, vector no) {
    return (vector)((mask & (integers)yes) | (~mask & (integers)no));
}
TVK_INLINE float sum_of(vector x) {
    float sum = 0;
    for (int i = 0; i < LANES; i++) sum += x[i];
    return sum;
}
TVK_INLINE float max_of(vector x) {
    float max = x[0];
    for (int i = 1; i < LANES; i++) max = x[i] > max ? x[i] : max;
    return max;
}
/// The first count floats, and `rest` behind them.
TVK_INLINE vector load_part(const float *x, size_t count, float rest) {
    float lanes[LANES];
    for (size_t i = 0; i < LANES; i++) lanes[i] = i < count ? x[i] : rest;
    return load(lanes);
}
TVK_INLINE void store_part(float *x, vector values, size_t count) {
    float lanes[LANES];
    store(lanes, values);
    memcpy(x, lanes, count * sizeof(float));
}

// ---- products ------------------------------------------------------------------------------------------------------

// Sums stay in registers only if their loops are unrolled, for which the compiler finds the higher tiles too large.
#define UNROLLED _Pragma("clang loop unroll(full)")

#define TILE_COLUMNS (LANES * TILE_VECTORS)

/// So many floats of a panel's column stay in the second-level cache while all rows pass: 768·32·4 bytes = 96 KiB.
#define DEPTH_BLOCK 768

/// Rows share pointers in threes, because a pointer for each of them wouldn't fit into the registers.
#define ROW_GROUP 3

/// A tile of `rows` (a constant where it is inlined): starts from the bias, or from C when it goes on.
TVK_INLINE void tile(const int rows, const float *a, size_t a_stride, const float *b, size_t b_stride, size_t depth,
    float *c, size_t c_stride, const float *bias, int goes_on) {
    vector sums[TILE_ROWS][TILE_VECTORS];
    UNROLLED for (int r = 0; r < rows; r++) {
        UNROLLED for (int v = 0; v < TILE_VECTORS; v++) {
            sums[r][v] = goes_on ? load(c + (size_t)r * c_stride + v * LANES) : bias ? load(bias + v * LANES) : splat(0);
        }
    }
    const float *starts[(TILE_ROWS + ROW_GROUP - 1) / ROW_GROUP];
    UNROLLED for (int g = 0; g * ROW_GROUP < rows; g++) starts[g] = a + (size_t)(g * ROW_GROUP) * a_stride;
    size_t stride = a_stride;
    for (size_t k = 0; k < depth; k++) {
        // Keeps the compiler from making a pointer for each row of what is left the same.
        __asm__("" : "+r"(stride));
        vector factors[TILE_VECTORS];
        UNROLLED for (int v = 0; v < TILE_VECTORS; v++) factors[v] = load(b + v * LANES);
        b += b_stride;
        UNROLLED for (int r = 0; r < rows; r++) {
            vector value = splat(starts[r / ROW_GROUP][(size_t)(r % ROW_GROUP) * stride + k]);
            UNROLLED for (int v = 0; v < TILE_VECTORS; v++) sums[r][v] = FMA(value, factors[v], sums[r][v]);
        }
    }
    UNROLLED for (int r = 0; r < rows; r++) {
        UNROLLED for (int v = 0; v < TILE_VECTORS; v++) store(c + (size_t)r * c_stride + v * LANES, sums[r][v]);
    }
}

#define TILE_CASE(ROWS)                                                                                                 \
    case ROWS:                                                                                                          \
        if (ROWS <= TILE_ROWS)                                                                                          \
            tile(ROWS <= TILE_ROWS ? ROWS : 1, a, a_stride, b, b_stride, depth, c, c_stride, bias, goes_on);            \
        break;

static void tile_of(size_t rows, const float *a, size_t a_stride, const float *b, size_t b_stride, size_t depth,
    float *c, size_t c_stride, const float *bias, int goes_on) {
    switch (rows) {
        TILE_CASE(1)
        TILE_CASE(2)
        TILE_CASE(3)
        TILE_CASE(4)
        TILE_CASE(5)
        TILE_CASE(6)
        TILE_CASE(7)
        TILE_CASE(8)
        TILE_CASE(9)
        TILE_CASE(10)
        TILE_CASE(11)
        TILE_CASE(12)
        TILE_CASE(13)
        TILE_CASE(14)
    }
}

static void gelu(float *x, size_t n);

static void multiply(const tvk_product *p) {
    if (p->rows == 0 || p->columns == 0) return;
    // Tiles of nearly equal height: 16 rows make two of 8, not one of 14 and one of 2.
    const size_t tiles = (p->rows + TILE_ROWS - 1) / TILE_ROWS;
    for (size_t column = 0; column < p->columns; column += TVK_PANEL) {
        const float *panel = p->b + column / TVK_PANEL * p->b_panel_stride;
        size_t first = 0;
        do {
            size_t depth = p->depth - first < DEPTH_BLOCK ? p->depth - first : DEPTH_BLOCK;
            int is_last = first + depth == p->depth;
            for (size_t t = 0; t < tiles; t++) {
                size_t row = t * p->rows / tiles;
                size_t rows = (t + 1) * p->rows / tiles - row;
                for (size_t part = 0; part < TVK_PANEL; part += TILE_COLUMNS) {
                    tile_of(rows, p->a + row * p->a_stride + first, p->a_stride, panel + first * p->b_stride + part,
                        p->b_stride, depth, p->c + row * p->c_stride + column + part, p->c_stride,
                        p->bias ? p->bias + column + part : NULL, first > 0);
                }
                if (!is_last || !p->activated) continue;
                for (size_t i = row; i < row + rows; i++) gelu(p->c + i * p->c_stride + column, TVK_PANEL);
            }
            first += depth;
        } while (first < p->depth);
    }
}

// ---- functions -----------------------------------------------------------------------------------------------------

/// e^x for x <= 0, 0 below −87: 2^n·e^r with |r| <= ln 2 / 2, the latter by its Taylor series, whose error is below 1e-8.
TVK_INLINE vector exponential(vector x) {
    const vector least = splat(-87);
    integers too_small = x < least;
    x = choose(too_small, least, x);
    // Adding 1.5·2²³ rounds to an integer, which then stands in the lowest bits.
    const vector rounder = splat(12582912);
    vector shifted = FMA(x, splat(1.44269504f), rounder);
    vector power = shifted - rounder;
    // ln 2 in two parts, of which the first has few bits and times the power is exact.
    vector rest = FMA(power, splat(-0.693145752f), x);
    rest = FMA(power, splat(-1.42860677e-6f), rest);
    vector sum = splat(1.0f / 5040);
    sum = FMA(sum, rest, splat(1.0f / 720));
    sum = FMA(sum, rest, splat(1.0f / 120));
    sum = FMA(sum, rest, splat(1.0f / 24));
    sum = FMA(sum, rest, splat(1.0f / 6));
    sum = FMA(sum, rest, splat(0.5f));
    sum = FMA(sum, rest, splat(1));
    sum = FMA(sum, rest, splat(1));
    integers exponent = ((integers)shifted - (integers)rounder) << 23;
    return choose(too_small, splat(0), (vector)((integers)sum + exponent));
}

TVK_INLINE vector activated(vector x) {
    integers is_negative = x < splat(0);
    vector magnitude = choose(is_negative, -x, x) * splat(0.707106781f);
    vector t = splat(1) / FMA(magnitude, splat(0.3275911f), splat(1));
    vector sum = splat(1.061405429f);
    sum = FMA(sum, t, splat(-1.453152027f));
    sum = FMA(sum, t, splat(1.421413741f));
    sum = FMA(sum, t, splat(-0.284496736f));
    sum = FMA(sum, t, splat(0.254829592f));
    // Half of the complementary error function: the part of the distribution beyond |x|.
    vector beyond = splat(0.5f) * sum * t * exponential(-magnitude * magnitude);
    return x * choose(is_negative, beyond, splat(1) - beyond);
}

static void gelu(float *x, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) store(x + i, activated(load(x + i)));
    if (i < n) store_part(x + i, activated(load_part(x + i, n - i, 0)), n - i);
}

static void softmax(float *x, const float *bias, size_t n) {
    const size_t whole = n / LANES * LANES;
    const size_t rest = n - whole;
    vector greatest = splat(-FLT_MAX);
    for (size_t i = 0; i < whole; i += LANES) {
        vector value = load(x + i) + load(bias + i);
        store(x + i, value);
        greatest = choose(value > greatest, value, greatest);
    }
    vector last = splat(-FLT_MAX);
    if (rest) {
        last = load_part(x + whole, rest, -FLT_MAX) + load_part(bias + whole, rest, 0);
        greatest = choose(last > greatest, last, greatest);
    }
    const vector max = splat(max_of(greatest));
    vector sum = splat(0);
    for (size_t i = 0; i < whole; i += LANES) {
        vector value = exponential(load(x + i) - max);
        store(x + i, value);
        sum += value;
    }
    last = exponential(last - max);
    if (rest) sum += last;
    const vector scale = splat(1 / sum_of(sum));
    for (size_t i = 0; i < whole; i += LANES) store(x + i, load(x + i) * scale);
    if (rest) store_part(x + whole, last * scale, rest);
}

static void layer_norm(
    float *x, const float *residual, const float *weight, const float *bias, float epsilon, size_t n) {
    const size_t whole = n / LANES * LANES;
    vector sums = splat(0);
    for (size_t i = 0; i < whole; i += LANES) {
        vector value = load(x + i) + load(residual + i);
        store(x + i, value);
        sums += value;
    }
    float sum = sum_of(sums);
    for (size_t i = whole; i < n; i++) sum += x[i] += residual[i];
    const float mean = sum / (float)n;
    vector squares = splat(0);
    for (size_t i = 0; i < whole; i += LANES) {
        vector distance = load(x + i) - splat(mean);
        squares = FMA(distance, distance, squares);
    }
    float square = sum_of(squares);
    for (size_t i = whole; i < n; i++) square += (x[i] - mean) * (x[i] - mean);
    const float scale = 1 / sqrtf(square / (float)n + epsilon);
    for (size_t i = 0; i < whole; i += LANES) {
        store(x + i, FMA((load(x + i) - splat(mean)) * splat(scale), load(weight + i), load(bias + i)));
    }
    for (size_t i = whole; i < n; i++) x[i] = (x[i] - mean) * scale * weight[i] + bias[i];
}
