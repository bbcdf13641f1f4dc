// AVX2 kernels (with FMA and F16C). Tails are copied into a zeroed register's worth of memory first.
#if defined(__x86_64__)
#include "batched.h"

#include <immintrin.h>
#include <math.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,popcnt"))), apply_to = function)

#include "elementwise.h"

// ---- pool ----------------------------------------------------------------------------------------------------------

#define TVK_OWN_POOL

// From the end towards the place: what is farther moves up by one, four keys at a time.
TVK_INLINE size_t tvk_pool_insert(uint64_t *pool, size_t *count, size_t capacity, uint64_t key) {
    size_t end = *count;
    if (end == capacity) {
        if (key >= pool[--end]) return capacity;
    } else {
        *count = end + 1;
        pool[end] = 0; // read below, before it is written
    }
    // Comparisons are of signed numbers only.
    const __m256i sign = _mm256_set1_epi64x(INT64_MIN);
    const __m256i keys = _mm256_xor_si256(_mm256_set1_epi64x((long long)key), sign);
    for (;; end -= 4) {
        __m256i before = _mm256_loadu_si256((const __m256i *)(pool + end - 4));
        __m256i *above = (__m256i *)(pool + end - 3);
        __m256i farther = _mm256_cmpgt_epi64(_mm256_xor_si256(before, sign), keys);
        unsigned lanes = (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(farther));
        if (lanes == 0xF) {
            _mm256_storeu_si256(above, before);
            continue;
        }
        if (lanes) _mm256_storeu_si256(above, _mm256_blendv_epi8(_mm256_loadu_si256(above), before, farther));
        end -= (size_t)_mm_popcnt_u32(lanes);
        pool[end] = key;
        return end;
    }
}

TVK_INLINE uint32_t tvk_pool_closer(uint32_t *ranks, size_t count, uint32_t flip, uint32_t worst) {
    const __m256i flips = _mm256_set1_epi32((int)flip), worsts = _mm256_set1_epi32((int)worst);
    uint32_t closer = 0;
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        __m256i rank = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(ranks + i)), flips);
        _mm256_storeu_si256((__m256i *)(ranks + i), rank);
        __m256i is_closer = _mm256_cmpeq_epi32(_mm256_min_epu32(rank, worsts), rank);
        closer |= (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(is_closer)) << i;
    }
    for (; i < count; i++) {
        ranks[i] ^= flip;
        closer |= (uint32_t)(ranks[i] <= worst) << i;
    }
    return closer;
}

#include "walk.h"
#include "walk_two_hop.h"

// ---- codes ---------------------------------------------------------------------------------------------------------

TVK_INLINE __m256i load_bytes(const uint8_t *x) { return _mm256_loadu_si256((const __m256i *)x); }

TVK_INLINE __m256i tail_bytes(const uint8_t *x, size_t count) {
    uint8_t bytes[32] = {0};
    memcpy(bytes, x, count);
    return load_bytes(bytes);
}

// Bytes as 16-bit lanes, the even ones and the odd ones: cheaper than unpacking, and the order doesn't matter to a sum.
TVK_INLINE __m256i even_u8(__m256i x) { return _mm256_and_si256(x, _mm256_set1_epi16(0xFF)); }
TVK_INLINE __m256i odd_u8(__m256i x) { return _mm256_srli_epi16(x, 8); }
TVK_INLINE __m256i even_i8(__m256i x) { return _mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8); }
TVK_INLINE __m256i odd_i8(__m256i x) { return _mm256_srai_epi16(x, 8); }

// maddubs would saturate (255·127 twice is past int16), so both sides are widened; the pair sums of madd fit int32.
TVK_INLINE __m256i step_dot(__m256i sum, __m256i q, __m256i x) {
    __m256i even = _mm256_madd_epi16(even_u8(x), even_i8(q)), odd = _mm256_madd_epi16(odd_u8(x), odd_i8(q));
    return _mm256_add_epi32(sum, _mm256_add_epi32(even, odd));
}

TVK_INLINE __m256i step_l1(__m256i sum, __m256i q, __m256i x) { return _mm256_add_epi64(sum, _mm256_sad_epu8(q, x)); }

TVK_INLINE __m256i step_l2(__m256i sum, __m256i q, __m256i x) {
    __m256i difference = _mm256_sub_epi8(_mm256_max_epu8(q, x), _mm256_min_epu8(q, x));
    __m256i even = even_u8(difference), odd = odd_u8(difference);
    return _mm256_add_epi32(sum, _mm256_add_epi32(_mm256_madd_epi16(even, even), _mm256_madd_epi16(odd, odd)));
}

TVK_INLINE __m256i step_hamming(__m256i sum, __m256i q, __m256i x) {
    const __m256i counts = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const __m256i nibble = _mm256_set1_epi8(15);
    __m256i bits = _mm256_xor_si256(q, x);
    __m256i low = _mm256_shuffle_epi8(counts, _mm256_and_si256(bits, nibble));
    __m256i high = _mm256_shuffle_epi8(counts, _mm256_and_si256(_mm256_srli_epi16(bits, 4), nibble));
    return _mm256_add_epi64(sum, _mm256_sad_epu8(_mm256_add_epi8(low, high), _mm256_setzero_si256()));
}

TVK_INLINE void reduce32(const __m256i *sums, int32_t *out, int count) {
    if (count == 4) {
        __m256i all = _mm256_hadd_epi32(_mm256_hadd_epi32(sums[0], sums[1]), _mm256_hadd_epi32(sums[2], sums[3]));
        __m128i folded = _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
        _mm_storeu_si128((__m128i *)out, folded);
    } else {
        TVK_UNROLL for (int r = 0; r < count; r++) {
            __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(sums[r]), _mm256_extracti128_si256(sums[r], 1));
            sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4E));
            out[r] = _mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xB1)));
        }
    }
}

#define CODES(NAME, STEP)                                                                                               \
    TVK_ROWS(NAME, void, uint8_t, int32_t) {                                                                            \
        const uint8_t *q = query;                                                                                       \
        __m256i sums[4];                                                                                                \
        TVK_UNROLL for (int r = 0; r < 4; r++) sums[r] = _mm256_setzero_si256();                                        \
        size_t i = 0;                                                                                                   \
        if (count == 1) {                                                                                               \
            for (; i + 128 <= n; i += 128) {                                                                            \
                TVK_UNROLL for (int a = 0; a < 4; a++) {                                                                \
                    sums[a] = STEP(sums[a], load_bytes(q + i + 32 * a), load_bytes(rows[0] + i + 32 * a));              \
                }                                                                                                       \
            }                                                                                                           \
        }                                                                                                               \
        for (; i + 64 <= n; i += 64) {                                                                                  \
            TVK_PREFETCH_NEXT(i)                                                                                        \
            __m256i low = load_bytes(q + i), high = load_bytes(q + i + 32);                                             \
            TVK_UNROLL for (int r = 0; r < count; r++) sums[r] = STEP(sums[r], low, load_bytes(rows[r] + i));           \
            TVK_UNROLL for (int r = 0; r < count; r++) sums[r] = STEP(sums[r], high, load_bytes(rows[r] + i + 32));     \
        }                                                                                                               \
        if (i < n) { TVK_PREFETCH_NEXT(i) }                                                                             \
        for (; i + 32 <= n; i += 32) {                                                                                  \
            __m256i part = load_bytes(q + i);                                                                           \
            TVK_UNROLL for (int r = 0; r < count; r++) sums[r] = STEP(sums[r], part, load_bytes(rows[r] + i));          \
        }                                                                                                               \
        if (i < n) {                                                                                                    \
            __m256i part = tail_bytes(q + i, n - i);                                                                    \
            TVK_UNROLL for (int r = 0; r < count; r++) sums[r] = STEP(sums[r], part, tail_bytes(rows[r] + i, n - i));   \
        }                                                                                                               \
        if (count == 1) {                                                                                               \
            __m256i pairs[2] = {_mm256_add_epi32(sums[0], sums[1]), _mm256_add_epi32(sums[2], sums[3])};                \
            sums[0] = _mm256_add_epi32(pairs[0], pairs[1]);                                                             \
        }                                                                                                               \
        reduce32(sums, out, count);                                                                                     \
    }                                                                                                                   \
    TVK_BATCHED_CODES(NAME, 4, n)

CODES(dot_u8i8, step_dot)
CODES(l1_u8, step_l1)
CODES(l2_u8, step_l2)
CODES(hamming, step_hamming)

TVK_INLINE __m256i step_dot_codes(__m256i sum, __m256i q, __m256i x) {
    const __m256i flip = _mm256_set1_epi8((char)0x80);
    q = _mm256_xor_si256(q, flip);
    x = _mm256_xor_si256(x, flip);
    __m256i even = _mm256_madd_epi16(even_i8(x), even_i8(q)), odd = _mm256_madd_epi16(odd_i8(x), odd_i8(q));
    return _mm256_add_epi32(sum, _mm256_add_epi32(even, odd));
}

TVK_ROWS(dot_codes, void, uint8_t, int32_t) {
    const uint8_t *q = query;
    __m256i sums[4];
    TVK_UNROLL for (int r = 0; r < 4; r++) sums[r] = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        if (i % 64 == 0) { TVK_PREFETCH_NEXT(i) }
        __m256i part = load_bytes(q + i);
        TVK_UNROLL for (int r = 0; r < count; r++) sums[r] = step_dot_codes(sums[r], part, load_bytes(rows[r] + i));
    }
    reduce32(sums, out, count);
    for (; i < n; i++) { // a zero byte isn't a zero code, so padding with zeros won't do
        TVK_UNROLL for (int r = 0; r < count; r++) out[r] += ((int32_t)rows[r][i] - 128) * ((int32_t)q[i] - 128);
    }
}
TVK_BATCHED_CODES(dot_codes, 4, n)

TVK_ROWS(dot_u4i8, void, uint8_t, int32_t) {
    const uint8_t *q = query;
    const __m256i nibble = _mm256_set1_epi8(15);
    __m256i sums[4];
    TVK_UNROLL for (int r = 0; r < 4; r++) sums[r] = _mm256_setzero_si256();
    for (size_t block = 0; block < n / 128; block++, q += 128) {
        TVK_PREFETCH_NEXT(64 * block)
        __m256i q0 = load_bytes(q), q1 = load_bytes(q + 32), q2 = load_bytes(q + 64), q3 = load_bytes(q + 96);
        TVK_UNROLL for (int r = 0; r < count; r++) {
            __m256i x0 = load_bytes(rows[r] + 64 * block), x1 = load_bytes(rows[r] + 64 * block + 32);
            // Four products of pairs, each at most 15·128·2 = 3,840, fit int16 together.
            __m256i low = _mm256_add_epi16(_mm256_maddubs_epi16(_mm256_and_si256(x0, nibble), q0),
                _mm256_maddubs_epi16(_mm256_and_si256(x1, nibble), q1));
            __m256i high
                = _mm256_add_epi16(_mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(x0, 4), nibble), q2),
                    _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(x1, 4), nibble), q3));
            __m256i both = _mm256_madd_epi16(_mm256_add_epi16(low, high), _mm256_set1_epi16(1));
            sums[r] = _mm256_add_epi32(sums[r], both);
        }
    }
    reduce32(sums, out, count);
}
TVK_BATCHED_CODES(dot_u4i8, 4, n / 2)

// ---- floats --------------------------------------------------------------------------------------------------------

TVK_INLINE __m256 load_f32(const float *x) { return _mm256_loadu_ps(x); }
TVK_INLINE __m256 load_f16(const uint16_t *x) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)x)); }
TVK_INLINE __m256 load_u8(const uint8_t *x) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)x)));
}

// The first count <= 8 elements, then zeros.
#define TAIL(TYPE, ELEMENT)                                                                                             \
    TVK_INLINE __m256 tail_##TYPE(const ELEMENT *x, size_t count) {                                                     \
        if (count == 8) return load_##TYPE(x);                                                                          \
        ELEMENT elements[8] = {0};                                                                                      \
        memcpy(elements, x, count * sizeof(ELEMENT));                                                                   \
        return load_##TYPE(elements);                                                                                   \
    }
TAIL(f32, float)
TAIL(f16, uint16_t)
TAIL(u8, uint8_t)

TVK_INLINE __m256 absolute(__m256 x) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x); }

TVK_INLINE __m256 add_dot(__m256 sum, __m256 q, __m256 x) { return _mm256_fmadd_ps(q, x, sum); }
TVK_INLINE __m256 add_l2(__m256 sum, __m256 q, __m256 x) {
    __m256 difference = _mm256_sub_ps(q, x);
    return _mm256_fmadd_ps(difference, difference, sum);
}
TVK_INLINE __m256 add_l1(__m256 sum, __m256 q, __m256 x) { return _mm256_add_ps(sum, absolute(_mm256_sub_ps(q, x))); }

TVK_INLINE float reduce_float(__m256 x) {
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}

#define FLOATS(NAME, QUERY, QUERY_TYPE, TYPE, ROW, ADD)                                                                 \
    TVK_ROWS(NAME, QUERY, ROW, float) {                                                                                 \
        __m256 sums[2][4];                                                                                              \
        TVK_UNROLL for (int r = 0; r < 2; r++) {                                                                        \
            TVK_UNROLL for (int a = 0; a < 4; a++) sums[r][a] = _mm256_setzero_ps();                                    \
        }                                                                                                               \
        size_t i = 0;                                                                                                   \
        for (; i + 32 <= n; i += 32) {                                                                                  \
            if (sizeof(ROW) == 4) { TVK_PREFETCH_NEXT(i * sizeof(ROW)) }                                                \
            if (sizeof(ROW) >= 2 || i % 64 == 0) { TVK_PREFETCH_NEXT(i * sizeof(ROW) + 16 * sizeof(ROW) / 64 * 64) }    \
            TVK_UNROLL for (int a = 0; a < 4; a++) {                                                                    \
                __m256 q = load_##QUERY_TYPE(query + i + 8 * a);                                                        \
                TVK_UNROLL for (int r = 0; r < count; r++) {                                                            \
                    sums[r][a] = ADD(sums[r][a], q, load_##TYPE(rows[r] + i + 8 * a));                                  \
                }                                                                                                       \
            }                                                                                                           \
        }                                                                                                               \
        for (; i < n; i += 8) {                                                                                         \
            size_t left = n - i < 8 ? n - i : 8;                                                                        \
            __m256 q = tail_##QUERY_TYPE(query + i, left);                                                              \
            TVK_UNROLL for (int r = 0; r < count; r++) sums[r][0] = ADD(sums[r][0], q, tail_##TYPE(rows[r] + i, left)); \
        }                                                                                                               \
        TVK_UNROLL for (int r = 0; r < count; r++) {                                                                    \
            __m256 low = _mm256_add_ps(sums[r][0], sums[r][1]), high = _mm256_add_ps(sums[r][2], sums[r][3]);           \
            out[r] = reduce_float(_mm256_add_ps(low, high));                                                            \
        }                                                                                                               \
    }

// Two rows of four accumulators are what sixteen registers hold.
#define FAMILY(TYPE, ROW)                                                                                               \
    FLOATS(dot_f32_##TYPE, float, f32, TYPE, ROW, add_dot)                                                              \
    TVK_BATCHED_FLOATS(dot_f32_##TYPE, ROW, 2)                                                                          \
    FLOATS(l2_f32_##TYPE, float, f32, TYPE, ROW, add_l2)                                                                \
    TVK_BATCHED_FLOATS(l2_f32_##TYPE, ROW, 2)                                                                           \
    FLOATS(l1_f32_##TYPE, float, f32, TYPE, ROW, add_l1)                                                                \
    TVK_BATCHED_FLOATS(l1_f32_##TYPE, ROW, 2)

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
        size_t end = n - start > TVK_MAX_DIMENSIONS ? start + TVK_MAX_DIMENSIONS : n, i = start;
        __m256i sum[1] = {_mm256_setzero_si256()};
        for (; i + 32 <= end; i += 32) sum[0] = step_l2(sum[0], load_bytes(x + i), _mm256_setzero_si256());
        if (i < end) sum[0] = step_l2(sum[0], tail_bytes(x + i, end - i), _mm256_setzero_si256());
        int32_t part[1];
        reduce32(sum, part, 1);
        total += (uint32_t)part[0];
    }
    return total;
}

// ---- conversions ---------------------------------------------------------------------------------------------------

TVK_INLINE size_t lanes_at(size_t i, size_t n) { return n - i < 8 ? n - i : 8; }

TVK_INLINE void store_f32(float *out, __m256 x, size_t count) {
    float elements[8];
    if (count == 8) {
        _mm256_storeu_ps(out, x);
    } else {
        _mm256_storeu_ps(elements, x);
        memcpy(out, elements, count * sizeof(float));
    }
}

// The low bytes of eight int32 lanes, which must be in range.
TVK_INLINE void store_low_bytes(uint8_t *out, __m256i x, uint8_t flip, size_t count) {
    __m256i even = _mm256_shuffle_epi8(x, _mm256_set1_epi32(0x0C080400));
    uint64_t low = (uint32_t)_mm256_extract_epi32(even, 0), high = (uint32_t)_mm256_extract_epi32(even, 4);
    uint64_t bytes = (low | high << 32) ^ flip * 0x0101010101010101ull;
    if (count == 8) {
        memcpy(out, &bytes, 8);
    } else {
        memcpy(out, &bytes, count); // little-endian
    }
}

static size_t f32_to_f16(const float *x, uint16_t *out, size_t n) {
    size_t overflowed = 0;
    for (size_t i = 0; i < n; i += 8) {
        size_t count = lanes_at(i, n);
        __m256 value = tail_f32(x + i, count), magnitude = absolute(value);
        __m256 large = _mm256_and_ps(_mm256_cmp_ps(magnitude, _mm256_set1_ps(65520.0f), _CMP_GE_OQ),
            _mm256_cmp_ps(magnitude, _mm256_set1_ps(INFINITY), _CMP_LT_OQ));
        overflowed += (size_t)_mm_popcnt_u32((unsigned)_mm256_movemask_ps(large));
        __m128i halves = _mm256_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT);
        if (count == 8) {
            _mm_storeu_si128((__m128i *)(out + i), halves);
        } else {
            uint16_t elements[8];
            _mm_storeu_si128((__m128i *)elements, halves);
            memcpy(out + i, elements, count * 2);
        }
    }
    return overflowed;
}

static void f16_to_f32(const uint16_t *x, float *out, size_t n) {
    for (size_t i = 0; i < n; i += 8) store_f32(out + i, tail_f16(x + i, lanes_at(i, n)), lanes_at(i, n));
}

static size_t f32_to_u8(const float *x, uint8_t *out, size_t n) {
    size_t outside = 0;
    for (size_t i = 0; i < n; i += 8) {
        size_t count = lanes_at(i, n);
        __m256 value = tail_f32(x + i, count);
        __m256 inside = _mm256_and_ps(_mm256_cmp_ps(value, _mm256_set1_ps(-1.0f), _CMP_GT_OQ),
            _mm256_cmp_ps(value, _mm256_set1_ps(256.0f), _CMP_LT_OQ));
        outside += 8 - (size_t)_mm_popcnt_u32((unsigned)_mm256_movemask_ps(inside));
        // The second operand is what a NaN gives.
        value = _mm256_min_ps(_mm256_max_ps(value, _mm256_setzero_ps()), _mm256_set1_ps(255.0f));
        store_low_bytes(out + i, _mm256_cvttps_epi32(value), 0, count);
    }
    return outside;
}

static void u8_to_f32(const uint8_t *x, float *out, size_t n) {
    for (size_t i = 0; i < n; i += 8) store_f32(out + i, tail_u8(x + i, lanes_at(i, n)), lanes_at(i, n));
}

static void quantize(const float *x, size_t n, float scale, uint8_t flip, uint8_t *out) {
    const __m256 factor = _mm256_set1_ps(scale), least = _mm256_set1_ps(-127.0f), greatest = _mm256_set1_ps(127.0f);
    const __m256 rounder = _mm256_set1_ps(12582912.0f); // 1.5·2^23: adding it rounds to even
    for (size_t i = 0; i < n; i += 8) {
        __m256 value = _mm256_mul_ps(tail_f32(x + i, lanes_at(i, n)), factor);
        value = _mm256_min_ps(_mm256_max_ps(value, least), greatest); // NaN gives the second operand
        store_low_bytes(out + i, _mm256_castps_si256(_mm256_add_ps(value, rounder)), flip, lanes_at(i, n));
    }
}

static void dequantize(const uint8_t *codes, size_t n, uint8_t flip, float scale, const float *offset, float *out) {
    const __m256 factor = _mm256_set1_ps(scale);
    for (size_t i = 0; i < n; i += 8) {
        size_t count = lanes_at(i, n);
        uint64_t bytes = 0;
        if (count == 8) {
            memcpy(&bytes, codes + i, 8);
        } else {
            memcpy(&bytes, codes + i, count);
        }
        __m128i flipped = _mm_cvtsi64_si128((long long)(bytes ^ flip * 0x0101010101010101ull));
        __m256 code = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(flipped));
        store_f32(out + i, _mm256_fmadd_ps(code, factor, tail_f32(offset + i, count)), count);
    }
}

static int32_t sum_i8(const int8_t *x, size_t n) {
    __m256i sums[1] = {_mm256_setzero_si256()};
    for (size_t i = 0; i < n; i += 32) {
        __m256i part = n - i < 32 ? tail_bytes((const uint8_t *)x + i, n - i) : load_bytes((const uint8_t *)x + i);
        __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), part);
        sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    }
    int32_t out[1];
    reduce32(sums, out, 1);
    return out[0];
}

// ---- Hadamard ------------------------------------------------------------------------------------------------------

#define INNER_STAGE(x, partner, upper) _mm256_blend_ps(_mm256_add_ps(partner, x), _mm256_sub_ps(partner, x), upper)

// Butterflies inside one register: lanes i and i ^ 1, i ^ 2, i ^ 4.
TVK_INLINE __m256 hadamard8(__m256 x) {
    __m256 partner = _mm256_permute_ps(x, 0xB1);
    x = INNER_STAGE(x, partner, 0xAA);
    partner = _mm256_permute_ps(x, 0x4E);
    x = INNER_STAGE(x, partner, 0xCC);
    partner = _mm256_permute2f128_ps(x, x, 1);
    return INNER_STAGE(x, partner, 0xF0);
}

// Two stages at once over four vectors that lie `half` apart.
TVK_INLINE void radix4(__m256 *x) {
    __m256 a = _mm256_add_ps(x[0], x[1]), b = _mm256_sub_ps(x[0], x[1]);
    __m256 c = _mm256_add_ps(x[2], x[3]), d = _mm256_sub_ps(x[2], x[3]);
    x[0] = _mm256_add_ps(a, c);
    x[1] = _mm256_add_ps(b, d);
    x[2] = _mm256_sub_ps(a, c);
    x[3] = _mm256_sub_ps(b, d);
}

static void hadamard(float *x, size_t n) {
    if (n < 8) {
        for (size_t half = 1; half < n; half *= 2) {
            for (size_t start = 0; start < n; start += 2 * half) {
                for (size_t i = start; i < start + half; i++) {
                    float a = x[i], b = x[i + half];
                    x[i] = a + b;
                    x[i + half] = a - b;
                }
            }
        }
        return;
    }
    size_t half = 8;
    if (n >= 32) {
        half = 32;
        for (size_t i = 0; i < n; i += 32) {
            __m256 v[4];
            TVK_UNROLL for (int k = 0; k < 4; k++) v[k] = hadamard8(_mm256_loadu_ps(x + i + 8 * k));
            radix4(v);
            TVK_UNROLL for (int k = 0; k < 4; k++) _mm256_storeu_ps(x + i + 8 * k, v[k]);
        }
    } else {
        for (size_t i = 0; i < n; i += 8) _mm256_storeu_ps(x + i, hadamard8(_mm256_loadu_ps(x + i)));
    }
    for (; 4 * half <= n; half *= 4) {
        for (size_t start = 0; start < n; start += 4 * half) {
            for (size_t i = start; i < start + half; i += 8) {
                __m256 v[4];
                TVK_UNROLL for (int k = 0; k < 4; k++) v[k] = _mm256_loadu_ps(x + i + half * k);
                radix4(v);
                TVK_UNROLL for (int k = 0; k < 4; k++) _mm256_storeu_ps(x + i + half * k, v[k]);
            }
        }
    }
    if (2 * half <= n) {
        for (size_t i = 0; i < half; i += 8) {
            __m256 a = _mm256_loadu_ps(x + i), b = _mm256_loadu_ps(x + i + half);
            _mm256_storeu_ps(x + i, _mm256_add_ps(a, b));
            _mm256_storeu_ps(x + i + half, _mm256_sub_ps(a, b));
        }
    }
}

const tvk_kernels tvk_avx2_kernels = TVK_TABLE(TVK_LEVEL_AVX2);

#pragma clang attribute pop
#endif
