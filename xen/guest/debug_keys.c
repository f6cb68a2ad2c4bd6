/* SPDX-License-Identifier: MIT */
/* What each key prints; all go to the log at level INFO. */
#include "guest/debug_keys.h"

#include "arch/timer.h"
#include "arch/trouble.h"
#include "base/audit.h"
#include "base/console.h"
#include "base/lock_stats.h"
#include "base/trace.h"
#include "domain/memory.h"
#include "domain/sched.h"
#include "guest/trouble.h"
#include "mm/heap.h"

enum {
    TRACE_RECORDS = 64,
    NS_PER_MS = 1000000,
};

/* Call for_one for each domain in turn. */
static void each_domain(void (*for_one)(struct domain *d))
{
    struct domain *d = domain_get_next(0);

    while (d) {
        domid_t next = d->id + 1;

        for_one(d);
        domain_put(d);
        d = domain_get_next(next);
    }
}

static void print_memory(struct domain *d)
{
    struct memory_pod_info info;

    memory_get_pod(d, &info);
    log_line(LOG_INFO,
             "d%u: pages %lu of %lu, claimed %lu, tables %lu of %lu, PoD "
             "entries %lu cache %lu, references %u%s%s",
             d->id, (unsigned long)info.tot_pages,
             (unsigned long)READ_ONCE(d->account.max_pages),
             (unsigned long)READ_ONCE(d->account.claimed),
             (unsigned long)READ_ONCE(d->account.table_count),
             (unsigned long)READ_ONCE(d->account.table_limit),
             (unsigned long)info.entries, (unsigned long)info.cache_pages,
             READ_ONCE(d->references), d->shutdown ? ", shut down" : "",
             d->dying ? ", dying" : "");
}

static void key_memory(void)
{
    struct page_alloc_info host = page_alloc_info();

    log_line(LOG_INFO,
             "host: pages %lu, free %lu, of them dirty %lu, claimed %lu; heap "
             "%lu bytes",
             (unsigned long)host.total, (unsigned long)host.free,
             (unsigned long)host.dirty, (unsigned long)host.claimed,
             (unsigned long)heap_used());
    each_domain(print_memory);
}

static void print_vcpus(struct domain *d)
{
    for (unsigned i = 0; i < d->max_vcpus; i++) {
        const struct vcpu *v = d->vcpus[i];

        log_line(LOG_INFO,
                 "d%uv%u: hold 0x%x, cpu %d, work 0x%x, rip 0x%lx, ran %lu ms",
                 d->id, i, READ_ONCE(v->hold), (int)READ_ONCE(v->running_on),
                 READ_ONCE(v->work), (unsigned long)v->regs.rip,
                 (unsigned long)(sched_cpu_time(v) / NS_PER_MS));
    }
}

static void key_vcpus(void)
{
    log_line(LOG_INFO, "time %lu ms, %u CPUs",
             (unsigned long)(arch_time_ns() / NS_PER_MS), arch_cpu_count());
    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        struct guest_changes c = arch_guest_changes(cpu);

        log_line(LOG_INFO,
                 "CPU %u: from one domain to another %lu times, %lu barriers",
                 cpu, (unsigned long)c.domains, (unsigned long)c.barriers);
    }
    each_domain(print_vcpus);
}

static void key_trace(void)
{
    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        trace_dump(cpu, TRACE_RECORDS);
    }
}

static unsigned run_host_audit(void *unused)
{
    (void)unused;
    return mm_audit();
}

static unsigned run_domain_audit(void *d)
{
    return domain_audit(d);
}

static void audit_one(struct domain *d)
{
    struct audit_difference first;

    log_line(LOG_INFO, "d%u: audit: %u differences", d->id,
             audit_confirm(run_domain_audit, d, &first));
}

static void key_audit(void)
{
    struct audit_difference first;

    log_line(LOG_INFO, "host: audit: %u differences",
             audit_confirm(run_host_audit, NULL, &first));
    each_domain(audit_one);
}

static void print_exits(struct domain *d)
{
    static const char *const names[EXIT_REASON_COUNT] = {
        [EXIT_NONE] = "none",
        [EXIT_HYPERCALL] = "hypercall",
        [EXIT_CPUID] = "cpuid",
        [EXIT_HLT] = "hlt",
        [EXIT_MSR_READ] = "rdmsr",
        [EXIT_MSR_WRITE] = "wrmsr",
        [EXIT_IO] = "io",
        [EXIT_FAULT] = "fault",
        [EXIT_PAUSE] = "pause",
        [EXIT_SKIP] = "skip",
        [EXIT_CR8_WRITE] = "cr8 write",
        [EXIT_CR8_READ] = "cr8 read",
        [EXIT_UNDEFINED] = "undefined",
        [EXIT_TRIPLE] = "triple",
        [EXIT_FAILED] = "failed",
    };

    for (unsigned i = 0; i < d->max_vcpus; i++) {
        for (unsigned r = 0; r < EXIT_REASON_COUNT; r++) {
            uint64_t count = READ_ONCE(d->vcpus[i]->exits[r]);

            if (count) {
                log_line(LOG_INFO, "d%uv%u: exits %s %lu", d->id, i, names[r],
                         (unsigned long)count);
            }
        }
    }
}

static void key_exits(void)
{
    each_domain(print_exits);
}

static void key_locks(void)
{
    for (unsigned rank = RANK_NONE + 1; rank < RANK_COUNT; rank++) {
        struct lock_stats s = lock_stats_of((enum lock_rank)rank);

        if (s.taken) {
            log_line(LOG_INFO,
                     "locks of rank %s: taken %lu, waited for %lu, "
                     "%lu ns",
                     lock_rank_name((enum lock_rank)rank),
                     (unsigned long)s.taken, (unsigned long)s.waited,
                     (unsigned long)s.wait_ns);
        }
    }
}

static void key_interrupt(void)
{
    arch_trouble_interrupt();
}

static void key_nmi(void)
{
    arch_trouble_nmi();
}

static void key_help(void);

static const struct {
    char key;
    const char *text;
    void (*print)(void);
} keys[] = {
    {'a', "audit the host and all domains (long)", key_audit},
    {'e', "count exits of each vCPU", key_exits},
    {'h', "this list", key_help},
    {'I', "send this CPU an interrupt that means nothing", key_interrupt},
    {'N', "send this CPU an NMI", key_nmi},
    {'n', "count NMIs, stray interrupts and machine checks", trouble_report},
    {'l', "how often locks were taken and waited for", key_locks},
    {'q', "memory of the host and all domains", key_memory},
    {'r', "vCPUs and where they run", key_vcpus},
    {'t', "what happened last on each CPU", key_trace},
};

static void key_help(void)
{
    for (unsigned i = 0; i < ARRAY_COUNT(keys); i++) {
        log_line(LOG_INFO, "key '%c': %s", keys[i].key, keys[i].text);
    }
}

void debug_key(char key)
{
    for (unsigned i = 0; i < ARRAY_COUNT(keys); i++) {
        if (keys[i].key == key) {
            keys[i].print();
            return;
        }
    }
    log_line(LOG_INFO, "key '%c' is not known; 'h' lists them",
             key >= ' ' && key <= '~' ? key : '?');
}
