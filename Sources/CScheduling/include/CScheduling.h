#ifndef CSCHEDULING_H
#define CSCHEDULING_H

#include <stdint.h>

/// Lowers the priority of the calling thread, and has it give way after a short slice of time.
///
/// From 6.12 on Linux lets a thread run to the end of its slice, 1.4 ms on two cores, before one that has just woken up
/// takes its place, whatever their nice values are. A shorter slice bounds what that one waits for.
///
/// - nice: 0…19.
/// - slice_nanoseconds: at least 100,000; kernels before 6.12 ignore it, and need it less.
///
/// Returns 0, or -1 where the system refuses, with errno set: then the priority is as it was.
int tsc_run_behind(int nice, uint64_t slice_nanoseconds);

/// Lets another thread that is ready run on the core, if there is one.
///
/// A thread that gives way is charged the rest of its slice of time, so the calling thread gets slices of 200 µs, for good:
/// otherwise threads that never give way would leave it a tenth of its share.
void tsc_give_way(void);

/// Names the calling thread. Linux shows the first 15 bytes.
void tsc_name_thread(const char *name);

#endif
