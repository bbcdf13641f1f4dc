// Compares every entry of the NEON kernel table with the scalar one.
// usage: neon-tests baseline|dotprod SEED
//   The first argument is the table that this CPU must be given.
#include "batched.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {
    {"codes", test_codes},
    {"floats", test_floats},
    {"conversions", test_conversions},
    {"pool", test_pool},
    {"walks", test_walks},
    {"layers", test_layers},
};

int main(int count, char **arguments) {
    int is_dotprod = count == 3 && strcmp(arguments[1], "dotprod") == 0;
    if (!is_dotprod && !(count == 3 && strcmp(arguments[1], "baseline") == 0)) {
        fprintf(stderr, "usage: %s baseline|dotprod SEED\n", arguments[0]);
        return 2;
    }
    uint64_t seed = strtoull(arguments[2], NULL, 10);
    printf("neon, %s: TRENDEX_SEED=%llu\n", arguments[1], (unsigned long long)seed);
    fflush(stdout); // before anything can crash

    scalar = tvk_kernels_for(TVK_LEVEL_SCALAR);
    neon = tvk_kernels_for(TVK_LEVEL_NEON);
    CHECK(neon == (is_dotprod ? &tvk_neon_dotprod_kernels : &tvk_neon_kernels), "this CPU was given the wrong table");
    CHECK(neon == tvk_kernels_best(), "NEON isn't the fastest level");
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        size_t before = checks;
        // Each test has its own sequence, so that one can be replayed whatever the others draw.
        seed_random(seed + i);
        tests[i].run();
        release_guarded();
        printf("  %-12s %9zu comparisons\n", tests[i].name, checks - before);
        fflush(stdout);
        if (checks == before) report_failure(__FILE__, __LINE__, "%s compared nothing", tests[i].name);
    }
    if (failures) {
        fprintf(stderr, "neon, %s: FAILED, %zu of %zu comparisons; replay with TRENDEX_SEED=%llu\n", arguments[1],
            failures, checks, (unsigned long long)seed);
        return 1;
    }
    printf("neon, %s: passed\n", arguments[1]);
    return 0;
}
