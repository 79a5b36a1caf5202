"""Scripts, run as a person runs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run(script: str, *arguments: object, status: int = 0) -> str:
    """What the script printed: to stdout, or to stderr when it is to fail."""
    command = [sys.executable, ROOT / "scripts" / script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if status == 0 else done.stderr
