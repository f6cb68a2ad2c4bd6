# SPDX-License-Identifier: MIT
# boot: --cpus 1 --memory 1G --dom0-append loglevel=3
#
# A host with one CPU and little memory.

check_two_vcpus_share_the_cpu() {
    [ "$(xl info | awk '/^nr_cpus/ { print $3 }')" = 1 ] || fail "more CPUs"
    must create one maxmem=512 memory=128 vcpus=2
    wait_ready one
    wait_target one
    ask one "grep -c ^processor /proc/cpuinfo"
    [ "$answer" = 2 ] || fail "it sees $answer CPUs"
    must xl shutdown -w one
}
