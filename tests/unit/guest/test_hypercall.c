/* SPDX-License-Identifier: MIT */
#include "base/console.h"
#include "caller.h"
#include "domains.h"
#include "guest/copy.h"
#include "guest/hypercall.h"
#include "machine.h"
#include "types/bits.h"
#include "types/error.h"

#include <xen/event_channel.h>
#include <xen/memory.h>
#include <xen/version.h>
#include <xen/xen.h>

static struct domain *d;
static struct vcpu *v;

static void start(domid_t id)
{
    machine_start(0x4000);
    d = domain_new(id, 1);
    v = d->vcpus[0];
    domain_fill(d, 0, 64);
    domain_paging_on(v);
}

static int64_t call(uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
    return caller_call(v, nr, a, b, c);
}

static void *arg(void)
{
    return caller_at(v, ARG);
}

static void set_cs(uint16_t selector, uint16_t attributes)
{
    struct guest_state s;

    arch_guest_get_state(v->gc, &s);
    s.seg[SEG_CS].selector = selector;
    s.seg[SEG_CS].attributes = attributes;
    arch_guest_set_state(v->gc, &s);
}

TEST(unknown_numbers)
{
    start(1);
    EXPECT_EQ(call(45, 0, 0, 0), -ENOSYS);
    EXPECT_EQ(call(1000, 0, 0, 0), -ENOSYS);
    EXPECT_EQ(call(~0ULL, 0, 0, 0), -ENOSYS);
    EXPECT_EQ(call(__HYPERVISOR_xen_version | BIT(32), 0, 0, 0), -ENOSYS);
    EXPECT_EQ(call(__HYPERVISOR_xen_version, 99, ARG, 0), -ENOSYS);
}

TEST(only_the_kernel_may_call)
{
    start(1);
    EXPECT_EQ(call(__HYPERVISOR_xen_version, XENVER_version, 0, 0), 0x40011);
    set_cs(0x33, 0x2fb);
    EXPECT_EQ(call(__HYPERVISOR_xen_version, XENVER_version, 0, 0), -EPERM);
}

TEST(registers_but_rax_stay)
{
    start(1);
    v->regs.rcx = 1;
    v->regs.r11 = 2;
    EXPECT_EQ(call(__HYPERVISOR_xen_version, XENVER_pagesize, ARG, 77), 4096);
    EXPECT_EQ(v->regs.rdi, XENVER_pagesize);
    EXPECT_EQ(v->regs.rsi, ARG);
    EXPECT_EQ(v->regs.rdx, 77);
    EXPECT_EQ(v->regs.rcx, 1);
    EXPECT_EQ(v->regs.r11, 2);
}

TEST(calls_of_32_bit_code)
{
    start(1);
    set_cs(0x10, 0xc9b);
    v->regs.rax = 0xffffffff00000000 | __HYPERVISOR_xen_version;
    v->regs.rbx = XENVER_version;
    EXPECT(hypercall(v));
    EXPECT_EQ(v->regs.rax, 0x40011);
    v->regs.rax = __HYPERVISOR_memory_op; /* another layout */
    EXPECT(hypercall(v));
    EXPECT_EQ(v->regs.rax, (uint32_t)-ENOSYS);
}

TEST(version_and_features)
{
    struct xen_feature_info *f;

    start(1);
    version_set_command_line("dom0_mem=512M");
    f = arg();
    f->submap_idx = 0;
    EXPECT_EQ(call(__HYPERVISOR_xen_version, XENVER_get_features, ARG, 0), 0);
    EXPECT_EQ(f->submap, 0x12305);
    f->submap_idx = 1;
    EXPECT_EQ(call(__HYPERVISOR_xen_version, XENVER_get_features, ARG, 0),
              -EINVAL);
    EXPECT_EQ(call(__HYPERVISOR_xen_version, XENVER_extraversion, ARG, 0), 0);
    EXPECT_TEXT(arg(), ".podium");
    memset(arg(), 0x77, PAGE_SIZE);
    EXPECT_EQ(call(__HYPERVISOR_xen_version, XENVER_capabilities, ARG, 0), 0);
    EXPECT(strstr(arg(), "hvm-3.0-x86_32 "));
    EXPECT_EQ(((char *)arg())[1023], 0);
    EXPECT_EQ(((char *)arg())[1024], 0x77);
    EXPECT_EQ(call(__HYPERVISOR_xen_version, XENVER_commandline, ARG, 0), 0);
    EXPECT_TEXT(arg(), "dom0_mem=512M");
    EXPECT_EQ(call(__HYPERVISOR_xen_version, XENVER_build_id, ARG, 0),
              -ENODATA);
    EXPECT_EQ(call(__HYPERVISOR_xen_version, XENVER_commandline, 64 << 12, 0),
              -EFAULT);
}

TEST(console_lines_of_a_guest_are_tamed)
{
    start(1);
    console_set_levels(3, 3);
    fake_console_clear();
    strcpy(arg(), "one\r\ntwo\x1b[2J\nthree");
    EXPECT_EQ(call(__HYPERVISOR_console_io, CONSOLEIO_write, 19, ARG), 0);
    EXPECT(strstr(fake_console_output(), "one"));
    EXPECT(strstr(fake_console_output(), "two.[2J"));
    EXPECT(strstr(fake_console_output(), "three"));
    EXPECT(!strchr(fake_console_output(), '\x1b'));
    EXPECT_EQ(call(__HYPERVISOR_console_io, CONSOLEIO_read, 10, ARG), -EPERM);
    EXPECT_EQ(call(__HYPERVISOR_console_io, 9, 10, ARG), -ENOSYS);
}

TEST(the_control_domains_console)
{
    start(0);
    fake_console_clear();
    strcpy(arg(), "\x1b[1mhello\n");
    EXPECT_EQ(call(__HYPERVISOR_console_io, CONSOLEIO_write, 10, ARG), 0);
    EXPECT(strstr(fake_console_output(), "\x1b[1mhello"));
    EXPECT_EQ(call(__HYPERVISOR_console_io, CONSOLEIO_read, 10, ARG), 0);
    fake_console_type("typed text");
    EXPECT_EQ(call(__HYPERVISOR_console_io, CONSOLEIO_read, 5, ARG), 5);
    EXPECT_EQ(memcmp(arg(), "typed", 5), 0);
    EXPECT_EQ(call(__HYPERVISOR_console_io, CONSOLEIO_read, 500, ARG), 5);
    EXPECT_EQ(memcmp(arg(), " text", 5), 0);
}

static struct multicall_entry *entries(void)
{
    return arg();
}

static void entry(unsigned i, uint64_t op, uint64_t a, uint64_t b)
{
    memset(&entries()[i], 0x55, sizeof(*entries()));
    entries()[i].op = op;
    entries()[i].args[0] = a;
    entries()[i].args[1] = b;
}

TEST(multicall_writes_results)
{
    start(1);
    entry(0, __HYPERVISOR_xen_version, XENVER_version, 0);
    entry(1, 45, 0, 0);
    entry(2, __HYPERVISOR_multicall, ARG, 1);
    entry(3, __HYPERVISOR_xen_version, XENVER_pagesize, 0);
    EXPECT_EQ(call(__HYPERVISOR_multicall, ARG, 4, 0), 0);
    EXPECT_EQ(entries()[0].result, 0x40011);
    EXPECT_EQ(entries()[1].result, -ENOSYS);
    EXPECT_EQ(entries()[2].result, -EINVAL);
    EXPECT_EQ(entries()[3].result, 4096);
    EXPECT_EQ(call(__HYPERVISOR_multicall, ARG, 0, 0), 0);
    EXPECT_EQ(call(__HYPERVISOR_multicall, 64 << 12, 1, 0), -EFAULT);
    EXPECT_EQ(call(__HYPERVISOR_multicall, 0x3ffe0, 1, 0), -EFAULT);
}

/* With something else to do all the time, every call still gets through. */
TEST(multicall_goes_on_where_it_left)
{
    struct xen_memory_reservation *r;
    xen_pfn_t *gfns;
    unsigned rounds = 0;

    start(1);
    gfns = domain_page(d, 0x22);
    for (unsigned i = 0; i < 256; i++) {
        gfns[i] = 0x100 + i;
    }
    r = domain_page(d, 0x21);
    *r = (struct xen_memory_reservation){
        .extent_start = {(xen_pfn_t *)0x22000UL},
        .nr_extents = 256,
        .domid = DOMID_SELF,
    };
    entry(0, __HYPERVISOR_xen_version, XENVER_version, 0);
    entry(1, __HYPERVISOR_memory_op, XENMEM_populate_physmap, 0x21000);
    entry(2, __HYPERVISOR_xen_version, XENVER_pagesize, 0);
    v->work = VCPU_WORK_RESCHED;
    v->regs.rax = __HYPERVISOR_multicall;
    v->regs.rdi = ARG;
    v->regs.rsi = 3;
    while (!hypercall(v)) {
        rounds++;
    }
    EXPECT_EQ(v->regs.rax, 0);
    EXPECT(rounds >= 5);
    EXPECT_EQ(entries()[0].result, 0x40011);
    EXPECT_EQ(entries()[1].result, 256);
    EXPECT_EQ(entries()[2].result, 4096);
    EXPECT_EQ(p2m_get(&d->p2m, GFN(0x1ff)).type, P2M_RAM);
    domains_check();
}

TEST(event_channel_calls)
{
    struct evtchn_alloc_unbound *alloc;
    struct evtchn_bind_interdomain *bind;
    struct evtchn_status *status;

    start(0);
    domain_new(1, 1);
    alloc = arg();
    *alloc = (struct evtchn_alloc_unbound){DOMID_SELF, DOMID_SELF, 0};
    EXPECT_EQ(
        call(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, ARG, 0), 0);
    EXPECT_EQ(alloc->port, 1);
    bind = arg();
    *bind = (struct evtchn_bind_interdomain){0, 1, 0};
    EXPECT_EQ(
        call(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, ARG, 0),
        0);
    EXPECT_EQ(bind->local_port, 2);
    status = arg();
    *status = (struct evtchn_status){.dom = DOMID_SELF, .port = 2};
    EXPECT_EQ(call(__HYPERVISOR_event_channel_op, EVTCHNOP_status, ARG, 0), 0);
    EXPECT_EQ(status->status, EVTCHNSTAT_interdomain);
    EXPECT_EQ(status->u.interdomain.port, 1);
    *alloc = (struct evtchn_alloc_unbound){1, 0, 0};
    EXPECT_EQ(
        call(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, ARG, 0), 0);
    EXPECT_EQ(alloc->port, 1); /* of domain 1 */
    EXPECT_EQ(
        call(__HYPERVISOR_event_channel_op, EVTCHNOP_init_control, ARG, 0),
        -ENOSYS);
    EXPECT_EQ(
        call(__HYPERVISOR_event_channel_op, EVTCHNOP_set_priority, ARG, 0),
        -ENOSYS);
    EXPECT_EQ(
        call(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, 64 << 12, 0),
        -EFAULT);
    domains_check();
}

TEST(a_guest_may_not_touch_others_channels)
{
    struct evtchn_alloc_unbound *alloc;
    struct evtchn_bind_interdomain *bind;

    start(1);
    domain_new(2, 1);
    alloc = arg();
    *alloc = (struct evtchn_alloc_unbound){2, 1, 0};
    EXPECT_EQ(
        call(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, ARG, 0),
        -EPERM);
    *alloc = (struct evtchn_alloc_unbound){9, 1, 0};
    EXPECT_EQ(
        call(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, ARG, 0),
        -ESRCH);
    bind = arg();
    *bind = (struct evtchn_bind_interdomain){2, 1, 0};
    EXPECT_EQ(
        call(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, ARG, 0),
        -EINVAL);
}
