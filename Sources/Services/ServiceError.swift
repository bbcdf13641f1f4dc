import SearchEngine
import TrendStore

/// Why a request failed, for whatever transport has to tell it.
public struct ServiceError: Error, Sendable, Equatable {
    public enum Code: Sendable, CaseIterable {
        /// The request can't be read: a member is missing, or of the wrong type.
        case malformed
        /// The request can be read, but makes no sense: names, dimensions, members that exclude each other.
        case invalid
        /// A value of the right type is out of its range.
        case outOfRange
        /// Something of Qdrant's API that this version doesn't have. It is never ignored.
        case unsupported
        case notFound
        /// It was there, and was let go of.
        case gone
        /// It exists already, or a condition of the request doesn't hold.
        case conflict
        /// A limit of the configuration is reached.
        case limitReached
        /// No key, or a wrong one.
        case unauthenticated
        /// The key doesn't allow this.
        case forbidden
        /// Changes are refused for now: somebody has locked the storage.
        case locked
        /// The request's time is over.
        case timeout
        /// Too much of this kind is under way. The same request may succeed later.
        case busy
        /// The engine is stopping, or its storage has failed.
        case unavailable
        case diskFull
        /// A fault of the server: a damaged file, a failed disk.
        case failed
    }

    public var code: Code
    /// The path of the member that is wrong, as in `params.hnsw_ef` or `searches[2].limit`; `nil` if it isn't a member's fault.
    public var field: String?
    /// A sentence, or with `field` what is wrong with its value.
    public var message: String

    /// Every member that is wrong, where more than one was looked at.
    public var problems: [FieldProblem]
    /// After which the same request is worth another try, where that is known.
    public var retryAfterSeconds: Int?

    public init(_ code: Code, _ message: String, field: String? = nil, problems: [FieldProblem] = []) {
        self.code = code
        self.field = field
        self.message = message
        self.problems = problems
    }

    public static func malformed(_ message: String) -> ServiceError { ServiceError(.malformed, message) }
    public static func invalid(_ message: String) -> ServiceError { ServiceError(.invalid, message) }
    public static func notFound(_ message: String) -> ServiceError { ServiceError(.notFound, message) }
    public static func unavailable(_ message: String) -> ServiceError { ServiceError(.unavailable, message) }

    public static func outOfRange(_ field: String, _ problem: String) -> ServiceError {
        ServiceError(.outOfRange, problem, field: field)
    }

    /// - Parameter what: what isn't there, as in "a sparse vector".
    public static func unsupported(_ what: String) -> ServiceError {
        ServiceError(.unsupported, "\(what) is not supported by this version of Trendex")
    }

    public init(_ error: EngineError) {
        switch error {
        case .invalid(let message): self.init(.invalid, message)
        case .outOfRange(let field, let problem): self.init(.outOfRange, problem, field: field)
        case .limitReached(let message): self.init(.limitReached, message)
        case .notFound(let message): self.init(.notFound, message)
        case .conflict(let message): self.init(.conflict, message)
        case .unsupported(let message): self.init(.unsupported, message)
        case .timeout(let message): self.init(.timeout, message)
        case .busy(let message): self.init(.busy, message)
        case .unavailable(let message): self.init(.unavailable, message)
        case .diskFull(let message): self.init(.diskFull, message)
        case .storage(let message): self.init(.failed, message)
        }
    }

    public init(_ error: TrendStoreError) {
        switch error {
        case .invalid(let problems):
            self.init(
                .outOfRange, problems.first?.reason ?? "", field: problems.first?.field ?? "", problems: problems)
        case .notFound, .noSchedule: self.init(.notFound, error.description)
        case .gone(let message): self.init(.gone, message)
        case .conflict(let message): self.init(.conflict, message)
        }
    }

    /// The same error, of a member of the object at `path`.
    public func below(_ path: String) -> ServiceError {
        var error = self
        func below(_ field: String) -> String { field.isEmpty ? path : "\(path).\(field)" }
        error.field = field.map(below)
        error.problems = problems.map { FieldProblem(field: below($0.field), reason: $0.reason) }
        return error
    }
}

/// Runs `body`; its errors name the parameters as a request calls them.
func renaming<Value>(_ names: [String: String], _ body: () throws -> Value) throws -> Value {
    do { return try body() } catch TrendStoreError.invalid(let problems) {
        throw TrendStoreError.invalid(
            problems.map { FieldProblem(field: names[$0.field] ?? $0.field, reason: $0.reason) })
    }
}

/// Runs `body`; what the engine throws is thrown as a `ServiceError`.
func translatingErrors<Value>(_ body: () throws -> Value) throws -> Value {
    do { return try body() } catch let error as EngineError {
        throw ServiceError(error)
    } catch let error as TrendStoreError {
        throw ServiceError(error)
    }
}

extension Result where Failure == any Error {
    /// The same with the engine's errors as `ServiceError`s.
    var translated: Result { mapError { error in (error as? EngineError).map { ServiceError($0) } ?? error } }
}
