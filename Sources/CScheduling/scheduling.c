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

int tsc_run_behind(int nice, uint64_t slice_nanoseconds) {
    struct attributes attributes = {
        .size = sizeof(attributes), .policy = SCHED_OTHER, .nice = nice, .runtime = slice_nanoseconds};
    // 0 names the calling thread, here and below: Linux keeps a nice value for each.
    if (syscall(SYS_sched_setattr, 0, &attributes, 0) == 0) return 0;
    return setpriority(PRIO_PROCESS, 0, nice);
}

static bool read_attributes(struct attributes *attributes) {
    return syscall(SYS_sched_getattr, 0, attributes, sizeof(*attributes), 0) == 0 && attributes->policy == SCHED_OTHER;
}

uint64_t tsc_slice(void) {
    struct attributes attributes = {0};
    return read_attributes(&attributes) ? attributes.runtime : 0;
}

// By how much a slice is longer than a turn: what is left of it is charged.
enum { SLICE_BEYOND_TURN = 50000 };

// Whether the calling thread has a slice that is no longer; a longer one is cut down, nice value and policy stay.
static bool has_short_slice(uint64_t most) {
    struct attributes attributes = {0};
    if (!read_attributes(&attributes)) return false;
    if (attributes.runtime == 0 || attributes.runtime > most) {
        attributes.size = sizeof(attributes);
        attributes.runtime = most;
        syscall(SYS_sched_setattr, 0, &attributes, 0);
    }
    uint64_t slice = tsc_slice();
    return slice > 0 && slice <= most;
}

static _Thread_local struct {
    // Nanoseconds of a turn; 0 when none is under way.
    uint64_t length;
    uint64_t end;
    bool has_asked, gives_way;
} turns;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

void tsc_begin_turns(uint64_t nanoseconds) {
    turns.length = nanoseconds;
    turns.end = now() + nanoseconds;
}

bool tsc_end_turns(void) {
    bool is_under_way = turns.length > 0;
    turns.length = 0;
    return is_under_way;
}

void tsc_step_turn(void) {
    if (turns.length == 0 || now() < turns.end) return;
    if (!turns.has_asked) {
        turns.has_asked = true;
        turns.gives_way = has_short_slice(turns.length + SLICE_BEYOND_TURN);
    }
    if (turns.gives_way) sched_yield();
    turns.end = now() + turns.length;
}

// The system call, because pthread_setname_np refuses longer names where this one cuts them off.
void tsc_name_thread(const char *name) { prctl(PR_SET_NAME, name); }
