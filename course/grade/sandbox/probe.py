"""Asking a program of the system whether it works."""

import subprocess

ANSWERING = 30.0  # seconds for a command that starts or asks a sandbox


def failure(command: list[str], given: bytes = b"") -> str | None:
    """Why a command does not succeed: the last line that it says."""
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=ANSWERING)
    except subprocess.TimeoutExpired:
        return "it does not answer"
    said = done.stderr.decode(errors="replace").strip().splitlines() or ["it fails"]
    return None if done.returncode == 0 else said[-1].rstrip(".")
