import JSON
import SearchEngine
import Services

/// `POST /collections/aliases`
extension ObjectFields {
    func aliasOperations() throws -> [AliasOperation] {
        guard let actions = self["actions"] else { throw missing("actions") }
        guard let list = actions.arrayValue else { throw wrongType("actions", "an array") }
        return try list.enumerated().map { index, action in
            let fields = try ObjectFields(action, path: "actions[\(index)]")
            if let create = try fields.object("create_alias") {
                return .create(
                    alias: try create.name("alias_name"), collection: try create.name("collection_name"))
            }
            if let delete = try fields.object("delete_alias") {
                return .delete(alias: try delete.name("alias_name"))
            }
            if let rename = try fields.object("rename_alias") {
                return .rename(from: try rename.name("old_alias_name"), to: try rename.name("new_alias_name"))
            }
            throw ServiceError.malformed(
                "expected `create_alias`, `delete_alias` or `rename_alias` in `actions[\(index)]`")
        }
    }

    private func name(_ key: String) throws -> String {
        guard let name = try string(key) else { throw missing(key) }
        return name
    }
}
