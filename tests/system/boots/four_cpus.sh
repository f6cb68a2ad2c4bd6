# SPDX-License-Identifier: MIT
# boot: --cpus 4 --memory 4G
#
# A larger host, and more virtual CPUs than it has.

check_three_guests_of_four_vcpus() {
    [ "$(xl info | awk '/^nr_cpus/ { print $3 }')" = 4 ] || fail "not 4 CPUs"
    must create one maxmem=1024 memory=256 vcpus=4
    must create two maxmem=2048 memory=256 vcpus=4
    must create three memory=256 vcpus=4
    for guest in one two three; do
        wait_ready $guest
        wait_target $guest
        ask $guest "grep -c ^processor /proc/cpuinfo"
        [ "$answer" = 4 ] || fail "$guest sees $answer CPUs"
    done
    wait_clean
    # All work at the same time.
    for guest in one two three; do
        type_in $guest "for i in 1 2 3 4; do (n=0; while [ \$n -lt 3000 ]; do n=\$((n+1)); done; echo guest: counted \$i) & done"
    done
    for guest in one two three; do
        for i in 1 2 3 4; do
            wait_said $guest "guest: counted $i"
        done
    done
    must xl destroy two
    must xl shutdown -aw
}
