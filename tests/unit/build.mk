# SPDX-License-Identifier: MIT
#
# Unit tests: make unit [UNIT=mm/test_heap]
#
# tests/unit/LAYER/*.c are tests of xen/LAYER, one program per file. A new file
# needs nothing here. Each layer of xen/ is one archive, compiled for this
# machine with sanitizers on top of arch/fake; a test links the archive of its
# own layer and those right of it in the picture of docs/design/layers.md, so
# that a call to the left does not link.

UNIT_OUT := out/unit

# Left to right. arch is xen/arch/fake.
UNIT_LAYERS := boot guest domain p2m overcommit mm base arch lib

unit_left_of  = $(if $(filter $(1),$(firstword $(2))),,$(firstword $(2)) \
                $(call unit_left_of,$(1),$(wordlist 2,99,$(2))))
unit_from     = $(filter-out $(call unit_left_of,$(1),$(UNIT_LAYERS)),$(UNIT_LAYERS))
unit_folder   = $(if $(filter arch,$(1)),xen/arch/fake,xen/$(1))

UNIT_DEBUG    ?= -DPODIUM_DEBUG
UNIT_CPPFLAGS := -Ixen -Itests/unit/support $(UNIT_DEBUG) \
                 -D__XEN__ -isystem xen/public/abi

# The C library has these functions itself.
UNIT_NOT := xen/lib/string.c xen/boot/no_malloc.c

# Debian's decoders; the same archives as in the hypervisor.
UNIT_CODECS := -l:libz.a -l:liblzma.a -l:libzstd.a -l:liblz4.a
unit_libs    = $(if $(filter boot,$(1)),$(UNIT_CODECS),\
               $(if $(filter overcommit,$(call unit_from,$(1))),-l:liblz4.a))

unit_objects = $(patsubst %.c,$(UNIT_OUT)/%.o,\
               $(filter-out $(UNIT_NOT),$(wildcard $(call unit_folder,$(1))/*.c)))

$(UNIT_OUT)/%.o: %.c
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) $(UNIT_CFLAGS) $(UNIT_CPPFLAGS) $(DEPFLAGS) -c -o $@ $<

UNIT_SUPPORT := $(patsubst %.c,$(UNIT_OUT)/%.o,$(wildcard tests/unit/support/*.c))
# Only where base is not linked; the real function is in base.
UNIT_CHECK   := $(UNIT_OUT)/tests/unit/support/check.o

UNIT_NOTHING := $(UNIT_OUT)/tests/unit/support/nothing.o

$(UNIT_OUT)/libunit.a: $(filter-out $(UNIT_CHECK) $(UNIT_NOTHING),$(UNIT_SUPPORT))
	$(Q)rm -f $@
	$(Q)$(HOSTAR) rcs $@ $^

define unit_layer
$(UNIT_OUT)/$(1).a: $$(call unit_objects,$(1))
	$$(Q)rm -f $$@
	$$(Q)$$(HOSTAR) rcs $$@ $$^

unit_archives_$(1) := $(patsubst %,$(UNIT_OUT)/%.a,$(call unit_from,$(1)))
unit_check_$(1)    := $(if $(filter base,$(call unit_from,$(1))),,$(UNIT_CHECK))
unit_tests_$(1)    := $$(patsubst tests/unit/%.c,$(UNIT_OUT)/%,\
                      $$(wildcard tests/unit/$(1)/*.c))

$$(unit_tests_$(1)): $(UNIT_OUT)/%: $(UNIT_OUT)/tests/unit/%.o \
        $(UNIT_OUT)/libunit.a $$(unit_archives_$(1)) $$(unit_check_$(1))
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(HOSTCC) $$(UNIT_CFLAGS) -o $$@ $$< $$(unit_check_$(1)) \
	    -Wl,--start-group $(UNIT_OUT)/libunit.a $$(unit_archives_$(1)) \
	    -Wl,--end-group $(call unit_libs,$(1)) -pthread

# All of a layer linked with what is right of it, and nothing else.
$(UNIT_OUT)/links/$(1): $(UNIT_OUT)/tests/unit/support/nothing.o \
        $$(unit_archives_$(1)) $$(unit_check_$(1))
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(HOSTCC) $$(UNIT_CFLAGS) -o $$@ $$< $$(unit_check_$(1)) \
	    -Wl,--whole-archive $(UNIT_OUT)/$(1).a -Wl,--no-whole-archive \
	    -Wl,--start-group $$(filter-out $(UNIT_OUT)/$(1).a,$$(unit_archives_$(1))) \
	    -Wl,--end-group $$(filter -l:liblz4.a,$(call unit_libs,$(1))) -pthread
endef

HOSTAR ?= ar

$(foreach l,$(UNIT_LAYERS),$(eval $(call unit_layer,$(l))))

# tests/unit/x86/test_x.c is of xen/arch/x86/x.c, where that is for this
# machine, and finds the rest of the machine in arch/fake.
UNIT_X86 := $(if $(filter x86_64,$(shell uname -m)),$(patsubst tests/unit/%.c,\
            $(UNIT_OUT)/%,$(wildcard tests/unit/x86/*.c)))

$(UNIT_X86): $(UNIT_OUT)/x86/test_%: $(UNIT_OUT)/tests/unit/x86/test_%.o \
        $(UNIT_OUT)/xen/arch/x86/%.o $(UNIT_OUT)/libunit.a \
        $(UNIT_OUT)/arch.a $(UNIT_OUT)/lib.a $(UNIT_CHECK)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) $(UNIT_CFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) -pthread

# The instructions themselves, on this machine's processor.
$(UNIT_OUT)/x86/test_page_choice: $(UNIT_OUT)/xen/arch/x86/page_simd.S.o

$(UNIT_OUT)/%.S.o: %.S
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) -Ixen $(DEPFLAGS) -c -o $@ $<

UNIT_TESTS := $(foreach l,$(UNIT_LAYERS),$(unit_tests_$(l))) $(UNIT_X86)

.PHONY: unit unit-build
unit-build: $(UNIT_TESTS)

unit:
	$(Q)tests/unit/run $(if $(UNIT),$(addprefix $(UNIT_OUT)/,$(UNIT)),\
	    $(UNIT_TESTS))

# The lives of a domain at random, longer than in `make unit` and without the
# sanitizers, which would make it ten times slower: make lives [LIVES=500]
# [UNIT_SEED=8]. 2000 operations for each of LIVES.
LIVES ?= 500

.PHONY: lives
lives:
	+$(Q)$(MAKE) --no-print-directory SANITIZE= UNIT_OPTIMIZE=-O2 \
	    UNIT_OUT=out/model out/model/domain/model_life
	$(Q)UNIT_LONG=$(LIVES) out/model/domain/model_life \
	    lives_at_random_agree_with_the_model

-include $(shell find $(UNIT_OUT) -name '*.d' 2>/dev/null)
