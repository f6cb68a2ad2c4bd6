# SPDX-License-Identifier: MIT
#
# xl as people know it: commands that show, pin and watch, and the files that
# it reads. One guest of two vCPUs, "stays", is looked at by all of them.

conf=/etc/xen/xl.conf
limit=60

prepare() {
    must create stays vcpus=2 maxmem=256 memory=128
    wait_ready stays
    wait_target stays
}

stayers_live() {
    rm -f $conf
    type_in stays "echo guest: alive"
    wait_said stays "^guest: alive"
    : >$logs/guest-stays.log
}

# shows PATTERN COMMAND...: its output has such a line
shows() {
    pattern=$1
    shift
    "$@" >/tmp/output || fail "'$*' ended with $?"
    grep -q "$pattern" /tmp/output || fail "'$*' says: $(cat /tmp/output)"
}

check_every_command_has_help() {
    commands=$(xl help | awk '/^ [a-z]/ { print $1 }')
    [ "$(echo "$commands" | wc -l)" -ge 25 ] || fail "only: $commands"
    for command in $commands; do
        shows "^Usage: xl .* $command" xl help "$command"
    done
}

check_columns() {
    shows "^stays .* 128 .*[rb]-*  *[0-9.]*$" xl list stays
    shows "^stays .* 0$" xl claims
    shows "^stays  *[0-9]*  *[0-9]*  *0$" xl sharing
    shows "^Pool-0  *2  *credit2  *y  *2$" xl cpupool-list
    shows "^Pool-0  *0,1$" xl cpupool-list -c
    shows "^stays  *[0-9]*  *0:[0-9][0-9]:[0-9][0-9]$" xl uptime stays
    shows "^Domain-0 .* 0:[0-9][0-9]:[0-9][0-9]$" xl uptime
    shows "^  1:  *1  *0  *0$" xl info -n
    shows "^   0:  *[0-9]*  *[0-9]*  *10$" xl info -n
}

# json MEMBER: a number or word out of the last xl list -l
json() {
    sed -n "s/^ *\"$1\": \"*\([^\",]*\)\"*,*$/\1/p" /tmp/output
}

check_json() {
    shows '^\[' xl list -l stays
    [ "$(json name)" = stays ] || fail "its name is '$(json name)'"
    [ "$(json domid)" = "$(xl domid stays)" ] || fail "id '$(json domid)'"
    [ "$(json max_memkb)" = 262144 ] || fail "'$(json max_memkb)' promised"
    [ "$(json kernel)" = $cloud ] || fail "its kernel is '$(json kernel)'"
    [ "$(json online_vcpus)" = 2 ] || fail "'$(json online_vcpus)' vCPUs"
    [ "$(json deficit_memkb)" = 0 ] || fail "deficit '$(json deficit_memkb)'"
    shows '"name": "Domain-0"' xl list -l
    shows '"name": "stays"' xl list -l
}

# What a kernel's boot did to its promise; that it read some of it before it
# wrote there cost nothing.
check_pod_json() {
    shows '^\[' xl pod -l stays
    cat /tmp/output
    [ "$(json name)" = stays ] || fail "its name is '$(json name)'"
    [ "$(json deficit_memkb)" = 0 ] || fail "deficit '$(json deficit_memkb)'"
    [ "$(json populate_4k)" -gt 0 ] || fail "nothing was populated"
    [ "$(($(json zero_maps_4k) + $(json zero_maps_2m)))" -gt 0 ] ||
        fail "nothing was read before it was written"
    [ "$(json oom_events)" = 0 ] || fail "it was short of memory"
}

# What can be seen and set before a guest uses it; what is set stays with it.
check_tmem() {
    shows "^G=Tt:[0-9]*,Te:" xl tmem-list -a
    shows '"clients": \[\]' xl tmem-list -j -a
    must xl tmem-set stays -w 10
    must xl tmem-set stays -c 1024 -p 1
    shows "^C=CI:$(xl domid stays),ww:10,ca:1024,co:1,fr:0," xl tmem-list stays
    must xl tmem-freeze stays
    shows ",fr:1,.*,Ec:0,Em:0," xl tmem-list -l -a
    must xl tmem-thaw -a
    shows "frozen (1: yes)  *0$" xl tmem-list -r stays
    shows "^stays may join" xl tmem-shared-auth stays -A 1 \
        -u 01234567-89ab-cdef-0123-456789abcdef
    shows "^0$" xl tmem-freeable
    shows "^freeable_memory  *: 0$" xl info
    shows "^Host (MiB): [0-9]* free, 0 freeable, 0 claimed$" xl claims
}

# While the guest, and domain 0 itself, go on.
check_audit() {
    type_in stays "dd if=/dev/zero of=/tmp/x bs=1M count=12; rm /tmp/x"
    for _ in 1 2 3 4 5; do
        shows "^the host and all domains: 0 differences$" xl pod -a
        shows "^stays: 0 differences$" xl pod --audit stays
    done
    xl pod -a nobody 2>/tmp/error && fail "nobody was audited"
    return 0
}

# traced PATTERN: a record of what happened last is like this
traced() {
    xl trace >/tmp/output && grep -q "$1" /tmp/output
}

check_trace() {
    must create one maxmem=256 memory=96
    id=$(xl domid one)
    wait_for "a populate of it to be traced" \
        traced "  populate  domain $id gfn 0x[0-9a-f]* mfn 0x[0-9a-f]* size"
    wait_for "a hypercall to be traced" \
        traced "s  cpu [01]   hypercall domain 0 vcpu [01] number [0-9]"
    must xl trace -w on
    wait_for "a write to be traced" \
        traced "  p2m-write domain [0-9]* gfn 0x[0-9a-f]* .* type [0-9]"
    must xl trace -w off
    must xl trace --json >/tmp/output
    grep -q '"event": "hypercall"' /tmp/output || fail "no hypercall in JSON"
    must xl destroy one
}

# runs_only_on CPU: both vCPUs of stays
runs_only_on() {
    [ "$(xl vcpu-list stays | awk 'NR > 1 { print $4 }' | sort -u)" = "$1" ]
}

check_pin() {
    for cpu in 0 1; do
        must xl vcpu-pin stays all $cpu
        shows "  $cpu / all$" xl vcpu-list stays
        ask stays "cat /proc/cpuinfo | grep -c ^processor"
        [ "$answer" = 2 ] || fail "it sees $answer CPUs"
        wait_for "it to move to CPU $cpu" runs_only_on $cpu
    done
    must xl vcpu-pin stays 0 0 1
    shows "  0 / 1$" xl vcpu-list stays
    must xl vcpu-pin stays all all all
    shows "  all / all$" xl vcpu-list stays
}

check_pin_refused() {
    xl vcpu-pin stays 0 2 2>/tmp/error && fail "CPU 2 was found"
    grep -qx "xl: CPUs '2': there is no CPU 2; this host has 0 to 1" \
        /tmp/error || fail "$(cat /tmp/error)"
    shows "  all / all$" xl vcpu-list stays
}

check_pinned_from_the_beginning() {
    must create one -p vcpus=2 cpus='["1"]' cpus_soft=0 tsc_mode=native
    shows "  1 / 0$" xl vcpu-list one
    shows "  all / 0$" xl vcpu-list one
    xl create -q -p name=two kernel=$cloud memory=64 cpus=5 2>/tmp/error &&
        fail "it is on CPU 5"
    grep -q "cpus is '5': there is no CPU 5" /tmp/error ||
        fail "$(cat /tmp/error)"
    xl create -q -p name=two kernel=$cloud memory=64 \
        tsc_mode=always_emulate 2>/tmp/error && fail "its TSC is emulated"
    cat /tmp/error
    exists two && fail "two was left behind"
    return 0
}

check_top() {
    xl top -b -n 2 -d 1 >/tmp/output || fail "it ended with $?"
    cat /tmp/output
    [ "$(grep -c "^ *stays  " /tmp/output)" = 2 ] || fail "stays is missing"
    [ "$(grep -c "^ *Domain-0  " /tmp/output)" = 2 ] || fail "dom0 is missing"
    grep -q "^2 domains: " /tmp/output || fail "it counts other domains"
}

check_progress() {
    name=one
    xl -t create -q name=one kernel=$cloud memory=128 2>/tmp/error ||
        fail "it ended with $?"
    grep -q "allocating memory: 100%" /tmp/error || fail "none of creation"
    xl -t destroy one 2>/tmp/error
    grep -q "freeing memory" /tmp/error || fail "none of destruction"
}

check_dom0_gives_way() {
    dom0_gives
    wanted=$(($(free_mib) + 48))
    xl create -q -p name=one kernel=$cloud memory=$wanted 2>/tmp/error &&
        fail "the host had $wanted MiB"
    grep -q "not enough free memory" /tmp/error || fail "$(cat /tmp/error)"
    echo 'autoballoon = "on"' >$conf
    must xl create -q -p name=one kernel=$cloud memory=$wanted
    target=$(($(xenstore-read /local/domain/0/memory/target) / 1024))
    [ $target -lt 480 ] && [ $target -gt 400 ] ||
        fail "dom0's target is $target MiB"
    must xl destroy one
    must xl mem-set 0 512
    wait_for "dom0 to have its memory back" memory_is_back
}

check_wrong_conf() {
    printf 'claim_mode = 1\nautoballoon = "never"\n' >$conf
    create one -p 2>/tmp/error && fail "it was created"
    grep -qx "xl: $conf:2: autoballoon is 'never'; expected 'on', 'off' or \
'auto'" /tmp/error || fail "$(cat /tmp/error)"
    printf 'claim_mode = 0\nlockfile = "/tmp/lock"\n' >$conf
    must create one -p
    [ -e /tmp/lock ] || fail "there is no lock file"
}
