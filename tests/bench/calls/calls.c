/* SPDX-License-Identifier: MIT */
/*
 * Ways into the hypervisor and back, as the guest sees them: from the
 * instruction before to the one after. Needs no privilege.
 *
 *   null_hypercall  xen_version, which only looks something up
 *   empty_exit      one WBINVD instruction, which is skipped
 *   cpuid           one CPUID instruction
 *   event           a port bound to this vCPU is sent to, the upcall's handler
 *                   has found and counted it, and the send has returned
 */
#include "bench.h"
#include "event.h"
#include "hypercall.h"
#include "test.h"

#include <xen/version.h>

#define COUNT 200

static int ipi_port;

static void null_hypercall(void)
{
    version_op(XENVER_version, NULL);
}

static void empty_exit(void)
{
    __asm__ volatile("wbinvd" ::: "memory");
}

static void one_cpuid(void)
{
    uint32_t out[4];

    cpuid(1, 0, out);
}

static void one_event(void)
{
    uint64_t before = event_count(ipi_port);

    event_send(ipi_port);
    while (event_count(ipi_port) == before) {
        __asm__ volatile("");
    }
}

static void measure_event(void)
{
    events_init();
    ipi_port = event_bind_ipi(0);
    REQUIRE(ipi_port > 0);
    event_unmask(ipi_port);
    irq_on();
    bench_loop("event", one_event, COUNT);
    irq_off();
}

void test_main(void)
{
    bench_loop("null_hypercall", null_hypercall, COUNT);
    bench_loop("empty_exit", empty_exit, COUNT);
    bench_loop("cpuid", one_cpuid, COUNT);
    measure_event();
}
