// AVX-512 kernels (F, BW, VL, DQ, VNNI). Tails are masked loads, which never touch the bytes that the mask leaves out.
#if defined(__x86_64__)
#include "batched.h"

#include <immintrin.h>
#include <math.h>

#pragma clang attribute push(                                                                                           \
    __attribute__((target("avx2,fma,f16c,popcnt,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni"))), apply_to = function)

#include "elementwise.h"

// ---- pool ----------------------------------------------------------------------------------------------------------

#define TVK_OWN_POOL

// From the end towards the place: what is farther moves up by one, eight keys at a time.
TVK_INLINE size_t tvk_pool_insert(uint64_t *pool, size_t *count, size_t capacity, uint64_t key) {
    size_t end = *count;
    if (end == capacity) {
        if (key >= pool[--end]) return capacity;
    } else {
        *count = end + 1;
    }
    const __m512i keys = _mm512_set1_epi64((long long)key);
    for (;; end -= 8) {
        __m512i before = _mm512_loadu_si512(pool + end - 8);
        __mmask8 farther = _mm512_cmpgt_epu64_mask(before, keys);
        _mm512_mask_storeu_epi64(pool + end - 7, farther, before);
        if (farther == 0xFF) continue;
        end -= (size_t)_mm_popcnt_u32(farther);
        pool[end] = key;
        return end;
    }
}

TVK_INLINE uint32_t tvk_pool_closer(uint32_t *ranks, size_t count, uint32_t flip, uint32_t worst) {
    uint32_t closer = 0;
    for (size_t i = 0; i < count; i += 16) {
        __mmask16 lanes = count - i < 16 ? (__mmask16)((1u << (count - i)) - 1) : (__mmask16)~0;
        __m512i rank = _mm512_maskz_loadu_epi32(lanes, ranks + i);
        rank = _mm512_xor_si512(rank, _mm512_set1_epi32((int)flip));
        _mm512_mask_storeu_epi32(ranks + i, lanes, rank);
        closer |= (uint32_t)_mm512_mask_cmple_epu32_mask(lanes, rank, _mm512_set1_epi32((int)worst)) << i;
    }
    return closer;
}

#include "walk.h"
#include "walk_two_hop.h"

// ---- codes ---------------------------------------------------------------------------------------------------------

TVK_INLINE __mmask64 mask64(size_t lanes) { return lanes >= 64 ? ~0ull : (1ull << lanes) - 1; }
TVK_INLINE __mmask16 mask16(size_t lanes) { return (__mmask16)((1u << lanes) - 1); }

TVK_INLINE __m512i step_dot(__m512i sum, __m512i q, __m512i x) { return _mm512_dpbusd_epi32(sum, x, q); }

TVK_INLINE __m512i step_l1(__m512i sum, __m512i q, __m512i x) { return _mm512_add_epi64(sum, _mm512_sad_epu8(q, x)); }

TVK_INLINE __m512i step_l2(__m512i sum, __m512i q, __m512i x) {
    __m512i difference = _mm512_sub_epi8(_mm512_max_epu8(q, x), _mm512_min_epu8(q, x));
    __m512i low = _mm512_unpacklo_epi8(difference, _mm512_setzero_si512());
    __m512i high = _mm512_unpackhi_epi8(difference, _mm512_setzero_si512());
    return _mm512_dpwssd_epi32(_mm512_dpwssd_epi32(sum, low, low), high, high);
}

TVK_INLINE __m512i step_hamming(__m512i sum, __m512i q, __m512i x) {
    const __m512i counts = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const __m512i nibble = _mm512_set1_epi8(15);
    __m512i bits = _mm512_xor_si512(q, x);
    __m512i low = _mm512_shuffle_epi8(counts, _mm512_and_si512(bits, nibble));
    __m512i high = _mm512_shuffle_epi8(counts, _mm512_and_si512(_mm512_srli_epi16(bits, 4), nibble));
    return _mm512_add_epi64(sum, _mm512_sad_epu8(_mm512_add_epi8(low, high), _mm512_setzero_si512()));
}

// One row alone runs on four accumulators, four rows on one each: either way four independent chains, which covers the
// latency of a multiply-accumulate.
#define CODES(NAME, STEP, REDUCE)                                                                                       \
    TVK_ROWS(NAME, void, uint8_t, int32_t) {                                                                            \
        const uint8_t *q = query;                                                                                       \
        __m512i sums[4];                                                                                                \
        TVK_UNROLL for (int r = 0; r < 4; r++) sums[r] = _mm512_setzero_si512();                                        \
        size_t i = 0;                                                                                                   \
        if (count == 1) {                                                                                               \
            for (; i + 256 <= n; i += 256) {                                                                            \
                TVK_UNROLL for (int a = 0; a < 4; a++) {                                                                \
                    __m512i part = _mm512_loadu_si512(q + i + 64 * a);                                                  \
                    sums[a] = STEP(sums[a], part, _mm512_loadu_si512(rows[0] + i + 64 * a));                            \
                }                                                                                                       \
            }                                                                                                           \
        }                                                                                                               \
        for (; i + 64 <= n; i += 64) {                                                                                  \
            TVK_PREFETCH_NEXT(i)                                                                                        \
            __m512i part = _mm512_loadu_si512(q + i);                                                                   \
            TVK_UNROLL for (int r = 0; r < count; r++) sums[r] = STEP(sums[r], part, _mm512_loadu_si512(rows[r] + i));  \
        }                                                                                                               \
        if (i < n) {                                                                                                    \
            TVK_PREFETCH_NEXT(i)                                                                                        \
            __mmask64 mask = mask64(n - i);                                                                             \
            __m512i part = _mm512_maskz_loadu_epi8(mask, q + i);                                                        \
            TVK_UNROLL for (int r = 0; r < count; r++) {                                                                \
                sums[r] = STEP(sums[r], part, _mm512_maskz_loadu_epi8(mask, rows[r] + i));                              \
            }                                                                                                           \
        }                                                                                                               \
        if (count == 1) {                                                                                               \
            __m512i pairs[2] = {_mm512_add_epi32(sums[0], sums[1]), _mm512_add_epi32(sums[2], sums[3])};                \
            sums[0] = _mm512_add_epi32(pairs[0], pairs[1]);                                                             \
        }                                                                                                               \
        REDUCE(sums, out, count);                                                                                       \
    }                                                                                                                   \
    TVK_BATCHED_CODES(NAME, 4, n)

TVK_INLINE __m256i halves(__m512i x) {
    return _mm256_add_epi32(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64(x, 1));
}

TVK_INLINE void reduce32(const __m512i *sums, int32_t *out, int count) {
    if (count == 4) { // the four sums side by side
        __m256i a = _mm256_hadd_epi32(halves(sums[0]), halves(sums[1]));
        __m256i b = _mm256_hadd_epi32(halves(sums[2]), halves(sums[3]));
        __m256i c = _mm256_hadd_epi32(a, b);
        __m128i d = _mm_add_epi32(_mm256_castsi256_si128(c), _mm256_extracti128_si256(c, 1));
        _mm_storeu_si128((__m128i *)out, d);
    } else {
        TVK_UNROLL for (int r = 0; r < count; r++) out[r] = _mm512_reduce_add_epi32(sums[r]);
    }
}

// The high halves of the 64-bit sums are zero for every n that the header allows.
CODES(dot_u8i8, step_dot, reduce32)
CODES(l1_u8, step_l1, reduce32)
CODES(l2_u8, step_l2, reduce32)
CODES(hamming, step_hamming, reduce32)

TVK_ROWS(dot_codes, void, uint8_t, int32_t) {
    const uint8_t *q = query;
    const __m512i flip = _mm512_set1_epi8((char)0x80);
    // 128·Σ query, to be taken off again: rows are multiplied as they are, 128 too large.
    __m512i sums[4], excess = _mm512_setzero_si512();
    TVK_UNROLL for (int r = 0; r < 4; r++) sums[r] = _mm512_setzero_si512();
    size_t i = 0;
    for (; i + 64 <= n; i += 64) {
        TVK_PREFETCH_NEXT(i)
        __m512i part = _mm512_xor_si512(_mm512_loadu_si512(q + i), flip);
        excess = _mm512_dpbusd_epi32(excess, flip, part);
        TVK_UNROLL for (int r = 0; r < count; r++) {
            sums[r] = _mm512_dpbusd_epi32(sums[r], _mm512_loadu_si512(rows[r] + i), part);
        }
    }
    if (i < n) {
        TVK_PREFETCH_NEXT(i)
        __mmask64 mask = mask64(n - i);
        __m512i part = _mm512_xor_si512(_mm512_mask_loadu_epi8(flip, mask, q + i), flip);
        excess = _mm512_dpbusd_epi32(excess, flip, part);
        TVK_UNROLL for (int r = 0; r < count; r++) {
            sums[r] = _mm512_dpbusd_epi32(sums[r], _mm512_maskz_loadu_epi8(mask, rows[r] + i), part);
        }
    }
    TVK_UNROLL for (int r = 0; r < count; r++) sums[r] = _mm512_sub_epi32(sums[r], excess);
    reduce32(sums, out, count);
}
TVK_BATCHED_CODES(dot_codes, 4, n)

TVK_ROWS(dot_u4i8, void, uint8_t, int32_t) {
    const int8_t *q = query;
    const __m512i nibble = _mm512_set1_epi8(15);
    __m512i sums[4], high_sums[4];
    TVK_UNROLL for (int r = 0; r < 4; r++) sums[r] = high_sums[r] = _mm512_setzero_si512();
    for (size_t i = 0; i < n / 128; i++) {
        TVK_PREFETCH_NEXT(64 * i)
        __m512i first = _mm512_loadu_si512(q + 128 * i), second = _mm512_loadu_si512(q + 128 * i + 64);
        TVK_UNROLL for (int r = 0; r < count; r++) {
            __m512i x = _mm512_loadu_si512(rows[r] + 64 * i);
            __m512i high = _mm512_and_si512(_mm512_srli_epi16(x, 4), nibble);
            sums[r] = _mm512_dpbusd_epi32(sums[r], _mm512_and_si512(x, nibble), first);
            high_sums[r] = _mm512_dpbusd_epi32(high_sums[r], high, second);
        }
    }
    TVK_UNROLL for (int r = 0; r < count; r++) sums[r] = _mm512_add_epi32(sums[r], high_sums[r]);
    reduce32(sums, out, count);
}
TVK_BATCHED_CODES(dot_u4i8, 4, n / 2)

// ---- floats --------------------------------------------------------------------------------------------------------

TVK_INLINE __m512 load_f32(const float *x) { return _mm512_loadu_ps(x); }
TVK_INLINE __m512 load_f16(const uint16_t *x) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)x)); }
TVK_INLINE __m512 load_u8(const uint8_t *x) {
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)x)));
}
TVK_INLINE __m512 tail_f32(const float *x, __mmask16 mask) { return _mm512_maskz_loadu_ps(mask, x); }
TVK_INLINE __m512 tail_f16(const uint16_t *x, __mmask16 mask) {
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, x));
}
TVK_INLINE __m512 tail_u8(const uint8_t *x, __mmask16 mask) {
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(mask, x)));
}

TVK_INLINE __m512 add_dot(__m512 sum, __m512 q, __m512 x) { return _mm512_fmadd_ps(q, x, sum); }
TVK_INLINE __m512 add_l2(__m512 sum, __m512 q, __m512 x) {
    __m512 difference = _mm512_sub_ps(q, x);
    return _mm512_fmadd_ps(difference, difference, sum);
}
TVK_INLINE __m512 add_l1(__m512 sum, __m512 q, __m512 x) {
    return _mm512_add_ps(sum, _mm512_abs_ps(_mm512_sub_ps(q, x)));
}

#define FLOATS(NAME, QUERY, QUERY_TYPE, TYPE, ROW, ADD)                                                                 \
    TVK_ROWS(NAME, QUERY, ROW, float) {                                                                                 \
        __m512 sums[4][4];                                                                                              \
        TVK_UNROLL for (int r = 0; r < 4; r++) {                                                                        \
            TVK_UNROLL for (int a = 0; a < 4; a++) sums[r][a] = _mm512_setzero_ps();                                    \
        }                                                                                                               \
        size_t i = 0;                                                                                                   \
        for (; i + 64 <= n; i += 64) {                                                                                  \
            TVK_UNROLL for (size_t line = 0; line < sizeof(ROW); line++) {                                              \
                TVK_PREFETCH_NEXT(i * sizeof(ROW) + 64 * line)                                                          \
            }                                                                                                           \
            TVK_UNROLL for (int a = 0; a < 4; a++) {                                                                    \
                __m512 q = load_##QUERY_TYPE(query + i + 16 * a);                                                       \
                TVK_UNROLL for (int r = 0; r < count; r++) {                                                            \
                    sums[r][a] = ADD(sums[r][a], q, load_##TYPE(rows[r] + i + 16 * a));                                 \
                }                                                                                                       \
            }                                                                                                           \
        }                                                                                                               \
        for (; i < n; i += 16) {                                                                                        \
            TVK_PREFETCH_NEXT(i * sizeof(ROW))                                                                          \
            __mmask16 mask = n - i < 16 ? mask16(n - i) : (__mmask16)~0;                                                \
            __m512 q = tail_##QUERY_TYPE(query + i, mask);                                                              \
            TVK_UNROLL for (int r = 0; r < count; r++) {                                                                \
                sums[r][0] = ADD(sums[r][0], q, tail_##TYPE(rows[r] + i, mask));                                        \
            }                                                                                                           \
        }                                                                                                               \
        TVK_UNROLL for (int r = 0; r < count; r++) {                                                                    \
            __m512 low = _mm512_add_ps(sums[r][0], sums[r][1]), high = _mm512_add_ps(sums[r][2], sums[r][3]);           \
            out[r] = _mm512_reduce_add_ps(_mm512_add_ps(low, high));                                                    \
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
        __m512i sum = _mm512_setzero_si512();
        for (size_t i = start; i < end; i += 64) {
            sum = step_l2(sum, _mm512_maskz_loadu_epi8(mask64(end - i), x + i), _mm512_setzero_si512());
        }
        total += (uint32_t)_mm512_reduce_add_epi32(sum);
    }
    return total;
}

// ---- conversions ---------------------------------------------------------------------------------------------------

TVK_INLINE __mmask16 mask_at(size_t i, size_t n) { return n - i < 16 ? mask16(n - i) : (__mmask16)~0; }

static size_t f32_to_f16(const float *x, uint16_t *out, size_t n) {
    size_t overflowed = 0;
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 mask = mask_at(i, n);
        __m512 value = _mm512_maskz_loadu_ps(mask, x + i), magnitude = _mm512_abs_ps(value);
        __mmask16 large = _mm512_cmp_ps_mask(magnitude, _mm512_set1_ps(65520.0f), _CMP_GE_OQ);
        large &= _mm512_cmp_ps_mask(magnitude, _mm512_set1_ps(INFINITY), _CMP_LT_OQ);
        overflowed += (size_t)_mm_popcnt_u32(large);
        _mm256_mask_storeu_epi16(out + i, mask, _mm512_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    }
    return overflowed;
}

static void f16_to_f32(const uint16_t *x, float *out, size_t n) {
    for (size_t i = 0; i < n; i += 16) _mm512_mask_storeu_ps(out + i, mask_at(i, n), tail_f16(x + i, mask_at(i, n)));
}

static size_t f32_to_u8(const float *x, uint8_t *out, size_t n) {
    size_t outside = 0;
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 mask = mask_at(i, n);
        __m512 value = _mm512_maskz_loadu_ps(mask, x + i);
        __mmask16 inside = _mm512_cmp_ps_mask(value, _mm512_set1_ps(-1.0f), _CMP_GT_OQ)
            & _mm512_cmp_ps_mask(value, _mm512_set1_ps(256.0f), _CMP_LT_OQ);
        outside += (size_t)_mm_popcnt_u32((uint16_t)~inside);
        // The second operand is what a NaN gives.
        value = _mm512_min_ps(_mm512_max_ps(value, _mm512_setzero_ps()), _mm512_set1_ps(255.0f));
        _mm_mask_storeu_epi8(out + i, mask, _mm512_cvtepi32_epi8(_mm512_cvttps_epi32(value)));
    }
    return outside;
}

static void u8_to_f32(const uint8_t *x, float *out, size_t n) {
    for (size_t i = 0; i < n; i += 16) _mm512_mask_storeu_ps(out + i, mask_at(i, n), tail_u8(x + i, mask_at(i, n)));
}

static void quantize(const float *x, size_t n, float scale, uint8_t flip, uint8_t *out) {
    const __m512 factor = _mm512_set1_ps(scale), least = _mm512_set1_ps(-127.0f), greatest = _mm512_set1_ps(127.0f);
    const __m128i flips = _mm_set1_epi8((char)flip);
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 mask = mask_at(i, n);
        __m512 value = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, x + i), factor);
        value = _mm512_min_ps(_mm512_max_ps(value, least), greatest); // NaN gives the second operand
        __m512i rounded = _mm512_cvt_roundps_epi32(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        _mm_mask_storeu_epi8(out + i, mask, _mm_xor_si128(_mm512_cvtepi32_epi8(rounded), flips));
    }
}

static void dequantize(const uint8_t *codes, size_t n, uint8_t flip, float scale, const float *offset, float *out) {
    const __m512 factor = _mm512_set1_ps(scale);
    const __m128i flips = _mm_set1_epi8((char)flip);
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 mask = mask_at(i, n);
        __m512i code = _mm512_cvtepi8_epi32(_mm_xor_si128(_mm_maskz_loadu_epi8(mask, codes + i), flips));
        __m512 base = _mm512_maskz_loadu_ps(mask, offset + i);
        _mm512_mask_storeu_ps(out + i, mask, _mm512_fmadd_ps(_mm512_cvtepi32_ps(code), factor, base));
    }
}

static int32_t sum_i8(const int8_t *x, size_t n) {
    __m512i sum = _mm512_setzero_si512();
    for (size_t i = 0; i < n; i += 64) {
        sum = _mm512_dpbusd_epi32(sum, _mm512_set1_epi8(1), _mm512_maskz_loadu_epi8(mask64(n - i), x + i));
    }
    return _mm512_reduce_add_epi32(sum);
}

// ---- Hadamard ------------------------------------------------------------------------------------------------------

// A butterfly inside one register: lane i becomes partner + self where its bit is clear, partner − self where it's set.
TVK_INLINE __m512 inner_stage(__m512 x, __m512 partner, __mmask16 upper) {
    return _mm512_mask_sub_ps(_mm512_add_ps(partner, x), upper, partner, x);
}

TVK_INLINE __m512 hadamard16(__m512 x) {
    x = inner_stage(x, _mm512_permute_ps(x, 0xB1), 0xAAAA);          // i ^ 1
    x = inner_stage(x, _mm512_permute_ps(x, 0x4E), 0xCCCC);          // i ^ 2
    x = inner_stage(x, _mm512_shuffle_f32x4(x, x, 0xB1), 0xF0F0);    // i ^ 4
    return inner_stage(x, _mm512_shuffle_f32x4(x, x, 0x4E), 0xFF00); // i ^ 8
}

// Two stages at once over four vectors that lie `half` apart.
TVK_INLINE void radix4(__m512 *x) {
    __m512 a = _mm512_add_ps(x[0], x[1]), b = _mm512_sub_ps(x[0], x[1]);
    __m512 c = _mm512_add_ps(x[2], x[3]), d = _mm512_sub_ps(x[2], x[3]);
    x[0] = _mm512_add_ps(a, c);
    x[1] = _mm512_add_ps(b, d);
    x[2] = _mm512_sub_ps(a, c);
    x[3] = _mm512_sub_ps(b, d);
}

static void hadamard(float *x, size_t n) {
    if (n < 16) {
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
    size_t half = 16;
    if (n >= 64) {
        half = 64;
        for (size_t i = 0; i < n; i += 64) {
            __m512 v[4];
            TVK_UNROLL for (int k = 0; k < 4; k++) v[k] = hadamard16(_mm512_loadu_ps(x + i + 16 * k));
            radix4(v);
            TVK_UNROLL for (int k = 0; k < 4; k++) _mm512_storeu_ps(x + i + 16 * k, v[k]);
        }
    } else {
        for (size_t i = 0; i < n; i += 16) _mm512_storeu_ps(x + i, hadamard16(_mm512_loadu_ps(x + i)));
    }
    for (; 4 * half <= n; half *= 4) {
        for (size_t start = 0; start < n; start += 4 * half) {
            for (size_t i = start; i < start + half; i += 16) {
                __m512 v[4];
                TVK_UNROLL for (int k = 0; k < 4; k++) v[k] = _mm512_loadu_ps(x + i + half * k);
                radix4(v);
                TVK_UNROLL for (int k = 0; k < 4; k++) _mm512_storeu_ps(x + i + half * k, v[k]);
            }
        }
    }
    if (2 * half <= n) {
        for (size_t i = 0; i < half; i += 16) {
            __m512 a = _mm512_loadu_ps(x + i), b = _mm512_loadu_ps(x + i + half);
            _mm512_storeu_ps(x + i, _mm512_add_ps(a, b));
            _mm512_storeu_ps(x + i + half, _mm512_sub_ps(a, b));
        }
    }
}

const tvk_kernels tvk_avx512_kernels = TVK_TABLE(TVK_LEVEL_AVX512);

#pragma clang attribute pop
#endif
