/* SPDX-License-Identifier: MIT */
#include "domains.h"
#include "domain/sched.h"
#include "domain/time.h"
#include "machine.h"
#include "types/error.h"

#define PML4 0x10
#define PDPT 0x11
#define PD   0x12
#define PT   0x13

struct domain *domain_new(domid_t id, unsigned vcpus)
{
    static bool sched_is_up;
    struct domain_config config = {
        .id = id,
        .privileged = id == 0,
        .max_vcpus = vcpus,
        .max_evtchn_port = 1023,
        .max_grant_frames = 4,
        .max_maptrack_frames = 4,
    };
    struct domain *d;

    if (!sched_is_up) {
        sched_init();
        for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
            time_init_cpu(cpu);
        }
        sched_is_up = true;
    }
    EXPECT_EQ(domain_create(&config, &d), 0);
    memory_set_max_pages(d, 4096);
    return d;
}

void domain_fill(struct domain *d, uint64_t gfn, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        EXPECT_EQ(memory_populate(d, GFN(gfn + i), 0), 0);
    }
}

void *domain_page(struct domain *d, uint64_t gfn)
{
    struct p2m_entry e = p2m_get(&d->p2m, GFN(gfn));

    return mfn_valid(e.mfn) ? arch_map(e.mfn) : NULL;
}

void domain_end(struct domain *d)
{
    domid_t id = d->id;

    while (domain_kill(d) == -ERESTART) {
        continue;
    }
    domain_put(d);
    domain_reap();
    EXPECT(!domain_get(id));
}

static void audit_all(unsigned (*audit)(struct domain *d))
{
    struct domain *d = domain_get_next(0);

    machine_check();
    while (d) {
        unsigned next = d->id + 1U;

        fake_console_clear();
        if (audit(d)) {
            FAIL("%s", fake_console_output());
        }
        domain_put(d);
        d = domain_get_next(next);
    }
}

void domains_check(void)
{
    audit_all(domain_audit);
}

static unsigned audit_memory(struct domain *d)
{
    return p2m_audit(&d->p2m);
}

void domains_check_memory(void)
{
    audit_all(audit_memory);
}

static uint64_t *table(struct domain *d, uint64_t gfn)
{
    uint64_t *t = domain_page(d, gfn);

    EXPECT(t);
    return t;
}

uint64_t *domain_pte(struct domain *d, unsigned page)
{
    return &table(d, PT)[page];
}

uint64_t *domain_pde(struct domain *d, unsigned index)
{
    return &table(d, PD)[index];
}

void domain_paging_on(struct vcpu *v)
{
    struct domain *d = vcpu_domain(v);
    struct guest_state s;

    table(d, PML4)[0] = PDPT << PAGE_SHIFT | 3;
    table(d, PML4)[511] = PDPT << PAGE_SHIFT | 3;
    table(d, PDPT)[0] = PD << PAGE_SHIFT | 3;
    table(d, PDPT)[510] = PD << PAGE_SHIFT | 3;
    table(d, PD)[0] = PT << PAGE_SHIFT | 3;
    table(d, PD)[1] = 2ULL << 20 | 0x83;
    for (unsigned i = 0; i < 512; i++) {
        *domain_pte(d, i) = (uint64_t)i << PAGE_SHIFT | 3;
    }
    arch_guest_get_state(v->gc, &s);
    s.cr0 = 0x80010001; /* PG, WP, PE */
    s.cr4 = 0x20;       /* PAE */
    s.efer = 0x500;     /* LME, LMA */
    s.cr3 = PML4 << PAGE_SHIFT;
    s.seg[SEG_CS].attributes = 0x29b;
    s.seg[SEG_CS].selector = 0x10;
    arch_guest_set_state(v->gc, &s);
}
