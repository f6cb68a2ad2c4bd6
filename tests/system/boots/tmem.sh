# SPDX-License-Identifier: MIT
# boot: --icount --memory 1G --add $TOP/tests/system/jobs:/root/jobs --add $TOP/out/boot/modules-cloud.cpio.gz:/boot/ --add $TOP/out/boot/dmsetup.cpio.gz:/boot/

# Transcendent memory as Linux uses it: guests with the modules of tools/linux.
# What they do is in tests/system/jobs. Time is counted in instructions, so that
# the share of it that the hypervisor takes can be told.

lines=5000 # of text to sort: 20,000 KiB, and twice what the guest has free

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

well() {
    said one "^guest: exit status 0" || {
        head -n 60 $logs/guest-one.log
        fail "the job did not end well"
    }
}

is_done() {
    said one "^job: is_done" || is_over
}

# resize MIB: its balloon is to make it so large
resize() {
    must xl mem-set one "$1"
    wait_target one
}

# run ROOM: it may have so many MiB more than it has; till the work is done and
# it waits
run() {
    wait_said one "^job: waits"
    look one
    must xl mem-max one $((max / 1024 + $1))
    type_in one go
    wait_for "the job to be done" is_done
    said one "^job: is_done" || well
}

# end: go on from there to its end
end() {
    type_in one go
    wait_for "the job to end" is_over
    well
    wait_gone one
    grep "^job: " $logs/guest-one.log
}

# number LINE TAG: sets value to what "xl tmem-list" says of the guest
number() {
    value=$(xl tmem-list -l one |
        sed -n "s/^$1=\\(.*,\\)\\?$2:\\([0-9]*\\).*/\\2/p")
    [ -n "$value" ] || fail "there is no $2 in a line of $1"
}

# is_number LINE TAG MORE_THAN
is_number() {
    number "$1" "$2"
    [ "$value" -gt "$3" ] || fail "$1 $2 is $value, not more than $3"
}

# mean KIND LIMIT: of all calls of that letter in the line T, since dom0 booted
mean() {
    calls=$(xl tmem-list -l -a | sed -n "s/^T=.*\\($1n:[0-9]*,$1t:[0-9]*\\).*/\\1/p")
    count=${calls#*:}
    count=${count%%,*}
    value=$((${calls##*:} / count))
    echo "a call '$1' takes $value instructions, mean of $count"
    [ "$value" -gt 100 ] && [ "$value" -lt "$2" ] ||
        fail "calls '$1' take $value instructions"
}

# share PERCENT: of the time of the work, at most, was in calls of tmem
share() {
    number C Tc
    ticks=$value
    told time
    value=$((ticks / (value * 10000)))
    echo "$value thousandths of the time were in calls of tmem"
    [ "$value" -lt $(($1 * 10)) ] || fail "that is more than $1 %"
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
    [ -e /tmp/sum ] || /root/jobs/text $lines | sort | sha256sum >/tmp/sum
    read -r sum _ </tmp/sum
    is sum "$sum"
    # It had to swap: the text is more than 1.5 times what was free.
    told free_kib
    [ $((value * 3 / 2)) -lt $((lines * 4)) ] || fail "it had $value KiB free"
}

# What was read the second time came from tmem, all of it and as it was.
cached() {
    is cache_misses_first 2048
    is cache_puts_first 2048
    is cache_passed_second 0
    is cache_hits_second 2048
    is cache_misses_second 2048
    told cache_sum_first
    is cache_sum_second "$value"
    # Blocks that were written were not got, and all others were.
    is cache_hits_third 4092
    is cache_misses_third 2052
    told cache_sum_third
    is disk_sum "$value"
    is cache_unloaded 1
}

check_swap() {
    make_ramdisk /boot/modules-cloud.cpio.gz /boot/dmsetup.cpio.gz
    start swap "job.swap=tmem job.lines=$lines job.then=cache" memory=108
    wait_said one "^job: waits"
    resize 79
    run 32
    sorted
    is_more puts 2500
    is_more gets 1000
    is refused 0
    mean P 6000
    mean G 6000
    share 10
    resize 108 # the disk is in its memory, too
    type_in one go
    wait_said one "^job: is_cached"
    # The hypervisor counted the same.
    is_number P gs 2047
    end
    # What was put and not yet freed is freed by swapoff, then the pool goes.
    is_more flushes_at_end 1000
    is unloaded 1
    cached
}

check_swap_refused() {
    make_ramdisk /boot/modules-cloud.cpio.gz
    start swap "job.swap=refused job.lines=$lines" memory=108
    must xl tmem-set -p 1 one
    run 8
    sorted
    is_more puts 500
    is_more gets 100
    is_more refused 500
    is_more disk_writes 500
    is_more disk_reads 100
    is_number C cp 250
    share 25
    end
}
