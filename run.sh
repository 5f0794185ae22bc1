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
./run.sh test            runs every check of the project, in about eight minutes;
                         FUZZTIME=5s ./run.sh test  shortens the fuzzing
./run.sh sim [N [SEED]]  makes N simulated runs of the proxy, 100,000 in about a
                         minute, and a fifth as many of the server; tells a run
                         that fails as a list of events
./run.sh faults          measures the table of faults on real processes, in about
                         two minutes;  FOO_RELEASE=1 ./run.sh faults  takes longer
./run.sh soak [TIME [SEED]]
                         keeps a proxy and three servers under load for 10m, or TIME,
                         while they and their clients fail by turns
./run.sh bench ARGS      compares the proxy with HAProxy, nginx and others, in about
                         twenty minutes on a quiet machine;  ./run.sh bench -h
./run.sh profile         renews the profiles that foo_proxy and foo_server are built
                         with, after changes to what each message passes
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

# simulate N SEED makes runs of both loops, all of them new. A failure of the one
# does not keep the other from being looked at.
simulate() {
  [[ $1 =~ ^[1-9][0-9]*$ && $2 =~ ^[0-9]+$ ]] || fail "sim takes a number of runs and a first seed" 2
  local status=0
  cd "$root"
  go test ./proxy -run '^TestSim$' -count 1 -timeout 0 -v -sim.seeds "$1" -sim.seed "$2" || status=$?
  go test ./foo/server -run '^TestSim$' -count 1 -timeout 0 -v -sim.seeds "$((($1 + 4) / 5))" -sim.seed "$2" || status=$?
  return "$status"
}

# fault_tests are the names of the tests that print figures or are about faults of
# processes: all of the files that are named so.
fault_tests() {
  grep -hoE '^func Test[A-Za-z0-9_]+' cmd/foo_proxy/fault_*_test.go | sed 's/^func //' | paste -sd '|' -
}

# measure_faults runs the tests of faults one after the other, and prints what
# they have measured as a table.
figures=
remove_figures() { [ -z "$figures" ] || rm -f "$figures"; }
measure_faults() {
  local status=0
  trap remove_figures EXIT
  figures=$(mktemp)
  cd "$root"
  FOO_FIGURES=$figures go test ./cmd/foo_proxy -run "^($(fault_tests))\$" -count 1 -timeout 60m || status=$?
  printf '| row | fault | measured | goal |\n|---|---|---|---|\n'
  sort -V "$figures"
  return "$status"
}

# soak TIME SEED keeps processes under load while they fail. Seed 0 is another one
# each time, which the run tells.
soak() {
  [[ $1 =~ ^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$ && $1 =~ [1-9] && $2 =~ ^[0-9]+$ ]] || fail "soak takes a time such as 10m and a seed" 2
  cd "$root"
  go test ./cmd/internal/soak -run '^TestSoak$' -count 1 -timeout 0 -v -soak.time "$1" -soak.seed "$2"
}

# compare ARGS measures the proxy beside others. The binary notes the commit it
# was built from, even where GOFLAGS says otherwise; the results tell it. Where
# git cannot say, they tell that.
compare() {
  build foo_proxy foo_server foo_client
  go -C "$root" build -buildvcs=true -o bin/bench ./cmd/internal/bench 2>/dev/null ||
    go -C "$root" build -buildvcs=false -o bin/bench ./cmd/internal/bench || fail "bench does not build"
  exec "$root/bin/bench" -bin "$root/bin" -out "$root/tmp/bench" "$@"
}

# renew_profile replaces what go build finds beside the mains of the two loops: where
# the time of a turn goes, so that it inlines there.
renew_profile() {
  temp=$(mktemp -d)
  trap 'rm -rf "$temp"' EXIT
  cd "$root"
  profile ./proxy cmd/foo_proxy
  profile ./foo/server cmd/foo_server
}

# profile PACKAGE COMMAND measures the package, and leaves the profile with the command.
profile() {
  go test -trimpath "$1" -run '^$' -bench '^BenchmarkLoopback$' -benchtime 300000x -cpuprofile "$temp/cpu" -o "$temp/test"
  go tool pprof -proto -output "$temp/pgo" "$temp/cpu" 2>/dev/null
  mv "$temp/pgo" "$2/default.pgo"
}

verb=${1-show}
[ $# -eq 0 ] || shift
case $verb in
  show | test | faults | profile | help | -h | -help | --help)
    [ $# -eq 0 ] || fail "$verb takes no arguments" 2
    ;;
  sim) [ $# -le 2 ] || fail "sim takes a number of runs and a first seed" 2 ;;
  soak) [ $# -le 2 ] || fail "soak takes a time such as 10m and a seed" 2 ;;
esac
case $verb in
  help | -h | -help | --help) usage ;;
  show) check_go && build foo_proxy foo_server foo_client && exec "$root/.ci/show" "$root/bin" ;;
  proxy | server | client) check_go && run "foo_$verb" "$@" ;;
  test) check_go && exec "$root/.ci/test" ;;
  sim) check_go && simulate "${1-100000}" "${2-1}" ;;
  faults) check_go && measure_faults ;;
  soak) check_go && soak "${1-10m}" "${2-0}" ;;
  bench) check_go && compare "$@" ;;
  profile) check_go && renew_profile ;;
  *) fail "$verb is not a verb; ./run.sh help lists them" 2 ;;
esac
