#define _GNU_SOURCE
#include "CScheduling.h"

#include <sched.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
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

// Of threads that give way.
#define SLICE_NANOSECONDS 200000

int tsc_run_behind(int nice, uint64_t slice_nanoseconds) {
    struct attributes attributes = {
        .size = sizeof(attributes), .policy = SCHED_OTHER, .nice = nice, .runtime = slice_nanoseconds};
    // 0 names the calling thread, here and below: Linux keeps a nice value for each.
    if (syscall(SYS_sched_setattr, 0, &attributes, 0) == 0) return 0;
    return setpriority(PRIO_PROCESS, 0, nice);
}

void tsc_give_way(void) {
    static _Thread_local bool has_short_slices = false;
    if (!has_short_slices) {
        has_short_slices = true;
        struct attributes attributes = {.size = sizeof(attributes)};
        // Keeps what is set. Where the system refuses, the thread is charged more.
        if (syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0) == 0 && attributes.policy == SCHED_OTHER &&
            (attributes.runtime == 0 || attributes.runtime > SLICE_NANOSECONDS)) {
            attributes.size = sizeof(attributes);
            attributes.runtime = SLICE_NANOSECONDS;
            syscall(SYS_sched_setattr, 0, &attributes, 0);
        }
    }
    sched_yield();
}

// The system call, because pthread_setname_np refuses longer names where this one cuts them off.
void tsc_name_thread(const char *name) { prctl(PR_SET_NAME, name); }
