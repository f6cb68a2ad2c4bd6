# SPDX-License-Identifier: MIT
# Unit tests of dom0's tools: they run on this machine, with sanitizers. Each
# test_*.c is a program that takes from the archive what it does not replace
# by something of its own.

TOOLS_UNIT_OUT     := out/tools-unit
TOOLS_UNIT_CFLAGS  := $(UNIT_CFLAGS) -D_GNU_SOURCE $(TOOLS_INCLUDES) \
                      -Itests/unit/tools
TOOLS_UNIT_SOURCES := $(LIBXC_SOURCES) $(filter-out tools/xl/xl.c,$(XL_SOURCES))
TOOLS_UNIT_OBJECTS := $(TOOLS_UNIT_SOURCES:%.c=$(TOOLS_UNIT_OUT)/%.o)
TOOLS_UNIT_TESTS   := $(sort $(wildcard tests/unit/tools/test_*.c))
TOOLS_UNIT_RUNS    := $(TOOLS_UNIT_TESTS:tests/unit/tools/%.c=$(TOOLS_UNIT_OUT)/%)

$(TOOLS_UNIT_OUT)/%.o: %.c tests/unit/tools/build.mk config/build.mk
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(TOOLS_UNIT_CFLAGS) $(DEPFLAGS) -c -o $@ $<

$(TOOLS_UNIT_OUT)/tools.a: $(TOOLS_UNIT_OBJECTS)
	@rm -f $@
	$(Q)ar rcs $@ $^

# A host that fits in a test.
$(TOOLS_UNIT_OUT)/test_create $(TOOLS_UNIT_OUT)/test_memory: \
    $(TOOLS_UNIT_OUT)/tests/unit/tools/fake_host.o

# Programs that run whole commands do so on that host.
TOOLS_UNIT_XL := test_cmd_control test_cmd_create test_cmd_dump test_cmd_list \
                 test_cmd_pod test_cmd_sched test_cmd_tmem test_cmd_vcpu \
                 test_help test_top
$(TOOLS_UNIT_XL:%=$(TOOLS_UNIT_OUT)/%): \
    $(TOOLS_UNIT_OUT)/tests/unit/tools/xl_run.o \
    $(TOOLS_UNIT_OUT)/tests/unit/tools/fake_host.o

$(TOOLS_UNIT_OUT)/test_%: $(TOOLS_UNIT_OUT)/tests/unit/tools/test_%.o \
                          $(TOOLS_UNIT_OUT)/tools.a
	$(Q)$(HOSTCC) $(SANITIZE) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(TOOLS_LIBS)

# A program that dies has said nothing of the test that it died in.
.PHONY: tools-unit
tools-unit: $(TOOLS_UNIT_RUNS)
	$(Q)mkdir -p out/results
	$(Q)for run in $(TOOLS_UNIT_RUNS); do \
	    timeout -k 5 120 $$run </dev/null || echo "fail $$(basename $$run) exited with $$?"; \
	done > $(TOOLS_UNIT_OUT)/log 2>&1; \
	grep -E '^(pass|fail) ' $(TOOLS_UNIT_OUT)/log > out/results/tools-unit.txt; \
	if grep -q '^fail ' $(TOOLS_UNIT_OUT)/log; then \
	    cat $(TOOLS_UNIT_OUT)/log; exit 1; \
	fi

-include $(TOOLS_UNIT_OBJECTS:.o=.d) \
         $(wildcard $(TOOLS_UNIT_OUT)/tests/unit/tools/*.d)
