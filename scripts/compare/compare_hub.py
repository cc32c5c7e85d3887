#!/usr/bin/env python3
"""Lays Tekio's Hub client beside huggingface_hub's, against tests/hub/server.py: who fetches first serves the other.

    compare_hub.py TEKIO        (run by a Python that has huggingface_hub; name its version beside what this prints)

Checks: what `tekio pull` fetched makes snapshot_download ask for no file, and the other way round; both caches hold the same
blobs, refs and links; `hf cache ls` lists what Tekio fetched; what either notes that a repository lacks the other does not ask for.
"""

import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

SERVER = pathlib.Path(__file__).resolve().parents[2] / "tests" / "hub" / "server.py"


def request(url, method="GET", body=None):
    with urllib.request.urlopen(urllib.request.Request(url, body, method=method)) as answer:
        return json.load(answer)


def layout(cache):
    """Every file of a cache: links with their targets, contents by digest. Locks and tags are nobody's business."""
    found = {}
    for path in sorted(pathlib.Path(cache).rglob("*")):
        name = path.relative_to(cache).as_posix()
        if name.startswith(".locks") or name == "CACHEDIR.TAG" or "/.no_exist" in name or path.is_dir():
            continue
        found[name] = os.readlink(path) if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def main():
    tekio = os.path.abspath(sys.argv[1])
    work = pathlib.Path(tempfile.mkdtemp())
    model = work / "repositories" / "models" / "org" / "model"
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    (model / "README.md").write_text("---\nlicense: mit\n---\n")
    (model / "vocab.txt").write_text("[UNK]\n")
    (model / "model.safetensors").write_bytes(os.urandom(3_000_000))
    (model / "nested").mkdir()
    (model / "nested" / "notes.txt").write_text("notes")
    server = subprocess.Popen([sys.executable, SERVER, work / "repositories", "--token", "hf_token"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    urls = json.loads(server.stdout.readline())
    os.environ.update(HF_ENDPOINT=urls["endpoint"], HF_HUB_DISABLE_XET="1", HF_HUB_DISABLE_TELEMETRY="1")
    import huggingface_hub  # reads the environment once
    print("huggingface_hub", huggingface_hub.__version__)

    def files_asked():
        log = request(urls["endpoint"] + "/_log")
        request(urls["endpoint"] + "/_log", "DELETE")
        return [f"{e['method']} {e['path']}" for e in log if not e["path"].startswith("/api/")]

    def pull(cache, *options):
        return json.loads(subprocess.run([tekio, "pull", "org/model", "--json", "--quiet", "--cache_dir", cache, *options],
                                         check=True, stdout=subprocess.PIPE).stdout)

    ours, theirs = work / "ours", work / "theirs"
    pulled = pull(ours)
    files_asked()
    path = huggingface_hub.snapshot_download("org/model", cache_dir=ours)
    assert path == pulled["path"], (path, pulled)
    asked = files_asked()
    assert not asked, asked
    print("after tekio pull, snapshot_download asks for no file")
    huggingface_hub.snapshot_download("org/model", cache_dir=theirs)
    files_asked()
    pull(theirs)
    asked = files_asked()
    assert not asked, asked
    print("after snapshot_download, tekio pull asks for no file")
    assert layout(ours) == layout(theirs), (layout(ours), layout(theirs))
    print("both caches are the same:", len(layout(ours)), "files and links")
    repositories = [r.repo_id for r in huggingface_hub.scan_cache_dir(ours).repos]
    assert repositories == ["org/model"], repositories
    listed = subprocess.run([pathlib.Path(sys.executable).with_name("hf"), "cache", "ls", "--cache-dir", ours], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
    print("scan_cache_dir lists org/model;", "hf cache ls does, too" if "org/model" in listed else "hf cache ls: " + listed)

    # Notes of what there is not: ours for theirs, and theirs for ours.
    absent = "added_tokens.json"
    noted = huggingface_hub.try_to_load_from_cache("org/model", absent, cache_dir=ours)
    assert noted is huggingface_hub.file_download._CACHED_NO_EXIST, noted
    by_name = work / "by_name"
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", absent,
                 "vocab.txt", "vocab.json", "merges.txt", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model"):
        try:
            huggingface_hub.hf_hub_download("org/model", name, cache_dir=by_name)
        except huggingface_hub.errors.EntryNotFoundError:
            pass
    commit = pathlib.Path(path).name
    files_asked()
    for offline in ([], ["--offline"]):
        # The files are no model, which is said when they are opened: after all that is asked.
        opened = subprocess.run([tekio, "info", "--model", f"org/model@{commit}", *offline], stderr=subprocess.PIPE, text=True,
                                env=os.environ | {"HF_HUB_CACHE": str(by_name)})
        assert str(by_name) in opened.stderr, opened.stderr
        log = request(urls["endpoint"] + "/_log")
        assert not log, log
    print("files that either notes to be absent are not asked for, nor is what the commit holds")

    server.stdin.close()


if __name__ == "__main__":
    main()
