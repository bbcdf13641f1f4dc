/// What the server says of itself.
public enum ServerVersion {
    /// Trendex's own version.
    public static let trendex = "0.1.0"
    /// The version of Qdrant whose API is served; clients compare it with their own.
    public static let api = "1.19.0"
}
