import os
import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "compatibility"))


@pytest.fixture
def seed():
    """Printed, so that a failure can be replayed with TRENDEX_SEED."""
    value = int(os.environ.get("TRENDEX_SEED") or random.SystemRandom().randrange(2**32))
    print(f"TRENDEX_SEED={value}")
    return value
