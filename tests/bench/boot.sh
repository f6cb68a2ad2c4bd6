#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Run in dom0 by tests/bench/bench: a Debian guest from the start of xl create
# to its first line from user space, with promises and without, in hundredths
# of a second by dom0's clock. One that is not measured comes first: it brings
# the files into dom0's memory and starts what starts once.

log=/var/log/xen/console

# Hundredths of a second since boot, without starting a process.
clock() {
    read -r up _ </proc/uptime
    now=${up%.*}${up#*.}
}

# boot NAME MEMORY MAXMEM: sets created and booted
boot() {
    cat >/tmp/$1.cfg <<END
type    = "pvh"
name    = "$1"
kernel  = "/boot/vmlinuz-cloud"
ramdisk = "/boot/guest.cpio.gz"
extra   = "console=hvc0 quiet transparent_hugepage=never podium.loop"
vcpus   = 1
memory  = $2
maxmem  = $3
END
    clock
    start=$now
    xl create -q /tmp/$1.cfg || exit 1
    clock
    created=$((now - start))
    while ! grep -q '^guest: ready' $log/guest-$1.log 2>/dev/null; do
        [ $((now - start)) -lt 6000 ] || exit 1
        usleep 20000
        clock
    done
    booted=$((now - start))
    xl destroy $1
}

boot first 256 256
boot pod 256 1024
echo "bench: xl_create_pod $created"
echo "bench: boot_pod $booted"
boot plain 1024 1024
echo "bench: xl_create_plain $created"
echo "bench: boot_plain $booted"
