#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Run in dom0 by tests/bench/bench: a guest sorts 20,000 KiB (tests/system/jobs), with
# memory enough, and then with 18,000 free and something to swap to. It tells the
# time of that by its own clock, in hundredths of a second; of those that use
# transcendent memory the share, in hundredths of a percent, that its calls took.

log=/var/log/xen/console/guest-one.log
ramdisk=/tmp/ramdisk
lines=5000

(cd /root && find jobs | cpio -o -H newc 2>/dev/null | gzip) |
    cat /boot/guest.cpio.gz /boot/modules-cloud.cpio.gz \
        /boot/dmsetup.cpio.gz - >$ramdisk

fail() {
    echo "$*"
    tail -n 40 $log
    exit 1
}

# wait_said PATTERN
wait_said() {
    waited=0
    until grep -q "^$1" $log 2>/dev/null; do
        waited=$((waited + 1))
        [ $waited -lt 1200 ] || fail "waited for '$1'"
        usleep 100000
    done
}

# told NAME
told() {
    sed -n "s/^job: $1 //p" $log | tr -d '\r'
}

# memory_is KIB: the guest has about that, as its balloon says; the hypervisor
# counts some pages more
memory_is() {
    # shellcheck disable=SC2046 # columns
    set -- "$1" $(xl pod one | sed -n 2p)
    [ "$6" -le $(($1 + 3072)) ]
}

# sort_by NAME KIND COMPRESS MEMORY LESS: made with MEMORY, it gives back down to
# LESS
sort_by() {
    rm -f $log
    xl create -q name=one kernel=/boot/vmlinuz-cloud ramdisk=$ramdisk \
        memory="$4" extra="console=hvc0 quiet transparent_hugepage=never \
podium.exec=/jobs/swap job.swap=$2 job.lines=$lines" || exit 1
    xl tmem-set -p "$3" one
    wait_said "job: waits"
    xl mem-set one "$5"
    waited=0
    until memory_is $(($5 * 1024)); do
        waited=$((waited + 1))
        [ $waited -lt 600 ] || fail "it does not give memory back"
        usleep 100000
    done
    xl mem-max one 140
    echo go | xl console one >/dev/null
    wait_said "job: is_done"
    [ "$(told sum)" = "${sum:=$(told sum)}" ] || fail "$1: it is not sorted"
    echo "bench: swap_$1 $(told time)"
    ticks=$(xl tmem-list -l one | sed -n 's/^C=.*,Tc:\([0-9]*\).*/\1/p')
    [ "${ticks:-0}" = 0 ] ||
        echo "bench: swap_$1_share $((ticks / ($(told time) * 1000)))"
    xl destroy one
}

sort_by none none 0 108 108
sort_by zram zram 0 108 86
# Its disk is 32 MiB of its memory.
sort_by disk disk 0 114 114
sort_by tmem tmem 0 108 86
sort_by tmem_lz4 tmem 1 108 86
