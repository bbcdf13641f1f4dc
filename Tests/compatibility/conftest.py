import os
import random

import pytest

from harness import Rest, Server


@pytest.fixture(scope="session")
def server():
    """The server that the tests share; each makes collections of its own."""
    with Server() as server:
        yield server
        server.assert_alive()


@pytest.fixture
def rest(server):
    connection = Rest(server.port)
    yield connection
    connection.close()
    server.assert_alive()


@pytest.fixture
def seed():
    """Printed, so that a failure can be replayed with TRENDEX_SEED."""
    value = int(os.environ.get("TRENDEX_SEED") or random.SystemRandom().randrange(2**32))
    print(f"TRENDEX_SEED={value}")
    return value
