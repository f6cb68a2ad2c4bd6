/* SPDX-License-Identifier: MIT */
/* The local APIC's registers of interrupts, and what ends a wait. */
#include "domain/vlapic.h"
#include "domains.h"
#include "machine.h"

#define X2APIC_EOI 0x80B
#define X2APIC_SVR 0x80F
#define VECTOR     0x41

static struct vcpu *v;

static void start(void)
{
    machine_start(0x4000);
    v = domain_new(0, 1)->vcpus[0];
    EXPECT_EQ(vlapic_msr_write(v, X2APIC_SVR, 0x1FF), 0);
}

static void end_of_interrupt(void)
{
    EXPECT_EQ(vlapic_msr_write(v, X2APIC_EOI, 0), 0);
}

TEST(what_the_guest_did_not_take_waits)
{
    start();
    EXPECT_EQ(vlapic_offer(v), -1);
    vlapic_raise(v, VECTOR);
    EXPECT_EQ(vlapic_offer(v), VECTOR);
    vlapic_offered(v, VECTOR, false);
    EXPECT_EQ(vlapic_pending(v), VECTOR);
}

TEST(what_is_in_service_is_not_offered)
{
    start();
    vlapic_raise(v, VECTOR);
    EXPECT_EQ(vlapic_offer(v), VECTOR);
    vlapic_offered(v, VECTOR, true);
    EXPECT_EQ(vlapic_pending(v), -1);
    vlapic_raise(v, VECTOR);
    EXPECT_EQ(vlapic_pending(v), -1);
    end_of_interrupt();
    EXPECT_EQ(vlapic_pending(v), VECTOR);
}

/* The guest takes it, and another CPU raises it before that run ends. */
TEST(an_edge_after_the_offer_is_another_one)
{
    start();
    vlapic_raise(v, VECTOR);
    EXPECT_EQ(vlapic_offer(v), VECTOR);
    vlapic_raise(v, VECTOR);
    vlapic_offered(v, VECTOR, true);
    end_of_interrupt();
    EXPECT_EQ(vlapic_offer(v), VECTOR);
    vlapic_offered(v, VECTOR, true);
    end_of_interrupt();
    EXPECT_EQ(vlapic_pending(v), -1);
}

TEST(an_nmi_is_something_to_wake_up_for)
{
    start();
    EXPECT(!vcpu_has_pending(v));
    v->vlapic.nmi_pending = true;
    EXPECT(vcpu_has_pending(v));
    v->vlapic.nmi_pending = false;
    vlapic_raise(v, VECTOR);
    EXPECT(vcpu_has_pending(v));
}
