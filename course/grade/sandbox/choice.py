"""Which sandbox is used.

In: the one that was asked for, if any. Out: its name, or the best that works here: bubblewrap, else Docker, else
limits alone.
"""

from course.grade.sandbox import bubblewrap, docker
from course.grade.sandbox.limits import SandboxUnavailable

KINDS = {"bwrap": bubblewrap.problem, "docker": docker.problem, "rlimits": lambda: None}  # the best first
NAMES = {"bwrap": "bubblewrap", "docker": "Docker"}


def choose(kind: str | None) -> str:
    """Return the sandbox to use. Raises `SandboxUnavailable`."""
    for candidate in [kind] if kind else KINDS:
        problem = KINDS[candidate]()
        if problem is None:
            return candidate
        if kind:
            raise SandboxUnavailable(f"{NAMES[kind]} does not work on this machine: {problem}.")
    raise AssertionError("rlimits work everywhere")
