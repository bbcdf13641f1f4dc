/// The API's endpoints, a list for each subject.
package enum Endpoints {
    static let all: [Endpoint] =
        service + collections + recall + points + searches + snapshots + trends + ideas + businesses + jobs + agents
        + events + descriptions + unsupported

    /// The method and path of each, as in `GET /api/v1/trends`.
    package static let routes: [String] = all.map { "\($0.method.rawValue) \($0.path)" }
}
