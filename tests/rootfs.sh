#!/usr/bin/env bash
# A base image without a registry, as a tar on standard output for `docker import`: this machine's
# busybox, bash and git, and of PYTHON (a path) the interpreter and its library, with whatever they
# are linked to. Nothing is fetched.
# usage: rootfs.sh PYTHON
set -euo pipefail
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{bin,usr/bin,etc/ssl/certs,tmp,var/tmp,root,proc,sys,dev}
chmod 1777 "$root/tmp" "$root/var/tmp"

# a program or library, and what it is linked to, at the same places
take() {
  cp --parents -Lf "$@" "$root"
  { ldd "$@" 2>/dev/null || :; } | sed -n 's/.*[[:space:]]\(\/[^ ]*\) (0x.*/\1/p' | sort -u |
    while read -r library; do cp --parents -Lnf "$library" "$root"; done
}

cp /bin/busybox "$root/bin/busybox"
for name in $(/bin/busybox --list); do
  [ "$name" = busybox ] || ln -s busybox "$root/bin/$name"
done
rm -f "$root/bin/bash"
take /bin/bash /usr/bin/git /usr/lib/git-core/git-remote-http
[ -e "$root/bin/bash" ] || ln -s /usr/bin/bash "$root/bin/bash"
ln -sf /bin/env "$root/usr/bin/env"

headers=$("$1" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
library=$("$1" -c 'import sysconfig; print(sysconfig.get_paths()["stdlib"])')
program=$("$1" -c 'import os, sys; print(os.path.realpath(sys.executable))')
take "$program"
tar -C / -c --exclude=__pycache__ --exclude=site-packages --exclude=test --exclude=tkinter \
  --exclude='config-*' "${library#/}" $([ ! -d "$headers" ] || echo "${headers#/}") |
  tar -C "$root" -x
find "$library/lib-dynload" -name '*.so' -print0 | xargs -0 -r bash -c '
  ldd "$@" 2>/dev/null | sed -n "s/.*[[:space:]]\(\/[^ ]*\) (0x.*/\1/p" | sort -u' _ |
  while read -r one; do cp --parents -Lnf "$one" "$root" 2>/dev/null || :; done
# what wheels take for granted, and what glibc loads by name
for name in libstdc++ libgcc_s libgomp libnss_files libnss_dns libresolv libz librt libdl libutil \
  libpthread libm; do
  for one in /lib/*-linux-gnu/$name.so.[0-9]*; do
    [ ! -e "$one" ] || cp --parents -Lnf "$one" "$root"
  done
done
ln -sf "$program" "$root/usr/bin/python3"
[ ! -d /usr/share/python-wheels ] || cp --parents -r /usr/share/python-wheels "$root"
cp --parents -L /etc/ssl/certs/ca-certificates.crt "$root"
[ ! -e /etc/pip.conf ] || cp --parents -L /etc/pip.conf "$root"
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
tar -C "$root" --owner=0 --group=0 -c .
