# SPDX-License-Identifier: MIT
#
# How guests begin, stop and end, and what xl says about them meanwhile. One
# guest, "stays", lives through it all.

prepare() {
    must create stays maxmem=512 memory=128
    wait_target stays
    wait_ready stays
}

stayers_live() {
    type_in stays "echo guest: alive"
    wait_said stays "^guest: alive"
    : >$logs/guest-stays.log
}

check_names() {
    must create one -p
    id=$(xl domid one)
    [ "$(xl domname "$id")" = one ] || fail "domname $id is not one"
    must xl rename one other
    [ "$(xl domid other)" = "$id" ] || fail "it has another id"
    exists one && fail "the old name is still there"
    [ "$(xl list other | awk 'NR == 2 { print $1, $2 }')" = "other $id" ] ||
        fail "xl list does not know it"
    must xl rename other one
    xl vm-list | grep -q " one *$" || fail "vm-list does not know it"
    must xl destroy one
    is_gone one || fail "it is still there"
}

check_created_paused() {
    must create one -p vcpus=2
    in_state one --p--- || fail "its state is $(state one)"
    [ "$(xl vcpu-list one | wc -l)" = 3 ] || fail "$(xl vcpu-list one)"
    must xl unpause one
    wait_ready one
    in_state one '[r-][b-]----' || fail "its state is $(state one)"
}

# cpu_time NAME: as listed, in tenths of seconds
cpu_time() {
    xl list "$1" | awk 'NR == 2 { print $NF * 10 }'
}

check_pause() {
    must xl pause stays
    in_state stays '?[b-]p---' || fail "its state is $(state stays)"
    before=$(cpu_time stays)
    type_in stays "echo guest: was paused"
    usleep 1000000
    [ "$(cpu_time stays)" = "$before" ] || fail "it ran while paused"
    said stays "^guest: was paused" && fail "it spoke while paused"
    must xl unpause stays
    wait_said stays "^guest: was paused"
}

check_console() {
    must create one
    wait_said one "^guest: MemTotal"
    wait_ready one
    ask one "uname -r"
    case $answer in
    6.*-cloud-amd64) ;;
    *) fail "its kernel is '$answer'" ;;
    esac
}

# Its input ends, and with it xl, when the guest has come up.
check_console_from_the_beginning() {
    rm -f "$logs/guest-one.log" # of another guest, which was ready once
    wait_ready one | xl create -q -c name=one kernel=$cloud memory=128 \
        ramdisk=/boot/guest.cpio.gz extra="$extra" >/tmp/console ||
        fail "it ended with $?"
    tail -n 5 /tmp/console
    grep -q "^guest: MemTotal" /tmp/console || fail "its beginning is missing"
}

check_nmi() {
    must create one extra="console=hvc0"
    wait_ready one
    must xl trigger one nmi
    wait_said one "Dazed and confused" # what Linux says of any it cannot explain
    ask one "echo alive"
}

check_nodes_in_xenstore() {
    must create one -p maxmem=256
    dir=/local/domain/$(xl domid one)
    xenstore-ls "$dir"
    [ "$(xenstore-read "$dir/memory/static-max")" = 262144 ] ||
        fail "static-max is not maxmem"
    [ "$(xenstore-read "$dir/memory/target")" = 131072 ] ||
        fail "target is not memory"
    [ "$(xenstore-read "$dir/name")" = one ] || fail "it has another name"
    must xl destroy one
    xenstore-exists "$dir" && fail "$dir is still there"
    return 0
}

check_dom0_gives_memory_too() {
    dom0_gives
    before=$(free_mib)
    must xl mem-set 0 448
    wait_for "64 MiB of dom0's" has_free $((before + 63))
    must xl mem-set 0 512
    wait_for "dom0 to have them back" memory_is_back
}

has_free() {
    [ "$(free_mib)" -ge "$1" ]
}

check_shutdown() {
    must create one
    wait_ready one
    must xl shutdown -w one
    wait_gone one
}

check_poweroff_by_the_guest() {
    must create one extra="$extra podium.exec=uname+-r"
    wait_said one "^guest: exit status 0"
    wait_gone one
}

check_poweroff_preserved() {
    must create one extra="$extra podium.exec=true" on_poweroff=preserve
    wait_state one '---s--'
    must xl destroy one
    is_gone one || fail "it is still there"
}

check_reboot_by_the_guest() {
    must create one memory=128 maxmem=256
    wait_ready one
    before=$(xl domid one)
    type_in one "reboot -f"
    wait_for "one to come back" is_another one "$before"
    wait_for "its second boot" said_twice one "^guest: ready"
    wait_target one
}

check_reboot_by_xl() {
    must create one
    wait_ready one
    before=$(xl domid one)
    must xl reboot one
    wait_for "one to come back" is_another one "$before"
    wait_for "its second boot" said_twice one "^guest: ready"
}

is_another() {
    exists "$1" && [ "$(xl domid "$1")" != "$2" ]
}

said_twice() {
    [ "$(grep -c "$2" "$logs/guest-$1.log")" -ge 2 ]
}

check_crash_preserved() {
    must create one on_crash=preserve vcpus=2
    wait_ready one
    type_in one "echo c >/proc/sysrq-trigger"
    wait_state one '---sc-'
    must xl destroy one
}

check_crash_by_sysrq_destroyed() {
    must create one extra="$extra sysrq_always_enabled"
    wait_ready one
    must xl sysrq one c
    wait_gone one
    said one "Kernel panic" || fail "its console says nothing of a panic"
}

check_destroyed_while_it_boots() {
    must create one maxmem=1024 memory=128 vcpus=2
    must xl destroy one
    must create one maxmem=1024 memory=128 vcpus=2
    wait_said one .
    must xl destroy one
    must create one maxmem=1024 memory=128 vcpus=2
    wait_for "its balloon to start" has_ballooned one
    must xl destroy one
    is_gone one || fail "it is still there"
}

has_ballooned() {
    look "$1"
    [ "$ballooned" -gt 65536 ]
}

check_mem_set_before_it_boots() {
    must create one -p maxmem=512 memory=128
    must xl mem-set one 192
    look one
    [ "$target" = 196608 ] || fail "its target is $target"
    must xl unpause one
    wait_target one
    wait_ready one
    look one
    gives_at_least one 196608 || fail "it has $given KiB"
}

check_mem_max() {
    must create one -p memory=128 maxmem=256
    must xl mem-max one 300
    xl mem-set one 400 2>/tmp/error && fail "a target above the limit was set"
    cat /tmp/error
}

check_in_the_foreground() {
    name=one
    xl create -q -F name=one kernel=$cloud ramdisk=/boot/guest.cpio.gz \
        memory=128 extra="$extra podium.exec=true" ||
        fail "it ended with $?"
    exists one && fail "it is still there"
    return 0
}

check_vcpus() {
    must create one vcpus=2 memory=192
    wait_ready one
    must xl vcpu-set one 1
    wait_for "one CPU to be gone" has_cpus one 1
    must xl vcpu-set one 2
    wait_for "it to be back" has_cpus_again one 2
}

has_cpus() {
    ask "$1" "grep -c ^processor /proc/cpuinfo"
    [ "$answer" = "$2" ]
}

# A Linux that gets a CPU back leaves it to its user space to use it.
has_cpus_again() {
    type_in "$1" "echo 1 >/sys/devices/system/cpu/cpu1/online"
    has_cpus "$1" "$2"
}

check_restart_as_often_as_it_likes() {
    must create one extra="$extra podium.exec=true" on_poweroff=restart
    before=$(xl domid one)
    wait_for "its third life" lived_beyond one $((before + 2))
    must xl destroy one
}

lived_beyond() {
    id=$(xl domid "$1" 2>/dev/null) && [ "$id" -ge "$2" ]
}
