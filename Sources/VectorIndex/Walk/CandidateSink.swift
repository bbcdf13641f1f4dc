/// Where scans and walks put the keys that they find.
package protocol CandidateSink {
    mutating func offer(_ key: UInt64)
    /// The most keys of an ascending list that are worth offering.
    var capacity: Int { get }
    /// Whether the ranking that the keys come from tells the best from the end of a walk's pool of `ef`.
    func tellsApart(_ ef: Int) -> Bool
    /// Begins anew.
    mutating func removeAll()
}
