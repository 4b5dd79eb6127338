"""Which sandbox is used.

In: the one that was asked for, if any. Out: its name, or the best that works here: bubblewrap, else Docker. Limits
alone confine nobody: they are taken only when asked for.
"""

from course.grade.sandbox import bubblewrap, docker
from course.grade.sandbox.limits import SandboxUnavailable

KINDS = {"bwrap": bubblewrap.problem, "docker": docker.problem, "rlimits": lambda: None}  # the best first
NAMES = {"bwrap": "bubblewrap", "docker": "Docker"}
NONE = (
    "No sandbox works on this machine ({problems}). Without one, students' code runs with your rights: it can read "
    "your files, reach the network and change other submissions. For people whom you trust: --sandbox rlimits."
)


def choose(kind: str | None) -> str:
    """Return the sandbox to use. Raises `SandboxUnavailable`."""
    problems = {}
    for candidate in [kind] if kind else NAMES:
        problem = KINDS[candidate]()
        if problem is None:
            return candidate
        problems[NAMES[candidate]] = problem
    if kind:
        raise SandboxUnavailable(f"{NAMES[kind]} does not work on this machine: {problems[NAMES[kind]]}.")
    raise SandboxUnavailable(
        NONE.format(problems="; ".join(f"{name}: {problem}" for name, problem in problems.items()))
    )
