#!/usr/bin/env bash
# Makes the secrets that compose.yaml mounts, in docker/secrets, where they are missing:
#
#   admin_password   of the account admin; read at the first start
#   omsd_password    of the database role omsd; change it and restart both services
#   signing_keys     of access tokens, a line is "kid secret", the first signs, all verify; restart omsd after a change
#
# The directory keeps other users out; the files can be read by the containers' own users.
set -euo pipefail
umask 022
dir=$(cd "$(dirname "$0")" && pwd)/secrets
[[ -d $dir ]] || mkdir -m 700 "$dir"

random() {
	head -c "$1" /dev/urandom | base64 -w 0
}

make() {
	[[ -s $dir/$1 ]] || printf '%s\n' "$2" >"$dir/$1"
}

make admin_password "$(random 18)"
make omsd_password "$(random 36)"
make signing_keys "k1 $(random 48)"
echo "the account admin has the password in $dir/admin_password"
