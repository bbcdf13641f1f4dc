import JSON
import SearchEngine
import Services
import Simulation
import TestSupport
import Testing
import TrendStore

import struct Foundation.UUID

/// Every operation against every role.
@Suite struct RightsTests {
    /// Outlives its engines, whose files are in its memory.
    private let machine = SimulatedMachine(seed: SeededGenerator().seed)

    private struct Row {
        var name: String
        /// The least that may ask.
        var least: Principal.Rights
        var isRefusedWhileLocked: Bool
        var ask: (Caller) throws -> Void
    }

    /// The table of docs/TREND_API.md, an operation a line.
    private func table(_ services: Services) throws -> [Row] {
        var rows: [Row] = []
        func row<Request, Response>(
            _ name: String, _ least: Principal.Rights, _ operation: Operation<Request, Response>, _ request: Request
        ) {
            rows.append(
                Row(name: name, least: least, isRefusedWhileLocked: operation.requirement.changesData) {
                    _ = try operation(request, by: $0, services)
                })
        }
        func about<Body: Sendable>(_ body: Body) -> CollectionRequest<Body> { CollectionRequest("c", body) }
        let key = try PayloadPath("n")
        let id = UUID()
        let scores = IdeaScores(
            marketSize: 1, competition: 1, demand: 1, monetization: 1, feasibility: 1, timeToMarket: 1)
        row("collections", .read, CollectionOperations.list, ())
        row("collection", .read, CollectionOperations.info, "c")
        row("memory", .read, CollectionOperations.memory, "c")
        row("exists", .read, CollectionOperations.exists, "c")
        row("cluster", .read, CollectionOperations.shardPoints, "c")
        row("aliases", .read, CollectionOperations.aliases, nil)
        row("create", .all, CollectionOperations.create, about(NewCollection()))
        row("update", .all, CollectionOperations.update, about(CollectionUpdate()))
        row("delete", .all, CollectionOperations.delete, "c")
        row("change aliases", .all, CollectionOperations.updateAliases, [])
        row(
            "create vector", .all, CollectionOperations.createVector,
            about(.init(name: "v", parameters: VectorParameters(size: 2, distance: .dot))))
        row("delete vector", .all, CollectionOperations.deleteVector, about("v"))
        row(
            "create index", .all, CollectionOperations.createPayloadIndex,
            about(.init(key: key, schema: PayloadFieldSchema(type: .keyword))))
        row("delete index", .all, CollectionOperations.deletePayloadIndex, about(key))
        row("recall", .read, RecallOperations.measure, about(RecallRequest()))
        row("point", .read, PointOperations.point, about(.number(1)))
        row("retrieve", .read, PointOperations.retrieve, about(.init(ids: [])))
        row("scroll", .read, PointOperations.scroll, about(.init()))
        row("count", .read, PointOperations.count, about(.init()))
        row("change points", .write, PointOperations.update, about([]))
        row("query", .read, QueryOperations.query, about([]))
        row(
            "query at once", .read, QueryOperations.queryAtOnce,
            about(.init(QueryRequest(Query()), budget: .zero, mostScanned: 0)))
        row("snapshots", .read, SnapshotOperations.list, "c")
        row("snapshot's file", .read, SnapshotOperations.path, .init("c", "s"))
        row("take snapshot", .all, SnapshotOperations.create, "c")
        row("delete snapshot", .all, SnapshotOperations.delete, .init("c", "s"))
        row("restore", .all, SnapshotOperations.restore, .init("c", file: "/none", checksum: nil))
        row("lock", .read, LockOperations.state, ())
        row("set lock", .all, LockOperations.set, LockState())
        row("trends", .read, TrendOperations.list, .init(TrendFilter(), by: .discoveredAt))
        row("trend", .read, TrendOperations.get, id)
        row("trend search", .read, TrendOperations.search, .init(.like(id), TrendFilter()))
        row("trend statistics", .read, TrendOperations.statistics, ())
        row("trending categories", .read, TrendOperations.trendingCategories, .init())
        row("observations", .read, TrendOperations.observations, .init(trend: id))
        row("create trend", .work, TrendOperations.create, .init(trend: Trend(title: "", source: .vk)))
        row("create trends", .work, TrendOperations.createMany, .init(trends: [], keepsGood: true))
        row(
            "observe", .work, TrendOperations.observe,
            .init(trend: id, observation: Observation(observedAt: .now, engagementScore: 1, source: .vk)))
        row("embed trends", .work, TrendOperations.embed, [])
        row("change trend", .write, TrendOperations.update, .init(id: id, change: .init()))
        row("delete trend", .write, TrendOperations.delete, id)
        row("ideas", .read, IdeaOperations.list, .init(IdeaFilter(), by: .totalScore))
        row("idea", .read, IdeaOperations.get, id)
        row("idea search", .read, IdeaOperations.search, .init(.like(id), IdeaFilter()))
        row(
            "create idea", .work, IdeaOperations.create,
            .init(idea: Idea(trendID: id, title: "", scores: scores)))
        row("embed ideas", .work, IdeaOperations.embed, [])
        row("change idea", .write, IdeaOperations.update, .init(id: id, change: .init()))
        row("delete idea", .write, IdeaOperations.delete, id)
        return rows
    }

    private func code(_ body: () throws -> Void) -> ServiceError.Code? {
        do { try body() } catch { return (error as? ServiceError)?.code }
        return nil
    }

    private func services() throws -> Services {
        try Services(engine: try machine.open(), keys: APIKeys(apiKey: nil, readOnlyKey: nil))
    }

    @Test func everyOperationForEveryRole() throws {
        let services = try services()
        for row in try table(services) {
            for rights in Principal.Rights.allCases {
                let found = code { try row.ask(Caller(Principal(rights: rights, identity: .init(.token, name: "x")))) }
                let expected: ServiceError.Code? =
                    rights >= row.least ? nil : rights == .none ? .unauthenticated : .forbidden
                let refusal = found == .unauthenticated || found == .forbidden ? found : nil
                #expect(refusal == expected, "\(row.name) by \(rights.role)")
            }
        }
        try services.engine.close()
    }

    @Test func aLockRefusesAllChanges() throws {
        let services = try services()
        let admin = Caller(.unrestricted)
        let rows = try table(services)
        for row in rows where row.name != "set lock" {
            _ = try LockOperations.set(LockState(isLocked: true), by: admin, services)
            #expect((code { try row.ask(admin) } == .locked) == row.isRefusedWhileLocked, "\(row.name)")
            #expect(row.isRefusedWhileLocked == (row.least > .read), "\(row.name)")
        }
        try services.engine.close()
    }

    @Test func refusalsSayWhatIsNeeded() throws {
        let services = try services()
        func message(_ principal: Principal) -> String? {
            do { _ = try TrendOperations.delete(UUID(), by: Caller(principal), services) } catch {
                return (error as? ServiceError)?.message
            }
            return nil
        }
        let agent = Principal(rights: .work, identity: Identity(.token, name: "x"))
        #expect(message(agent) == "the role agent does not allow this: it needs the role writer")
        let key = Principal(rights: .read, identity: Identity(.key, name: "read_only_api_key"))
        #expect(message(key) == "Global manage access is required")
        #expect(message(.unknown) == "Must provide an API key or an Authorization bearer token")
        try services.engine.close()
    }

    @Test func rolesHaveNames() {
        #expect(Principal.Rights(role: "none") == nil && Principal.Rights(role: "") == nil)
        for rights in Principal.Rights.allCases where rights != .none {
            #expect(Principal.Rights(role: rights.role) == rights)
        }
    }

    /// Keys and tokens beside one another; a token is none where only keys are.
    @Test func keysAndTokens() async throws {
        let engine = try machine.open()
        var settings = TokenSettings()
        settings.secret = try TokenSecret(TokenForge.secret)
        let keys = APIKeys(apiKey: "all", readOnlyKey: "read")
        let both = try Services(engine: engine, keys: keys, tokens: try await TokenVerifier(settings))
        let token = try TokenForge().token(TokenForge.claims("agent", at: machine.environment.time.date))
        #expect(try both.principal(presenting: "all").rights == .all)
        #expect(try both.principal(presenting: "read").identity.name == "read_only_api_key")
        #expect(try both.principal(presenting: token).rights == .work)
        #expect(try both.principal(presenting: nil) == .unknown)
        for wrong in ["", "other", "a.b", "a.b.c", "a.b.c.d", token + "x"] {
            #expect(code { _ = try both.principal(presenting: wrong) } == .unauthenticated, "\(wrong)")
        }
        let keysAlone = try Services(engine: engine, keys: keys)
        #expect(code { _ = try keysAlone.principal(presenting: token) } == .unauthenticated)
        let tokensAlone = try Services(
            engine: engine, keys: APIKeys(apiKey: nil, readOnlyKey: nil), tokens: try await TokenVerifier(settings))
        // Tokens close a server that has no keys.
        #expect(try tokensAlone.principal(presenting: nil).rights == .none)
        #expect(code { _ = try tokensAlone.principal(presenting: "all") } == .unauthenticated)
        try engine.close()
    }
}
