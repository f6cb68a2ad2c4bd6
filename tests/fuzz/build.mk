# SPDX-License-Identifier: MIT
#
# make fuzz [FUZZ=cfg] [FUZZ_SECONDS=600]: libFuzzer with the address and
# undefined behaviour sanitizers on what reads what others have written.
#
# fuzz_NAME.c is a driver. Sources are built like those of the unit tests, by
# clang and into another folder. FUZZ_SECONDS is for each driver; 0 (make test)
# means the same short run each time.

FUZZ_OUT     := out/fuzz
FUZZ_SECONDS ?= 300
FUZZ_NAMES   := memory hc_tmem tmem cfg image elf multiboot $(if $(filter x86_64,$(shell uname -m)),acpi)
FUZZ         ?= $(FUZZ_NAMES)
# How long inputs may be, and how many a short run tries.
FUZZ_LIMITS  := memory:1024:150 hc_tmem:1024:150 tmem:512:300 cfg:512:50000 image:1024:20000 elf:512:100000 \
                multiboot:512:10000 acpi:512:10000

FUZZ_SANITIZE := address,undefined -fno-sanitize-recover=all
FUZZ_MAKE     := $(MAKE) --no-print-directory HOSTCC=$(CLANG) \
                 SANITIZE="-fsanitize=fuzzer-no-link,$(FUZZ_SANITIZE)" \
                 UNIT_OPTIMIZE=-O2 UNIT_OUT=$(FUZZ_OUT)/unit TOOLS_UNIT_OUT=$(FUZZ_OUT)/tools-unit

.PHONY: fuzz
fuzz:
	$(Q)mkdir -p $(RESULTS)
	+$(Q)$(FUZZ_MAKE) -s -j$(shell nproc) $(FUZZ:%=$(FUZZ_OUT)/fuzz_%)
	$(Q)tests/fuzz/run $(FUZZ_SECONDS) $(foreach f,$(FUZZ),$(filter $(f):%,$(FUZZ_LIMITS)))

# --- In the second make ---

FUZZ_LINK    = $(Q)$(HOSTCC) -g -fsanitize=fuzzer,$(FUZZ_SANITIZE) -o $@
FUZZ_SUPPORT := $(UNIT_OUT)/tests/fuzz/support.o
# A machine with domains: all layers, and what plays with them.
FUZZ_DOMAINS := $(foreach l,$(filter-out boot,$(UNIT_LAYERS)),$(UNIT_OUT)/$(l).a) $(FUZZ_SUPPORT) \
                $(patsubst %,$(UNIT_OUT)/tests/unit/support/%.o,machine domains calls)

$(FUZZ_OUT)/fuzz_memory $(FUZZ_OUT)/fuzz_hc_tmem: $(FUZZ_OUT)/fuzz_%: \
        $(UNIT_OUT)/tests/fuzz/fuzz_%.o $(FUZZ_DOMAINS)
	$(FUZZ_LINK) $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) \
	    -Wl,--end-group -l:liblz4.a -pthread

$(FUZZ_OUT)/fuzz_tmem: $(UNIT_OUT)/tests/fuzz/fuzz_tmem.o $(FUZZ_SUPPORT) \
        $(patsubst %,$(UNIT_OUT)/%.a,overcommit mm base arch lib) \
        $(patsubst %,$(UNIT_OUT)/tests/unit/support/%.o,machine tmem_host)
	$(FUZZ_LINK) $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) \
	    -Wl,--end-group -l:liblz4.a -pthread

$(FUZZ_OUT)/fuzz_elf: $(UNIT_OUT)/tests/fuzz/fuzz_elf.o $(UNIT_OUT)/xen/boot/elf.o \
        $(UNIT_CHECK) $(FUZZ_SUPPORT)
	$(FUZZ_LINK) $^

FUZZ_BOOT := $(UNIT_OUT)/tests/fuzz/memory4g.o $(UNIT_OUT)/lib.a $(UNIT_CHECK) $(FUZZ_SUPPORT)

$(FUZZ_OUT)/fuzz_multiboot: $(UNIT_OUT)/tests/fuzz/fuzz_multiboot.o \
        $(UNIT_OUT)/xen/boot/multiboot.o $(FUZZ_BOOT)
	$(FUZZ_LINK) $(filter %.o,$^) $(filter %.a,$^)

$(FUZZ_OUT)/fuzz_acpi: $(UNIT_OUT)/tests/fuzz/fuzz_acpi.o \
        $(UNIT_OUT)/xen/arch/x86/acpi.o $(FUZZ_BOOT)
	$(FUZZ_LINK) $(filter %.o,$^) $(filter %.a,$^)

$(FUZZ_OUT)/fuzz_cfg $(FUZZ_OUT)/fuzz_image: $(FUZZ_OUT)/fuzz_%: \
        $(TOOLS_UNIT_OUT)/tests/fuzz/fuzz_%.o $(TOOLS_UNIT_OUT)/tools.a
	$(FUZZ_LINK) $^ $(TOOLS_LIBS)
