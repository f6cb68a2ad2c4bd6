# SPDX-License-Identifier: MIT
# dom0's tools: a library, tools/libxc, and the command xl on top of it.

TOOLS_OUT     := out/tools
# Objects are not put where boot images take dom0's programs from.
TOOLS_OBJ     := out/obj/tools

# The ABI headers are Debian's libxen-dev; __XEN_TOOLS__ opens the part of
# them that is for tools.
TOOLS_INCLUDES := -D__XEN_TOOLS__ -Ixen -Itools
TOOLS_CODECS  := -llzma -lz -lzstd -llz4
TOOLS_LIBS    := -lxencall -lxenforeignmemory -lxenstore $(TOOLS_CODECS)

LIBXC_SOURCES := $(sort $(wildcard tools/libxc/*.c))
XL_SOURCES    := $(sort $(wildcard tools/xl/*.c))
LIBXC_OBJECTS := $(LIBXC_SOURCES:tools/%.c=$(TOOLS_OBJ)/%.o)
XL_OBJECTS    := $(XL_SOURCES:tools/%.c=$(TOOLS_OBJ)/%.o)

tools: $(TOOLS_OUT)/xl

$(TOOLS_OUT)/xl: $(XL_OBJECTS) $(TOOLS_OBJ)/libxc.a
	@mkdir -p $(@D)
	$(Q)$(CC) -o $@ $^ $(TOOLS_LIBS)

# Made anew: an archive keeps members whose source is gone.
$(TOOLS_OBJ)/libxc.a: $(LIBXC_OBJECTS)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(TOOLS_OBJ)/%.o: tools/%.c tools/build.mk config/build.mk
	@mkdir -p $(@D)
	$(Q)$(CC) $(TOOLS_CFLAGS) $(TOOLS_INCLUDES) $(DEPFLAGS) -c -o $@ $<

-include $(LIBXC_OBJECTS:.o=.d) $(XL_OBJECTS:.o=.d)

include tests/unit/tools/build.mk
