import Foundation

enum OpenFileLimit {
    /// Raises the limit of open files as far as the system allows; a server started later inherits it.
    ///
    /// A thousand connections need more than the 1,024 files that a shell usually grants.
    static func raise() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
