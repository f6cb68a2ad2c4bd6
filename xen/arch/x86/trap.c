/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and interrupts of the hypervisor itself. An exception is a bug of
 * ours: print registers and backtrace, and stop. Interrupts only end an idle
 * wait or a guest's run, so their handlers do next to nothing. What should not
 * come at all is written down for others (trouble.c).
 */
#include "arch/hw_console.h"
#include "arch/x86/asm.h"
#include "arch/x86/layout.h"
#include "arch/x86/machine.h"
#include "arch/x86/mce.h"
#include "arch/x86/trouble.h"
#include "base/console.h"
#include "base/panic.h"
#include "lib/printf.h"
#include "types/bits.h"
#include "types/check.h"

struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
    uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

struct idt_entry {
    uint16_t offset0, selector;
    uint8_t ist, type;
    uint16_t offset1;
    uint32_t offset2, reserved;
};

extern char trap_stubs[], nmi_stub[], debug_stub[];
void trap_handle(struct trap_frame *f);

#define STUB_SIZE            16
#define VECTOR_MACHINE_CHECK 18

static struct idt_entry idt[256];

static void set_gate(unsigned vector, uint64_t handler, unsigned ist)
{
    idt[vector] = (struct idt_entry){
        .offset0 = (uint16_t)handler,
        .offset1 = (uint16_t)(handler >> 16),
        .offset2 = (uint32_t)(handler >> 32),
        .selector = SEL_CODE64,
        .ist = (uint8_t)ist,
        .type = 0x8E,
    };
}

void trap_init(void)
{
    for (unsigned i = 0; i < 256; i++) {
        set_gate(i, (uint64_t)trap_stubs + (uint64_t)i * STUB_SIZE, 0);
    }
    set_gate(1, (uint64_t)debug_stub, 0);
    set_gate(2, (uint64_t)nmi_stub, 2);
    set_gate(8, (uint64_t)trap_stubs + 8UL * STUB_SIZE, 1);
    set_gate(VECTOR_MACHINE_CHECK,
             (uint64_t)trap_stubs + (uint64_t)VECTOR_MACHINE_CHECK * STUB_SIZE,
             3);
}

void trap_load(void)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) pointer = {sizeof(idt) - 1, (uint64_t)idt};

    __asm__ volatile("lidt %0" : : "m"(pointer));
}

static void print_registers(const struct trap_frame *f)
{
    log_line(LOG_ERROR, "rip %016lx  cs %04lx  rflags %08lx  error %lx", f->rip,
             f->cs, f->rflags, f->error);
    log_line(LOG_ERROR, "rax %016lx rbx %016lx rcx %016lx", f->rax, f->rbx,
             f->rcx);
    log_line(LOG_ERROR, "rdx %016lx rsi %016lx rdi %016lx", f->rdx, f->rsi,
             f->rdi);
    log_line(LOG_ERROR, "rbp %016lx rsp %016lx r8  %016lx", f->rbp, f->rsp,
             f->r8);
    log_line(LOG_ERROR, "r9  %016lx r10 %016lx r11 %016lx", f->r9, f->r10,
             f->r11);
    log_line(LOG_ERROR, "r12 %016lx r13 %016lx r14 %016lx", f->r12, f->r13,
             f->r14);
    log_line(LOG_ERROR, "r15 %016lx cr2 %016lx cr3 %016lx", f->r15, read_cr2(),
             read_cr3());
}

static noreturn_fn void halt_here(void)
{
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}

/*
 * An exception while one is being printed: the CPU's private data may be what
 * is broken, so nothing is used that needs it, and nothing is tried after.
 */
static noreturn_fn void nested_exception(const struct trap_frame *f)
{
    char text[128];

    format_text(text, sizeof(text),
                "\x1e(podium) Panic on CPU ?: exception %lu within an "
                "exception, rip %lx rsp %lx cr2 %lx\r\n",
                f->vector, f->rip, f->rsp, read_cr2());
    for (const char *c = text; *c; c++) {
        arch_console_putc(*c);
    }
    halt_here();
}

static void exception(struct trap_frame *f)
{
    static uint32_t depth;
    static const char *const names[32] = {
        "divide error",
        "debug",
        "NMI",
        "breakpoint",
        "overflow",
        "bound range",
        "invalid opcode",
        "no coprocessor",
        "double fault",
        "9",
        "invalid TSS",
        "segment not present",
        "stack fault",
        "general protection",
        "page fault",
    };
    const char *name = names[f->vector];

    if (__atomic_fetch_add(&depth, 1, __ATOMIC_SEQ_CST)) {
        nested_exception(f);
    }

    console_break_locks();
    print_registers(f);
    backtrace_from(f->rip, f->rbp);
    panic("exception %lu (%s)", f->vector, name ? name : "reserved");
}

/* Nothing here sends it: a device that the firmware left on, or a mistake. Only
 * what is in service waits for its end; a spurious one is not. */
static void unknown_interrupt(uint8_t vector)
{
    if (apic_in_service(vector)) {
        apic_eoi();
    }
    trouble_interrupt(vector);
}

void trap_handle(struct trap_frame *f)
{
    switch (f->vector) {
    case VECTOR_MACHINE_CHECK:
        mce_handle(false);
        break;
    case 0 ... VECTOR_MACHINE_CHECK - 1:
    case VECTOR_MACHINE_CHECK + 1 ... 31:
        exception(f);
        break;
    case VECTOR_UART:
        uart_interrupt();
        apic_eoi();
        break;
    case VECTOR_WAKE:
    case VECTOR_TIMER:
        apic_eoi();
        break;
    case VECTOR_HALT:
        halt_here();
    default:
        unknown_interrupt((uint8_t)f->vector);
        break;
    }
}
