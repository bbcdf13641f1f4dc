#ifndef CSCHEDULING_H
#define CSCHEDULING_H

#include <stdbool.h>
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

/// Has the calling thread give way to others, at each step that comes so many nanoseconds after the last time or after this call.
///
/// Linux 6.12 and later charge a thread that gives way the rest of its slice. So the slice is cut to little more than a turn when
/// the first turn ends, and restored by `tsc_end_turns`. Shorter work keeps the slice: a thread with a short one takes the core
/// at once from the thread that woke it. Where the kernel has no slices for single threads nothing gives way: such kernels
/// charge whole slices, or let threads that wake up go first.
void tsc_begin_turns(uint64_t nanoseconds);

/// Ends what `tsc_begin_turns` began, and gives the thread back the slice that it had. Returns whether turns were under way.
bool tsc_end_turns(void);

/// Gives way if the turn has ended.
void tsc_step_turn(void);

/// The calling thread's slice of time in nanoseconds; 0 where the kernel doesn't tell.
uint64_t tsc_slice(void);

/// Names the calling thread. Linux shows the first 15 bytes.
void tsc_name_thread(const char *name);

#endif
