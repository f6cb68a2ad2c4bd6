/* SPDX-License-Identifier: MIT */
/*
 * See vlapic.h. The x2APIC id of vCPU n is 2n (AP-9). Interrupts are edges:
 * IRR is set by anyone (atomically), the rest is touched by the vCPU's own
 * CPU only.
 */
#include "domain/vlapic.h"

#include "base/console.h"
#include "domain/domain.h"
#include "domain/sched.h"
#include "lib/string.h"
#include "types/error.h"

enum {
    X2_ID = 0x802,
    X2_VERSION = 0x803,
    X2_TPR = 0x808,
    X2_EOI = 0x80B,
    X2_LDR = 0x80D,
    X2_SVR = 0x80F,
    X2_ISR = 0x810,
    X2_TMR = 0x818,
    X2_IRR = 0x820,
    X2_ESR = 0x828,
    X2_ICR = 0x830,
    X2_LVT_FIRST = 0x832,
    X2_LVT_LAST = 0x837,
    X2_TMICT = 0x838,
    X2_TMCCT = 0x839,
    X2_TDCR = 0x83E,
    X2_SELF = 0x83F,
    VERSION_VALUE = 0x50014,
    LVT_MASKED = 0x10000,
    MSR_APIC_BASE = 0x1B,
};

enum delivery_mode {
    MODE_FIXED = 0,
    MODE_LOWEST = 1,
    MODE_NMI = 4,
    MODE_INIT = 5,
    MODE_STARTUP = 6
};

#define ICR_LOGICAL     BIT(11)
#define ICR_ASSERT      BIT(14)
#define ICR_LEVEL       BIT(15)
#define BASE_ENABLED    (BIT(11) | BIT(10))
#define BASE_BSP        BIT(8)
#define BASE_ADDRESS    0xFEE00000ULL
#define STARTUP_PENDING 0x100U
#define BROADCAST       0xFFFFFFFFU

static uint32_t id_of(const struct vcpu *v)
{
    return v->id * 2;
}

static uint32_t ldr_of(const struct vcpu *v)
{
    return (id_of(v) >> 4) << 16 | 1U << (id_of(v) & 15);
}

void vlapic_reset(struct vcpu *v)
{
    struct vlapic *a = &v->vlapic;

    memset(a, 0, sizeof(*a));
    a->base_msr = BASE_ADDRESS | BASE_ENABLED | (v->id ? 0 : BASE_BSP);
    a->svr = 0xFF;
    a->waits_for_startup = true;
    for (unsigned i = 0; i < ARRAY_COUNT(a->lvt); i++) {
        a->lvt[i] = LVT_MASKED;
    }
}

static int highest(const uint64_t bits[4])
{
    for (int i = 3; i >= 0; i--) {
        uint64_t w = READ_ONCE(bits[i]);

        if (w) {
            return i * 64 + 63 - __builtin_clzll(w);
        }
    }
    return -1;
}

void vlapic_raise(struct vcpu *v, unsigned vector)
{
    if (vector < 16 || vector > 255) {
        return;
    }
    bit_test_and_set(v->vlapic.irr, vector);
    vcpu_wake_for_event(v);
}

int vlapic_pending(const struct vcpu *v)
{
    int vector = highest(v->vlapic.irr);
    int serving;

    if (vector < 0 || !(v->vlapic.svr & BIT(8))) {
        return -1;
    }
    serving = highest(v->vlapic.isr);
    if ((vector >> 4) <= (int)(v->vlapic.tpr >> 4) ||
        (serving >= 0 && (vector >> 4) <= (serving >> 4))) {
        return -1;
    }
    return vector;
}

int vlapic_offer(struct vcpu *v)
{
    int vector = vlapic_pending(v);

    if (vector >= 0) {
        bit_test_and_clear(v->vlapic.irr, (unsigned)vector);
    }
    return vector;
}

void vlapic_offered(struct vcpu *v, unsigned vector, bool taken)
{
    bit_test_and_set(taken ? v->vlapic.isr : v->vlapic.irr, vector);
}

static void end_of_interrupt(struct vcpu *v)
{
    int serving = highest(v->vlapic.isr);

    if (serving >= 0) {
        bit_test_and_clear(v->vlapic.isr, (unsigned)serving);
    }
}

static struct guest_seg real_mode_segment(uint16_t attributes)
{
    return (struct guest_seg){.attributes = attributes, .limit = 0xFFFF};
}

static void set_startup_state(struct vcpu *v, unsigned page)
{
    struct guest_state s = {
        .cr0 = 0x60000010,
        .dr6 = 0xFFFF0FF0,
        .dr7 = 0x400,
        .pat = 0x0007040600070406ULL,
    };

    for (unsigned i = 0; i < SEG_COUNT; i++) {
        s.seg[i] = real_mode_segment(0x93);
    }
    s.seg[SEG_CS] = real_mode_segment(0x9B);
    s.seg[SEG_CS].selector = (uint16_t)(page << 8);
    s.seg[SEG_CS].base = page << 12;
    s.seg[SEG_LDTR] = real_mode_segment(0x82);
    s.seg[SEG_TR] = real_mode_segment(0x8B);
    s.gdtr.limit = s.idtr.limit = 0xFFFF;
    memset(&v->regs, 0, sizeof(v->regs));
    v->regs.rflags = 2;
    arch_guest_set_state(v->gc, &s);
}

/*
 * INIT and SIPI. A vCPU goes offline on its own CPU only, so two vCPUs that
 * send INIT to each other never wait for one another, and whoever finds a
 * vCPU offline may set its state. The domain's lock makes one sender of a
 * SIPI win.
 */
static void reset_keeping_base(struct vcpu *v)
{
    uint64_t base = v->vlapic.base_msr;

    vlapic_reset(v);
    v->vlapic.base_msr = base;
}

static bool is_offline(const struct vcpu *v)
{
    return READ_ONCE(v->hold) & HOLD_OFFLINE;
}

static void start_locked(struct vcpu *v, unsigned page)
{
    v->vlapic.waits_for_startup = false;
    set_startup_state(v, page);
    vcpu_online(v);
}

static void send_init(struct vcpu *v)
{
    lock(&v->domain->lock);
    if (is_offline(v)) {
        reset_keeping_base(v);
    } else {
        v->vlapic.init_pending = true;
        vcpu_kick(v, VCPU_WORK_STATE);
        sched_release(v, HOLD_BLOCKED);
        memory_wait_forget(v);
    }
    unlock(&v->domain->lock);
}

static void send_startup(struct vcpu *v, unsigned page)
{
    lock(&v->domain->lock);
    if (v->vlapic.init_pending) {
        v->vlapic.startup_pending = (uint16_t)(page | STARTUP_PENDING);
    } else if (is_offline(v) && v->vlapic.waits_for_startup) {
        start_locked(v, page);
    } /* else the second SIPI: it runs, or has even halted for good since */
    unlock(&v->domain->lock);
}

void vlapic_take_init(struct vcpu *v)
{
    uint16_t startup;

    if (!READ_ONCE(v->vlapic.init_pending)) {
        return;
    }
    lock(&v->domain->lock);
    startup = v->vlapic.startup_pending;
    reset_keeping_base(v); /* and nothing is pending any more */
    if (startup) {
        start_locked(v, startup & 0xFF);
    } else {
        sched_hold(v, HOLD_OFFLINE);
    }
    unlock(&v->domain->lock);
}

static void deliver(struct vcpu *v, struct vcpu *from, uint32_t icr)
{
    switch (icr >> 8 & 7) {
    case MODE_FIXED:
    case MODE_LOWEST:
        vlapic_raise(v, icr & 0xFF);
        break;
    case MODE_NMI:
        v->vlapic.nmi_pending = true;
        vcpu_wake_for_event(v);
        break;
    case MODE_INIT:
        if (v != from && (!(icr & ICR_LEVEL) || (icr & ICR_ASSERT))) {
            send_init(v);
        }
        break;
    case MODE_STARTUP:
        if (v != from) {
            send_startup(v, icr & 0xFF);
        }
        break;
    default:
        break;
    }
}

static bool addressed(const struct vcpu *v, const struct vcpu *from,
                      uint32_t icr, uint32_t destination)
{
    switch (icr >> 18 & 3) {
    case 1:
        return v == from;
    case 2:
        return true;
    case 3:
        return v != from;
    default:
        break;
    }
    if (destination == BROADCAST) {
        return true;
    }
    if (icr & ICR_LOGICAL) {
        return (destination >> 16) == (ldr_of(v) >> 16) &&
               (destination & ldr_of(v) & 0xFFFF);
    }
    return destination == id_of(v);
}

static void send(struct vcpu *from, uint64_t icr)
{
    struct domain *d = from->domain;

    from->vlapic.icr = icr & ~BIT(12);
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        struct vcpu *v = d->vcpus[i];

        if (addressed(v, from, (uint32_t)icr, (uint32_t)(icr >> 32))) {
            deliver(v, from, (uint32_t)icr);
        }
    }
}

static uint32_t word_of(const uint64_t bits[4], unsigned n)
{
    return (uint32_t)(bits[n / 2] >> (n % 2 * 32));
}

static int read_register(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    const struct vlapic *a = &v->vlapic;

    switch (msr) {
    case X2_ID:
        *value = id_of(v);
        return 0;
    case X2_VERSION:
        *value = VERSION_VALUE;
        return 0;
    case X2_TPR:
        *value = a->tpr;
        return 0;
    case X2_LDR:
        *value = ldr_of(v);
        return 0;
    case X2_SVR:
        *value = a->svr;
        return 0;
    case X2_ISR ... X2_ISR + 7:
        *value = word_of(a->isr, msr - X2_ISR);
        return 0;
    case X2_TMR ... X2_TMR + 7:
        *value = 0; /* edges only */
        return 0;
    case X2_IRR ... X2_IRR + 7:
        *value = word_of(a->irr, msr - X2_IRR);
        return 0;
    case X2_ESR:
        *value = a->esr;
        return 0;
    case X2_ICR:
        *value = a->icr;
        return 0;
    case X2_LVT_FIRST ... X2_LVT_LAST:
        *value = a->lvt[msr - X2_LVT_FIRST];
        return 0;
    case X2_TMICT:
        *value = a->tmict;
        return 0;
    case X2_TMCCT:
        *value = 0; /* the timer does not run: the leaf says so (AP-4) */
        return 0;
    case X2_TDCR:
        *value = a->tdcr;
        return 0;
    default:
        return -EINVAL;
    }
}

/* Bits that must be written as 0: setting one is #GP. */
static uint64_t reserved_bits(uint32_t msr)
{
    switch (msr) {
    case X2_ICR:
        return 0;
    case X2_EOI:
    case X2_ESR:
        return ~0ULL;
    case X2_TPR:
    case X2_SELF:
        return ~0xFFULL;
    default:
        return ~0xFFFFFFFFULL;
    }
}

static int write_register(struct vcpu *v, uint32_t msr, uint64_t value)
{
    struct vlapic *a = &v->vlapic;

    if (value & reserved_bits(msr)) {
        return -EINVAL;
    }
    switch (msr) {
    case X2_TPR:
        a->tpr = (uint32_t)value;
        return 0;
    case X2_EOI:
        end_of_interrupt(v);
        return 0;
    case X2_SVR:
        a->svr = (uint32_t)value & 0x1FF;
        return 0;
    case X2_ESR:
        a->esr = 0;
        return 0;
    case X2_ICR:
        send(v, value);
        return 0;
    case X2_LVT_FIRST ... X2_LVT_LAST:
        a->lvt[msr - X2_LVT_FIRST] = (uint32_t)value;
        return 0;
    case X2_TMICT:
        a->tmict = (uint32_t)value;
        return 0;
    case X2_TDCR:
        a->tdcr = (uint32_t)value & 0xB;
        return 0;
    case X2_SELF:
        vlapic_raise(v, (unsigned)value);
        return 0;
    default:
        return -EINVAL;
    }
}

int vlapic_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    if (msr == MSR_APIC_BASE) {
        *value = v->vlapic.base_msr;
        return 0;
    }
    return read_register(v, msr, value);
}

int vlapic_msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
    if (msr == MSR_APIC_BASE) {
        /* x2APIC from the start and for good (AP-1 A). */
        return value == v->vlapic.base_msr ? 0 : -EINVAL;
    }
    return write_register(v, msr, value);
}
