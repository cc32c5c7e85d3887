#!/usr/bin/env python3
"""Installs a wheel of the Python package in fresh virtual environments, and runs the package's tests, the walkthrough and the program there.

    check_wheel.py WHEEL [--python PYTHON]… [--beside PACKAGE]… [--root FOLDER]…
    check_wheel.py --build BUILD

WHEEL is what `pip wheel .` makes, repaired by auditwheel or not. For each PYTHON (the one that runs this, otherwise): an environment with the wheel and what pip gets with
it; with --beside a second one that has these packages as well (pandas, pyarrow, datasets, torch), as they are today. A --root is a system in a folder, as debootstrap
makes it, with python3 and python3-venv: wheel and tests are copied to its /tmp, and its own Python runs them (root only, by chroot).

--build puts the wheel together from the files that a finished build installs, compiling nothing, and takes NumPy and nanobind-backend from the Python that BUILD was
configured with, without a network; the tests of a minute run. `.ci/run` does that.

Fails where a wheel is larger than 40 MB (compressed, as pip makes it), names no CPython 3.10 ABI, or anything in it fails.
"""
import argparse
import base64
import hashlib
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
LARGEST = 40_000_000  # bytes
# What tests read, in a system that does not see this folder.
NEEDED = ["python/tests", "python/tekio", "examples", "scripts/release", "tests/golden", "tests/hub/server.py"]


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


def assemble(build, folder):
    """A wheel of what `build` installs; the same files as `pip wheel .` packs."""
    stage = folder / "stage"
    run("cmake", "--install", build, "--component", "python", "--prefix", stage)
    for file in (ROOT / "python" / "tekio").iterdir():
        if file.suffix in (".py", ".pyi", ".typed"):
            shutil.copy(file, stage / "tekio")
    version = re.search(r"project\(tekio VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text(encoding="utf-8"))[1]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    info = stage / f"tekio-{version}.dist-info"
    info.mkdir()
    needs = re.findall(r'"([^"]+)"', re.search(r"^dependencies = \[(.*)\]", project, re.M)[1])
    info.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: tekio\nVersion: {version}\n" + "".join(f"Requires-Dist: {need}\n" for need in needs))
    info.joinpath("WHEEL").write_text("Wheel-Version: 1.0\nGenerator: check_wheel\nRoot-Is-Purelib: false\nTag: cp310-abi3-linux_x86_64\n")
    info.joinpath("entry_points.txt").write_text("[console_scripts]\n" + re.search(r"^\[project.scripts\]\n(.*?)\n\n", project, re.M | re.S)[1].replace('"', "") + "\n")
    wheel = folder / f"tekio-{version}-cp310-abi3-linux_x86_64.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as packed:
        records = []
        for file in sorted(stage.rglob("*")):
            if file.is_file():
                name, content = file.relative_to(stage).as_posix(), file.read_bytes()
                packed.write(file, name)
                records.append(f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip('=')},{len(content)}\n")
        packed.writestr(f"{info.name}/RECORD", "".join(records) + f"{info.name}/RECORD,,\n")
    return wheel


def look(wheel):
    """What a wheel must have, whatever it was made by."""
    if "cp310-abi3" not in wheel.name:
        sys.exit(f"{wheel.name} is not for CPython 3.10's stable ABI")
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in ("tekio/_tekio.abi3.so", "tekio/bin/tekio", "tekio/__init__.pyi", "tekio/py.typed", "tekio/share/tekio/tekio-small-uncased/model.safetensors"):
        if wanted not in names:
            sys.exit(f"{wheel.name} has no {wanted}")
    foreign = [name for name in names if not name.startswith(("tekio/", "tekio-", "tekio.libs/"))]
    if foreign or any(name.endswith(".pyc") for name in names):
        sys.exit(f"{wheel.name} holds what is not the package's: {', '.join(foreign) or 'compiled Python'}")
    if wheel.stat().st_size > LARGEST:
        sys.exit(f"{wheel.name} has {wheel.stat().st_size / 1e6:.1f} MB, more than {LARGEST / 1e6:.0f}")
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB, {sum(name.startswith('tekio.libs/') for name in names)} libraries of others inside")


class Environment:
    """A virtual environment in `folder`, here or in the system in the folder `root`, whose own names these are."""

    def __init__(self, python, folder, *options, root=None, source=ROOT):
        # With /proc, which vanishes with the last process.
        self.before = ["unshare", "--mount", "sh", "-c", 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"', root] if root else []
        self.folder, self.source = folder, source
        self.python = folder / "venv" / "bin" / "python"
        run(*self.before, python, "-m", "venv", *options, folder / "venv")
        self.name = f"Python {self.says('-c', 'import platform; print(platform.python_version())').strip()}"

    def says(self, *words, **options):
        # From elsewhere and isolated, so that nothing but what is installed is found.
        return run(*self.before, "env", "-C", self.folder, "-u", "PYTHONPATH", self.python, *words, **options)

    def install(self, *words):
        self.says("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore", *words)

    def check(self, patterns):
        begun = time.monotonic()
        place = pathlib.Path(self.says("-c", "import tekio; print(tekio.__path__[0])").strip()).parent
        if not place.is_relative_to(self.folder):
            sys.exit(f"tekio was found in {place}, not in {self.folder}")
        counted = [0, 0]
        for pattern in patterns:
            said = self.says(self.source / "python/tests/run.py", place, pattern)
            for i, word in enumerate(("PASSED", "SKIPPED")):
                counted[i] += sum(int(number) for number in re.findall(rf"^\[  {word} *\] (\d+) tests?", said, re.M))
        version = run(*self.before, self.folder / "venv/bin/tekio", "--version").strip()
        said = self.says(self.source / "examples/walkthrough.py", "--data", self.source / "examples/reviews", "--model", self.source / "examples/tiny-model",
                         "--train_size", 24, "--test_size", 6, "--max_steps", 4)  # fmt: skip
        if said.count(">>> Perplexity: ") != 2:
            sys.exit(f"the walkthrough prints\n{said}")
        print(f"{self.name}: {counted[0]} tests passed, {counted[1]} skipped; the walkthrough; {version}; {time.monotonic() - begun:.0f} s", flush=True)


def check_root(wheel, root):
    """In another system: pip gets the wheel's dependencies here, for the Python that is there."""
    with tempfile.TemporaryDirectory(dir=root / "tmp") as there:
        there = pathlib.Path(there)
        inside = pathlib.Path("/") / there.relative_to(root)
        for part in NEEDED:
            (there / "source" / part).parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            copy(ROOT / part, there / "source" / part)
        environment = Environment("python3", inside, root=root, source=inside / "source")
        system = re.search(r'^PRETTY_NAME="(.*)"', (root / "etc/os-release").read_text(), re.M)[1]
        version = environment.says("-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()
        run(sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:", "--python-version", version, "--dest", there / "wheels", "numpy", "nanobind-backend>=1,<2")
        shutil.copy(wheel, there / "wheels")
        environment.install("--no-index", "--find-links", inside / "wheels", inside / "wheels" / wheel.name)
        environment.name = f"{system}, {environment.name}"
        environment.check(["test_*.py"])


def check_build(build, folder):
    wheel = assemble(build, folder)
    look(wheel)
    configured = re.search(r"^_?Python_EXECUTABLE:\w+=(.*)$", (build / "CMakeCache.txt").read_text(), re.M)
    python = pathlib.Path(configured[1])
    environment = Environment(python, folder, "--without-pip")
    site = next(folder.glob("venv/lib/python*/site-packages"))
    others = run(python, "-c", "import numpy, nanobind_backend; print(*(m.__path__[0] for m in (numpy, nanobind_backend)), sep='\\n')").split()
    for package in map(pathlib.Path, others):
        for part in package.parent.glob(f"{package.name}*"):
            (site / part.name).symlink_to(part)
    run(python, "-m", "pip", "--python", environment.python, "install", "--quiet", "--disable-pip-version-check", "--no-index", wheel)
    environment.check([f"test_{room}.py" for room in ("package", "errors", "data", "model", "text", "trainer")])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", nargs="?", type=pathlib.Path)
    parser.add_argument("--build", type=pathlib.Path)
    parser.add_argument("--python", action="append", default=[])
    parser.add_argument("--beside", action="append", default=[])
    parser.add_argument("--root", action="append", default=[], type=pathlib.Path)
    options = parser.parse_args()
    if (options.wheel is None) == (options.build is None):
        parser.error("pass a wheel, or --build BUILD")
    if options.build:
        with tempfile.TemporaryDirectory() as folder:
            check_build(options.build, pathlib.Path(folder))
        return
    wheel = options.wheel.resolve()
    look(wheel)
    for python in options.python or ([] if options.root else [sys.executable]):
        for beside in [[]] + ([options.beside] if options.beside else []):
            with tempfile.TemporaryDirectory() as folder:
                environment = Environment(python, pathlib.Path(folder))
                environment.install(wheel, *beside)
                if beside:
                    environment.name += f" beside {', '.join(line for line in environment.says('-m', 'pip', 'freeze').splitlines() if line.split('==')[0] in beside)}"
                environment.check(["test_*.py"])
    for root in options.root:
        check_root(wheel, root.resolve())


if __name__ == "__main__":
    main()
