/* SPDX-License-Identifier: MIT */
/*
 * We ask for the domain's state, and send back: its header, each vCPU's memory
 * types set to write-back, and the first vCPU's registers. What is not in the
 * list stays as it is.
 */
#include "libxc/vcpu_start.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <xen/hvm/save.h>

#include "libxc/handle.h"
#include "libxc/transport.h"
#include "libxc/vcpu_state.h"

#define MTRR_WRITE_BACK 6
#define MTRR_ENABLE     (1u << 11)

static void add_record(struct vcpu_state *state, uint16_t type,
                       uint16_t instance, const void *bytes, uint32_t length)
{
    struct hvm_save_descriptor d = {
        .typecode = type,
        .instance = instance,
        .length = length,
    };

    memcpy(state->data + state->size, &d, sizeof(d));
    if (length) {
        memcpy(state->data + state->size + sizeof(d), bytes, length);
    }
    state->size += (uint32_t)sizeof(d) + length;
}

/* Flat 4 GiB code and data segments, all else zero. */
static void fill_registers(struct hvm_hw_cpu *cpu, uint32_t entry,
                           uint32_t start_info)
{
    memset(cpu, 0, sizeof(*cpu));
    cpu->rip = entry;
    cpu->rbx = start_info;
    cpu->rflags = 2; /* always set */
    cpu->cr0 = 0x11; /* protected mode, and the bit that cannot be 0 */
    cpu->dr6 = 0xffff0ff0;
    cpu->dr7 = 0x400;
    cpu->cs_limit = cpu->ds_limit = cpu->es_limit = cpu->ss_limit = ~0u;
    cpu->cs_arbytes = 0xc9b; /* 32-bit code, 4 KiB units, accessed */
    cpu->ds_arbytes = cpu->es_arbytes = cpu->ss_arbytes = 0xc93;
    cpu->tr_limit = 0x67;
    cpu->tr_arbytes = 0x8b; /* busy 32-bit TSS */
}

static void add_memory_types(struct vcpu_state *state,
                             const struct vcpu_state *old, uint32_t vcpus)
{
    for (uint32_t i = 0; i < vcpus; i++) {
        const void *record = vcpu_state_find(
            old, HVM_SAVE_CODE(MTRR), (uint16_t)i, HVM_SAVE_LENGTH(MTRR));
        struct hvm_hw_mtrr mtrr;

        if (!record) {
            continue;
        }
        memcpy(&mtrr, record, sizeof(mtrr));
        mtrr.msr_mtrr_def_type = MTRR_WRITE_BACK | MTRR_ENABLE;
        add_record(state, HVM_SAVE_CODE(MTRR), (uint16_t)i, &mtrr,
                   sizeof(mtrr));
    }
}

static uint32_t state_room(uint32_t vcpus)
{
    uint32_t descriptor = sizeof(struct hvm_save_descriptor);

    return 3 * descriptor + (uint32_t)HVM_SAVE_LENGTH(HEADER) +
           (uint32_t)HVM_SAVE_LENGTH(CPU) +
           vcpus * (descriptor + (uint32_t)HVM_SAVE_LENGTH(MTRR));
}

static int send_state(struct xc *xc, uint32_t domid, uint32_t vcpus,
                      const struct vcpu_state *old,
                      const struct hvm_hw_cpu *cpu)
{
    struct vcpu_state state = {.room = state_room(vcpus)};
    const void *header =
        vcpu_state_find(old, HVM_SAVE_CODE(HEADER), 0, HVM_SAVE_LENGTH(HEADER));
    int rc;

    if (!header) {
        return -EPROTO;
    }
    state.data = hv_alloc(xc, state.room);
    if (!state.data) {
        return -ENOMEM;
    }
    add_record(&state, HVM_SAVE_CODE(HEADER), 0, header,
               HVM_SAVE_LENGTH(HEADER));
    add_memory_types(&state, old, vcpus);
    add_record(&state, HVM_SAVE_CODE(CPU), 0, cpu, sizeof(*cpu));
    add_record(&state, HVM_SAVE_CODE(END), 0, NULL, 0);
    rc = vcpu_state_call(xc, XEN_DOMCTL_sethvmcontext, domid, state.data,
                         &state.size);
    hv_free(xc, state.data);
    return rc;
}

int vcpu_start(struct xc *xc, uint32_t domid, uint32_t vcpus, uint32_t entry,
               uint32_t start_info)
{
    struct hvm_hw_cpu cpu;
    struct vcpu_state old;
    int rc;

    fill_registers(&cpu, entry, start_info);
    rc = vcpu_state_get(xc, domid, &old);
    if (!rc) {
        rc = send_state(xc, domid, vcpus, &old, &cpu);
    }
    hv_free(xc, old.data);
    return rc ? xc_fail_errno(xc, rc, "cannot set up domain %u's first vCPU",
                              domid)
              : 0;
}
