#!/usr/bin/env python3
"""`tekio serve` under load beside two servers in Python (serve_peers.py): the reference's pipeline and onnxruntime, each behind FastAPI and uvicorn.

    compare_serve.py TEKIO MODEL [MODEL…] --python PYTHON [--seconds 10] [--connections 1,16,256] [--rounds 1] [--servers tekio,tekio-f32,reference,onnx] [--json FILE]

TEKIO is the program, MODEL a model's folder; PYTHON has transformers with torch, onnxruntime, fastapi and uvicorn[standard]; wrk makes the load (Debian: wrk). For each
model and number of connections the servers take turns, one at a time, `rounds` times: each is started, warmed up for two seconds, left to become idle, and loaded for so many seconds with
texts of 8 to 22 tokens, five words wanted of each. Told are requests a second, the median and the 99th percentile of latency (medians of the rounds), and the
process's resident memory when the load begins and when it has ended. An answer that is no 200, and a server that names other words than the first one does, ends it.
"""
import argparse
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

TEXTS = [
    "This is a great [MASK].",
    "The capital of France is [MASK].",
    "She opened the [MASK] and looked outside.",
    "The patient was given a [MASK] for the pain and sent home in the evening.",
    "I have never seen such a [MASK] film in my whole life.",
    "Add the onions and cook them until they are [MASK].",
    "The plot is thin, but the [MASK] of the two leading actors makes up for it.",
    "He said that the [MASK] would arrive at nine.",
]
WRK = """
local bodies = %s
local at = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
request = function()
  at = at %% #bodies + 1
  return wrk.format(nil, nil, nil, bodies[at])
end
done = function(summary, latency)
  io.write(string.format("result %%d %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    summary.errors.status, summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
"""


def body(text):
    return json.dumps({"inputs": text, "parameters": {"top_k": 5}})


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def resident_mib(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


class Server:
    def __init__(self, command, port, name):
        self.url = f"http://127.0.0.1:{port}/models/{name}"
        self.process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 120
        while not self.answer(TEXTS[0]):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                sys.exit(f"{command[0]} does not serve:\n{self.process.stderr.read()}")
            time.sleep(0.1)

    def answer(self, text):
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url, body(text).encode(), {"Content-Type": "application/json"}), timeout=60) as reply:
                return json.load(reply)
        except OSError:
            return None

    def load(self, script, connections, seconds):
        said = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "-s", script, self.url], check=True, capture_output=True, text=True).stdout
        requests, duration, median, high, refused, broken = map(int, re.search(r"result (.*)", said)[1].split())
        if refused or broken:
            sys.exit(f"{self.url}: {refused} answers that are no 200, {broken} connections that failed\n{said}")
        return requests / (duration * 1e-6), median * 1e-3, high * 1e-3

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()


def start(kind, options, model, file):
    port = free_port()
    peers = pathlib.Path(__file__).with_name("serve_peers.py")
    commands = {
        "tekio": [options.tekio, "serve", "--model", model, "--port", port, "--quiet"],
        "tekio-f32": [options.tekio, "serve", "--model", model, "--port", port, "--quiet", "--dtype", "f32"],
        "reference": [options.python, peers, "reference", model, port],
        "reference-bf16": [options.python, peers, "reference", model, port, "--dtype", "bfloat16"],
        "onnx": [options.python, peers, "onnx", model, port, "--file", file],
    }
    return Server(commands[kind], port, model.name)


def words(server):
    return [server.answer(text)[0]["token"] for text in TEXTS]


def check_words(found, kind, expected):
    """bf16 and the order of sums may make two words of nearly the same probability change places, in few texts."""
    same = sum(a == b for a, b in zip(found, expected))
    if same < len(TEXTS) - 2:
        sys.exit(f"{kind} has other words than the first server: {found}, {expected}")


def measure(options, model, file, script, connections):
    rows = {kind: [] for kind in options.servers}
    expected = None
    for _ in range(options.rounds):
        for kind in options.servers:
            server = start(kind, options, model, file)
            try:
                found = words(server)
                expected = expected or found
                check_words(found, kind, expected)
                server.load(script, connections, 2)
                server.answer(TEXTS[0])  # when what the warm-up left behind is done
                before = resident_mib(server.process)
                rows[kind].append((*server.load(script, connections, options.seconds), before, resident_mib(server.process)))
            finally:
                server.stop()
    return {kind: dict(zip(("requests_per_second", "median_ms", "p99_ms", "mib_before", "mib_after"), map(statistics.median, zip(*of_kind)))) for kind, of_kind in rows.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tekio", type=pathlib.Path)
    parser.add_argument("models", type=pathlib.Path, nargs="+")
    parser.add_argument("--python", required=True)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--connections", type=lambda text: list(map(int, text.split(","))), default=[1, 16, 256])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--servers", type=lambda text: text.split(","), default=["tekio", "tekio-f32", "reference", "onnx"])
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as scratch:
        script = f"{scratch}/load.lua"
        pathlib.Path(script).write_text(WRK % ("{" + ",".join(f"[==[{body(text)}]==]" for text in TEXTS) + "}"), encoding="utf-8")
        for model in map(pathlib.Path.resolve, options.models):
            file = None
            if "onnx" in options.servers:
                exported = subprocess.run([options.tekio, "export", "--format", "onnx", model, "--output_dir", f"{scratch}/{model.name}", "--json", "--quiet"],
                                          check=True, capture_output=True, text=True).stdout
                file = json.loads(exported)["path"]
            for connections in options.connections:
                measured = results.setdefault(model.name, {})[connections] = measure(options, model, file, script, connections)
                for kind, row in measured.items():
                    others = [other["requests_per_second"] for name, other in measured.items() if not name.startswith("tekio")]
                    ahead = f" · {row['requests_per_second'] / max(*others, 1e-9):.2f} x the best other" if kind.startswith("tekio") and others else ""
                    print(f"{model.name} · {connections} connections · {kind}: {row['requests_per_second']:.1f} requests/s · median {row['median_ms']:.1f} ms · "
                          f"99 % {row['p99_ms']:.1f} ms · {row['mib_before']:.0f} -> {row['mib_after']:.0f} MiB{ahead}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


main()
