# SPDX-License-Identifier: MIT
#
# make linux-modules: kernel modules for Linux guests, built against Debian's
# headers of both its kernels, which are fetched and unpacked and not installed.
#
# The kernel's own build writes beside the sources, so each kernel has a copy of
# them in out/linux/build/RELEASE. The result, without what is for debuggers, is
# out/linux/modules/RELEASE/NAME.ko, and out/boot/modules-NAME.cpio.gz has it
# as an archive for guests.

LINUX_DIR      := tools/linux
LINUX_OUT      := out/linux
LINUX_FLAVOURS := amd64 cloud-amd64
LINUX_SOURCES  := $(LINUX_DIR)/Kbuild $(wildcard $(LINUX_DIR)/*.h \
                  $(LINUX_DIR)/*/*.[ch])
LINUX_BUILT    := $(LINUX_FLAVOURS:%=$(LINUX_OUT)/built-%)

.PHONY: linux-modules
ifeq ($(shell uname -m),x86_64)
linux-modules: out/boot/modules-cloud.cpio.gz
else
linux-modules:
	@echo "modules for Linux guests are built on x86-64 only, as Debian's" \
	    "programs for that are; tests that need them will fail"
endif

$(LINUX_OUT)/versions: config/boot-packages $(BOOT)/fetch.py
	$(Q)$(PYTHON) $(BOOT)/fetch.py config/boot-packages $(LINUX_OUT) linux

# The headers' makefile would include another by a path below /usr/src, where
# they are not: that one is named instead.
$(LINUX_BUILT): $(LINUX_OUT)/built-%: $(LINUX_OUT)/versions $(LINUX_SOURCES)
	$(Q)set -e; src=$(abspath $(LINUX_OUT))/root/usr/src; \
	headers=$$(echo $$src/linux-headers-*[0-9]-$*); \
	release=$${headers##*linux-headers-}; \
	to=$(abspath $(LINUX_OUT))/build/$$release; \
	mkdir -p $$to $(LINUX_OUT)/modules/$$release; \
	cp -a $(LINUX_DIR)/. $$to; \
	echo "  KBUILD $$release"; \
	$(MAKE) --no-print-directory $(if $(V),V=1,-s) -C $$headers \
	    -f $$src/linux-headers-$${release%-$*}-common/Makefile M=$$to \
	    CONFIG_DEBUG_INFO_BTF_MODULES= modules; \
	for module in tmem-swap tmem-cache; do \
	    $(OBJCOPY) --strip-debug $$to/$$module.ko \
	        $(LINUX_OUT)/modules/$$release/$$module.ko; \
	done
	$(Q)touch $@

out/boot/modules-cloud.cpio.gz: $(LINUX_BUILT) out/boot/versions \
        $(BOOT)/images.py $(BOOT)/cpio.py $(BOOT)/elf.py
	$(Q)$(PYTHON) $(BOOT)/images.py modules
	$(Q)touch $@
