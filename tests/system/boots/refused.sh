# SPDX-License-Identifier: MIT
#
# What cannot be is refused by one clear line and a status that is not 0, and
# nothing is left behind (which after_check looks for).

config=/tmp/guest.cfg

# Six lines; the seventh is the caller's.
write_config() {
    cat >$config <<END
# a guest for tests
name = "one"
kernel = "$cloud"
ramdisk = "/boot/guest.cpio.gz"
memory = 128
vcpus = 1
$1
END
}

# refused STATUS PATTERN COMMAND...: ends with that status, says nothing but
# one line that fits the pattern
refused() {
    expected=$1 pattern=$2
    shift 2
    "$@" >/tmp/output 2>/tmp/error </dev/null
    status=$?
    cat /tmp/error
    [ $status = "$expected" ] || fail "status $status, not $expected: $*"
    [ "$(wc -l </tmp/error)" = 1 ] || fail "$(wc -l </tmp/error) lines: $*"
    grep -q "^xl: .*$pattern" /tmp/error ||
        fail "'$(cat /tmp/error)' and not '$pattern'"
    [ ! -s /tmp/output ] || fail "it printed '$(cat /tmp/output)'"
}

# accepted COMMAND...: as refused, but it is only warned about
accepted() {
    pattern=$1
    shift
    "$@" >/tmp/output 2>/tmp/error </dev/null || fail "status $?: $*"
    cat /tmp/error
    grep -q "^xl: .*$pattern" /tmp/error ||
        fail "'$(cat /tmp/error)' and not '$pattern'"
}

check_kernel_truncated() {
    for size in 0 1 1000 20000 1000000; do
        head -c $size $cloud >/tmp/kernel
        refused 1 "'/tmp/kernel'" create one kernel=/tmp/kernel
    done
    for kernel in $cloud $generic; do
        size=$(stat -c %s $kernel)
        head -c $((size - 600000)) $kernel >/tmp/kernel
        refused 1 "'/tmp/kernel'.*damaged" create one kernel=/tmp/kernel
    done
}

check_kernel_damaged() {
    cp $cloud /tmp/kernel
    dd if=/dev/urandom of=/tmp/kernel bs=1k seek=2000 count=50 conv=notrunc \
        2>/dev/null
    refused 1 "'/tmp/kernel'" create one kernel=/tmp/kernel
}

check_no_kernel() {
    refused 1 "/boot/guest.cpio.gz.*neither" create one \
        kernel=/boot/guest.cpio.gz
    refused 1 "/bin/busybox.*PVH" create one kernel=/bin/busybox
    refused 1 "/nowhere" create one kernel=/nowhere
    refused 1 "/tmp" create one kernel=/tmp
    refused 1 "/nowhere" create one ramdisk=/nowhere
}

check_too_large_for_memory() {
    refused 1 "memory" create one memory=16
    refused 1 "memory" create one memory=8 maxmem=16
    refused 1 "memory" create one memory=1
    # The kernel alone fits.
    refused 1 "memory" create one ramdisk=$generic memory=68
    dd if=/dev/zero of=/tmp/ramdisk bs=1M count=150 2>/dev/null
    refused 1 "memory" create one ramdisk=/tmp/ramdisk
    # Given less than is loaded, though promised enough.
    refused 1 "memory" create one ramdisk=/tmp/ramdisk maxmem=1024
    rm /tmp/ramdisk
}

check_memory_above_maxmem() {
    refused 1 "memory is 512 MiB and maxmem 256 MiB" create one memory=512 \
        maxmem=256
    write_config "maxmem = 64"
    refused 1 "$config:[57]: memory" xl create -q $config
}

check_wrong_values() {
    write_config 'memory = "many"'
    refused 1 "$config:7: " xl create -q $config
    write_config "vcpus = 0"
    refused 1 "$config:7: .*vcpus" xl create -q $config
    write_config "vcpus = 1000"
    refused 1 "$config:7: .*vcpus" xl create -q $config
    write_config "memory = 0"
    refused 1 "$config:7: .*memory" xl create -q $config
    write_config "memory = 99999999999999999999"
    refused 1 "$config:7: " xl create -q $config
    write_config "on_crash = 'explode'"
    refused 1 "$config:7: .*on_crash.*expected" xl create -q $config
    write_config "uuid = '12'"
    refused 1 "$config:7: .*uuid" xl create -q $config
    write_config "type = 'pv'"
    refused 1 "$config:7: .*pvh" xl create -q $config
    write_config "name = 'a b/c'"
    refused 1 "name" xl create -q $config
}

check_wrong_syntax() {
    for line in 'memory 128' 'memory = = 128' 'name = "one' 'vif = [ "a"' \
        '= 5' 'memory = foo'; do
        write_config "$line"
        refused 1 "$config:[78]: .*expected" xl create -q $config
    done
    refused 1 "/nowhere" xl create -q /nowhere
    refused 1 "expected" xl create -q name=one kernel=
    refused 1 "'name'" xl create -q kernel=$cloud memory=128
    refused 1 "'kernel'" xl create -q name=one memory=128
    refused 1 "'memory'" xl create -q name=one kernel=$cloud
}

check_unknown_keys_only_warn() {
    write_config "colour = 'red'"
    accepted "$config:7: .*'colour'.*unknown" xl create -q -p $config
    must xl destroy one
    write_config "vif = ['bridge=xenbr0']"
    accepted "$config:7: .*'vif'.*not supported" xl create -q -p $config
    must xl destroy one
}

check_name_in_use() {
    must create one -p
    refused 1 "'one' is in use by domain $(xl domid one)" create one -p
    refused 1 "Domain-0" create Domain-0 -p
    must create two -p
    refused 1 "one" xl rename two one
}

check_host_without_memory() {
    refused 1 "not enough free memory" create one memory=1600
    refused 1 "not enough free memory" create one memory=1600 maxmem=4096
    must create one -p memory=512
    must create two -p memory=512 maxmem=4096
    refused 1 "not enough free memory" create three memory=600
    refused 1 "not enough free memory" create three memory=600 maxmem=2048
    [ "$(guests | wc -l)" = 2 ] || fail "there are guests $(guests)"
    look two
    before=$given
    refused 1 "" xl mem-set two 1500
    look two
    [ "$given" = "$before" ] && [ "$target" = $((512 * 1024)) ] ||
        fail "a refused target changed it: $given of $target KiB"
    must create three -p memory=200 # what is there can be had
}

check_a_promise_costs_nothing() {
    before=$(free_mib)
    must create one -p memory=128 maxmem=2048
    small=$((before - $(free_mib)))
    must xl destroy one
    wait_for "memory to be back" memory_is_back
    must create one -p memory=128 maxmem=65536
    large=$((before - $(free_mib)))
    echo "promised 2 GiB: $small MiB, 64 GiB: $large MiB"
    [ $((large - small)) -le 1 ] || fail "64 GiB cost $large, 2 GiB $small"
}

check_no_such_domain() {
    for command in destroy pause unpause shutdown reboot domname pod console \
        "mem-set nobody" "mem-max nobody"; do
        # shellcheck disable=SC2086 # "mem-set nobody" and a size
        case $command in
        *nobody) refused 1 "nobody" xl $command 100 ;;
        domname) refused 1 "9999" xl domname 9999 ;;
        *) refused 1 "nobody" xl $command nobody ;;
        esac
    done
    refused 1 "Domain.0\|domain 0" xl destroy 0
    exists 0 || exists Domain-0 || fail "dom0 is gone"
}

check_called_wrongly() {
    for words in "destroy" "mem-set one" "create -Z" "pause a b"; do
        # shellcheck disable=SC2086 # several words
        xl $words >/tmp/output 2>/tmp/error </dev/null
        status=$?
        [ $status = 2 ] || fail "'xl $words' ended with $status"
        grep -q "Usage: xl " /tmp/error ||
            fail "'xl $words': $(cat /tmp/error)"
    done
    refused 1 "nonsense" xl nonsense
    must create one -p
    refused 1 "size" xl mem-set one much
    refused 1 "size" xl mem-set one 0
    refused 1 "" xl mem-set one 999999999t
}

check_dry_run() {
    xl create -q -n name=one kernel=$cloud memory=128 maxmem=256 \
        >/tmp/output || fail "status $?"
    cat /tmp/output
    exists one && fail "it was created"
    return 0
}
