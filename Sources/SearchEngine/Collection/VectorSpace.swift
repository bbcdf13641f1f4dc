import Quantization
import Synchronization
import VectorIndex

/// One named vector of a generation: its rows on disk and the index over them.
package final class VectorSpace: Sendable {
    package let id: VectorID
    /// The place of its bit in a point's `vectors`.
    private let place: Int
    package let name: String
    package let parameters: VectorParameters
    package let file: VectorFile
    package let index: VectorIndex
    /// Counts the indexes that have been put in place of another since the generation was made or loaded.
    let build: Int
    let linkGate = LinkGate()
    /// Whether the log says that the index can't grow.
    let hasToldLimit = Atomic(false)
    /// Linked slots when the index was saved or loaded last.
    let savedCount = Atomic(0)
    /// Slots that had been mended then.
    let savedMends = Atomic(0)
    /// What is known of its searches' recall.
    package let recall: SpaceRecall

    /// - Parameter recall: that of the generation which this one will take the place of.
    init(
        _ entry: VectorRegistry.Entry, name: String, parameters: VectorParameters, file: VectorFile, index: VectorIndex,
        recall: SpaceRecall, build: Int = 0
    ) {
        id = entry.id
        place = entry.bit
        self.name = name
        self.parameters = parameters
        self.file = file
        self.index = index
        self.recall = recall
        self.build = build
    }

    /// The same vector with another index over its rows.
    func with(_ index: VectorIndex) -> VectorSpace {
        VectorSpace(
            VectorRegistry.Entry(id: id, bit: place), name: name, parameters: parameters, file: file, index: index,
            recall: recall, build: build + 1)
    }

    package var bit: UInt64 { 1 << UInt64(place) }
    package var element: ElementType { parameters.element }
    package var metric: Metric { parameters.metric }

    /// The stored bytes of a slot's row, valid during `body`. As for `vector(_:)`.
    package func withRow<T>(_ slot: UInt32, _ body: (UnsafeRawBufferPointer) throws -> T) rethrows -> T {
        let matrix = file.matrix
        return try withExtendedLifetime(matrix) {
            try body(
                UnsafeRawBufferPointer(
                    start: matrix.base + Int(slot) * matrix.rowBytes, count: matrix.rowBytes))
        }
    }

    /// The stored row at a slot as floats. Under the collection's lock, or on the writer thread.
    package func vector(_ slot: UInt32) -> [Float] {
        let matrix = file.matrix
        return withExtendedLifetime(matrix) {
            element.read(matrix.base + Int(slot) * matrix.rowBytes, dimensions: parameters.size)
        }
    }
}

extension VectorParameters {
    package var metric: Metric {
        switch distance {
        case .cosine: .cosine
        case .dot: .dot
        case .euclid: .euclid
        case .manhattan: .manhattan
        }
    }

    package var element: ElementType {
        switch datatype ?? .float32 {
        case .float32: .float32
        case .float16: .float16
        case .uint8: .uint8
        }
    }

    package var rowBytes: Int { element.rowBytes(dimensions: size) }

    /// The index parameters that follow from the vector's own settings over the collection's.
    package func indexParameters(in configuration: CollectionConfiguration) -> IndexParameters {
        let hnsw = (hnsw ?? HNSWConfiguration()).over(configuration.hnsw).over(.defaults)
        let quantization = quantization ?? configuration.quantization
        let codec: CodecSettings =
            switch quantization {
            case .disabled: .none
            case .scalar(let scalar): .int8(quantile: scalar.quantile)
            // The engine's own affair where nobody asks for any.
            case nil: .int8(quantile: nil)
            }
        return IndexParameters(
            dimensions: size, metric: metric, element: element, m: min(hnsw.m ?? 16, IndexParameters.maximumM),
            efConstruct: min(hnsw.efConstruct ?? 100, IndexParameters.maximumEfConstruct), codec: codec,
            seed: 0x7472_656E_6465_78)
    }

    /// Bytes of matching vectors up to which a search scans them, if `full_scan_threshold` was set for the vector or the
    /// collection, whose it is in `wider`; otherwise measured costs decide.
    package func fullScanBytes(wider: Int?) -> Int? {
        guard let kilobytes = hnsw?.fullScanThreshold ?? wider else { return nil }
        let (bytes, overflow) = kilobytes.multipliedReportingOverflow(by: 1_024)
        return overflow ? .max : bytes
    }
}

/// What a vector's settings are now. Those that a space was made with may have changed since.
extension CollectionConfiguration {
    func parameters(of space: VectorSpace) -> VectorParameters { vectors[space.name] ?? space.parameters }

    func fullScanBytes(_ space: VectorSpace) -> Int? {
        parameters(of: space).fullScanBytes(wider: hnsw.fullScanThreshold)
    }

    /// The vector's own quantization, or the collection's.
    func quantization(_ space: VectorSpace) -> QuantizationConfiguration? {
        parameters(of: space).quantization ?? quantization
    }
}

/// The score as the API shows it. The engine's own scores grow with closeness.
extension Metric {
    package func shown(_ score: Float) -> Float {
        let largest = Float.greatestFiniteMagnitude
        let shown =
            switch self {
            case .cosine, .dot: score
            case .euclid: (0 - score).squareRoot()
            // Not the negation, which would show a distance of -0.
            case .manhattan: 0 - score
            }
        // Huge vectors overflow, and JSON has no word for what comes of it; what is no number counts as farthest.
        if shown.isNaN { return passes(-largest, threshold: 0) ? largest : -largest }
        return min(max(shown, -largest), largest)
    }

    /// Whether a shown score passes a threshold: at least it for similarities, at most it for distances.
    package func passes(_ shown: Float, threshold: Float) -> Bool {
        switch self {
        case .cosine, .dot: shown >= threshold
        case .euclid, .manhattan: shown <= threshold
        }
    }
}
