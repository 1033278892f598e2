#!/usr/bin/env bash
# Runs oms in the foreground: PostgreSQL with the extension and its worker, then omsd. SIGINT or SIGTERM stops both in
# order, and the exit status is 0; if one of them ends by itself the other is stopped, and the status is 1.
# Everything is built and staged already (make run). Files are in OMS_HOME:
#
#   admin-password   of the account admin, when none was given
#   pg/              the database cluster, see cluster.sh
#   omsd/            the REST server: program, omsd.conf, signing-keys, log
#
# Environment: OMS_HOME, OMS_PORT, OMS_PGPORT, OMS_ADMIN_PASSWORD, OMS_DEMO=0 (no demo data), OMS_HOST (the address that
# omsd listens on, 127.0.0.1).
# shellcheck disable=SC2317 # functions called by trap and launch
set -euo pipefail
umask 022
root=$(cd "$(dirname "$0")/../.." && pwd)
cluster=$root/server/run/cluster.sh
: "${OMS_HOME:=$root/var}" "${OMS_PORT:=8000}" "${OMS_PGPORT:=54320}" "${OMS_DEMO:=1}"
given_password=${OMS_ADMIN_PASSWORD:-}
unset OMS_ADMIN_PASSWORD
postgres='' omsd='' child='' late=''

say() {
	printf '%s\n' "$*"
}

die() {
	printf 'oms: %s\n' "$*" >&2
	exit 1
}

# Sends a signal to a child until it has taken it, and waits for the child's end; kills it after 60 s.
stop_child() {
	local pid=$1 signal=$2
	for _ in $(seq 300); do
		kill -0 "$pid" 2>/dev/null || break
		kill "-$signal" "$pid" 2>/dev/null || break
		sleep 0.2
	done
	kill -KILL "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
}

# Stops what runs, omsd first, so that it can answer what it began.
stop_all() {
	trap '' INT TERM HUP
	if [[ -n $omsd ]]; then
		say "stopping omsd"
		stop_child "$omsd" TERM
	fi
	if [[ -n $postgres ]]; then
		say "stopping PostgreSQL"
		stop_child "$postgres" INT
	fi
}

# Starts a function in the background; $child is its process. A signal waits until that is known.
launch() {
	local stop=''
	trap 'stop=1' INT TERM HUP
	"$@" &
	child=$!
	trap 'exit 0' INT TERM HUP
	[[ -z $stop ]] || late=1
}

check_port() {
	local name=$1 port=$2
	if [[ ! $port =~ ^[0-9]{1,5}$ ]] || ((port < 1 || port > 65535)); then
		die "$name is '$port': give a port from 1 to 65535"
	fi
	if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
		die "port $port is in use: set $name to another one"
	fi
}

run_postgres() {
	OMS_PDEATHSIG=INT exec "$cluster" exec "$home" 9>&-
}

start_postgres() {
	say "starting PostgreSQL on port $OMS_PGPORT"
	launch run_postgres
	postgres=$child
	[[ -z $late ]] || exit 0
	for _ in $(seq 1200); do
		if "$bin/pg_isready" -q -d "$conninfo"; then return; fi
		kill -0 "$postgres" 2>/dev/null || break
		sleep 0.1
	done
	"$cluster" log "$home" >&2
	die "PostgreSQL did not start, its log is above"
}

sql() {
	PGOPTIONS='-c client_min_messages=warning' "$bin/psql" -X -q -At -v ON_ERROR_STOP=1 -d "$conninfo" "$@"
}

install_oms() {
	sql -f "$root/server/run/install.sql"
	if [[ $(sql -c "SELECT count(*) FROM oms.account WHERE username = 'admin'") == 0 ]]; then
		make_admin
	elif [[ -n $given_password ]]; then
		say "the account admin exists already: OMS_ADMIN_PASSWORD changes nothing"
	fi
	if [[ $OMS_DEMO != 0 && $(sql -c 'SELECT count(*) FROM (SELECT FROM oms.product LIMIT 1) p') == 0 ]]; then
		say "loading demo data (none with OMS_DEMO=0)"
		sql -f "$root/server/run/demo.sql"
	fi
}

make_admin() {
	local password=$given_password file=$home/admin-password
	if [[ -z $password ]]; then
		if [[ ! -s $file ]]; then
			(umask 077 && head -c 18 /dev/urandom | base64 >"$file")
			say "password of the account admin: $(<"$file") (kept in $file)"
		fi
		password=$(<"$file")
	fi
	OMS_NEW_PASSWORD=$password sql -f "$root/server/run/admin.sql"
}

# omsd has its own copy of what it serves, readable for the user it runs as: the user omsd when started by root.
prepare_omsd() {
	dir=$(dirname "$(readlink -f "$home/pg")")/omsd
	mkdir -p "$dir"
	[[ $dir == "$home/omsd" ]] || ln -sfn "$dir" "$home/omsd"
	rm -rf "$dir/share"
	cp -a --reflink=auto "$root/.build/server/omsd" "$dir/omsd.new"
	mv "$dir/omsd.new" "$dir/omsd"
	mkdir -p "$dir/log" "$dir/share"
	cp "$root/server/openapi.json" "$dir/share/"
	cp -r "$root/.build/docs" "$dir/share/docs"
	if [[ ! -s $dir/signing-keys ]]; then
		(umask 077 && printf 'k1 %s\n' "$(head -c 48 /dev/urandom | base64 -w 0)" >"$dir/signing-keys")
	fi
	write_omsd_config >"$dir/omsd.conf"
	for log in access error; do
		file=$dir/log/$log.log
		[[ $(stat -c %s "$file" 2>/dev/null || echo 0) -lt 100000000 ]] || mv "$file" "$file.1"
	done
	[[ $user == "$(id -un)" ]] || chown -R "$user:" "$dir/signing-keys" "$dir/log"
}

write_omsd_config() {
	cat <<-EOF
		# Written by make run at every start; omsd --help explains the settings, an environment variable OMS_NAME
		# overrides the one called name.
		listen = ${OMS_HOST:-127.0.0.1}:$OMS_PORT
		database = ${conninfo/user=postgres/user=omsd}
		signing_keys = $dir/signing-keys
		openapi = $dir/share/openapi.json
		docs = $dir/share/docs
		access_log = $dir/log/access.log
		error_log = $dir/log/error.log
	EOF
}

run_omsd() {
	local as=(--pdeathsig TERM)
	[[ $user == "$(id -un)" ]] || as+=("--reuid=$user" "--regid=$(id -g "$user")" --init-groups)
	cd /
	exec setsid setpriv "${as[@]}" -- env --default-signal "$dir/omsd" -c "$dir/omsd.conf" \
		</dev/null >>"$home/omsd-start.log" 2>&1 9>&-
}

start_omsd() {
	say "starting omsd on port $OMS_PORT"
	launch run_omsd
	omsd=$child
	[[ -z $late ]] || exit 0
	for _ in $(seq 300); do
		if curl -fs -o /dev/null --max-time 2 "http://127.0.0.1:$OMS_PORT/readyz"; then return; fi
		kill -0 "$omsd" 2>/dev/null || break
		sleep 0.1
	done
	tail -q -n 15 "$home/omsd-start.log" "$dir/log/error.log" >&2 || true
	die "omsd did not become ready, its log is above"
}

print_addresses() {
	cat <<-EOF

		oms is running. Ctrl-C stops it.
		  REST API       http://127.0.0.1:$OMS_PORT/api/v1/
		  Swagger UI     http://127.0.0.1:$OMS_PORT/api/docs/
		  log in as      admin$([[ -s $home/admin-password ]] && echo ", password in $home/admin-password")
		  SQL            psql "$conninfo"
		  logs           $home/pg/log $home/omsd/log

	EOF
}

# Waits until one of the two ends, which neither should.
watch() {
	local ended status=0
	wait -n -p ended "$postgres" "$omsd" || status=$?
	if [[ $ended == "$postgres" ]]; then
		postgres=''
		"$cluster" log "$home" >&2
		die "PostgreSQL ended with status $status, its log is above"
	fi
	omsd=''
	tail -q -n 15 "$home/omsd-start.log" "$dir/log/error.log" >&2 || true
	die "omsd ended with status $status, its log is above"
}

trap 'exit 0' INT TERM HUP
trap stop_all EXIT
mkdir -p "$OMS_HOME"
home=$(cd "$OMS_HOME" && pwd)
exec 9>"$home/lock"
flock -n 9 || die "oms is running in $home already"
check_port OMS_PORT "$OMS_PORT"
check_port OMS_PGPORT "$OMS_PGPORT"
[[ $OMS_PORT != "$OMS_PGPORT" ]] || die "OMS_PORT and OMS_PGPORT are both $OMS_PORT: set one to another port"

user=$(id -un)
if [[ $user == root ]]; then
	user=omsd
	id omsd >/dev/null 2>&1 || useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin omsd
fi
"$cluster" prepare "$home" "$OMS_PGPORT" 9>&-
bin=$home/pg/tree/lib/postgresql/15/bin
conninfo=$("$cluster" conninfo "$home")
start_postgres
install_oms
prepare_omsd
start_omsd
print_addresses
watch
