# SPDX-License-Identifier: MIT
#
# What things cost: make bench [BENCH=quick|xen]
#
# Every folder here but lib, model, parallel and tmem is a guest, built as those of tests/guests
# are, with lib/ beside their library. tests/bench/bench runs them and puts the
# numbers together; quick leaves out what needs dom0 to boot, xen compares.
#
# model is a program for this machine that compares us with the rules of Xen. It
# is built of what unit tests are built of, without their checks: they have run,
# and gigabytes are gone through here. make bench-model is that alone.

BENCH_DIR   := tests/bench
BENCH_OUT   := out/guests/bench
BENCH_NAMES := $(filter-out lib model parallel tmem,$(sort $(notdir $(patsubst %/,%,\
               $(dir $(wildcard $(BENCH_DIR)/*/*.c))))))
BENCH_ELFS  := $(BENCH_NAMES:%=$(BENCH_OUT)/%.elf)

bench_objects = $(patsubst %,$(GUEST_OBJ)/%.o,$(wildcard $(BENCH_DIR)/$(1)/*.c))

$(GUEST_OBJ)/$(BENCH_DIR)/%: GUEST_CPPFLAGS += -I$(BENCH_DIR)/lib

$(BENCH_ELFS): $(BENCH_OUT)/%.elf: $$(call bench_objects,$$*) \
               $(call bench_objects,lib) $(GUEST_LIB) $(GUEST_DIR)/lib/guest.lds
	@mkdir -p $(@D)
	$(Q)$(LD) $(GUEST_LDFLAGS) -o $@ $(filter %.o,$^) $(GUEST_LIB)

MODEL_OBJECTS := $(patsubst %.c,$(UNIT_OUT)/%.o,$(wildcard $(BENCH_DIR)/model/*.c))
MODEL         := out/model/bench/model

$(UNIT_OUT)/bench/model: $(MODEL_OBJECTS) $(UNIT_OUT)/libunit.a \
        $(unit_archives_guest)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) $(UNIT_CFLAGS) -o $@ $(MODEL_OBJECTS) -Wl,--start-group \
	    $(filter %.a,$^) -Wl,--end-group -l:liblz4.a -pthread

.PHONY: bench-model bench-model-build
bench-model-build:
	+$(Q)$(MAKE) --no-print-directory SANITIZE= UNIT_OPTIMIZE=-O2 \
	    UNIT_OUT=out/model $(MODEL)

bench-model: bench-model-build
	$(Q)$(PYTHON) -B $(BENCH_DIR)/bench --model-only --model $(MODEL)

# make bench-parallel: CPUs that populate at once, as threads of this machine.
PARALLEL := out/model/bench/parallel

$(UNIT_OUT)/bench/parallel: $(UNIT_OUT)/tests/bench/parallel/parallel.o \
        $(UNIT_OUT)/libunit.a $(unit_archives_domain)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) $(UNIT_CFLAGS) -o $@ $< -Wl,--start-group \
	    $(filter %.a,$^) -Wl,--end-group -l:liblz4.a -pthread

.PHONY: bench-parallel bench-parallel-build
bench-parallel-build:
	+$(Q)$(MAKE) --no-print-directory SANITIZE= UNIT_OPTIMIZE=-O2 \
	    UNIT_OUT=out/model $(PARALLEL)

bench-parallel: bench-parallel-build
	$(Q)UNIT_NOFORK=1 $(PARALLEL)

# make bench-tmem: transcendent memory on this machine, against memcpy and LZ4.
$(UNIT_OUT)/bench/tmem: $(UNIT_OUT)/tests/bench/tmem/tmem.o $(UNIT_OUT)/libunit.a \
        $(unit_archives_overcommit)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) $(UNIT_CFLAGS) -o $@ $< -Wl,--start-group \
	    $(filter %.a,$^) -Wl,--end-group -l:liblz4.a -pthread

.PHONY: bench-tmem
bench-tmem:
	+$(Q)$(MAKE) --no-print-directory SANITIZE= UNIT_DEBUG= \
	    UNIT_OPTIMIZE="-O2 -fomit-frame-pointer -flto=auto" \
	    HOSTAR=gcc-ar UNIT_OUT=out/release out/release/bench/tmem
	$(Q)UNIT_NOFORK=1 out/release/bench/tmem

# make bench BENCH=xen: the same guests on real Xen and on Podium, one after the
# other, instead of the rest.
BENCH_XEN := out/reference/root/boot/xen-4.17-amd64.gz

bench: $(BENCH_ELFS) out/podium $(if $(filter quick,$(BENCH)),,all) \
       $(if $(filter quick xen,$(BENCH)),,linux-modules) \
       $(if $(filter xen,$(BENCH)),reference,bench-model-build bench-parallel-build)
	$(Q)$(PYTHON) -B $(BENCH_DIR)/bench $(if $(filter quick,$(BENCH)),--quick) \
	    $(if $(filter xen,$(BENCH)),--xen $(BENCH_XEN),--model $(MODEL) --parallel $(PARALLEL)) \
	    --json out/bench.json

-include $(foreach g,lib $(BENCH_NAMES),$(patsubst %.o,%.d,$(call bench_objects,$(g))))
