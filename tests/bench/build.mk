# SPDX-License-Identifier: MIT
#
# What things cost: make bench [BENCH=quick]
#
# Every folder here but lib is a guest, built as those of tests/guests are, with
# lib/ beside their library. tests/bench/bench runs them and puts the numbers
# together; quick leaves out what needs dom0 to boot.

BENCH_DIR   := tests/bench
BENCH_OUT   := out/guests/bench
BENCH_NAMES := $(filter-out lib,$(sort $(notdir $(patsubst %/,%,\
               $(dir $(wildcard $(BENCH_DIR)/*/*.c))))))
BENCH_ELFS  := $(BENCH_NAMES:%=$(BENCH_OUT)/%.elf)

bench_objects = $(patsubst %,$(GUEST_OBJ)/%.o,$(wildcard $(BENCH_DIR)/$(1)/*.c))

$(GUEST_OBJ)/$(BENCH_DIR)/%: GUEST_CPPFLAGS += -I$(BENCH_DIR)/lib

$(BENCH_ELFS): $(BENCH_OUT)/%.elf: $$(call bench_objects,$$*) \
               $(call bench_objects,lib) $(GUEST_LIB) $(GUEST_DIR)/lib/guest.lds
	@mkdir -p $(@D)
	$(Q)$(LD) $(GUEST_LDFLAGS) -o $@ $(filter %.o,$^) $(GUEST_LIB)

bench: $(BENCH_ELFS) out/podium $(if $(filter quick,$(BENCH)),,all)
	$(Q)$(PYTHON) -B $(BENCH_DIR)/bench $(if $(filter quick,$(BENCH)),--quick) \
	    --json out/bench.json

-include $(foreach g,lib $(BENCH_NAMES),$(patsubst %.o,%.d,$(call bench_objects,$(g))))
