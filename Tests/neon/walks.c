// The pool's insertion, and whole walks on random graphs, must leave what the scalar ones leave.
#include "support.h"

#include <string.h>

// ---- pool ----------------------------------------------------------------------------------------------------------

/// A pool with the zero keys in front that kernels want.
static uint64_t *new_pool(size_t capacity) {
    uint64_t *keys = guarded((TVK_POOL_PADDING + capacity) * sizeof *keys);
    memset(keys, 0, TVK_POOL_PADDING * sizeof *keys);
    return keys + TVK_POOL_PADDING;
}

void test_pool(void) {
    for (size_t capacity = 1; capacity <= 260; capacity += capacity < 40 ? 1 : 11) {
        uint64_t *pool = new_pool(capacity), *expected_pool = new_pool(capacity);
        size_t count = 0, expected_count = 0;
        for (uint32_t i = 0; i < 3 * capacity + 20; i++) {
            // Every key is another one, as those of different slots are. Now and then in order, or against it.
            uint32_t rank = capacity % 5 == 0 ? i : capacity % 5 == 1 ? UINT32_MAX - i : (uint32_t)random_bits();
            uint64_t key = (uint64_t)rank << 32 | i << 1;
            size_t place = neon->pool_insert(pool, &count, capacity, key);
            size_t expected = scalar->pool_insert(expected_pool, &expected_count, capacity, key);
            CHECK(place == expected && count == expected_count, "place %zu, not %zu of %zu", place, expected, capacity);
            CHECK(memcmp(pool, expected_pool, count * sizeof *pool) == 0, "pool of %zu after %u keys", capacity, i + 1);
        }
        for (int i = 1; i <= TVK_POOL_PADDING; i++) CHECK(pool[-i] == 0, "the pool's padding was written");
        release_guarded();
    }
}

// ---- walks ---------------------------------------------------------------------------------------------------------

/// What one walk changes.
typedef struct {
    tvk_walk walk;
    uint64_t *pool;
    uint8_t *marks;
} running;

static running start(tvk_walk walk, int32_t (*pair)(const void *, const uint8_t *, size_t)) {
    running run = {walk, new_pool(walk.capacity), guarded(walk.limit)};
    memset(run.marks, walk.epoch - 1, walk.limit);
    uint32_t rank = (uint32_t)pair(walk.query, walk.codes, walk.n) ^ walk.flip;
    run.pool[0] = (uint64_t)rank << 32;
    run.marks[0] = walk.epoch;
    run.walk.pool = run.pool;
    run.walk.marks = run.marks;
    run.walk.count = 1;
    run.walk.found = walk.admitted && (walk.admitted[0] & 1);
    run.walk.batch = guarded(2 * walk.degree * sizeof(uint32_t));
    run.walk.ranks = guarded(2 * walk.degree * sizeof(uint32_t));
    run.walk.bridges = guarded(walk.degree * sizeof(uint32_t));
    return run;
}

static void check_same(const char *name, const running *a, const running *b) {
    const tvk_walk *x = &a->walk, *y = &b->walk;
    CHECK(x->count == y->count && x->hops == y->hops && x->scored == y->scored && x->bridged == y->bridged,
        "%s: %zu keys, %zu hops, %zu scored, %zu bridges", name, x->count, x->hops, x->scored, x->bridged);
    CHECK(x->found == y->found && x->admitted_scored == y->admitted_scored, "%s: %zu of %zu admitted found", name,
        x->found, x->admitted_scored);
    CHECK(x->cursor == y->cursor, "%s: cursor at %zu, not %zu", name, x->cursor, y->cursor);
    CHECK(x->count == y->count && memcmp(a->pool, b->pool, x->count * sizeof(uint64_t)) == 0, "%s: pools", name);
    CHECK(memcmp(a->marks, b->marks, x->limit) == 0, "%s: marks", name);
}

enum { ALL, ADMITTED, TWO_HOP, WALKS };

static void test_walk(
    const char *name, const tvk_code_scorer *kernel, const tvk_code_scorer *reference, int nibbles, int kind) {
    uint32_t row_count = 1 + random_below(600), degree = 1 + random_below(70);
    size_t link_stride = degree + random_below(6), n = nibbles ? 128 * (1 + random_below(3)) : 1 + random_below(100);
    size_t stride = nibbles ? n / 2 : n;
    uint8_t *rows = guarded(row_count * stride), *query = guarded(n);
    // Few different bytes, so that many ranks are equal.
    for (size_t i = 0; i < row_count * stride; i++) rows[i] = 126 + rows[i] % 5;
    for (size_t i = 0; i < n; i++) query[i] %= 4;
    uint32_t *links = guarded(row_count * link_stride * sizeof *links);
    for (uint32_t row = 0; row < row_count; row++) {
        uint32_t length = random_below(degree + 1);
        for (uint32_t i = 0; i < link_stride; i++) {
            links[row * link_stride + i] = i < length ? random_below(row_count) : TVK_NO_LINK;
        }
    }
    tvk_walk walk = {
        .query = query,
        .codes = rows,
        .stride = stride,
        .n = n,
        .flip = random_below(2) ? 0x7FFFFFFF : 0,
        .limit = 1 + random_below(row_count),
        .links = links,
        .link_stride = link_stride,
        .degree = degree,
        .epoch = 7,
        .capacity = 1 + random_below(120),
        .admitted = kind == ALL ? NULL : guarded((row_count / 64 + 1) * 8),
        .wanted = 1 + random_below(kind == TWO_HOP ? degree : 40),
        .hop_limit = 1 + random_below(9),
    };
    // From half of all slots to one of sixteen.
    if (walk.admitted) {
        uint64_t *words = (uint64_t *)walk.admitted;
        for (uint32_t thinning = random_below(4); thinning > 0; thinning--) {
            for (size_t i = 0; i <= row_count / 64; i++) words[i] &= random_bits();
        }
    }
    running run = start(walk, kernel->pair), expected = start(walk, reference->pair);
    for (size_t before = SIZE_MAX; run.walk.hops != before;) {
        before = run.walk.hops;
        (kind == TWO_HOP ? kernel->walk_two_hop : kernel->walk)(&run.walk);
        (kind == TWO_HOP ? reference->walk_two_hop : reference->walk)(&expected.walk);
        check_same(name, &run, &expected);
        if (run.walk.hops != expected.walk.hops) break;
    }
    release_guarded();
}

void test_walks(void) {
    for (int round = 0; round < 600; round++) {
        int kind = round % WALKS;
        test_walk("dot_u8i8", &neon->dot_u8i8, &scalar->dot_u8i8, 0, kind);
        test_walk("l1_u8", &neon->l1_u8, &scalar->l1_u8, 0, kind);
        test_walk("l2_u8", &neon->l2_u8, &scalar->l2_u8, 0, kind);
        test_walk("dot_codes", &neon->dot_codes, &scalar->dot_codes, 0, kind);
        test_walk("hamming", &neon->hamming, &scalar->hamming, 0, kind);
        test_walk("dot_u4i8", &neon->dot_u4i8, &scalar->dot_u4i8, 1, kind);
    }
}
