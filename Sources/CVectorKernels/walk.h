// Best-first search over one level of a graph, made for each kind of code from its NAME_gathered.
#ifndef TVK_WALK_H
#define TVK_WALK_H

#include "batched.h"

#include <string.h>

// The level's file may define these two before it includes this one.
//
// tvk_pool_insert puts a key into the sorted pool and returns where it went, or capacity when it is too far. A full pool
// loses its last key.
//
// tvk_pool_closer turns up to 32 integers into ranks and returns which of them are at most `worst`, a bit each.
#ifndef TVK_OWN_POOL
// Compiles to conditional moves: a mispredicted branch a step would cost more than all compares together.
TVK_INLINE size_t tvk_pool_insert(uint64_t *pool, size_t *count, size_t capacity, uint64_t key) {
    if (*count == capacity) {
        if (key >= pool[capacity - 1]) return capacity;
    } else {
        *count += 1;
    }
    size_t last = *count - 1, low = 0;
    for (size_t length = last; length > 1;) {
        size_t half = length / 2;
        low = pool[low + half - 1] < key ? low + half : low;
        length -= half;
    }
    if (last && pool[low] < key) low++;
    memmove(pool + low + 1, pool + low, (last - low) * sizeof(uint64_t));
    pool[low] = key;
    return low;
}

TVK_INLINE uint32_t tvk_pool_closer(uint32_t *ranks, size_t count, uint32_t flip, uint32_t worst) {
    uint32_t closer = 0;
    for (size_t i = 0; i < count; i++) {
        ranks[i] ^= flip;
        closer |= (uint32_t)(ranks[i] <= worst) << i;
    }
    return closer;
}
#endif

static size_t pool_insert(uint64_t *pool, size_t *count, size_t capacity, uint64_t key) {
    return tvk_pool_insert(pool, count, capacity, key);
}

TVK_INLINE const uint32_t *tvk_list(const tvk_walk *walk, uint32_t slot) {
    return walk->links + (size_t)slot * walk->link_stride;
}

TVK_INLINE void tvk_prefetch_list(const tvk_walk *walk, uint32_t slot) {
    const uint32_t *list = tvk_list(walk, slot);
    // What is longer than two lines comes by the hardware's prefetcher.
    __builtin_prefetch(list, 0, 3);
    __builtin_prefetch(list + 16, 0, 3);
}

TVK_INLINE void tvk_prefetch_links(const tvk_walk *walk, uint64_t key) { tvk_prefetch_list(walk, (uint32_t)key >> 1); }

TVK_INLINE int tvk_admits(const uint64_t *admitted, uint32_t slot) { return admitted[slot >> 6] >> (slot & 63) & 1; }

// A pool that holds `wanted` admitted slots or more ends with the last of those it wants: nothing farther can be among the
// results or is expanded before the walk ends.
TVK_INLINE void tvk_walk_trim(tvk_walk *walk, const uint64_t *pool, size_t *count) {
    if (walk->found < walk->wanted) return;
    size_t end = *count;
    while (!tvk_admits(walk->admitted, (uint32_t)pool[end - 1] >> 1)) end--;
    if (walk->found > walk->wanted) {
        walk->found--;
        end--;
        while (end && !tvk_admits(walk->admitted, (uint32_t)pool[end - 1] >> 1)) end--;
    }
    *count = end;
}

// The rank that a candidate must not exceed to be of use.
TVK_INLINE uint32_t tvk_walk_worst(const tvk_walk *walk, const uint64_t *pool, size_t count, int filtered) {
    int full = filtered ? walk->found >= walk->wanted : count == walk->capacity;
    return full && count ? (uint32_t)(pool[count - 1] >> 32) : UINT32_MAX;
}

TVK_INLINE void tvk_walk_offer(
    tvk_walk *walk, uint64_t *pool, size_t *count, size_t *cursor, uint32_t rank, uint32_t slot, int filtered) {
    uint64_t key = (uint64_t)rank << 32 | (uint64_t)slot << 1;
    if (filtered && walk->found >= walk->wanted && key > pool[*count - 1]) return; // as far as the last wanted one
    if (filtered && *count == walk->capacity) {
        if (key >= pool[*count - 1]) return;
        *count -= 1;
        walk->found -= (size_t)tvk_admits(walk->admitted, (uint32_t)pool[*count] >> 1);
    }
    size_t place = tvk_pool_insert(pool, count, walk->capacity, key);
    if (place < *cursor + 1) {
        // It is the next to be expanded, unless a better one comes.
        if (place < walk->capacity) tvk_prefetch_links(walk, key);
        *cursor = place;
    }
    if (filtered && tvk_admits(walk->admitted, slot)) {
        walk->found++;
        tvk_walk_trim(walk, pool, count);
        if (*cursor > *count) *cursor = *count;
    }
}

// Offers the `met` slots of the batch, whose ranks are still the kernel's integers, to the pool. Part of a walk's loop, whose
// names it uses: as a function that takes their addresses it cost 3 % of a walk.
#define TVK_OFFER_BATCH(FILTERED)                                                                                       \
    for (size_t start = 0; start < met; start += 32) {                                                                  \
        size_t size = met - start < 32 ? met - start : 32;                                                              \
        uint32_t worst = tvk_walk_worst(walk, pool, count, FILTERED);                                                   \
        uint32_t closer = tvk_pool_closer(ranks + start, size, flip, worst);                                            \
        for (; closer; closer &= closer - 1) {                                                                          \
            size_t i = start + (size_t)__builtin_ctz(closer);                                                           \
            if (FILTERED && ranks[i] > tvk_walk_worst(walk, pool, count, FILTERED)) continue;                           \
            tvk_walk_offer(walk, pool, &count, &cursor, ranks[i], batch[i], FILTERED);                                  \
        }                                                                                                               \
    }

// Two lists are read ahead: that of the next candidate as it stands now, and that of each which takes its place.
//
// The scoring function is called and not inlined, so that both walks share its code in the instruction cache.
#define TVK_WALK_LOOP(NAME, FUNCTION, FILTERED)                                                                         \
    static void FUNCTION(tvk_walk *walk) {                                                                              \
        const uint32_t limit = walk->limit, flip = walk->flip;                                                          \
        const uint8_t epoch = walk->epoch;                                                                              \
        uint8_t *marks = walk->marks;                                                                                   \
        uint64_t *pool = walk->pool;                                                                                    \
        uint32_t *batch = walk->batch, *ranks = walk->ranks;                                                            \
        size_t count = walk->count, cursor = walk->cursor, hops = 0, scored = 0;                                        \
        while (hops < walk->hop_limit) {                                                                                \
            while (cursor < count && (pool[cursor] & 1)) cursor++;                                                      \
            if (cursor >= count) break;                                                                                 \
            const uint32_t *list = tvk_list(walk, (uint32_t)pool[cursor] >> 1);                                         \
            pool[cursor++] |= 1;                                                                                        \
            hops++;                                                                                                     \
            size_t met = 0;                                                                                             \
            for (size_t i = 0; i < walk->degree; i++) {                                                                 \
                uint32_t link = __atomic_load_n(list + i, __ATOMIC_RELAXED);                                            \
                if (link >= limit) {                                                                                    \
                    if (link == TVK_NO_LINK) break;                                                                     \
                    continue;                                                                                           \
                }                                                                                                       \
                batch[met] = link;                                                                                      \
                met += marks[link] != epoch;                                                                            \
                marks[link] = epoch;                                                                                    \
            }                                                                                                           \
            /* What a link leads to was written before it. One fence for all links of a list: on aarch64 a load that     \
               acquires costs more than a plain one. */                                                                 \
            __atomic_thread_fence(__ATOMIC_ACQUIRE);                                                                    \
            while (cursor < count && (pool[cursor] & 1)) cursor++;                                                      \
            if (cursor < count) tvk_prefetch_links(walk, pool[cursor]);                                                 \
            NAME##_gathered(walk->query, walk->codes, walk->stride, batch, met, walk->n, (int32_t *)ranks);             \
            scored += met;                                                                                              \
            if (FILTERED) {                                                                                             \
                for (size_t i = 0; i < met; i++) walk->admitted_scored += (size_t)tvk_admits(walk->admitted, batch[i]); \
            }                                                                                                           \
            TVK_OFFER_BATCH(FILTERED)                                                                                   \
        }                                                                                                               \
        walk->count = count;                                                                                            \
        walk->cursor = cursor;                                                                                          \
        walk->hops += hops;                                                                                             \
        walk->scored += scored;                                                                                         \
    }

#define TVK_WALK(NAME)                                                                                                  \
    TVK_WALK_LOOP(NAME, NAME##_walk_all, 0)                                                                             \
    TVK_WALK_LOOP(NAME, NAME##_walk_admitted, 1)                                                                        \
    static void NAME##_walk(tvk_walk *walk) {                                                                           \
        if (walk->admitted) NAME##_walk_admitted(walk);                                                                 \
        else NAME##_walk_all(walk);                                                                                     \
    }

#endif
