"""A server on loopback that speaks the Hub's protocol, and lies, stalls or hangs up where a test asks it to."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

COMMIT = "c" * 40
LARGE = ".safetensors"
"""Files of this ending lie in LFS, whose SHA-256 is stated; of others git's hash is."""


@dataclass
class Repository:
    """Files of a repository, and what is wrong with it.

    Attributes:
        files: name -> bytes; sends: name -> bytes that come in place of these.
        stated: name -> what is said of it otherwise than it is, ``sha256`` and ``size``.
        refuses: status and error code of every request for a file; cut: name -> bytes after which it hangs up, once.
        stalls: seconds before the bytes of a file come; forgets: names that only the list holds.
    """

    files: dict[str, bytes]
    sends: dict[str, bytes] = field(default_factory=dict)
    stated: dict[str, dict] = field(default_factory=dict)
    refuses: tuple[int, str] | None = None
    cut: dict[str, int] = field(default_factory=dict)
    stalls: float = 0.0
    forgets: tuple[str, ...] = ()

    def entry(self, name: str) -> dict:
        data, lie = self.files[name], self.stated.get(name, {})
        git = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        found = {"rfilename": name, "size": lie.get("size", len(data)), "blobId": git}
        if name.endswith(LARGE):
            sha256 = lie.get("sha256", hashlib.sha256(data).hexdigest())
            found["lfs"] = {"sha256": sha256, "size": found["size"], "pointerSize": 134}
        return found


@dataclass
class Hub:
    """The server's repositories by id, its address, and the requests that came: method, path, range, and tokens."""

    address: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)

    def add(self, repo: str, folder: Path, **wrong) -> Repository:
        """Serve the files of a folder."""
        files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
        self.repositories[repo] = Repository(files, **wrong)
        return self.repositories[repo]

    def ranges(self, name: str) -> list[str]:
        """The ranges in which a file was asked for, '' for all of it."""
        return [span for method, path, span in self.asked if method == "GET" and path.endswith(f"/{name}")]


class Handler(BaseHTTPRequestHandler):
    """Answers as the Hub does."""

    protocol_version = "HTTP/1.1"

    @property
    def hub(self) -> Hub:
        return self.server.hub

    def log_message(self, *_) -> None:
        """Quiet."""

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append((self.command, path, self.headers.get("Range", "")))
        self.hub.tokens |= {self.headers[name] for name in ("Authorization",) if name in self.headers}
        parts = path.strip("/").split("/")
        try:
            if parts[:2] == ["api", "models"]:
                self.describe("/".join(parts[2:4]), parts[5] if parts[4:5] == ["revision"] else "main")
            elif parts[2:3] == ["resolve"]:
                self.send_file("/".join(parts[:2]), parts[3], "/".join(parts[4:]))
            else:
                self.fail(404, "EntryNotFound")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # whoever asked has hung up

    def found(self, repo: str, revision: str) -> Repository | None:
        """The repository, or None after an error was sent."""
        if repo not in self.hub.repositories:
            self.fail(401, "RepoNotFound")
        elif revision not in ("main", COMMIT):
            self.fail(404, "RevisionNotFound")
        else:
            return self.hub.repositories[repo]
        return None

    def describe(self, repo: str, revision: str) -> None:
        repository = self.found(repo, revision)
        if repository is not None:
            entries = [repository.entry(name) for name in (*repository.files, *repository.forgets)]
            self.send(200, json.dumps({"id": repo, "sha": COMMIT, "siblings": entries}).encode())

    def send_file(self, repo: str, revision: str, name: str) -> None:
        repository = self.found(repo, revision)
        if repository is None:
            return
        if repository.refuses is not None:
            self.fail(*repository.refuses)
        elif name not in repository.files or name in repository.forgets:
            self.fail(404, "EntryNotFound", {"X-Repo-Commit": COMMIT})
        else:
            data, entry = repository.sends.get(name, repository.files[name]), repository.entry(name)
            stated = entry.get("lfs", {}).get("sha256", entry["blobId"])
            headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{stated}"', "Accept-Ranges": "bytes"}
            if "lfs" in entry:
                headers |= {"X-Linked-ETag": f'"{stated}"', "X-Linked-Size": str(entry["size"])}
            span, status = self.headers.get("Range", ""), 200
            if span:
                start = int(span.removeprefix("bytes=").partition("-")[0])
                headers["Content-Range"], status = f"bytes {start}-{len(data) - 1}/{len(data)}", 206
                data = data[start:]
            if self.command == "GET":
                time.sleep(repository.stalls)
            self.send(status, data, headers, repository.cut.pop(name, None) if self.command == "GET" else None)

    def fail(self, status: int, code: str, headers: dict | None = None) -> None:
        self.send(status, b"no", {"X-Error-Code": code, **(headers or {})})

    def send(self, status: int, data: bytes, headers: dict | None = None, cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data if cut is None else data[:cut])
        if cut is not None:
            self.wfile.flush()
            self.close_connection = True


class Server(ThreadingHTTPServer):
    """A thread for each connection; clients may be killed."""

    daemon_threads = True
    hub: Hub

    def handle_error(self, *_) -> None:
        """Quiet."""


@contextmanager
def serve() -> Iterator[Hub]:
    """A server while the block runs."""
    server = Server(("127.0.0.1", 0), Handler)
    server.hub = Hub(f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield server.hub
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Iterator[Hub]:
    """A Hub of its own in place of the real one, with an empty cache."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with serve() as found:
        place = f"{found.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", found.address)
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", place)
        yield found
