import Logging
import Quantization
import VectorIndex

/// Dense vectors: rows of one length.
package struct DenseKind: FieldKind {
    package init() {}

    package var fileTypes: Set<String> { Set(ElementType.allCases.map(\.fileType)) }

    package func rowBytes(_ parameters: VectorParameters) -> Int? { parameters.rowBytes }

    package func mayArchive(byteCount: Int, slotCount: Int, _ parameters: VectorParameters) -> Bool {
        byteCount == slotCount.multipliedReportingOverflow(by: parameters.rowBytes).partialValue
            && slotCount <= byteCount / parameters.rowBytes
    }

    package func makeField(_ opening: FieldOpening) throws -> any VectorField {
        let site = opening.site
        let file = try VectorFile(
            path: site.rowFile(type: site.parameters.element.fileType), rowBytes: site.parameters.rowBytes,
            rowCount: opening.slotCount, fileSystem: site.fileSystem)
        var parameters = site.parameters.indexParameters(in: opening.settings)
        parameters.limits = opening.limits
        let predecessor = opening.predecessor as? DenseField
        return DenseField(
            site, file: file,
            index: opening.isSearched ? loadIndex(parameters, opening) : VectorIndex(parameters),
            recall: predecessor?.recall ?? FieldRecall(seed: opening.environment.seeds.next()))
    }

    private func loadIndex(_ parameters: IndexParameters, _ opening: FieldOpening) -> VectorIndex {
        let (site, path, fileSystem) = (opening.site, opening.site.indexFile, opening.site.fileSystem)
        guard fileSystem.exists(path) else { return VectorIndex(parameters) }
        do {
            return try IndexFile(path: path, fileSystem: fileSystem).load(
                parameters: parameters, rowCount: opening.slotCount)
        } catch {
            opening.logger.warning(
                "A derived index file doesn't fit and is rebuilt", metadata: ["path": "\(path)", "why": "\(error)"])
            // Gone for good: slots that it covers and the collection has not may be given to other points.
            try? fileSystem.remove(path)
            try? fileSystem.syncDirectory(site.layout.derived(site.collection, site.generation))
            return VectorIndex(parameters)
        }
    }
}

extension ElementType {
    /// Ends the names of files whose rows have these elements.
    var fileType: String {
        switch self {
        case .float32: "f32"
        case .float16: "f16"
        case .uint8: "u8"
        }
    }
}
