#define _GNU_SOURCE
#include "support.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

const tvk_kernels *scalar, *neon;
size_t checks, failures;

// ---- randomness ----------------------------------------------------------------------------------------------------

static uint64_t state;

void seed_random(uint64_t seed) { state = seed; }

// SplitMix64.
uint64_t random_bits(void) {
    uint64_t z = state += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

uint32_t random_below(uint32_t bound) { return (uint32_t)((random_bits() >> 32) * bound >> 32); }

float random_float(float magnitude) { return ((float)(random_bits() >> 40) * 0x1p-23f - 1) * magnitude; }

// ---- guarded memory ------------------------------------------------------------------------------------------------

// A mapping is used again for the next block of as many pages.
#define MOST_BLOCKS 4096

static struct {
    char *mapping;
    size_t pages;
    int in_use;
} blocks[MOST_BLOCKS];
static size_t block_count;

static char *mapping_of(size_t pages, size_t page) {
    for (size_t i = 0; i < block_count; i++) {
        if (blocks[i].pages == pages && !blocks[i].in_use) {
            blocks[i].in_use = 1;
            return blocks[i].mapping;
        }
    }
    char *mapping = mmap(NULL, (pages + 1) * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED || block_count == MOST_BLOCKS || mprotect(mapping + pages * page, page, PROT_NONE)) {
        perror("guarded memory");
        exit(2);
    }
    blocks[block_count].mapping = mapping;
    blocks[block_count].pages = pages;
    blocks[block_count++].in_use = 1;
    return mapping;
}

void *guarded(size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (bytes + page - 1) / page;
    char *start = mapping_of(pages, page) + pages * page - bytes;
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t bits = random_bits();
        for (size_t k = i; k < bytes && k < i + 8; k++, bits >>= 8) start[k] = (char)bits;
    }
    return start;
}

void release_guarded(void) {
    for (size_t i = 0; i < block_count; i++) blocks[i].in_use = 0;
}

// ---- results -------------------------------------------------------------------------------------------------------

void report_failure(const char *file, int line, const char *format, ...) {
    // The first ones tell enough.
    if (++failures > 20) return;
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

size_t length_at(size_t i) {
    static const size_t long_ones[] = {768, 1024, 65536};
    return i < 258 ? i : long_ones[i - 258];
}
