#!/usr/bin/env bash
# Entry of the image db: makes the cluster in the volume at first, installs or updates oms, then becomes PostgreSQL.
#
# Secrets, each a file in /run/secrets: admin_password (of the account admin, used at the first start), omsd_password
# (of the login role omsd). Environment: OMS_DEMO=0 loads no demo data; PG_SETTINGS adds lines of postgresql.conf.
set -euo pipefail
umask 077
here=/opt/oms
data=/var/lib/oms/data

secret() {
	[[ -r /run/secrets/$1 ]] || {
		echo "oms: no secret $1: run docker/secrets.sh, which makes docker/secrets/$1" >&2
		exit 1
	}
	printf %s "$(<"/run/secrets/$1")"
}

sql() {
	psql -X -q -At -v ON_ERROR_STOP=1 -d oms "$@"
}

make_data() {
	echo "making the database cluster"
	rm -rf "$data.new"
	initdb -D "$data.new" -U postgres -E UTF8 --locale=C.UTF-8 -k --auth=reject >/dev/null
	echo 'CREATE DATABASE oms' | postgres --single -D "$data.new" postgres >/dev/null
	echo "include 'oms.conf'" >>"$data.new/postgresql.conf"
	mv "$data.new" "$data"
}

# A quarter of the memory that the container may use, at most 1 GB, in MB.
shared_buffers() {
	local kb limit file
	kb=$(awk '/^MemTotal/ { print $2 }' /proc/meminfo)
	for file in /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; do
		limit=$(cat "$file" 2>/dev/null || true)
		if [[ $limit =~ ^[0-9]{1,15}$ ]] && ((limit / 1024 < kb)); then kb=$((limit / 1024)); fi
	done
	kb=$((kb / 4))
	echo $((kb > 1048576 ? 1024 : kb / 1024 < 16 ? 16 : kb / 1024))
}

write_config() {
	cp "$here/pg_hba.conf" "$data/pg_hba.conf"
	{
		cat "$here/postgresql.conf"
		echo "# written at every start of the container"
		echo "listen_addresses = '*'"
		echo "unix_socket_directories = '/run/postgresql'"
		echo "shared_buffers = '$(shared_buffers)MB'"
		echo "logging_collector = off"
		printf '%s\n' "${PG_SETTINGS:-}"
	} >"$data/oms.conf"
}

install_oms() {
	sql -f "$here/install.sql"
	OMS_NEW_PASSWORD=$(secret omsd_password) sql -f "$here/omsd-login.sql"
	if [[ $(sql -c "SELECT count(*) FROM oms.account WHERE username = 'admin'") == 0 ]]; then
		OMS_NEW_PASSWORD=$(secret admin_password) sql -f "$here/admin.sql"
	fi
	if [[ ${OMS_DEMO:-1} != 0 && $(sql -c 'SELECT count(*) FROM (SELECT FROM oms.product LIMIT 1) p') == 0 ]]; then
		echo "loading demo data"
		sql -f "$here/demo.sql"
	fi
}

secret omsd_password >/dev/null
[[ -d $data ]] || make_data
write_config
# Another container's process ids mean nothing here: this volume has one server, the one started below.
rm -f "$data/postmaster.pid"

# oms is installed by a server that only the socket reaches, so nobody meets it half made.
pg_ctl -D "$data" -w -t 600 -s -o "-c listen_addresses=''" start
install_oms
pg_ctl -D "$data" -w -m fast -s stop
exec postgres -D "$data"
