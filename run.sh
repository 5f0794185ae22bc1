#!/usr/bin/env bash
# Builds, shows, runs and tests the Foo trio. `./run.sh help` lists the verbs.
# It needs Go and nothing else, works from any folder, and ends every process
# it has started, only those.
set -euo pipefail
root=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")") # through symbolic links

go_wanted=1.26

usage() {
  cat <<END
./run.sh                 builds the trio and shows it at work, in less than a minute;
                         ./run.sh show  is the same
./run.sh proxy ARGS      builds and runs foo_proxy;  ./run.sh proxy -h  says more
./run.sh server ARGS     builds and runs foo_server
./run.sh client ARGS     builds and runs foo_client
./run.sh test            runs every check of the project, in about five minutes;
                         FUZZTIME=5s ./run.sh test  shortens the fuzzing
./run.sh help            prints this
END
}

fail() {
  echo "run.sh: $1" >&2
  exit "${2:-1}"
}

# check_go refuses a Go that is missing or too old to fetch the one go.mod asks
# for. It asks outside the module: inside, an old Go might fail with a riddle.
check_go() {
  local version
  command -v go >/dev/null || fail "Go is missing; install Go $go_wanted or newer from https://go.dev/dl/"
  version=$(cd / && go version)
  [[ $version =~ go([0-9]+)\.([0-9]+) ]] || return 0
  ((BASH_REMATCH[1] > 1 || BASH_REMATCH[2] >= 21)) ||
    fail "Go ${BASH_REMATCH[1]}.${BASH_REMATCH[2]} is too old; install Go $go_wanted or newer from https://go.dev/dl/"
}

# build NAME... puts commands into bin/.
build() {
  local name
  for name in "$@"; do
    go -C "$root" build -o "bin/$name" "./cmd/$name" || fail "$name does not build"
  done
}

# run NAME ARGS becomes the command, so that signals and exit codes are its own.
run() {
  build "$1"
  exec "$root/bin/$1" "${@:2}"
}

verb=${1-show}
[ $# -eq 0 ] || shift
case $verb in
  show | test | help | -h | -help | --help)
    [ $# -eq 0 ] || fail "$verb takes no arguments" 2
    ;;
esac
case $verb in
  help | -h | -help | --help) usage ;;
  show) check_go && build foo_proxy foo_server foo_client && exec "$root/.ci/show" "$root/bin" ;;
  proxy | server | client) check_go && run "foo_$verb" "$@" ;;
  test) check_go && exec "$root/.ci/test" ;;
  *) fail "$verb is not a verb; ./run.sh help lists them" 2 ;;
esac
