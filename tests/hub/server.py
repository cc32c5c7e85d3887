#!/usr/bin/env python3
"""A Hub for tests: serves a folder by the Hub's protocol on 127.0.0.1, with a second host, 127.0.0.2, in the role of the CDN.

    server.py ROOT [--token T] [--private ID]... [--gated ID]... [--moved OLD=NEW]... [--pages N] [--keep_bodies]
              [--certificate FILE [--plain_cdn]]

ROOT/models/ID/… and ROOT/datasets/ID/… are the repositories' files on branch main ("org/name" is a folder in a folder);
those of another branch lie in ID@BRANCH, its slashes written %2F. What has moved is redirected to its new name. With --pages
the answer on a revision names no files: they are listed by their tree, N a page.
Files of at least 1 KiB that end in .safetensors, .bin, .parquet or .zst are kept as git-lfs keeps them: their content is on
the other host. Prints one line of JSON when it is ready: {"endpoint", "cdn", "control"}. Ends with its standard input.
With a certificate (and its key in the same file) both speak https (--plain_cdn: the first alone); control is then a port
without.

With a token, only who has it may write. For tests: POST /_faults with a list of {"match": regular expression over "METHOD HOST PATH", "kind", "times", …} sets what
goes wrong; GET /_log is what was asked so far (--keep_bodies: with commits'
bodies), GET /_peak how many at a time at most; DELETE /_log forgets both; POST /_forget_store lets uploads' content be wanted again. Kinds: status (code, headers), cut (after: bytes of
the body), truncate and pad (bytes less or more than there are, as promised), corrupt (one byte), slow (seconds before the answer), stall
(after: bytes, then nothing), redirect (to, code), answer (body, headers), unbounded (no length is promised, the connection's end is the body's; body, else bytes more
than there are; type), lie (bytes more are promised than come), headers (bytes of them), ignore_range,
etag (values: of a file's own header, or its several), moved (somebody else commits first: path, content), lost (what is asked is done, but the answer never comes).
"""

import argparse
import base64
import hashlib
import http.server
import json
import pathlib
import re
import ssl
import sys
import threading
import time
import urllib.parse

LFS_ENDINGS = (".safetensors", ".bin", ".parquet", ".zst")
LFS_BYTES = 1024


class Repository:
    """Files of one commit; a new one is made by a push."""

    def __init__(self, files):
        self.files = dict(files)  # path -> bytes
        self.history, self.trees = [], {}
        self.settle("initial commit", "")

    @classmethod
    def read(cls, folder):
        return cls({p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()})

    def settle(self, summary, description):
        digest = hashlib.sha1(repr(len(self.history)).encode())
        for path in sorted(self.files):
            digest.update(path.encode() + b"\0" + hashlib.sha256(self.files[path]).digest())
        self.commit = digest.hexdigest()
        self.history.append({"commit": self.commit, "summary": summary, "description": description})

    def tree(self, folder, recursive):
        """Paths of files and folders below a folder ("a/b/"), sorted; kept, as they are asked for page by page."""
        key = self.commit, folder, recursive
        if key not in self.trees:
            paths = {p for p in self.files if p.startswith(folder)}
            for p in list(paths):
                inner = p[len(folder):].split("/")[:-1]
                paths.update(folder + "/".join(inner[: i + 1]) for i in range(len(inner)))
            self.trees = {key: [p for p in sorted(paths) if recursive or "/" not in p[len(folder):]]}
        return self.trees[key]

    @staticmethod
    def is_lfs(path, content):
        return path.endswith(LFS_ENDINGS) and len(content) >= LFS_BYTES

    def etag(self, path):
        content = self.files[path]
        if self.is_lfs(path, content):
            return hashlib.sha256(content).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Hub:
    """What both ports share."""

    def __init__(self, arguments):
        self.token, self.private, self.gated = arguments.token, set(arguments.private), set(arguments.gated)
        self.repositories = {}  # ("models", ID) -> Repository
        self.branches = {}  # ("models", ID, branch) -> Repository
        self.moved, self.pages = dict(entry.split("=") for entry in arguments.moved), arguments.pages
        root = pathlib.Path(arguments.root)
        for kind in ("models", "datasets"):
            for folder in sorted((root / kind).iterdir()) if (root / kind).is_dir() else []:
                inner = [p for p in folder.iterdir()] if folder.is_dir() else []
                if inner and all(p.is_dir() for p in inner) and not (folder / ".repository").exists():
                    for name in inner:
                        self.repositories[kind, f"{folder.name}/{name.name}"] = Repository.read(name)
                else:
                    self.repositories[kind, folder.name] = Repository.read(folder)
        for kind, name in list(self.repositories):
            if "@" in name:
                main, branch = name.split("@")
                self.branches[kind, main, urllib.parse.unquote(branch)] = self.repositories.pop((kind, name))
        self.store = {}  # sha256 -> content of git-lfs
        for repository in [*self.repositories.values(), *self.branches.values()]:
            for path, content in repository.files.items():
                if Repository.is_lfs(path, content):
                    self.store[hashlib.sha256(content).hexdigest()] = content
        self.parts = {}  # (sha256, number) -> bytes of an upload in parts
        self.faults, self.log, self.lock = [], [], threading.Lock()
        self.running, self.peak = 0, 0  # requests that are being answered, and the most there were at a time
        self.keep_bodies = arguments.keep_bodies

    def at(self, kind, name, revision):
        """What a revision means; None: there is none."""
        repository = self.repositories[kind, name]
        if revision in ("main", repository.commit):
            return repository
        for (*of, branch), other in self.branches.items():
            if of == [kind, name] and revision in (branch, other.commit):
                return other
        return None

    def fault(self, line):
        """The first fault that still has times left and means this request."""
        with self.lock:
            for fault in self.faults:
                if fault.get("times", 1) > 0 and re.search(fault["match"], line):
                    fault["times"] = fault.get("times", 1) - 1
                    return fault
        return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body go apart, and on a kept connection the second would wait for 40 ms
    hub: Hub
    is_cdn = False
    place = "endpoint"
    fault = None  # what goes wrong with the request that is being answered

    def log_message(self, *_):
        pass

    # -- answers

    def answer(self, status, body=b"", headers=(), fault=None):
        fault = fault or (self.fault if self.fault and self.fault["kind"] in ("headers", "lost") else {})
        kind = fault.get("kind")
        if kind == "lost":
            self.close_connection = True
            return self.connection.close()
        if kind == "truncate":
            body = body[: max(1, len(body) - fault.get("bytes", 1))]
        promised = len(body)
        if kind == "lie":
            promised = len(body) + fault.get("bytes", 1)
        if kind == "pad":
            body = body + b"x" * fault.get("bytes", 1)
            promised = len(body)
        if kind == "unbounded":
            body = fault["body"].encode() if "body" in fault else body + b"x" * fault.get("bytes", 0)
        if kind == "corrupt" and body:
            body = body[:-1] + bytes([body[-1] ^ 1])
        self.send_response(status)
        sent = {name.lower() for name, _ in headers}
        for name, value in headers:
            self.send_header(name, value)
        if kind == "headers":
            for i in range(fault.get("bytes", 1 << 20) // 1000):
                self.send_header(f"X-Filler-{i}", "x" * 980)
        if kind == "unbounded":
            self.send_header("Content-Type", fault.get("type", "application/octet-stream"))
            self.close_connection = True
        elif "content-length" not in sent:
            self.send_header("Content-Length", str(promised))
        self.end_headers()
        if self.command == "HEAD":
            return
        if kind in ("cut", "stall"):
            self.wfile.write(body[: fault.get("after", 0)])
            self.wfile.flush()
            if kind == "stall":
                time.sleep(fault.get("seconds", 30))
            self.close_connection = True
            self.connection.close()
            return
        self.wfile.write(body)
        if kind == "lie":
            self.close_connection = True

    def answer_json(self, document, status=200, headers=()):
        self.answer(status, json.dumps(document).encode(), [("Content-Type", "application/json"), *headers])

    def refuse(self, status, code, message):
        self.answer_json({"error": message}, status, [("X-Error-Code", code), ("X-Error-Message", message)])

    # -- requests

    def handle_any(self):
        hub = self.hub
        with hub.lock:
            hub.running += 1
            hub.peak = max(hub.peak, hub.running)
        try:
            return self.handle_one()
        finally:
            with hub.lock:
                hub.running -= 1

    def handle_one(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length) if length else b""
        path, is_cdn = self.path, self.is_cdn
        if path.startswith("http://"):  # asked as a proxy: the endpoint stands for every host but the CDN
            is_cdn = path.startswith(f"{self.cdn_url}/")
            path = self.path = "/" + path.split("/", 3)[3]
        if path.startswith("/_"):
            return self.control(path)
        host = "cdn" if is_cdn else self.place
        with self.hub.lock:
            self.hub.log.append({"method": self.command, "host": host, "path": path, "range": self.headers.get("Range"),
                                 "authorization": self.headers.get("Authorization"),
                                 **({"body": self.body.decode()} if self.hub.keep_bodies and "/commit/" in path else {})})
        self.fault = self.hub.fault(f"{self.command} {host} {path}")
        fault = self.fault or {}
        if fault.get("kind") == "slow":
            time.sleep(fault["seconds"])
        if fault.get("kind") == "status":
            return self.answer(fault["code"], b"the server says no", list(fault.get("headers", {}).items()))
        if fault.get("kind") == "answer":
            return self.answer(200, fault["body"].encode(), list(fault.get("headers", {}).items()))
        if fault.get("kind") == "redirect":
            return self.answer(fault.get("code", 302), b"", [("Location", fault["to"])])
        if is_cdn:
            return self.cdn(path)
        return self.endpoint(path)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any

    def control(self, path):
        hub = self.hub
        with hub.lock:
            if path == "/_faults":
                hub.faults = json.loads(self.body)
                return self.answer_json("set")
            if path == "/_forget_store":
                hub.store, hub.parts = {}, {}
                return self.answer_json("forgotten")
            if path == "/_log" and self.command == "DELETE":
                hub.log, hub.peak = [], 0
                return self.answer_json("forgotten")
            if path == "/_log":
                return self.answer_json(hub.log)
            if path == "/_peak":
                return self.answer_json(hub.peak)
            if path == "/_repositories":
                return self.answer_json({f"{kind}/{name}": {"history": r.history,
                                                             "files": {p: base64.b64encode(c).decode() for p, c in r.files.items()}}
                                         for (kind, name), r in hub.repositories.items()})
        return self.answer(404)

    def allowed(self, kind, name):
        """Whether who asks may see a repository; else the answer is given."""
        hub = self.hub
        known = self.headers.get("Authorization") == f"Bearer {hub.token}" if hub.token else False
        if (kind, name) not in hub.repositories or (name in hub.private and not known):
            self.refuse(404 if known else 401, "RepoNotFound", "Repository not found")
            return False
        if name in hub.gated and not known:
            self.refuse(403, "GatedRepo", f"Access to {name} is restricted.")
            return False
        return True

    def endpoint(self, path):
        path, _, query = path.partition("?")
        for old, new in self.hub.moved.items():
            for root in ("/api/models/", "/api/datasets/", "/datasets/", "/"):
                if f"{path}/".startswith(f"{root}{old}/"):
                    return self.answer(307, b"", [("Location", f"{root}{new}{path[len(root + old):]}{'?' if query else ''}{query}")])
        path = urllib.parse.unquote(path)
        api = re.fullmatch(r"/api/(models|datasets)/(.+?)/(revision|tree|paths-info|preupload|commit)/([^/]+(?:/convert/parquet)?)(?:/(.*))?", path)
        if api:
            return self.api(*api.groups(), query)
        info = re.fullmatch(r"/api/(models|datasets)/([^/]+(?:/[^/]+)?)", path)
        if info:
            return self.api(*info.groups(), "revision", "main", None, query)
        if path == "/api/repos/create":
            return self.create()
        if path == "/api/whoami-v2":
            if self.headers.get("Authorization") not in (f"Bearer {self.hub.token}", "Bearer hf_read"):
                return self.refuse(401, "Unauthorized", "Invalid username or password.")
            role = "read" if self.headers.get("Authorization") == "Bearer hf_read" else "write"
            return self.answer_json({"name": "somebody", "type": "user", "auth": {"accessToken": {"role": role}}})
        if path == "/api/validate-yaml":
            card = json.loads(self.body)["content"]
            if re.search(r"^license: *\[", card, re.MULTILINE):
                return self.answer_json({"errors": [{"message": '"license" must be a string'}], "warnings": []}, 400)
            return self.answer_json({"errors": [], "warnings": []})
        if path == "/verify":
            wanted = json.loads(self.body)
            there = len(self.hub.store.get(wanted["oid"], b"")) == wanted["size"]
            return self.answer_json({}) if there else self.refuse(404, "NotFound", "the object is not there")
        batch = re.fullmatch(r"/(datasets/)?(.+)\.git/info/lfs/objects/batch", path)
        if batch:
            return self.batch()
        resolve = re.fullmatch(r"/(datasets/)?(.+?)/resolve/([^/]+)/(.+)", path)
        if resolve:
            return self.resolve("datasets" if resolve[1] else "models", *resolve.groups()[1:])
        return self.answer(404)

    def api(self, kind, name, verb, revision, below, query):
        if not self.allowed(kind, name):
            return None
        repository = self.hub.repositories[kind, name]
        if verb in ("preupload", "commit") and not self.writes():
            return None
        if verb == "preupload":
            return self.preupload(repository)
        if verb == "commit":
            if self.fault and self.fault["kind"] == "moved":
                repository.files[self.fault.get("path", "theirs")] = self.fault.get("content", "theirs").encode()
                repository.settle("Somebody else's", "")
            return self.commit(kind, name, repository)
        repository = self.hub.at(kind, name, revision)
        if repository is None:
            return self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        if verb == "revision":
            answer = {"id": name, "sha": repository.commit, "private": name in self.hub.private,
                      "cardData": self.card_data(repository)}
            if not self.hub.pages:
                answer["siblings"] = [self.sibling(repository, p, "blobs=" in query) for p in sorted(repository.files)]
            return self.answer_json(answer)
        if verb == "paths-info":
            wanted = json.loads(self.body)["paths"]
            return self.answer_json([self.entry(repository, p) for p in wanted if self.entry(repository, p)])
        recursive = urllib.parse.parse_qs(query).get("recursive", ["false"])[0].lower() == "true"
        paths = repository.tree(f"{below}/" if below else "", recursive)
        if below and not paths:
            return self.refuse(404, "EntryNotFound", f"{below} does not exist")
        if self.hub.pages:
            begin = int(urllib.parse.parse_qs(query).get("cursor", ["0"])[0])
            end = begin + self.hub.pages
            url = f"{self.endpoint_url}{self.path.partition('?')[0]}?recursive=true&cursor={end}"
            return self.answer_json([self.entry(repository, p) for p in paths[begin:end]], 200,
                                    [("Link", f'<{url}>; rel="next"')] if end < len(paths) else [])
        return self.answer_json([self.entry(repository, p) for p in paths])

    def entry(self, repository, path):
        """A file or folder as the tree has it; None: there is none."""
        if path not in repository.files:
            inside = any(p.startswith(path + "/") for p in repository.files)
            return {"type": "directory", "path": path, "size": 0, "oid": hashlib.sha1(path.encode()).hexdigest()} if inside else None
        content, etag = repository.files[path], repository.etag(path)
        entry = {"type": "file", "path": path, "size": len(content), "oid": etag}
        if Repository.is_lfs(path, content):
            entry["lfs"] = {"oid": etag, "size": len(content), "pointerSize": 130}
        return entry

    @staticmethod
    def card_data(repository):
        """A card's "key: value" lines and lists, which is all the YAML that tests have."""
        lines = repository.files.get("README.md", b"").decode(errors="replace").split("---\n")
        data, key = {}, None
        for line in lines[1].splitlines() if len(lines) > 2 else []:
            if line.startswith("- ") and key:
                data[key] = [*(data[key] or []), line[2:]]
            elif re.match(r"\w+:", line):
                key, _, value = line.partition(":")
                data[key] = value.strip() or None
        return data

    @staticmethod
    def sibling(repository, path, blobs):
        return {"rfilename": path, **({"size": len(repository.files[path])} if blobs else {})}

    def resolve(self, kind, name, revision, path):
        if not self.allowed(kind, name):
            return None
        repository = self.hub.at(kind, name, revision)
        if repository is None:
            return self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        if path not in repository.files:
            return self.answer(404, b"Entry not found", [("X-Error-Code", "EntryNotFound"),
                                                         ("X-Error-Message", "Entry not found"),
                                                         ("X-Repo-Commit", repository.commit)])
        content, etag = repository.files[path], repository.etag(path)
        headers = [("X-Repo-Commit", repository.commit), ("Accept-Ranges", "bytes")]
        said = self.fault["values"] if self.fault and self.fault["kind"] == "etag" else [f'"{etag}"']
        if Repository.is_lfs(path, content):
            headers += [*(("X-Linked-Etag", tag) for tag in said), ("X-Linked-Size", str(len(content))),
                        ("Location", f"{self.cdn_url}/cdn/{etag}?sig=secret")]
            return self.answer(302, b"", headers)
        return self.content(content, [*headers, *(("ETag", tag) for tag in said)])

    def cdn(self, path):
        path = path.partition("?")[0]
        upload = re.fullmatch(r"/upload/([0-9a-f]{64})(?:/(\d+))?", path)
        if self.command == "PUT" and upload:
            if upload[2]:
                self.hub.parts[upload[1], int(upload[2])] = self.body
                return self.answer(200, b"", [("ETag", f'"{hashlib.md5(self.body).hexdigest()}"')])
            if hashlib.sha256(self.body).hexdigest() != upload[1]:
                return self.answer(400, b"another digest")
            self.hub.store[upload[1]] = self.body
            return self.answer(200)
        complete = re.fullmatch(r"/complete/([0-9a-f]{64})", path)
        if complete:
            wanted = json.loads(self.body)
            parts = [self.hub.parts.get((complete[1], p["partNumber"]), b"") for p in wanted["parts"]]
            known = [f'"{hashlib.md5(part).hexdigest()}"' == p["etag"] for part, p in zip(parts, wanted["parts"])]
            if not all(known) or hashlib.sha256(b"".join(parts)).hexdigest() != complete[1]:
                return self.answer(400, b"the parts are not the file")
            self.hub.store[complete[1]] = b"".join(parts)
            return self.answer_json({})
        found = re.fullmatch(r"/cdn/([0-9a-f]{64})", path)
        if not found or found[1] not in self.hub.store:
            return self.answer(404)
        return self.content(self.hub.store[found[1]], [("ETag", f'"{found[1]}"')])

    def content(self, content, headers):
        fault = self.fault
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if wanted and not (fault and fault["kind"] == "ignore_range"):
            begin, end = int(wanted[1]), int(wanted[2] or len(content) - 1) + 1
            if begin >= len(content):
                return self.answer(416, b"", [("Content-Range", f"bytes */{len(content)}")])
            end = min(end, len(content))
            return self.answer(206, content[begin:end],
                               [*headers, ("Content-Range", f"bytes {begin}-{end - 1}/{len(content)}")], fault)
        return self.answer(200, content, headers, fault)

    # -- uploads

    def writes(self):
        if self.hub.token and self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            self.refuse(403, "Forbidden", "Forbidden: pass a token with write permissions")
            return False
        return True

    def create(self):
        wanted = json.loads(self.body)
        name = f"{wanted['organization']}/{wanted['name']}" if wanted.get("organization") else wanted["name"]
        if self.hub.token and self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            return self.refuse(401, "Unauthorized", "Invalid credentials")
        kind = (wanted.get("type") or "model") + "s"
        if "/" not in name:
            name = "somebody/" + name
        if (kind, name) in self.hub.repositories:
            return self.answer_json({"error": "You already created this repo", "url": f"{self.endpoint_url}/{name}"}, 409)
        self.hub.repositories[kind, name] = Repository({})
        if wanted.get("private") or wanted.get("visibility") == "private":
            self.hub.private.add(name)
        return self.answer_json({"url": f"{self.endpoint_url}/{name}", "name": name, "id": name})

    def preupload(self, repository):
        files = []
        for file in json.loads(self.body)["files"]:
            lfs = file["path"].endswith(LFS_ENDINGS) and file["size"] >= LFS_BYTES
            there = repository.files.get(file["path"])
            ignored = file["path"] in repository.files.get(".gitignore", b"").decode().split()
            files.append({"path": file["path"], "uploadMode": "lfs" if lfs else "regular", "shouldIgnore": ignored,
                          "oid": repository.etag(file["path"]) if there is not None else None})
        return self.answer_json({"files": files, "commitOid": repository.commit})

    def batch(self):
        objects = []
        for wanted in json.loads(self.body)["objects"]:
            oid, size = wanted["oid"], wanted["size"]
            entry = {"oid": oid, "size": size}
            if oid not in self.hub.store:
                href = f"{self.cdn_url}/upload/{oid}"
                if size > (1 << 20):
                    part = 1 << 19
                    header = {"chunk_size": str(part)}
                    for i in range((size + part - 1) // part):
                        header[f"{i + 1:05d}"] = f"{href}/{i + 1}"
                    entry["actions"] = {"upload": {"href": f"{self.cdn_url}/complete/{oid}", "header": header}}
                else:
                    entry["actions"] = {"upload": {"href": href, "header": {}}}
                entry["actions"]["verify"] = {"href": f"{self.endpoint_url}/verify", "header": {}}
            objects.append(entry)
        transfer = "multipart" if any("chunk_size" in o.get("actions", {}).get("upload", {}).get("header", {}) for o in objects) else "basic"
        return self.answer_json({"transfer": transfer, "objects": objects})

    def commit(self, kind, name, repository):
        summary = description = ""
        changes = {}
        for line in self.body.decode().splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "header":
                summary, description = value["summary"], value.get("description", "")
                if value.get("parentCommit") not in (None, repository.commit):
                    return self.refuse(412, "Precondition", "parent commit is not the branch's")
            elif entry["key"] == "file":
                changes[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                if value["oid"] not in self.hub.store:
                    return self.refuse(400, "BadRequest", "lfs object is missing")
                changes[value["path"]] = self.hub.store[value["oid"]]
            elif entry["key"] == "deletedFile":
                repository.files.pop(value["path"], None)
        repository.files.update(changes)
        repository.settle(summary, description)
        return self.answer_json({"success": True, "commitOid": repository.commit,
                                 "commitUrl": f"{self.endpoint_url}/{name}/commit/{repository.commit}"})


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, handler, certificate=None, host="127.0.0.1"):
        super().__init__((host, 0), handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # Hands are shaken by the thread that answers, so that a client that breaks off keeps no other one waiting.
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"http{'s' if certificate else ''}://{host}:{self.server_port}"

    def handle_error(self, *_):
        pass  # clients that go away in the middle are what these tests are about


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root")
    parser.add_argument("--token", default="")
    parser.add_argument("--private", action="append", default=[])
    parser.add_argument("--gated", action="append", default=[])
    parser.add_argument("--keep_bodies", action="store_true")
    parser.add_argument("--moved", action="append", default=[])
    parser.add_argument("--pages", type=int, default=0)
    parser.add_argument("--certificate")
    parser.add_argument("--plain_cdn", action="store_true")
    arguments = parser.parse_args()
    hub = Hub(arguments)
    endpoint_handler = type("EndpointHandler", (Handler,), {"hub": hub})
    cdn_handler = type("CdnHandler", (Handler,), {"hub": hub, "is_cdn": True})
    endpoint = Server(endpoint_handler, arguments.certificate)
    # Another host, not another port alone: huggingface_hub 1.x follows redirects to the same host for metadata.
    cdn = Server(cdn_handler, None if arguments.plain_cdn else arguments.certificate, "127.0.0.2")
    control_handler = type("ControlHandler", (endpoint_handler,), {"place": "control"})
    control = Server(control_handler) if arguments.certificate else endpoint
    urls = {"endpoint": endpoint.url, "cdn": cdn.url, "control": control.url}
    for handler in (endpoint_handler, cdn_handler, control_handler):
        handler.endpoint_url, handler.cdn_url = urls["endpoint"], urls["cdn"]
    for server in {endpoint, cdn, control}:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps(urls), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
