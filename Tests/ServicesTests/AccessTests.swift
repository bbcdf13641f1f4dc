import JSON
import SearchEngine
import Services
import Simulation
import TestSupport
import Testing

/// Who may ask for what.
@Suite struct AccessTests {
    private let machine = SimulatedMachine(seed: SeededGenerator().seed)

    private func services() throws -> Services {
        try Services(
            engine: try machine.open(),
            keys: APIKeys(apiKey: "all", alternativeKey: "other", readOnlyKey: "read"))
    }

    private func code(_ body: () throws -> Void) throws -> ServiceError.Code? {
        do { try body() } catch let error as ServiceError { return error.code }
        return nil
    }

    @Test func keysNamePrincipals() throws {
        let keys = APIKeys(apiKey: "all", alternativeKey: "other", readOnlyKey: "read")
        #expect(try keys.principal(presenting: "all").rights == .all)
        #expect(try keys.principal(presenting: "other").rights == .all)
        #expect(try keys.principal(presenting: "read").rights == .read)
        #expect(try keys.principal(presenting: nil).rights == .none)
        for wrong in ["", "al", "alll", "ALL", "readread"] {
            #expect(try code { _ = try keys.principal(presenting: wrong) } == .unauthenticated, "\(wrong)")
        }
        let open = APIKeys(apiKey: "", readOnlyKey: nil)
        #expect(try open.principal(presenting: "anything").rights == .all)
        // One key for both takes the wider right.
        #expect(try APIKeys(apiKey: "same", readOnlyKey: "same").principal(presenting: "same").rights == .all)
        // A server with a read-only key alone has nobody who may write.
        #expect(try APIKeys(apiKey: nil, readOnlyKey: "read").principal(presenting: nil).rights == .none)
    }

    @Test func anOperationChecksItsCaller() throws {
        let services = try services()
        let rights: [(Principal.Rights, read: ServiceError.Code?, write: ServiceError.Code?)] = [
            (.none, .unauthenticated, .unauthenticated), (.read, nil, .forbidden), (.all, nil, nil),
        ]
        for (right, read, write) in rights {
            let caller = Caller(Principal(rights: right))
            #expect(try code { _ = try CollectionOperations.list((), by: caller, services) } == read)
            #expect(try code { _ = try CollectionOperations.delete("none", by: caller, services) } == write)
            #expect(try code { _ = try LockOperations.set(LockState(), by: caller, services) } == write)
        }
        try services.engine.close()
    }

    @Test func aLockRefusesChangesButNotItsOwnEnd() throws {
        let services = try services()
        let caller = Caller(.unrestricted)
        let before = try LockOperations.set(LockState(isLocked: true, message: "later"), by: caller, services)
        #expect(before == LockState())
        #expect(throws: ServiceError(.locked, "later")) {
            try CollectionOperations.create(CollectionRequest("c", NewCollection()), by: caller, services)
        }
        #expect(try CollectionOperations.list((), by: caller, services).isEmpty)
        _ = try LockOperations.set(LockState(), by: caller, services)
        try CollectionOperations.create(CollectionRequest("c", NewCollection()), by: caller, services)
        #expect(try CollectionOperations.list((), by: caller, services) == ["c"])
        try services.engine.close()
    }
}
