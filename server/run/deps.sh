#!/usr/bin/env bash
# Installs the Debian packages that are missing. Says nothing when there is nothing to do.
#
#   deps.sh GROUP...     run: to build and run; check: to test; bench: to measure
set -euo pipefail

declare -A packages=(
	[run]="gcc make pkg-config libc6-dev curl ca-certificates
		postgresql-15 postgresql-server-dev-15 libpq-dev
		libh2o-evloop-dev libjwt-dev libjansson-dev libssl-dev libsodium-dev"
	[check]="clang clang-format shellcheck
		postgresql-15-pgtap libtap-parser-sourcehandler-pgtap-perl
		python3 python3-psycopg2 python3-jsonschema chromium fonts-dejavu-core"
	[bench]="wrk nghttp2-client python3 python3-psycopg2"
)

wanted=()
for group in "$@"; do
	[[ -v packages[$group] ]] || { echo "deps: no group '$group'; there are: ${!packages[*]}" >&2; exit 2; }
	read -r -d '' -a list <<<"${packages[$group]}" || true
	wanted+=("${list[@]}")
done
# npm fetches the Swagger UI; other builds of node than Debian's are as good.
command -v npm >/dev/null || wanted+=(nodejs npm)

missing=()
for package in "${wanted[@]}"; do
	[[ $(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null) == ?i* ]] || missing+=("$package")
done
((${#missing[@]})) || exit 0

sudo=()
if [[ $(id -u) != 0 ]]; then
	command -v sudo >/dev/null || {
		echo "deps: packages are missing; as root: apt-get install ${missing[*]}" >&2
		exit 1
	}
	sudo=(sudo)
fi

echo "installing packages: ${missing[*]}"
# Debian would make and start a cluster "main" with the server package; nobody asked for one.
conf=/etc/postgresql-common/createcluster.d/oms-deps.conf
if [[ ! -d /usr/lib/postgresql/15 ]]; then
	trap '"${sudo[@]}" rm -f "$conf"' EXIT
	"${sudo[@]}" mkdir -p "${conf%/*}"
	echo 'create_main_cluster = false' | "${sudo[@]}" tee "$conf" >/dev/null
fi
log=$(mktemp)
apt() {
	"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" >>"$log" 2>&1
}
install() {
	apt install --no-install-recommends "${missing[@]}"
}
install || { echo "updating the package lists" && apt update && install; } || {
	tail -n 20 "$log" >&2
	echo "deps: apt-get failed, see above and $log" >&2
	exit 1
}
rm -f "$log"
