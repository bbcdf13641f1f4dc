import SearchEngine
import Testing

@Suite struct ParentFolderTests {
    @Test(arguments: [
        ("a/b", "a"), ("/a", "/"), ("/", "/"), ("//", "/"), ("a", "."), ("ab", "."), ("a/", "."), ("a//b//", "a"),
        ("/a/b/c", "/a/b"), (".", "."), ("./a", "."), ("", "."), ("é", "."), ("é/\u{301}", "é"), ("//a", "/"),
    ])
    func parents(_ path: String, _ parent: String) { #expect(path.parentFolder == parent) }
}
