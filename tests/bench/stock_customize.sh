#!/bin/sh
# A customize hook of mmdebstrap for the stock machine. Arguments: the root being made, the folder of files to lay
# over it, the client's public key, the folder that receives the host's public key.
set -eu
root=$1 files=$2 key=$3 out=$4
cp -R "$files/." "$root/"
mkdir -p "$root/root/.ssh"
chmod 700 "$root/root/.ssh"
cp "$key" "$root/root/.ssh/authorized_keys"
chroot "$root" systemctl enable systemd-networkd ssh docker
cp "$root/etc/ssh/ssh_host_ed25519_key.pub" "$out/host.pub"
