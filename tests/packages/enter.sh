#!/bin/sh
# The first process in a root of its own: makes its mounts, reports, and ends at the end of its input; with it end all
# others there. Arguments: the root folder, and a folder that keeps packages which apt has fetched.
set -eu
root=$1 fetched=$2
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 dev "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for name in null zero full random urandom tty; do
    touch "$root/dev/$name"
    mount --bind "/dev/$name" "$root/dev/$name"
done
mkdir -p "$root/var/cache/apt/archives"
mount --bind "$fetched" "$root/var/cache/apt/archives"
for name in /etc/resolv.conf /etc/hosts; do
    [ -e "$root$name" ] || touch "$root$name"
    mount --bind -o ro "$(readlink -f "$name")" "$root$name"
done
# shellcheck disable=SC2016  # the variable is the inner shell's
exec chroot "$root" /bin/sh -c 'echo ready; read -r _ || true'
