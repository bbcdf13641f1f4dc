// NEON kernels, included by one file per variant: with the dot-product extension (DOTPROD 1) and without (DOTPROD 0).
#include "batched.h"

#include <arm_neon.h>
#include <math.h>
#include <string.h>

#include "elementwise.h"

// ---- pool ----------------------------------------------------------------------------------------------------------

#define TVK_OWN_POOL

// From the end towards the place: what is farther moves up by one, four keys at a time. The pool is sorted, so four keys
// are farther when the first of them is: one compare, and one branch that is mispredicted once.
TVK_INLINE size_t tvk_pool_insert(uint64_t *pool, size_t *count, size_t capacity, uint64_t key) {
    uint64_t *end = pool + *count;
    if (*count == capacity) {
        if (key >= *--end) return capacity;
    } else {
        *count += 1;
    }
    for (; end[-4] > key; end -= 4) {
        uint64x2_t first = vld1q_u64(end - 4), second = vld1q_u64(end - 2);
        vst1q_u64(end - 3, first);
        vst1q_u64(end - 1, second);
    }
    // None to three are left; conditional moves.
    uint64_t a = end[-3], b = end[-2], c = end[-1];
    int a_moves = a > key, b_moves = b > key, c_moves = c > key;
    end[-3] = a_moves ? key : a;
    end[-2] = a_moves ? a : b_moves ? key : b;
    end[-1] = b_moves ? b : c_moves ? key : c;
    end[0] = c_moves ? c : key;
    return (size_t)(end - pool) - (size_t)(a_moves + b_moves + c_moves);
}

TVK_INLINE uint32_t tvk_pool_closer(uint32_t *ranks, size_t count, uint32_t flip, uint32_t worst) {
    const uint32x4_t bits = {1, 2, 4, 8};
    uint32_t closer = 0;
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        uint32x4_t rank = veorq_u32(vld1q_u32(ranks + i), vdupq_n_u32(flip));
        vst1q_u32(ranks + i, rank);
        closer |= vaddvq_u32(vandq_u32(vcleq_u32(rank, vdupq_n_u32(worst)), bits)) << i;
    }
#pragma clang loop vectorize(disable) unroll(disable)
    for (; i < count; i++) { // three at most
        ranks[i] ^= flip;
        closer |= (uint32_t)(ranks[i] <= worst) << i;
    }
    return closer;
}

#include "walk.h"
#include "walk_two_hop.h"

// ---- codes ---------------------------------------------------------------------------------------------------------

// The last `left` < 16 of n bytes, and `padding` in the other lanes.
TVK_INLINE uint8x16_t last_bytes(const uint8_t *x, size_t n, size_t left, uint8_t padding) {
    static const uint8_t masks[32]
        = {[16] = 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
    if (n >= 16) return vbslq_u8(vld1q_u8(masks + left), vld1q_u8(x + n - 16), vdupq_n_u8(padding));
    uint8_t bytes[16];
    memset(bytes, padding, 16);
    memcpy(bytes, x, n);
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

TVK_INLINE uint32x4_t add_u8(uint32x4_t sum, uint8x16_t x) {
#if DOTPROD
    return vdotq_u32(sum, x, vdupq_n_u8(1));
#else
    return vpadalq_u16(sum, vpaddlq_u8(x));
#endif
}

TVK_INLINE uint32x4_t add_i8(uint32x4_t sum, uint8x16_t x) {
    int32x4_t total = vreinterpretq_s32_u32(sum);
#if DOTPROD
    total = vdotq_s32(total, vreinterpretq_s8_u8(x), vdupq_n_s8(1));
#else
    total = vpadalq_s16(total, vpaddlq_s8(vreinterpretq_s8_u8(x)));
#endif
    return vreinterpretq_u32_s32(total);
}

TVK_INLINE uint32x4_t step_l1(uint32x4_t sum, uint8x16_t q, uint8x16_t x) { return add_u8(sum, vabdq_u8(q, x)); }
TVK_INLINE uint32x4_t step_l2(uint32x4_t sum, uint8x16_t q, uint8x16_t x) { return add_squares_u8(sum, vabdq_u8(q, x)); }
TVK_INLINE uint32x4_t step_hamming(uint32x4_t sum, uint8x16_t q, uint8x16_t x) {
    return add_u8(sum, vcntq_u8(veorq_u8(q, x)));
}
TVK_INLINE uint32x4_t step_codes(uint32x4_t sum, uint8x16_t q, uint8x16_t x) {
    return add_products_i8(sum, flipped(q), flipped(x));
}
// Products of signed codes. The rows' offset of 128 is added once for all rows.
TVK_INLINE uint32x4_t step_dot(uint32x4_t sum, uint8x16_t q, uint8x16_t x) {
    return add_products_i8(sum, vreinterpretq_s8_u8(q), flipped(x));
}

TVK_INLINE void reduce32(const uint32x4_t *sums, int32_t *out, int count) {
    if (count == 4) { // the four sums side by side
        uint32x4_t all = vpaddq_u32(vpaddq_u32(sums[0], sums[1]), vpaddq_u32(sums[2], sums[3]));
        vst1q_s32(out, vreinterpretq_s32_u32(all));
    } else {
        TVK_UNROLL for (int r = 0; r < count; r++) out[r] = (int32_t)vaddvq_u32(sums[r]);
    }
}

// PADDING is the byte that contributes nothing on both sides. With OFFSET the rows are 128 greater than STEP takes them
// for, so that 128·Σ query is added.
#define CODE_SUMS(NAME, STEP, PADDING, OFFSET)                                                                          \
    TVK_ROWS(NAME, void, uint8_t, int32_t) {                                                                            \
        const uint8_t *q = query;                                                                                       \
        uint32x4_t sums[4], query_sum = vdupq_n_u32(0);                                                                 \
        TVK_UNROLL for (int r = 0; r < 4; r++) sums[r] = vdupq_n_u32(0);                                                \
        size_t i = 0;                                                                                                   \
        for (; i + 64 <= n; i += 64) {                                                                                  \
            TVK_PREFETCH_NEXT(i)                                                                                        \
            TVK_UNROLL for (int part = 0; part < 4; part++) {                                                           \
                uint8x16_t chunk = vld1q_u8(q + i + 16 * part);                                                         \
                if (OFFSET) query_sum = add_i8(query_sum, chunk);                                                       \
                TVK_UNROLL for (int r = 0; r < count; r++) {                                                            \
                    int a = count == 1 ? part : r; /* one row alone spreads over all four accumulators */               \
                    sums[a] = STEP(sums[a], chunk, vld1q_u8(rows[r] + i + 16 * part));                                  \
                }                                                                                                       \
            }                                                                                                           \
        }                                                                                                               \
        if (i < n) { TVK_PREFETCH_NEXT(i) }                                                                             \
        for (; i + 16 <= n; i += 16) {                                                                                  \
            uint8x16_t chunk = vld1q_u8(q + i);                                                                         \
            if (OFFSET) query_sum = add_i8(query_sum, chunk);                                                           \
            TVK_UNROLL for (int r = 0; r < count; r++) sums[r] = STEP(sums[r], chunk, vld1q_u8(rows[r] + i));           \
        }                                                                                                               \
        if (i < n) {                                                                                                    \
            uint8x16_t chunk = last_bytes(q, n, n - i, PADDING);                                                        \
            if (OFFSET) query_sum = add_i8(query_sum, chunk);                                                           \
            TVK_UNROLL for (int r = 0; r < count; r++) {                                                                \
                sums[r] = STEP(sums[r], chunk, last_bytes(rows[r], n, n - i, PADDING));                                 \
            }                                                                                                           \
        }                                                                                                               \
        if (count == 1) sums[0] = vaddq_u32(vaddq_u32(sums[0], sums[1]), vaddq_u32(sums[2], sums[3]));                  \
        if (OFFSET) {                                                                                                   \
            query_sum = vshlq_n_u32(query_sum, 7);                                                                      \
            TVK_UNROLL for (int r = 0; r < count; r++) sums[r] = vaddq_u32(sums[r], query_sum);                         \
        }                                                                                                               \
        reduce32(sums, out, count);                                                                                     \
    }                                                                                                                   \
    TVK_BATCHED_CODES(NAME, 4, n)

CODE_SUMS(dot_u8i8, step_dot, 0, 1)
CODE_SUMS(l1_u8, step_l1, 0, 0)
CODE_SUMS(l2_u8, step_l2, 0, 0)
CODE_SUMS(hamming, step_hamming, 0, 0)
CODE_SUMS(dot_codes, step_codes, 0x80, 0)

TVK_ROWS(dot_u4i8, void, uint8_t, int32_t) {
    const int8_t *q = query;
    uint32x4_t sums[4];
    TVK_UNROLL for (int r = 0; r < 4; r++) sums[r] = vdupq_n_u32(0);
    for (size_t block = 0; block < n / 128; block++, q += 128) {
        TVK_PREFETCH_NEXT(64 * block)
#if !DOTPROD
        // A lane takes 16 products of a block, each at most 15·128: 30,720 fit int16 together.
        int16x8_t products[4];
        TVK_UNROLL for (int r = 0; r < 4; r++) products[r] = vdupq_n_s16(0);
#endif
        TVK_UNROLL for (int part = 0; part < 4; part++) {
            int8x16_t first = vld1q_s8(q + 16 * part), second = vld1q_s8(q + 64 + 16 * part);
            TVK_UNROLL for (int r = 0; r < count; r++) {
                uint8x16_t x = vld1q_u8(rows[r] + 64 * block + 16 * part);
                int8x16_t low = vreinterpretq_s8_u8(vandq_u8(x, vdupq_n_u8(15)));
                int8x16_t high = vreinterpretq_s8_u8(vshrq_n_u8(x, 4));
#if DOTPROD
                int a = count == 1 ? part : r; /* one row alone spreads over all four accumulators */
                sums[a] = add_products_i8(add_products_i8(sums[a], low, first), high, second);
#else
                products[r] = vmlal_s8(products[r], vget_low_s8(low), vget_low_s8(first));
                products[r] = vmlal_high_s8(products[r], low, first);
                products[r] = vmlal_s8(products[r], vget_low_s8(high), vget_low_s8(second));
                products[r] = vmlal_high_s8(products[r], high, second);
#endif
            }
        }
#if !DOTPROD
        TVK_UNROLL for (int r = 0; r < count; r++) {
            sums[r] = vreinterpretq_u32_s32(vpadalq_s16(vreinterpretq_s32_u32(sums[r]), products[r]));
        }
#endif
    }
    if (count == 1) sums[0] = vaddq_u32(vaddq_u32(sums[0], sums[1]), vaddq_u32(sums[2], sums[3]));
    reduce32(sums, out, count);
}
TVK_BATCHED_CODES(dot_u4i8, 4, n / 2)

// The sum of ADD over all bytes; the 32-bit sums hold TVK_MAX_DIMENSIONS of them.
#define BYTE_SUM(NAME, ADD)                                                                                             \
    static uint32_t NAME(const uint8_t *x, size_t n) {                                                                  \
        uint32x4_t sums[4];                                                                                             \
        TVK_UNROLL for (int a = 0; a < 4; a++) sums[a] = vdupq_n_u32(0);                                                \
        size_t i = 0;                                                                                                   \
        for (; i + 64 <= n; i += 64) {                                                                                  \
            TVK_UNROLL for (int a = 0; a < 4; a++) sums[a] = ADD(sums[a], vld1q_u8(x + i + 16 * a));                    \
        }                                                                                                               \
        for (; i + 16 <= n; i += 16) sums[0] = ADD(sums[0], vld1q_u8(x + i));                                           \
        if (i < n) sums[0] = ADD(sums[0], last_bytes(x, n, n - i, 0));                                                  \
        return vaddvq_u32(vaddq_u32(vaddq_u32(sums[0], sums[1]), vaddq_u32(sums[2], sums[3])));                         \
    }

BYTE_SUM(byte_sum_i8, add_i8)
BYTE_SUM(byte_sum_squares, add_squares_u8)

static int32_t sum_i8(const int8_t *x, size_t n) { return (int32_t)byte_sum_i8((const uint8_t *)x, n); }

static uint64_t sum_squares_u8(const uint8_t *x, size_t n) {
    uint64_t total = 0;
    for (; n > TVK_MAX_DIMENSIONS; x += TVK_MAX_DIMENSIONS, n -= TVK_MAX_DIMENSIONS) {
        total += byte_sum_squares(x, TVK_MAX_DIMENSIONS);
    }
    return total + byte_sum_squares(x, n);
}

// ---- floats --------------------------------------------------------------------------------------------------------

// Sixteen elements.
TVK_INLINE void load_f32(const float *x, float32x4_t *out) {
    TVK_UNROLL for (int a = 0; a < 4; a++) out[a] = vld1q_f32(x + 4 * a);
}
TVK_INLINE void load_f16(const uint16_t *x, float32x4_t *out) {
    TVK_UNROLL for (int a = 0; a < 2; a++) {
        float16x8_t halves = vreinterpretq_f16_u16(vld1q_u16(x + 8 * a));
        out[2 * a] = vcvt_f32_f16(vget_low_f16(halves));
        out[2 * a + 1] = vcvt_high_f32_f16(halves);
    }
}
TVK_INLINE void load_u8(const uint8_t *x, float32x4_t *out) {
    uint8x16_t bytes = vld1q_u8(x);
    uint16x8_t low = vmovl_u8(vget_low_u8(bytes)), high = vmovl_high_u8(bytes);
    out[0] = vcvtq_f32_u32(vmovl_u16(vget_low_u16(low)));
    out[1] = vcvtq_f32_u32(vmovl_high_u16(low));
    out[2] = vcvtq_f32_u32(vmovl_u16(vget_low_u16(high)));
    out[3] = vcvtq_f32_u32(vmovl_high_u16(high));
}

// The first count < 16 elements, then zeros.
#define TAIL(TYPE, ELEMENT)                                                                                             \
    TVK_INLINE void tail_##TYPE(const ELEMENT *x, size_t count, float32x4_t *out) {                                     \
        ELEMENT elements[16] = {0};                                                                                     \
        memcpy(elements, x, count * sizeof(ELEMENT));                                                                   \
        load_##TYPE(elements, out);                                                                                     \
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
        float32x4_t sums[4][4], q[4], x[4];                                                                             \
        TVK_UNROLL for (int r = 0; r < 4; r++) {                                                                        \
            TVK_UNROLL for (int a = 0; a < 4; a++) sums[r][a] = vdupq_n_f32(0);                                         \
        }                                                                                                               \
        size_t i = 0;                                                                                                   \
        for (; i + 16 <= n; i += 16) {                                                                                  \
            if (i * sizeof(ROW) % 64 == 0) { TVK_PREFETCH_NEXT(i * sizeof(ROW)) }                                       \
            load_##QUERY_TYPE(query + i, q);                                                                            \
            TVK_UNROLL for (int r = 0; r < count; r++) {                                                                \
                load_##TYPE(rows[r] + i, x);                                                                            \
                TVK_UNROLL for (int a = 0; a < 4; a++) sums[r][a] = ADD(sums[r][a], q[a], x[a]);                        \
            }                                                                                                           \
        }                                                                                                               \
        if (i < n) {                                                                                                    \
            tail_##QUERY_TYPE(query + i, n - i, q);                                                                     \
            TVK_UNROLL for (int r = 0; r < count; r++) {                                                                \
                tail_##TYPE(rows[r] + i, n - i, x);                                                                     \
                TVK_UNROLL for (int a = 0; a < 4; a++) sums[r][a] = ADD(sums[r][a], q[a], x[a]);                        \
            }                                                                                                           \
        }                                                                                                               \
        TVK_UNROLL for (int r = 0; r < count; r++) {                                                                    \
            float32x4_t low = vaddq_f32(sums[r][0], sums[r][1]), high = vaddq_f32(sums[r][2], sums[r][3]);              \
            sums[r][0] = vaddq_f32(low, high);                                                                          \
        }                                                                                                               \
        if (count == 4) { /* as vaddvq adds, side by side */                                                            \
            float32x4_t first = vpaddq_f32(sums[0][0], sums[1][0]), second = vpaddq_f32(sums[2][0], sums[3][0]);        \
            vst1q_f32(out, vpaddq_f32(first, second));                                                                  \
        } else {                                                                                                        \
            TVK_UNROLL for (int r = 0; r < count; r++) out[r] = vaddvq_f32(sums[r][0]);                                 \
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

// ---- conversions ---------------------------------------------------------------------------------------------------

// Calls BLOCK for 16 elements at a time; the last few go through copies that zeros fill up.
#define BLOCKS(BLOCK, INPUT, OUTPUT)                                                                                    \
    size_t i = 0;                                                                                                       \
    for (; i + 16 <= n; i += 16) BLOCK(x + i, out + i);                                                                 \
    if (i < n) {                                                                                                        \
        INPUT last[16] = {0};                                                                                           \
        OUTPUT results[16];                                                                                             \
        memcpy(last, x + i, (n - i) * sizeof(INPUT));                                                                   \
        BLOCK(last, results);                                                                                           \
        memcpy(out + i, results, (n - i) * sizeof(OUTPUT));                                                             \
    }

// Subtracting a comparison's result adds one to each lane for which it holds.
TVK_INLINE void narrow_block(const float *x, uint16_t *out, uint32x4_t *overflowed) {
    TVK_UNROLL for (int k = 0; k < 16; k += 8) {
        float32x4_t low = vld1q_f32(x + k), high = vld1q_f32(x + k + 4);
        const float32x4_t most = vdupq_n_f32(65520.0f), infinity = vdupq_n_f32(INFINITY);
        *overflowed = vsubq_u32(*overflowed, vandq_u32(vcageq_f32(low, most), vcaltq_f32(low, infinity)));
        *overflowed = vsubq_u32(*overflowed, vandq_u32(vcageq_f32(high, most), vcaltq_f32(high, infinity)));
        vst1q_u16(out + k, vreinterpretq_u16_f16(vcvt_high_f16_f32(vcvt_f16_f32(low), high)));
    }
}

static size_t f32_to_f16(const float *x, uint16_t *out, size_t n) {
    uint32x4_t overflowed = vdupq_n_u32(0);
#define BLOCK(x, out) narrow_block(x, out, &overflowed)
    BLOCKS(BLOCK, float, uint16_t)
#undef BLOCK
    return vaddlvq_u32(overflowed);
}

TVK_INLINE void store_f32(float *out, const float32x4_t *x) {
    TVK_UNROLL for (int a = 0; a < 4; a++) vst1q_f32(out + 4 * a, x[a]);
}

TVK_INLINE void widen_block(const uint16_t *x, float *out) {
    float32x4_t values[4];
    load_f16(x, values);
    store_f32(out, values);
}

static void f16_to_f32(const uint16_t *x, float *out, size_t n) { BLOCKS(widen_block, uint16_t, float) }

TVK_INLINE void u8_block(const uint8_t *x, float *out) {
    float32x4_t values[4];
    load_u8(x, values);
    store_f32(out, values);
}

static void u8_to_f32(const uint8_t *x, float *out, size_t n) { BLOCKS(u8_block, uint8_t, float) }

TVK_INLINE void truncate_block(const float *x, uint8_t *out, uint32x4_t *outside) {
    uint32x4_t whole[4];
    TVK_UNROLL for (int a = 0; a < 4; a++) {
        float32x4_t value = vld1q_f32(x + 4 * a);
        uint32x4_t above = vcgtq_f32(value, vdupq_n_f32(-1.0f)), below = vcltq_f32(value, vdupq_n_f32(256.0f));
        *outside = vsubq_u32(*outside, vmvnq_u32(vandq_u32(above, below)));
        whole[a] = vcvtq_u32_f32(value); // truncates, saturates below at 0 and gives 0 for NaN
    }
    // Saturates above.
    uint16x8_t low = vqmovn_high_u32(vqmovn_u32(whole[0]), whole[1]);
    uint16x8_t high = vqmovn_high_u32(vqmovn_u32(whole[2]), whole[3]);
    vst1q_u8(out, vqmovn_high_u16(vqmovn_u16(low), high));
}

static size_t f32_to_u8(const float *x, uint8_t *out, size_t n) {
    uint32x4_t outside = vdupq_n_u32(0);
#define BLOCK(x, out) truncate_block(x, out, &outside)
    BLOCKS(BLOCK, float, uint8_t)
#undef BLOCK
    return vaddlvq_u32(outside);
}

TVK_INLINE void quantize_block(const float *x, float scale, uint8_t flip, uint8_t *out) {
    int32x4_t codes[4];
    TVK_UNROLL for (int a = 0; a < 4; a++) {
        float32x4_t value = vmulq_n_f32(vld1q_f32(x + 4 * a), scale);
        value = vmaxnmq_f32(value, vdupq_n_f32(-127.0f)); // of a NaN and a number the number is taken
        codes[a] = vcvtnq_s32_f32(vminq_f32(value, vdupq_n_f32(127.0f)));
    }
    // The low halves of all lanes, then the low bytes.
    int16x8_t low = vuzp1q_s16(vreinterpretq_s16_s32(codes[0]), vreinterpretq_s16_s32(codes[1]));
    int16x8_t high = vuzp1q_s16(vreinterpretq_s16_s32(codes[2]), vreinterpretq_s16_s32(codes[3]));
    uint8x16_t bytes = vuzp1q_u8(vreinterpretq_u8_s16(low), vreinterpretq_u8_s16(high));
    vst1q_u8(out, veorq_u8(bytes, vdupq_n_u8(flip)));
}

static void quantize(const float *x, size_t n, float scale, uint8_t flip, uint8_t *out) {
#define BLOCK(x, out) quantize_block(x, scale, flip, out)
    BLOCKS(BLOCK, float, uint8_t)
#undef BLOCK
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
