/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor tells registers in the form of a saved guest; a dump has them
 * in the form in which a PV guest's are set. Of the segments that form knows
 * selectors and two bases; it has no place for the descriptor tables.
 */
#include "libxc/dump_head.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <xen/elfnote.h>
#include <xen/hvm/save.h>

#include "libxc/handle.h"
#include "libxc/transport.h"
#include "libxc/vcpu_state.h"

#define MAGIC_HVM      0xf00febeeull /* a guest with second-stage tables */
#define FORMAT_VERSION 1ull /* 0.1: the major one is in the upper half */

_Static_assert(sizeof(struct dump_note) == 16, "a note's head");
_Static_assert(sizeof(((struct dump_notes *)0)->host) % 4 == 0 &&
                   sizeof(struct dump_notes) ==
                       4 * sizeof(struct dump_note) +
                           sizeof(((struct dump_notes *)0)->about) +
                           sizeof(((struct dump_notes *)0)->host) + 8,
               "notes follow one another without gaps");

static struct dump_note note(uint32_t type, size_t size)
{
    return (struct dump_note){
        .name_size = sizeof(DUMP_NOTE_NAME),
        .size = (uint32_t)size,
        .type = type,
        .name = DUMP_NOTE_NAME,
    };
}

/* What the hypervisor does not tell stays 0. */
static void ask_host(struct xc *xc, struct dump_notes *n)
{
    int version = hv_version(xc, XENVER_version, NULL, 0);
    int page_size = hv_version(xc, XENVER_pagesize, NULL, 0);

    n->host.major = version > 0 ? (uint32_t)version >> 16 : 0;
    n->host.minor = version > 0 ? (uint32_t)version & 0xffff : 0;
    n->host.page_size = page_size > 0 ? (uint32_t)page_size : PAGE_BYTES;
    hv_version(xc, XENVER_extraversion, n->host.extra, sizeof(n->host.extra));
    hv_version(xc, XENVER_compile_info, &n->host.compile,
               sizeof(n->host.compile));
    hv_version(xc, XENVER_capabilities, n->host.capabilities,
               sizeof(n->host.capabilities));
    hv_version(xc, XENVER_changeset, n->host.changeset,
               sizeof(n->host.changeset));
    hv_version(xc, XENVER_platform_parameters, &n->host.platform,
               sizeof(n->host.platform));
}

void dump_notes_fill(struct xc *xc, uint32_t vcpu_count, uint64_t page_count,
                     struct dump_notes *notes)
{
    memset(notes, 0, sizeof(*notes));
    notes->none = note(XEN_ELFNOTE_DUMPCORE_NONE, 0);
    notes->header = note(XEN_ELFNOTE_DUMPCORE_HEADER, sizeof(notes->about));
    notes->about.magic = MAGIC_HVM;
    notes->about.vcpu_count = vcpu_count;
    notes->about.page_count = page_count;
    notes->about.page_size = PAGE_BYTES;
    notes->version =
        note(XEN_ELFNOTE_DUMPCORE_XEN_VERSION, sizeof(notes->host));
    ask_host(xc, notes);
    notes->format = note(XEN_ELFNOTE_DUMPCORE_FORMAT_VERSION,
                         sizeof(notes->format_version));
    notes->format_version = FORMAT_VERSION;
}

/* ---- registers --------------------------------------------------------- */

static void copy_general(const struct hvm_hw_cpu *cpu, cpu_user_regs_t *r)
{
    r->rax = cpu->rax;
    r->rbx = cpu->rbx;
    r->rcx = cpu->rcx;
    r->rdx = cpu->rdx;
    r->rbp = cpu->rbp;
    r->rsi = cpu->rsi;
    r->rdi = cpu->rdi;
    r->rsp = cpu->rsp;
    r->r8 = cpu->r8;
    r->r9 = cpu->r9;
    r->r10 = cpu->r10;
    r->r11 = cpu->r11;
    r->r12 = cpu->r12;
    r->r13 = cpu->r13;
    r->r14 = cpu->r14;
    r->r15 = cpu->r15;
    r->rip = cpu->rip;
    r->rflags = cpu->rflags;
}

static void copy_segments(const struct hvm_hw_cpu *cpu, bool in_kernel,
                          vcpu_guest_context_t *c)
{
    c->user_regs.cs = (uint16_t)cpu->cs_sel;
    c->user_regs.ds = (uint16_t)cpu->ds_sel;
    c->user_regs.es = (uint16_t)cpu->es_sel;
    c->user_regs.fs = (uint16_t)cpu->fs_sel;
    c->user_regs.gs = (uint16_t)cpu->gs_sel;
    c->user_regs.ss = (uint16_t)cpu->ss_sel;
    c->fs_base = cpu->fs_base;
    c->gs_base_kernel = in_kernel ? cpu->gs_base : cpu->shadow_gs;
    c->gs_base_user = in_kernel ? cpu->shadow_gs : cpu->gs_base;
}

/* The privilege level is that of the stack segment's descriptor. */
static bool is_in_kernel(const struct hvm_hw_cpu *cpu)
{
    return !(cpu->ss_arbytes >> 5 & 3);
}

static void copy_registers(const struct hvm_hw_cpu *cpu,
                           vcpu_guest_context_t *c)
{
    bool in_kernel = is_in_kernel(cpu);

    memcpy(&c->fpu_ctxt, cpu->fpu_regs, sizeof(c->fpu_ctxt));
    c->flags = (in_kernel ? VGCF_in_kernel : 0u) |
               (cpu->flags & XEN_X86_FPU_INITIALISED ? VGCF_i387_valid : 0u);
    copy_general(cpu, &c->user_regs);
    copy_segments(cpu, in_kernel, c);
    c->ctrlreg[0] = cpu->cr0;
    c->ctrlreg[2] = cpu->cr2;
    c->ctrlreg[3] = cpu->cr3;
    c->ctrlreg[4] = cpu->cr4;
    c->debugreg[0] = cpu->dr0;
    c->debugreg[1] = cpu->dr1;
    c->debugreg[2] = cpu->dr2;
    c->debugreg[3] = cpu->dr3;
    c->debugreg[6] = cpu->dr6;
    c->debugreg[7] = cpu->dr7;
}

static const void *find_cpu(const struct vcpu_state *state, uint32_t vcpu)
{
    return vcpu_state_find(state, HVM_SAVE_CODE(CPU), (uint16_t)vcpu,
                           HVM_SAVE_LENGTH(CPU));
}

static bool is_online(struct xc *xc, uint32_t domid, uint32_t vcpu)
{
    struct xc_vcpu info;

    return !xc_vcpu_info(xc, domid, vcpu, &info) && info.online;
}

int dump_vcpus(struct xc *xc, uint32_t domid, vcpu_guest_context_t **vcpus,
               uint32_t *count)
{
    struct vcpu_state state;
    int rc = vcpu_state_get(xc, domid, &state);

    *vcpus = NULL;
    *count = 0;
    while (!rc && find_cpu(&state, *count)) {
        ++*count;
    }
    if (!rc) {
        *vcpus = calloc(*count + 1, sizeof(**vcpus));
        rc = *vcpus ? 0 : -ENOMEM;
    }
    for (uint32_t i = 0; !rc && i < *count; i++) {
        struct hvm_hw_cpu cpu;

        memcpy(&cpu, find_cpu(&state, i), sizeof(cpu));
        copy_registers(&cpu, &(*vcpus)[i]);
        if (is_online(xc, domid, i)) {
            (*vcpus)[i].flags |= VGCF_online;
        }
    }
    hv_free(xc, state.data);
    return rc;
}
