"""What tests of every part share: a browser, a Jupyter server, and their order."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """Chromium without a window, and without a connection to anything but this machine."""
    from selenium import webdriver

    programs = shutil.which("chromium"), shutil.which("chromedriver")
    if None in programs:
        pytest.skip("Chromium or its driver is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    flags = "headless=new no-sandbox disable-gpu disable-background-networking disable-component-update disable-sync"
    for flag in [*flags.split(), "no-first-run", "disable-dev-shm-usage", "window-size=1000,1400"]:
        options.add_argument(f"--{flag}")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
    driver = webdriver.Chrome(options, webdriver.ChromeService(programs[1]))
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium):
    """Chromium at an empty page, without what another test left: sizes, a dark scheme, a log."""
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    chromium.get("about:blank")
    chromium.get_log("browser")
    return chromium


@pytest.fixture
def jupyter_server(tmp_path):
    """A function: folder → address of a Jupyter server in it, and the query that logs in there."""
    with contextlib.ExitStack() as servers:
        yield lambda folder: servers.enter_context(_server(folder, tmp_path))


@contextlib.contextmanager
def _server(folder: Path, home: Path, patience: float = 120):
    token = secrets.token_hex(16)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyter", "server", "--allow-root", "--no-browser", "--ip=127.0.0.1"]
    command += [f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"]
    command += [f"--ServerApp.root_dir={folder}"]
    private = {f"JUPYTER_{kind}_DIR": str(home / kind) for kind in ("CONFIG", "RUNTIME", "DATA")}
    address = f"http://127.0.0.1:{port}"
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=os.environ | private | {"HOME": str(home)}, stdout=log, stderr=log
        )
        try:
            deadline = time.monotonic() + patience
            while not _answers(f"{address}/api"):
                assert process.poll() is None and time.monotonic() < deadline, (home / "server.log").read_text()
                threading.Event().wait(0.05)
            yield address, f"?token={token}"
        finally:
            process.terminate()
            process.wait()


def _answers(address: str) -> bool:
    with contextlib.suppress(OSError):
        return urllib.request.urlopen(address, timeout=5).status == 200
    return False


LONGEST = ("test_flow", "test_nbval", "test_newest", "test_class", "test_units", "test_neighbours", "test_courses")
LONGEST += ("test_grade_cli", "test_docs_authors", "test_marks", "test_return_command", "test_formgrader", "test_mark")
LONGEST += ("test_semester", "test_site", "test_corpus", "test_overload")


def pytest_collection_modifyitems(items):
    """The files that take longest come first, so that no processor has one of them alone at the end."""
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))
