/* SPDX-License-Identifier: MIT */
/*
 * Each CPU's descriptor tables, control registers and private data.
 *
 * GS points at struct cpu while the hypervisor runs; VMLOAD of host_vmcb puts
 * it back after a guest ran (svm.c).
 */
#include "arch/cpu.h"
#include "arch/x86/asm.h"
#include "arch/x86/layout.h"
#include "arch/x86/machine.h"
#include "types/bits.h"
#include "types/check.h"

#define CPUID_1_ECX_RDRAND (1U << 30)

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3, iomap;
} __attribute__((packed));

struct gdt {
    uint64_t entry[6];
};

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

struct cpu cpus[MAX_CPUS];
static struct gdt gdts[MAX_CPUS];
static struct tss tsses[MAX_CPUS];
/* A stack of its own for double faults: ours may be what broke. */
static uint8_t fault_stacks[MAX_CPUS][4096] __attribute__((aligned(16)));
/* And one for NMIs, whose handler only counts: so that they leave alone what
 * foreign code keeps below its stack pointer (foreign.c). */
static uint8_t nmi_stacks[MAX_CPUS][64] __attribute__((aligned(16)));
/* And one for machine checks, which may come anywhere, too. */
static uint8_t check_stacks[MAX_CPUS][4096] __attribute__((aligned(16)));

static void load_descriptors(unsigned index)
{
    struct gdt *g = &gdts[index];
    struct tss *t = &tsses[index];
    uint64_t base = (uint64_t)t;
    struct table_pointer pointer = {sizeof(*g) - 1, (uint64_t)g};

    t->ist[0] = (uint64_t)fault_stacks[index] + sizeof(fault_stacks[index]);
    t->ist[1] = (uint64_t)nmi_stacks[index] + sizeof(nmi_stacks[index]);
    t->ist[2] = (uint64_t)check_stacks[index] + sizeof(check_stacks[index]);
    t->iomap = sizeof(*t);
    g->entry[1] = 0x00AF9B000000FFFF;
    g->entry[2] = 0x00CF9B000000FFFF;
    g->entry[3] = 0x00CF93000000FFFF;
    g->entry[4] = (sizeof(*t) - 1) | ((base & 0xFFFFFF) << 16) |
                  (0x89ULL << 40) | ((base >> 24 & 0xFF) << 56);
    g->entry[5] = base >> 32;
    cpus[index].tss = base;
    __asm__ volatile("lgdt %0\n\tltr %w1" : : "m"(pointer), "r"(SEL_TSS));
}

static void set_control_registers(void)
{
    uint32_t a, b = 0, c, d, max;
    uint64_t cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMM;

    cpuid_count(0, 0, &max, &a, &c, &d);
    if (max >= 7) {
        cpuid_count(7, 0, &a, &b, &c, &d);
    }
    if (b & BIT(7)) {
        cr4 |= CR4_SMEP;
    }
    if (b & BIT(20)) {
        cr4 |= CR4_SMAP; /* we have no user pages: any touch is a bug */
    }
    cpuid_count(1, 0, &a, &b, &c, &d);
    if (c & BIT(26)) {
        cr4 |= CR4_OSXSAVE;
    }
    write_cr4(cr4);
    /* CD and NW clear, whatever the firmware left; EM and TS clear. */
    write_cr0(0x80010033);
}

void cpu_init(unsigned index)
{
    struct cpu *c = &cpus[index];

    c->self = c;
    c->index = index;
    load_descriptors(index);
    wrmsr(MSR_FS_BASE, 0);
    wrmsr(MSR_GS_BASE, (uint64_t)c);
    set_control_registers();
    trap_load();
}

unsigned arch_cpu(void)
{
    return this_cpu()->index;
}

void *arch_percpu(void)
{
    return &this_cpu()->base;
}

const void *arch_percpu_of(unsigned cpu)
{
    return &cpus[cpu].base;
}

void arch_cpu_relax(void)
{
    __builtin_ia32_pause();
}

void arch_cpu_kick(unsigned cpu)
{
    struct cpu *c = &cpus[cpu];

    /* Pairs with the barriers of arch_cpu_idle() and arch_guest_run(): either
     * we see the mode, or that CPU sees what was written before the kick. */
    mem_barrier();
    switch (READ_ONCE(c->mode)) {
    case CPU_IN_GUEST:
        __atomic_fetch_add(&c->nmi_sent, 1, __ATOMIC_SEQ_CST);
        apic_send_nmi(c->apic_id);
        break;
    case CPU_IDLE:
        apic_send_wake(c->apic_id);
        break;
    default:
        break;
    }
}

void arch_cpu_idle(bool (*work)(void))
{
    struct cpu *c = this_cpu();

    WRITE_ONCE(c->mode, CPU_IDLE);
    mem_barrier();
    if (!work()) {
        /* STI holds interrupts back for one instruction: none is lost. */
        __asm__ volatile("sti; hlt; cli" : : : "memory");
    }
    WRITE_ONCE(c->mode, CPU_IN_HOST);
}

void arch_take_interrupts(void)
{
    __asm__ volatile("sti; nop; cli" : : : "memory");
}

uint64_t arch_random(void)
{
    uint64_t clock = rdtsc() * 0x9e3779b97f4a7c15ULL, noise = 0;
    uint32_t a, b, c, d;

    cpuid_count(1, 0, &a, &b, &c, &d);
    if ((c & CPUID_1_ECX_RDRAND) && !rdrand(&noise)) {
        noise = 0;
    }
    return clock ^ noise;
}
