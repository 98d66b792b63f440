#!/bin/sh
# Makes the Wine system's file tree and stays in it as the first process of its namespaces (system.py starts this by
# unshare). When standard input ends, so does this, and with it every process in there and every mount.
#
#   enter.sh ROOT HOME TMP [SOURCE TARGET]...     SOURCE is seen as TARGET (below the root), read-only
set -eu

root=$1
home=$2
tmp=$3
shift 3

mount --make-rprivate /
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
mount --bind "$home" "$root/home/slipway"
mount --bind "$tmp" "$root/tmp"
for file in /etc/hosts /etc/resolv.conf; do
    mount --bind "$file" "$root$file"
done
while [ $# -gt 0 ]; do
    mount --bind "$1" "$root$2"
    mount -o remount,bind,ro "$root$2"
    shift 2
done

# not exec: the shell stays, as the parent of processes that have lost theirs
chroot "$root" /bin/sh -c 'echo ready; cat >/dev/null'
