extension ServerConfiguration {
    /// Reads the configuration as Qdrant does: `config/config.yaml`, `config/<RUN_MODE>.yaml`, `config/local.yaml`, the
    /// file at `configPath`, and environment variables such as `QDRANT__SERVICE__HTTP_PORT`, later ones over earlier ones.
    ///
    /// The warnings name unknown keys and keys without effect. Throws `ConfigurationError` for values that can't be, for
    /// features that are switched on but not supported, and for files that can't be read.
    public static func load(
        configPath: String?, environment: [String: String], folder: String = "."
    ) throws -> (configuration: ServerConfiguration, warnings: [String]) {
        let sources = try ConfigurationSources(configPath: configPath, environment: environment, folder: folder)
        var (configuration, warnings) = try load(sources)
        if let key = environment["OPENAI_API_KEY"], !key.isEmpty {
            configuration.embedder.apiKey = Secret(key)
            configuration.analyst.apiKey = Secret(key)
        }
        return (configuration, warnings)
    }

    /// The same from a text in place of files.
    package static func load(
        yaml: String, environment: [String: String] = [:]
    ) throws -> (configuration: ServerConfiguration, warnings: [String]) {
        try load(ConfigurationSources(yaml: yaml, environment: environment))
    }

    private static func load(
        _ sources: ConfigurationSources
    ) throws -> (configuration: ServerConfiguration, warnings: [String]) {
        var reader = ConfigurationReader(sources)
        let configuration = try reader.read()
        return (configuration, reader.warnings)
    }
}
