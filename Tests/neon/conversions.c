// Conversions give the scalar ones' bits; so do sums that can't round.
#include "support.h"

#include <math.h>
#include <string.h>

static int same_bits(const void *a, const void *b, size_t bytes) { return memcmp(a, b, bytes) == 0; }

static void test_every_half(void) {
    size_t n = 65536;
    uint16_t *halves = guarded(2 * n), *back = guarded(2 * n), *expected_back = guarded(2 * n);
    float *floats = guarded(4 * n), *expected = guarded(4 * n);
    for (size_t i = 0; i < n; i++) halves[i] = (uint16_t)i;
    neon->f16_to_f32(halves, floats, n);
    scalar->f16_to_f32(halves, expected, n);
    for (size_t i = 0; i < n; i++) CHECK(same_bits(&floats[i], &expected[i], 4), "half %04zx widened", i);
    // Every half as a float, and what lies on either side of the middle between two.
    for (uint32_t delta = 0; delta < 4; delta++) {
        for (size_t i = 0; i < n; i++) {
            uint32_t bits;
            memcpy(&bits, &expected[i], 4);
            bits += delta ? 0xFFE + delta : 0;
            memcpy(&floats[i], &bits, 4);
        }
        size_t overflowed = neon->f32_to_f16(floats, back, n);
        CHECK(overflowed == scalar->f32_to_f16(floats, expected_back, n), "%zu halves overflowed", overflowed);
        for (size_t i = 0; i < n; i++) CHECK(back[i] == expected_back[i], "%a narrowed", (double)floats[i]);
    }
}

/// A float of any exponent, or of those around 1, or a code's halfway point.
static float any_float(void) {
    switch (random_below(4)) {
    case 0: {
        uint32_t bits = (uint32_t)random_bits();
        float value;
        memcpy(&value, &bits, 4);
        return value;
    }
    case 1: return random_float(600);
    case 2: return (float)random_below(600) * 0.5f - 150;
    default: return random_below(2) ? NAN : random_below(2) ? INFINITY : -INFINITY;
    }
}

static void test_lengths(size_t n) {
    float *x = guarded(4 * n), *out = guarded(4 * n), *expected = guarded(4 * n), *offsets = guarded(4 * n);
    uint8_t *bytes = guarded(n), *expected_bytes = guarded(n), *random = guarded(n);
    uint16_t *halves = guarded(2 * n), *expected_halves = guarded(2 * n);
    for (size_t i = 0; i < n; i++) {
        x[i] = any_float();
        offsets[i] = random_float(1);
    }
    CHECK(neon->f32_to_f16(x, halves, n) == scalar->f32_to_f16(x, expected_halves, n), "overflows, n = %zu", n);
    CHECK(same_bits(halves, expected_halves, 2 * n), "f32_to_f16, n = %zu", n);
    neon->f16_to_f32(halves, out, n);
    scalar->f16_to_f32(halves, expected, n);
    CHECK(same_bits(out, expected, 4 * n), "f16_to_f32, n = %zu", n);

    CHECK(neon->f32_to_u8(x, bytes, n) == scalar->f32_to_u8(x, expected_bytes, n), "outside of bytes, n = %zu", n);
    CHECK(same_bits(bytes, expected_bytes, n), "f32_to_u8, n = %zu", n);
    neon->u8_to_f32(random, out, n);
    scalar->u8_to_f32(random, expected, n);
    CHECK(same_bits(out, expected, 4 * n), "u8_to_f32, n = %zu", n);

    for (int flip = 0; flip <= 0x80; flip += 0x80) {
        neon->quantize(x, n, 0.5f, (uint8_t)flip, bytes);
        scalar->quantize(x, n, 0.5f, (uint8_t)flip, expected_bytes);
        CHECK(same_bits(bytes, expected_bytes, n), "quantize, n = %zu", n);
        neon->dequantize(random, n, (uint8_t)flip, 0.37f, offsets, out);
        scalar->dequantize(random, n, (uint8_t)flip, 0.37f, offsets, expected);
        // Fused or not.
        for (size_t i = 0; i < n; i++) CHECK(fabsf(out[i] - expected[i]) <= 1e-5f, "dequantize, %zu of %zu", i, n);
    }
}

static void test_elementwise(size_t n) {
    float *x = guarded(4 * n), *y = guarded(4 * n), *out = guarded(4 * n), *expected = guarded(4 * n);
    uint32_t *order = guarded(4 * n);
    for (size_t i = 0; i < n; i++) {
        x[i] = random_float(10);
        y[i] = random_float(10);
        order[i] = random_below((uint32_t)n);
    }
    neon->permute(x, order, y, out, n);
    scalar->permute(x, order, y, expected, n);
    CHECK(same_bits(out, expected, 4 * n), "permute, n = %zu", n);
    if (n) x[random_below((uint32_t)n)] = any_float();
    neon->scale_clamped(x, n, 3, 12.5f, out);
    scalar->scale_clamped(x, n, 3, 12.5f, expected);
    CHECK(same_bits(out, expected, 4 * n), "scale_clamped, n = %zu", n);
    float greatest = neon->max_magnitude(x, n), expected_greatest = scalar->max_magnitude(x, n);
    CHECK(same_bits(&greatest, &expected_greatest, 4), "max_magnitude, n = %zu", n);
    memcpy(out, x, 4 * n);
    memcpy(expected, x, 4 * n);
    neon->subtract(out, y, n);
    scalar->subtract(expected, y, n);
    for (size_t i = 0; i < n; i++) {
        CHECK(isnan(expected[i]) ? isnan(out[i]) : out[i] == expected[i], "subtract, %zu of %zu", i, n);
    }
}

static void test_hadamard(void) {
    for (size_t n = 0; n <= 65536; n = n ? 2 * n : 1) {
        float *x = guarded(4 * n), *expected = guarded(4 * n);
        // Sums of small whole numbers are exact in any order.
        for (size_t i = 0; i < n; i++) x[i] = expected[i] = (float)random_below(200) - 100;
        neon->hadamard(x, n);
        scalar->hadamard(expected, n);
        for (size_t i = 0; i < n; i++) CHECK(x[i] == expected[i], "hadamard, %zu of %zu", i, n);
        release_guarded();
    }
}

void test_conversions(void) {
    test_every_half();
    release_guarded();
    for (int round = 0; round < 4; round++) {
        for (size_t i = 0; i < LENGTH_COUNT; i++) {
            test_lengths(length_at(i));
            test_elementwise(length_at(i));
            release_guarded();
        }
    }
    test_hadamard();
}
