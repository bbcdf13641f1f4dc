// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "trendex",
    products: [
        .executable(name: "trendex", targets: ["TrendexCommand"]),
        .executable(name: "trendex-bench", targets: ["Bench"]),
        .library(name: "SearchEngine", targets: ["SearchEngine"]),
        .library(name: "TrendStore", targets: ["TrendStore"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
    ],
    targets: [
        // SIMD kernels; the only place where intrinsics appear.
        .target(name: "CVectorKernels"),
        // Priority, time slice and turns of a thread: system calls that Swift can't make.
        .target(name: "CScheduling"),
        // CBLAS and LAPACKE as Debian ships them.
        .systemLibrary(name: "CLinearAlgebra"),
        // Snowball's stemmers as Debian ships them.
        .systemLibrary(name: "CSnowball"),
        // Strict JSON: a pull reader for request bodies, a byte writer, and a value tree for payloads.
        .target(
            name: "JSON",
            dependencies: [.product(name: "OrderedCollections", package: "swift-collections")]),
        .target(name: "Quantization", dependencies: ["CVectorKernels", "CLinearAlgebra"]),
        .target(name: "VectorIndex", dependencies: ["Quantization", "CVectorKernels"]),
        // Words of texts, and what SQLite's full-text index is told of them.
        .target(name: "WordIndex", dependencies: ["CSnowball", .product(name: "GRDB", package: "GRDB.swift")]),
        .target(
            name: "SearchEngine",
            dependencies: [
                "JSON", "WordIndex", "VectorIndex", "Quantization", "CScheduling", "CVectorKernels",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .target(
            name: "TrendStore",
            dependencies: [
                "SearchEngine", "WordIndex", "JSON", .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "GRDB", package: "GRDB.swift"),
            ]),
        // Services that speak OpenAI's API: requests with retries, limits of rate and cost; chats.
        .target(
            name: "OpenAI",
            dependencies: [
                "JSON",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]),
        // Vectors of texts: a local model, an OpenAI-compatible service, hashed words.
        .target(
            name: "Embedding",
            dependencies: [
                "OpenAI", "JSON", "Quantization", "CVectorKernels",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        // What may be asked, by whom, and with which limits, whatever carries the request.
        .target(
            name: "Services",
            dependencies: [
                "Embedding", "OpenAI", "TrendStore", "SearchEngine", "WordIndex", "JSON",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "JWTKit", package: "jwt-kit"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .target(
            name: "SearchServer",
            dependencies: [
                "Services", "SearchEngine", "TrendStore", "Embedding", "OpenAI", "JSON", "Quantization",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "Yams", package: "Yams"),
            ]),
        .executableTarget(
            name: "TrendexCommand",
            dependencies: [
                "SearchServer", "TrendStore", "SearchEngine", "Embedding", "JSON",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        // The process that the trend store's crash test kills.
        .executableTarget(
            name: "trendstore-crash-child",
            dependencies: [
                "TrendStore", "SearchEngine", "Quantization", .product(name: "Logging", package: "swift-log"),
            ],
            path: "Sources/TrendStoreCrashChild"),
        .executableTarget(
            name: "Bench",
            dependencies: [
                "SearchEngine", "VectorIndex", "Quantization", "CVectorKernels", "JSON",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        // Random numbers that replay, and what forges files.
        .target(
            name: "TestSupport",
            dependencies: [
                "JSON", "Quantization", "VectorIndex", .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/TestSupport"),
        .testTarget(
            name: "BenchTests",
            dependencies: ["TestSupport", "Bench", "JSON", "Quantization", "SearchEngine", "VectorIndex"],
            exclude: ["Files"]),
        .testTarget(name: "CVectorKernelsTests", dependencies: ["TestSupport", "CVectorKernels"]),
        .testTarget(
            name: "EmbeddingTests",
            dependencies: [
                "TestSupport", "Embedding", "OpenAI", "JSON", .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            exclude: ["Files"]),
        .testTarget(name: "JSONTests", dependencies: ["TestSupport", "JSON"]),
        .testTarget(name: "QuantizationTests", dependencies: ["TestSupport", "Quantization", "CVectorKernels"]),
        .testTarget(
            name: "WordIndexTests",
            dependencies: ["TestSupport", "WordIndex", .product(name: "GRDB", package: "GRDB.swift")]),
        .testTarget(name: "VectorIndexTests", dependencies: ["TestSupport", "VectorIndex", "Quantization"]),
        // A file system for tests that hold a sync or count removals.
        .target(name: "HookedFiles", dependencies: ["SearchEngine"], path: "Tests/HookedFiles"),
        // A machine for tests: one thread, files in memory, a clock that stands still.
        .target(
            name: "Simulation",
            dependencies: [
                "SearchEngine", "Quantization", .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/Simulation"),
        .testTarget(
            name: "SearchEngineTests",
            dependencies: [
                "CScheduling", "HookedFiles", "Simulation", "TestSupport", "SearchEngine", "VectorIndex", "JSON",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "OrderedCollections", package: "swift-collections"),
            ]),
        .testTarget(
            name: "TrendStoreTests",
            dependencies: [
                "TestSupport", "TrendStore", "SearchEngine", "WordIndex", "JSON", "trendstore-crash-child",
                .product(name: "GRDB", package: "GRDB.swift"), .product(name: "Logging", package: "swift-log"),
            ],
            exclude: ["Files"]),
        .testTarget(
            name: "ServicesTests",
            dependencies: [
                "TestSupport", "Services", "OpenAI", "SearchEngine", "TrendStore", "Embedding", "Simulation", "JSON",
                .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(
            name: "SearchServerTests",
            dependencies: [
                "HookedFiles", "TestSupport", "SearchServer", "Services", "SearchEngine", "JSON",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]),
    ]
)
