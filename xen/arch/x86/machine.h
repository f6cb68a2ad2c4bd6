/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the x86 machine know of one another, and what boot/ calls
 * to bring it up, in the order of its calls.
 */
#ifndef ARCH_X86_MACHINE_H
#define ARCH_X86_MACHINE_H

#include "arch/cpu.h"
#include "arch/tlb.h"
#include "base/percpu.h"
#include "types/frame.h"

enum cpu_mode {
    CPU_IN_HOST,  /* will look at what changed before it enters or waits */
    CPU_IN_GUEST, /* a kick must be an NMI */
    CPU_IDLE,     /* a kick must be an interrupt */
};

struct guest_cpu;

/* One per CPU; GS points at it. */
struct cpu {
    struct cpu *self; /* offset 0: read through GS */
    /* At offsets 8 and 12, for trap_entry.S: NMIs on their way here as kicks,
     * and how many came that were none (trouble.c). */
    uint32_t nmi_sent, nmi_foreign;
    uint32_t index;
    uint32_t apic_id;
    uint32_t mode; /* enum cpu_mode, atomic */
    uint32_t online;
    uint64_t start_tsc; /* when it said that it is there, by its own TSC */
    struct percpu base;
    struct guest_cpu *fpu_owner; /* whose FPU state is in the registers */
    uint32_t next_asid;
    uint64_t asid_generation;
    uint64_t host_vmcb; /* physical: what VMLOAD restores of the host */
    struct guest_cpu *vmcs_owner; /* VMX: whose VMCS is current here */
    uint64_t tss;
};

BUILD_ASSERT(offsetof(struct cpu, nmi_sent) == 8, "asm");
BUILD_ASSERT(offsetof(struct cpu, nmi_foreign) == 12, "asm");

extern struct cpu cpus[MAX_CPUS];

static inline struct cpu *this_cpu(void)
{
    struct cpu *c;

    __asm__("movq %%gs:0, %0" : "=r"(c));
    return c;
}

/* uart.c: "115200,8n1" style settings; `port` COM1 or COM2. */
void uart_init(unsigned com, unsigned baud);
void uart_putc(char c);
void uart_enable_interrupt(void);
void uart_interrupt(void); /* from trap.c */

/* cpu.c: descriptor tables, control registers; index of this CPU. */
void cpu_init(unsigned index);

/* trap.c */
void trap_init(void);
void trap_load(void);

/* hostmap.c: the final page tables; needs the boot allocator with RAM below
 * 4 GiB. ram_end: the first address behind all RAM. */
void hostmap_init(paddr_t ram_end);
void hostmap_load(void);
/* A device page, uncached; never unmapped. */
void *hostmap_device(paddr_t where);

/* acpi.c: rsdp NULL: search for it where a BIOS has it, if may_search. False:
 * no tables. */
bool acpi_init(const void *rsdp, bool may_search);
unsigned acpi_cpu_count(void);
uint32_t acpi_cpu_apic_id(unsigned n);
/* One more, which the firmware does not name: for tests. */
void acpi_add_cpu(uint32_t id);
paddr_t acpi_ioapic(void);
/* The 24-bit timer of 3.58 MHz; 0: there is none. */
uint16_t acpi_timer_port(void);
/* The tables are those of QEMU or Bochs, under a BIOS or UEFI. */
bool acpi_is_emulators(void);
/* Writing value to the port switches the machine off. False: not known. */
bool acpi_power_switch(uint16_t *port, uint16_t *value);

/* apic.c */
/* may_x2apic: use it if there is one. */
void apic_init_boot(bool may_x2apic);
void apic_init_this_cpu(void);
uint32_t apic_id(void);
/* Can interrupts be sent to a CPU with that id? */
bool apic_reaches(uint32_t id);
void apic_eoi(void);
void apic_send_init(uint32_t id);
void apic_send_startup(uint32_t id, uint8_t page);
void apic_send_nmi(uint32_t id);
void apic_send_wake(uint32_t id);
void apic_send_unknown(uint32_t id);
/* Is the handler of `vector` running, and has to say when it is done? */
bool apic_in_service(uint8_t vector);
void apic_send_halt_all(void);
void apic_timer_arm(uint32_t ticks);
uint32_t apic_timer_count(void);
/* The timer goes by the TSC; then this is how it is set: at `tsc`, or, when
 * that is over, at once; 0: never. */
bool apic_has_deadline(void);
void apic_deadline_arm(uint64_t tsc);
void apic_route_isa(unsigned irq, uint8_t vector);

#define VECTOR_UNKNOWN  0xF1 /* nobody's: tests send it */
#define VECTOR_UART     0xF2
#define VECTOR_WAKE     0xF3
#define VECTOR_TIMER    0xF4
#define VECTOR_HALT     0xF5
#define VECTOR_SPURIOUS 0xFF

/* calibrate.c: false: there is no clock that we know. */
struct rates {
    uint64_t tsc_khz, apic_khz;
};
bool rates_measure(struct rates *r);

/* timer.c */
void timer_calibrate(void);
/* Should a timer that counts by itself interrupt again and again until it is
 * set anew, in case that the first interrupt gets lost? Before
 * apic_init_boot(). */
void timer_repeat(bool on);
bool timer_repeats(void);
/* CPUs' TSCs differ: no clock may be made of them without us. */
void timer_distrust_tsc(void);
void timer_delay_us(uint64_t us);

/* smp.c: the page below 1 MiB where CPUs begin, which nobody else uses; 0:
 * there is none. */
void smp_set_trampoline(paddr_t page);
/* Start up to `limit` CPUs in all; returns how many run. */
unsigned smp_start(unsigned limit);
/* Before that: go on in `rest`, on another CPU, which becomes CPU 0; this one
 * is not used any more. If there is no other, just go on. `rest` does not
 * return. */
noreturn_fn void smp_move_boot(void (*rest)(void));
/* Let the others go on from smp_start() into `fn`. */
void smp_release(void (*fn)(void));

/* virt.c: choose what guests run by; NULL, or why this machine cannot. */
const char *virt_init_boot(void);
void virt_init_this_cpu(void);

/* fpu.c: what guests may use of XCR0; 0 when there is no XSAVE. */
extern uint64_t fpu_guest_xcr0;
void fpu_init_boot(void);
/* May a guest have this in XCR0? */
bool fpu_xcr0_is_valid(uint64_t v);
/* Bytes that XSAVE writes for these components, in the standard format. */
uint32_t fpu_area_size(uint64_t components);

/* page.c: choose how pages are cleared and searched: the best way, or as the
 * options say (NULL: nothing). After fpu_init_boot(). */
void page_init_boot(const char *scan, const char *clear);

/* mtrr.c: memory types; CPU 0 first. */
void memory_types_init_this_cpu(void);

/* backtrace.c */
const char *symbol_lookup(uint64_t address, uint64_t *offset);
void backtrace_from(uint64_t rip, uint64_t rbp);

#endif
