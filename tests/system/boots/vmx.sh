# SPDX-License-Identifier: MIT
# boot: --emulator bochs --cpus 1 --memory 1G --dom0-append loglevel=3
#
# On Intel's VMX, which Bochs alone emulates.

check_guest_with_maxmem() {
    must create one maxmem=512 memory=128 vcpus=2
    wait_ready one
    wait_target one
    must xl shutdown -w one
}
