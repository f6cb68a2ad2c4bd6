# SPDX-License-Identifier: MIT
# boot: --memory 2G --add $TOP/tests/system/jobs:/root/jobs --add $TOP/out/boot/modules-cloud.cpio.gz:/boot/

# Transcendent memory as Linux uses it: guests with the modules of tools/linux.
# What they do is in tests/system/jobs.

lines=10000 # of text to sort: 38 MiB, and twice what the guest has free

# make_ramdisk ARCHIVE...: for guests, with the jobs in it
make_ramdisk() {
    ramdisk=/tmp/ramdisk
    (cd /root && find jobs | cpio -o -H newc 2>/dev/null | gzip) |
        cat /boot/guest.cpio.gz "$@" - >$ramdisk
}

# start JOB WORDS KEY=VALUE...: a guest that does nothing else
start() {
    job=$1 words=$2
    shift 2
    rm -f $logs/guest-one.log
    must xl create -q name=one kernel=$cloud ramdisk=$ramdisk \
        extra="$extra podium.exec=/jobs/$job $words" "$@"
}

is_over() {
    said one "^guest: exit status" || is_gone one
}

# run ROOM: it may have so many MiB more than it was made with; till its end
run() {
    wait_said one "^job: waits"
    look one
    must xl mem-max one $((max / 1024 + $1))
    type_in one go
    wait_for "the job to end" is_over
    said one "^guest: exit status 0" || {
        head -n 60 $logs/guest-one.log
        fail "the job did not end well"
    }
    wait_gone one
    grep "^job: " $logs/guest-one.log
}

# told NAME: sets value to what the job said of it
told() {
    value=$(sed -n "s/^job: $1 //p" $logs/guest-one.log | tr -d '\r')
    [ -n "$value" ] || fail "the job did not tell $1"
}

# is NAME VALUE
is() {
    told "$1"
    [ "$value" = "$2" ] || fail "$1 is $value, not $2"
}

# is_more NAME VALUE
is_more() {
    told "$1"
    [ "$value" -gt "$2" ] || fail "$1 is $value, not more than $2"
}

sorted() {
    sum=$(/root/jobs/text $lines | sort | sha256sum)
    is sum "${sum%% *}"
    # It had to swap.
    told free_kib
    [ "$value" -lt 26000 ] || fail "it had $value KiB free"
}

check_swap() {
    make_ramdisk /boot/modules-cloud.cpio.gz
    start swap "job.swap=tmem job.lines=$lines" memory=84
    run 64
    sorted
    is_more puts 5000
    is_more gets 1000
    is refused 0
    # What was put and not yet freed is freed by swapoff, then the pool goes.
    is_more flushes_at_end 1000
    is unloaded 1
}

check_swap_refused() {
    make_ramdisk /boot/modules-cloud.cpio.gz
    start swap "job.swap=refused job.lines=$lines" memory=150
    run 8
    sorted
    is_more puts 1000
    is_more gets 100
    is_more refused 1000
    is_more disk_writes 1000
    is_more disk_reads 100
}
