// What the tests of the NEON kernels share: seeded randomness, guarded memory, and the count of what was compared.
#ifndef NEON_TESTS_SUPPORT_H
#define NEON_TESTS_SUPPORT_H

#include "CVectorKernels.h"

#include <stddef.h>
#include <stdint.h>

/// The reference, and the table that is tested.
extern const tvk_kernels *scalar, *neon;

void seed_random(uint64_t seed);
uint64_t random_bits(void);
/// 0 ..< bound.
uint32_t random_below(uint32_t bound);
/// −magnitude ..< magnitude.
float random_float(float magnitude);

/// Memory whose end lies against a page that can't be touched: whoever reads or writes past it crashes. Filled with
/// random bytes.
void *guarded(size_t bytes);
/// Gives back all guarded memory.
void release_guarded(void);

/// Counts a comparison; one that doesn't hold is printed and makes the run fail.
#define CHECK(HOLDS, ...)                                                                                               \
    do {                                                                                                                \
        checks++;                                                                                                       \
        if (!(HOLDS)) report_failure(__FILE__, __LINE__, __VA_ARGS__);                                                  \
    } while (0)

extern size_t checks, failures;
__attribute__((format(printf, 3, 4))) void report_failure(const char *file, int line, const char *format, ...);

/// Every length that is tested: all tails of every register width, and long ones.
#define LENGTH_COUNT 261
size_t length_at(size_t i);

/// Batches of 0 … 70 rows are tested: every remainder of a group, with and without rows to prefetch.
#define MOST_ROWS 70

void test_codes(void);
void test_floats(void);
void test_conversions(void);
void test_pool(void);
void test_walks(void);
void test_layers(void);

#endif
