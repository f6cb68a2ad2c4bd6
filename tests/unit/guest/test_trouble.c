/* SPDX-License-Identifier: MIT */
/* What the machine noticed: who ends, and what is said of it. */
#include "guest/trouble.h"

#include "arch/trouble.h"
#include "domains.h"
#include "mm/broken.h"
#include "types/error.h"
#include "world.h"

#include <xen/sched.h>

static unsigned said(const char *text)
{
    unsigned count = 0;

    for (const char *p = fake_console_output(); (p = strstr(p, text)); p++) {
        count++;
    }
    return count;
}

static void happen(enum trouble_kind kind, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        fake_trouble(&(struct trouble){.kind = kind, .vector = 0x77});
    }
    trouble_look(world_vcpu);
}

static mfn_t frame_of(struct domain *d, uint64_t gfn)
{
    return arch_unmap(domain_page(d, gfn));
}

static struct trouble lost_page(mfn_t m)
{
    return (struct trouble){
        .kind = TROUBLE_MEMORY,
        .has_address = true,
        .address = PADDR(m.v << PAGE_SHIFT | 0x123),
    };
}

TEST(a_few_of_many_are_logged)
{
    world_start(0x4000);
    fake_set_time(1);
    happen(TROUBLE_INTERRUPT, 20);
    EXPECT_EQ(said("interrupt 77 means nothing here"), 3);
    happen(TROUBLE_NMI, 20);
    EXPECT_EQ(said("an NMI from outside"), 3);
    happen(TROUBLE_CORRECTED, 20);
    EXPECT_EQ(said("machine check: bank 0"), 3);
    fake_advance(11000000000ULL);
    happen(TROUBLE_INTERRUPT, 1);
    EXPECT_EQ(said("and 17 more like the last one"), 1);
    EXPECT_EQ(said("interrupt 77 means nothing here"), 4);
    fake_console_clear();
    trouble_report();
    EXPECT_EQ(said("interrupts without a meaning: 21"), 1);
}

TEST(an_nmi_goes_where_the_option_says)
{
    enum fake_end how;

    world_start(0x4000);
    happen(TROUBLE_NMI, 1);
    EXPECT(!world_vcpu->vlapic.nmi_pending);
    trouble_set_nmi_policy(NMI_DOM0);
    happen(TROUBLE_NMI, 1);
    EXPECT(world_vcpu->vlapic.nmi_pending);
    trouble_set_nmi_policy(NMI_FATAL);
    fake_trouble(&(struct trouble){.kind = TROUBLE_NMI});
    FAKE_RUN_TO_END(how, trouble_look(NULL));
    EXPECT_EQ(how, FAKE_REBOOTED);
}

TEST(whose_page_is_lost_ends)
{
    struct domain *d, *other;
    struct trouble t;
    uint64_t total;
    domid_t id;

    world_start(0x4000);
    d = world_domain(1);
    id = d->id;
    other = world_domain(1);
    domain_fill(d, 0, 4);
    domain_fill(other, 0, 4);
    total = page_alloc_info().total;
    t = lost_page(frame_of(d, 2));
    fake_trouble(&t);
    trouble_look(world_vcpu);
    EXPECT(d->shutdown);
    EXPECT_EQ(d->shutdown_code, SHUTDOWN_crash);
    EXPECT(!other->shutdown && !world_control->shutdown);
    while (domain_kill(d) == -ERESTART) {
        continue;
    }
    trouble_look(NULL); /* lets go of the page */
    domain_put(d);
    domain_reap();
    EXPECT(!domain_get(id));
    EXPECT_EQ(page_alloc_info().total, total - 1);
    EXPECT_EQ(page_broken_count().out, 1);
    domains_check();
}

/* What a guest was about is lost with the processor's state, whoever's page. */
TEST(a_guest_that_cannot_go_on_ends)
{
    struct domain *d;
    struct trouble t;

    world_start(0x4000);
    d = world_domain(1);
    t = lost_page(MFN(~0ULL >> 12));
    t.guest_lost = true;
    fake_trouble(&t);
    trouble_look(d->vcpus[0]);
    EXPECT(d->shutdown);
    EXPECT(!world_control->shutdown);
}

TEST(the_hypervisors_own_page_ends_the_host)
{
    struct trouble t;
    enum fake_end how;

    world_start(0x4000);
    t = lost_page(world_control->p2m.root);
    fake_trouble(&t);
    FAKE_RUN_TO_END(how, trouble_look(NULL));
    EXPECT_EQ(how, FAKE_REBOOTED);
    EXPECT_EQ(said("the hypervisor's own memory is broken"), 1);
}
