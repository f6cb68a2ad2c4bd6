# SPDX-License-Identifier: MIT
# boot: --add $TOP/out/guests/fill.elf:/boot/fill.elf
#
# Guests that use what they were promised and not given. Their kernel has no
# balloon driver: the calls that would start it are left out. A guest that
# writes zeros lives, since the hypervisor takes pages of zeros back; one that
# writes anything else waits, borrows or dies, as it was told to, and nobody
# else notices.

no_balloon="initcall_blacklist=balloon_init,balloon_wait_finish"

prepare() {
    must create stays maxmem=256 memory=96
    wait_target stays
    wait_ready stays
}

stayers_live() {
    type_in stays "echo guest: alive"
    wait_said stays "^guest: alive"
    : >$logs/guest-stays.log
}

# zeroes NAME MIB KEY=VALUE...: a guest that writes so much of zeros lives
zeroes() {
    guest=$1 mib=$2
    shift 2
    must create "$guest" extra="$extra $no_balloon podium.fill=zero:$mib" "$@"
    wait_said "$guest" "^guest: filled $mib MiB"
    wait_ready "$guest"
    look "$guest"
    echo "$guest: $populated populated, $promised promised, $swept swept"
    [ "$given" -le $((target + slack)) ] ||
        fail "it has $given KiB, and a target of $target"
    [ "$ballooned" -le 64 ] || fail "it gave $ballooned KiB back"
    [ "$swept" -ge $((mib * 1024 - target)) ] ||
        fail "only $swept KiB were taken back"
    ask "$guest" "echo alive"
    # It reads zeros where it wrote them.
    ask "$guest" "tr -d '\\0' </fill/pages | wc -c"
    [ "$answer" = 0 ] || fail "$answer of its zeros have changed"
    wait_clean
}

check_zeros() {
    zeroes one 400 maxmem=512 memory=128
}

check_zeros_of_a_large_guest() {
    zeroes one 800 maxmem=1024 memory=128 vcpus=2
}

check_zeros_generic_kernel() {
    zeroes one 400 maxmem=512 memory=160 kernel=$generic vcpus=2
}

# The balloon driver comes late: after the pages have been used.
check_zeros_before_the_balloon() {
    must create one extra="$extra podium.fill=zero:60" maxmem=512 memory=160
    wait_said one "^guest: filled 60 MiB"
    wait_target one
    wait_ready one
}

# dies NAME: of being given too little
dies() {
    wait_state "$1" '---sc-'
    log_says "out of PoD memory" || fail "the hypervisor's log says nothing"
    look "$1"
    [ "$given" -le $((target + slack)) ] || fail "it took $given KiB"
    [ "$cached" = 0 ] || fail "$cached KiB were left to give"
}

check_data_beyond_its_target() {
    must create one extra="$extra $no_balloon podium.fill=data:300" \
        maxmem=512 memory=128 on_crash=preserve pod_on_empty=crash
    dies one
    wait_clean
    stayers_live
}

check_two_die_at_once() {
    must create one extra="$extra $no_balloon podium.fill=data:300" \
        maxmem=512 memory=100 on_crash=preserve vcpus=2 pod_on_empty=crash
    must create two extra="$extra $no_balloon podium.fill=data:300" \
        maxmem=1024 memory=110 on_crash=preserve vcpus=2 pod_on_empty=crash
    dies one
    dies two
}

check_data_then_destroyed_by_the_monitor() {
    must create one extra="$extra $no_balloon podium.fill=data:300" \
        maxmem=512 memory=100 pod_on_empty=crash
    wait_gone one
    log_says "out of PoD memory" || fail "the hypervisor's log says nothing"
}

# filler NAME KEY=VALUE...: the microkernel that fills all of its memory and
# then looks at each word. It has no balloon at all.
filler() {
    rm -f "$logs/guest-$1.log"
    name=$1
    shift
    must xl create -q name="$name" kernel=/boot/fill.elf maxmem=64 "$@"
}

waits() {
    look "$1"
    [ "$waiting" -gt 0 ]
}

waits_or_is_full() {
    waits "$1" || said "$1" "^fill: all"
}

# next_target NAME: the hint of xl pod, for one that waits, MiB
next_target() {
    xl pod "$1" | sed -n 's/.*: "xl mem-set [^ ]* \([0-9]*\)" would let .*/\1/p'
}

# filled NAME: nothing was lost, and it ended well
filled() {
    wait_said "$1" "^fill: 0 words are wrong"
    wait_said "$1" "^test-result: SUCCESS"
    wait_gone "$1"
}

# word_in FILE FRAME: the first word of that frame of a guest of 64 MiB. Its RAM
# begins at 0, and the pages are what the file ends with: RAM, and 9 more.
word_in() {
    pages=$((64 * 256 + 9))
    first=$(($(stat -c %s "$1") / 4096 - pages))
    dd if="$1" bs=4096 skip=$((first + $2)) count=1 2>/dev/null |
        od -A n -t x8 -N 8 | tr -d ' '
}

# dumps NAME: to look at a filler's memory takes none, and finds what it wrote
dumps() {
    look "$1"
    before="$populated $promised $cached $waiting"
    must xl dump-core "$1" /tmp/dump
    look "$1"
    [ "$populated $promised $cached $waiting" = "$before" ] ||
        fail "a dump changed $before to $populated $promised $cached $waiting"
    grep -q "fill: %lu words are wrong" /tmp/dump ||
        fail "its kernel is not in the dump"
    # Frame 2048 begins with 2049 times the seed of fill.c.
    word=$(word_in /tmp/dump 2048)
    [ "$word" = "$(printf %x $((2049 * 0x51342543de82ef95 + (1 << 63))))" ] ||
        fail "frame 2048 begins with $word"
    word=$(word_in /tmp/dump $((63 * 256)))
    [ "$word" = 0000000000000000 ] || fail "a promise begins with $word"
    rm /tmp/dump
}

# Its other vCPU lives while it waits; memory comes in steps.
check_data_waits_for_a_target() {
    filler one memory=16 vcpus=2
    wait_for "one to wait" waits one
    in_state one '?m----' || fail "xl list says $(state one)"
    log_says "d.*: vCPU 0 waits for memory at gpa" || fail "the log does not"
    [ "$cached" = 0 ] && [ "$deficit" -gt 0 ] ||
        fail "$cached KiB are cached, $deficit missing"
    lives=$(grep -c "vCPU 1 lives" $logs/guest-one.log)
    wait_said one "vCPU 1 lives $((lives + 3))"
    must xl pause one
    must xl unpause one
    dumps one
    stayers_live
    step=$(next_target one)
    [ "$step" -ge 16 ] && [ "$step" -le 17 ] || fail "the hint is $step MiB"
    must xl mem-set one $((step + 1))
    wait_for "it to wait again" waits one
    [ "$(next_target one)" -gt "$step" ] || fail "the hint is what it has"
    must xl mem-set one 30
    wait_for "it to use that" waits_or_is_full one
    must xl mem-set one 64
    filled one
    # The monitor looks every few seconds, and may have come too late to see
    # it wait; then it tells of it afterwards.
    grep -q "wait.* for memory" /var/log/xen/xl-one.log ||
        fail "the monitor has not noticed"
}

# A Debian kernel has no idea either.
check_linux_waits_for_a_target() {
    must create one extra="$extra $no_balloon podium.fill=data:300" \
        maxmem=512 memory=128 vcpus=2
    wait_for "one to wait" waits one
    wait_clean
    must xl mem-set one 512
    wait_said one "^guest: filled 300 MiB"
    wait_ready one
    ask one "echo alive"
}

check_data_is_destroyed_while_it_waits() {
    filler one memory=16
    wait_for "one to wait" waits one
    wait_clean
}

# owes NAME KIB: it borrowed that much, and waits for more
owes() {
    waits "$1" && [ "$borrowed" = "$2" ]
}

check_policy_changes_while_it_waits() {
    filler one memory=16
    wait_for "one to wait" waits one
    must xl pod-set one pod_on_empty=borrow pod_borrow=4
    wait_for "it to borrow 4 MiB" owes one 4096
    must xl pod-set one pod_borrow=6
    wait_for "it to borrow 2 MiB more" owes one 6144
    must xl pod-set one pod_on_empty=crash
    wait_gone one
    log_says "out of PoD memory" || fail "the hypervisor's log says nothing"
}

check_data_is_borrowed() {
    filler one memory=16 pod_on_empty=borrow pod_borrow=20
    wait_for "one to wait" waits one
    [ "$borrowed" = 20480 ] || fail "it borrowed $borrowed KiB"
    must xl mem-set one 40
    look one
    [ "$borrowed" -lt 20480 ] || fail "its new target did not pay the loan"
    must xl mem-set one 64
    filled one
    # With a credit of what is missing nobody has to look after it.
    filler two memory=16 pod_on_empty=borrow
    filled two
}

check_on_demand() {
    free=$(free_mib)
    filler one memory=40 pod_mode=on-demand -p
    look one
    [ "$populated" -lt 4096 ] || fail "it has $populated KiB before it runs"
    [ "$given" -ge 40960 ] || fail "$claimed KiB are claimed"
    # What is claimed is not free.
    [ "$(free_mib)" -le $((free - 40)) ] || fail "$(free_mib) MiB are free"
    must xl unpause one
    wait_for "one to wait" waits one
    [ "$claimed" = 0 ] || fail "$claimed KiB are claimed, and it waits"
    [ "$populated" -le $((40960 + slack)) ] || fail "it has $populated KiB"
    must xl mem-set one 64
    filled one
    # Linux and its balloon do not notice.
    must create two maxmem=512 memory=128 pod_mode=on-demand
    wait_ready two
    wait_target two
    must xl mem-set two 256
    wait_for "it to take 256 MiB" gives_at_least two 262144
    must xl mem-set two 128
    wait_for "it to give some back" gives_at_most two 131072
    wait_clean
}

# With memory=maxmem the same use is no more than what it has.
check_data_within_its_memory() {
    must create one extra="$extra podium.fill=data:60" memory=256
    wait_said one "^guest: filled 60 MiB"
    wait_ready one
}
