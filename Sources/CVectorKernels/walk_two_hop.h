// Best-first search over admitted slots alone, made for each kind of code from its NAME_gathered.
//
// Where few of a slot's neighbours are admitted, the neighbours of those that aren't take their place, so that the
// admitted slots stay connected (ACORN: Patel, Kraft, Guestrin, Zaharia: "ACORN: Performant and Predicate-Agnostic
// Search Over Vector Embeddings and Structured Data", SIGMOD 2024).
#ifndef TVK_WALK_TWO_HOP_H
#define TVK_WALK_TWO_HOP_H

#include "walk.h"

// Lists of bridges that are on their way while one is read: all of them, at the usual degrees.
#define TVK_BRIDGES_AHEAD 32

// In the loops below no branch depends on whether a slot is admitted or met: a processor would seldom foresee it. What is
// left out is written all the same, and written over by the next.

// Reads the list of `slot`: puts the admitted links at admitted[0 ..< result], and the others, unless that is NULL, at
// others[0 ..< *other_count]. Both have room for a whole list.
TVK_INLINE size_t tvk_sort_list(
    const tvk_walk *walk, uint32_t slot, uint32_t *admitted, uint32_t *others, size_t *other_count) {
    const uint32_t *list = tvk_list(walk, slot);
    const uint64_t *bitmap = walk->admitted;
    const size_t degree = walk->degree;
    const uint32_t limit = walk->limit;
    size_t count = 0, left_out = 0;
    for (size_t i = 0; i < degree; i++) {
        uint32_t link = __atomic_load_n(list + i, __ATOMIC_RELAXED);
        if (link >= limit) {
            if (link == TVK_NO_LINK) break;
            continue;
        }
        size_t is_admitted = (size_t)tvk_admits(bitmap, link);
        admitted[count] = link;
        count += is_admitted;
        if (others) {
            others[left_out] = link;
            left_out += !is_admitted;
        }
    }
    if (others) *other_count = left_out;
    return count;
}

// Keeps the slots that the walk hasn't met, and marks them if they are to be. Returns how many are left.
TVK_INLINE size_t tvk_keep_unmet(const tvk_walk *walk, uint32_t *slots, size_t count, int marking) {
    uint8_t *marks = walk->marks;
    const uint8_t epoch = walk->epoch;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t slot = slots[i];
        slots[kept] = slot;
        kept += marks[slot] != epoch;
        if (marking) marks[slot] = epoch;
    }
    return kept;
}

// Puts the admitted slots that can be reached from `slot` and that the walk hasn't met into the batch, and marks them.
// Returns how many there are. One function for all kinds of code.
static __attribute__((noinline)) size_t tvk_gather_two_hop(tvk_walk *walk, uint32_t slot) {
    const size_t enough = walk->wanted;
    uint32_t *batch = walk->batch, *bridges = walk->bridges;
    size_t bridge_count, admitted = tvk_sort_list(walk, slot, batch, bridges, &bridge_count);
    size_t count = tvk_keep_unmet(walk, batch, admitted, 1);
    // What a link leads to was written before it.
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (admitted >= enough) return count;
    // A bridge is marked when its list is read, not before: another slot may need it.
    bridge_count = tvk_keep_unmet(walk, bridges, bridge_count, 0);
    for (size_t b = 0; b < bridge_count && b < TVK_BRIDGES_AHEAD; b++) {
        tvk_prefetch_list(walk, bridges[b]);
    }
    for (size_t b = 0; b < bridge_count && admitted < enough; b++) {
        if (b + TVK_BRIDGES_AHEAD < bridge_count) {
            tvk_prefetch_list(walk, bridges[b + TVK_BRIDGES_AHEAD]);
        }
        walk->marks[bridges[b]] = walk->epoch;
        walk->bridged++;
        size_t behind = tvk_sort_list(walk, bridges[b], batch + count, NULL, NULL);
        behind = tvk_keep_unmet(walk, batch + count, behind, 1);
        count += behind;
        admitted += behind;
    }
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return count;
}

#define TVK_WALK_TWO_HOP(NAME)                                                                                          \
    static void NAME##_walk_two_hop(tvk_walk *walk) {                                                                   \
        const uint32_t flip = walk->flip;                                                                               \
        uint64_t *pool = walk->pool;                                                                                    \
        uint32_t *batch = walk->batch, *ranks = walk->ranks;                                                            \
        size_t count = walk->count, cursor = walk->cursor, hops = 0, scored = 0;                                        \
        while (hops < walk->hop_limit) {                                                                                \
            while (cursor < count && (pool[cursor] & 1)) cursor++;                                                      \
            if (cursor >= count) break;                                                                                 \
            uint32_t slot = (uint32_t)pool[cursor] >> 1;                                                                \
            pool[cursor++] |= 1;                                                                                        \
            hops++;                                                                                                     \
            size_t met = tvk_gather_two_hop(walk, slot);                                                                \
            if (cursor < count) tvk_prefetch_links(walk, pool[cursor]);                                                 \
            NAME##_gathered(walk->query, walk->codes, walk->stride, batch, met, walk->n, (int32_t *)ranks);             \
            scored += met;                                                                                              \
            TVK_OFFER_BATCH(0)                                                                                          \
        }                                                                                                               \
        walk->count = count;                                                                                            \
        walk->cursor = cursor;                                                                                          \
        walk->hops += hops;                                                                                             \
        walk->scored += scored;                                                                                         \
    }

#endif
