import Crypto
import Foundation

/// The page that shows the description: one file that loads nothing but `openapi.json`, so that it works offline.
enum DocumentationPage {
    static let html = Array(
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>Trendex trend API</title>
        <link rel="icon" href="data:,">
        <style>\(style)</style>
        </head>
        <body>
        <a class="skip" href="#main">Skip to the routes</a>
        <header>
        <h1>Trendex trend API <small id="version"></small></h1>
        <p><label for="key">API key or token</label>
        <input id="key" type="password" autocomplete="off" spellcheck="false" placeholder="not every server needs one">
        <a href="openapi.json">openapi.json</a></p>
        </header>
        <nav aria-label="Routes">
        <label for="search">Find a route</label> <input id="search" type="search" autocomplete="off">
        <div id="index"></div>
        </nav>
        <main id="main" tabindex="-1"><p id="loading">Loading the description. Without JavaScript, read <a href="openapi.json">openapi.json</a>.</p></main>
        <script>\(script)</script>
        </body>
        </html>

        """.utf8)

    /// Only the script and the style above run, and only this server is talked to.
    static let securityPolicy =
        "default-src 'none'; script-src '\(hash(script))'; style-src '\(hash(style))'; connect-src 'self'; img-src data:; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

    private static func hash(_ text: String) -> String {
        "sha256-" + Data(SHA256.hash(data: Data(text.utf8))).base64EncodedString()
    }
}
