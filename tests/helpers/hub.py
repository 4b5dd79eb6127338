"""A Hub on loopback: the part of huggingface.co's HTTP API that huggingface_hub uses to download.

Observed on huggingface_hub 2.4.0: `GET /api/<kind>/<name>/revision/<revision>`, `GET …/tree/<commit>?recursive=True`,
`HEAD` and `GET /<name>/resolve/<commit>/<path>`. Large files lie, as on the real Hub, on another host, to which
`resolve` redirects. What is not played here: Xet, the storage protocol of newer large files.
"""

import contextlib
import dataclasses
import hashlib
import json
import re
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

ON_ANOTHER_HOST = (".parquet", ".safetensors")


@dataclasses.dataclass
class Repository:
    """Commits with their files, and the names (`main`, `refs/convert/parquet`) that point to them."""

    commits: dict[str, dict[str, bytes]] = dataclasses.field(default_factory=dict)
    names: dict[str, str] = dataclasses.field(default_factory=dict)
    gated: bool = False


@dataclasses.dataclass
class Answer:
    """What goes back to a client."""

    status: int
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    body: bytes = b""


class Hub:
    """Repositories that are served until `stop`; `requests` is the log, as `"GET /api/datasets/…"`."""

    def __init__(self):
        self.repositories: dict[str, Repository] = {}
        self.moved: dict[str, str] = {}  # old names of models
        self.requests: list[str] = []
        self._faults: list[tuple[re.Pattern, int | str]] = []
        self._lock = threading.Lock()
        self._servers = [_serve(self), _serve(self)]
        self.url, self.storage_url = (f"http://127.0.0.1:{server.server_port}" for server in self._servers)

    def stop(self):
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def commit(self, kind: str, name: str, files: dict[str, bytes], revision: str = "main") -> str:
        """Make these files the content of a revision; `kind` is "datasets" or "models". Returns the commit."""
        listing = [(path, hashlib.sha256(content).hexdigest()) for path, content in sorted(files.items())]
        commit = hashlib.sha1(json.dumps([name, listing]).encode()).hexdigest()
        repository = self.repositories.setdefault(f"{kind}/{name}", Repository())
        repository.commits[commit] = files
        repository.names[revision] = commit
        return commit

    def fail(self, pattern: str, how: int | str, times: int = 1):
        """Let the next requests that match `pattern` go wrong.

        `how` is a status, "cut" (half of the body), "reset" (the same, with a TCP reset), "hang" (no answer) or
        "portal" (the login page of some network).
        """
        self._faults += [(re.compile(pattern), how)] * times

    def heal(self) -> list[str]:
        """Forget the faults that have not happened; returns their patterns."""
        left, self._faults = self._faults, []
        return [pattern.pattern for pattern, _ in left]

    def asked(self, pattern: str) -> list[str]:
        """The requests so far that match."""
        return [request for request in self.requests if re.search(pattern, request)]

    def fault_for(self, request: str) -> int | str | None:
        """Log a request; say how it goes wrong, if it does."""
        with self._lock:
            self.requests.append(request)
            for i, (pattern, _) in enumerate(self._faults):
                if pattern.search(request):
                    return self._faults.pop(i)[1]
        return None

    def answer(self, path: str) -> Answer:
        """What a healthy Hub says to `GET path`."""
        for old, new in self.moved.items():
            if re.match(rf"/(api/models/)?{re.escape(old)}/", path):
                return Answer(307, {"Location": path.replace(old, new, 1)})
        if path.startswith("/storage/"):
            return self._stored(path.removeprefix("/storage/"))
        match = re.fullmatch(r"/api/(datasets|models)/([^/]+/[^/]+|[^/]+)/(revision|tree)/([^/]+)", path)
        if match:
            kind, name, what, revision = match.groups()
            return self._in_repository(kind, name, unquote(revision), self._info if what == "revision" else self._tree)
        match = re.fullmatch(r"/(?:(datasets)/)?([^/]+/[^/]+|[^/]+)/resolve/([^/]+)/(.+)", path)
        if match:
            kind, name, revision, file = match.groups()
            return self._in_repository(kind or "models", name, unquote(revision), self._file, unquote(file))
        return Answer(404)

    def _in_repository(self, kind, name, revision, answer, *arguments) -> Answer:
        repository = self.repositories.get(f"{kind}/{name}")
        if repository is None:  # the real one does not say whether it is missing or private
            return Answer(401, {"X-Error-Message": "Invalid username or password."})
        if repository.gated:
            return Answer(401, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted."})
        commit = repository.names.get(revision, revision)
        if commit not in repository.commits:
            return Answer(404, {"X-Error-Code": "RevisionNotFound", "X-Error-Message": "Invalid rev id."})
        return answer(name, commit, repository.commits[commit], *arguments)

    def _info(self, name, commit, files) -> Answer:
        return _json({"id": name, "sha": commit, "private": False, "siblings": [{"rfilename": file} for file in files]})

    def _tree(self, name, commit, files) -> Answer:
        return _json([_entry(path, content) for path, content in files.items()])

    def _file(self, name, commit, files, path) -> Answer:
        headers = {"X-Repo-Commit": commit}
        if path not in files:
            return Answer(404, {**headers, "X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"})
        content = files[path]
        if not path.endswith(ON_ANOTHER_HOST):
            return Answer(200, {**headers, "ETag": f'"{hashlib.sha1(content).hexdigest()}"'}, content)
        digest = hashlib.sha256(content).hexdigest()
        linked = {"X-Linked-ETag": f'"{digest}"', "X-Linked-Size": str(len(content))}
        return Answer(302, {**headers, **linked, "Location": f"{self.storage_url}/storage/{digest}"})

    def _stored(self, digest) -> Answer:
        for repository in self.repositories.values():
            for files in repository.commits.values():
                for content in files.values():
                    if hashlib.sha256(content).hexdigest() == digest:
                        return Answer(200, {"ETag": f'"{digest}"'}, content)
        return Answer(404)


@contextlib.contextmanager
def running():
    """A Hub for a test module."""
    hub = Hub()
    try:
        yield hub
    finally:
        hub.stop()


def _json(value) -> Answer:
    return Answer(200, {"Content-Type": "application/json"}, json.dumps(value).encode())


def _entry(path: str, content: bytes) -> dict:
    entry = {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
    if path.endswith(ON_ANOTHER_HOST):
        entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
    return entry


def _serve(hub: Hub) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            fault = hub.fault_for(f"{self.command} {self.path}")
            if fault == "hang":
                self.rfile.read(1)  # until the client gives up
                self.close_connection = True
                return
            if fault == "portal":
                self._send(Answer(200, {"Content-Type": "text/html"}, b"<html>Welcome! Please log in.</html>"), None)
            elif isinstance(fault, int):
                self._send(Answer(fault), None)
            else:
                self._send(self._part(hub.answer(urlsplit(self.path).path)), fault)

        do_HEAD = do_GET

        def _part(self, answer: Answer) -> Answer:
            """The range that was asked for."""
            match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            if not match or answer.status != 200:
                return answer
            first, size = int(match[1]), len(answer.body)
            headers = {**answer.headers, "Content-Range": f"bytes {first}-{size - 1}/{size}"}
            return Answer(206, headers, answer.body[first:])

        def _send(self, answer: Answer, fault):
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "HEAD":
                return
            self.wfile.write(answer.body[: len(answer.body) // 2] if fault else answer.body)
            if fault == "reset":  # with no time to linger, closing sends RST instead of FIN
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = fault is not None

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def shutdown_request(self, request):
            self.close_request(request)  # without a FIN before, for "reset"

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server
