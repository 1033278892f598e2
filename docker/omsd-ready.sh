#!/usr/bin/env bash
# Health check of the image omsd: is /readyz answered with 200?
set -euo pipefail
exec 3<>/dev/tcp/127.0.0.1/8000
printf 'GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
read -r _ status _ <&3
[[ $status == 200 ]]
