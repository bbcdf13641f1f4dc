// Scores of bytes are exact: NEON must give what scalar code gives, to the last bit.
#include "support.h"

#include <string.h>

typedef struct {
    const char *name;
    size_t offset;
    /// Whether rows hold two dimensions a byte; then n is a multiple of 128.
    int nibbles;
} code_kind;

static const code_kind kinds[] = {
    {"dot_u8i8", offsetof(tvk_kernels, dot_u8i8), 0},
    {"l1_u8", offsetof(tvk_kernels, l1_u8), 0},
    {"l2_u8", offsetof(tvk_kernels, l2_u8), 0},
    {"dot_codes", offsetof(tvk_kernels, dot_codes), 0},
    {"hamming", offsetof(tvk_kernels, hamming), 0},
    {"dot_u4i8", offsetof(tvk_kernels, dot_u4i8), 1},
};

static const tvk_code_scorer *scorer(const tvk_kernels *table, const code_kind *kind) {
    return (const tvk_code_scorer *)((const char *)table + kind->offset);
}

static size_t elements(const code_kind *kind, size_t length) {
    return kind->nibbles ? 128 * (length < 512 ? length : 512) : length;
}

static size_t row_bytes(const code_kind *kind, size_t n) { return kind->nibbles ? n / 2 : n; }

static void check_pair(const code_kind *kind, const uint8_t *query, const uint8_t *row, size_t n) {
    int32_t expected = scorer(scalar, kind)->pair(query, row, n), result = scorer(neon, kind)->pair(query, row, n);
    CHECK(result == expected, "%s, n = %zu: %d, not %d", kind->name, n, result, expected);
}

static void test_lengths(const code_kind *kind) {
    for (size_t i = 0; i < LENGTH_COUNT; i++) {
        size_t n = elements(kind, length_at(i));
        // The end is at a page's, so the start has any alignment.
        check_pair(kind, guarded(n), guarded(row_bytes(kind, n)), n);
        release_guarded();
    }
}

// The bounds that the header gives, up to the longest vector.
static void test_extremes(const code_kind *kind) {
    static const uint8_t extremes[] = {0, 1, 127, 128, 129, 255};
    static const size_t lengths[] = {1, 15, 64, 255, 1024, TVK_MAX_DIMENSIONS};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        size_t n = kind->nibbles ? (lengths[i] + 127) / 128 * 128 : lengths[i];
        uint8_t *query = guarded(n), *row = guarded(row_bytes(kind, n));
        for (size_t q = 0; q < sizeof extremes; q++) {
            for (size_t x = 0; x < sizeof extremes; x++) {
                memset(query, extremes[q], n);
                memset(row, extremes[x], row_bytes(kind, n));
                check_pair(kind, query, row, n);
            }
        }
        release_guarded();
    }
}

static void test_batches(const code_kind *kind) {
    static const size_t lengths[] = {0, 1, 4, 15, 16, 17, 48, 63, 64, 65, 100, 128, 256, 257, 768};
    for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
        size_t n = kind->nibbles ? 128 * l : lengths[l], bytes = row_bytes(kind, n), stride = bytes + l % 3;
        const uint8_t *query = guarded(n), *rows = guarded(stride * (MOST_ROWS - 1) + bytes);
        for (size_t count = 0; count <= MOST_ROWS; count++) {
            uint32_t *slots = guarded(count * sizeof *slots);
            int32_t *gathered = guarded(count * sizeof *gathered), *range = guarded(count * sizeof *range);
            for (size_t i = 0; i < count; i++) slots[i] = random_below(MOST_ROWS);
            scorer(neon, kind)->gathered(query, rows, stride, slots, count, n, gathered);
            scorer(neon, kind)->range(query, rows, stride, count, n, range);
            for (size_t i = 0; i < count; i++) {
                int32_t expected = scorer(scalar, kind)->pair(query, rows + slots[i] * stride, n);
                CHECK(gathered[i] == expected, "%s gathered, n = %zu, row %zu of %zu", kind->name, n, i, count);
                expected = scorer(scalar, kind)->pair(query, rows + i * stride, n);
                CHECK(range[i] == expected, "%s range, n = %zu, row %zu of %zu", kind->name, n, i, count);
            }
        }
        release_guarded();
    }
}

static void test_sums(void) {
    for (size_t i = 0; i < LENGTH_COUNT; i++) {
        size_t n = length_at(i);
        const uint8_t *x = guarded(n);
        CHECK(neon->sum_i8((const int8_t *)x, n) == scalar->sum_i8((const int8_t *)x, n), "sum_i8, n = %zu", n);
        CHECK(neon->sum_squares_u8(x, n) == scalar->sum_squares_u8(x, n), "sum_squares_u8, n = %zu", n);
        release_guarded();
    }
    size_t many = 200001;
    uint8_t *full = guarded(many);
    memset(full, 255, many);
    CHECK(neon->sum_squares_u8(full, many) == scalar->sum_squares_u8(full, many), "sum_squares_u8, n = %zu", many);
}

void test_codes(void) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        test_lengths(&kinds[i]);
        test_extremes(&kinds[i]);
        test_batches(&kinds[i]);
    }
    test_sums();
}
