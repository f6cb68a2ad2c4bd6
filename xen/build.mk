# SPDX-License-Identifier: MIT
#
# out/podium: the hypervisor. ELF64 with debug information is out/xen/podium.elf
# (for gdb); out/podium is the same as ELF32, which multiboot loaders want.
#
# Linked twice: the first link gives the addresses of the functions, from
# which xen/symbols.py makes the table that backtraces are printed with.

# With VARIANT=checked all of it is out/podium-checked and out/xen-checked
# (config/build.mk says what differs, make variants runs guests on it).
VARIANT     ?=
XEN_SUFFIX  := $(if $(VARIANT),-$(VARIANT))
XEN_OUT     := out/xen$(XEN_SUFFIX)
XEN_IMAGE   := out/podium$(XEN_SUFFIX)
XEN_FOLDERS := lib arch/x86 base mm overcommit p2m domain guest boot
XEN_C       := $(foreach d,$(XEN_FOLDERS),$(wildcard xen/$(d)/*.c)) \
               $(if $(VARIANT),$(wildcard xen/base/variant/*.c))
XEN_S       := $(wildcard xen/arch/x86/*.S)
XEN_C_OBJ   := $(XEN_C:xen/%.c=$(XEN_OUT)/%.o)
XEN_OBJ     := $(XEN_OUT)/whole.o $(XEN_S:xen/%.S=$(XEN_OUT)/%.S.o) $(XEN_OUT)/font.o
XEN_LDS     := xen/arch/x86/podium.lds
XEN_LDFLAGS := -m elf_x86_64 -nostdlib -static -z max-page-size=4096 -z noexecstack -T $(XEN_LDS)

# The compiler's own headers, and the public ABI's from libxen-dev. Its
# hvm/save.h wants a <xen/lib.h>: ours comes first (spec HD-2).
XEN_INCLUDE := -nostdinc -isystem $(shell $(CC) -print-file-name=include) \
               -Ixen -isystem xen/public/abi -isystem /usr/include
XEN_DEBUG   ?=
# The variants call functions that the compiler adds last: they stay apart.
XEN_LTO     := $(if $(VARIANT),,-flto -flto-partition=one)

# Debian's static libraries of the decoders, for dom0's kernel, and of LZ4 for
# tmem, too. They are code
# of ordinary programs: xen/arch/x86/foreign.c. Their headers want the C
# library's, as no other source of the hypervisor may.
XEN_CODECS  := $(foreach l,z lzma zstd lz4,$(shell $(CC) -print-file-name=lib$(l).a))

$(XEN_OUT)/boot/decoders.o $(XEN_OUT)/overcommit/tmem_lz4.o: XEN_INCLUDE := -Ixen -isystem /usr/include

$(XEN_OUT)/%.o: xen/%.c config/build.mk xen/build.mk
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC    $<")
	$(Q)$(CC) $(XEN_CFLAGS) $(XEN_LTO) $(XEN_CFLAGS_$(VARIANT)) $(XEN_DEBUG) -D__XEN__ $(XEN_INCLUDE) $(DEPFLAGS) -c $< -o $@

# All of the C as one object: layers are for readers, and calls between them
# are on every path (arch_cpu(), arch_map(), page_get()).
$(XEN_OUT)/whole.o: $(XEN_C_OBJ)
	$(if $(V),,@echo "  LTO   $@")
	$(Q)$(CC) $(XEN_CFLAGS) $(XEN_LTO) $(if $(XEN_LTO),-flinker-output=nolto-rel) -nostdlib -r $^ -o $@

$(XEN_OUT)/%.S.o: xen/%.S
	@mkdir -p $(@D)
	$(if $(V),,@echo "  AS    $<")
	$(Q)$(CC) -m64 -Ixen $(DEPFLAGS) -c $< -o $@

# The screen's letters, out of Debian's grub-common.
XEN_FONT    := /usr/share/grub/ascii.pf2

$(XEN_OUT)/font.o: $(XEN_FONT) xen/font.py
	@mkdir -p $(@D)
	$(Q)$(PYTHON) xen/font.py $< >$(XEN_OUT)/font.S
	$(Q)$(CC) -c $(XEN_OUT)/font.S -o $@

$(XEN_OUT)/podium.1: $(XEN_OBJ) $(XEN_LDS) xen/symbols.py
	$(Q)$(PYTHON) xen/symbols.py </dev/null >$(XEN_OUT)/symbols.1.S
	$(Q)$(CC) -c $(XEN_OUT)/symbols.1.S -o $(XEN_OUT)/symbols.1.o
	$(Q)$(LD) $(XEN_LDFLAGS) $(XEN_OBJ) $(XEN_OUT)/symbols.1.o $(XEN_CODECS) -o $@

$(XEN_OUT)/podium.elf: $(XEN_OUT)/podium.1
	$(if $(V),,@echo "  LD    $@")
	$(Q)$(NM) -n $< | $(PYTHON) xen/symbols.py >$(XEN_OUT)/symbols.2.S
	$(Q)$(CC) -c $(XEN_OUT)/symbols.2.S -o $(XEN_OUT)/symbols.2.o
	$(Q)$(LD) $(XEN_LDFLAGS) $(XEN_OBJ) $(XEN_OUT)/symbols.2.o $(XEN_CODECS) -o $@

$(XEN_IMAGE): $(XEN_OUT)/podium.elf
	$(Q)$(OBJCOPY) --strip-debug -O elf32-i386 $< $@

xen: $(XEN_IMAGE)

-include $(XEN_C_OBJ:.o=.d) $(XEN_OBJ:.o=.d)
