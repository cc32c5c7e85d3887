#!/usr/bin/env python3
"""Holds a Markdown page to what it shows: runs its commands, and makes a program of its C++.

    check_document.py commands PAGE --tekio PROGRAM --model FOLDER --data FOLDER
        runs every command of the page's code blocks that begins with tekio, in order; fails where one fails
    check_document.py code PAGE FILE.cc
        writes the page's C++ blocks, one after another, as one program
    check_document.py program PROGRAM --model FOLDER --data FOLDER
        runs that program in such a folder
    check_document.py same PAGE PAGE
        fails unless both pages show the same C++

Each runs in a folder of its own, which has what a reader has: the repository's examples, text of their own, and the files that the
page itself shows. Names of the Hub (and the bundled model) lead to a small model and short reviews, by a cache that is made here, so that
a name works where it works for a reader, and as a folder it does not. Sizes of data are smaller where a command reads such a stand-in,
and nowhere else; sizes of the work are those of a minute instead of a tutorial's. What needs the network, a package or an account is left out.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

MODELS, DATA = ["distilbert-base-uncased"], ["imdb"]
LEFT_OUT = re.compile(r"\bpush\b")
JAPANESE = re.compile(r"tohoku-nlp/[\w-]+")
IPADIC = pathlib.Path(os.environ.get("TEKIO_IPADIC", "/var/lib/mecab/dic/ipadic-utf8"))
JAPANESE_TEXT = "東京は日本の首都です。名前はまだ無い。\nパッケージをインストールします。設定ファイルを編集して、システムを再起動します。\n"
SAMPLED = [(r"train_size( = | )10'?000\b", r"train_size\g<1>40"), (r"test_size( = | )1'?000\b", r"test_size\g<1>8")]
QUICKER = [(r" --max_steps 20\b", ""), (r"--max_chunks 1000", "--max_chunks 8"), (r"num_train_epochs( = | )(3|10)\b", r"num_train_epochs\g<1>2"),
           (r"batch_size( = | )64", r"batch_size\g<1>8"), (r"bench step ", "bench step --max_steps 2 "),
           (r"tekio pretrain ", "tekio pretrain --max_steps 2 --max_eval_samples 8 ")]


def blocks(page, language):
    """The code blocks of a page that are marked as of this language."""
    return [text for marked, text in re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.S | re.M) if marked == language]


def smaller(text):
    reads_stand_in = any(re.search(rf"\b{name}\b", text) for name in DATA)
    for pattern, replacement in QUICKER + (SAMPLED if reads_stand_in else []):
        text = re.sub(pattern, replacement, text)
    return text


def add_to_cache(cache, kind, name, files):
    """A repository of the Hub as its libraries keep it: files, by their names there."""
    commit, repository = "0" * 40, cache / f"{kind}--{name.replace('/', '--')}"
    for there, source in files.items():
        (repository / "snapshots" / commit / there).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, repository / "snapshots" / commit / there)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)


def add_roberta(cache, tekio, text, environment):
    """A small RoBERTa with a byte-level vocabulary, whose mask is <mask>, as roberta-base."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        config = {"model_type": "roberta", "vocab_size": 600, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
                  "intermediate_size": 64, "max_position_embeddings": 514}
        (folder / "config.json").write_text(json.dumps(config))
        for command in (f"tokenizer train --model_type bpe --data {text} --vocab_size 600 --output_dir tokenizer",
                        f"pretrain --config config.json --tokenizer tokenizer --data {text} --output_dir model --max_steps 1"):
            subprocess.run([tekio, *command.split(), "--quiet"], cwd=folder, env=environment, check=True, capture_output=True)
        add_to_cache(cache, "models", "roberta-base", {file.name: file for file in (folder / "model").iterdir() if file.is_file()})


def add_japanese(cache, tekio, names, texts, environment):
    """A small BERT whose words are MeCab's and whose tokens are the texts' characters, under such names."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        characters = sorted({character for text in texts for character in text.read_text() if not character.isspace()})
        vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters, *("##" + character for character in characters)]
        config = {"model_type": "bert", "vocab_size": len(vocabulary), "hidden_size": 32, "num_hidden_layers": 2,
                  "num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 512}
        settings = {"tokenizer_class": "BertJapaneseTokenizer", "word_tokenizer_type": "mecab", "subword_tokenizer_type": "wordpiece",
                    "mecab_kwargs": {"mecab_dic": "ipadic"}, "do_lower_case": False, "model_max_length": 512}
        (folder / "tokenizer").mkdir()
        (folder / "tokenizer" / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
        (folder / "tokenizer" / "tokenizer_config.json").write_text(json.dumps(settings))
        (folder / "config.json").write_text(json.dumps(config))
        command = f"pretrain --config config.json --tokenizer tokenizer --data {texts[0]} --chunk_size 64 --output_dir model --max_steps 1"
        subprocess.run([tekio, *command.split(), "--quiet"], cwd=folder, env=environment, check=True, capture_output=True)
        for model in names:
            add_to_cache(cache, "models", model, {file.name: file for file in (folder / "model").iterdir() if file.is_file()})


def shown_files(page):
    """The files of JSON that a page shows, each behind the sentence that names it."""
    return re.findall(r"`([\w.-]+\.json)`[^`]*(?:`[^`\n]+`[^`]*)*\n\n```json\n(.*?)^```$", page.read_text(), re.S | re.M)


@contextlib.contextmanager
def prepared(arguments):
    """A folder with what a reader has, and the environment of what runs there."""
    with tempfile.TemporaryDirectory(prefix="tekio-page-") as name:
        folder = pathlib.Path(name) / "here"
        cache, share = folder.parent / "hub", folder.parent / "share"
        (folder / "examples").mkdir(parents=True)
        shutil.copytree(arguments.data, folder / "examples" / "reviews")
        texts = [json.loads(line)["text"] for line in (arguments.data / "train.jsonl").read_text().splitlines()]
        for own in ("notes.txt", "wiki.txt", "held-out.txt"):
            (folder / own).write_text("\n".join(text.replace("\n", " ") for text in texts))
        (folder / "debian-reference.txt").write_text(JAPANESE_TEXT * 100)
        shutil.copytree(arguments.model, share / "tekio-small-uncased")
        for model in MODELS:
            add_to_cache(cache, "models", model, {file.name: file for file in arguments.model.iterdir()})
        for data in DATA:
            splits = {f"data/{file.stem}-00000-of-00001.jsonl": file for file in arguments.data.glob("*.jsonl")}
            add_to_cache(cache, "datasets", data, splits)
        yield folder, {**os.environ, "TEKIO_CACHE": str(folder.parent / "cache"), "TEKIO_SHARE": str(share),
                       "HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "1"}


def commands(arguments):
    lines = [line for block in blocks(arguments.page, "") for line in block.replace("\\\n", " ").splitlines()]
    chosen = [smaller(re.sub(r" +", " ", line)) for line in lines if line.startswith("tekio ") and not LEFT_OUT.search(line)]
    japanese = {match.group() for command in chosen for match in JAPANESE.finditer(command)}
    if japanese and not (IPADIC / "sys.dic").exists():
        chosen = [command for command in chosen if not JAPANESE.search(command)]
        print(f"{arguments.page.name}: commands on Japanese models are left out: MeCab's dictionary is not in {IPADIC}")
        japanese = set()
    if not chosen:
        sys.exit(f"{arguments.page}: no command was found")
    with prepared(arguments) as (folder, environment):
        if any("roberta-base" in command for command in chosen):
            add_roberta(pathlib.Path(environment["HF_HUB_CACHE"]), arguments.tekio.resolve(), folder / "notes.txt", environment)
        if japanese:
            add_japanese(pathlib.Path(environment["HF_HUB_CACHE"]), arguments.tekio.resolve(), japanese,
                         [folder / "debian-reference.txt", folder / "notes.txt"], environment)
        for file, text in shown_files(arguments.page):
            (folder / file).write_text(text)
        environment["PATH"] = f"{arguments.tekio.resolve().parent}:{environment['PATH']}"
        for command in chosen:
            run = subprocess.run(["sh", "-c", command], cwd=folder, env=environment, text=True, capture_output=True, check=False)
            if run.returncode != 0:
                sys.exit(f"{arguments.page}: {command}\nended with {run.returncode}:\n{run.stdout}{run.stderr}")
    print(f"{arguments.page.name}: {len(chosen)} commands run")


def program(arguments):
    with prepared(arguments) as (folder, environment):
        sys.exit(subprocess.run([arguments.page.resolve()], cwd=folder, env=environment, check=False).returncode)


def code(arguments):
    lines = smaller("".join(blocks(arguments.page, "cpp"))).splitlines()
    assert lines, f"{arguments.page} has no C++"
    includes = ["#include <fmt/format.h>", "#include <cstdio>"]
    includes += [line for line in lines if line.startswith("#include") and line not in includes]
    body = "\n".join("  " + line if line else "" for line in lines if not line.startswith("#include"))
    arguments.file.write_text("\n".join(includes) + "\n\nint main() {\n  try {\n" + body + "\n  } catch (const tekio::Error& error) {\n"
                              '    fmt::print(stderr, "{}\\n", error.what());\n    return tekio::exit_code(error.kind());\n  }\n}\n')


def same(arguments):
    if blocks(arguments.page, "cpp") != blocks(arguments.other, "cpp"):
        sys.exit(f"{arguments.page} and {arguments.other} show different C++")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True)
    for verb, more in ((commands, []), (code, ["file"]), (program, []), (same, ["other"])):
        sub = verbs.add_parser(verb.__name__)
        sub.set_defaults(verb=verb)
        sub.add_argument("page", type=pathlib.Path)
        for name in more:
            sub.add_argument(name, type=pathlib.Path)
        options = {commands: ["--tekio", "--model", "--data"], program: ["--model", "--data"]}
        for option in options.get(verb, []):
            sub.add_argument(option, type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    arguments.verb(arguments)


if __name__ == "__main__":
    main()
