/* SPDX-License-Identifier: MIT */
/* What a guest's exit asks for: a table of contents. */
#include "base/console.h"
#include "base/trace.h"
#include "domain/domain.h"
#include "domain/sched.h"
#include "guest/copy.h"
#include "guest/hypercall.h"
#include "guest/pagetable.h"
#include "guest/run.h"
#include "types/bits.h"
#include "types/error.h"

#include <xen/hvm/params.h>
#include <xen/sched.h>

#define EXCEPTION_UD 6
#define EXCEPTION_GP 13

typedef void exit_fn(struct vcpu *v, const struct guest_exit *e);

static void skip(struct vcpu *v, const struct guest_exit *e)
{
    arch_guest_skip(v->gc, &v->regs, e->length);
}

static void exit_hypercall(struct vcpu *v, const struct guest_exit *e)
{
    if (hypercall(v)) {
        skip(v, e);
    }
}

/*
 * HLT with interrupts off and nothing that could end it: this CPU is done
 * (HC-42). PVH guests power off that way, so the last one ends the domain.
 */
static void halt_for_good(struct vcpu *v)
{
    if (vcpu_offline(v)) {
        domain_shutdown(v->domain, SHUTDOWN_poweroff);
    }
}

static void exit_halt(struct vcpu *v, const struct guest_exit *e)
{
    skip(v, e);
    if (!(v->regs.rflags & RFLAGS_IF)) {
        halt_for_good(v);
        return;
    }
    time_end_poll(v);
    sched_hold(v, HOLD_BLOCKED);
    /* What came before the hold did not release it. */
    if (vcpu_has_pending(v)) {
        sched_release(v, HOLD_BLOCKED);
    }
}

static void exit_pause(struct vcpu *v, const struct guest_exit *e)
{
    skip(v, e);
    sched_yield(v);
}

/* Which register is written to CR8, when the processor does not say: the
 * instruction is always 44 0F 22 C0+r, REX.R for CR8 and REX.B for r8..r15.
 * False: it is not that any more. */
static bool read_cr8_write(struct vcpu *v, unsigned *reg, unsigned *length)
{
    uint8_t op[4];

    if (copy_code(v, op, v->regs.rip, sizeof(op)) || (op[0] & 0xFE) != 0x44 ||
        op[1] != 0x0F || op[2] != 0x22 || (op[3] & 0xF8) != 0xC0) {
        return false;
    }
    *reg = (op[3] & 7U) | (op[0] & 1U) << 3;
    *length = sizeof(op);
    return true;
}

static void exit_cr8_read(struct vcpu *v, const struct guest_exit *e)
{
    v->regs.gpr[e->value] = v->vlapic.tpr >> 4;
    skip(v, e);
}

static void exit_cr8_write(struct vcpu *v, const struct guest_exit *e)
{
    unsigned reg = (unsigned)e->value, length = e->length;

    if (!length && !read_cr8_write(v, &reg, &length)) {
        arch_guest_inject_exception(v->gc, EXCEPTION_UD, -1, 0);
        return;
    }
    if (v->regs.gpr[reg] > 15) {
        arch_guest_inject_exception(v->gc, EXCEPTION_GP, 0, 0);
        return;
    }
    v->vlapic.tpr = (uint32_t)v->regs.gpr[reg] << 4;
    arch_guest_skip(v->gc, &v->regs, length);
}

static void exit_undefined(struct vcpu *v, const struct guest_exit *e)
{
    (void)e;
    arch_guest_inject_exception(v->gc, EXCEPTION_UD, -1, 0);
}

/* Domain 0's end is the host's: leave what there is to find out why. */
static void dump_vcpu(const struct vcpu *v)
{
    struct guest_state s;

    arch_guest_get_state(v->gc, &s);
    log_line(LOG_ERROR, "cr0 %lx cr2 %lx cr3 %lx cr4 %lx efer %lx", s.cr0,
             s.cr2, s.cr3, s.cr4, s.efer);
    log_line(LOG_ERROR, "idtr %lx+%x gdtr %lx+%x tr %x %lx+%x", s.idtr.base,
             s.idtr.limit, s.gdtr.base, s.gdtr.limit, s.seg[SEG_TR].selector,
             s.seg[SEG_TR].base, s.seg[SEG_TR].limit);
    log_line(LOG_ERROR, "cs %x %x ss %x %x gs %lx rsp %lx rflags %lx",
             s.seg[SEG_CS].selector, s.seg[SEG_CS].attributes,
             s.seg[SEG_SS].selector, s.seg[SEG_SS].attributes,
             s.seg[SEG_GS].base, v->regs.rsp, v->regs.rflags);
    trace_dump(arch_cpu(), 48);
}

static void exit_triple(struct vcpu *v, const struct guest_exit *e)
{
    struct domain *d = v->domain;

    (void)e;
    if (d->privileged) {
        dump_vcpu(v);
    }
    log_guest(d->id, LOG_WARNING, "vCPU %u: triple fault at rip %lx", v->id,
              v->regs.rip);
    domain_shutdown(d, (unsigned)d->hvm_params[HVM_PARAM_TRIPLE_FAULT_REASON]);
}

static void exit_failed(struct vcpu *v, const struct guest_exit *e)
{
    domain_crash(v->domain, "vCPU %u: %s (%lx), rip %lx", v->id,
                 arch_guest_failure(e->code), e->code, v->regs.rip);
}

static exit_fn *const handlers[EXIT_REASON_COUNT] = {
    [EXIT_HYPERCALL] = exit_hypercall,
    [EXIT_CPUID] = cpuid_handle,
    [EXIT_HLT] = exit_halt,
    [EXIT_MSR_READ] = msr_handle,
    [EXIT_MSR_WRITE] = msr_handle,
    [EXIT_IO] = io_handle,
    [EXIT_FAULT] = fault_handle,
    [EXIT_PAUSE] = exit_pause,
    [EXIT_SKIP] = skip,
    [EXIT_CR8_WRITE] = exit_cr8_write,
    [EXIT_CR8_READ] = exit_cr8_read,
    [EXIT_UNDEFINED] = exit_undefined,
    [EXIT_TRIPLE] = exit_triple,
    [EXIT_FAILED] = exit_failed,
};

void exit_handle(struct vcpu *v, const struct guest_exit *e)
{
    pagetable_forget(v);
    handlers[e->reason](v, e);
}
