"""Makes tests/golden/data/repositories.json: which files of a repository the reference's load_dataset takes for which split.

    PYTHON scripts/golden/make_repository_golden.py [OUT.json]

Each case is a listing, perhaps a README.md and a configuration's name. The repositories are served by tests/hub/server.py, so
that it is the reference's own way over the Hub's file system that is recorded: the splits with their files in order, the
module that reads them, or the first line of the error. "taken" says why Tekio opens what the reference does not. Written with datasets 5.2.0, fsspec 2026.9.0, huggingface_hub 2.4.0.
"""

import json, os, pathlib, random, re, subprocess, sys, tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests/golden/data/repositories.json"


def head(text):
    return f"---\n{text.strip()}\n---\n# A dataset\n"


CONFIGS = """
configs:
- config_name: plain_text
  data_files:
  - split: train
    path: plain_text/train-*
  - split: test
    path: plain_text/test-*
  - split: unsupervised
    path: plain_text/unsupervised-*
  default: true
"""
TWO = """
configs:
- config_name: en
  data_files: en/*.jsonl
- config_name: de
  data_files:
  - split: train
    path: [de/a.jsonl, "de/b*.jsonl"]
  - split: test
    path: de/test.jsonl
"""
FILES = ["de/a.jsonl", "de/b1.jsonl", "de/b2.jsonl", "de/test.jsonl", "en/1.jsonl", "en/2.jsonl", "README.md"]

CASES = [
    # Names of files.
    {"files": ["train.csv", "test.csv"]},
    {"files": ["train.jsonl", "validation.jsonl", "test.jsonl", "unsupervised.jsonl"]},
    {"files": ["a.txt", "b/c.txt", "b/d.txt"]},
    {"files": ["data.jsonl.gz"]},
    {"files": ["data/train-00000-of-00002.jsonl", "data/train-00001-of-00002.jsonl", "data/test-00000-of-00001.jsonl",
               "data/extra-00000-of-00001.jsonl"]},
    {"files": ["data/train-00000-of-00001-abc123.parquet", "data/zoo-00000-of-00001.parquet", "data/a.b-00000-of-00001.parquet"]},
    {"files": ["data/a-00000-of-00002-00001-of-00003.csv"]},
    {"files": ["data/my-split-00000-of-00001.csv"]},
    {"files": ["sub/data/train-00000-of-00001.csv", "sub/data/test-00000-of-00001.csv"]},
    {"files": ["my_train_file.csv", "my-dev-file.csv", "eval1.csv"]},
    {"files": ["training.csv", "valid.csv", "testing.csv"]},
    {"files": ["trainer.csv", "latest.csv", "developer.csv"]},
    {"files": ["Train.csv", "TEST.csv"]},
    {"files": ["train.train.csv", "dev-valid.csv"]},
    {"files": ["train-test.csv"]},
    {"files": ["train.csv", "notes.txt", "LICENSE"]},
    {"files": ["train.csv", "train.json"]},
    {"files": ["train.csv", "test.json"]},
    {"files": ["1.csv", "2.csv", "3.json"]},
    {"files": ["a.json", "b.csv", "c.txt"]},
    {"files": ["a.tsv", "b.tsv"]},
    {"files": ["data.csv.bak", "x.CSV"]},
    {"files": ["train 1.csv", "test_2.csv", "val.3.csv"]},
    {"files": ["épreuve/train.csv", "épreuve/test.csv"]},
    # Names of folders go before names of files.
    {"files": ["train/a.csv", "train/b.csv", "test/a.csv"]},
    {"files": ["train/a.csv", "test.csv"]},
    {"files": ["data/train/shard_1.jsonl", "data/train/shard_0.jsonl", "data/test/shard_0.jsonl"]},
    {"files": ["my train data/a.txt", "dev-set/a.txt", "x/y/evaluation_1/z/a.txt"]},
    {"files": ["train/train-1/a.csv", "train/b.csv"]},
    {"files": ["train/test/a.csv", "train/b.csv"]},
    {"files": ["train-valid/a.csv"]},
    {"files": ["tests/run.sh", "data.csv"]},
    {"files": ["test/run.sh", "data.csv"]},
    {"files": ["test/run.sh", "train/data.csv"]},
    # What is left out.
    {"files": [".hidden.csv", ".git/a.csv", "__pycache__/a.csv", "a.csv", "b/.c/d.csv"]},
    {"files": ["README.md", "dataset_infos.json", "config.json", "a.json"], "readme": "# Nothing\n"},
    {"files": ["README.md"], "readme": "# Nothing\n"},
    {"files": ["script.sh"]},
    {"files": ["images/1.jpg", "images/2.jpg", "metadata.csv"]},
    {"files": ["metadata.jsonl", "a.csv"]},
    {"files": ["train.zip"]},
    # Configurations.
    {"files": ["plain_text/train-00000-of-00001.parquet", "plain_text/test-00000-of-00001.parquet",
               "plain_text/unsupervised-00000-of-00001.parquet", "README.md"], "readme": head(CONFIGS)},
    {"files": FILES, "readme": head(TWO)},
    {"files": FILES, "readme": head(TWO), "config": "en"},
    {"files": FILES, "readme": head(TWO), "config": "de"},
    {"files": FILES, "readme": head(TWO), "config": "fr"},
    {"files": FILES, "readme": head(TWO).replace("\n", "\r\n"), "config": "de"},
    {"files": FILES, "readme": head(TWO + "\ndataset_info:\n  config_name: de\n")},
    {"files": FILES, "readme": "\n" + head(TWO), "config": "de"},
    {"files": FILES, "readme": "text first\n" + head(TWO)},
    {"files": FILES, "readme": head("configs:\n- config_name: default\n  data_files: de/*\n- config_name: x\n  data_files: en/*")},
    {"files": FILES, "readme": head("configs:\n- config_name: a\n  data_files: de/*\n  default: yes\n- config_name: b\n  data_files: en/*\n  default: no")},
    {"files": FILES, "readme": head("configs:\n- config_name: a\n  data_dir: de\n- config_name: b\n  data_dir: en/"), "config": "a"},
    {"files": FILES, "readme": head("configs:\n- config_name: a\n  data_dir: de\n- config_name: b\n  data_dir: en/"), "config": "b"},
    {"files": FILES, "readme": head("configs:\n- config_name: a\n  data_dir: de\n  data_files: 'b*'"), "taken": "data_dir is looked into"},
    {"files": FILES, "readme": head("configs:\n- config_name: a\n  data_files:\n  - de/b2.jsonl\n  - de/a.jsonl\n  - de/b2.jsonl")},
    {"files": FILES, "readme": head("configs:\n- config_name: a\n  data_files: de/nothing.jsonl")},
    {"files": FILES, "readme": head("configs:\n- config_name: a\n  data_files:\n  - split: my-split\n    path: de/a.jsonl")},
    {"files": FILES, "readme": head("configs:\n- config_name: a\n  data_files:\n  - split: s\n    path: de/a.jsonl\n  - split: s\n    path: en/*")},
    {"files": FILES, "readme": head("configs:\n- config_name: a\n  data_files:\n  - split: b.c_1\n    path: de/a.jsonl")},
    {"files": FILES, "readme": head("configs:\n- config_name: a\n  data_files: {train: de/a.jsonl}")},
    {"files": FILES, "readme": head("configs:\n- data_files: de/a.jsonl")},
    {"files": FILES, "readme": head("configs: {a: b}")},
    {"files": FILES, "readme": head("configs: []\nlicense: mit")},
    {"files": FILES, "readme": head("x: &x {config_name: a, data_files: de/*}\nconfigs:\n- *x\n- <<: *x\n  config_name: b\n  data_files: en/*"), "config": "b"},
    {"files": FILES, "readme": head("configs:\n- config_name: a\n  data_files: ./de/a.jsonl"), "taken": "the same file"},
    {"files": FILES, "readme": head("configs:\n- config_name: a\n  data_files: de//a.jsonl"), "taken": "the same file"},
    {"files": FILES, "readme": head("configs:\n- config_name: a\n  data_files: ../x/a.jsonl")},
    {"files": FILES, "readme": head("configs:\n- config_name: a\n  data_files: https://example.org/a.jsonl")},
    # Patterns.
    *[{"files": ["a.csv", "b.csv", "ab.csv", "d/a.csv", "d/e/b.csv", "d/e/f/ab.csv", "[x].csv", "{a,b}.csv", ".h/a.csv", "__s/a.csv", "README.md"],
       "readme": head("configs:\n- config_name: a\n  data_files:\n  - " + json.dumps(pattern))}
      for pattern in ["*.csv", "**/*.csv", "**", "**.csv", "d/**", "d/*/*.csv", "d/**/ab.csv", "[ab].csv", "[!a].csv", "[a-c]*.csv", "?.csv", "{a,b}.csv",
                      "[[]x].csv", "[]-x[]*", "d/", "d", ".h/*", "__s/*.csv", "*/a.csv", "**/d/**", "d[!x]a.csv", "[b-a].csv", "a*b*.csv", "[", "[.csv"]],
]


def random_listing(rng):
    folders = ["", "", "data/", "train/", "test/", "my-train/", "x/dev/", "a_test.1/", "valid-set/", ".h/", "__m/", "eval/sub/", "untrained/"]
    stems = ["train", "test", "dev", "a", "b-train", "train-1", "val_2", "testing", "evaluation", "x.test.y", "trainer", "1valid", "data", "training set",
             "train-00000-of-00002", "dev-00001-of-00002"]
    endings = [".csv"] * 5 + [".jsonl", ".txt", ".csv.gz", ".md", ".sh"]
    return sorted({rng.choice(folders) + rng.choice(stems) + rng.choice(endings) for _ in range(rng.randrange(1, 9))})


random_cases = random.Random(13)
CASES += [{"files": random_listing(random_cases)} for _ in range(60)]


def judge(number, case):
    from datasets import load_dataset_builder

    name = f"org/case{number}"
    try:
        builder = load_dataset_builder(name, name=case.get("config"))
        splits = []
        for split, files in builder.config.data_files.items():
            splits.append([str(split), [path.split("@", 1)[1].split("/", 1)[1] for path in files]])
        return {"module": type(builder).__module__.rsplit(".", 1)[-1], "config_name": builder.config.name, "splits": splits}
    except Exception as error:
        text = f"{type(error).__name__}: {str(error).strip()}".splitlines()[0].replace(f"{os.getcwd()}/", "").replace(name, "ID")
        return {"error": re.sub(r"127\.0\.0\.1:\d+", "HUB", re.sub("[0-9a-f]{40}", "COMMIT", text))[:120]}


def main():
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(CASES):
            for path in case["files"]:
                file = pathlib.Path(folder, "repositories/datasets/org", f"case{number}", path)
                file.parent.mkdir(parents=True, exist_ok=True)
                content = case.get("readme", "") if path == "README.md" else "{}" if path.endswith("infos.json") else ""
                file.write_bytes(content.encode())
        server = subprocess.Popen([sys.executable, ROOT / "tests/hub/server.py", folder + "/repositories"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        os.environ.update(HF_ENDPOINT=json.loads(server.stdout.readline())["endpoint"], HF_HOME=folder + "/home", HF_HUB_OFFLINE="0",
                          HF_HUB_DISABLE_XET="1", HF_UPDATE_DOWNLOAD_COUNTS="0")
        import datasets

        datasets.config.USE_PARQUET_EXPORT = False
        datasets.logging.set_verbosity_error()
        out = [{**case, **judge(number, case)} for number, case in enumerate(CASES)]
        server.stdin.close()
        server.wait()
    with open(OUT, "w", encoding="utf-8") as f:
        f.write("[\n" + ",\n".join(json.dumps(case, ensure_ascii=False) for case in out) + "\n]\n")
    print(f"{len(out)} cases, {sum('error' in case for case in out)} of them errors")


if __name__ == "__main__":
    main()
