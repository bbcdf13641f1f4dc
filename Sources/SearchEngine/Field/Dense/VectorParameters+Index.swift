import Quantization
import VectorIndex

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

extension CollectionConfiguration {
    func fullScanBytes(_ field: DenseField) -> Int? {
        parameters(of: field).fullScanBytes(wider: hnsw.fullScanThreshold)
    }
}
