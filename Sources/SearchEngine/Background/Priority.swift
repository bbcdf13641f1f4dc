import CScheduling

/// Has the calling thread give way to those that answer requests: by its nice value, and by a slice of 0.1 ms.
///
/// Where the system refuses the thread goes on with the priority that it has.
///
/// - Parameter nice: 0…19.
func runBehindSearches(nice: Int32) { _ = tsc_run_behind(nice, 100_000) }
