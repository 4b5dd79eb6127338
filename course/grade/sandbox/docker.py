"""Docker: the same as bubblewrap, in a container whose image is empty: all that it sees are mounts.

In: the command and its environment. Out: the command line that runs it there, or why Docker does not work here.
"""

import os
import shutil

from course.grade.sandbox import view
from course.grade.sandbox.limits import Limits
from course.grade.sandbox.probe import failure
from course.grade.sandbox.process.isolation import TASKS

IMAGE = "course-sandbox"
DOOR = "/run/course"  # where a container finds the socket to the grader
PARENT_TASKS = 64  # in a container beside the submission's: the warm parent's, with the threads of its libraries
PARENT_MIB = 3072  # memory of the warm parent with its libraries, and room for what the kernel counts beside it


def problem() -> str | None:
    """Docker must answer, and its containers be able to make namespaces, which part one submission from the next."""
    if not shutil.which("docker"):
        return "it is not installed (Debian: apt-get install docker.io)"
    no_files = bytes(10240)  # as tar says it
    has_image = failure(["docker", "image", "inspect", IMAGE]) is None
    if not has_image and (found := failure(["docker", "import", "-", IMAGE], given=no_files)):
        return found
    unshare = ["/bin/unshare", "--user", "--pid", "--mount", "--ipc", "--fork", "/bin/true"]
    return failure(command(unshare, {}, Limits()))


def command(
    inner: list[str], environment: dict[str, str], limits: Limits, shown: dict[str, str] | None = None, name: str = ""
) -> list[str]:
    """The command inside a container. `shown` are further folders of this machine and where they are seen."""
    arguments = ["docker", "run", "--rm", "--network", "none", "--read-only", "--cap-drop", "ALL"]
    # Docker's own filter forbids to make namespaces; a submission gets a stricter one (seccomp.py) when it has its own.
    for option in ("no-new-privileges", "seccomp=unconfined", "apparmor=unconfined"):
        arguments += ["--security-opt", option]
    arguments += ["--pids-limit", str(PARENT_TASKS + TASKS * limits.processes)]
    memory = f"{PARENT_MIB + limits.memory_mib + limits.disk_mib}m"  # the student's processes are the first to go
    arguments += ["--memory", memory, "--memory-swap", memory]
    arguments += ["--user", "65534:65534" if os.getuid() == 0 else f"{os.getuid()}:{os.getgid()}"]
    arguments += ["--hostname", "sandbox", "--tmpfs", "/tmp:mode=1777"]
    arguments += ["--name", name] if name else []
    for path in view.mount_points():
        arguments += _mount(os.path.realpath(path), path)
    for path in view.readable():
        arguments += _mount(path, path)
    for path in view.hidden():
        arguments += ["--mount", f'type=tmpfs,"target={path}",tmpfs-mode=0555']
    for path in ("/etc/hostname", "/etc/hosts", "/etc/resolv.conf"):  # Docker would show there what it knows
        arguments += _mount("/dev/null", path)
    for path, target in (shown or {}).items():
        arguments += _mount(path, target)
    for variable, value in environment.items():
        arguments += ["--env", f"{variable}={value}"]
    return [*arguments, IMAGE, *inner]


def _mount(source: str, target: str) -> list[str]:
    return ["--mount", f'type=bind,readonly,"source={source}","target={target}"']
