// NEON kernels, included by one file per variant: with the dot-product extension (DOTPROD 1) and without (DOTPROD 0).
#include "batched.h"
#include "walk.h"

#include <arm_neon.h>
#include <math.h>
#include <string.h>

#include "elementwise.h"

// ---- codes ---------------------------------------------------------------------------------------------------------

TVK_INLINE uint8x16_t tail_bytes(const uint8_t *x, size_t count, uint8_t padding) {
    uint8_t bytes[16];
    memset(bytes, padding, 16);
    memcpy(bytes, x, count);
    return vld1q_u8(bytes);
}

TVK_INLINE int8x16_t flipped(uint8x16_t x) { return vreinterpretq_s8_u8(veorq_u8(x, vdupq_n_u8(0x80))); }

// sum += the products of int8 lanes, in any order of the lanes. |product| <= 16,384 fits int16.
TVK_INLINE uint32x4_t add_products_i8(uint32x4_t sum, int8x16_t a, int8x16_t b) {
    int32x4_t total = vreinterpretq_s32_u32(sum);
#if DOTPROD
    total = vdotq_s32(total, a, b);
#else
    total = vpadalq_s16(total, vmull_s8(vget_low_s8(a), vget_low_s8(b)));
    total = vpadalq_s16(total, vmull_high_s8(a, b));
#endif
    return vreinterpretq_u32_s32(total);
}

TVK_INLINE uint32x4_t add_squares_u8(uint32x4_t sum, uint8x16_t x) {
#if DOTPROD
    return vdotq_u32(sum, x, x);
#else
    sum = vpadalq_u16(sum, vmull_u8(vget_low_u8(x), vget_low_u8(x)));
    return vpadalq_u16(sum, vmull_high_u8(x, x));
#endif
}

TVK_INLINE uint32x4_t step_l1(uint32x4_t sum, uint8x16_t q, uint8x16_t x) {
    return vpadalq_u16(sum, vpaddlq_u8(vabdq_u8(q, x)));
}
TVK_INLINE uint32x4_t step_l2(uint32x4_t sum, uint8x16_t q, uint8x16_t x) { return add_squares_u8(sum, vabdq_u8(q, x)); }
TVK_INLINE uint32x4_t step_hamming(uint32x4_t sum, uint8x16_t q, uint8x16_t x) {
    return vpadalq_u16(sum, vpaddlq_u8(vcntq_u8(veorq_u8(q, x))));
}
TVK_INLINE uint32x4_t step_codes(uint32x4_t sum, uint8x16_t q, uint8x16_t x) {
    return add_products_i8(sum, flipped(q), flipped(x));
}
// Products of signed codes; dot_u8i8_rows adds what the rows' offset of 128 contributes.
TVK_INLINE uint32x4_t step_dot(uint32x4_t sum, uint8x16_t q, uint8x16_t x) {
    return add_products_i8(sum, vreinterpretq_s8_u8(q), flipped(x));
}

// PADDING is the byte that contributes nothing on both sides.
#define CODE_SUMS(NAME, STEP, PADDING)                                                                                  \
    TVK_ROWS(NAME, void, uint8_t, int32_t) {                                                                            \
        const uint8_t *q = query;                                                                                       \
        uint32x4_t sums[4];                                                                                             \
        TVK_UNROLL for (int r = 0; r < 4; r++) sums[r] = vdupq_n_u32(0);                                                \
        size_t i = 0;                                                                                                   \
        for (; i + 64 <= n; i += 64) {                                                                                  \
            TVK_PREFETCH_NEXT(i)                                                                                        \
            TVK_UNROLL for (int part = 0; part < 4; part++) {                                                           \
                uint8x16_t chunk = vld1q_u8(q + i + 16 * part);                                                         \
                TVK_UNROLL for (int r = 0; r < count; r++) {                                                            \
                    int a = count == 1 ? part : r; /* one row alone spreads over all four accumulators */               \
                    sums[a] = STEP(sums[a], chunk, vld1q_u8(rows[r] + i + 16 * part));                                  \
                }                                                                                                       \
            }                                                                                                           \
        }                                                                                                               \
        if (i < n) { TVK_PREFETCH_NEXT(i) }                                                                             \
        for (; i < n; i += 16) {                                                                                        \
            size_t left = n - i < 16 ? n - i : 16;                                                                      \
            uint8x16_t chunk = tail_bytes(q + i, left, PADDING);                                                        \
            TVK_UNROLL for (int r = 0; r < count; r++) {                                                                \
                sums[r] = STEP(sums[r], chunk, tail_bytes(rows[r] + i, left, PADDING));                                 \
            }                                                                                                           \
        }                                                                                                               \
        if (count == 1) sums[0] = vaddq_u32(vaddq_u32(sums[0], sums[1]), vaddq_u32(sums[2], sums[3]));                  \
        TVK_UNROLL for (int r = 0; r < count; r++) out[r] = (int32_t)vaddvq_u32(sums[r]);                               \
    }

CODE_SUMS(l1_u8, step_l1, 0)
TVK_BATCHED_CODES(l1_u8, 4, n)
CODE_SUMS(l2_u8, step_l2, 0)
TVK_BATCHED_CODES(l2_u8, 4, n)
CODE_SUMS(hamming, step_hamming, 0)
TVK_BATCHED_CODES(hamming, 4, n)
CODE_SUMS(dot_codes, step_codes, 0x80)
TVK_BATCHED_CODES(dot_codes, 4, n)
CODE_SUMS(dot_signed, step_dot, 0)

static int32_t sum_i8(const int8_t *x, size_t n) {
    uint32x4_t sum = vdupq_n_u32(0);
    for (size_t i = 0; i < n; i += 16) {
        uint8x16_t part = n - i < 16 ? tail_bytes((const uint8_t *)x + i, n - i, 0) : vld1q_u8((const uint8_t *)x + i);
        sum = add_products_i8(sum, vreinterpretq_s8_u8(part), vdupq_n_s8(1));
    }
    return (int32_t)vaddvq_u32(sum);
}

TVK_ROWS(dot_u8i8, void, uint8_t, int32_t) {
    dot_signed_rows(query, rows, next, n, out, count);
    int32_t excess = 128 * sum_i8(query, n);
    TVK_UNROLL for (int r = 0; r < count; r++) out[r] = (int32_t)((uint32_t)out[r] + (uint32_t)excess);
}
TVK_BATCHED_CODES(dot_u8i8, 4, n)

TVK_ROWS(dot_u4i8, void, uint8_t, int32_t) {
    const int8_t *q = query;
    uint32x4_t sums[4];
    TVK_UNROLL for (int r = 0; r < 4; r++) sums[r] = vdupq_n_u32(0);
    for (size_t block = 0; block < n / 128; block++, q += 128) {
        TVK_PREFETCH_NEXT(64 * block)
        TVK_UNROLL for (int part = 0; part < 4; part++) {
            int8x16_t first = vld1q_s8(q + 16 * part), second = vld1q_s8(q + 64 + 16 * part);
            TVK_UNROLL for (int r = 0; r < count; r++) {
                uint8x16_t x = vld1q_u8(rows[r] + 64 * block + 16 * part);
                sums[r] = add_products_i8(sums[r], vreinterpretq_s8_u8(vandq_u8(x, vdupq_n_u8(15))), first);
                sums[r] = add_products_i8(sums[r], vreinterpretq_s8_u8(vshrq_n_u8(x, 4)), second);
            }
        }
    }
    TVK_UNROLL for (int r = 0; r < count; r++) out[r] = (int32_t)vaddvq_u32(sums[r]);
}
TVK_BATCHED_CODES(dot_u4i8, 4, n / 2)

// ---- floats --------------------------------------------------------------------------------------------------------

TVK_INLINE float32x4_t load_f32(const float *x) { return vld1q_f32(x); }
TVK_INLINE float32x4_t load_f16(const uint16_t *x) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(x))); }
TVK_INLINE float32x4_t load_u8(const uint8_t *x) {
    uint32_t bytes;
    memcpy(&bytes, x, 4);
    uint16x8_t wide = vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(bytes)));
    return vcvtq_f32_u32(vmovl_u16(vget_low_u16(wide)));
}

// The first count <= 4 elements, then zeros.
#define TAIL(TYPE, ELEMENT)                                                                                             \
    TVK_INLINE float32x4_t tail_##TYPE(const ELEMENT *x, size_t count) {                                                \
        if (count == 4) return load_##TYPE(x);                                                                          \
        ELEMENT elements[4] = {0};                                                                                      \
        memcpy(elements, x, count * sizeof(ELEMENT));                                                                   \
        return load_##TYPE(elements);                                                                                   \
    }
TAIL(f32, float)
TAIL(f16, uint16_t)
TAIL(u8, uint8_t)

TVK_INLINE float32x4_t add_dot(float32x4_t sum, float32x4_t q, float32x4_t x) { return vfmaq_f32(sum, q, x); }
TVK_INLINE float32x4_t add_l2(float32x4_t sum, float32x4_t q, float32x4_t x) {
    float32x4_t difference = vsubq_f32(q, x);
    return vfmaq_f32(sum, difference, difference);
}
TVK_INLINE float32x4_t add_l1(float32x4_t sum, float32x4_t q, float32x4_t x) { return vaddq_f32(sum, vabdq_f32(q, x)); }

#define FLOATS(NAME, QUERY, QUERY_TYPE, TYPE, ROW, ADD)                                                                 \
    TVK_ROWS(NAME, QUERY, ROW, float) {                                                                                 \
        float32x4_t sums[4][4];                                                                                         \
        TVK_UNROLL for (int r = 0; r < 4; r++) {                                                                        \
            TVK_UNROLL for (int a = 0; a < 4; a++) sums[r][a] = vdupq_n_f32(0);                                         \
        }                                                                                                               \
        size_t i = 0;                                                                                                   \
        for (; i + 16 <= n; i += 16) {                                                                                  \
            if (i * sizeof(ROW) % 64 == 0) { TVK_PREFETCH_NEXT(i * sizeof(ROW)) }                                       \
            TVK_UNROLL for (int a = 0; a < 4; a++) {                                                                    \
                float32x4_t q = load_##QUERY_TYPE(query + i + 4 * a);                                                   \
                TVK_UNROLL for (int r = 0; r < count; r++) {                                                            \
                    sums[r][a] = ADD(sums[r][a], q, load_##TYPE(rows[r] + i + 4 * a));                                  \
                }                                                                                                       \
            }                                                                                                           \
        }                                                                                                               \
        for (; i < n; i += 4) {                                                                                         \
            size_t left = n - i < 4 ? n - i : 4;                                                                        \
            float32x4_t q = tail_##QUERY_TYPE(query + i, left);                                                         \
            TVK_UNROLL for (int r = 0; r < count; r++) sums[r][0] = ADD(sums[r][0], q, tail_##TYPE(rows[r] + i, left)); \
        }                                                                                                               \
        TVK_UNROLL for (int r = 0; r < count; r++) {                                                                    \
            float32x4_t low = vaddq_f32(sums[r][0], sums[r][1]), high = vaddq_f32(sums[r][2], sums[r][3]);              \
            out[r] = vaddvq_f32(vaddq_f32(low, high));                                                                  \
        }                                                                                                               \
    }

#define FAMILY(TYPE, ROW)                                                                                               \
    FLOATS(dot_f32_##TYPE, float, f32, TYPE, ROW, add_dot)                                                              \
    TVK_BATCHED_FLOATS(dot_f32_##TYPE, ROW, 4)                                                                          \
    FLOATS(l2_f32_##TYPE, float, f32, TYPE, ROW, add_l2)                                                                \
    TVK_BATCHED_FLOATS(l2_f32_##TYPE, ROW, 4)                                                                           \
    FLOATS(l1_f32_##TYPE, float, f32, TYPE, ROW, add_l1)                                                                \
    TVK_BATCHED_FLOATS(l1_f32_##TYPE, ROW, 4)

FAMILY(f32, float)
FAMILY(f16, uint16_t)
FAMILY(u8, uint8_t)
FLOATS(dot_f16_f16, uint16_t, f16, f16, uint16_t, add_dot)

static float sum_squares_f32(const float *x, size_t n) { return dot_f32_f32_pair(x, x, n); }

static float sum_squares_f16(const uint16_t *x, size_t n) {
    float out[1];
    dot_f16_f16_rows(x, &x, NULL, n, out, 1);
    return out[0];
}

static uint64_t sum_squares_u8(const uint8_t *x, size_t n) {
    uint64_t total = 0;
    for (size_t start = 0; start < n; start += TVK_MAX_DIMENSIONS) { // as much as the 32-bit sums hold
        size_t end = n - start > TVK_MAX_DIMENSIONS ? start + TVK_MAX_DIMENSIONS : n;
        uint32x4_t sum = vdupq_n_u32(0);
        for (size_t i = start; i < end; i += 16) {
            sum = add_squares_u8(sum, end - i < 16 ? tail_bytes(x + i, end - i, 0) : vld1q_u8(x + i));
        }
        total += vaddvq_u32(sum);
    }
    return total;
}

// ---- conversions ---------------------------------------------------------------------------------------------------

TVK_INLINE size_t lanes_at(size_t i, size_t n) { return n - i < 4 ? n - i : 4; }

TVK_INLINE void store_f32(float *out, float32x4_t x, size_t count) {
    if (count == 4) {
        vst1q_f32(out, x);
    } else {
        float elements[4];
        vst1q_f32(elements, x);
        memcpy(out, elements, count * sizeof(float));
    }
}

// The low bytes of four int32 lanes, which must be in range.
TVK_INLINE void store_low_bytes(uint8_t *out, uint32x4_t x, uint8_t flip, size_t count) {
    uint16x4_t halves = vmovn_u32(x);
    uint8x8_t bytes = veor_u8(vmovn_u16(vcombine_u16(halves, halves)), vdup_n_u8(flip));
    uint32_t word = vget_lane_u32(vreinterpret_u32_u8(bytes), 0);
    if (count == 4) {
        memcpy(out, &word, 4);
    } else {
        memcpy(out, &word, count);
    }
}

// How many lanes of a comparison's result are set.
TVK_INLINE size_t lanes_set(uint32x4_t mask) { return vaddvq_u32(vshrq_n_u32(mask, 31)); }

static size_t f32_to_f16(const float *x, uint16_t *out, size_t n) {
    size_t overflowed = 0;
    for (size_t i = 0; i < n; i += 4) {
        size_t count = lanes_at(i, n);
        float32x4_t value = tail_f32(x + i, count), magnitude = vabsq_f32(value);
        uint32x4_t large = vcgeq_f32(magnitude, vdupq_n_f32(65520.0f));
        overflowed += lanes_set(vandq_u32(large, vcltq_f32(magnitude, vdupq_n_f32(INFINITY))));
        uint16x4_t halves = vreinterpret_u16_f16(vcvt_f16_f32(value));
        if (count == 4) {
            vst1_u16(out + i, halves);
        } else {
            uint16_t elements[4];
            vst1_u16(elements, halves);
            memcpy(out + i, elements, count * 2);
        }
    }
    return overflowed;
}

static void f16_to_f32(const uint16_t *x, float *out, size_t n) {
    for (size_t i = 0; i < n; i += 4) store_f32(out + i, tail_f16(x + i, lanes_at(i, n)), lanes_at(i, n));
}

static size_t f32_to_u8(const float *x, uint8_t *out, size_t n) {
    size_t outside = 0;
    for (size_t i = 0; i < n; i += 4) {
        size_t count = lanes_at(i, n);
        float32x4_t value = tail_f32(x + i, count);
        uint32x4_t above = vcgtq_f32(value, vdupq_n_f32(-1.0f)), below = vcltq_f32(value, vdupq_n_f32(256.0f));
        outside += 4 - lanes_set(vandq_u32(above, below));
        // The conversion truncates, saturates below at 0 and gives 0 for NaN.
        store_low_bytes(out + i, vminq_u32(vcvtq_u32_f32(value), vdupq_n_u32(255)), 0, count);
    }
    return outside;
}

static void u8_to_f32(const uint8_t *x, float *out, size_t n) {
    for (size_t i = 0; i < n; i += 4) store_f32(out + i, tail_u8(x + i, lanes_at(i, n)), lanes_at(i, n));
}

static void quantize(const float *x, size_t n, float scale, uint8_t flip, uint8_t *out) {
    const float32x4_t least = vdupq_n_f32(-127.0f), greatest = vdupq_n_f32(127.0f);
    for (size_t i = 0; i < n; i += 4) {
        float32x4_t value = vmulq_n_f32(tail_f32(x + i, lanes_at(i, n)), scale);
        value = vbslq_f32(vcgtq_f32(value, least), value, least); // NaN goes here too
        int32x4_t rounded = vcvtnq_s32_f32(vminq_f32(value, greatest));
        store_low_bytes(out + i, vreinterpretq_u32_s32(rounded), flip, lanes_at(i, n));
    }
}

static void dequantize(const uint8_t *codes, size_t n, uint8_t flip, float scale, const float *offset, float *out) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        int16x8_t code = vmovl_s8(vreinterpret_s8_u8(veor_u8(vld1_u8(codes + i), vdup_n_u8(flip))));
        float32x4_t low = vcvtq_f32_s32(vmovl_s16(vget_low_s16(code)));
        float32x4_t high = vcvtq_f32_s32(vmovl_high_s16(code));
        vst1q_f32(out + i, vfmaq_n_f32(vld1q_f32(offset + i), low, scale));
        vst1q_f32(out + i + 4, vfmaq_n_f32(vld1q_f32(offset + i + 4), high, scale));
    }
    for (; i < n; i++) out[i] = fmaf((float)(int8_t)(codes[i] ^ flip), scale, offset[i]);
}

// ---- Hadamard ------------------------------------------------------------------------------------------------------

// Butterflies inside one register: lanes i and i ^ 1, i ^ 2.
TVK_INLINE float32x4_t hadamard4(float32x4_t x) {
    float32x4_t even = vtrn1q_f32(x, x), odd = vtrn2q_f32(x, x);
    x = vtrn1q_f32(vaddq_f32(even, odd), vsubq_f32(even, odd));
    float32x4_t low = vcombine_f32(vget_low_f32(x), vget_low_f32(x));
    float32x4_t high = vcombine_f32(vget_high_f32(x), vget_high_f32(x));
    return vcombine_f32(vget_low_f32(vaddq_f32(low, high)), vget_low_f32(vsubq_f32(low, high)));
}

// Two stages at once over four vectors that lie `half` apart.
TVK_INLINE void radix4(float32x4_t *x) {
    float32x4_t a = vaddq_f32(x[0], x[1]), b = vsubq_f32(x[0], x[1]);
    float32x4_t c = vaddq_f32(x[2], x[3]), d = vsubq_f32(x[2], x[3]);
    x[0] = vaddq_f32(a, c);
    x[1] = vaddq_f32(b, d);
    x[2] = vsubq_f32(a, c);
    x[3] = vsubq_f32(b, d);
}

static void hadamard(float *x, size_t n) {
    if (n < 4) {
        if (n == 2) {
            float a = x[0], b = x[1];
            x[0] = a + b;
            x[1] = a - b;
        }
        return;
    }
    size_t half = 4;
    if (n >= 16) {
        half = 16;
        for (size_t i = 0; i < n; i += 16) {
            float32x4_t v[4];
            TVK_UNROLL for (int k = 0; k < 4; k++) v[k] = hadamard4(vld1q_f32(x + i + 4 * k));
            radix4(v);
            TVK_UNROLL for (int k = 0; k < 4; k++) vst1q_f32(x + i + 4 * k, v[k]);
        }
    } else {
        for (size_t i = 0; i < n; i += 4) vst1q_f32(x + i, hadamard4(vld1q_f32(x + i)));
    }
    for (; 4 * half <= n; half *= 4) {
        for (size_t start = 0; start < n; start += 4 * half) {
            for (size_t i = start; i < start + half; i += 4) {
                float32x4_t v[4];
                TVK_UNROLL for (int k = 0; k < 4; k++) v[k] = vld1q_f32(x + i + half * k);
                radix4(v);
                TVK_UNROLL for (int k = 0; k < 4; k++) vst1q_f32(x + i + half * k, v[k]);
            }
        }
    }
    if (2 * half <= n) {
        for (size_t i = 0; i < half; i += 4) {
            float32x4_t a = vld1q_f32(x + i), b = vld1q_f32(x + i + half);
            vst1q_f32(x + i, vaddq_f32(a, b));
            vst1q_f32(x + i + half, vsubq_f32(a, b));
        }
    }
}
