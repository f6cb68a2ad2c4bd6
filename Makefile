# SPDX-License-Identifier: MIT
#
#   make run      build, boot, and show what Podium does (installs what is missing)
#   make test     every test; ends with "N passed, N failed"
#   make check    the quick part of it: format, lints, unit tests
#   make fuzz     five minutes of fuzzing for each parser and for hypercalls
#   make cov      which lines the unit tests execute
#   make all      the hypervisor, the tools, the boot images
#   make image    out/podium.img, to be put on a stick
#
# All that is built is under out/. Each part of the tree has its own build.mk;
# compilers and flags are in config/build.mk, packages in config/packages and
# config/boot-packages.

.PHONY: all xen tools images image run test check format lint launcher unit \
        tools-unit analyze guests variants vmx nrip vmx-linux nrip-linux uefi \
        system soak fmt clean bench packages reference test-images
.DELETE_ON_ERROR:
.SECONDARY:

all:

BOOT    := tools/boot
RESULTS := out/results

include config/build.mk
-include xen/build.mk
-include tools/build.mk
-include tools/linux/build.mk
-include tests/unit/build.mk
-include tests/guests/build.mk
-include tests/lint/build.mk
-include tests/cov/build.mk
-include tests/fuzz/build.mk
-include tests/bench/build.mk

all: xen tools images

# --- Boot images (tools/boot/images.py says what is in them) ---

out/boot/versions: config/boot-packages $(BOOT)/fetch.py
	$(Q)$(PYTHON) $(BOOT)/fetch.py config/boot-packages out/boot

out/boot/vmlinux: out/boot/versions $(BOOT)/bzimage.py $(BOOT)/images.py
	$(Q)$(PYTHON) $(BOOT)/images.py kernels

out/boot/guest.cpio.gz: out/boot/versions $(BOOT)/guest-init \
                        $(BOOT)/images.py $(BOOT)/cpio.py $(BOOT)/elf.py
	$(Q)$(PYTHON) $(BOOT)/images.py guest
	$(Q)touch $@

# Always: it is quick, and writes nothing when nothing has changed.
images: out/boot/vmlinux out/boot/guest.cpio.gz tools
	$(Q)$(PYTHON) $(BOOT)/images.py dom0

# To be put on a stick: boots by BIOS and by UEFI.
image: all
	$(Q)$(PYTHON) $(BOOT)/image.py

# Xen itself, to compare with: tools/podium run --hypervisor FILE.
out/reference/versions: config/boot-packages $(BOOT)/fetch.py
	$(Q)$(PYTHON) $(BOOT)/fetch.py config/boot-packages out/reference reference

reference: out/reference/versions

# --- Running ---

packages:
	$(Q)$(BOOT)/install-packages config/packages

run: packages
	$(Q)$(MAKE) --no-print-directory all
	$(Q)$(BOOT)/demo

# --- Testing ---
# run-tests makes each of the kinds that it is given, sums up what they wrote
# to out/results/KIND.txt, and fails if anything failed.

QUICK := format lint launcher unit tools-unit

# Fuzzers make the same short run each time here.
test: export FUZZ_SECONDS = 0
test: packages
	-$(Q)$(MAKE) --no-print-directory -j$(shell nproc) test-images
	$(Q)$(BOOT)/run-tests $(QUICK) analyze fuzz guests vmx nrip variants uefi system

# All that emulators start. What does not build fails in the kind that needs it.
test-images: all guest-images linux-modules
	$(Q)$(MAKE) --no-print-directory xen VARIANT=checked

check: packages
	$(Q)$(BOOT)/run-tests $(QUICK)

SOURCES = $(shell find xen tools tests -name '*.[ch]' 2>/dev/null)

format:
	$(Q)mkdir -p $(RESULTS)
	$(Q)$(CLANG_FORMAT) --dry-run -Werror $(SOURCES) && \
	    echo "pass clang-format" > $(RESULTS)/format.txt || \
	    { echo "fail clang-format" > $(RESULTS)/format.txt; \
	      echo "'make fmt' sets it right"; exit 1; }

fmt:
	$(Q)$(CLANG_FORMAT) -i $(SOURCES)

# pytest on $(1), the results in out/results/$(2).txt
define pytest
$(Q)mkdir -p $(RESULTS)
$(Q)$(PYTHON) -B -m pytest -p no:cacheprovider -q \
    --junit-xml=$(RESULTS)/$(2).xml $(PYTEST_ARGS) $(1); status=$$?; \
$(PYTHON) $(BOOT)/results.py junit $(RESULTS)/$(2).xml $(RESULTS)/$(2).txt \
    && exit $$status
endef

launcher:
	$(call pytest,tests/launcher,launcher)

# As many boots at once as there are processors.
system: all guest-images linux-modules
	$(call pytest,-n auto --dist loadfile tests/system,system)

# Those of them that are on another emulator; the second is a long one.
vmx-linux: all guest-images
	$(call pytest,tests/system/boots/vmx.sh,vmx-linux)

nrip-linux: all guest-images
	$(call pytest,--long tests/system/boots/nrip.sh,nrip-linux)

# Long: some hours. Another seed makes other lives: make soak PODIUM_SEED=7
PODIUM_SOAK ?= 125
soak: all
	PODIUM_SOAK=$(PODIUM_SOAK) $(PYTHON) -B -m pytest -p no:cacheprovider \
	    -q tests/system/boots/soak.sh

clean:
	rm -rf out
