"""The command line: what it says when it is called wrongly, and its help."""

import re
import socket
import subprocess

import pytest

from harness import BINARY, Server, free_port

COMMANDS = [
    "serve", "health", "snapshot", "snapshot create", "snapshot list", "snapshot download", "snapshot delete", "snapshot restore",
    "verify", "repair", "trends", "trends reset",
]


def trendex(*arguments, **more):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=60, **more)


def listed(words):
    return [f" {command.split()[-1]} " for command in words]


@pytest.mark.parametrize(
    "arguments, said",
    [
        ([], ["serve, health, snapshot, verify, repair, trends or embed"]),
        (["serv"], ["no subcommand `serv`", "serve, health, snapshot, verify, repair, trends or embed", "Did you mean `serve`?"]),
        (["zebra"], ["no subcommand `zebra`", "serve, health, snapshot, verify, repair, trends or embed", "trendex --help"]),
        (["snapshot"], ["`trendex snapshot` needs a subcommand", "create, list, download, delete or restore"]),
        (["snapshot", "creat"], ["no subcommand `creat`", "Did you mean `create`?", "trendex snapshot --help"]),
        (["trends", "drop"], ["`trendex trends` has no subcommand `drop`", "reset"]),
        (["--prot", "1"], ["'--prot'"]),
        (["serve", "--prot", "1"], ["'--prot'", "'--port'"]),
        (["serve", "--port", "x"], ["'x'", "--port"]),
        (["serve", "--port", "65536"], ["--port", "65535"]),
        (["serve", "--port"], ["--port"]),
        (["serve", "--host", ""], ["--host must not be empty"]),
        (["serve", "--storage-path", ""], ["--storage-path must not be empty"]),
        (["serve", "--log-level", "loud"], ["--log-level", "'loud'", "trace, debug, info, warn, error, off"]),
        (["serve", "now"], ["'now'"]),
        (["snapshot", "list", "--url", "localhost"], ["--url", "'localhost'", "http://localhost:6333"]),
        (["health", "--url", "localhost:6333"], ["--url", "'localhost:6333'"]),
        (["health", "--timeout", "0"], ["--timeout", "3600"]),
        (["snapshot", "restore", "f"], ["--collection", "--storage-path"]),
        (["snapshot", "restore"], ["<file>"]),
        (["verify", "--storage"], ["'--storage'"]),
        (["trends", "reset", "--no"], ["'--no'"]),
    ],
)
def test_a_wrong_command_line(tmp_path, arguments, said):
    done = trendex(*arguments, cwd=tmp_path)
    assert done.returncode == 64, done
    assert done.stdout == "" and done.stderr.startswith("Error: "), done
    for part in said:
        assert part in done.stderr, done
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["serve", "--config-path", "none.yaml"], ["none.yaml does not exist"]),
        (["verify", "--storage-path", "none"], ["no storage in none", "--storage-path"]),
        (["repair", "--storage-path", "none"], ["no storage in none", "--storage-path"]),
        (["trends", "reset", "--storage-path", "none"], ["no storage in none", "--storage-path"]),
        (["snapshot", "restore", "none", "--storage-path", "s"], ["none doesn't exist"]),
    ],
)
def test_what_is_not_there(tmp_path, arguments, said):
    done = trendex(*arguments, cwd=tmp_path)
    assert done.returncode == 1 and done.stdout == "", done
    assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1, done
    for part in said:
        assert part in done.stderr, done


def test_no_server():
    done = trendex("snapshot", "list", "--url", f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 1 and "nothing listens there" in done.stderr, done


def test_health():
    with Server() as server:
        asked = trendex("health", env={"QDRANT__SERVICE__HTTP_PORT": str(server.port)})
        assert (asked.returncode, asked.stdout, asked.stderr) == (0, "", ""), asked
        assert trendex("health", "--url", server.url + "/").returncode == 0
        # Something that listens, and isn't ready.
        other = trendex("health", "--url", server.url + "/none")
        assert other.returncode == 1 and "it answers 404" in other.stderr, other
        server.kill()
        gone = trendex("health", "--url", server.url)
        assert gone.returncode == 1 and "nothing listens there" in gone.stderr, gone
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        late = trendex("health", "--url", url, "--timeout", "1")
        assert late.returncode == 1 and "no answer within 1 seconds" in late.stderr, late


def test_the_top_names_every_command():
    done = trendex("--help")
    assert done.returncode == 0 and done.stderr == "", done
    for command in COMMANDS:
        if " " not in command:
            assert re.search(rf"^  {command} ", done.stdout, re.MULTILINE), done.stdout
    assert "Example: trendex serve" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command):
    done = trendex(*command.split(), "--help")
    assert done.returncode == 0, done
    assert done.stdout.startswith("OVERVIEW: ") and f"USAGE: trendex {command}" in done.stdout, done
    # An example that the parser takes: it is asked for help in place of being run.
    examples = re.findall(r"(?:Example: |^  )(trendex .*(?:\n--.*)?)", done.stdout, re.MULTILINE)
    assert examples, done.stdout
    for example in examples:
        assert trendex(*example.split()[1:], "--help").returncode == 0, example
