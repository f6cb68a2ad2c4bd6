/* SPDX-License-Identifier: MIT */
/*
 * The host in rough weather: it says what happened, ends whoever cannot go on,
 * and goes on itself (docs/design/machine.md).
 *
 * Whatever breaks may break often: of each kind a few lines go into the log in
 * ten seconds, and then how many there were besides.
 */
#include "guest/trouble.h"

#include "arch/timer.h"
#include "arch/trouble.h"
#include "base/console.h"
#include "base/panic.h"
#include "lib/printf.h"
#include "mm/broken.h"
#include "types/bits.h"

#define KIND_COUNT (TROUBLE_MEMORY + 1)
#define LINES      3
#define LINES_TIME 10000000000ULL /* ns */
#define POLL_TIME  1000000000ULL
#define TEXT_SIZE  120

/* Lines of the log about one kind. All are atomic, nothing depends on them. */
static struct tally {
    uint64_t count;
    uint64_t since; /* when the first of `lines` was printed */
    uint64_t lines, left_out;
} tallies[KIND_COUNT];
static uint64_t next_poll[MAX_CPUS];
static enum nmi_policy nmi_policy;

void trouble_set_nmi_policy(enum nmi_policy policy)
{
    nmi_policy = policy;
}

/* May a line be printed about that kind? */
static bool may_print(enum trouble_kind kind)
{
    struct tally *t = &tallies[kind];
    uint64_t now = arch_time_ns();
    uint64_t left_out;

    __atomic_fetch_add(&t->count, 1, __ATOMIC_RELAXED);
    if (now - READ_ONCE(t->since) > LINES_TIME || !READ_ONCE(t->lines)) {
        WRITE_ONCE(t->since, now);
        WRITE_ONCE(t->lines, 0);
        left_out = __atomic_exchange_n(&t->left_out, 0, __ATOMIC_RELAXED);
        if (left_out) {
            log_line(LOG_WARNING, "and %lu more like the last one",
                     (unsigned long)left_out);
        }
    }
    if (__atomic_fetch_add(&t->lines, 1, __ATOMIC_RELAXED) < LINES) {
        return true;
    }
    __atomic_fetch_add(&t->left_out, 1, __ATOMIC_RELAXED);
    return false;
}

static void pass_nmi_to_dom0(void)
{
    struct domain *d = domain_get(0);

    if (d) {
        d->vcpus[0]->vlapic.nmi_pending = true;
        mem_barrier();
        vcpu_wake_for_event(d->vcpus[0]);
        domain_put(d);
    }
}

static void on_nmi(void)
{
    bool print = may_print(TROUBLE_NMI);

    if (nmi_policy == NMI_FATAL) {
        panic("an NMI from outside (nmi=fatal)");
    }
    if (print) {
        log_line(LOG_WARNING, "CPU %u: an NMI from outside%s", arch_cpu(),
                 nmi_policy == NMI_DOM0 ? ", passed on to domain 0" : "");
    }
    if (nmi_policy == NMI_DOM0) {
        pass_nmi_to_dom0();
    }
}

static void print_check(const struct trouble *t)
{
    char text[TEXT_SIZE];
    char where[40] = "";

    if (t->has_address) {
        format_text(where, sizeof(where), " at %lx",
                    (unsigned long)t->address.v);
    }
    arch_trouble_text(t->status, text, sizeof(text));
    log_line(LOG_WARNING, "CPU %u: machine check: bank %u: %s%s, status %lx",
             arch_cpu(), t->bank, text, where, (unsigned long)t->status);
}

static void end_owner(domid_t id, mfn_t m)
{
    struct domain *d = domain_get(id);

    if (d) {
        domain_crash(d, "the memory of frame %lx is broken",
                     (unsigned long)m.v);
        domain_put(d);
    }
}

static void on_broken_page(const struct trouble *t, struct vcpu *v)
{
    mfn_t m = mfn_from_paddr(t->address);
    domid_t owner;

    switch (page_broken(m, &owner)) {
    case BROKEN_OWNED:
        end_owner(owner, m);
        break;
    case BROKEN_HOST:
        panic("the hypervisor's own memory is broken: frame %lx",
              (unsigned long)m.v);
    case BROKEN_FREE:
        log_line(LOG_WARNING, "frame %lx is broken, free, and used no more",
                 (unsigned long)m.v);
        break;
    case BROKEN_NOT_RAM:
        log_line(LOG_WARNING, "address %lx is not RAM of ours",
                 (unsigned long)t->address.v);
        break;
    }
    if (t->guest_lost && v) {
        domain_crash(v->domain, "vCPU %u: lost in a machine check", v->id);
    }
}

static void handle(const struct trouble *t, struct vcpu *v)
{
    switch (t->kind) {
    case TROUBLE_NMI:
        on_nmi();
        break;
    case TROUBLE_INTERRUPT:
        if (may_print(TROUBLE_INTERRUPT)) {
            log_line(LOG_WARNING, "CPU %u: interrupt %02x means nothing here",
                     arch_cpu(), t->vector);
        }
        break;
    case TROUBLE_CORRECTED:
        if (may_print(TROUBLE_CORRECTED)) {
            print_check(t);
        }
        break;
    case TROUBLE_MEMORY:
        may_print(TROUBLE_MEMORY); /* it is only counted: print all of them */
        print_check(t);
        on_broken_page(t, v);
        break;
    }
}

void trouble_look(struct vcpu *v)
{
    struct trouble t;
    uint64_t now = arch_time_ns();

    if (unlikely(now >= next_poll[arch_cpu()])) {
        next_poll[arch_cpu()] = now + POLL_TIME;
        arch_trouble_poll();
    }
    while (unlikely(arch_trouble_take(&t))) {
        handle(&t, v);
    }
    if (unlikely(page_broken_look())) {
        domain_reap_soon();
    }
}

void trouble_report(void)
{
    static const char *const names[KIND_COUNT] = {
        [TROUBLE_NMI] = "NMIs from outside",
        [TROUBLE_INTERRUPT] = "interrupts without a meaning",
        [TROUBLE_CORRECTED] = "machine checks, corrected",
        [TROUBLE_MEMORY] = "machine checks, a page lost",
    };
    struct broken_count broken = page_broken_count();

    for (unsigned i = 0; i < KIND_COUNT; i++) {
        log_line(LOG_INFO, "%s: %lu", names[i],
                 (unsigned long)READ_ONCE(tallies[i].count));
    }
    log_line(LOG_INFO,
             "reports of them that were lost: %lu; broken frames: %u out of "
             "use, %u still in use",
             (unsigned long)arch_trouble_lost(), broken.out, broken.waiting);
}
