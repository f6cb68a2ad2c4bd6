# SPDX-License-Identifier: MIT
#
# Microkernel guests: make guests [GUEST=pod]
#
# make random [CALLS=1000000] [SEED=1]: more of the guest of that name.
# make domu [HYPERVISOR=FILE]: the guests as domUs, also of Xen.
#
# Every folder here but lib and servant is a guest, an ELF file
# out/guests/NAME.elf of its *.c and *.S with the library lib/ and a few pure
# files of the hypervisor. servant/ is the guest that others put into domains
# that they make; the library holds it as bytes.

GUEST_DIR  := tests/guests
GUEST_OUT  := out/guests
GUEST_OBJ  := out/obj/guests
GUEST_NAMES := $(filter-out lib servant,$(sort $(notdir $(patsubst %/,%,\
               $(dir $(wildcard $(GUEST_DIR)/*/*.c))))))
GUEST_ELFS := $(GUEST_NAMES:%=$(GUEST_OUT)/%.elf)

GUEST_CPPFLAGS := -D__XEN_TOOLS__ -I$(GUEST_DIR)/lib -I$(GUEST_DIR) -Ixen
GUEST_CFLAGS := $(CFLAGS_ALL) -O2 -ffreestanding -fno-pic -fno-pie -m64 \
                -fno-stack-protector -fno-asynchronous-unwind-tables \
                -fcf-protection=none -mno-red-zone -mgeneral-regs-only
GUEST_LDFLAGS := -nostdlib -static -z noexecstack -z max-page-size=4096 \
                 --no-warn-rwx-segments -u entry32 -T $(GUEST_DIR)/lib/guest.lds

guest_objects = $(patsubst %,$(GUEST_OBJ)/%.o,\
                $(wildcard $(GUEST_DIR)/$(1)/*.c $(GUEST_DIR)/$(1)/*.S))

GUEST_SHARED := $(GUEST_OBJ)/xen/lib/printf.c.o $(GUEST_OBJ)/xen/lib/string.c.o \
                $(GUEST_OBJ)/xen/lib/text.c.o
GUEST_LIB    := $(GUEST_OBJ)/guest.a
GUEST_OBJECTS := $(foreach g,lib servant $(GUEST_NAMES),$(call guest_objects,$(g))) \
                 $(GUEST_SHARED)

guests: $(GUEST_OUT)/built out/podium
	$(Q)mkdir -p out/results
	$(Q)$(PYTHON) $(GUEST_DIR)/run --results out/results/guests.txt $(GUEST)

CALLS ?= 1000000
SEED  ?= 1

.PHONY: random
# By the clock: a child that goes from fault to fault makes QEMU's counted time
# pass so slowly that what would end the child comes after minutes.
random: $(GUEST_OUT)/built out/podium
	$(Q)$(PYTHON) $(GUEST_DIR)/run --set timeout=36000 --set clock=wall \
	    --set "arguments=seed=$(SEED) calls=$(CALLS)" random

# The same guests as domUs of a host; not part of make test. On Xen itself:
# make reference domu HYPERVISOR=out/reference/root/boot/xen-4.17-amd64.gz
.PHONY: domu
domu: $(GUEST_OUT)/built all
	$(Q)mkdir -p out/results
	$(Q)$(PYTHON) $(GUEST_DIR)/run-domu $(HYPERVISOR:%=--hypervisor %) \
	    --results out/results/domu.txt $(GUEST)

# Every guest once, on the hypervisor with more checks in it.
.PHONY: variants
variants: $(GUEST_OUT)/built
	$(Q)mkdir -p out/results
	$(Q)$(MAKE) --no-print-directory xen VARIANT=checked
	$(Q)$(PYTHON) $(GUEST_DIR)/run --once --tag checked \
	    --hypervisor out/podium-checked --log $(GUEST_OUT)/log-checked \
	    --results out/results/variants.txt $(GUEST)

# By Bochs: on Intel's VMX, and on AMD's SVM as another than QEMU has it, with
# nRIP. Those that are about the machine; the others take minutes there.
MACHINE_GUESTS := fpu=2 hello=2 modes=2 shootdown=2 balloon=1 events=1 \
                  grants=1 msr_cpuid=1 pod=1 reader=1 timers=1
VMX_GUESTS     := $(MACHINE_GUESTS) smp=2 life=1 sweep=1 tmem=1 weather=1
NRIP_GUESTS    := $(MACHINE_GUESTS)

# $(1): the kind, $(2): Bochs's model, $(3): its name in the table of results,
# $(4): the guests
define on_bochs
$(Q)mkdir -p out/results
$(Q)$(PYTHON) $(GUEST_DIR)/run --emulator bochs --cpu $(2) \
    --tag bios.$(3).microkernels --log $(GUEST_OUT)/log-$(1) \
    --results out/results/$(1).txt $(or $(GUEST),$(4))
endef

.PHONY: vmx nrip
vmx: $(GUEST_OUT)/built out/podium
	$(call on_bochs,$@,corei7_skylake_x,vmx-bochs,$(VMX_GUESTS))

nrip: $(GUEST_OUT)/built out/podium
	$(call on_bochs,$@,ryzen,svm-bochs,$(NRIP_GUESTS))

# By UEFI and GRUB: what differs is over when the guest starts.
UEFI_GUESTS := hello smp

.PHONY: uefi
uefi: $(GUEST_OUT)/built out/podium
	$(Q)mkdir -p out/results
	$(Q)$(PYTHON) $(GUEST_DIR)/run --uefi --once --tag uefi.svm-qemu.microkernels \
	    --log $(GUEST_OUT)/log-uefi --results out/results/uefi.txt \
	    $(or $(GUEST),$(UEFI_GUESTS))

guest-images: $(GUEST_OUT)/built

$(GUEST_OUT)/built: $(GUEST_ELFS)
	$(Q)touch $@

$(GUEST_OBJ)/%.c.o: %.c $(GUEST_DIR)/build.mk config/build.mk
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CFLAGS) $(GUEST_CPPFLAGS) $(DEPFLAGS) -c -o $@ $<

$(GUEST_OBJ)/%.S.o: %.S $(GUEST_DIR)/build.mk config/build.mk
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CFLAGS) $(GUEST_CPPFLAGS) $(DEPFLAGS) -c -o $@ $<

$(GUEST_LIB): $(call guest_objects,lib) $(GUEST_SHARED)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

# The servant is linked with the same archive, but not with the member that
# holds it: nothing in it asks for that one.
GUEST_LIB_BASE := $(GUEST_OBJ)/base.a
$(GUEST_LIB_BASE): $(filter-out %/servant_image.S.o,$(call guest_objects,lib)) \
                   $(GUEST_SHARED)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(GUEST_OBJ)/servant.elf: $(call guest_objects,servant) $(GUEST_LIB_BASE) \
                          $(GUEST_DIR)/lib/guest.lds
	$(Q)$(LD) $(GUEST_LDFLAGS) -s -o $@ $(filter %.o,$^) $(GUEST_LIB_BASE)

$(GUEST_OBJ)/$(GUEST_DIR)/lib/servant_image.S.o: $(GUEST_OBJ)/servant.elf

.SECONDEXPANSION:
$(GUEST_ELFS): $(GUEST_OUT)/%.elf: $$(call guest_objects,$$*) $(GUEST_LIB) \
               $(GUEST_DIR)/lib/guest.lds
	@mkdir -p $(@D)
	$(Q)$(LD) $(GUEST_LDFLAGS) -o $@ $(filter %.o,$^) $(GUEST_LIB)

-include $(GUEST_OBJECTS:.o=.d)

.PHONY: guest-images
