// Elementwise functions that the compiler vectorises by itself for whatever instruction set the including file targets.
#ifndef TVK_ELEMENTWISE_H
#define TVK_ELEMENTWISE_H

#include "batched.h"

#include <string.h>

// Plain loads are faster than gather instructions on the CPUs that were measured, and gathers are slowed down by
// microcode on others.
static void permute(const float *x, const uint32_t *order, const float *signs, float *out, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = x[order[i]] * signs[i];
}

static void scale_clamped(const float *x, size_t n, float scale, float limit, float *restrict out) {
    for (size_t i = 0; i < n; i++) {
        float value = x[i] * scale;
        value = value > -limit ? value : -limit; // NaN goes here too
        out[i] = value < limit ? value : limit;
    }
}

static void subtract(float *restrict x, const float *y, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] -= y[i];
}

static float max_magnitude(const float *x, size_t n) {
    // Magnitudes order like their bits do, and integers can be compared in any order; NaN comes out above all.
    uint32_t greatest = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, 4);
        bits &= 0x7FFFFFFF;
        greatest = bits > greatest ? bits : greatest;
    }
    float magnitude;
    memcpy(&magnitude, &greatest, 4);
    return magnitude;
}

static size_t count_bits(const uint64_t *words, size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += (size_t)__builtin_popcountll(words[i]);
    return count;
}

static size_t intersect_bits(const uint64_t *a, const uint64_t *b, uint64_t *out, size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t both = a[i] & b[i];
        out[i] = both;
        count += (size_t)__builtin_popcountll(both);
    }
    return count;
}

#endif
