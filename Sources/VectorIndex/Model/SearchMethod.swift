/// A way to find the hits of a search.
public enum SearchMethod: String, Sendable {
    /// Nothing to search: no live slot is allowed, or no hit was asked for.
    case empty
    /// Every live row, by its stored elements.
    case exactScan
    /// Every allowed live row, by its stored elements.
    case exactFilteredScan
    /// Every live row by its code, then rescoring.
    case codeScan
    /// Every allowed live row by its code, then rescoring.
    case filteredScan
    /// A walk of the graph, without filter.
    case graph
    /// A walk of the graph that collects the allowed slots.
    case graphFiltered
    /// A walk over allowed slots alone, through neighbours of neighbours, seeded from allowed slots.
    case graphTwoHop
    /// A walk that found too few or cost too much, then a scan of the allowed slots.
    case graphThenScan

    /// Whether hits come from a scan.
    var isScan: Bool {
        switch self {
        case .exactScan, .exactFilteredScan, .codeScan, .filteredScan, .graphThenScan: true
        case .empty, .graph, .graphFiltered, .graphTwoHop: false
        }
    }
}
