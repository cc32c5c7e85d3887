"""What scripts that test the program by others' eyes share: `SCRIPT TEKIO MODEL …`, a short run, and a server."""

import json
import pathlib
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "python/tests"))
from run import run_suite  # noqa: F401: the scripts' own end

PROGRAM, MODEL, *MORE = sys.argv[1:]


def make_run(case, name, *options):
    """The folder of a run of MODEL on a few made-up sentences, gone when the class `case` is done."""
    scratch = tempfile.TemporaryDirectory()
    case.addClassCleanup(scratch.cleanup)
    folder = pathlib.Path(scratch.name)
    text = folder / "text.txt"
    text.write_text("".join(f"The film number {i} was a great story of the city and its people.\n" for i in range(200)), encoding="utf-8")
    subprocess.run([PROGRAM, "adapt", "--model", MODEL, "--data", text, "--output_dir", folder / name, "--chunk_size", "16", "--eval_strategy", "steps", *options, "--quiet", "--no_cache"],
                   check=True, stdout=subprocess.DEVNULL)
    return folder / name


def start_server(case, *options):
    """The address of a server of MODEL and what `options` ask for besides, which ends when the class `case` is done."""
    server = subprocess.Popen([PROGRAM, "serve", "--model", MODEL, *options, "--port", "0", "--json", "--quiet"], stdout=subprocess.PIPE, text=True)

    def stop():
        server.send_signal(signal.SIGTERM)
        server.wait(30)
        server.stdout.close()

    case.addClassCleanup(stop)
    return json.loads("".join(iter(server.stdout.readline, "}\n")) + "}")["url"]
