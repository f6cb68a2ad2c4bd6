/* SPDX-License-Identifier: MIT */
/* What a vCPU is to these guests, and the instructions that C has no word
 * for. */
#ifndef GUEST_CPU_H
#define GUEST_CPU_H

#include "layout.h"
#include "types/check.h"
#include "types/words.h"

/* As trap_entry.S builds it. */
struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx,
        rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

struct cpu {
    struct cpu *self;        /* at CPU_SELF */
    uint64_t recover;        /* at CPU_RECOVER: stack pointer, 0: none */
    unsigned id;             /* vCPU id; its APIC id is twice that */
    volatile bool is_online; /* its own first deed in C */
    struct trap_frame trap;  /* the last one caught */
    uint64_t trap_address;   /* CR2 of it */
    void (*entry)(void *);
    void *argument;
};

BUILD_ASSERT(__builtin_offsetof(struct cpu, recover) == CPU_RECOVER, "asm");

extern struct cpu cpus[MAX_CPUS];

static inline struct cpu *this_cpu(void)
{
    struct cpu *cpu;

    __asm__ volatile("mov %%gs:%c1, %0" : "=r"(cpu) : "i"(CPU_SELF));
    return cpu;
}

static inline void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    __asm__ volatile("cpuid"
                     : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
                     : "a"(leaf), "c"(subleaf));
}

static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t low, high;

    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value),
                     "d"((uint32_t)(value >> 32))
                     : "memory");
}

static inline uint64_t rdtsc(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
    return (uint64_t)high << 32 | low;
}

static inline void outb(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void irq_on(void)
{
    __asm__ volatile("sti" ::: "memory");
}

static inline void irq_off(void)
{
    __asm__ volatile("cli" ::: "memory");
}

/* Sleep until an interrupt, with no gap in which one could be missed; off
 * again after it. */
static inline void irq_wait(void)
{
    __asm__ volatile("sti; hlt; cli" ::: "memory");
}

static inline void cpu_relax(void)
{
    __asm__ volatile("pause" ::: "memory");
}

/* Between vCPUs, for what the library keeps; not in handlers. */
static inline void spin_lock(bool *lock)
{
    while (__atomic_exchange_n(lock, true, __ATOMIC_ACQUIRE)) {
        cpu_relax();
    }
}

static inline void spin_unlock(bool *lock)
{
    __atomic_store_n(lock, false, __ATOMIC_RELEASE);
}

static inline uint64_t read_cr0(void)
{
    uint64_t value;

    __asm__ volatile("mov %%cr0, %0" : "=r"(value));
    return value;
}

static inline uint64_t read_cr2(void)
{
    uint64_t value;

    __asm__ volatile("mov %%cr2, %0" : "=r"(value));
    return value;
}

static inline uint64_t read_cr4(void)
{
    uint64_t value;

    __asm__ volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}

static inline void write_cr4(uint64_t value)
{
    __asm__ volatile("mov %0, %%cr4" ::"r"(value) : "memory");
}

static inline void invlpg(const volatile void *address)
{
    __asm__ volatile("invlpg %0" ::"m"(*(const volatile char *)address)
                     : "memory");
}

#endif
