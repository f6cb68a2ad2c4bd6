# SPDX-License-Identifier: MIT
#
# make cov: which lines of xen/ and tools/ the unit tests execute. They are
# built once more, with gcc's counters in place of the sanitizers, and run;
# report.py sums up.

COV_OUT    := out/cov
COV_WANTED ?= 90
COV_MAKE   := $(MAKE) --no-print-directory SANITIZE=--coverage \
              UNIT_OPTIMIZE=-O0 UNIT_OUT=$(COV_OUT)/unit \
              TOOLS_UNIT_OUT=$(COV_OUT)/tools-unit

.PHONY: cov cov-run
cov:
	$(Q)mkdir -p $(COV_OUT)
	$(Q)find $(COV_OUT) -name '*.gcda' -delete
	+$(Q)$(COV_MAKE) cov-run
	$(Q)$(PYTHON) tests/cov/report.py $(COV_OUT) $(COV_WANTED)

# In the second make: all unit tests, whose names have COV_OUT in them there.
cov-run: $(UNIT_TESTS) $(TOOLS_UNIT_RUNS)
	$(Q)for run in $^; do \
	    $$run </dev/null >$(COV_OUT)/log 2>&1 || { cat $(COV_OUT)/log; exit 1; }; \
	done
