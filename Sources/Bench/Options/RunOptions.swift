import ArgumentParser

/// What `run` measures besides the data and the index.
struct RunOptions: ParsableArguments {
    @Option(help: "Sizes of the candidate pool to sweep.")
    var ef = "10,16,24,32,48,64,96,128,192,256,384,512"
    @Option(help: "Sizes of the candidate pool to sweep under filters; 0 is the engine's default.")
    var filterEf = "0,16,32,64,128,256"
    @Option(help: "Numbers of HTTP connections.")
    var connections = "1,16,64,1000"
    @Option(help: "Seconds of load for each number of connections.")
    var httpSeconds = 5.0
    @Option(help: "ef of the searches over HTTP; 0 is the server's default.")
    var httpEf = 0
    @Option(help: "Points that are upserted over HTTP.")
    var upserts = 20_000
    @Option(help: "Points an upsert.")
    var batch = 100
    @Option(help: "The server to start.")
    var server = ".build/release/trendex"
    @Option(help: "A running server to measure in place of an own one: http://host:port. It gets a collection `bench`.")
    var url: String?
    @Option(help: "Key for --url.")
    var apiKey: String?
    @Flag(help: "Leaves HTTP out.")
    var noHTTP = false
    @Flag(help: "A small run: 5,000 rows, 100 queries, short sweeps.")
    var quick = false
    @Option(help: "Folder for the results.")
    var out = "benchmarks/results"
    @Option(help: "Name of the results' files (default: that of the data).")
    var name: String?

    @OptionGroup var data: DataOptions
    @OptionGroup var pass: PassOptions

    func validate() throws {
        guard httpSeconds > 0, httpSeconds <= 3600 else { throw ValidationError("--http-seconds must be in 0…3600") }
        guard httpEf >= 0, upserts >= 0 else { throw ValidationError("--http-ef and --upserts can't be negative") }
        guard (1...10_000).contains(batch) else { throw ValidationError("--batch must be 1…10000") }
        _ = try parseSweep(ef)
        _ = try parseSweep(connections)
        _ = try parseSweep(filterEf, zeroIsDefault: true)
    }

    /// The values of a small run, where the flag asks for one.
    func adjusted() -> RunOptions {
        guard quick else { return self }
        var options = self
        options.data.rows = data.rows ?? 5000
        options.data.queryCount = data.queryCount ?? 100
        options.ef = "10,32,64,128"
        options.filterEf = "0,64"
        options.pass.passes = min(pass.passes, 2)
        options.httpSeconds = min(httpSeconds, 1)
        options.upserts = min(upserts, 2000)
        return options
    }
}
