/* SPDX-License-Identifier: MIT */
#include "smp.h"

#include "hypercall.h"
#include "lib/string.h"
#include "trap.h"

#include <xen/vcpu.h>

#define APIC_EXTD   0x400
#define SVR_ENABLE  0x1ff /* spurious vector 0xff */
#define START_TRIES 1000000

extern const char smp_trampoline[], smp_trampoline_end[];
extern uint64_t next_stack, next_entry;

static uint8_t stacks[MAX_CPUS][STACK_SIZE] __attribute__((aligned(16)));
static struct cpu *starting;

void smp_init(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE);

    if (!(base & APIC_EXTD)) {
        wrmsr(MSR_APIC_BASE, base | APIC_EXTD);
    }
    wrmsr(X2APIC_SVR, SVR_ENABLE);
}

unsigned smp_vcpu_count(void)
{
    unsigned count = 0;

    while (count < MAX_CPUS && vcpu_op(VCPUOP_is_up, count, NULL) >= 0) {
        count++;
    }
    return count;
}

/* A secondary vCPU's first C. */
static void secondary(void)
{
    struct cpu *cpu = starting;

    trap_init(cpu);
    smp_init();
    __atomic_store_n(&cpu->is_online, true, __ATOMIC_SEQ_CST);
    cpu->entry(cpu->argument);
    for (;;) {
        irq_off();
        __asm__ volatile("hlt");
    }
}

void smp_init_startup(unsigned id, uint8_t vector)
{
    smp_send_icr(id, ICR_INIT_ASSERT);
    smp_send_icr(id, ICR_INIT_DEASSERT);
    smp_send_icr(id, ICR_STARTUP | vector);
    smp_send_icr(id, ICR_STARTUP | vector);
}

bool smp_start(unsigned id, void (*function)(void *), void *argument)
{
    struct cpu *cpu = &cpus[id];

    memcpy((void *)TRAMPOLINE, smp_trampoline,
           smp_trampoline_end - smp_trampoline);
    cpu->entry = function;
    cpu->argument = argument;
    cpu->is_online = false;
    starting = cpu;
    next_stack = (uint64_t)stacks[id] + STACK_SIZE;
    next_entry = (uint64_t)secondary;
    smp_init_startup(id, TRAMPOLINE >> PAGE_SHIFT);
    for (unsigned i = 0; i < START_TRIES; i++) {
        if (__atomic_load_n(&cpu->is_online, __ATOMIC_SEQ_CST)) {
            return true;
        }
        give_way();
    }
    return false;
}
