# SPDX-License-Identifier: MIT
# boot: --emulator bochs --cpu ryzen --cpus 1 --memory 768M --append "dom0_mem=320M page-clear=stosq" --dom0-append quiet
#
# On another SVM than QEMU's, which has nRIP.

check_long_guest_with_maxmem() {
    must create one maxmem=512 memory=128
    wait_ready one
    wait_target one
    must xl shutdown -w one
}
