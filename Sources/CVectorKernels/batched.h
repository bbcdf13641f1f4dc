// The three ways of calling a scorer (pair, gathered, range), made from one function that scores R rows at once.
#ifndef TVK_BATCHED_H
#define TVK_BATCHED_H

#include "CVectorKernels.h"

#define TVK_INLINE static inline __attribute__((always_inline))
#define TVK_UNROLL _Pragma("clang loop unroll(full)")

enum {
    // Bytes kept in flight ahead of the rows being scored: about what one core's line fill buffers can hold.
    TVK_AHEAD_BYTES = 3072,
    // Past this many bytes of a row the hardware's own stream prefetcher has caught on.
    TVK_PREFETCHED_BYTES_A_ROW = 2048,
};

TVK_INLINE void tvk_prefetch_row(const void *row, size_t bytes) {
    const char *p = row;
    for (size_t offset = 0; offset < bytes; offset += 64) __builtin_prefetch(p + offset, 0, 3);
}

// How many rows ahead to prefetch, a multiple of `rows`, for rows of `bytes` (already capped) bytes.
TVK_INLINE size_t tvk_rows_ahead(size_t bytes, size_t rows) {
    size_t ahead = TVK_AHEAD_BYTES / (bytes + 1);
    ahead -= ahead % rows;
    return ahead < rows ? rows : ahead;
}

// NAME_rows(query, rows, n, out, R) must be an always-inline function that treats every row alike whatever R is, so that
// pair and batched results are the same to the last bit. ROW_BYTES is an expression in n.
#define TVK_BATCHED(NAME, QUERY, ROW, ROW_ARGUMENT, OUT, R, ROW_BYTES)                                                  \
    static OUT NAME##_pair(const QUERY *query, const ROW_ARGUMENT *row, size_t n) {                                     \
        const ROW *rows[1] = {(const ROW *)row};                                                                        \
        OUT out[1];                                                                                                     \
        NAME##_rows(query, rows, n, out, 1);                                                                            \
        return out[0];                                                                                                  \
    }                                                                                                                   \
    static void NAME##_gathered(const QUERY *query, const ROW_ARGUMENT *base, size_t stride, const uint32_t *slots,     \
        size_t count, size_t n, OUT *out) {                                                                             \
        const char *start = (const char *)base;                                                                         \
        size_t bytes = (ROW_BYTES);                                                                                     \
        if (bytes > TVK_PREFETCHED_BYTES_A_ROW) bytes = TVK_PREFETCHED_BYTES_A_ROW;                                     \
        size_t ahead = tvk_rows_ahead(bytes, R);                                                                        \
        for (size_t i = 0; i < ahead && i < count; i++) tvk_prefetch_row(start + (size_t)slots[i] * stride, bytes);     \
        size_t i = 0;                                                                                                   \
        for (; i + R <= count; i += R) {                                                                                \
            const ROW *rows[R];                                                                                         \
            TVK_UNROLL for (size_t r = 0; r < R; r++) {                                                                 \
                rows[r] = (const ROW *)(start + (size_t)slots[i + r] * stride);                                         \
                if (i + r + ahead < count)                                                                              \
                    tvk_prefetch_row(start + (size_t)slots[i + r + ahead] * stride, bytes);                             \
            }                                                                                                           \
            NAME##_rows(query, rows, n, out + i, R);                                                                    \
        }                                                                                                               \
        for (; i < count; i++) {                                                                                        \
            const ROW *rows[1] = {(const ROW *)(start + (size_t)slots[i] * stride)};                                    \
            NAME##_rows(query, rows, n, out + i, 1);                                                                    \
        }                                                                                                               \
    }                                                                                                                   \
    static void NAME##_range(const QUERY *query, const ROW_ARGUMENT *first, size_t stride, size_t count, size_t n,      \
        OUT *out) {                                                                                                     \
        const char *start = (const char *)first;                                                                        \
        size_t bytes = (ROW_BYTES);                                                                                     \
        if (bytes > TVK_PREFETCHED_BYTES_A_ROW) bytes = TVK_PREFETCHED_BYTES_A_ROW;                                     \
        size_t ahead = tvk_rows_ahead(bytes, R);                                                                        \
        size_t i = 0;                                                                                                   \
        for (; i + R <= count; i += R) {                                                                                \
            const ROW *rows[R];                                                                                         \
            TVK_UNROLL for (size_t r = 0; r < R; r++) {                                                                 \
                rows[r] = (const ROW *)(start + (i + r) * stride);                                                      \
                if (i + r + ahead < count) tvk_prefetch_row(start + (i + r + ahead) * stride, bytes);                   \
            }                                                                                                           \
            NAME##_rows(query, rows, n, out + i, R);                                                                    \
        }                                                                                                               \
        for (; i < count; i++) {                                                                                        \
            const ROW *rows[1] = {(const ROW *)(start + i * stride)};                                                   \
            NAME##_rows(query, rows, n, out + i, 1);                                                                    \
        }                                                                                                               \
    }

#define TVK_BATCHED_CODES(NAME, R, ROW_BYTES) TVK_BATCHED(NAME, void, uint8_t, uint8_t, int32_t, R, ROW_BYTES)
#define TVK_BATCHED_FLOATS(NAME, ROW, R) TVK_BATCHED(NAME, float, ROW, void, float, R, n * sizeof(ROW))

#define TVK_SCORER(NAME) {NAME##_pair, NAME##_gathered, NAME##_range}
#define TVK_FAMILY(TYPE) {TVK_SCORER(dot_##TYPE), TVK_SCORER(l2_##TYPE), TVK_SCORER(l1_##TYPE)}

// Every field of a table, from functions of the fixed names that each level's file defines.
#define TVK_TABLE(LEVEL)                                                                                                \
    {                                                                                                                   \
        .level = LEVEL, .dot_u8i8 = TVK_SCORER(dot_u8i8), .l1_u8 = TVK_SCORER(l1_u8), .l2_u8 = TVK_SCORER(l2_u8),       \
        .dot_codes = TVK_SCORER(dot_codes), .dot_u4i8 = TVK_SCORER(dot_u4i8), .hamming = TVK_SCORER(hamming),           \
        .f32 = TVK_FAMILY(f32_f32), .f16 = TVK_FAMILY(f32_f16), .u8 = TVK_FAMILY(f32_u8),                               \
        .sum_squares_f32 = sum_squares_f32, .sum_squares_f16 = sum_squares_f16, .sum_squares_u8 = sum_squares_u8,       \
        .f32_to_f16 = f32_to_f16, .f16_to_f32 = f16_to_f32, .f32_to_u8 = f32_to_u8, .u8_to_f32 = u8_to_f32,             \
        .quantize = quantize, .dequantize = dequantize, .sum_i8 = sum_i8, .hadamard = hadamard, .permute = permute,     \
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
