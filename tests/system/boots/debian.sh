# SPDX-License-Identifier: MIT
# boot: --add $TOP/out/boot/root/usr/lib/xen-4.17/bin/xl:/usr/sbin/debian-xl --dom0-append podium.xenstored=ocaml
#
# What others wrote for Xen 4.17 works here as it is: Debian's xl with its
# libxl, libxenctrl and libxenguest, and the other xenstored, oxenstored.

config=/tmp/debian.cfg

debian() {
    debian-xl "$@" </dev/null
}

# debian_create NAME LINE...: each LINE is one of the configuration
debian_create() {
    rm -f "$logs/guest-$1.log"
    cat >$config <<END
type = "pvh"
name = "$1"
kernel = "$cloud"
ramdisk = "/boot/guest.cpio.gz"
extra = "$extra"
END
    shift
    for line in "$@"; do
        echo "$line" >>$config
    done
    must debian create -q $config
}

check_oxenstored_is_the_store() {
    ps | grep -q "[o]xenstored" || fail "oxenstored does not run"
    must xenstore-write /tool/test value
    [ "$(xenstore-read /tool/test)" = value ] || fail "it forgot a value"
}

check_our_xl_on_oxenstored() {
    must create one maxmem=512 memory=128
    wait_ready one
    wait_target one
    must xl shutdown -w one
}

check_debian_info_and_list() {
    debian info >/tmp/info || fail "info ended with $?"
    cat /tmp/info
    [ "$(awk '/^free_memory/ { print $3 }' /tmp/info)" = "$(free_mib)" ] ||
        fail "it sees other free memory than ours, $(free_mib) MiB"
    debian list >/tmp/list || fail "list ended with $?"
    cat /tmp/list
    grep -q "^Domain-0 *0 *512 *2" /tmp/list || fail "no Domain-0 in list"
}

check_debian_plain_guest() {
    debian_create one "memory = 256" "vcpus = 2"
    wait_ready one
    [ "$(debian domid one)" = "$(xl domid one)" ] || fail "two numbers"
    must debian destroy one
    wait_gone one
}

check_debian_ballooned_guest() {
    debian_create one "memory = 128" "maxmem = 1024" "vcpus = 2"
    wait_ready one
    wait_target one
    must debian mem-set one 192
    wait_for "it to take 192 MiB" gives_at_least one 196608
    wait_target one
    must debian mem-set one 128
    wait_for "it to give some back" gives_at_most one 131072
    must debian pause one
    wait_state one '?[b-]p---'
    must debian unpause one
    ask one "echo alive"
    debian list >/tmp/list
    cat /tmp/list
    grep -q "^one " /tmp/list || fail "it is not in list"
    must debian shutdown -w one
    wait_gone one
}

check_debian_weights_caps_and_pins() {
    debian_create one "memory = 128" "vcpus = 2"
    wait_ready one
    must debian sched-credit2 -d one -w 512 -c 50
    debian sched-credit2 -d one >/tmp/sched
    cat /tmp/sched
    grep -q "^one .* 512 *50" /tmp/sched || fail "it does not show 512 and 50"
    xl sched-credit2 -d one >/tmp/sched
    grep -q "^one .* 512 *50" /tmp/sched || fail "ours shows something else"
    must debian sched-credit2 -d one -w 256 -c 0
    must debian sched-credit2 -s -r 1000
    must debian vcpu-pin one 0 1
    must debian vcpu-pin one 1 0-1
    debian vcpu-list one >/tmp/list
    cat /tmp/list
    grep -q "^one *[0-9]* *0 .* 1 / all" /tmp/list || fail "vCPU 0 is not on 1"
    debian vcpu-pin one 0 200 && fail "there is a CPU 200"
    must debian vcpu-pin one all all
    ask one "echo alive"
    must debian destroy one
    wait_gone one
}
