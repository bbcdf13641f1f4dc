#ifndef TRENDEX_VECTOR_KERNELS_H
#define TRENDEX_VECTOR_KERNELS_H

#include <stddef.h>
#include <stdint.h>

// Vector kernels for several instruction sets, behind one table of function pointers.
//
// Conventions, unless a field says otherwise:
//   - n counts elements, n >= 0. Pointers need the alignment of their element and no more, though rows and queries that
//     start on cache lines (64 bytes) score up to half as fast again. Nothing is read past element n − 1.
//   - "gathered" scores row base + slots[i]·stride for each i < count and "range" scores row first + i·stride; stride is
//     in bytes and may be larger than the row. Both write out[i], are exact equals of count "pair" calls, score several
//     rows at once and prefetch the rows ahead (a prefetch never faults). out must not overlap the inputs.
//   - Integer results are exact and equal at every level. Float results use several float accumulators, so levels differ
//     by rounding only; "gathered", "range" and "pair" of one level agree bit for bit.
//   - Every function is pure, reentrant and free of allocation. Cost O(n) a row.

#ifdef __cplusplus
extern "C" {
#endif

#pragma clang assume_nonnull begin

/// Instruction sets, each a superset of the ones a CPU of that kind is guaranteed to have.
typedef enum {
    TVK_LEVEL_SCALAR = 0, ///< portable C
    TVK_LEVEL_AVX2 = 1,   ///< x86-64 with AVX2, FMA and F16C
    TVK_LEVEL_AVX512 = 2, ///< x86-64 with AVX-512 F, BW, VL, DQ and VNNI
    TVK_LEVEL_NEON = 3,   ///< aarch64; uses the dot-product extension where the CPU has it
} tvk_level;

/// Longest vector for which every integer kernel is free of overflow.
#define TVK_MAX_DIMENSIONS 65536

/// A list of links ends here, unless it is full.
#define TVK_NO_LINK UINT32_MAX

/// Keys that must be readable, and zero, in front of a pool.
#define TVK_POOL_PADDING 8

/// A best-first search over the lists of one graph level: it expands the best candidate that isn't yet, until none is
/// left. Candidates are kept in one sorted pool instead of two heaps; a key is rank·2³² + slot·2 + expanded, so that the
/// expanded mark moves along for free, and slots are below 2³¹. A rank is a kernel's integer XOR flip; smaller is closer.
typedef struct {
    // What is scored: the query and the rows as the kernel takes them.
    const void *query;
    const uint8_t *codes;
    size_t stride;
    size_t n;
    uint32_t flip;

    // The graph: the list of slot s is links[s·link_stride ..< s·link_stride + degree], ended by TVK_NO_LINK when it is
    // shorter. Other threads may change lists meanwhile; each word is read once. Slots from limit on are passed over.
    uint32_t limit;
    const uint32_t *links;
    size_t link_stride;
    size_t degree;

    /// One byte for each slot below limit: epoch, when the walk has met it.
    uint8_t *marks;
    uint8_t epoch;

    /// The candidates, sorted: pool[0 ..< count]. None before the cursor is unexpanded. TVK_POOL_PADDING zero keys stand
    /// before pool[0].
    uint64_t *pool;
    size_t capacity;
    size_t count;
    size_t cursor;

    /// A bitmap over slots, or NULL: then the walk is for these slots. `walk` goes through the others as well, and the pool
    /// reaches to the `wanted`th admitted one as long as its capacity allows. `found` counts those in the pool, and
    /// `admitted_scored` those met. To `walk_two_hop` the others are bridges: one expansion reads their lists until it
    /// knows `wanted` <= degree admitted slots, met before or not.
    const uint64_t *_Nullable admitted;
    size_t wanted;
    size_t found;
    size_t admitted_scored;

    /// Room for degree words each. `walk_two_hop` wants room for twice as many in the first two, and alone has bridges.
    uint32_t *batch;
    uint32_t *ranks;
    uint32_t *_Nullable bridges;

    /// The walk pauses after so many expansions; calling it again goes on with it.
    size_t hop_limit;
    /// Counted up: slots expanded, slots scored, and bridges whose lists were read.
    size_t hops;
    size_t scored;
    size_t bridged;
} tvk_walk;

/// Scores of quantized rows (bytes). What query and row hold, and what the int32 means, is said at each table field.
typedef struct {
    int32_t (*pair)(const void *query, const uint8_t *row, size_t n);
    void (*gathered)(const void *query, const uint8_t *base, size_t stride, const uint32_t *slots, size_t count, size_t n,
        int32_t *out);
    void (*range)(const void *query, const uint8_t *first, size_t stride, size_t count, size_t n, int32_t *out);
    void (*walk)(tvk_walk *walk);
    /// Puts only admitted slots into the pool, and expands only these and what is there at the start.
    void (*walk_two_hop)(tvk_walk *walk);
} tvk_code_scorer;

/// Scores of a float32 query against rows of some element type.
typedef struct {
    float (*pair)(const float *query, const void *row, size_t n);
    void (*gathered)(const float *query, const void *base, size_t stride, const uint32_t *slots, size_t count, size_t n,
        float *out);
    void (*range)(const float *query, const void *first, size_t stride, size_t count, size_t n, float *out);
} tvk_float_scorer;

/// The three distances for one element type of the rows.
typedef struct {
    tvk_float_scorer dot; ///< Σ qᵢ·rᵢ
    tvk_float_scorer l2;  ///< Σ (qᵢ − rᵢ)²
    tvk_float_scorer l1;  ///< Σ |qᵢ − rᵢ|
} tvk_float_family;

typedef struct {
    tvk_level level;

    // ---- codes -----------------------------------------------------------------------------------------------------

    /// Query int8[n], row uint8[n]: Σ rowᵢ·queryᵢ. Rows hold signed codes c as uint8 c XOR 0x80 = c + 128, so the result
    /// is Σ cᵢ·queryᵢ + 128·Σ queryᵢ: a constant per query that ranking doesn't need.
    /// |result| <= n·255·128, which fits int32 for n <= 65,536 (2,139,095,040).
    tvk_code_scorer dot_u8i8;

    /// Query uint8[n], row uint8[n]: Σ |queryᵢ − rowᵢ| <= n·255.
    tvk_code_scorer l1_u8;

    /// Query uint8[n], row uint8[n]: Σ (queryᵢ − rowᵢ)² <= n·65,025. The int32 holds the bits of a uint32, which is exact
    /// for n <= 65,536; as int32 it is non-negative for n <= 33,025.
    tvk_code_scorer l2_u8;

    /// Two rows of XOR-0x80 codes: Σ (queryᵢ − 128)·(rowᵢ − 128), without any constant. |result| <= n·16,384.
    tvk_code_scorer dot_codes;

    /// 4-bit rows. n counts dimensions and must be a multiple of 128. A row is n/128 blocks of 64 bytes; byte j of block b
    /// holds dimension 128·b + j in its low nibble and 128·b + 64 + j in its high nibble, unsigned 0…15. Query int8[n] in
    /// the order of the dimensions. Result Σ nibbleᵢ·queryᵢ, |result| <= n·15·128.
    tvk_code_scorer dot_u4i8;

    /// Query and row are bit strings of n bytes: the number of bits that differ.
    tvk_code_scorer hamming;

    // ---- candidates ------------------------------------------------------------------------------------------------

    /// Puts a key into a sorted pool (see tvk_walk) of count <= capacity keys, 1 <= capacity, and raises count; the last
    /// key of a full pool falls out. Returns the key's place, or capacity when it is not below the last of a full pool.
    /// O(keys behind it).
    size_t (*pool_insert)(uint64_t *pool, size_t *count, size_t capacity, uint64_t key);

    // ---- floats ----------------------------------------------------------------------------------------------------

    tvk_float_family f32; ///< rows float[n]
    tvk_float_family f16; ///< rows IEEE 754 binary16[n]
    tvk_float_family u8;  ///< rows uint8[n]

    /// Σ xᵢ² of float[n], binary16[n], and uint8[n] (exact).
    float (*sum_squares_f32)(const float *x, size_t n);
    float (*sum_squares_f16)(const uint16_t *x, size_t n);
    uint64_t (*sum_squares_u8)(const uint8_t *x, size_t n);

    // ---- conversions -----------------------------------------------------------------------------------------------

    /// Rounds to the nearest binary16, ties to even. Returns how many finite elements became infinite (|x| >= 65,520).
    size_t (*f32_to_f16)(const float *x, uint16_t *out, size_t n);
    void (*f16_to_f32)(const uint16_t *x, float *out, size_t n);
    /// Truncates toward zero and saturates to 0…255; NaN gives 0. Returns how many elements were NaN or outside
    /// (−1, 256), that is, how many truncation alone couldn't represent.
    size_t (*f32_to_u8)(const float *x, uint8_t *out, size_t n);
    void (*u8_to_f32)(const uint8_t *x, float *out, size_t n);

    /// Signed 8-bit codes: out = clamp(round-to-even(x·scale), −127, 127) XOR flip, as bytes. flip 0x80 makes row codes,
    /// 0 makes a query. NaN gives −127.
    void (*quantize)(const float *x, size_t n, float scale, uint8_t flip, uint8_t *out);
    /// Undoes quantize: out = (codes XOR flip, as int8)·scale + offset[i].
    void (*dequantize)(const uint8_t *codes, size_t n, uint8_t flip, float scale, const float *offset, float *out);
    /// Σ xᵢ of int8[n].
    int32_t (*sum_i8)(const int8_t *x, size_t n);

    /// Walsh–Hadamard transform in place, Sylvester order, unnormalised (applying it twice multiplies by n). n is a power
    /// of two (or 0). O(n log n).
    void (*hadamard)(float *x, size_t n);
    /// out[i] = x[order[i]]·signs[i]. out must not overlap x.
    void (*permute)(const float *x, const uint32_t *order, const float *signs, float *out, size_t n);

    // ---- elementwise -----------------------------------------------------------------------------------------------

    /// out[i] = clamp(x[i]·scale, −limit, limit); NaN gives −limit. out must not overlap x.
    void (*scale_clamped)(const float *x, size_t n, float scale, float limit, float *out);
    /// x[i] −= y[i]. y must not overlap x.
    void (*subtract)(float *x, const float *y, size_t n);
    /// The greatest |x[i]|, 0 for n = 0; NaN when any element is NaN.
    float (*max_magnitude)(const float *x, size_t n);

    // ---- bitmaps ---------------------------------------------------------------------------------------------------

    /// The set bits of n words.
    size_t (*count_bits)(const uint64_t *words, size_t n);
    /// out[i] = a[i] & b[i]; returns the set bits of it. out is a, b, or overlaps neither.
    size_t (*intersect_bits)(const uint64_t *a, const uint64_t *b, uint64_t *out, size_t n);
} tvk_kernels;

/// The table of one level, or NULL when this build or this CPU doesn't have it. Scalar is always there.
const tvk_kernels *_Nullable tvk_kernels_for(tvk_level level);

/// The fastest table of this CPU, chosen once. The environment variable TRENDEX_SIMD_LEVEL (scalar, avx2, avx512, neon),
/// read at the first call, forces a level; a value that is unknown or not available falls back to the fastest.
const tvk_kernels *tvk_kernels_best(void);

/// The level's name as the environment variable spells it.
const char *tvk_level_name(tvk_level level);

#pragma clang assume_nonnull end

#include "tvk_layers.h"

#ifdef __cplusplus
}
#endif
#endif
