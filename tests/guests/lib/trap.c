/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables and what becomes of an exception: a handler for its vector
 * is called if there is one; else trap_catch() is resumed if one is active on
 * this vCPU; else the test ends with an error that names the place.
 */
#include "trap.h"

#include "test.h"

struct gate {
    uint16_t low, selector;
    uint8_t ist, type;
    uint16_t mid;
    uint32_t high, zero;
} __attribute__((packed));

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3, io_map;
} __attribute__((packed));

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

enum {
    GATE_INTERRUPT = 0x8e,
    GATE_FROM_USER = 0x60,
    STUB_SIZE = 16,
    IST_DOUBLE_FAULT = 1,
    FLAG_IF = 0x200,
};

extern const char trap_stubs[];
extern const char trap_resume[];
extern uint64_t gdt[];
void trap_dispatch(struct trap_frame *frame);
void enter_user(void (*function)(uint64_t), void *stack_top, uint64_t argument)
    __attribute__((noreturn));

struct cpu cpus[MAX_CPUS];
static struct gate idt[256];
static struct tss tss[MAX_CPUS];
static uint8_t trap_stack[MAX_CPUS][STACK_SIZE] __attribute__((aligned(16)));
static uint8_t fault_stack[MAX_CPUS][4096] __attribute__((aligned(16)));
static void (*handlers[256])(struct trap_frame *);

static void set_gates(void)
{
    for (unsigned i = 0; i < 256; i++) {
        uint64_t stub = (uint64_t)trap_stubs + i * STUB_SIZE;

        idt[i] = (struct gate){
            .low = stub,
            .selector = KERNEL_CS,
            .ist = i == 8 ? IST_DOUBLE_FAULT : 0,
            .type = GATE_INTERRUPT | (i == TRAP_BP ? GATE_FROM_USER : 0),
            .mid = stub >> 16,
            .high = stub >> 32,
        };
    }
}

static void load_tss(unsigned id)
{
    uint64_t base = (uint64_t)&tss[id];
    uint64_t *slot = &gdt[FIRST_TSS / 8 + 2 * id];
    uint16_t selector = FIRST_TSS + 16 * id;

    tss[id].rsp[0] = (uint64_t)trap_stack[id] + STACK_SIZE;
    tss[id].ist[0] = (uint64_t)fault_stack[id] + 4096;
    tss[id].io_map = sizeof(struct tss);
    slot[0] = (sizeof(struct tss) - 1) | (base & 0xffffff) << 16 |
              0x89ULL << 40 | (base >> 24 & 0xff) << 56;
    slot[1] = base >> 32;
    __asm__ volatile("ltr %0" ::"r"(selector));
}

void trap_init(struct cpu *cpu)
{
    struct table_pointer pointer = {sizeof(idt) - 1, (uint64_t)idt};

    if (!idt[0].type) {
        set_gates();
    }
    __asm__ volatile("lidt %0" ::"m"(pointer));
    cpu->self = cpu;
    cpu->id = cpu - cpus;
    wrmsr(MSR_GS_BASE, (uint64_t)cpu);
    load_tss(cpu->id);
}

void trap_set_handler(unsigned vector, void (*handler)(struct trap_frame *))
{
    handlers[vector] = handler;
}

void trap_dispatch(struct trap_frame *frame)
{
    struct cpu *cpu = this_cpu();

    if (handlers[frame->vector]) {
        handlers[frame->vector](frame);
        return;
    }
    if (!cpu->recover || frame->vector >= 32) {
        test_error("vCPU %u: unexpected vector %lu, error 0x%lx, at 0x%lx, "
                   "address 0x%lx",
                   cpu->id, frame->vector, frame->error, frame->rip,
                   read_cr2());
    }
    cpu->trap = *frame;
    cpu->trap_address = read_cr2();
    frame->rax = frame->vector;
    frame->rip = (uint64_t)trap_resume;
    frame->rsp = cpu->recover;
    frame->cs = KERNEL_CS;
    frame->ss = KERNEL_DS;
    frame->rflags = 2 | (frame->rflags & FLAG_IF);
}

struct user_call {
    void (*function)(uint64_t);
    uint64_t argument;
};

static void go_to_user(void *p)
{
    static uint8_t stack[MAX_CPUS][4096] __attribute__((aligned(16)));
    const struct user_call *call = p;

    /* As behind a call instruction. */
    enter_user(call->function, stack[this_cpu()->id] + 4096 - 8,
               call->argument);
}

unsigned trap_catch_user(void (*function)(uint64_t), uint64_t argument,
                         uint64_t *result)
{
    struct user_call call = {function, argument};
    unsigned vector = trap_catch(go_to_user, &call);

    *result = this_cpu()->trap.rax;
    return vector;
}

struct msr_access {
    uint32_t msr;
    uint64_t value;
};

static void do_rdmsr(void *p)
{
    struct msr_access *a = p;

    a->value = rdmsr(a->msr);
}

static void do_wrmsr(void *p)
{
    const struct msr_access *a = p;

    wrmsr(a->msr, a->value);
}

bool rdmsr_faults(uint32_t msr, uint64_t *value)
{
    struct msr_access access = {msr, 0};
    unsigned vector = trap_catch(do_rdmsr, &access);

    *value = access.value;
    return vector == TRAP_GP;
}

bool wrmsr_faults(uint32_t msr, uint64_t value)
{
    struct msr_access access = {msr, value};

    return trap_catch(do_wrmsr, &access) == TRAP_GP;
}

static void do_read(void *p)
{
    (void)*(const volatile uint8_t *)p;
}

static void do_write(void *p)
{
    *(volatile uint8_t *)p = 1;
}

unsigned read_faults(const volatile void *address)
{
    return trap_catch(do_read, (void *)address);
}

unsigned write_faults(volatile void *address)
{
    return trap_catch(do_write, (void *)address);
}
