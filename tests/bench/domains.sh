#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Run in dom0 by tests/bench/bench, on Podium and on Xen: the benches that need
# no privilege, each as a domain that xl makes. Their consoles have the numbers.

log=/var/log/xen/console

# measure NAME FILE MEMORY MAXMEM MODE
measure() {
    xl create -q name=$1 type=pvh kernel=/root/$2.elf memory=$3 maxmem=$4 \
        extra="mode=$5" || exit 1
    tries=0
    while ! grep -q '^test-result' $log/guest-$1.log 2>/dev/null; do
        [ $((tries += 1)) -lt 600 ] || break
        usleep 100000
    done
    grep -E '^(bench: |test-result)' $log/guest-$1.log
    xl destroy $1 2>/dev/null
}

measure calls calls 64 64 none
measure reservation reservation 64 64 none
measure short touch 128 256 short
measure even touch 128 256 even
exit 0
