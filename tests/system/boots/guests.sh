# SPDX-License-Identifier: MIT
# boot: --memory 3G --add $TOP/out/boot/vmlinux:/boot/
#
# Debian's kernels as guests, in many sizes, promised more than they are given
# and not: each boots, has what it should, and follows its target.

# The generic kernel, unpacked: creating a guest of it takes an emulated dom0
# seconds less.
unpacked=/boot/vmlinux

# The pages that a guest has besides its memory: those of xenstore, console
# and start information. They count as populated.
special=64 # KiB, at most

# plain NAME KEY=VALUE...: a guest that is given all that it is promised
plain() {
    must create "$@"
    wait_ready "$1"
    look "$1"
    [ "$promised" = 0 ] && [ "$cached" = 0 ] ||
        fail "a plain guest is promised $promised KiB and $cached KiB cached"
    [ "$populated" -ge "$max" ] && [ "$populated" -le $((max + special)) ] ||
        fail "a guest of $max KiB was given $populated KiB"
}

# The balloon driver does not count the holes below 1 MiB.
uncounted=388 # KiB

# balloon_is NAME KIB: what the guest's own driver wants, and has come to
balloon_is() {
    ask "$1" "cat $balloon/target_kb $balloon/info/current_kb"
    [ "$answer" = "$(($2 - uncounted)) $(($2 - uncounted))" ]
}

balloon=/sys/devices/system/xen_memory/xen_memory0

# What the builder puts on top of a guest's memory: eight pages of rings and
# one of ACPI tables. Linux gives a page back for its shared_info.
on_top=36 # KiB

# limit_is NAME KIB: what the hypervisor lets it have, and no page more
limit_is() {
    limit_kib=$(xl list -l "$1" | sed -n 's/.*"limit_memkb": \([0-9]*\).*/\1/p')
    [ "$limit_kib" = "$2" ] ||
        fail "the limit of $1 is $limit_kib KiB, not $2"
}

# settled NAME KIB: the guest has come to this target, and to the page
settled() {
    look "$1"
    [ "$target" = "$2" ] || fail "the target of $1 is $target KiB, not $2"
    wait_for "the balloon of $1 to be at $2 KiB" balloon_is "$1" "$2"
    wait_target "$1"
    # Before and after: what it has, and what it gave back.
    [ $((given - $2)) = "$extra_kib" ] ||
        fail "$1 has $given KiB at a target of $2; $extra_kib more expected"
    limit_is "$1" $(($2 + on_top))
    [ "$given" -le "$limit_kib" ] ||
        fail "$1 has $given KiB, more than its limit of $limit_kib"
    [ $((given + ballooned)) = "$total" ] ||
        fail "$1: $given KiB and $ballooned returned are not $total"
}

# boot_ballooned NAME KEY=VALUE...: to its target, and to its shell
boot_ballooned() {
    must create "$@"
    look "$1"
    [ "$given" -le $((target + special)) ] ||
        fail "$1 was given $given KiB, more than its target of $target"
    wait_target "$1"
    wait_ready "$1"
    look "$1"
    extra_kib=$((given - target)) total=$((given + ballooned))
    [ "$extra_kib" -ge 0 ] && [ "$extra_kib" -le $special ] ||
        fail "$1 has $given KiB at a target of $target"
    [ "$ballooned" -ge $((max - target - special)) ] ||
        fail "$1 gave back $ballooned KiB of $max"
}

# ballooned NAME KEY=VALUE...: one guest up and down, and down to its end
ballooned() {
    boot_ballooned "$@"
    first=$target more=$((target + 65536))
    settled "$1" "$first"
    must xl mem-set "$1" "${more}k"
    settled "$1" $more
    must xl mem-set "$1" "${first}k"
    settled "$1" "$first"
    wait_clean
    must xl shutdown -w "$1"
}

check_cloud_plain() {
    plain one memory=256
    must xl shutdown -w one
}

check_cloud_plain_2_vcpus() {
    plain one memory=512 vcpus=2
    ask one "grep -c ^processor /proc/cpuinfo"
    [ "$answer" = 2 ] || fail "it sees $answer CPUs"
    must xl shutdown -w one
}

check_generic_plain() {
    plain one memory=1024 kernel=$unpacked
    must xl shutdown -w one
}

check_cloud_ballooned() {
    ballooned one maxmem=512 memory=128
}

check_cloud_ballooned_2_vcpus() {
    ballooned one maxmem=1024 memory=128 vcpus=2
}

check_generic_ballooned() {
    ballooned one maxmem=512 memory=160 kernel=$generic
}

check_generic_ballooned_2_vcpus() {
    ballooned one maxmem=1024 memory=160 vcpus=2 kernel=$unpacked
}

check_small() {
    ballooned one maxmem=256 memory=88
}

check_large() {
    # With memory above 4 GiB Linux keeps 64 MiB for bounce buffers.
    ballooned one maxmem=4096 memory=256 vcpus=2
}

# Half of the promise: nothing of it is a superpage's worth.
check_odd_sizes() {
    ballooned one maxmem=333 memory=151
}

check_several_at_once() {
    must create one maxmem=256 memory=96
    must create two maxmem=2048 memory=160 kernel=$unpacked
    must create three memory=256 vcpus=2
    must create four maxmem=512 memory=256 kernel=$unpacked vcpus=4
    for name in one two three four; do
        wait_ready $name
        wait_target $name
    done
    wait_clean
    for name in one two three four; do
        ask $name "grep -c ^processor /proc/cpuinfo"
        echo "$name has $answer CPUs"
    done
    must xl shutdown -aw
}
