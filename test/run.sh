#!/usr/bin/env bash
# Runs every test, against servers of its own below .build/check, and ends with one line:
#
#   oms: N passed, N failed
#
# The exit status is 1 when one failed. Arguments name suites (default: all, in the order of the list below).
# A suite is a directory of test/ with an executable run (docker runs only when it is named). It gets OMS_URL,
# OMS_CONNINFO, OMS_ADMIN_PASSWORD, PGBIN, OMS_BUILD, OMS_PGLOG, OMS_TOKEN_KEY and OMS_TEST_PORT, and ends with
# "N passed, N failed".
set -euo pipefail
umask 022
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
build=$root/.build
home=$build/check/home
suites=(build clang format shell regress isolation pgtap rest browser fault model)
passed=0 failed=0 skipped=0 server=''
export PG_CONFIG=${PG_CONFIG:-/usr/lib/postgresql/15/bin/pg_config}
export OMS_BUILD=$build PGBIN=${PGBIN:-}

# Adds up, and says how a suite ended.
score() {
	local name=$1 ok=$2 bad=$3 skip=${4:-0}
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
	printf -- '--- %s: %d passed, %d failed' "$name" "$ok" "$bad"
	((skip == 0)) || printf ', %d skipped' "$skip"
	printf ' (%d s)\n' "$((SECONDS - began))"
}

# One check that is a command.
check() {
	local name=$1
	shift
	if "$@"; then score "$name" 1 0; else score "$name" 0 1; fi
}

# Runs a suite and reads its last line.
run_suite() {
	local name=$1 out=$build/check/$1.out status=0
	shift
	timeout -k 10 900 "$@" 2>&1 | tee "$out" || status=$?
	if [[ $(grep -aE '^[0-9]+ passed, [0-9]+ failed' "$out" | tail -n 1) =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed(,\ ([0-9]+)\ skipped)? ]]; then
		local ok=${BASH_REMATCH[1]} bad=${BASH_REMATCH[2]} skip=${BASH_REMATCH[4]:-0}
		if ((status != 0 && bad == 0)); then
			echo "$name: exit status $status though nothing failed"
			bad=1
		fi
		score "$name" "$ok" "$bad" "$skip"
	else
		echo "$name: exit status $status and no closing line"
		score "$name" 0 1
	fi
}

# A port that nothing listens on, below those that the kernel gives out.
free_port() {
	local port
	while port=$((20000 + RANDOM % 12000)); do
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo "$port"
}

stop_server() {
	if [[ -n $server ]]; then
		kill -TERM "$server" 2>/dev/null || true
		wait "$server" || true
		server=''
	fi
	[[ ! -d $home ]] || server/run/cluster.sh remove "$home"
}

# The servers under test are make run's.
start_server() {
	local port pgport
	[[ -z $server ]] || return 0
	echo "starting PostgreSQL and omsd for the tests"
	stop_server
	build_gcc || return 1
	PGBIN=$(readlink -f "$build/pg.bin")
	port=$(free_port) pgport=$(free_port)
	OMS_ADMIN_PASSWORD=$(head -c 18 /dev/urandom | base64)
	export OMS_URL=http://127.0.0.1:$port OMS_ADMIN_PASSWORD
	OMS_HOME=$home OMS_PORT=$port OMS_PGPORT=$pgport OMS_DEMO=0 server/run/run.sh >"$build/check/server.out" 2>&1 &
	server=$!
	for _ in $(seq 600); do
		! grep -q '^oms is running' "$build/check/server.out" || break
		kill -0 "$server" 2>/dev/null || break
		sleep 0.2
	done
	if ! grep -q '^oms is running' "$build/check/server.out"; then
		cat "$build/check/server.out"
		echo "the servers under test did not start"
		return 1
	fi
	OMS_CONNINFO=$(server/run/cluster.sh conninfo "$home")
	OMS_PGLOG=$(find "$home/pg/log/" -name 'postgresql-*.log' | tail -n 1)
	OMS_TOKEN_KEY=$home/omsd/signing-keys
	OMS_TEST_PORT=$(free_port)
	export OMS_CONNINFO OMS_PGLOG OMS_TOKEN_KEY OMS_TEST_PORT
}

# A database of its own for a suite that is SQL alone; libpq's environment names it.
fresh_database() {
	[[ $OMS_CONNINFO =~ host=([^ ]+)\ port=([0-9]+) ]]
	export PGHOST=${BASH_REMATCH[1]} PGPORT=${BASH_REMATCH[2]} PGUSER=postgres PGDATABASE=postgres
	export PGOPTIONS='-c client_min_messages=warning'
	"$PGBIN/psql" -X -q -c "DROP DATABASE IF EXISTS $1 WITH (FORCE)" -c "CREATE DATABASE $1"
	PGDATABASE=$1
	"$PGBIN/psql" -X -q -v ON_ERROR_STOP=1 -f server/run/install.sql
	unset PGOPTIONS
}

build_gcc() {
	make -s stage
}

build_clang() {
	make -s -C extension CC=clang BUILD_DIR="$build/clang/extension" &&
		make -s -C server CC=clang BUILD="$build/clang/server" all
}

# pg_regress and its isolation tester, in the server that runs already.
regress() {
	local program=$1 input=$2 output=$3
	shift 3
	mkdir -p "$output"
	"$PGBIN/../lib/pgxs/src/test/$program" --bindir="$PGBIN" --host="$PGHOST" --port="$PGPORT" --user=postgres \
		--inputdir="$input" --outputdir="$output" --dbname="$PGDATABASE" --use-existing "$@" || {
		[[ ! -f $output/regression.diffs ]] || head -n 200 "$output/regression.diffs"
		return 1
	}
}

# The closing line out of a harness's lines "ok 1 ..." and "test name ... ok".
count_lines() {
	local file=$1 ok bad
	ok=$(grep -acE '\.\.\. ok |^ok [0-9]' "$file" || true)
	bad=$(grep -acE '\.\.\. FAILED|^not ok [0-9]' "$file" || true)
	echo "$ok passed, $bad failed"
}

suite_regress() {
	local tests out=$build/check/regress.lines status=0
	tests=$(cd sql && ls -- *.sql)
	fresh_database oms_regress
	# shellcheck disable=SC2086 # a list of names
	regress regress/pg_regress . "$build/regress" ${tests//.sql/} | tee "$out" || status=1
	count_lines "$out"
	return $status
}

suite_isolation() {
	local tests pairs out=$build/check/isolation.lines status=0
	tests=$(cd test/isolation/specs && ls -- *.spec)
	pairs=$(cd test/isolation/pair/specs && ls -- *.spec)
	fresh_database oms_isolation
	# shellcheck disable=SC2086 # a list of names
	regress isolation/pg_isolation_regress test/isolation "$build/isolation" ${tests//.spec/} | tee "$out" || status=1
	fresh_database oms_pair
	"$PGBIN/psql" -X -q -v ON_ERROR_STOP=1 -f test/isolation/pair/subject.sql >/dev/null
	/usr/bin/python3 -B test/isolation/pair/matrix.py | tee -a "$out" || status=1
	# shellcheck disable=SC2086 # a list of names
	regress isolation/pg_isolation_regress test/isolation/pair "$build/pair" ${pairs//.spec/} | tee -a "$out" || status=1
	count_lines "$out"
	return $status
}

suite_pgtap() {
	local out=$build/check/pgtap.lines status=0
	fresh_database oms_pgtap
	"$PGBIN/psql" -X -q -c 'CREATE EXTENSION pgtap'
	pg_prove --psql-bin "$PGBIN/psql" --verbose test/pgtap/*.sql >"$out" 2>&1 || status=1
	grep -E '^(test/|not ok|#)' "$out" || true
	tail -n 5 "$out"
	count_lines "$out"
	return $status
}

run_one() {
	local name=$1
	began=$SECONDS
	echo "=== $name"
	case $name in
	build) check "$name" build_gcc ;;
	clang) check "$name" build_clang ;;
	format) check "$name" make -s format-check ;;
	shell) check "$name" shellcheck server/run/*.sh docker/*.sh test/run.sh test/docker/run .ci/run ;;
	*)
		local command=("test/$name/run")
		[[ $(type -t "suite_$name") != function ]] || command=("$0" "suite_$name")
		if [[ ! -x ${command[0]} ]]; then
			echo "there is no ${command[0]}"
			score "$name" 0 1
		elif start_server; then
			run_suite "$name" "${command[@]}"
		else
			score "$name" 0 1
		fi
		;;
	esac
}

if [[ ${1:-} == suite_* ]]; then
	"$1"
	exit
fi
mkdir -p "$build/check"
trap 'exit 130' INT TERM HUP
trap stop_server EXIT
(($#)) || set -- "${suites[@]}"
for suite in "$@"; do run_one "$suite"; done
stop_server
printf 'oms: %d passed, %d failed' "$passed" "$failed"
((skipped == 0)) || printf ', %d skipped' "$skipped"
echo
((failed == 0))
