import Foundation
import JSON
import SearchEngine
import SearchServer
import Testing

@Suite struct SnapshotTests {
    private func withPoints(_ body: (TestServer) async throws -> Void) async throws {
        try await withServer { server in
            try await server.ok(.PUT, "/collections/c", #"{"vectors": {"size": 2, "distance": "Dot"}}"#)
            try await fill(server, 1...50)
            try await body(server)
        }
    }

    private func fill(_ server: TestServer, _ ids: ClosedRange<Int>) async throws {
        let points = ids.map { #"{"id": \#($0), "vector": [\#($0), 1], "payload": {"n": \#($0)}}"# }
        try await server.ok(
            .PUT, "/collections/c/points?wait=true", #"{"points": [\#(points.joined(separator: ","))]}"#)
    }

    private func count(_ server: TestServer, _ collection: String = "c") async throws -> Int64? {
        try await server.ok(.POST, "/collections/\(collection)/points/count", "{}")["count"]?.integerValue
    }

    private func form(_ file: [UInt8], name: String = "snapshot") -> [UInt8] {
        Array(
            "--XX\r\nContent-Disposition: form-data; name=\"\(name)\"; filename=\"a.snapshot\"\r\n\r\n".utf8) + file
            + Array("\r\n--XX--\r\n".utf8)
    }

    private let formType = [("content-type", "multipart/form-data; boundary=XX")]

    @Test func createListDownloadUploadDelete() async throws {
        try await withPoints { server in
            let snapshots = "/collections/c/snapshots"
            #expect(try await server.ok(.GET, snapshots) == [])
            let created = try await server.ok(.POST, snapshots)
            let name = try #require(created["name"]?.stringValue)
            let checksum = try #require(created["checksum"]?.stringValue)
            #expect(checksum.count == 64)
            #expect(created["creation_time"]?.stringValue?.count == 19)
            #expect(try await server.ok(.GET, snapshots) == [created])
            // Clients of the 1.7 generation refuse fields that they don't know.
            let old = try await server.send(.GET, snapshots, headers: [("user-agent", "python-httpx/0.25.2")])
            #expect(old.result[0]?.objectValue?.keys.elements == ["name", "creation_time", "size"])
            let file = try await server.send(.GET, "\(snapshots)/\(name)")
            #expect(file.status == 200)
            #expect(Int64(file.body.count) == created["size"]?.integerValue)
            #expect(file.headers["content-length"] == ["\(file.body.count)"])
            #expect(file.headers["content-disposition"] == ["attachment; filename=\"\(name)\""])
            // Changed, and back as it was.
            try await fill(server, 51...60)
            let upload = try await server.send(
                .POST, "\(snapshots)/upload?priority=snapshot&wait=true&checksum=\(checksum)", bytes: form(file.body),
                headers: formType)
            #expect(upload.json["result"] == true, "\(upload.text)")
            #expect(try await count(server) == 50)
            #expect(try await server.ok(.GET, "/collections/c/points/50")["payload"] == ["n": 50])
            // Into a collection that is not there yet.
            let new = try await server.send(
                .POST, "/collections/new/snapshots/upload", bytes: form(file.body), headers: formType)
            #expect(new.status == 200, "\(new.text)")
            #expect(try await count(server, "new") == 50)
            #expect(try await server.ok(.DELETE, "\(snapshots)/\(name)") == true)
            try await server.fails(404, .DELETE, "\(snapshots)/\(name)")
            try await server.fails(404, .GET, "\(snapshots)/\(name)")
            #expect(try leftovers(server) == [])
        }
    }

    private func leftovers(_ server: TestServer) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: server.engine.temporaryPath)
    }

    @Test func recoverFromFileAndURL() async throws {
        try await withPoints { server in
            let created = try await server.ok(.POST, "/collections/c/snapshots")
            let name = try #require(created["name"]?.stringValue)
            let path = try server.engine.snapshotPath("c", name: name)
            let absolute = URL(fileURLWithPath: path).path
            for location in ["file://\(absolute)", "\(server.url)/collections/c/snapshots/\(name)"] {
                try await server.ok(.POST, "/collections/c/points/delete", #"{"filter": {}}"#)
                #expect(try await count(server) == 0)
                let recovered = try await server.ok(
                    .PUT, "/collections/c/snapshots/recover",
                    #"{"location": "\#(location)", "priority": "snapshot", "checksum": "\#(created["checksum"]?.stringValue ?? "")"}"#
                )
                #expect(recovered == true)
                #expect(try await count(server) == 50)
            }
            let wrong = String(repeating: "0", count: 64)
            for (body, status) in [
                (#"{"location": "file:///no/such/file"}"#, 400), (#"{"location": "file://relative"}"#, 400),
                (#"{"location": "ftp://host/file"}"#, 400), (#"{"location": "nonsense"}"#, 400), (#"{}"#, 400),
                (#"{"location": "file://\#(absolute)", "checksum": "\#(wrong)"}"#, 400),
                (#"{"location": "file://\#(absolute)", "priority": "mine"}"#, 400),
                (#"{"location": "\#(server.url)/collections/c/snapshots/none"}"#, 400),
                (#"{"location": "http://127.0.0.1:1/x"}"#, 400), (#"{"location": "http://"}"#, 400),
            ] {
                try await server.fails(status, .PUT, "/collections/c/snapshots/recover", body)
            }
            #expect(try await count(server) == 50)
            #expect(try leftovers(server) == [])
        }
    }

    @Test func hostileUploadsChangeNothing() async throws {
        try await withPoints { server in
            let path = "/collections/c/snapshots/upload"
            let garbage = [UInt8](repeating: 0xAB, count: 5000)
            for (body, headers) in [
                (form(garbage), formType), (form([]), formType), (form(garbage, name: "other"), formType),
                (garbage, formType), (Array(form(garbage).dropLast(8)), formType), ([], formType),
                (form(garbage), [("content-type", "application/json")]),
                (form(garbage), [("content-type", "multipart/form-data")]),
                (
                    form(garbage),
                    [("content-type", "multipart/form-data; boundary=\(String(repeating: "x", count: 99))")]
                ),
            ] as [([UInt8], [(String, String)])] {
                let answer = try await server.send(.POST, path, bytes: body, headers: headers)
                #expect(answer.status == 400, "\(answer.text)")
                #expect(!answer.error.isEmpty)
            }
            for query in ["priority=mine", "wait=perhaps"] {
                let answer = try await server.send(.POST, "\(path)?\(query)", bytes: form(garbage), headers: formType)
                #expect(answer.status == 400)
            }
            for name in ["..%2F..%2Ftrendex.sqlite3", "%2Fetc%2Fpasswd", "..", "x%00y"] {
                try await server.fails(404, .GET, "/collections/c/snapshots/\(name)")
                try await server.fails(404, .DELETE, "/collections/c/snapshots/\(name)")
                try await server.fails(404, .GET, "/snapshots/\(name)")
            }
            #expect(try await count(server) == 50)
            #expect(try leftovers(server) == [])
        }
    }

    @Test func withoutWaitingTheAnswerIsAccepted() async throws {
        try await withPoints { server in
            let answer = try await server.send(.POST, "/collections/c/snapshots?wait=false")
            #expect(answer.status == 202)
            #expect(answer.json["status"] == "accepted")
            for _ in 0..<200 {
                if try await server.ok(.GET, "/collections/c/snapshots").arrayValue?.isEmpty == false { break }
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(try await server.ok(.GET, "/collections/c/snapshots").arrayValue?.count == 1)
        }
    }

    @Test func wholeStorage() async throws {
        try await withPoints { server in
            let created = try await server.ok(.POST, "/snapshots")
            let name = try #require(created["name"]?.stringValue)
            #expect(try await server.ok(.GET, "/snapshots") == [created])
            let file = server.folder + "/full.snapshot"
            let client = SnapshotClient(url: server.url + "/", apiKey: nil)
            #expect(
                Int64(try await client.download(collection: nil, name: name, to: file)) == created["size"]?.integerValue
            )
            let storage = server.folder + "/restored"
            try Engine.restoreStorage(snapshot: file, into: storage)
            try await withServer({
                $0.engine = EngineConfiguration(storagePath: storage, snapshotsPath: storage + "-snapshots")
            }) { restored in
                let points = try await count(restored)
                #expect(points == 50)
            }
            #expect(try await server.ok(.DELETE, "/snapshots/\(name)") == true)
            #expect(try await server.ok(.GET, "/snapshots") == [])
        }
    }

    @Test func commandLineClient() async throws {
        try await withPoints { server in
            let client = SnapshotClient(url: server.url, apiKey: nil)
            let snapshot = try await client.create(collection: "c")
            #expect(try await client.list(collection: "c") == [snapshot])
            let file = server.folder + "/c.snapshot"
            #expect(try await client.download(collection: "c", name: snapshot.name, to: file) == snapshot.size)
            // Never over an existing file.
            await #expect(throws: SnapshotClient.Failure.self) {
                try await client.download(collection: "c", name: snapshot.name, to: file)
            }
            try await client.restore(collection: "other", file: file, checksum: snapshot.checksum)
            #expect(try await count(server, "other") == 50)
            try await client.delete(collection: "c", name: snapshot.name)
            #expect(try await client.list(collection: "c") == [])
            await #expect(throws: SnapshotClient.Failure.self) { try await client.list(collection: "none") }
            await #expect(throws: SnapshotClient.Failure.self) {
                try await client.restore(collection: "d", file: server.folder + "/none", checksum: nil)
            }
            let deaf = SnapshotClient(url: "http://127.0.0.1:1", apiKey: nil)
            await #expect(throws: SnapshotClient.Failure.self) { try await deaf.list(collection: nil) }
        }
    }
}
