#!/usr/bin/env bash
# A private PostgreSQL cluster with the extension oms, made from .build/pg (see stage.sh).
#
#   cluster.sh start DIR PORT    makes it at first, starts it in the background, waits until it answers
#   cluster.sh stop DIR          stops it (fast); DIR can be removed then
#   cluster.sh remove DIR        stops it and removes DIR with everything that belongs to it
#   cluster.sh conninfo DIR      prints the connection string of the superuser, database oms
#   cluster.sh psql DIR [ARG...] runs psql with it
#   cluster.sh install DIR       CREATE EXTENSION oms (or its update), oms.install(), the login role omsd
#   cluster.sh prepare DIR PORT  what start does before the start
#   cluster.sh exec DIR          becomes the postmaster, in the foreground, in a session of its own
#   cluster.sh pid DIR           prints the postmaster's process, fails when none runs
#   cluster.sh log DIR           prints the last lines of the server's log
#   cluster.sh owner DIR         prints the system user that runs it
#
# DIR alone may be left out when OMS_HOME names it.
# Files are in DIR/pg: tree (the programs), data, log, run (the socket), port. PostgreSQL refuses to run as root, so
# root runs it as the user postgres; where that user cannot reach DIR, DIR/pg is a link into /var/lib/oms.
set -euo pipefail
umask 022
root=$(cd "$(dirname "$0")/../.." && pwd)
stage=$root/.build/pg
version=15

die() {
	echo "cluster: $*" >&2
	exit 1
}

# Runs a command as the user that owns the cluster.
as_owner() {
	local me
	me=$(id -un)
	if [[ $me == "$owner" ]]; then
		"$@"
	elif [[ $me == root ]]; then
		setpriv --reuid="$owner" --regid="$(id -g "$owner")" --init-groups -- "$@"
	else
		die "$pg belongs to the user $owner: run this as $owner or root"
	fi
}

# Sets the paths below DIR and the owner.
locate() {
	home=$(cd "$1" 2>/dev/null && pwd) || die "nothing in $1 yet: make run makes it"
	pg=$home/pg
	[[ ! -d $pg ]] || pg=$(readlink -f "$pg")
	bin=$pg/tree/lib/postgresql/$version/bin
	if [[ -d $pg/data ]]; then
		owner=$(stat -L -c %U "$pg/data")
	elif [[ $(id -u) == 0 ]]; then
		owner=postgres
	else
		owner=$(id -un)
	fi
}

# Unix sockets have short names: 107 bytes with "/.s.PGSQL.65535".
socket_dir() {
	local dir=$pg/run name
	if ((${#dir} > 90)) || [[ $dir == *[^A-Za-z0-9_./-]* ]]; then
		name=$(printf %s "$home" | sha256sum)
		dir=/tmp/oms-${name:0:16}
	fi
	printf %s "$dir"
}

# Whether a process is a PostgreSQL that lives: one that nobody has waited for yet (Z) does not.
is_postgres() {
	local stat=''
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
	[[ $stat == *"(postgres) "[!ZX]* ]]
}

# Prints the postmaster's process; one that was killed leaves its file behind.
running() {
	local pid=''
	{ read -r pid <"$pg/data/postmaster.pid"; } 2>/dev/null || return 1
	is_postgres "$pid" || return 1
	echo "$pid"
}

# A quarter of the memory that this process may use, at most 1 GB, in MB.
shared_buffers() {
	local kb limit f
	kb=$(awk '/^MemTotal/ { print $2 }' /proc/meminfo)
	for f in /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; do
		limit=$(cat "$f" 2>/dev/null || true)
		[[ $limit =~ ^[0-9]{1,15}$ ]] && ((limit / 1024 < kb)) && kb=$((limit / 1024))
	done
	kb=$((kb / 4))
	echo $((kb > 1048576 ? 1024 : kb / 1024 < 16 ? 16 : kb / 1024))
}

# Makes DIR/pg, in /var/lib/oms where the owner cannot reach DIR.
make_place() {
	local place
	[[ -e $pg ]] && return
	[[ -L $pg ]] && die "$pg points to $(readlink "$pg"), which is gone; remove the link to begin anew"
	if as_owner test -x "$home" 2>/dev/null; then
		mkdir "$pg"
	else
		mkdir -p /var/lib/oms
		place=$(mktemp -d /var/lib/oms/XXXXXXXX)
		chmod 755 "$place"
		mkdir "$place/pg"
		echo "$home" >"$place/home"
		ln -s "$place/pg" "$pg"
		locate "$home"
		echo "the user $owner cannot reach $home: the database is in $pg"
	fi
	chmod 755 "$pg"
	mkdir "$pg/log" "$pg/run"
	chmod 750 "$pg/log"
	chmod 711 "$pg/run"
	[[ $(id -un) == "$owner" ]] || chown "$owner:" "$pg/log" "$pg/run"
}

# The copy of the programs that this cluster runs: make builds new ones while it is running.
copy_tree() {
	cmp -s "$stage/.print" "$pg/tree/.print" &&
		cmp -s "$stage/lib/postgresql/$version/lib/oms.so" "$pg/tree/lib/postgresql/$version/lib/oms.so" &&
		diff -rq "$stage/share/postgresql/$version/extension" "$pg/tree/share/postgresql/$version/extension" >/dev/null 2>&1 &&
		return
	[[ -d $stage ]] || die "nothing staged: run 'make stage' first"
	rm -rf "$pg/tree" "$pg/tree.new"
	cp -a --reflink=auto "$stage" "$pg/tree.new"
	mv "$pg/tree.new" "$pg/tree"
}

# initdb and the database, under another name until they are complete.
make_data() {
	[[ -d $pg/data ]] && return
	echo "making the database cluster in $pg/data"
	rm -rf "$pg/data.new"
	mkdir -m 700 "$pg/data.new"
	[[ $(id -un) == "$owner" ]] || chown "$owner:" "$pg/data.new"
	as_owner "$bin/initdb" -D "$pg/data.new" -U postgres -E UTF8 --locale=C.UTF-8 -k --auth=reject >"$pg/initdb.log" 2>&1 ||
		die "initdb failed: $(tail -n 5 "$pg/initdb.log")"
	echo 'CREATE DATABASE oms' | as_owner "$bin/postgres" --single -D "$pg/data.new" postgres >>"$pg/initdb.log" 2>&1
	echo "include 'oms.conf'" | as_owner tee -a "$pg/data.new/postgresql.conf" >/dev/null
	as_owner tee "$pg/data.new/pg_hba.conf" >/dev/null <<-'EOF'
		# Local users by the kernel's word, through the map in pg_ident.conf; everybody else by password.
		local all         all                 peer map=oms
		host  all         all  127.0.0.1/32   scram-sha-256
		host  all         all  ::1/128        scram-sha-256
		local replication all                 peer map=oms
		host  replication all  127.0.0.1/32   scram-sha-256
	EOF
	mv "$pg/data.new" "$pg/data"
}

# What depends on the place, the user and the machine is written at every start.
write_config() {
	local port=$1 socket user
	socket=$(socket_dir)
	{
		cat "$root/server/run/postgresql.conf"
		echo
		echo "# written by cluster.sh at every start"
		echo "listen_addresses = '127.0.0.1'"
		echo "port = $port"
		echo "unix_socket_directories = '$socket'"
		echo "shared_buffers = '$(shared_buffers)MB'"
	} | as_owner tee "$pg/data/oms.conf" >/dev/null
	{
		echo "# written by cluster.sh at every start: system user -> database role"
		for user in $(printf '%s\n' root "$owner" "$(id -un)" ${SUDO_USER:+"$SUDO_USER"} | sort -u); do
			echo "oms  $user  postgres"
			echo "oms  $user  omsd"
		done
		echo "oms  $(service_user)  omsd"
	} | as_owner tee "$pg/data/pg_ident.conf" >/dev/null
	echo "$port" >"$pg/port"
	if [[ $socket == /tmp/* ]]; then
		[[ -d $socket ]] || { mkdir -m 711 "$socket" && chown "$owner:" "$socket"; }
		[[ $(stat -c %U "$socket") == "$owner" ]] || die "$socket belongs to another user; remove it"
	fi
}

# The system user that omsd runs as.
service_user() {
	if [[ $(id -u) == 0 ]] && id omsd >/dev/null 2>&1; then echo omsd; else id -un; fi
}

prepare() {
	local port=${1:-} pid
	if [[ ! $port =~ ^[0-9]{1,5}$ ]] || ((port < 1 || port > 65535)); then
		die "'$port' is no port: give a number from 1 to 65535"
	fi
	! pid=$(running) || die "the cluster in $pg is running already (process $pid)"
	(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && die "port $port is in use: choose another one for PostgreSQL"
	make_place
	copy_tree
	make_data
	write_config "$port"
}

# Not psql's or a test's signals: the postmaster has a session of its own, and ends when its starter does.
exec_server() {
	local as=(--pdeathsig "${OMS_PDEATHSIG:-clear}")
	[[ $(id -un) == "$owner" ]] || as+=("--reuid=$owner" "--regid=$(id -g "$owner")" --init-groups)
	cd /
	exec setsid setpriv "${as[@]}" -- env --default-signal "$bin/postgres" -D "$pg/data" </dev/null >>"$pg/start.log" 2>&1
}

conninfo() {
	[[ -f $pg/port ]] || die "no cluster in $home yet: make run makes it"
	printf 'host=%s port=%s dbname=oms user=postgres\n' "$(socket_dir)" "$(<"$pg/port")"
}

wait_ready() {
	local pid=$1
	for _ in $(seq 600); do
		if "$bin/pg_isready" -q -d "$(conninfo)"; then return; fi
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.1
	done
	show_log >&2
	die "PostgreSQL did not start in $pg"
}

start() {
	prepare "$1"
	(exec_server) &
	wait_ready $!
}

# Waits for the process to be gone, not only for its pid file.
stop() {
	local pid
	pid=$(running) || return 0
	kill -INT "$pid"
	for _ in $(seq 600); do
		is_postgres "$pid" || return 0
		sleep 0.1
	done
	die "PostgreSQL (process $pid) has not stopped after 60 s"
}

remove() {
	stop
	local socket
	socket=$(socket_dir)
	[[ $socket != /tmp/* ]] || rm -rf "$socket"
	[[ ! -L $home/pg ]] || rm -rf "$(dirname "$pg")"
	rm -rf "$home"
}

show_log() {
	tail -q -n 15 "$pg/start.log" 2>/dev/null || true
	local last
	last=$(find "$pg/log/" -name 'postgresql-*.log' -printf '%T@ %p\n' 2>/dev/null | sort -n | tail -n 1 | cut -d' ' -f2-)
	[[ -z $last ]] || tail -n 15 "$last"
}

run_psql() {
	"$bin/psql" -X -d "$(conninfo)" "$@"
}

install() {
	run_psql -q -v ON_ERROR_STOP=1 -f "$root/server/run/install.sql"
}

[[ $# -ge 2 || ($# -eq 1 && -n ${OMS_HOME:-}) ]] || { sed -n '2,19p' "$0"; exit 2; }
verb=$1
dir=${2:-$OMS_HOME}
shift $(($# > 1 ? 2 : 1))
case $verb in start | prepare) mkdir -p "$dir" ;; esac
locate "$dir"
case $verb in
start) start "${1:-}" ;;
prepare) prepare "${1:-}" ;;
exec) exec_server ;;
stop) stop ;;
remove) remove ;;
conninfo) conninfo ;;
psql) exec "$bin/psql" -d "$(conninfo)" "$@" ;;
install) install ;;
pid) running ;;
log) show_log ;;
owner) echo "$owner" ;;
*) die "unknown command '$verb'" ;;
esac
