#!/bin/sh
# Installs by apt what building and testing Tekio needs and this machine lacks, and by pip the library that reads Parquet
# files; says what it does; does nothing, and needs no network, where nothing is missing. Plain sh, since a bare Debian 12 has
# neither make nor git nor a compiler.
#
#   sh scripts/setup.sh         what make build, adapt, test, bench and install need
#   sh scripts/setup.sh --ci    also clang, clang-format, the fuzzers' runtime, and a Japanese dictionary, a second MPI and shells for tests
set -eu

packages="make g++ cmake ninja-build pkg-config python3 libdnnl-dev ocl-icd-opencl-dev libhwy-dev libsimdjson-dev
  nlohmann-json3-dev libfmt-dev libtomlplusplus-dev libzstd-dev zlib1g-dev libbz2-dev liblzma-dev libxxhash-dev libonig-dev
  libyaml-dev libcurl4-openssl-dev libssl-dev libmecab-dev libopenmpi-dev openmpi-bin
  libgtest-dev libgmock-dev libbenchmark-dev"
case "${1:-}" in
  "") ;;
  --ci) packages="$packages clang clang-format libclang-rt-dev libomp-dev git mecab-ipadic-utf8 zsh fish
    libmpich-dev mpich" ;;
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

if [ -z "$missing" ]; then
  get_arrow
  exit 0
fi
missing="$missing python3-pip"  # get_arrow goes on without where it is the only one

as_root=""
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "setup: these packages are missing, and there is no sudo. Run as root: apt-get install$missing" >&2
    exit 1
  fi
  as_root="sudo"
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
echo "setup: done"
