/* SPDX-License-Identifier: MIT */
/*
 * What handlers on this CPU saw, until somebody reads it. Only this CPU writes
 * and reads its queue; a handler may interrupt the reader, never the other way
 * round, so `written` is moved last by one and `read` by the other.
 *
 * NMIs need care, since they interrupt everything, and mean a kick nearly
 * always (vmx_run.S, trap_entry.S). Who kicks counts up `nmi_sent` first; the
 * handler counts down, and one that finds nothing to count down is from
 * outside and counted in `nmi_foreign`. Two kicks may arrive as one: what is
 * left of the count then would hide as many of the others. So a count that has
 * not changed for a while is forgotten: no NMI is under way for so long.
 */
#include "arch/x86/trouble.h"
#include "arch/timer.h"
#include "types/bits.h"
#include "types/check.h"

#define QUEUE_SIZE   8
#define UNDER_WAY_NS 10000000ULL

static struct queue {
    struct trouble entries[QUEUE_SIZE];
    uint32_t written, read;
    uint32_t nmi_sent_before, nmi_foreign_read;
    uint64_t nmi_sent_since;
} queues[MAX_CPUS];
static uint64_t lost;

void trouble_note(const struct trouble *t)
{
    struct queue *q = &queues[this_cpu()->index];

    if (q->written - READ_ONCE(q->read) == QUEUE_SIZE) {
        __atomic_fetch_add(&lost, 1, __ATOMIC_RELAXED);
        return;
    }
    q->entries[q->written % QUEUE_SIZE] = *t;
    WRITE_ONCE(q->written, q->written + 1);
}

void trouble_interrupt(uint8_t vector)
{
    trouble_note(
        &(struct trouble){.kind = TROUBLE_INTERRUPT, .vector = vector});
}

static void forget_kicks(struct cpu *c, struct queue *q, uint32_t sent)
{
    uint64_t now = arch_time_ns();

    if (sent != q->nmi_sent_before) {
        q->nmi_sent_before = sent;
        q->nmi_sent_since = now;
    } else if (now - q->nmi_sent_since > UNDER_WAY_NS) {
        __atomic_compare_exchange_n(&c->nmi_sent, &sent, 0, false,
                                    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
}

/* One NMI from outside since the last look? */
static bool take_nmi(struct cpu *c, struct queue *q)
{
    uint32_t sent = READ_ONCE(c->nmi_sent);
    uint32_t foreign = READ_ONCE(c->nmi_foreign);

    if (unlikely(sent)) {
        forget_kicks(c, q, sent);
    }
    if (foreign == q->nmi_foreign_read) {
        return false;
    }
    q->nmi_foreign_read++;
    return true;
}

bool arch_trouble_take(struct trouble *t)
{
    struct cpu *c = this_cpu();
    struct queue *q = &queues[c->index];

    if (unlikely(q->read != READ_ONCE(q->written))) {
        *t = q->entries[q->read % QUEUE_SIZE];
        WRITE_ONCE(q->read, q->read + 1);
        return true;
    }
    if (unlikely(take_nmi(c, q))) {
        *t = (struct trouble){.kind = TROUBLE_NMI};
        return true;
    }
    return false;
}

uint64_t arch_trouble_lost(void)
{
    return __atomic_load_n(&lost, __ATOMIC_RELAXED);
}

void arch_trouble_nmi(void)
{
    apic_send_nmi(this_cpu()->apic_id);
}

void arch_trouble_interrupt(void)
{
    apic_send_unknown(this_cpu()->apic_id);
    arch_take_interrupts();
}
