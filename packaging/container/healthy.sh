#!/bin/bash
# Whether `sclip serve` at a port of this machine is alive; a slim image has bash and no curl.
#
# usage: healthy.sh [PORT]
exec 3<>"/dev/tcp/127.0.0.1/${1:-8080}" || exit 1
printf 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
read -r -t 4 _ status _ <&3
[ "$status" = 200 ]
