#!/usr/bin/env bash
# Makes .build/pg: a copy of the installed PostgreSQL with the extension oms in it.
#
#   stage.sh        PG_CONFIG names the PostgreSQL to copy
#
# PostgreSQL finds its libraries and scripts relative to its own program file, so a copied tree is a whole
# installation and the system's one stays as it is. Prints nothing when there is nothing to do.
set -euo pipefail
umask 022
root=$(cd "$(dirname "$0")/../.." && pwd)
stage=$root/.build/pg
mkdir -p "$root/.build"
exec 9>"$root/.build/stage.lock"
flock 9

config=${PG_CONFIG:-/usr/lib/postgresql/15/bin/pg_config}
bin=$("$config" --bindir) lib=$("$config" --pkglibdir) share=$("$config" --sharedir)
for d in "$bin" "$lib" "$share"; do
	[[ $d == /usr/* ]] || { echo "stage: $config lies outside /usr; name a packaged PostgreSQL 15 by PG_CONFIG" >&2; exit 1; }
done

# A change of the packages below (an update, pgTAP installed later) changes the directories' listing.
print=$(find "$bin" "$lib" "$share" -printf '%p %s %T@\n' | sort | sha256sum)
if [[ ! -f $stage/.print || $(<"$stage/.print") != "$print" ]]; then
	echo "staging PostgreSQL in .build/pg"
	rm -rf "$stage" "$stage.new"
	for d in "$bin" "$lib" "$share"; do
		mkdir -p "$stage.new/${d#/usr/}"
		tar -C "$d" -c --exclude=./bitcode --exclude=./man --exclude='./llvmjit*' . | tar -C "$stage.new/${d#/usr/}" -x --no-same-owner
	done
	ln -s /usr/include "$stage.new/include"
	echo "$print" >"$stage.new/.print"
	mv "$stage.new" "$stage"
	rm -f "$root/.build/pg.bin"
fi
ln -sfn "pg/${bin#/usr/}" "$root/.build/pg.bin"

built=$root/.build/extension
pkglib=$stage/${lib#/usr/} ext=$stage/${share#/usr/}/extension
if ! cmp -s "$built/oms.so" "$pkglib/oms.so" || ! cat "$built"/oms--*.sql | cmp -s - <(cat "$ext"/oms--*.sql); then
	echo "installing the extension in .build/pg"
	make -s -C "$root/extension" install PG_CONFIG="$stage/${bin#/usr/}/pg_config" >/dev/null
fi
