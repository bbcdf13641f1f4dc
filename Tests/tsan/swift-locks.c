// Tells ThreadSanitizer of the locks that it can't see. Preloaded by scripts/test-tsan.sh.
//
// `Mutex` takes a free lock by an atomic operation in the caller's code, which is instrumented. Where others hold the lock
// or wait for it, functions of the standard library do the work. That is built without ThreadSanitizer, so that such
// a lock orders nothing in its eyes and whatever the lock guards looks like a race. These functions have the library's
// names, call its own, and say what these have ordered.

#include "library.h"
#include <stdbool.h>
#include <stdint.h>

// Methods of Swift: the lock comes in the register of `self`.
#define SELF __attribute__((swift_context)) void *mutex

#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK_SLOW "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

typedef __attribute__((swiftcall)) void (*lock_function)(uint32_t thread, SELF);
typedef __attribute__((swiftcall)) bool (*try_lock_function)(SELF);
typedef __attribute__((swiftcall)) void (*unlock_function)(SELF);

static lock_function library_lock;
static try_lock_function library_try_lock;
static unlock_function library_unlock;

__attribute__((constructor)) static void find(void) {
    library_lock = (lock_function)library(LOCK_SLOW);
    library_try_lock = (try_lock_function)library(TRY_LOCK_SLOW);
    library_unlock = (unlock_function)library(UNLOCK_SLOW);
}

__attribute__((swiftcall)) void lock_slow(uint32_t thread, SELF) __asm__(LOCK_SLOW);
__attribute__((swiftcall)) void lock_slow(uint32_t thread, SELF) {
    library_lock(thread, mutex);
    if (__tsan_acquire) __tsan_acquire(mutex);
}

__attribute__((swiftcall)) bool try_lock_slow(SELF) __asm__(TRY_LOCK_SLOW);
__attribute__((swiftcall)) bool try_lock_slow(SELF) {
    bool is_taken = library_try_lock(mutex);
    if (is_taken && __tsan_acquire) __tsan_acquire(mutex);
    return is_taken;
}

__attribute__((swiftcall)) void unlock_slow(SELF) __asm__(UNLOCK_SLOW);
__attribute__((swiftcall)) void unlock_slow(SELF) {
    if (__tsan_release) __tsan_release(mutex);
    library_unlock(mutex);
}
