#define _GNU_SOURCE
#include "CScheduling.h"

#include <sched.h>
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

int tsc_run_behind(int nice, uint64_t slice_nanoseconds) {
    struct attributes attributes = {
        .size = sizeof(attributes), .policy = SCHED_OTHER, .nice = nice, .runtime = slice_nanoseconds};
    // 0 names the calling thread, here and below: Linux keeps a nice value for each.
    if (syscall(SYS_sched_setattr, 0, &attributes, 0) == 0) return 0;
    return setpriority(PRIO_PROCESS, 0, nice);
}

// The system call, because pthread_setname_np refuses longer names where this one cuts them off.
void tsc_name_thread(const char *name) { prctl(PR_SET_NAME, name); }
