# SPDX-License-Identifier: MIT
#
# Guests made and ended again and again, at every stage of their life: the
# host has as many free pages at the end as at the beginning.

# The first guest makes dom0 itself grow by some tables that stay.
prepare() {
    round 0
    wait_for "the first guest to be gone" no_guests
}

# round N: one guest; N chooses its shape and how far it gets
round() {
    case $(($1 % 5)) in
    0) shape="maxmem=1024 memory=128 vcpus=2" ;;
    1) shape="memory=128" ;;
    2) shape="maxmem=4096 memory=160" ;;
    3) shape="maxmem=333 memory=100 vcpus=3" ;;
    4) shape="maxmem=256 memory=96 kernel=$generic" ;;
    esac
    # shellcheck disable=SC2086 # several words
    case $(($1 % 3)) in
    0) must create "loop$1" -p $shape ;;
    1) must create "loop$1" $shape ;;
    2)
        must create "loop$1" $shape
        wait_said "loop$1" .
        ;;
    esac
    must xl destroy "loop$1"
    is_gone "loop$1" || fail "loop$1 is still there"
}

# free_pages: to the page, from the hypervisor's log
free_pages() {
    xl debug-keys q
    xl dmesg | sed -n 's/.* host: pages [0-9]*, free \([0-9]*\),.*/\1/p' |
        tail -n 1
}

pages_are_back() {
    [ "$(free_pages)" = "$pages_before" ]
}

rounds() {
    pages_before=$(free_pages)
    free_before=$(free_mib)
    count=0
    while [ $count -lt "$1" ]; do
        count=$((count + 1))
        round $count
        echo "$count: $(free_mib) MiB, $(free_pages) pages free"
    done
    wait_for "$pages_before pages to be free" pages_are_back
    memory_is_back || fail "$(free_mib) MiB are free, $free_before were"
}

check_10_rounds() {
    rounds 10
}

check_long_50_rounds() {
    rounds 50
}

check_booted_and_destroyed() {
    pages_before=$(free_pages)
    must create one maxmem=1024 memory=128 vcpus=2
    wait_ready one
    must xl destroy one
    wait_for "$pages_before pages to be free" pages_are_back
}
