#!/usr/bin/env bash
# Entry of the image omsd. Secrets, each a file in /run/secrets: omsd_password (of the database role omsd) and
# signing_keys (of access tokens). A setting NAME of omsd.conf may be given as the environment variable OMS_NAME.
set -euo pipefail
for name in omsd_password signing_keys; do
	[[ -r /run/secrets/$name ]] || {
		echo "omsd: no secret $name: run docker/secrets.sh, which makes docker/secrets/$name" >&2
		exit 1
	}
done
PGPASSWORD=$(<"/run/secrets/omsd_password")
export PGPASSWORD
# The mounted file is readable for all users of the container; omsd's own copy is not.
install -m 600 /run/secrets/signing_keys /run/omsd/signing-keys
exec omsd -c /opt/oms/omsd.conf
