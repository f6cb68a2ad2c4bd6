# SPDX-License-Identifier: MIT
# boot: --cpus 1 --memory 2G --dom0-kernel $TOP/out/boot/vmlinuz-generic
#
# Debian's kernel as it is shipped. What it took to unpack it is free again:
# only dom0 and 32 MiB are missing, of which the frame table is the most. One
# CPU: what ran on the vector registers before dom0 did was on the CPU that dom0
# computes with.

check_memory_is_back() {
    free=$(free_mib)
    dom0=$(xl list 0 | awk 'NR == 2 { print $3 }')
    echo "of 2048 MiB dom0 has $dom0, $free are free"
    [ $((2048 - free - dom0)) -le 32 ] ||
        fail "$((2048 - free - dom0)) MiB are missing"
}

check_guest_runs() {
    must create one maxmem=512
    wait_ready one
    wait_target one
    ask one "echo 1.5 2.25 | awk '{ print \$1 * \$2 }'"
    [ "$answer" = 3.375 ] || fail "1.5 * 2.25 is $answer"
}
