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

int tsc_run_behind(int nice, uint64_t slice_nanoseconds) {
    struct attributes attributes = {
        .size = sizeof(attributes), .policy = SCHED_OTHER, .nice = nice, .runtime = slice_nanoseconds};
    return set_attributes(&attributes) ? 0 : setpriority(PRIO_PROCESS, 0, nice);
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
    // Whether this work's first turn is over, and whether the kernel gave it a short slice.
    bool has_asked, gives_way;
    // Whether the thread had another slice before, and what.
    bool has_before;
    struct attributes before;
} turns;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

// Asks for a slice that is little longer than a turn, unless the thread has one.
static bool take_short_slice(void) {
    if (!read_attributes(&turns.before) || turns.before.runtime == 0) return false;
    struct attributes shorter = turns.before;
    shorter.runtime = turns.length + SLICE_BEYOND_TURN;
    if (turns.before.runtime <= shorter.runtime) return true;
    turns.has_before = set_attributes(&shorter);
    return turns.has_before;
}

void tsc_begin_turns(uint64_t nanoseconds) {
    turns.length = nanoseconds;
    turns.end = now() + nanoseconds;
}

bool tsc_end_turns(void) {
    bool is_under_way = turns.length > 0;
    turns.length = 0;
    if (turns.has_before) set_attributes(&turns.before);
    turns.has_before = turns.has_asked = false;
    return is_under_way;
}

void tsc_step_turn(void) {
    if (turns.length == 0 || now() < turns.end) return;
    if (!turns.has_asked) {
        turns.has_asked = true;
        turns.gives_way = take_short_slice();
    }
    if (turns.gives_way) sched_yield();
    turns.end = now() + turns.length;
}

// The system call, because pthread_setname_np refuses longer names where this one cuts them off.
void tsc_name_thread(const char *name) { prctl(PR_SET_NAME, name); }
