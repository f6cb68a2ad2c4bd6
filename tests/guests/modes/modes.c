/* SPDX-License-Identifier: MIT */
//! cpus: 1
//! vcpus: 2
/*
 * CPU modes and exceptions.
 *
 * A vCPU started by INIT and STARTUP begins in real mode at vector << 12 with
 * the reset values of AMD's manual, volume 2, table 14-1 (AP-7), and must come
 * through 16-bit code, real-mode interrupts, 32-bit code, 16-bit code in
 * protected mode, virtual-8086 mode, two-level and PAE paging and compatibility
 * mode to 64-bit mode; no step may need the hypervisor to
 * understand it. ap_modes.S goes that way and writes down what it sees at each
 * stage (struct modes_record); vCPU 0 reads it.
 *
 * In 64-bit mode each exception must arrive with the vector, error code and
 * address that the manual gives, from rings 0 and 3, and change nothing else.
 * (Reserved bits of CR4 are left alone: QEMU lets a guest set them, and the
 * next VMRUN is refused.)
 */
#include "modes/modes.h"

#include "console.h"
#include "hypercall.h"
#include "lib/string.h"
#include "memory.h"
#include "smp.h"
#include "test.h"
#include "trap.h"

#define DR6_BS 0x4000ULL

static struct modes_record *const record = (void *)MODES_RECORD;

static void build_pae_tables(void)
{
    uint64_t *l3 = page_alloc(), *l2 = page_alloc(), *l1 = page_alloc();
    uint64_t *target = page_alloc();

    /* The first 2 MiB as they are, and one page shown at 1 GiB. */
    l3[0] = (uint64_t)l2 | PTE_PRESENT;
    l2[0] = PTE_PRESENT | PTE_WRITE | PTE_LARGE;
    l2[1] = 0x200000 | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
    l3[1] = (uint64_t)page_alloc() | PTE_PRESENT;
    l2 = (uint64_t *)(l3[1] & ~0xfffULL);
    l2[0] = (uint64_t)l1 | PTE_PRESENT | PTE_WRITE;
    l1[0] = (uint64_t)target | PTE_PRESENT | PTE_WRITE;
    *target = MODES_MAGIC;
    record->pae_cr3 = (uint64_t)l3;
    record->pae_target = (uint64_t)target;
}

static void build_two_level_tables(void)
{
    uint32_t *l2 = page_alloc(), *l1 = page_alloc();

    l2[0] = PTE_PRESENT | PTE_WRITE | PTE_LARGE; /* 4 MiB */
    l2[256] = (uint32_t)(uintptr_t)l1 | PTE_PRESENT | PTE_WRITE;
    l1[0] = (uint32_t)record->pae_target | PTE_PRESENT | PTE_WRITE;
    record->two_level_cr3 = (uint32_t)(uintptr_t)l2;
}

static bool wait_for_stage(uint32_t stage)
{
    for (unsigned i = 0; i < 100000; i++) {
        if (READ_ONCE(record->stage) >= stage) {
            return true;
        }
        give_way();
    }
    print("stage %u reached\n", record->stage);
    return false;
}

static void check_real_mode(void)
{
    EXPECT_EQ(record->cs, TRAMPOLINE >> 4);
    EXPECT_EQ(record->ip, 0);
    EXPECT_EQ(record->cr0 & ~0x60000000, CR0_ET);
    EXPECT_EQ(record->flags & 0xffd7, 2);
    EXPECT_EQ(record->ds, 0);
    EXPECT_EQ(record->es, 0);
    EXPECT_EQ(record->ss, 0);
    EXPECT_EQ(record->sp, 0);
    EXPECT_EQ(record->software_interrupts, 1);
    EXPECT_EQ(record->divide_errors, 1);
    EXPECT_EQ(record->general_protections, 1);
}

static void check_protected_mode(void)
{
    EXPECT_EQ(record->cpuid32_max >= 1, true);
    EXPECT_EQ(record->version32, 0x00040011);
    EXPECT_EQ(record->code16_cs & 0xffff, CODE16_CS);
    EXPECT_EQ(record->two_level_value, (uint32_t)MODES_MAGIC);
    EXPECT_EQ(record->pae_value, (uint32_t)MODES_MAGIC + 1);
    EXPECT_EQ(*(uint64_t *)record->pae_target, MODES_MAGIC + 2);
    EXPECT_EQ(record->pae_cr0 & CR0_PG, CR0_PG);
    EXPECT_EQ(record->compat_efer & EFER_LMA, EFER_LMA);
    EXPECT_EQ(record->compat_version, 0x00040011);
}

/* CLI there is #GP in ring 0, with the flag that says where it was. */
static void check_virtual_8086(void)
{
    EXPECT_EQ(record->v86_cs, TRAMPOLINE >> 4);
    EXPECT_EQ(record->v86_ip, 0);
    EXPECT_EQ(record->v86_flags & 0x20002, 0x20002);
}

static void test_secondary(void)
{
    size_t length = modes_code_end - modes_code;

    test_section("real, 16-bit, 32-bit, virtual-8086, PAE, compatibility and "
                 "64-bit mode");
    if (smp_vcpu_count() < 2) {
        print("one vCPU only\n");
        return;
    }
    REQUIRE(length <= PAGE_SIZE);
    memcpy((void *)TRAMPOLINE, modes_code, length);
    memset(record, 0, sizeof(*record));
    build_pae_tables();
    build_two_level_tables();
    smp_init_startup(1, TRAMPOLINE >> PAGE_SHIFT);
    REQUIRE(wait_for_stage(MODES_STAGE_REAL));
    check_real_mode();
    REQUIRE(wait_for_stage(MODES_STAGE_DONE));
    check_protected_mode();
    check_virtual_8086();
}

/* --- Exceptions in 64-bit mode --- */

static void divide_by_zero(void *p)
{
    __asm__ volatile("xor %%ecx, %%ecx; div %%ecx" ::: "rax", "rcx", "rdx");
}

static void undefined(void *p)
{
    __asm__ volatile("ud2");
}

static void breakpoint(void *p)
{
    __asm__ volatile("int3");
}

static void bad_selector(void *p)
{
    __asm__ volatile("mov %0, %%ds" ::"r"(0x1230));
}

static void non_canonical(void *p)
{
    *(volatile uint64_t *)NON_CANONICAL = 1;
}

static void single_step(void *p)
{
    __asm__ volatile("pushf; orl $0x100, (%%rsp); popf; nop; nop" ::: "memory");
}

static void no_fpu(void *p)
{
    uint64_t cr0 = read_cr0();

    __asm__ volatile("mov %0, %%cr0" ::"r"(cr0 | CR0_TS));
    __asm__ volatile("fninit");
}

static void lost_stack(void *p)
{
    __asm__ volatile("mov %0, %%rsp; push %%rax" ::"r"(MAP_BASE + 0x100000)
                     : "memory");
}

struct exception {
    void (*function)(void *);
    unsigned vector;
    uint64_t error;
    const char *name;
};

static const struct exception exceptions[] = {
    {divide_by_zero, TRAP_DE, 0, "divide error"},
    {single_step, TRAP_DB, 0, "single step"},
    {breakpoint, TRAP_BP, 0, "breakpoint"},
    {undefined, TRAP_UD, 0, "undefined instruction"},
    {no_fpu, TRAP_NM, 0, "FPU with CR0.TS"},
    {lost_stack, 8, 0, "fault while pushing a fault"},
    {bad_selector, TRAP_GP, 0x1230, "bad selector"},
    {non_canonical, TRAP_GP, 0, "non-canonical address"},
};

static void test_exceptions(void)
{
    test_section("exceptions in ring 0");
    for (unsigned i = 0; i < ARRAY_COUNT(exceptions); i++) {
        const struct exception *e = &exceptions[i];

        print("%s\n", e->name);
        EXPECT_EQ(trap_catch(e->function, NULL), e->vector);
        EXPECT_EQ(this_cpu()->trap.error, e->error);
        __asm__ volatile("clts");
    }
}

/* CPUID leaves the guest, and steps as any other instruction does: the trap
 * comes before the next one. p: where that is. */
static void step_over_cpuid(void *p)
{
    __asm__ volatile("xor %%eax, %%eax\n\t"
                     "mov %%rax, %%dr6\n\t"
                     "lea 1f(%%rip), %%rcx\n\t"
                     "mov %%rcx, (%0)\n\t"
                     "pushf\n\t"
                     "orl $0x100, (%%rsp)\n\t"
                     "popf\n\t"
                     "cpuid\n"
                     "1:\tnop\n\tnop"
                     :
                     : "D"(p)
                     : "rax", "rbx", "rcx", "rdx", "memory");
}

static void test_single_step(void)
{
    uint64_t next = 0, dr6;

    test_section("single step over an instruction that leaves the guest");
    EXPECT_EQ(trap_catch(step_over_cpuid, &next), TRAP_DB);
    EXPECT_EQ(this_cpu()->trap.rip, next);
    __asm__ volatile("mov %%dr6, %0" : "=r"(dr6));
    EXPECT_EQ(dr6 & DR6_BS, DR6_BS);
}

/* Bits of a page fault's error code. */
enum {
    PF_PRESENT = 1,
    PF_WRITE = 2,
    PF_USER = 4,
    PF_FETCH = 16
};

static void jump_to(void *p)
{
    ((void (*)(void))p)();
}

static void expect_page_fault(unsigned vector, uint64_t address, uint64_t error)
{
    EXPECT_EQ(vector, TRAP_PF);
    EXPECT_EQ(this_cpu()->trap.error, error);
    EXPECT_EQ(this_cpu()->trap_address, address);
}

static void user_read(uint64_t address)
{
    user_return(*(volatile uint8_t *)address);
}

static void test_page_faults(void)
{
    uint64_t absent = MAP_BASE, constant = MAP_BASE + PAGE_SIZE;
    uint64_t data = MAP_BASE + 2 * PAGE_SIZE;
    uint8_t *page = page_alloc();
    uint64_t value;

    test_section("page faults");
    map_page(constant, (uint64_t)page, PTE_PRESENT | PTE_USER);
    map_page(data, (uint64_t)page, PTE_TABLE | BIT(63));
    *page = 0xc3; /* RET */
    expect_page_fault(read_faults((void *)(absent + 5)), absent + 5, 0);
    expect_page_fault(write_faults((void *)absent), absent, PF_WRITE);
    EXPECT_EQ(read_faults((void *)constant), TRAP_NONE);
    expect_page_fault(write_faults((void *)constant), constant,
                      PF_PRESENT | PF_WRITE);
    EXPECT_EQ(trap_catch(jump_to, (void *)constant), TRAP_NONE);
    expect_page_fault(trap_catch(jump_to, (void *)data), data,
                      PF_PRESENT | PF_FETCH);
    EXPECT_EQ(trap_catch_user(user_read, constant, &value), TRAP_BP);
    EXPECT_EQ(value, 0xc3);
    expect_page_fault(trap_catch_user(user_read, absent, &value), absent,
                      PF_USER);
    map_page(data, (uint64_t)page, PTE_PRESENT | PTE_WRITE);
    expect_page_fault(trap_catch_user(user_read, data, &value), data,
                      PF_PRESENT | PF_USER);
}

/* --- Ring 3 --- */

static void user_answer(uint64_t argument)
{
    user_return(argument + 1);
}

static void user_halt(uint64_t argument)
{
    __asm__ volatile("hlt");
}

static void user_hypercall(uint64_t argument)
{
    user_return(hypercall2(__HYPERVISOR_xen_version, 0, 0));
}

static void test_ring_3(void)
{
    uint64_t value;

    test_section("ring 3");
    EXPECT_EQ(trap_catch_user(user_answer, 41, &value), TRAP_BP);
    EXPECT_EQ(value, 42);
    EXPECT_EQ(trap_catch_user(user_halt, 0, &value), TRAP_GP);
    /* CP-5 */
    EXPECT_EQ(trap_catch_user(user_hypercall, 0, &value), TRAP_BP);
    EXPECT_EQ(value, -EPERM);
}

/* A hypercall changes RAX and no other register. */
static void test_registers_kept(void)
{
    uint64_t kept = 0;

    test_section("registers across a hypercall");
    if (hypercall_by_vmcall) {
        return;
    }
    __asm__ volatile(
        "mov $17, %%eax; xor %%edi, %%edi; mov $0x51, %%esi\n\t"
        "mov $0x52, %%edx; mov $0x50, %%r10d; mov $0x58, %%r8d\n\t"
        "mov $0x5b, %%ebx; mov $0x5c, %%ecx; mov $0x59, %%r9d\n\t"
        "mov $0x61, %%r11d; mov $0x62, %%r12d; mov $0x65, %%r15d\n\t"
        "vmmcall\n\t"
        "add %%rsi, %%rdx; add %%rdx, %%r10; add %%r10, %%r8\n\t"
        "add %%r8, %%rbx; add %%rbx, %%rcx; add %%rcx, %%r9\n\t"
        "add %%r9, %%r11; add %%r11, %%r12; add %%r12, %%r15\n\t"
        "add %%rdi, %%r15; mov %%r15, %0"
        : "=m"(kept)
        :
        : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",
          "r12", "r15", "memory");
    EXPECT_EQ(kept, 0x51 + 0x52 + 0x50 + 0x58 + 0x5b + 0x5c + 0x59 + 0x61 +
                        0x62 + 0x65);
}

void test_main(void)
{
    test_exceptions();
    test_single_step();
    test_page_faults();
    test_ring_3();
    test_registers_kept();
    test_secondary();
}
