#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What `make run` shows, run in dom0: a guest that is promised 1 GiB of memory
# and given 128 MiB of it, how it gets more and gives it back, a second guest
# beside it, and that nothing is lost when they end. One row of a table per
# step, and a check after each; the exit status is 1 as soon as one fails.
#
# With a terminal (or PODIUM_INTERACTIVE=1) the guests are left running.

promised=1024 # MiB: maxmem of the first guest
given=128     # MiB: memory of both guests
more=256      # MiB: what the first one is given for a while
beside=512    # MiB: maxmem of the second guest
slack=2       # MiB: a guest's shared pages and tables, and rounding
limit=${PODIUM_DEMO_LIMIT:-240} # seconds for any step; emulation is slow
logs=/var/log/xen/console
config=${PODIUM_DEMO_CONFIG:-/etc/xen/demo.cfg}

fail() {
    echo
    echo "demo: FAILED: $*"
    for name in demo beside; do
        [ -s $logs/guest-$name.log ] || continue
        echo "demo: the end of $name's console:"
        tail -n 15 $logs/guest-$name.log
    done
    exit 1
}

# now: whole seconds since boot, without starting a process
now() {
    read -r uptime _ </proc/uptime
    uptime=${uptime%.*}
}

# wait_for WHAT COMMAND...: until the command succeeds, or fail
wait_for() {
    what=$1
    shift
    now
    deadline=$((uptime + limit))
    until "$@"; do
        now
        [ "$uptime" -lt $deadline ] ||
            fail "waited $limit seconds for $what"
        usleep 300000
    done
}

mib() {
    echo $((($1 + 512) / 1024))
}

# look NAME: what the host says about it, in KiB, from xl pod
look() {
    # Name ID Max Target Populated Promised Cached Deficit Ballooned Swept
    # shellcheck disable=SC2046 # the columns are to be split
    set -- $(xl pod "$1" | sed -n 2p)
    [ $# = 13 ] || fail "xl pod printed '$*'"
    max_now=$3 target_now=$4 given_now=$(($5 + $7)) deficit_now=$8
    returned_now=$9
}

free_now() {
    xl info | awk '/^free_memory/ { print $3 }'
}

# row WHAT PROMISED SEES TARGET GIVEN RETURNED MEMTOTAL FREE
row() {
    printf '%-24s%8s%8s%8s%8s%9s%9s%8s\n' "$@"
}

# show WHAT NAME [asked]: a row about one guest as it is now. "asked": with
# the guest's own numbers, of the last ask
show() {
    look "$2"
    if [ "$3" != asked ]; then
        sees=- memtotal=-
    fi
    row "$1" "$(mib "$max_now")" "$sees" "$(mib "$target_now")" \
        "$(mib "$given_now")" "$(mib "$returned_now")" "$memtotal" \
        "$(free_now)"
}

is_ready() {
    grep -q '^guest: ready' "$logs/guest-$1.log" 2>/dev/null
}

# ask NAME: have the guest's shell print two numbers: how much memory its
# kernel found when it booted (what it sees), and its MemTotal now. What is
# typed is echoed by the guest; only the answer begins a line with "guest: ".
# shellcheck disable=SC2016 # it is the guest's shell that expands
question_sees='$(dmesg | sed -n "s,.* Memory: .*/\([0-9]*\)K avail.*,\1,p")'
# shellcheck disable=SC2016
question_memtotal='$(sed -n "s,MemTotal: *\([0-9]*\).*,\1,p" /proc/meminfo)'
asked=0
ask() {
    asked=$((asked + 1))
    echo "echo guest: answer $asked $question_sees $question_memtotal" |
        xl console "$1" >/dev/null
    wait_for "$1 to look at its /proc/meminfo" \
        grep -q "^guest: answer $asked " "$logs/guest-$1.log"
    # shellcheck disable=SC2046
    set -- $(grep "^guest: answer $asked " "$logs/guest-$1.log" | tr -d '\r')
    [ $# = 5 ] || fail "asked for two numbers, a guest said '$*'"
    sees=$(mib "$4") memtotal=$(mib "$5")
}

# at_target NAME: every promise is backed, and within the target
at_target() {
    look "$1"
    [ "$deficit_now" = 0 ] && gives_at_most "$1" "$target_now"
}

half_returned() {
    look "$1"
    [ "$returned_now" -ge $(((promised - given) * 512)) ]
}

# gives_at_least / gives_at_most NAME KIB
gives_at_least() {
    look "$1"
    [ "$given_now" -ge $(($2 - slack * 1024)) ]
}

gives_at_most() {
    look "$1"
    [ "$given_now" -le $(($2 + slack * 1024)) ]
}

exists() {
    xl domid "$1" >/dev/null 2>&1
}

is_gone() {
    ! exists "$1"
}

memory_is_back() {
    [ "$(free_now)" = "$free_before" ]
}

create() {
    rm -f "$logs/guest-$1.log"
    xl create -q "$config" name="$1" memory=$given "$2" "$3" ||
        fail "xl create of $1"
}

first_guest() {
    free_before=$(free_now)
    row "no guest yet" - - - - - - "$free_before"

    create demo maxmem=$promised vcpus=2
    show "demo created" demo
    [ "$max_now" = $((promised * 1024)) ] ||
        fail "demo was promised $max_now KiB"
    gives_at_most demo $((given * 1024)) ||
        fail "demo was given $given_now KiB to boot with"

    wait_for "demo's balloon driver to start" half_returned demo
    show "  balloon at work" demo
    gives_at_most demo $((given * 1024)) ||
        fail "demo took $given_now KiB while it booted"

    wait_for "demo's balloon to reach its target" at_target demo
    wait_for "demo to boot" is_ready demo
    ask demo
    show "  booted, at its target" demo asked
    [ "$sees" -gt $((promised * 9 / 10)) ] || fail "demo sees $sees MiB"
    memtotal_before=$memtotal
}

up_and_down() {
    xl mem-set demo $more || fail "xl mem-set demo $more"
    wait_for "demo to take $more MiB" gives_at_least demo $((more * 1024))
    ask demo
    show "xl mem-set demo $more" demo asked
    [ "$memtotal" -gt "$memtotal_before" ] || fail "demo did not notice"

    xl mem-set demo $given || fail "xl mem-set demo $given"
    wait_for "demo to give memory back" gives_at_most demo $((given * 1024))
    ask demo
    show "xl mem-set demo $given" demo asked
}

second_guest() {
    create beside maxmem=$beside vcpus=1
    wait_for "the second guest's balloon" at_target beside
    wait_for "the second guest to boot" is_ready beside
    ask beside
    show "a second guest beside it" beside asked
    exists demo || fail "demo is gone"
    echo
    echo "The same as xl shows it (list in MiB, pod in KiB):"
    echo
    xl list || fail "xl list"
    echo
    xl pod || fail "xl pod"
}

ending() {
    xl destroy demo || fail "xl destroy demo"
    xl destroy beside || fail "xl destroy beside"
    wait_for "demo to be gone" is_gone demo
    wait_for "the second guest to be gone" is_gone beside
    wait_for "all memory to come back" memory_is_back
    echo
    heading
    row "both destroyed" - - - - - - "$(free_now)"
}

hints() {
    cat <<END

demo: all as it should be. The guests go on running. Try:
  xl list               who runs            xl console demo    (Ctrl-] leaves)
  xl pod                who has what        xl mem-set demo 200
  xl destroy demo       end it              xl create $config name=third
  exit                  power the machine off
END
}

heading() {
    row "" promised sees target given returned MemTotal "free"
    row "----------------------" -------- ------ ------ ------ -------- \
        -------- ------
}

cat <<END
Linux guests that are promised more memory than they are given. All in MiB.

  promised  maxmem, what the guest was built to have
  sees      what its own kernel found when it booted
  target    what it is asked to use
  given     what the host has really set aside for it
  returned  what its balloon driver has handed back of the promise
  MemTotal  what its own kernel counts as usable now (/proc/meminfo)
  free      what the host has left

END
heading
first_guest
up_and_down
second_guest
if [ -t 0 ] || [ "$PODIUM_INTERACTIVE" = 1 ]; then
    hints
    exit 0
fi
ending
echo
echo "demo: all as it should be; the host has its memory back."
