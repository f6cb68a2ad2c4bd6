# SPDX-License-Identifier: MIT
#
# Guests that use what they were promised and not given. Their kernel has no
# balloon driver: the calls that would start it are left out. A guest that
# writes zeros lives, since the hypervisor takes pages of zeros back; one that
# writes anything else dies, and nobody else notices.

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
        maxmem=512 memory=128 on_crash=preserve
    dies one
    wait_clean
    stayers_live
}

check_two_die_at_once() {
    must create one extra="$extra $no_balloon podium.fill=data:300" \
        maxmem=512 memory=100 on_crash=preserve vcpus=2
    must create two extra="$extra $no_balloon podium.fill=data:300" \
        maxmem=1024 memory=110 on_crash=preserve vcpus=2
    dies one
    dies two
}

check_data_then_destroyed_by_the_monitor() {
    must create one extra="$extra $no_balloon podium.fill=data:300" \
        maxmem=512 memory=100
    wait_gone one
    log_says "out of PoD memory" || fail "the hypervisor's log says nothing"
}

# With memory=maxmem the same use is no more than what it has.
check_data_within_its_memory() {
    must create one extra="$extra podium.fill=data:60" memory=256
    wait_said one "^guest: filled 60 MiB"
    wait_ready one
}
