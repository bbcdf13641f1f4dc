import ArgumentParser
import Embedding
import Foundation
import JSON

/// Embeds texts from standard input.
struct EmbedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "embed",
        abstract: "Embed texts from standard input.",
        discussion: """
            Each line of the input is a JSON string; each line of the output is the array of its vector's numbers, of length \
            1. With --raw the output is float32 numbers alone, little-endian, vector after vector.
            """)

    @Option(
        help: ArgumentHelp(
            "`lexical`, or the folder of an MPNet model with model.safetensors and tokenizer.json.", valueName: "model")
    )
    var model: String

    @Option(help: "Threads that work on the model.")
    var threads = 2

    @Option(help: "Texts that are embedded at once.")
    var batch = 256

    @Flag(help: "Write float32 numbers in place of JSON.")
    var raw = false

    @Flag(help: "Print the model's identity and end.")
    var identity = false

    @Flag(help: "Print to standard error how long loading and embedding took.")
    var timing = false

    func validate() throws {
        guard (1...64).contains(threads) else { throw ValidationError("--threads must be from 1 to 64.") }
        guard (1...65_536).contains(batch) else { throw ValidationError("--batch must be from 1 to 65536.") }
    }

    func run() throws {
        let start = ContinuousClock.now
        let embedder = try orExit {
            model == "lexical" ? LexicalEmbedder() as any Embedder : try MPNetEmbedder(folder: model, threads: threads)
        }
        if timing { tell("loaded in \(ContinuousClock.now - start)") }
        guard !identity else {
            print(embedder.model.identity)
            return
        }
        var texts: [String] = []
        var line = 0
        var count = 0
        var spent = Duration.zero
        var processorTicks = 0
        func embed() throws {
            let start = ContinuousClock.now
            let startTicks = clock()
            // Nobody waits for less than all of it.
            let vectors = try orExit { try embedder.embed(texts, deadline: start + .seconds(86_400)) }
            spent += ContinuousClock.now - start
            processorTicks += clock() - startTicks
            count += vectors.count
            try write(vectors)
            texts.removeAll(keepingCapacity: true)
        }
        while let text = readLine() {
            line += 1
            guard case .string(let string)? = try? JSONValue(parsing: text.utf8, maximumDepth: 1) else {
                throw Failure("Line \(line) of the input is no JSON string")
            }
            texts.append(string)
            if texts.count == batch { try embed() }
        }
        try embed()
        if timing {
            let seconds = Double(processorTicks) / Double(CLOCKS_PER_SEC)
            tell("embedded \(count) texts in \(spent), \(seconds) seconds of all processors")
        }
    }

    private func write(_ vectors: [[Float]]) throws {
        var output = Data()
        for vector in vectors {
            if raw {
                for value in vector {
                    withUnsafeBytes(of: value.bitPattern.littleEndian) { output.append(contentsOf: $0) }
                }
            } else {
                var writer = JSONWriter()
                writer.write(vector)
                output.append(contentsOf: writer.bytes)
                output.append(UInt8(ascii: "\n"))
            }
        }
        try orExit { try FileHandle.standardOutput.write(contentsOf: output) }
    }

    private func tell(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
}
