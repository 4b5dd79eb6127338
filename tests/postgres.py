"""A private PostgreSQL server, for tests and measurements."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path


class PostgresMissing(Exception):
    """PostgreSQL is not installed on this machine."""


@contextlib.contextmanager
def postgres(*options: str) -> Iterator[str]:
    """A server on a socket, without a port; yields its URL behind the scheme. `options` are settings of the server.

    Root starts it as the user `postgres`, for it refuses root. Raises `PostgresMissing`, and `RuntimeError` with what
    it says where it does not start.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [shutil.which("initdb")]
    if found[-1] is None:
        raise PostgresMissing("PostgreSQL is not installed.")
    programs = Path(found[-1]).parent
    owner = pwd.getpwnam("postgres") if os.getuid() == 0 else None
    user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if owner else {}
    # A short path, since a socket's has at most 107 characters, and one that is open to another user.
    with tempfile.TemporaryDirectory(dir="/tmp") as data:
        if owner:
            os.chown(data, owner.pw_uid, owner.pw_gid)

        def run(program: str, *arguments: str) -> None:
            command = [programs / program, "-D", f"{data}/db", *arguments]
            done = subprocess.run(command, cwd=data, stdin=subprocess.DEVNULL, capture_output=True, text=True, **user)
            if done.returncode:
                raise RuntimeError(done.stdout + done.stderr)

        run("initdb", "-U", "postgres", "--auth=trust", "--no-sync")
        settings = " ".join(["-c listen_addresses=''", f"-k {data}", *(f"-c {option}" for option in options)])
        run("pg_ctl", "-w", "-l", f"{data}/log", "-o", settings, "start")
        try:
            yield f"//postgres@/postgres?host={data}"
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
