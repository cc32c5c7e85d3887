#!/bin/sh
# Installs by apt what building and testing Tekio needs and this machine lacks; says what it does; does nothing, and needs
# no network, where nothing is missing. Plain sh, since a bare Debian 12 has neither make nor git nor a compiler.
#
#   sh scripts/setup.sh         what make build, adapt, test, bench and install need
#   sh scripts/setup.sh --ci    also clang, clang-format and the fuzzers' runtime
set -eu

packages="make g++ cmake ninja-build pkg-config python3 libdnnl-dev ocl-icd-opencl-dev libhwy-dev libsimdjson-dev
  nlohmann-json3-dev libfmt-dev libtomlplusplus-dev libzstd-dev zlib1g-dev libxxhash-dev libonig-dev
  libcurl4-openssl-dev libssl-dev
  libgtest-dev libgmock-dev libbenchmark-dev"
case "${1:-}" in
  "") ;;
  --ci) packages="$packages clang clang-format libclang-rt-dev libomp-dev git" ;;
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
[ -n "$missing" ] || exit 0

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
echo "setup: done"
