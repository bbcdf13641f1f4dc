// Scores of floats differ by rounding from the scalar ones; what isn't finite must be the same.
#include "support.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { FLOAT32, FLOAT16, UINT8, ROW_TYPES };
enum { DOT, L2, L1, DISTANCES };

static const size_t sizes[ROW_TYPES] = {4, 2, 1};
static const char *const type_names[ROW_TYPES] = {"float32", "float16", "uint8"};
static const char *const distance_names[DISTANCES] = {"dot", "l2", "l1"};

static const tvk_float_scorer *scorer(const tvk_kernels *table, int type, int distance) {
    const tvk_float_family *family = type == FLOAT32 ? &table->f32 : type == FLOAT16 ? &table->f16 : &table->u8;
    return distance == DOT ? &family->dot : distance == L2 ? &family->l2 : &family->l1;
}

static float element(int type, const void *row, size_t i) {
    float value;
    if (type == FLOAT32) memcpy(&value, (const char *)row + 4 * i, 4);
    else if (type == FLOAT16) scalar->f16_to_f32((const uint16_t *)row + i, &value, 1);
    else value = ((const uint8_t *)row)[i];
    return value;
}

static void fill(int type, void *row, size_t count, float magnitude) {
    for (size_t i = 0; i < count; i++) {
        float value = random_float(magnitude);
        if (type == FLOAT32) memcpy((char *)row + 4 * i, &value, 4);
        // Bytes are random already.
        if (type == FLOAT16) value = fmaxf(fminf(value, 60000), -60000), scalar->f32_to_f16(&value, (uint16_t *)row + i, 1);
    }
}

/// The value in doubles, and the sum of the terms' magnitudes, to which rounding errors are proportional.
static double exact(int type, int distance, const float *query, const void *row, size_t n, double *terms) {
    double sum = 0;
    *terms = 0;
    for (size_t i = 0; i < n; i++) {
        double q = query[i], x = element(type, row, i);
        double term = distance == DOT ? q * x : distance == L2 ? (q - x) * (q - x) : fabs(q - x);
        sum += term;
        *terms += fabs(term);
    }
    return sum;
}

static void test_lengths(int type, int distance) {
    for (size_t i = 0; i < LENGTH_COUNT; i++) {
        size_t n = length_at(i);
        float magnitude = n % 3 == 0 ? 1 : n % 3 == 1 ? 1e-3f : 1e15f, *query = guarded(4 * n);
        void *row = guarded(sizes[type] * n);
        fill(FLOAT32, query, n, magnitude);
        fill(type, row, n, magnitude);
        double terms, expected = exact(type, distance, query, row, n, &terms);
        double result = scorer(neon, type, distance)->pair(query, row, n);
        // Each of the longest accumulator's additions loses at most half an ulp of the terms so far.
        CHECK(fabs(result - expected) <= terms * 0x1p-24 * ((double)n / 4 + 8), "%s, %s, n = %zu: %g, not %g",
            distance_names[distance], type_names[type], n, result, expected);
        release_guarded();
    }
}

static void test_batches(int type, int distance) {
    static const size_t lengths[] = {0, 1, 3, 4, 7, 15, 16, 17, 33, 64, 100, 257, 768};
    const tvk_float_scorer *kernel = scorer(neon, type, distance);
    for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
        // In elements; sometimes longer than the row.
        size_t n = lengths[l], pitch = n + l % 2, stride = pitch * sizes[type];
        float *query = guarded(4 * n);
        char *rows = guarded(stride * (MOST_ROWS - 1) + n * sizes[type]);
        fill(FLOAT32, query, n, 1);
        fill(type, rows, pitch * (MOST_ROWS - 1) + n, 1);
        for (size_t count = 0; count <= MOST_ROWS; count++) {
            uint32_t *slots = guarded(count * sizeof *slots);
            float *gathered = guarded(count * sizeof *gathered), *range = guarded(count * sizeof *range);
            for (size_t i = 0; i < count; i++) slots[i] = random_below(MOST_ROWS);
            kernel->gathered(query, rows, stride, slots, count, n, gathered);
            kernel->range(query, rows, stride, count, n, range);
            for (size_t i = 0; i < count; i++) {
                // To the last bit.
                CHECK(gathered[i] == kernel->pair(query, rows + slots[i] * stride, n),
                    "%s gathered, %s, n = %zu, row %zu of %zu", distance_names[distance], type_names[type], n, i, count);
                CHECK(range[i] == kernel->pair(query, rows + i * stride, n), "%s range, %s, n = %zu, row %zu of %zu",
                    distance_names[distance], type_names[type], n, i, count);
            }
        }
        release_guarded();
    }
}

/// One element that isn't an ordinary number, wherever it stands, must come out as in scalar code.
static void test_specials(int type, int distance) {
    static const float specials[] = {NAN, INFINITY, -INFINITY, 0x1p-149f, -0.0f, FLT_MAX, -FLT_MAX, 65504, 0x1p-24f};
    static const size_t lengths[] = {1, 4, 7, 16, 19, 64, 70};
    for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
        size_t n = lengths[l];
        float *query = guarded(4 * n);
        void *row = guarded(sizes[type] * n);
        for (size_t s = 0; s < sizeof specials / sizeof specials[0]; s++) {
            for (size_t place = 0; place < n; place++) {
                fill(FLOAT32, query, n, 1e-3f);
                fill(type, row, n, 1e-3f);
                if (random_below(2) || type == UINT8) query[place] = specials[s];
                else if (type == FLOAT32) memcpy((char *)row + 4 * place, &specials[s], 4);
                else scalar->f32_to_f16(&specials[s], (uint16_t *)row + place, 1);
                float expected = scorer(scalar, type, distance)->pair(query, row, n);
                float result = scorer(neon, type, distance)->pair(query, row, n);
                int same = isfinite(expected)
                    ? fabsf(result - expected) <= 1e-4f * fmaxf(fabsf(expected), 0x1p-100f)
                    : isnan(expected) ? isnan(result) : result == expected;
                // A sum of small terms of both signs may be small itself: then rounding isn't relative to it.
                if (!same && distance == DOT && isfinite(expected) && isfinite(result)) {
                    double terms, sum = exact(type, distance, query, row, n, &terms);
                    same = fabs(result - sum) <= terms * 0x1p-20 + 0x1p-149 * (double)n;
                }
                CHECK(same, "%s, %s, %g at %zu of %zu: %g, not %g", distance_names[distance], type_names[type],
                    (double)specials[s], place, n, (double)result, (double)expected);
            }
        }
        release_guarded();
    }
}

static void test_sums_of_squares(void) {
    for (size_t i = 0; i < LENGTH_COUNT; i++) {
        size_t n = length_at(i);
        float *x = guarded(4 * n);
        uint16_t *halves = guarded(2 * n);
        fill(FLOAT32, x, n, 2);
        fill(FLOAT16, halves, n, 2);
        double tolerance = 0x1p-23 * ((double)n / 4 + 8);
        double expected = scalar->sum_squares_f32(x, n), result = neon->sum_squares_f32(x, n);
        CHECK(fabs(result - expected) <= expected * tolerance, "sum_squares_f32, n = %zu", n);
        expected = scalar->sum_squares_f16(halves, n), result = neon->sum_squares_f16(halves, n);
        CHECK(fabs(result - expected) <= expected * tolerance, "sum_squares_f16, n = %zu", n);
        release_guarded();
    }
}

void test_floats(void) {
    for (int type = 0; type < ROW_TYPES; type++) {
        for (int distance = 0; distance < DISTANCES; distance++) {
            test_lengths(type, distance);
            test_batches(type, distance);
            test_specials(type, distance);
        }
    }
    test_sums_of_squares();
}
