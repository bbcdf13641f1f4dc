// The three ways of calling a scorer (pair, gathered, range), made from one function that scores R rows at once.
#ifndef TVK_BATCHED_H
#define TVK_BATCHED_H

#include "CVectorKernels.h"

#define TVK_INLINE static inline __attribute__((always_inline))
#define TVK_UNROLL _Pragma("clang loop unroll(full)")

// Rows of at most this many bytes are prefetched two groups ahead instead of one: a group of them alone would not keep
// enough cache lines in flight.
#define TVK_SHORT_ROW_BYTES 512

// The first group has no predecessor to prefetch it. What is longer than this is left to the hardware's prefetcher.
#define TVK_FIRST_PREFETCH_BYTES 2048

TVK_INLINE void tvk_prefetch_row(const void *row, size_t bytes) {
    const char *p = row;
    if (bytes > TVK_FIRST_PREFETCH_BYTES) bytes = TVK_FIRST_PREFETCH_BYTES;
    for (size_t offset = 0; offset < bytes; offset += 64) __builtin_prefetch(p + offset, 0, 3);
}

// Prefetches the cache line at `offset` bytes of each of the rows to come, if there are any.
#define TVK_PREFETCH_NEXT(offset)                                                                                       \
    if (next) {                                                                                                         \
        TVK_UNROLL for (int r_ = 0; r_ < count; r_++) __builtin_prefetch((const char *)next[r_] + (offset), 0, 3);      \
    }

// The head of the function that TVK_BATCHED builds on.
#define TVK_ROWS(NAME, QUERY, ROW, OUT)                                                                                 \
    TVK_INLINE void NAME##_rows(const QUERY *query, const ROW *const *rows, const ROW *const *next, size_t n, OUT *out, \
        int count)

// Calls NAME_rows for groups of R rows, then for single rows. AT(i) is the address of row i.
#define TVK_GROUPS(NAME, ROW, R, ROW_BYTES, AT)                                                                         \
    size_t ahead = (ROW_BYTES) <= TVK_SHORT_ROW_BYTES ? 2 * R : R, i = 0;                                               \
    for (size_t k = 0; k < ahead && k < count; k++) tvk_prefetch_row(AT(k), ROW_BYTES);                                 \
    for (; i + R + ahead <= count; i += R) {                                                                            \
        const ROW *rows[R], *next[R];                                                                                   \
        TVK_UNROLL for (size_t r = 0; r < R; r++) {                                                                     \
            rows[r] = (const ROW *)(AT(i + r));                                                                         \
            next[r] = (const ROW *)(AT(i + ahead + r));                                                                 \
        }                                                                                                               \
        NAME##_rows(query, rows, next, n, out + i, R);                                                                  \
    }                                                                                                                   \
    for (size_t k = i + ahead; k < count; k++) tvk_prefetch_row(AT(k), ROW_BYTES);                                      \
    for (; i + R <= count; i += R) {                                                                                    \
        const ROW *rows[R];                                                                                             \
        TVK_UNROLL for (size_t r = 0; r < R; r++) rows[r] = (const ROW *)(AT(i + r));                                   \
        NAME##_rows(query, rows, NULL, n, out + i, R);                                                                  \
    }                                                                                                                   \
    for (; i < count; i++) {                                                                                            \
        const ROW *rows[1] = {(const ROW *)(AT(i))};                                                                    \
        NAME##_rows(query, rows, NULL, n, out + i, 1);                                                                  \
    }

// NAME_rows(query, rows, next, n, out, R) must be an always-inline function that scores R rows and prefetches the rows
// `next` (or none when that is NULL) as it goes along: spread between the arithmetic a prefetch is nearly free. It must
// treat every row alike whatever R is, so that pair and batched results are the same to the last bit. ROW_BYTES is an
// expression in n.
#define TVK_BATCHED(NAME, QUERY, ROW, ROW_ARGUMENT, OUT, R, ROW_BYTES)                                                  \
    static OUT NAME##_pair(const QUERY *query, const ROW_ARGUMENT *row, size_t n) {                                     \
        const ROW *rows[1] = {(const ROW *)row};                                                                        \
        OUT out[1];                                                                                                     \
        NAME##_rows(query, rows, NULL, n, out, 1);                                                                      \
        return out[0];                                                                                                  \
    }                                                                                                                   \
    static void NAME##_gathered(const QUERY *query, const ROW_ARGUMENT *base, size_t stride, const uint32_t *slots,     \
        size_t count, size_t n, OUT *out) {                                                                             \
        TVK_GROUPS(NAME, ROW, R, ROW_BYTES, TVK_SLOT_ROW)                                                               \
    }                                                                                                                   \
    static void NAME##_range(const QUERY *query, const ROW_ARGUMENT *base, size_t stride, size_t count, size_t n,       \
        OUT *out) {                                                                                                     \
        TVK_GROUPS(NAME, ROW, R, ROW_BYTES, TVK_RANGE_ROW)                                                              \
    }

#define TVK_SLOT_ROW(i) ((const char *)base + (size_t)slots[i] * stride)
#define TVK_RANGE_ROW(i) ((const char *)base + (i) * stride)

#define TVK_BATCHED_CODES(NAME, R, ROW_BYTES)                                                                           \
    TVK_BATCHED(NAME, void, uint8_t, uint8_t, int32_t, R, ROW_BYTES)                                                    \
    TVK_WALK(NAME)                                                                                                      \
    TVK_WALK_TWO_HOP(NAME)
#define TVK_BATCHED_FLOATS(NAME, ROW, R) TVK_BATCHED(NAME, float, ROW, void, float, R, n * sizeof(ROW))

#define TVK_SCORER(NAME) {NAME##_pair, NAME##_gathered, NAME##_range}
#define TVK_CODE_SCORER(NAME) {NAME##_pair, NAME##_gathered, NAME##_range, NAME##_walk, NAME##_walk_two_hop}
#define TVK_FAMILY(TYPE) {TVK_SCORER(dot_##TYPE), TVK_SCORER(l2_##TYPE), TVK_SCORER(l1_##TYPE)}

// Every field of a table, from functions of the fixed names that each level's file defines.
#define TVK_TABLE(LEVEL)                                                                                                \
    {                                                                                                                   \
        .level = LEVEL, .dot_u8i8 = TVK_CODE_SCORER(dot_u8i8), .l1_u8 = TVK_CODE_SCORER(l1_u8),                         \
        .l2_u8 = TVK_CODE_SCORER(l2_u8), .dot_codes = TVK_CODE_SCORER(dot_codes),                                       \
        .dot_u4i8 = TVK_CODE_SCORER(dot_u4i8), .hamming = TVK_CODE_SCORER(hamming), .pool_insert = pool_insert,         \
        .f32 = TVK_FAMILY(f32_f32), .f16 = TVK_FAMILY(f32_f16), .u8 = TVK_FAMILY(f32_u8),                               \
        .sum_squares_f32 = sum_squares_f32, .sum_squares_f16 = sum_squares_f16, .sum_squares_u8 = sum_squares_u8,       \
        .f32_to_f16 = f32_to_f16, .f16_to_f32 = f16_to_f32, .f32_to_u8 = f32_to_u8, .u8_to_f32 = u8_to_f32,             \
        .quantize = quantize, .dequantize = dequantize, .sum_i8 = sum_i8, .hadamard = hadamard, .permute = permute,     \
        .scale_clamped = scale_clamped, .subtract = subtract, .max_magnitude = max_magnitude,                           \
        .count_bits = count_bits, .intersect_bits = intersect_bits,                                                     \
    }

// Tables of the levels this build has.
extern const tvk_kernels tvk_scalar_kernels;
#if defined(__x86_64__)
extern const tvk_kernels tvk_avx2_kernels;
extern const tvk_kernels tvk_avx512_kernels;
#endif
#if defined(__aarch64__)
extern const tvk_kernels tvk_neon_kernels;
extern const tvk_kernels tvk_neon_dotprod_kernels;
#endif

#endif
