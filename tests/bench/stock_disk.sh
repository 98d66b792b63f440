#!/bin/sh
# Unpack an archive of a root file system, keep its kernel and initramfs, and make an ext4 file system of it.
# Arguments: the archive, the folder for the results, the file system's size. Needs root, or a user namespace.
set -eu
archive=$1 out=$2 size=$3
tree=$(mktemp -d "$out/tree.XXXXXX")
trap 'rm -rf "$tree"' EXIT
tar -C "$tree" --numeric-owner -xpf "$archive"
cp "$tree"/boot/vmlinuz-* "$out/kernel"
cp "$tree"/boot/initrd.img-* "$out/initramfs"
truncate -s "$size" "$out/disk.raw"
PATH="$PATH:/usr/sbin:/sbin" mke2fs -q -t ext4 -L stock -F -d "$tree" "$out/disk.raw"
