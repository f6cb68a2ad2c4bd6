#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What the checks of boots/*.sh share. It runs in dom0, before such a file and
# "run_checks NAME...": each check_NAME in a shell of its own. A check ends by
# returning, or by fail. Whatever it left behind is destroyed; then the host
# must have as much memory as before, and the hypervisor's audit must find
# nothing. The verdict is a line for machine.py to find:
#
#     check NAME ok       or      check NAME failed: WHY
#
# A file may define prepare, which starts guests for all of its checks: those
# stay, and its function stayers_live is called after each check.

logs=/var/log/xen/console
cloud=/boot/vmlinuz-cloud
generic=/boot/vmlinuz-generic
# With huge pages Linux keeps 44 MiB free at all times (config/guests).
extra="console=hvc0 quiet transparent_hugepage=never"
patience=100 # percent
limit=300    # seconds for any wait, with that patience
slack=2048   # KiB: a guest's tables and shared pages
stayers=" 0 "

# --- Ending a check ---

fail() {
    echo "$*" >>/tmp/why
    exit 1
}

# must COMMAND...: fail if it fails
must() {
    "$@" || fail "'$*' ended with $?"
}

stayers_live() {
    :
}

show_new_file() {
    [ "$1" -nt /tmp/begun ] || return
    echo "--- $1"
    tail -n 25 "$1"
}

# What is to be seen where a check failed.
show_state() {
    echo "--- xl list"
    xl list
    echo "--- xl pod; $(free_mib) MiB are free"
    xl pod
    echo "--- xl dmesg"
    xl dmesg | tail -n 60
    for file in "$logs"/guest-*.log /var/log/xen/xl-*.log; do
        show_new_file "$file"
    done
}

# --- Waiting ---

# now: sets uptime to whole seconds since boot, without starting a process
now() {
    read -r uptime _ </proc/uptime
    uptime=${uptime%.*}
}

# wait_for WHAT COMMAND...: until the command succeeds, or fail. The command
# may wait for something itself.
# shellcheck disable=SC3043 # busybox has local
wait_for() {
    local what=$1 deadline
    shift
    now
    deadline=$((uptime + limit * patience / 100))
    until "$@"; do
        now
        [ "$uptime" -lt $deadline ] ||
            fail "waited $((limit * patience / 100)) seconds for $what"
        usleep 200000
    done
}

# --- Guests ---

# create NAME KEY=VALUE...: the defaults are a small plain guest
create() {
    rm -f "$logs/guest-$1.log"
    name=$1
    shift
    xl create -q name="$name" kernel=$cloud ramdisk=/boot/guest.cpio.gz \
        extra="$extra" memory=128 "$@"
}

said() {
    grep -q "$2" "$logs/guest-$1.log" 2>/dev/null
}

# wait_said NAME PATTERN: until its console says so
wait_said() {
    wait_for "'$2' on the console of $1" said "$1" "$2"
}

wait_ready() {
    wait_said "$1" "^guest: ready"
}

# type_in NAME TEXT: at the guest's shell
type_in() {
    echo "$2" | xl console "$1" >/dev/null
}

# ask NAME COMMAND: has the guest's shell run it, and sets answer to the one
# line that it printed. What is typed is echoed on the console; only the answer
# begins a line with "guest: ".
asked=0
ask() {
    asked=$((asked + 1))
    type_in "$1" "echo guest: answer $asked \$($2)"
    wait_said "$1" "^guest: answer $asked "
    answer=$(sed -n "s/^guest: answer $asked //p" "$logs/guest-$1.log" |
        tr -d '\r')
}

exists() {
    xl domid "$1" >/dev/null 2>&1
}

is_gone() {
    ! exists "$1"
}

wait_gone() {
    wait_for "$1 to be gone" is_gone "$1"
}

# state NAME: the six letters of xl list
state() {
    xl list "$1" 2>/dev/null | awk 'NR == 2 { print $5 }'
}

# in_state NAME PATTERN
in_state() {
    # shellcheck disable=SC2254 # it is a pattern
    case $(state "$1") in
    $2) return 0 ;;
    esac
    return 1
}

wait_state() {
    wait_for "$1 to be in state $2" in_state "$1" "$2"
}

# --- Memory, in KiB unless the name says otherwise ---

free_mib() {
    xl info | awk '/^free_memory/ { print $3 }'
}

# look NAME: what the host says about it
look() {
    # Name ID Max Target Populated Promised Cached Deficit Ballooned Swept
    # Claimed Borrowed Waiting
    # shellcheck disable=SC2046 # the columns are to be split
    set -- $(xl pod "$1" | sed -n 2p)
    [ $# = 13 ] || fail "xl pod printed '$*'"
    max=$3 target=$4 populated=$5 promised=$6 cached=$7 deficit=$8
    ballooned=$9
    shift
    swept=$9
    shift 3
    # shellcheck disable=SC2034 # some checks use them
    claimed=$7 borrowed=$8 waiting=$9
    given=$((populated + cached + claimed))
}

gives_at_least() {
    look "$1"
    [ "$given" -ge $(($2 - slack)) ]
}

gives_at_most() {
    look "$1"
    [ "$given" -le $(($2 + slack)) ]
}

# at_target NAME: every promise is backed, and within the target
at_target() {
    look "$1"
    [ "$deficit" = 0 ] && [ "$given" -le $((target + slack)) ]
}

wait_target() {
    wait_for "the balloon of $1 to reach its target" at_target "$1"
}

# --- The hypervisor's log and audit ---

# log_says PATTERN: since the check began
log_says() {
    xl dmesg | grep -q "$1"
}

# audit: how many differences the hypervisor finds in all it keeps, "none"
# if it did not say. A host that is busy may be caught in the middle of
# something, so callers look again.
audit() {
    xl debug-keys a
    xl dmesg | awk '/ host: audit: / { host = $(NF - 1); sum = 0 }
        / d[0-9]+: audit: / { sum += $(NF - 1) }
        END { print host == "" ? "none" : host + sum }'
}

audit_is_clean() {
    [ "$(audit)" = 0 ]
}

wait_clean() {
    wait_for "an audit without differences" audit_is_clean
}

# --- Running checks ---

# guests: the ids of all but the stayers
guests() {
    xl list | while read -r _ id _; do
        case "$stayers" in
        *" $id "*) ;;
        *) [ "$id" = ID ] || echo "$id" ;;
        esac
    done
}

no_guests() {
    [ -z "$(guests)" ]
}

# The restart of a guest may cross its destruction, so more than once.
destroy_all() {
    for id in $(guests); do
        xl destroy "$id"
    done
    no_guests
}

# A check in which domain 0 gives memory says so by dom0_gives. Where a large
# page of its was split, its page tables keep a page each: tens of them, which
# the MiB that are compared may just notice.
dom0_gives() {
    : >/tmp/dom0_gives
}

memory_is_back() {
    free_now=$(free_mib)
    [ "$free_now" = "$free_before" ] ||
        { [ -e /tmp/dom0_gives ] && [ "$free_now" = $((free_before - 1)) ]; }
}

# What must be so after each check.
after_check() {
    limit=60
    wait_for "all guests to be gone" destroy_all
    wait_for "all memory to be back ($free_before MiB)" memory_is_back
    wait_clean
    stayers_live
}

# begin NAME: the log from here on is the check's own
begin() {
    echo "check $1 begins"
    xl dmesg -c >/dev/null
    rm -f /tmp/why /tmp/dom0_gives
    touch /tmp/begun
    free_before=$(free_mib)
}

# part FUNCTION: in a shell of its own; where it fails, all there is to see
part() {
    ("$1") && return
    [ -s /tmp/why ] || echo "$1 ended with an error" >/tmp/why
    show_state
}

run_check() {
    begin "$1"
    part "check_$1"
    part after_check
    now
    echo "it is $uptime s since dom0 booted"
    if [ -s /tmp/why ]; then
        echo "check $1 failed: $(paste -s -d ';' /tmp/why)"
    else
        echo "check $1 ok"
    fi
}

prepare() {
    :
}

run_checks() {
    rm -f /tmp/why
    touch /tmp/begun
    part prepare
    if [ -s /tmp/why ]; then
        echo "what all these checks need failed: $(cat /tmp/why)"
        exit 1
    fi
    stayers=" $(xl list | awk '{ printf "%s ", $2 }')"
    for check in "$@"; do
        run_check "$check"
    done
}
