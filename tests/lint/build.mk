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
