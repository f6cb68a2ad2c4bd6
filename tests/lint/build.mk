# SPDX-License-Identifier: MIT
#
# make lint: do includes and calls follow the arrow, does every header compile
# alone, does the documentation name what exists, is the manual whole, and (a warning only) which
# functions and files are long.

# Not boot: it brings up the real machine, which is not linked here.
LINT_LINKS := $(foreach l,$(filter-out boot,$(UNIT_LAYERS)),$(if $(call unit_objects,$(l)),\
              $(UNIT_OUT)/links/$(l)))

.PHONY: lint
lint: $(MANUAL_FILES)
	$(Q)PYTHON="$(PYTHON)" LINKS="$(LINT_LINKS)" \
	    MANUAL="$(MANUAL_FILES)" \
	    HEADER_COMPILE="$(HOSTCC) -std=gnu11 $(WARNINGS) $(UNIT_CPPFLAGS)" \
	    tests/lint/run

# make analyze: clang-tidy for each file of xen/ and tools/ (.clang-tidy says
# which checks, and why not all), cppcheck for each folder. Files are looked at
# again when they or any header have changed. The compiler's own -Wall -Wextra
# -Wconversion are in each build.
#
# A process per file: in one of several, clang-tidy 14 takes every va_list
# after the first file's for one that was not started.

ANALYZE_OUT     := out/analyze
ANALYZE_SOURCES := $(sort $(filter-out xen/base/variant/%,$(XEN_C)) \
                   $(wildcard xen/base/variant/*.c xen/arch/fake/*.c) \
                   $(LIBXC_SOURCES) $(XL_SOURCES))
ANALYZE_HEADERS := $(wildcard xen/*/*.h xen/arch/x86/*.h xen/arch/fake/*.h tools/*/*.h)
ANALYZE_FOLDERS := $(sort $(patsubst %/,%,$(dir $(ANALYZE_SOURCES))))
ANALYZE_TIDY    := $(ANALYZE_SOURCES:%.c=$(ANALYZE_OUT)/%.tidy)
ANALYZE_CPPCHECK := $(ANALYZE_FOLDERS:%=$(ANALYZE_OUT)/%.cppcheck)

ANALYZE_XEN   := -std=gnu11 -ffreestanding -mgeneral-regs-only -D__XEN__ -nostdinc \
                 -isystem $(shell $(CLANG) -print-resource-dir)/include \
                 -Ixen -isystem xen/public/abi -isystem /usr/include
ANALYZE_HOSTED := -std=gnu11 -D__XEN__ $(UNIT_CPPFLAGS)
ANALYZE_TOOLS := -std=gnu11 -D_GNU_SOURCE $(TOOLS_INCLUDES)

analyze_flags = $(if $(filter tools/%,$(1)),$(ANALYZE_TOOLS),\
                $(if $(filter xen/arch/fake/% xen/boot/decoders.c,$(1)),\
                $(ANALYZE_HOSTED),$(ANALYZE_XEN)))

# arithOperationsOnVoidPointer: GNU C counts bytes, and so do we.
# comparePointers: bounds of sections come from the linker, as two symbols.
# The rest are false: nullPointer and ctunullpointer look through a bool that
# says that the pointer is not NULL, memleakOnRealloc through CHECK().
CPPCHECK_FLAGS := --enable=warning,performance,portability --std=c11 \
                  --platform=unix64 --inline-suppr --quiet --error-exitcode=1 \
                  --suppress=arithOperationsOnVoidPointer \
                  --suppress=comparePointers:xen/arch/x86/smp.c \
                  --suppress=comparePointers:xen/boot/memory.c \
                  --suppress=nullPointer:xen/mm/page_alloc.c \
                  --suppress=ctunullpointer:xen/mm/page_alloc.c \
                  --suppress=memleakOnRealloc:xen/arch/fake/tables.c

$(ANALYZE_OUT)/%.tidy: %.c .clang-tidy tools/.clang-tidy $(ANALYZE_HEADERS)
	@mkdir -p $(@D)
	$(Q)$(CLANG_TIDY) --quiet $< -- $(call analyze_flags,$<) 2>$@.log || \
	    { grep -v 'warnings generated' $@.log; exit 1; }
	$(Q)touch $@

$(ANALYZE_OUT)/%.cppcheck: $(ANALYZE_SOURCES) $(ANALYZE_HEADERS) tests/lint/build.mk
	@mkdir -p $(@D)
	$(Q)cppcheck $(CPPCHECK_FLAGS) -D__x86_64__ -Ixen -Ixen/public/abi -Itools \
	    $(if $(filter tools/%,$*),-D__XEN_TOOLS__,-D__XEN__) $(wildcard $*/*.c)
	$(Q)touch $@

.PHONY: analyze
analyze:
	$(Q)tests/lint/verdicts analyze $(ANALYZE_TIDY) $(ANALYZE_CPPCHECK)
