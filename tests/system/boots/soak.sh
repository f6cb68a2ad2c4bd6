# SPDX-License-Identifier: MIT
# boot: --memory 3G --add $TOP/out/boot/vmlinux:/boot/
#
# Lives of guests at random, some of them cut short, and guests that behave
# badly: nothing leaks, and others go on. `make soak` does more of it
# (PODIUM_SOAK is how many times as much), from another seed if there is one
# (PODIUM_SEED).

seed=${PODIUM_SEED:-1}
soak=${PODIUM_SOAK:-1}

# random N: sets chosen to 0..N-1
random() {
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    chosen=$((seed / 65536 % $1))
}

prepare() {
    for name in a b c d; do # dom0 itself grows by some tables that stay
        random_life $name
    done
    wait
    wait_for "no guests" destroy_all
    must create stays maxmem=512 memory=128
    wait_ready stays
    wait_target stays
}

stayers_live() {
    type_in stays "echo guest: alive"
    wait_said stays "^guest: alive"
    : >$logs/guest-stays.log
}

# random_shape: sets shape
random_shape() {
    random 8
    maxmem=$((256 << (chosen / 2)))
    random 256
    memory=$((96 + maxmem / 64 + chosen))
    [ $memory -le $maxmem ] || memory=$maxmem
    random 4
    shape="maxmem=$maxmem memory=$memory vcpus=$((chosen + 1))"
    random 16
    case $chosen in
    0) shape="$shape kernel=$generic" ;;
    1 | 2 | 3) shape="$shape kernel=/boot/vmlinux" ;;
    esac
}

# build_cut_short DELAY NAME SHAPE...: xl is killed while it builds; what it
# left goes later
build_cut_short() {
    delay=$1
    shift
    create "$@" &
    usleep $((delay * 1000))
    kill -9 $! 2>/dev/null
    pkill -9 -f "name=$1 " 2>/dev/null
    wait
}

# live WAY DELAY NAME SHAPE...: one guest, to some point of its life; DELAY is
# in milliseconds
live() {
    way=$1 delay=$2
    shift 2
    echo "life $1: $*, way $way"
    if [ "$way" = 0 ]; then
        build_cut_short $((delay / 4)) "$@"
        return
    fi
    must create "$@"
    [ "$way" = 1 ] || usleep $((delay * 1000))
}

# random_life NAME: beside whatever else goes on
random_life() {
    random_shape
    random 4
    way=$chosen
    random 3000
    # shellcheck disable=SC2086 # several words
    live $way "$chosen" "$1" $shape &
}

# The host's free memory tells, after each check, whether anything leaked.
check_random_lives() {
    count=0
    while [ $count -lt $((8 * soak)) ]; do
        random 4
        for _ in $(seq $((chosen + 1))); do
            count=$((count + 1))
            random_life "soak$count"
        done
        wait
        [ ! -s /tmp/why ] || exit 1
        wait_for "no guests" destroy_all
    done
}

# dom0's memory is full: creating works or says why, and works again after.
check_dom0_short_of_memory() {
    free=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
    dd if=/dev/zero of=/tmp/ballast bs=1M count=$((free - 24)) 2>/dev/null
    if create one maxmem=512 memory=128 2>/tmp/said; then
        xl destroy one
    else
        cat /tmp/said
        [ -s /tmp/said ] || fail "xl failed without a word"
    fi
    rm /tmp/ballast
    must create two maxmem=512 memory=128
    wait_ready two
}

xenstored_is_new() {
    case $(tr '\0' ' ' <"/proc/$(cat /run/xenstored.pid)/cmdline") in
    *" -U "*) return 0 ;;
    esac
    return 1
}

# Another xenstored takes over what the first one knows, the rings of the
# guests and the sockets of the xl processes that watch them included. What is
# under way goes on, too.
check_xenstored_restarted() {
    must create one maxmem=512 memory=128
    wait_ready one
    id=$(xl domid one)
    must create two maxmem=512 memory=128 &
    must xenstore-control live-update "$(which xenstored)"
    wait
    wait_for "the new xenstored" xenstored_is_new
    wait_ready two
    stayers_live
    must xl mem-set stays 160
    wait_target stays
    must xl mem-set stays 128
    wait_target stays
    : >$logs/guest-one.log
    must xl reboot -w one # its watcher is from before
    wait_ready one
    [ "$(xl domid one)" != "$id" ] || fail "one was not started again"
    must xl shutdown -w one
    must xl shutdown -w two
}

# One floods its console, one spins on more vCPUs than there are CPUs, one
# dies: the one that stays still answers.
check_bad_neighbours() {
    must create floods
    must create spins vcpus=4
    must create dies on_crash=destroy
    wait_ready floods
    wait_ready spins
    wait_ready dies
    type_in floods "while :; do echo flood flood flood flood; done"
    type_in spins "for i in 1 2 3 4 5; do (while :; do :; done) & done"
    type_in dies "echo c >/proc/sysrq-trigger"
    wait_gone dies
    stayers_live
    must xl mem-set stays 160
    wait_target stays
    must xl mem-set stays 128
    wait_target stays
}
