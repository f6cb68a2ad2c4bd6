# SPDX-License-Identifier: MIT
# dom0's tools: a library, tools/libxc, and the command xl on top of it.
# Included by the Makefile at the top; `make -f tools/build.mk` works too.

TOOLS_PREFIX  ?= x86_64-linux-gnu-
TOOLS_CC      := $(TOOLS_PREFIX)gcc
TOOLS_AR      := $(TOOLS_PREFIX)ar
TOOLS_OUT     := out/tools
# Objects are not put where images take dom0's programs from.
TOOLS_OBJ     := out/obj/tools

# The ABI headers are Debian's libxen-dev; __XEN_TOOLS__ opens the part of
# them that is for tools.
TOOLS_CFLAGS  := -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -D__XEN_TOOLS__ \
                 -Ixen -Itools -MMD -MP
LIBXC_LIBS    := -lxencall -lxenforeignmemory -lxenstore \
                 -llzma -lz -lzstd -llz4

LIBXC_SOURCES := $(sort $(wildcard tools/libxc/*.c))
XL_SOURCES    := $(sort $(wildcard tools/xl/*.c))
LIBXC_OBJECTS := $(LIBXC_SOURCES:tools/%.c=$(TOOLS_OBJ)/%.o)
XL_OBJECTS    := $(XL_SOURCES:tools/%.c=$(TOOLS_OBJ)/%.o)

.PHONY: tools
tools: $(TOOLS_OUT)/xl

$(TOOLS_OUT)/xl: $(XL_OBJECTS) $(TOOLS_OBJ)/libxc.a
	@mkdir -p $(@D)
	$(TOOLS_CC) -o $@ $^ $(LIBXC_LIBS)

# Made anew: an archive keeps members whose source is gone.
$(TOOLS_OBJ)/libxc.a: $(LIBXC_OBJECTS)
	@rm -f $@
	$(TOOLS_AR) rcs $@ $^

$(TOOLS_OBJ)/%.o: tools/%.c tools/build.mk
	@mkdir -p $(@D)
	$(TOOLS_CC) $(TOOLS_CFLAGS) -c -o $@ $<

-include $(LIBXC_OBJECTS:.o=.d) $(XL_OBJECTS:.o=.d)
