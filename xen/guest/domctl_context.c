/* SPDX-License-Identifier: MIT */
/*
 * Domctls that read and write a domain's machine state as one blob of records
 * (TS-29): HEADER, then CPU and MTRR of each vCPU, then END. Each record is a
 * descriptor and a body.
 *
 * Loading copies the blob first, so that the caller cannot change it between
 * the check and the use; goes through all records once to check them, and
 * only then through them again to act. Records that are not there leave state
 * as it is.
 */
#include "guest/domctl.h"

#include "arch/timer.h"
#include "domain/sched.h"
#include "guest/copy.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "types/error.h"
#include "types/overflow.h"

#include <xen/hvm/save.h>

BUILD_ASSERT(sizeof(struct hvm_hw_cpu) == 1032, "context ABI");
BUILD_ASSERT(sizeof(struct hvm_hw_mtrr) == 240, "context ABI");
BUILD_ASSERT(sizeof(struct hvm_save_descriptor) == 8, "context ABI");
BUILD_ASSERT(sizeof(struct hvm_save_header) == 24, "context ABI");

enum {
    BLOB_LIMIT = 1 << 20,
    CODE_END = HVM_SAVE_CODE(END),
    CODE_HEADER = HVM_SAVE_CODE(HEADER),
    CODE_CPU = HVM_SAVE_CODE(CPU),
    CODE_MTRR = HVM_SAVE_CODE(MTRR),
    /* 8 variable ranges, fixed ranges, write combining */
    MTRR_CAPABILITIES = 0x508,
    /* everything write-back, fixed and variable ranges in use */
    MTRR_DEFAULT = 0xc06,
};

/* State of a vCPU -> CPU record. FPU registers are those of a fresh one. */
static void cpu_to_record(struct vcpu *v, struct hvm_hw_cpu *r)
{
    struct guest_state s;

    arch_guest_get_state(v->gc, &s);
    *r = (struct hvm_hw_cpu){
        .rax = v->regs.rax,
        .rbx = v->regs.rbx,
        .rcx = v->regs.rcx,
        .rdx = v->regs.rdx,
        .rbp = v->regs.rbp,
        .rsi = v->regs.rsi,
        .rdi = v->regs.rdi,
        .rsp = v->regs.rsp,
        .r8 = v->regs.r8,
        .r9 = v->regs.r9,
        .r10 = v->regs.r10,
        .r11 = v->regs.r11,
        .r12 = v->regs.r12,
        .r13 = v->regs.r13,
        .r14 = v->regs.r14,
        .r15 = v->regs.r15,
        .rip = v->regs.rip,
        .rflags = v->regs.rflags,
        .cr0 = s.cr0,
        .cr2 = s.cr2,
        .cr3 = s.cr3,
        .cr4 = s.cr4,
        .dr6 = s.dr6,
        .dr7 = s.dr7,
        .idtr_limit = s.idtr.limit,
        .idtr_base = s.idtr.base,
        .gdtr_limit = s.gdtr.limit,
        .gdtr_base = s.gdtr.base,
        .sysenter_cs = s.sysenter_cs,
        .sysenter_esp = s.sysenter_esp,
        .sysenter_eip = s.sysenter_eip,
        .shadow_gs = s.kernel_gs_base,
        .msr_lstar = s.lstar,
        .msr_star = s.star,
        .msr_cstar = s.cstar,
        .msr_syscall_mask = s.sfmask,
        .msr_efer = s.efer,
    };
#define STORE_SEGMENT(name, index)                                             \
    r->name##_sel = s.seg[index].selector;                                     \
    r->name##_limit = s.seg[index].limit;                                      \
    r->name##_base = s.seg[index].base;                                        \
    r->name##_arbytes = s.seg[index].attributes
    STORE_SEGMENT(cs, SEG_CS);
    STORE_SEGMENT(ds, SEG_DS);
    STORE_SEGMENT(es, SEG_ES);
    STORE_SEGMENT(fs, SEG_FS);
    STORE_SEGMENT(gs, SEG_GS);
    STORE_SEGMENT(ss, SEG_SS);
    STORE_SEGMENT(tr, SEG_TR);
    STORE_SEGMENT(ldtr, SEG_LDTR);
#undef STORE_SEGMENT
}

static void registers_from_record(struct guest_regs *g,
                                  const struct hvm_hw_cpu *r)
{
    *g = (struct guest_regs){
        .rax = r->rax,
        .rbx = r->rbx,
        .rcx = r->rcx,
        .rdx = r->rdx,
        .rbp = r->rbp,
        .rsi = r->rsi,
        .rdi = r->rdi,
        .rsp = r->rsp,
        .r8 = r->r8,
        .r9 = r->r9,
        .r10 = r->r10,
        .r11 = r->r11,
        .r12 = r->r12,
        .r13 = r->r13,
        .r14 = r->r14,
        .r15 = r->r15,
        .rip = r->rip,
        .rflags = r->rflags | 2, /* bit 1 is always set */
    };
}

static void cpu_from_record(struct vcpu *v, const struct hvm_hw_cpu *r)
{
    struct guest_state s;

    arch_guest_get_state(v->gc, &s);
    s.cr0 = r->cr0;
    s.cr2 = r->cr2;
    s.cr3 = r->cr3;
    s.cr4 = r->cr4;
    s.efer = r->msr_efer;
    s.dr6 = r->dr6;
    s.dr7 = r->dr7;
    s.idtr = (struct guest_seg){.limit = r->idtr_limit, .base = r->idtr_base};
    s.gdtr = (struct guest_seg){.limit = r->gdtr_limit, .base = r->gdtr_base};
    s.sysenter_cs = r->sysenter_cs;
    s.sysenter_esp = r->sysenter_esp;
    s.sysenter_eip = r->sysenter_eip;
    s.kernel_gs_base = r->shadow_gs;
    s.lstar = r->msr_lstar;
    s.star = r->msr_star;
    s.cstar = r->msr_cstar;
    s.sfmask = r->msr_syscall_mask;
#define LOAD_SEGMENT(name, index)                                              \
    s.seg[index] =                                                             \
        (struct guest_seg){.selector = (uint16_t)r->name##_sel,                \
                           .limit = r->name##_limit,                           \
                           .base = r->name##_base,                             \
                           .attributes = (uint16_t)r->name##_arbytes}
    LOAD_SEGMENT(cs, SEG_CS);
    LOAD_SEGMENT(ds, SEG_DS);
    LOAD_SEGMENT(es, SEG_ES);
    LOAD_SEGMENT(fs, SEG_FS);
    LOAD_SEGMENT(gs, SEG_GS);
    LOAD_SEGMENT(ss, SEG_SS);
    LOAD_SEGMENT(tr, SEG_TR);
    LOAD_SEGMENT(ldtr, SEG_LDTR);
#undef LOAD_SEGMENT
    arch_guest_set_state(v->gc, &s);
    registers_from_record(&v->regs, r);
    vcpu_online(v);
}

/* Memory types come from the second stage, which is write-back throughout; of
 * the MTRRs only PAT is the vCPU's own. */
static void mtrr_to_record(struct vcpu *v, struct hvm_hw_mtrr *r)
{
    struct guest_state s;

    arch_guest_get_state(v->gc, &s);
    *r = (struct hvm_hw_mtrr){
        .msr_pat_cr = s.pat,
        .msr_mtrr_cap = MTRR_CAPABILITIES,
        .msr_mtrr_def_type = MTRR_DEFAULT,
    };
}

static void mtrr_from_record(struct vcpu *v, const struct hvm_hw_mtrr *r)
{
    struct guest_state s;

    arch_guest_get_state(v->gc, &s);
    s.pat = r->msr_pat_cr;
    arch_guest_set_state(v->gc, &s);
}

/* Each byte of PAT is one of the types 0, 1, 4, 5, 6, 7. */
static bool pat_is_valid(uint64_t pat)
{
    for (unsigned i = 0; i < 8; i++) {
        uint8_t type = (uint8_t)(pat >> (8 * i));

        if (type > 7 || type == 2 || type == 3) {
            return false;
        }
    }
    return true;
}

/* Writing to the caller's buffer, record after record. */
struct writer {
    struct vcpu *caller;
    uint64_t at;
};

static int put(struct writer *w, uint16_t code, unsigned instance,
               const void *body, uint32_t length)
{
    struct hvm_save_descriptor desc = {
        .typecode = code, .instance = (uint16_t)instance, .length = length};

    int rc = copy_to_guest(w->caller, w->at, &desc, sizeof(desc));

    if (!rc && length) {
        rc = copy_to_guest(w->caller, w->at + sizeof(desc), body, length);
    }
    w->at += sizeof(desc) + length;
    return rc;
}

static int put_vcpu(struct writer *w, struct vcpu *v)
{
    struct hvm_hw_cpu cpu;
    struct hvm_hw_mtrr mtrr;
    int rc;

    cpu_to_record(v, &cpu);
    mtrr_to_record(v, &mtrr);
    rc = put(w, CODE_CPU, v->id, &cpu, sizeof(cpu));
    return rc ? rc : put(w, CODE_MTRR, v->id, &mtrr, sizeof(mtrr));
}

static int put_all(struct writer *w, struct domain *d)
{
    const struct hvm_save_header header = {
        .magic = HVM_FILE_MAGIC,
        .version = HVM_FILE_VERSION,
        .cpuid = arch_guest_cpuid(1, 0).eax,
        .gtsc_khz = (uint32_t)arch_tsc_khz(),
    };
    int rc = put(w, CODE_HEADER, 0, &header, sizeof(header));

    for (unsigned i = 0; !rc && i < d->max_vcpus; i++) {
        rc = put_vcpu(w, d->vcpus[i]);
    }
    return rc ? rc : put(w, CODE_END, 0, NULL, 0);
}

static uint32_t context_size(const struct domain *d)
{
    const size_t desc = sizeof(struct hvm_save_descriptor);
    const size_t per_vcpu =
        desc + sizeof(struct hvm_hw_cpu) + desc + sizeof(struct hvm_hw_mtrr);

    return (uint32_t)(desc + sizeof(struct hvm_save_header) +
                      d->max_vcpus * per_vcpu + desc);
}

static int get_context(struct domctl *c)
{
    struct xen_domctl_hvmcontext *h = &c->op.u.hvmcontext;
    struct writer w = {.caller = c->caller, .at = (uintptr_t)h->buffer.p};
    uint32_t room = h->size;
    int rc;

    h->size = context_size(c->d);
    if (!h->buffer.p) {
        return 0;
    }
    if (room < h->size) {
        return -ENOSPC;
    }
    domain_pause_sync(c->d);
    rc = put_all(&w, c->d);
    return domain_unpause(c->d) ?: rc;
}

/* A record within the copied blob. */
struct record {
    struct hvm_save_descriptor desc;
    const void *body;
};

/* The record at *at, which moves behind it. False: it is not all there. */
static bool next_record(const uint8_t *blob, size_t size, size_t *at,
                        struct record *r)
{
    if (range_exceeds(*at, sizeof(r->desc), size)) {
        return false;
    }
    memcpy(&r->desc, blob + *at, sizeof(r->desc));
    *at += sizeof(r->desc);
    if (range_exceeds(*at, r->desc.length, size)) {
        return false;
    }
    r->body = blob + *at;
    *at += r->desc.length;
    return true;
}

static int check_header(const struct record *r)
{
    struct hvm_save_header h;

    if (r->desc.typecode != CODE_HEADER || r->desc.length != sizeof(h)) {
        return -EINVAL;
    }
    memcpy(&h, r->body, sizeof(h));
    return h.magic == HVM_FILE_MAGIC && h.version == HVM_FILE_VERSION ? 0
                                                                      : -EINVAL;
}

static int check_mtrr(const struct record *r)
{
    struct hvm_hw_mtrr m;

    if (r->desc.length != sizeof(m)) {
        return -EINVAL;
    }
    memcpy(&m, r->body, sizeof(m));
    return pat_is_valid(m.msr_pat_cr) ? 0 : -EINVAL;
}

static int check_record(const struct domain *d, const struct record *r)
{
    if (r->desc.instance >= d->max_vcpus) {
        return -EINVAL;
    }
    switch (r->desc.typecode) {
    case CODE_CPU:
        return r->desc.length == sizeof(struct hvm_hw_cpu) ? 0 : -EINVAL;
    case CODE_MTRR:
        return check_mtrr(r);
    default:
        return -EOPNOTSUPP;
    }
}

static int check_blob(const struct domain *d, const uint8_t *blob, size_t size)
{
    struct record r;
    size_t at = 0;
    int rc;

    if (!next_record(blob, size, &at, &r)) {
        return -EINVAL;
    }
    rc = check_header(&r);
    while (!rc) {
        if (!next_record(blob, size, &at, &r)) {
            return -EINVAL;
        }
        if (r.desc.typecode == CODE_END) {
            return 0;
        }
        rc = check_record(d, &r);
    }
    return rc;
}

static void load_record(struct vcpu *v, const struct record *r)
{
    struct hvm_hw_cpu cpu;
    struct hvm_hw_mtrr mtrr;

    if (r->desc.typecode == CODE_CPU) {
        memcpy(&cpu, r->body, sizeof(cpu));
        cpu_from_record(v, &cpu);
    } else {
        memcpy(&mtrr, r->body, sizeof(mtrr));
        mtrr_from_record(v, &mtrr);
    }
}

/* The blob was checked. */
static void load_blob(struct domain *d, const uint8_t *blob, size_t size)
{
    struct record r;
    size_t at = 0;

    while (next_record(blob, size, &at, &r) && r.desc.typecode != CODE_END) {
        if (r.desc.typecode != CODE_HEADER) {
            load_record(d->vcpus[r.desc.instance], &r);
        }
    }
}

static int set_context(struct domctl *c)
{
    const struct xen_domctl_hvmcontext *h = &c->op.u.hvmcontext;
    uint8_t *blob;
    int rc;

    if (h->size > BLOB_LIMIT) {
        return -EINVAL;
    }
    blob = heap_alloc(MAX(h->size, 1u));
    if (!blob) {
        return -ENOMEM;
    }
    rc = copy_from_guest(c->caller, blob, (uintptr_t)h->buffer.p, h->size);
    if (!rc) {
        rc = check_blob(c->d, blob, h->size);
    }
    if (!rc) {
        domain_pause_sync(c->d);
        load_blob(c->d, blob, h->size);
        rc = domain_unpause(c->d);
    }
    heap_free(blob);
    return rc;
}

static const struct domctl_row rows[] = {
    {XEN_DOMCTL_gethvmcontext, DOMCTL_REPLIES | DOMCTL_OTHERS, get_context},
    {XEN_DOMCTL_sethvmcontext, DOMCTL_OTHERS, set_context},
};

const struct domctl_family domctl_context = {rows, ARRAY_COUNT(rows)};
