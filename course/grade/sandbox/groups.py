"""Control groups of Linux for a sandbox, where the system lets us make them: as root, or where they were delegated.

In: nothing. Out: two groups for each of the controllers `memory` and `pids`: one for the warm parent, one for the
submission of the moment, whose memory (that of sockets, files and pipes included) and tasks the system counts
exactly. Where there are none, `watch` adds up what processes show.
"""

import contextlib
import re
import tempfile
import time
from pathlib import Path

CONTROLLERS = {"memory": "memory.limit_in_bytes", "pids": "pids.max"}  # and a file by which version 1 is known
ROOT = Path("/sys/fs/cgroup")
PEAK = "memory.max_usage_in_bytes"  # of version 1, which does not count reliably how often a limit was reached
STOCK = 4 << 20  # bytes below the limit at which it counts as reached: Linux charges by pages and keeps some for later
ENDING = 2.0  # seconds that the last tasks of a group have to leave it


class Groups:
    """The control groups of one sandbox; it may have none, or only those of one controller."""

    def __init__(self, homes: dict[str, Path] | None = None):
        self.folders: dict[str, Path] = {}  # by controller
        self.full_before = 0
        for controller, home in (_homes() if homes is None else homes).items():
            with contextlib.suppress(OSError):
                folder = Path(tempfile.mkdtemp(prefix="course-", dir=home))
                self.folders[controller] = folder
                (folder.parent / f"{folder.name}-students").mkdir()
                if not any((folder / name).exists() for name in (CONTROLLERS[controller], f"{controller}.max")):
                    self._remove(self.folders.pop(controller))

    @classmethod
    def none(cls) -> "Groups":
        """No groups: what is in a container is counted by Docker."""
        return cls({})

    def joining(self, command: list[str]) -> list[str]:
        """The command, which joins the parent's groups before it starts anything, so that nothing escapes them."""
        joins = "".join(f"echo $$ > {folder}/cgroup.procs && " for folder in set(self.folders.values()))
        return ["/bin/sh", "-c", f'{joins}exec "$@"', "sh", *command] if joins else command

    def admit(self, pid: int) -> None:
        """Move a submission's process to the students' groups; what it starts will be in them as well."""
        for folder in set(self.folders.values()):
            (_students(folder) / "cgroup.procs").write_text(str(pid))

    def limit(self, memory_mib: int, tasks: int) -> None:
        """Set what the submission of the moment may use. Memory that is already in use cannot be limited below it."""
        if memory := self.folders.get("memory"):
            for name in ("memory.limit_in_bytes", "memory.max"):
                _write(_students(memory) / name, memory_mib << 20)
            for name in ("memory.memsw.limit_in_bytes", "memory.swap.max"):  # version 1 counts both together
                _write(_students(memory) / name, memory_mib << 20 if "memsw" in name else 0)
            _write(_students(memory) / PEAK, 0)  # from now on
            self.full_before = self._times_full()
        if pids := self.folders.get("pids"):
            _write(_students(pids) / "pids.max", tasks)

    def used_mib(self) -> int | None:
        """Memory of the submission of the moment; None where nobody counts it."""
        for name in ("memory.usage_in_bytes", "memory.current"):
            with contextlib.suppress(OSError, KeyError, ValueError):
                return int((_students(self.folders["memory"]) / name).read_text()) >> 20
        return None

    def killed(self) -> int:
        """How many processes the system has killed so far because their group had no memory left."""
        for name in ("memory.oom_control", "memory.events"):
            with contextlib.suppress(OSError, KeyError):
                text = (_students(self.folders["memory"]) / name).read_text()
                return sum(map(int, re.findall(r"^oom_kill (\d+)", text, re.MULTILINE)))
        return 0

    def has_been_full(self) -> bool:
        """Whether the submission of the moment has reached its limit of memory: if not, others took what there was."""
        with contextlib.suppress(OSError, KeyError, ValueError):
            students = _students(self.folders["memory"])
            most, limit = (int((students / name).read_text()) for name in (PEAK, CONTROLLERS["memory"]))
            return most + STOCK >= limit
        return self._times_full() > self.full_before

    def _times_full(self) -> int:
        """How often the group has reached its limit so far, as version 2 counts it."""
        with contextlib.suppress(OSError, KeyError):
            text = (_students(self.folders["memory"]) / "memory.events").read_text()
            return sum(map(int, re.findall(r"^max (\d+)", text, re.MULTILINE)))
        return 0

    def remove(self) -> None:
        """Remove the groups; their last tasks may still be on the way out."""
        for folder in set(self.folders.values()):
            self._remove(folder)
        self.folders = {}

    @staticmethod
    def _remove(folder: Path) -> None:
        deadline = time.monotonic() + ENDING
        for group in (_students(folder), folder):
            while group.exists() and time.monotonic() < deadline:
                with contextlib.suppress(OSError):
                    group.rmdir()
                    break
                time.sleep(0.01)


def killed_on_machine() -> int:
    """How many processes the system has killed so far for want of memory, whoever's they were."""
    with contextlib.suppress(OSError):
        found = re.search(r"^oom_kill (\d+)", Path("/proc/vmstat").read_text(), re.MULTILINE)
        return int(found[1]) if found else 0
    return 0


def _students(folder: Path) -> Path:
    return folder.parent / f"{folder.name}-students"


def _write(path: Path, value: int) -> None:
    with contextlib.suppress(OSError):
        if path.exists():
            path.write_text(str(value))


def _homes() -> dict[str, Path]:
    """Controller → the folder of the group in which this process is."""
    homes = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            for controller in CONTROLLERS:
                if controller in controllers.split(","):
                    homes[controller] = Path(f"{ROOT}/{controller}{path}")
                elif not controllers and (Path(f"{ROOT}{path}") / "cgroup.controllers").exists():
                    homes.setdefault(controller, Path(f"{ROOT}{path}"))
    return homes
