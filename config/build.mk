# SPDX-License-Identifier: MIT
#
# Compilers and flags: the only place. Fragments (xen/build.mk ...) use these
# variables and add -I and their own -D.
#
#   make CROSS=            the host's own compiler, whatever it is called
#   make WERROR=           warnings do not stop the build
#   make V=1               show the commands

# The target: what runs on the emulated machine, in the hypervisor or in dom0.
CROSS   ?= x86_64-linux-gnu-
CC      := $(CROSS)gcc
LD      := $(CROSS)ld
AR      := $(CROSS)ar
NM      := $(CROSS)nm
OBJCOPY := $(CROSS)objcopy
OBJDUMP := $(CROSS)objdump

# This machine: unit tests and fuzzers.
HOSTCC  ?= gcc
CLANG   ?= clang
CLANG_FORMAT ?= clang-format
CLANG_TIDY ?= clang-tidy
PYTHON  ?= /usr/bin/python3

Q := $(if $(V),,@)
WERROR ?= -Werror

WARNINGS := -Wall -Wextra $(WERROR) -Wshadow -Wstrict-prototypes \
            -Wmissing-prototypes -Wundef -Wvla -Wwrite-strings \
            -Wno-unused-parameter

# Writes FILE.d beside FILE.o; a fragment includes them.
DEPFLAGS = -MMD -MP

CFLAGS_ALL := -std=gnu11 -g -fno-strict-aliasing -fno-common $(WARNINGS)

# The hypervisor: no C library, no vector registers, which are the guest's.
XEN_CFLAGS := $(CFLAGS_ALL) -Wconversion -O2 -ffreestanding -fno-pic -fno-pie \
              -fno-stack-protector -fno-asynchronous-unwind-tables \
              -fno-omit-frame-pointer -fcf-protection=none -m64 \
              -mno-red-zone -mgeneral-regs-only

# make xen VARIANT=checked: the hypervisor with more checks, beside the usual
# one. It stops at undefined behaviour, with the line, and notices when an array
# on the stack overflows (xen/base/variant/).
#
# The guard is in a variable, as FS, where it would be otherwise, is the guest's.
XEN_CFLAGS_checked := -fsanitize=undefined -fno-sanitize-recover=all \
                      -fstack-protector-strong -mstack-protector-guard=global

# Programs in dom0.
TOOLS_CFLAGS := $(CFLAGS_ALL) -Wconversion -O2 -D_GNU_SOURCE

# Test programs on this machine, with everything checked.
SANITIZE      := -fsanitize=address,undefined -fno-sanitize-recover=all
UNIT_OPTIMIZE := -O1
UNIT_CFLAGS   := $(CFLAGS_ALL) $(UNIT_OPTIMIZE) -fno-omit-frame-pointer $(SANITIZE)
