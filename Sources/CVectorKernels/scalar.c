// Portable kernels: the reference for every other level, and what runs where no other level does.
#include "batched.h"
#include "walk.h"
#include "walk_two_hop.h"
#include "elementwise.h"

#include <math.h>
#include <string.h>

// ---- codes ---------------------------------------------------------------------------------------------------------

#define SCALAR_CODES(NAME, QUERY, TERM)                                                                                 \
    TVK_ROWS(NAME, void, uint8_t, int32_t) {                                                                            \
        const QUERY *q = query;                                                                                         \
        TVK_UNROLL for (int r = 0; r < count; r++) {                                                                    \
            if (next) tvk_prefetch_row(next[r], n);                                                                     \
            const uint8_t *x = rows[r];                                                                                 \
            uint32_t sum = 0; /* wraps like the vector lanes do; the bounds in the header keep it exact */              \
            for (size_t i = 0; i < n; i++) sum += (uint32_t)(TERM);                                                     \
            out[r] = (int32_t)sum;                                                                                      \
        }                                                                                                               \
    }                                                                                                                   \
    TVK_BATCHED_CODES(NAME, 1, n)

SCALAR_CODES(dot_u8i8, int8_t, (int32_t)x[i] * q[i])
SCALAR_CODES(l1_u8, uint8_t, x[i] > q[i] ? x[i] - q[i] : q[i] - x[i])
SCALAR_CODES(l2_u8, uint8_t, ((int32_t)x[i] - q[i]) * ((int32_t)x[i] - q[i]))
SCALAR_CODES(dot_codes, uint8_t, ((int32_t)x[i] - 128) * ((int32_t)q[i] - 128))
SCALAR_CODES(hamming, uint8_t, __builtin_popcount((unsigned)(x[i] ^ q[i])))

TVK_ROWS(dot_u4i8, void, uint8_t, int32_t) {
    TVK_UNROLL for (int r = 0; r < count; r++) {
        if (next) tvk_prefetch_row(next[r], n / 2);
        const int8_t *q = query;
        const uint8_t *x = rows[r];
        int32_t sum = 0;
        for (size_t block = 0; block < n / 128; block++, q += 128, x += 64) {
            for (size_t j = 0; j < 64; j++) sum += (x[j] & 15) * q[j] + (x[j] >> 4) * q[64 + j];
        }
        out[r] = sum;
    }
}
TVK_BATCHED_CODES(dot_u4i8, 1, n / 2)

// ---- binary16 ------------------------------------------------------------------------------------------------------

static float widen(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = (half >> 10) & 31, fraction = half & 0x3FF, bits;
    if (exponent == 0) {
        float magnitude = (float)fraction * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    if (exponent == 31) {
        bits = sign | 0x7F800000 | fraction << 13 | (fraction ? 0x400000 : 0);
    } else {
        bits = sign | (exponent + 112) << 23 | fraction << 13;
    }
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

static uint16_t narrow(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    bits &= 0x7FFFFFFF;
    if (bits > 0x7F800000) return (uint16_t)(sign | 0x7E00 | (bits >> 13 & 0x3FF));
    if (bits >= 0x477FF000) return sign | 0x7C00; // 65,520 and more round to infinity
    if (bits < 0x38800000) {                      // below 2^-14: subnormal; the addition rounds to even
        float magnitude;
        memcpy(&magnitude, &bits, 4);
        magnitude += 0.5f; // an ulp of [0.5, 1) is 2^-24, the subnormals' own
        memcpy(&bits, &magnitude, 4);
        return (uint16_t)(sign | (bits - 0x3F000000));
    }
    bits += 0xFFF + (bits >> 13 & 1);
    return (uint16_t)(sign | ((bits - 0x38000000) >> 13));
}

// ---- floats --------------------------------------------------------------------------------------------------------

// Four accumulators: independent chains for the compiler, and less rounding error than one.
#define SCALAR_FLOATS(NAME, ROW, WIDEN, TERM)                                                                           \
    TVK_ROWS(NAME, float, ROW, float) {                                                                                 \
        TVK_UNROLL for (int r = 0; r < count; r++) {                                                                    \
            if (next) tvk_prefetch_row(next[r], n * sizeof(ROW));                                                       \
            float sums[4] = {0, 0, 0, 0};                                                                               \
            size_t i = 0;                                                                                               \
            for (; i + 4 <= n; i += 4) {                                                                                \
                for (size_t lane = 0; lane < 4; lane++) {                                                               \
                    float q = query[i + lane], x = WIDEN(rows[r][i + lane]);                                            \
                    sums[lane] += TERM;                                                                                 \
                }                                                                                                       \
            }                                                                                                           \
            for (; i < n; i++) {                                                                                        \
                float q = query[i], x = WIDEN(rows[r][i]);                                                              \
                sums[i % 4] += TERM;                                                                                    \
            }                                                                                                           \
            out[r] = (sums[0] + sums[1]) + (sums[2] + sums[3]);                                                         \
        }                                                                                                               \
    }                                                                                                                   \
    TVK_BATCHED_FLOATS(NAME, ROW, 1)

#define SCALAR_FAMILY(TYPE, ROW, WIDEN)                                                                                 \
    SCALAR_FLOATS(dot_f32_##TYPE, ROW, WIDEN, q *x)                                                                     \
    SCALAR_FLOATS(l2_f32_##TYPE, ROW, WIDEN, (q - x) * (q - x))                                                         \
    SCALAR_FLOATS(l1_f32_##TYPE, ROW, WIDEN, fabsf(q - x))

SCALAR_FAMILY(f32, float, (float))
SCALAR_FAMILY(f16, uint16_t, widen)
SCALAR_FAMILY(u8, uint8_t, (float))

static float sum_squares_f32(const float *x, size_t n) { return dot_f32_f32_pair(x, x, n); }

static float sum_squares_f16(const uint16_t *x, size_t n) {
    float sums[4] = {0, 0, 0, 0};
    for (size_t i = 0; i < n; i++) {
        float value = widen(x[i]);
        sums[i % 4] += value * value;
    }
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

static uint64_t sum_squares_u8(const uint8_t *x, size_t n) {
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) sum += (uint32_t)x[i] * x[i];
    return sum;
}

// ---- conversions ---------------------------------------------------------------------------------------------------

static size_t f32_to_f16(const float *x, uint16_t *out, size_t n) {
    size_t overflowed = 0;
    for (size_t i = 0; i < n; i++) {
        out[i] = narrow(x[i]);
        overflowed += fabsf(x[i]) >= 65520.0f && fabsf(x[i]) < INFINITY;
    }
    return overflowed;
}

static void f16_to_f32(const uint16_t *x, float *out, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = widen(x[i]);
}

static size_t f32_to_u8(const float *x, uint8_t *out, size_t n) {
    size_t outside = 0;
    for (size_t i = 0; i < n; i++) {
        outside += !(x[i] > -1.0f && x[i] < 256.0f);
        out[i] = x[i] >= 255.0f ? 255 : x[i] > 0.0f ? (uint8_t)x[i] : 0;
    }
    return outside;
}

static void u8_to_f32(const uint8_t *x, float *out, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = x[i];
}

static void quantize(const float *x, size_t n, float scale, uint8_t flip, uint8_t *out) {
    for (size_t i = 0; i < n; i++) {
        float value = x[i] * scale;
        value = value > -127.0f ? value : -127.0f; // NaN goes here too
        value = value < 127.0f ? value : 127.0f;
        // Adding 1.5·2^23 leaves no room for a fraction: rounds to even and puts the integer in the low bits.
        value += 12582912.0f;
        uint32_t bits;
        memcpy(&bits, &value, 4);
        out[i] = (uint8_t)bits ^ flip;
    }
}

static void dequantize(const uint8_t *codes, size_t n, uint8_t flip, float scale, const float *offset, float *out) {
    for (size_t i = 0; i < n; i++) out[i] = (float)(int8_t)(codes[i] ^ flip) * scale + offset[i];
}

static int32_t sum_i8(const int8_t *x, size_t n) {
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    return sum;
}

static void hadamard(float *x, size_t n) {
    for (size_t half = 1; half < n; half *= 2) {
        for (size_t start = 0; start < n; start += 2 * half) {
            for (size_t i = start; i < start + half; i++) {
                float a = x[i], b = x[i + half];
                x[i] = a + b;
                x[i + half] = a - b;
            }
        }
    }
}

const tvk_kernels tvk_scalar_kernels = TVK_TABLE(TVK_LEVEL_SCALAR);
