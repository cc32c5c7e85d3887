#!/usr/bin/env python3
"""Lays `tekio push` beside huggingface_hub's upload_folder, against tests/hub/server.py: the same files by the same operations.

    compare_hub_upload.py TEKIO MODEL_FOLDER        (run by a Python that has huggingface_hub; with transformers more is checked)

Checks: both commits hold the same operations (regular or git-lfs, paths, contents), both repositories the same files; a second
push of either makes no commit and sends no content; what was pushed comes back byte for byte by `tekio pull` and by
snapshot_download; the model card is read by huggingface_hub and says what it should; the repository opens in transformers.
"""

import base64
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import urllib.request

SERVER = pathlib.Path(__file__).resolve().parents[2] / "tests" / "hub" / "server.py"
TOKEN = "hf_write"


def request(url, method="GET", body=None):
    with urllib.request.urlopen(urllib.request.Request(url, body, method=method)) as answer:
        return json.load(answer)


def operations(log, repository):
    """Those of the commits in a log: path -> ("file" or "lfsFile", digest of the content or git-lfs' oid)."""
    found = {}
    for entry in log:
        if entry["method"] == "POST" and f"/api/models/{repository}/commit/" in entry["path"]:
            for line in entry["body"].splitlines():
                operation = json.loads(line)
                value = operation["value"]
                if operation["key"] == "file":
                    found[value["path"]] = ("file", hashlib.sha256(base64.b64decode(value["content"])).hexdigest())
                elif operation["key"] == "lfsFile":
                    found[value["path"]] = ("lfsFile", value["oid"], value["size"], value["algo"])
    return found


def main():
    tekio, model = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    work = pathlib.Path(tempfile.mkdtemp())
    base = work / "repositories" / "models" / "org" / "base"
    shutil.copytree(model, base)
    (base / "README.md").write_text("---\nlicense: apache-2.0\nlanguage:\n- en\n- de\n---\n")
    server = subprocess.Popen([sys.executable, SERVER, work / "repositories", "--token", TOKEN, "--keep_bodies"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    endpoint = json.loads(server.stdout.readline())["endpoint"]
    os.environ.update(HF_ENDPOINT=endpoint, HF_HUB_DISABLE_XET="1", HF_HUB_DISABLE_TELEMETRY="1", HF_TOKEN=TOKEN,
                      HF_HOME=str(work / "home"), TEKIO_CACHE=str(work / "tekio"), HF_HUB_DISABLE_PROGRESS_BARS="1")
    import huggingface_hub  # reads the environment once
    print("huggingface_hub", huggingface_hub.__version__)

    def take_log():
        log = request(endpoint + "/_log")
        request(endpoint + "/_log", "DELETE")
        return log

    def run(*arguments):
        done = subprocess.run([tekio, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    # A run of its own, from a model that the Hub knows, with weights of several parts and an empty file among the rest.
    folder = work / "run"
    data = work / "text.txt"
    data.write_text("".join(f"the film number {i} was good and the actor was great in it\n" for i in range(400)))
    run("adapt", "--model", "org/base", "--data", data, "--output_dir", folder, "--chunk_size", "32", "--max_steps", "3", "--json",
        "--save_strategy", "steps", "--save_steps", "2", "--prompt", "the film was [MASK] .")
    shutil.copy(model / "LICENSE", folder) if (model / "LICENSE").exists() else (folder / "LICENSE").write_text("")
    take_log()
    pushed = run("push", folder, "org/ours", "--message", "A run", "--json")
    ours = operations(take_log(), "org/ours")

    # The reference's Trainer pushes its folder but for checkpoints; the card is what Tekio made.
    repositories = request(endpoint + "/_repositories")
    same = work / "same"
    same.mkdir()
    for name, content in repositories["models/org/ours"]["files"].items():
        (same / name).write_bytes(base64.b64decode(content))
    assert not any("checkpoint" in name for name in ours)
    huggingface_hub.create_repo("org/theirs", exist_ok=True)
    # the server keeps git-lfs' content by digest: forget it, so that theirs is sent too
    request(endpoint + "/_forget_store", "POST")
    take_log()
    api = huggingface_hub.HfApi()
    info = api.upload_folder(repo_id="org/theirs", folder_path=same, commit_message="A run",
                             ignore_patterns=["_*", "checkpoint-*"])
    theirs_log = take_log()
    theirs = operations(theirs_log, "org/theirs")
    assert ours == theirs, (ours, theirs)
    kinds = [operation[0] for operation in ours.values()]
    print(f"same operations: {len(ours)} files, {kinds.count('lfsFile')} by git-lfs, {kinds.count('file')} within the commit")
    repositories = request(endpoint + "/_repositories")
    assert repositories["models/org/ours"]["files"] == repositories["models/org/theirs"]["files"]
    assert [c["summary"] for c in repositories["models/org/ours"]["history"]] == [
        c["summary"] for c in repositories["models/org/theirs"]["history"]]
    print("same repositories")

    # Each over the other's: nothing to do.
    again = run("push", same, "org/theirs", "--json")
    assert again["sent"]["files"] == [] and again["commit"] == info.oid, again
    api.upload_folder(repo_id="org/ours", folder_path=same)
    log = take_log()
    assert not [e for e in log if e["method"] == "PUT" or "/commit/" in e["path"]], log
    print("pushed again, by either over the other's: no content, no commit")

    # And back.
    pulled = pathlib.Path(run("pull", "org/ours", "--json", "--all", "--cache_dir", work / "cache")["path"])
    snapshot = pathlib.Path(huggingface_hub.snapshot_download("org/ours", cache_dir=work / "cache2"))
    for name in ours:
        source = folder / name if name != "README.md" else same / name
        assert (pulled / name).read_bytes() == (snapshot / name).read_bytes() == source.read_bytes(), name
    print("pulled by either: byte for byte what was pushed")

    card = huggingface_hub.ModelCard.load(pulled / "README.md")
    api._validate_yaml(str(card), repo_type="model")  # what validate() asks; that of 0.36 asks huggingface.co alone
    assert card.data.library_name == "transformers" and card.data.pipeline_tag == "fill-mask", card.data
    figures = json.loads((folder / "run.json").read_text())
    results = {r.metric_type: r.metric_value for r in card.data.eval_results or []}
    assert (card.data.base_model, card.data.license, card.data.language) == ("org/base", "apache-2.0", ["en", "de"]), card.data
    assert abs(results["perplexity"] - figures["after"]["perplexity"]) < 1e-3, (results, figures["after"])
    assert huggingface_hub.ModelCard(str(card)).data.to_dict() == card.data.to_dict()
    print("the card is read and passes validation:", ", ".join(sorted(card.data.to_dict())))
    assert pushed["card_written"]

    try:
        import transformers
    except ImportError:
        print("without transformers: the repository was not opened with it")
    else:
        fill = transformers.pipeline("fill-mask", model="org/ours", device=-1)
        text = f"the film was {fill.tokenizer.mask_token} ."
        theirs_words = [p["token_str"] for p in fill(text)]
        ours_words = [p["token_str"] for p in run("fill", "--model", "org/ours", "--json", text)]
        assert ours_words == theirs_words, (ours_words, theirs_words)
        print("transformers", transformers.__version__, "opens it and fills as tekio does:", ", ".join(ours_words))

    server.stdin.close()


if __name__ == "__main__":
    main()
