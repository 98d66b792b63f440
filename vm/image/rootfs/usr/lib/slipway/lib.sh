#!/bin/sh
# Shared by the boot scripts. Sourced, never run. The shell is busybox ash.

run=/run/slipway
# shellcheck disable=SC2034 # used by those who source this file
data=/var/lib/slipway

# One line for the host: kept for later, and handed to the control service. Opened for reading as well, so that
# it needs no reader at the other end.
tell() {
    echo "$1" >>"$run/stages"
    echo "$1" 1<>"$run/out"
}

# A boot stage is done; the host shows and keeps the times.
stage() {
    read -r up _ </proc/uptime
    tell "stage $1 $up"
}

# A boot stage failed: name, text. The machine stays up with what works.
failed() {
    tell "failed $1 $2"
    echo "slipway: $1: $2" >/dev/console
}

# A kernel parameter was given: name.
asked() {
    read -r line </proc/cmdline
    case " $line " in
        *" $1 "*) return 0 ;;
        *) return 1 ;;
    esac
}

# The device of the disk with this serial.
disk() {
    for path in /sys/block/vd*; do
        IFS= read -r serial <"$path/serial" || true
        if [ "$serial" = "$1" ]; then
            echo "/dev/${path##*/}"
            return 0
        fi
    done 2>/dev/null
    return 1
}

# The device of the virtio-serial port with this name.
serial_port() {
    for path in /sys/class/virtio-ports/*; do
        read -r name <"$path/name" || continue
        if [ "$name" = "$1" ]; then
            echo "/dev/${path##*/}"
            return 0
        fi
    done 2>/dev/null
    return 1
}

# Protect a cgroup below /sys/fs/cgroup, which is made if it is new: name, MiB. So much of its memory is not taken by
# others, cached pages such as the code of its programs included (memory.min in the kernel's cgroup-v2.rst). And it has
# three times the processor time of all containers together when both want it, which wait for it more often than not.
protect() {
    mkdir -p "/sys/fs/cgroup/$1"
    echo "$2M" >"/sys/fs/cgroup/$1/memory.min"
    echo 300 >"/sys/fs/cgroup/$1/cpu.weight"
}

# Move this shell, and with it what it starts, into that cgroup: name.
enter() {
    echo 0 >"/sys/fs/cgroup/$1/cgroup.procs"
}

# Keep services up from now on: names below /etc/sv. All at once: init looks for news only once a second.
keep_up() {
    for service in "$@"; do
        echo "::respawn:/usr/bin/runsv /etc/sv/$service" >>/etc/inittab
    done
    kill -HUP 1
}
