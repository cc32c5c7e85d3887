#!/bin/sh
# Installs by apt what building and testing Tekio needs and this machine lacks, and by pip the library that reads Parquet
# files and what the Python package is built with; says what it does; does nothing, and needs no network, where nothing is missing. Plain sh, since a bare Debian 12 has
# neither make nor git nor a compiler.
#
#   sh scripts/setup.sh         what make build, adapt, test, bench and install need
#   sh scripts/setup.sh --ci    also clang, clang-format, the fuzzers' runtime, and a Japanese dictionary, a second MPI, shells, a
#                               notebook's kernel, a browser, axe-core, TensorBoard, pandas, pyarrow and datasets for tests
set -eu

notebooks="" browser=""
packages="make g++ cmake ninja-build pkg-config python3 libdnnl-dev ocl-icd-opencl-dev libhwy-dev libsimdjson-dev
  nlohmann-json3-dev libfmt-dev libtomlplusplus-dev libzstd-dev zlib1g-dev libbz2-dev liblzma-dev libxxhash-dev libonig-dev
  libyaml-dev libcurl4-openssl-dev libssl-dev libmecab-dev libopenmpi-dev openmpi-bin libcpp-httplib-dev
  python3-dev python3-venv
  libgtest-dev libgmock-dev libbenchmark-dev"
case "${1:-}" in
  "") ;;
  --ci) packages="$packages clang clang-format libclang-rt-dev libomp-dev git mecab-ipadic-utf8 zsh fish
    libmpich-dev mpich"
    notebooks="ipykernel==7.* nbclient==0.*" browser=chromium-headless-shell ;;
  *) echo "setup: unknown argument '$1'; usage: sh scripts/setup.sh [--ci]" >&2; exit 2 ;;
esac

if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-query >/dev/null 2>&1; then
  echo "setup: this machine has no apt. Install the equals of these Debian 12 packages by its own package manager," >&2
  echo "setup: then go on with 'make SETUP=no adapt':" $packages >&2
  exit 1
fi

# dpkg-query fails when it does not know a package at all; its list is what counts.
# shellcheck disable=SC2086
installed=" $(dpkg-query -W -f='${Package}=${db:Status-Status} ' $packages 2>/dev/null || true)"
missing=""
for package in $packages; do
  case "$installed" in
    *" $package=installed "*) ;;
    *) missing="$missing $package" ;;
  esac
done

# Arrow C++ reads Parquet files. Debian 12 has no package of it, but the Python wheel of Arrow holds its headers and
# libraries; they are unpacked into the cache folder, where CMake looks for them (cmake/TekioArrow.cmake). Whatever is in the
# way of that, Tekio is built without Parquet.
arrow_version=26.0.1  # cmake/TekioArrow.cmake has the same
arrow_hash=39cb0f2418282c24bea6ceda77b03e5a8f0a5766b63a8bf194d4e2a2c423548c
arrow_folder=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/tekio/arrow-$arrow_version

get_arrow() {
  [ ! -e "$arrow_folder/pyarrow/include/arrow/api.h" ] || return 0
  for config in /usr/lib/*/cmake/Arrow/ArrowConfig.cmake /usr/lib*/cmake/Arrow/ArrowConfig.cmake \
      /usr/local/lib*/cmake/Arrow/ArrowConfig.cmake; do
    [ ! -e "$config" ] || return 0
  done
  without="setup: going on without Arrow C++, so Parquet files will not be read:"
  [ "$(uname -m)" = x86_64 ] || { echo "$without there is no wheel for $(uname -m)"; return 0; }
  python3 -m pip --version >/dev/null 2>&1 || { echo "$without python3 has no pip (apt-get install python3-pip)"; return 0; }
  mkdir -p "${arrow_folder%/*}" 2>/dev/null && work=$(mktemp -d "$arrow_folder.XXXXXX" 2>/dev/null) ||
    { echo "$without ${arrow_folder%/*} cannot be written"; return 0; }
  echo "setup: getting Arrow C++ $arrow_version (the wheel pyarrow, 55 MB) by pip into $arrow_folder"
  echo "pyarrow==$arrow_version --hash=sha256:$arrow_hash" >"$work/wanted.txt"
  if python3 -m pip download --quiet --disable-pip-version-check --retries 0 --timeout 10 --no-deps --only-binary :all: --python-version 3.11 \
      --implementation cp --abi cp311 --platform manylinux_2_28_x86_64 --require-hashes -r "$work/wanted.txt" \
      -d "$work" 2>"$work/errors.txt" && python3 - "$work" <<'END'
import glob, os, sys, zipfile
work = sys.argv[1]
with zipfile.ZipFile(glob.glob(work + "/*.whl")[0]) as wheel:
    for name in wheel.namelist():
        parts = name.split("/")
        if ".." in parts or name.startswith("/"):
            sys.exit("a path in the wheel leads out of it")
        library = len(parts) == 2 and parts[1].startswith(("libarrow.so", "libparquet.so"))
        if parts[0] == "pyarrow" and (library or parts[1] == "include"):
            wheel.extract(name, work)
        elif parts[-1] in ("LICENSE.txt", "NOTICE.txt"):
            with open(os.path.join(work, "pyarrow", parts[-1]), "wb") as copy:
                copy.write(wheel.read(name))
END
  then
    rm -f "$work"/*.whl "$work"/*.txt
    chmod 755 "$work"
    # A folder that is there lacks its headers, or another setup has just made it.
    rm -rf "$arrow_folder"
    mv "$work" "$arrow_folder" 2>/dev/null || rm -rf "$work"
  else
    echo "$without $(tail -n 1 "$work/errors.txt")"
    rm -rf "$work"
  fi
}

# The Python package is built with nanobind, which Debian 12 has only an old one of: it goes into a virtual environment in the cache
# folder, where CMake looks for it (cmake/TekioPython.cmake), with what the package's tests need. Whatever is in the way of that,
# Tekio is built without the package, and its tests are skipped.
python_folder=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/tekio/python
python_packages="nanobind==3.1.0 nanobind-backend==1.0.0 numpy"

get_python() {
  without="setup: going on without nanobind, so the Python package will not be built:"
  if "$python_folder/bin/python3" -c 'import nanobind, nanobind_backend, numpy' >/dev/null 2>&1; then
    [ -n "$notebooks" ] && ! "$python_folder/bin/python3" -c 'import ipykernel, nbclient' >/dev/null 2>&1 || return 0
  else
    rm -rf "$python_folder"
    mkdir -p "${python_folder%/*}" 2>/dev/null && python3 -m venv "$python_folder" >/dev/null 2>&1 ||
      { echo "$without python3 makes no virtual environment in $python_folder (apt-get install python3-venv)"; rm -rf "$python_folder"; return 0; }
  fi
  echo "setup: getting $python_packages${notebooks:+ $notebooks} by pip into $python_folder"
  # shellcheck disable=SC2086
  "$python_folder/bin/python3" -m pip install --quiet --disable-pip-version-check --retries 0 --timeout 10 --only-binary :all: \
    $python_packages $notebooks 2>"$python_folder/errors.txt" ||
    { echo "$without $(tail -n 1 "$python_folder/errors.txt")"; rm -rf "$python_folder"; return 0; }
  rm -f "$python_folder/errors.txt"
}

as_root=""
[ "$(id -u)" = 0 ] || as_root="sudo"

# Tests drive a Chromium through the page, have axe-core look for what keeps people from using it, TensorBoard read a run's events,
# schemathesis ask a server for all that it says it does, and the Python package take data of pandas, pyarrow and datasets.
# Whatever is in the way of these, the tests that need them are skipped.
readers="tensorboard==2.* schemathesis==4.* pandas==3.1.1 pyarrow==$arrow_version datasets==5.2.0"

get_readers() {
  [ -n "$browser" ] || return 0
  if ! command -v "$browser" >/dev/null 2>&1 && ! command -v chromium >/dev/null 2>&1; then
    echo "setup: getting $browser"
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$browser" >/dev/null 2>&1 ||
      echo "setup: going on without a browser, so the tests of the page will be skipped: apt has no $browser"
  fi
  [ -x "$python_folder/bin/python3" ] || return 0
  ! "$python_folder/bin/python3" -c 'import importlib.util, sys; sys.exit(not all(map(importlib.util.find_spec, sys.argv[1:])))' \
    axe_playwright_python schemathesis tensorboard pandas pyarrow datasets || return 0
  echo "setup: getting $readers and axe-core (in the wheel axe-playwright-python) by pip into $python_folder"
  pip="$python_folder/bin/python3 -m pip install --quiet --disable-pip-version-check --retries 0 --timeout 10 --only-binary :all:"
  # shellcheck disable=SC2086
  $pip --no-deps axe-playwright-python==0.1.8 2>/dev/null && $pip $readers 2>/dev/null ||
    echo "setup: going on without them, so the tests that need them will be skipped"
}

if [ -z "$missing" ]; then
  get_arrow
  get_python
  get_readers
  exit 0
fi
missing="$missing python3-pip"  # get_arrow goes on without where it is the only one

if [ -n "$as_root" ] && ! command -v sudo >/dev/null 2>&1; then
  echo "setup: these packages are missing, and there is no sudo. Run as root: apt-get install$missing" >&2
  exit 1
fi
echo "setup: missing on this machine:$missing"
echo "setup: installing them:${as_root:+ $as_root} apt-get update; ${as_root:+$as_root }apt-get install --no-install-recommends"
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive sh -c '
  apt-get update -qq && apt-get install -qq -y --no-install-recommends "$@" >/dev/null' sh $missing || {
  echo "setup: apt could not install these packages (its message is above); is the network there?" >&2
  exit 1
}
get_arrow
get_python
get_readers
echo "setup: done"
