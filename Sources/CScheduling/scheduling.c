#define _GNU_SOURCE
#include "CScheduling.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// The first version of the kernel's structure (sched_setattr(2)): glibc has none before 2.41.
struct attributes {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime;
    uint64_t deadline;
    uint64_t period;
};

// 0 names the calling thread, here and below: Linux keeps a nice value and a slice for each.
static bool read_attributes(struct attributes *attributes) {
    return syscall(SYS_sched_getattr, 0, attributes, sizeof(*attributes), 0) == 0 && attributes->policy == SCHED_OTHER;
}

static bool set_attributes(struct attributes *attributes) { return syscall(SYS_sched_setattr, 0, attributes, 0) == 0; }

// What tsc_run_behind has given the thread; 0 for the system's own.
static _Thread_local uint64_t own_slice;

int tsc_run_behind(int nice, uint64_t slice_nanoseconds) {
    struct attributes attributes = {
        .size = sizeof(attributes), .policy = SCHED_OTHER, .nice = nice, .runtime = slice_nanoseconds};
    if (!set_attributes(&attributes)) return setpriority(PRIO_PROCESS, 0, nice);
    own_slice = slice_nanoseconds;
    return 0;
}

uint64_t tsc_slice(void) {
    struct attributes attributes = {0};
    return read_attributes(&attributes) ? attributes.runtime : 0;
}

// By how much a slice is longer than a turn: what is left of it is charged.
enum { SLICE_BEYOND_TURN = 50000 };

static _Thread_local struct {
    // Nanoseconds of a turn; 0 when none is under way.
    uint64_t length;
    uint64_t end;
    // Asked for when the first turn of a work has ended. A short slice was so before; a cut one is to be restored.
    enum { UNASKED, REFUSED, SHORT, CUT } slice;
} turns;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

// Everything else is left as it is now, as somebody may have changed it since the thread began.
static bool set_slice(struct attributes *attributes, uint64_t nanoseconds) {
    attributes->runtime = nanoseconds;
    return set_attributes(attributes);
}

static void cut_slice(uint64_t most) {
    struct attributes attributes = {0};
    turns.slice = REFUSED;
    if (!read_attributes(&attributes) || attributes.runtime == 0) return;
    if (attributes.runtime <= most) {
        turns.slice = SHORT;
    } else if (set_slice(&attributes, most)) {
        turns.slice = CUT;
    }
}

static void restore_slice(void) {
    struct attributes attributes = {0};
    if (turns.slice == CUT && read_attributes(&attributes)) set_slice(&attributes, own_slice);
    turns.slice = UNASKED;
}

void tsc_begin_turns(uint64_t nanoseconds) {
    turns.length = nanoseconds;
    turns.end = now() + nanoseconds;
}

bool tsc_end_turns(void) {
    bool is_under_way = turns.length > 0;
    turns.length = 0;
    restore_slice();
    return is_under_way;
}

void tsc_step_turn(void) {
    if (turns.length == 0 || now() < turns.end) return;
    if (turns.slice == UNASKED) cut_slice(turns.length + SLICE_BEYOND_TURN);
    if (turns.slice != REFUSED) sched_yield();
    turns.end = now() + turns.length;
}

// The system call, because pthread_setname_np refuses longer names where this one cuts them off.
void tsc_name_thread(const char *name) { prctl(PR_SET_NAME, name); }
