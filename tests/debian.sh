#!/usr/bin/env bash
# A base image without a registry for stacks that compile, as a tar on standard output for `docker
# import`: Debian's smallest with apt-get, and PYTHON (a path) with its library, at the same place,
# as the image python:3.7-slim-bookworm has them. Needs mmdebstrap and root; fetches from Debian.
# usage: debian.sh PYTHON
set -euo pipefail
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mmdebstrap --quiet --variant=apt bookworm "$root" >&2
chmod 755 "$root" "$root/root"  # where a Python of root's own lies; others have to run it

prefix=$("$1" -c 'import sys; print(sys.base_prefix)')
program=$("$1" -c 'import os, sys; print(os.path.realpath(sys.executable))')
tar -C / -c --exclude=__pycache__ --exclude=site-packages --exclude=test --exclude='config-*' \
  --exclude='*.a' "${prefix#/}" | tar -C "$root" -x
ln -sf "$program" "$root/usr/local/bin/$(basename "$program")"
# what it is linked to, where Debian's smallest has it not
find "$prefix" -name '*.so*' -print0 | xargs -0 ldd "$program" 2>/dev/null |
  sed -n 's/.*[[:space:]]\(\/[^ ]*\) (0x.*/\1/p' | sort -u |
  while read -r library; do
    [ -e "$root$library" ] || cp -L --parents "$library" "$root"
  done
cp -L --parents /etc/ssl/certs/ca-certificates.crt "$root"
tar -C "$root" --numeric-owner -c .
