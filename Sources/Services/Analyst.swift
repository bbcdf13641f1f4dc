/// What makes ideas of trends.
public enum Analyst {
    /// The type of the jobs that it does.
    public static let jobType = "analyze_trends"
}
