"""The code blocks of the README and of docs/: each is run against a server, twice in a row, or says why it isn't.

A page's blocks run in order, in one folder and against one server, which is at port 6333 of the page. What follows the language of
a fence says how:

    ```sh                   run by bash, which stops at the first failure; curl fails on errors of HTTP
    ```python               run by Python, with qdrant-client and numpy
    ```json                 parsed
    ```json answer          parsed, and of the shape that the block before it has answered
    ```yaml config          a server starts with it, and has nothing to warn of
    ```text                 shown
    ```sh not-run: reason   shown; the reason is a sentence's worth

A comment `<!-- docs-test ... -->` holds shell commands that make what the page's reader is supposed to have already.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from harness import BINARY, CHECKOUT, Server, free_port

PAGES = ["README.md", *sorted(f"docs/{page.name}" for page in (CHECKOUT / "docs").glob("*.md")), "deploy/README.md"]
RUN = {"sh", "bash", "python"}
LANGUAGES = RUN | {"json", "yaml", "text"}
SECONDS = 60
SECOND_PORT = "7333"


class Block:
    def __init__(self, page, line, info, code, is_setup=False):
        self.page, self.line, self.code, self.is_setup = page, line, code, is_setup
        self.language, _, self.mark = info.partition(" ")

    def __repr__(self):
        return f"{self.page}:{self.line} ```{self.language} {self.mark}\n{self.code}"

    @property
    def is_run(self):
        return self.language in RUN and not self.mark


def blocks(page):
    found, start, setup = [], None, None
    for number, line in enumerate((CHECKOUT / page).read_text().splitlines(), 1):
        fence = re.match(r"^(\s*)(```+|~~~+)(.*)$", line)
        if setup is not None:
            if line.strip() == "-->":
                found.append(Block(page, number, "sh", "\n".join(setup), is_setup=True))
                setup = None
            else:
                setup.append(line)
        elif start is None and line.strip() == "<!-- docs-test":
            setup = []
        elif start is None and fence:
            assert fence[1] == "" and fence[2] == "```", f"{page}:{number}: a fence is ``` at the line's beginning"
            start, info, code = number, fence[3].strip(), []
        elif start is not None and line == "```":
            found.append(Block(page, start, info, "\n".join(code) + "\n"))
            start = None
        elif start is not None:
            code.append(line)
    assert start is None and setup is None, f"{page}: a block has no end"
    return found


@pytest.mark.parametrize("page", PAGES)
def test_every_block_says_what_it_is(page):
    for block in blocks(page):
        assert block.language in LANGUAGES, f"a language of {sorted(LANGUAGES)} is missing: {block}"
        allowed = {"json": ["answer"], "yaml": ["config"]}.get(block.language, [])
        reason = re.fullmatch(r"not-run: (.{8,})", block.mark)
        assert not block.mark or block.mark in allowed or reason, block
        if block.language == "yaml":
            assert block.mark, f"`config`, or why it isn't run: {block}"


class Page:
    """A folder with a server whose port the page calls 6333, and what its blocks leave running."""

    def __init__(self, server):
        self.server, self.folder = server, server.folder / "reader"
        self.folder.mkdir()
        (self.folder / ".curlrc").write_text("silent\nshow-error\nfail\n")
        self.second = str(free_port())
        self.groups = []
        self.answer = None

    def environment(self):
        tools = [str(BINARY.parent), os.path.dirname(sys.executable)]
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("QDRANT__", "TRENDEX"))}
        return {
            **kept, "HOME": str(self.folder), "PATH": ":".join([*tools, os.environ["PATH"]]),
            "CHECKOUT": str(CHECKOUT),
        }  # fmt: skip

    def local(self, code):
        """With the ports of this run."""
        code = re.sub(r"\b6333\b", str(self.server.port), code)
        return re.sub(rf"\b{SECOND_PORT}\b", self.second, code)

    def run(self, block):
        code = self.local(block.code)
        program = [sys.executable, "-c", code] if block.language == "python" else ["bash", "-euo", "pipefail", "-c", code]
        # Files, as what a block leaves running would keep a pipe open.
        with open(self.folder / ".out", "wb+") as out, open(self.folder / ".err", "wb+") as err:
            process = subprocess.Popen(
                program, cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                start_new_session=True,
            )
            self.groups.append(process.pid)
            try:
                code = process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                code = f"none within {SECONDS} s"
            out.seek(0)
            err.seek(0)
            self.answer = out.read().decode(errors="replace")
            told = err.read().decode(errors="replace")
        assert code == 0, f"exit code {code}\n{told[-2000:]}\n{self.answer[-2000:]}\nof {block!r}"
        self.server.assert_alive()

    def start(self, block):
        """A server with the block as its configuration, in a folder of its own."""
        folder = self.folder / f"config-{block.line}"
        folder.mkdir(exist_ok=True)
        (folder / "given.yaml").write_text(self.local(block.code))
        log = folder / "log"
        with open(log, "wb") as output:
            process = subprocess.Popen(
                [BINARY, "serve", "--config-path", "given.yaml", "--port", "0"], cwd=folder, env=self.environment(),
                stdout=output, stderr=output,
            )
        try:
            limit = time.monotonic() + SECONDS
            while "is ready at" not in log.read_text():
                assert process.poll() is None and time.monotonic() < limit, f"{log.read_text()[-2000:]}\nof {block!r}"
                time.sleep(0.02)
            process.send_signal(signal.SIGTERM)
            assert process.wait(SECONDS) == 0, log.read_text()
            assert "WARN" not in log.read_text().upper(), f"{log.read_text()}\nof {block!r}"
        finally:
            process.kill()
            process.wait()

    def end(self):
        """Ends what the blocks have left, and nothing else: each runs in a group of its own."""
        for group in self.groups:
            try:
                os.killpg(group, signal.SIGKILL)
            except ProcessLookupError:
                pass


def shape(value):
    """What a reader relies on: the members' names and kinds. Of a list the first element counts."""
    if isinstance(value, dict):
        return {key: shape(member) for key, member in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def assert_like(shown, given, block):
    if isinstance(shown, dict) and isinstance(given, dict):
        assert shown.keys() == given.keys(), f"{given.keys()} was answered for {block!r}"
        for key in shown:
            assert_like(shown[key], given[key], block)
    elif isinstance(shown, list) and isinstance(given, list):
        assert bool(shown) == bool(given), f"{given} was answered for {block!r}"
        if shown:
            assert_like(shown[0], given[0], block)
    else:
        assert shown == given or "NoneType" in (shown, given), f"{given} was answered where {shown} stands in {block!r}"


def checked(block, page):
    if block.is_run:
        # The reader tries again.
        for attempt in range(1 if block.is_setup else 2):
            if attempt and "snapshot create" in block.code:
                time.sleep(1.1)  # Snapshots are named by the second.
            page.run(block)
    elif block.language == "json" and not block.mark.startswith("not-run"):
        try:
            value = json.loads(block.code)
        except ValueError as error:
            raise AssertionError(f"{error} in {block!r}") from None
        if block.mark == "answer":
            assert page.answer is not None, f"nothing was answered before {block!r}"
            assert_like(shape(value), shape(json.loads(page.answer)), block)
    elif block.mark == "config":
        page.start(block)


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of(page):
    found = blocks(page)
    if not any(block.is_run or block.mark == "config" for block in found):
        for block in found:
            checked(block, None)
        return
    with Server() as server:
        reader = Page(server)
        try:
            for block in found:
                checked(block, reader)
        finally:
            reader.end()


def test_what_counts_as_a_block(tmp_path, monkeypatch):
    """The reader above finds what it should: no block is passed over in silence."""
    monkeypatch.setattr(sys.modules[__name__], "CHECKOUT", tmp_path)
    (tmp_path / "page.md").write_text(
        "# A\n<!-- docs-test\ntrue\n-->\n```sh\nfalse\n```\n\n```json answer\n{}\n```\n```yaml not-run: a fragment\na: b\n```\n"
    )
    found = blocks("page.md")
    assert [(b.language, b.mark, b.code.strip(), b.is_run) for b in found] == [
        ("sh", "", "true", True), ("sh", "", "false", True), ("json", "answer", "{}", False),
        ("yaml", "not-run: a fragment", "a: b", False),
    ]  # fmt: skip
    for broken in ("```sh\ntrue\n", "  ```sh\n  true\n  ```\n", "~~~sh\ntrue\n~~~\n", "<!-- docs-test\ntrue\n"):
        (tmp_path / "page.md").write_text(broken)
        with pytest.raises(AssertionError):
            blocks("page.md")


def test_log_lines_are_documented():
    """Each line that the engine and the server log at INFO by request stands in the operators' page."""
    told = (CHECKOUT / "docs" / "PRODUCTION.md").read_text()
    source = (CHECKOUT / "Sources" / "SearchEngine" / "Environment" / "EngineEvent.swift").read_text()
    messages = re.findall(r'case \.[^:]*: "([A-Z][^"]*)"', source.split("var metadata")[0])
    assert len(messages) >= 15
    fields = set(re.findall(r'"([a-z_]+)": ', source))
    assert {"collection", "milliseconds", "points"} <= fields
    for text in messages + sorted(fields):
        assert f"`{text}`" in told, text
