#!/usr/bin/env bash
# Runs oms in the foreground: PostgreSQL with the extension and its worker, then omsd. SIGINT or SIGTERM stops both in
# order, and the exit status is 0. Once both have been ready, one that ends though nobody asked this script to stop is
# started again, after a pause that grows up to 30 s; the other runs on (without PostgreSQL omsd answers 503). A
# PostgreSQL that somebody else has started on the same data meanwhile is taken over.
# Everything is built and staged already (make run). Files are in OMS_HOME:
#
#   admin-password   of the account admin, when none was given
#   pg/              the database cluster, see cluster.sh
#   omsd/            the REST server: program, omsd.conf, signing-keys, log
#
# Environment: OMS_HOME, OMS_PORT, OMS_PGPORT, OMS_ADMIN_PASSWORD, OMS_DEMO=0 (no demo data), OMS_HOST (the address that
# omsd listens on, 127.0.0.1).
# shellcheck disable=SC2317 # functions called by trap and by name
set -euo pipefail
umask 022
root=$(cd "$(dirname "$0")/../.." && pwd)
cluster=$root/server/run/cluster.sh
: "${OMS_HOME:=$root/var}" "${OMS_PORT:=8000}" "${OMS_PGPORT:=54320}" "${OMS_DEMO:=1}"
given_password=${OMS_ADMIN_PASSWORD:-}
unset OMS_ADMIN_PASSWORD

# The two services, by the names that their functions end with.
declare -A title=([postgres]=PostgreSQL [omsd]=omsd)
# its process, empty while it is down
declare -A pid=([postgres]='' [omsd]='')
# set when it has answered since it began
declare -A ready=([postgres]='' [omsd]='')
# seconds before it is started again: the first time, and now, doubled while it does not come up
declare -A first=([postgres]=2 [omsd]=1) pause=([postgres]=2 [omsd]=1)
# when it is to be started again, as SECONDS
declare -A due=([postgres]=0 [omsd]=0)
# set when both have been ready
watching=''

# What nobody reads any more is no reason to end.
trap '' PIPE
say() {
	printf '%s\n' "$*" 2>/dev/null || true
}

die() {
	printf 'oms: %s\n' "$*" >&2
	exit 1
}

# Whether a process runs; one that nobody has waited for yet does not.
alive() {
	local stat=''
	[[ -n $1 ]] || return 1
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
	[[ ${stat##*) } != [ZX]* ]]
}

# Sends a signal to a service until it has taken it, and waits for its end; kills it after 60 s.
stop_service() {
	local name=$1 signal=$2
	alive "${pid[$name]}" || return 0
	say "stopping ${title[$name]}"
	for _ in $(seq 300); do
		alive "${pid[$name]}" || break
		kill "-$signal" "${pid[$name]}" 2>/dev/null || break
		sleep 0.2
	done
	! alive "${pid[$name]}" || kill -KILL "${pid[$name]}" 2>/dev/null || true
	wait "${pid[$name]}" 2>/dev/null || true
}

# Stops what runs, omsd first, so that it can answer what it began.
stop_all() {
	trap '' INT TERM HUP
	stop_service omsd TERM
	stop_service postgres INT
	# the PostgreSQL that somebody else has started since the last look
	if [[ -n $watching ]] && adopt_postgres; then stop_service postgres INT; fi
}

leave() {
	trap '' INT TERM HUP
	exit 0
}

# Starts a service in the background. A signal waits until its process is known.
launch() {
	local stop=''
	trap 'stop=1' INT TERM HUP
	"run_$1" &
	pid[$1]=$!
	ready[$1]=''
	trap leave INT TERM HUP
	[[ -z $stop ]] || leave
}

# Starts a service for the first time and waits until it is ready.
start() {
	local name=$1 port=$2
	say "starting ${title[$name]} on port $port"
	launch "$name"
	for _ in $(seq 1200); do
		if "ready_$name"; then
			ready[$name]=1
			return
		fi
		alive "${pid[$name]}" || break
		sleep 0.1
	done
	"log_$name" >&2 || true
	die "${title[$name]} did not become ready, its log is above"
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

ready_postgres() {
	"$bin/pg_isready" -q -d "$conninfo"
}

log_postgres() {
	"$cluster" log "$home"
}

# Takes over a PostgreSQL that somebody else has started on this data.
adopt_postgres() {
	local found
	found=$("$cluster" pid "$home" 2>/dev/null) || return 1
	say "PostgreSQL was started by somebody else, as process $found"
	pid[postgres]=$found
	ready[postgres]=''
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

ready_omsd() {
	curl -fs -o /dev/null --max-time 2 "http://127.0.0.1:$OMS_PORT/readyz"
}

log_omsd() {
	tail -q -n 15 "$home/omsd-start.log" "$dir/log/error.log"
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

# Notes the end of a service and says when it is started again. Only a child has a status: wait gives 127 for others.
note_end() {
	local name=$1 status=0 how='' next=$((pause[$1] * 2))
	wait "${pid[$name]}" 2>/dev/null || status=$?
	[[ $status == 127 ]] || how=" with status $status"
	"log_$name" >&2 || true
	say "${title[$name]} ended$how, its log is above: starting it again in ${pause[$name]} s"
	pid[$name]=''
	due[$name]=$((SECONDS + pause[$name]))
	pause[$name]=$((next > 30 ? 30 : next))
}

# One look at a service. A start that fails is seen as an end by a later look: a killed postmaster's children may keep
# its shared memory for a while, and PostgreSQL does not start before they are gone.
tend() {
	local name=$1
	if [[ -z ${pid[$name]} ]]; then
		if [[ $name == postgres ]] && adopt_postgres; then return; fi
		((SECONDS >= due[$name])) || return 0
		say "starting ${title[$name]} again"
		launch "$name"
	elif ! alive "${pid[$name]}"; then
		note_end "$name"
	elif [[ -z ${ready[$name]} ]] && "ready_$name"; then
		say "${title[$name]} is ready again"
		ready[$name]=1
		pause[$name]=${first[$name]}
	fi
}

# Looks after both until a signal comes.
watch() {
	watching=1
	while :; do
		tend postgres
		tend omsd
		sleep 1 || true
	done
}

trap leave INT TERM HUP
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
start postgres "$OMS_PGPORT"
install_oms
prepare_omsd
start omsd "$OMS_PORT"
print_addresses
watch
