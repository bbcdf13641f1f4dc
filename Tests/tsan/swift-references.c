// Tells ThreadSanitizer of the order that reference counts make. Preloaded by scripts/test-tsan.sh.
//
// Copy-on-write storage (arrays, dictionaries, our own by isKnownUniquelyReferenced) is written in place after its last other
// holder has released it. The release comes before the writer's test that its reference is the only one; what
// deinit does comes after the last release, too. The counts are changed by the standard library, which is built without
// ThreadSanitizer, so that a write in place looks like a race with reads that have long ended. The functions below say what
// the counts have ordered, and no more: the one that finds itself to be the last holder comes after the others. A
// write while another holder reads is still reported.
//
// The library calls these functions of its own from within, where a preloaded one of the same name isn't asked. So each
// begins with a jump to ours once this library is loaded. Tests of uniqueness by other entry points (bridged objects) aren't
// redirected, nor are weak and unowned references: these can give false reports, and hide nothing.

#include "library.h"
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef void (*release_function)(void *object);
typedef void (*release_many_function)(void *object, uint32_t count);
typedef size_t (*count_function)(void *object);

// What the library's own functions do; it has variables for them.
static release_function library_release;
static release_many_function library_release_many;
static count_function library_count;

// Of two holders that let go at once, one finds itself to be the last: they count and let go one after the other.
enum { STRIPES = 4096 };
static atomic_flag stripes[STRIPES];
// Whether this thread holds a stripe. Nothing that runs then may take another.
static _Thread_local bool holds_stripe;

static atomic_flag *lock_stripe(const void *object) {
    atomic_flag *stripe = &stripes[((uintptr_t)object >> 4) % STRIPES];
    while (atomic_flag_test_and_set_explicit(stripe, memory_order_acquire)) sched_yield();
    holds_stripe = true;
    return stripe;
}

static void unlock_stripe(atomic_flag *stripe) {
    holds_stripe = false;
    atomic_flag_clear_explicit(stripe, memory_order_release);
}

static void let_go(void *object, uint32_t count) {
    // Not an object: a null pointer, or bits of a value that take the place of one.
    if ((intptr_t)object <= 0) return;
    atomic_flag *stripe = NULL;
    if (!holds_stripe) {
        stripe = lock_stripe(object);
        if (library_count(object) > count) {
            __tsan_release(object);
        } else {
            // deinit and the destruction of stored values run within the release.
            unlock_stripe(stripe);
            stripe = NULL;
            __tsan_acquire(object);
        }
    }
    if (count == 1) {
        library_release(object);
    } else {
        library_release_many(object, count);
    }
    if (stripe) unlock_stripe(stripe);
}

static void release(void *object) { let_go(object, 1); }

static void release_many(void *object, uint32_t count) {
    if (count > 0) let_go(object, count);
}

static bool is_unique(void *object) {
    if (library_count(object) != 1) return false;
    __tsan_acquire(object);
    return true;
}

static bool is_unique_or_null(void *object) { return object && is_unique(object); }

// Puts a jump to `goal` where a function begins.
static void redirect(const char *name, void *goal) {
#if defined(__x86_64__)
    unsigned char jump[14] = {0xFF, 0x25};  // jmp *0(%rip)
#else
// A release keeps more registers than C functions do on some of them (aarch64).
#error "not written for this processor"
#endif
    memcpy(jump + sizeof jump - sizeof goal, &goal, sizeof goal);
    unsigned char *function = library(name);
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = (uintptr_t)function & ~(page - 1);
    size_t size = (uintptr_t)function + sizeof jump - first;
    if (mprotect((void *)first, size, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) {
        perror("Tests/tsan: mprotect");
        abort();
    }
    memcpy(function, jump, sizeof jump);
    mprotect((void *)first, size, PROT_READ | PROT_EXEC);
    __builtin___clear_cache((char *)function, (char *)function + sizeof jump);
}

__attribute__((constructor)) static void begin(void) {
    if (!__tsan_acquire) return;
    library_release = *(release_function *)library("_swift_release");
    library_release_many = *(release_many_function *)library("_swift_release_n");
    library_count = (count_function)library("swift_retainCount");
    redirect("swift_release", release);
    redirect("swift_release_n", release_many);
    redirect("swift_isUniquelyReferenced_nonNull_native", is_unique);
    redirect("swift_isUniquelyReferenced_native", is_unique_or_null);
}
