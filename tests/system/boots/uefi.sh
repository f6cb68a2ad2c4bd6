# SPDX-License-Identifier: MIT
# boot: --uefi
#
# The machine boots by UEFI and GRUB.

check_processors_started() {
    [ "$(xl info | awk '/^nr_cpus/ { print $3 }')" = 2 ] || fail "not 2 CPUs"
}

check_linux_with_maxmem() {
    must create one maxmem=512 memory=128 vcpus=2
    wait_ready one
    wait_target one
    ask one "grep -c ^processor /proc/cpuinfo"
    [ "$answer" = 2 ] || fail "it sees $answer CPUs"
    must xl shutdown -w one
}
