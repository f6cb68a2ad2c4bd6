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

# The manual and bash's completion, out of the tables in tools/xl. The program
# that writes them runs here, like the unit tests, and is built as they are.
MANUAL_OUT     := out/share
MANUAL_SOURCES := $(sort $(wildcard tools/manual/*.c))
MANUAL_OBJECTS := $(MANUAL_SOURCES:%.c=$(TOOLS_UNIT_OUT)/%.o)
MANUAL_PROGRAM := $(TOOLS_UNIT_OUT)/manual
MANUAL_PAGES   := $(MANUAL_OUT)/man/man1/xl.1 $(MANUAL_OUT)/man/man5/xl.cfg.5 \
                  $(MANUAL_OUT)/man/man5/xl.conf.5
MANUAL_FILES   := $(MANUAL_PAGES) $(MANUAL_OUT)/bash-completion/completions/xl

.PHONY: manual
manual: $(MANUAL_FILES)

$(MANUAL_PROGRAM): $(MANUAL_OBJECTS) $(TOOLS_UNIT_OUT)/tools.a
	$(Q)$(HOSTCC) $(SANITIZE) -o $@ $^ $(TOOLS_LIBS)

$(MANUAL_PAGES): $(MANUAL_PROGRAM)
	@mkdir -p $(@D)
	$(Q)$(MANUAL_PROGRAM) $(@F) > $@

$(MANUAL_OUT)/bash-completion/completions/xl: $(MANUAL_PROGRAM)
	@mkdir -p $(@D)
	$(Q)$(MANUAL_PROGRAM) completion > $@

-include $(MANUAL_OBJECTS:.o=.d)
