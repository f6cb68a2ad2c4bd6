/* SPDX-License-Identifier: MIT */
/*
 * What the System V ABI promises to programs, and how it is kept here:
 *
 *   red zone      128 bytes below RSP stay as they are. Interrupts are off, NMI
 *                 has a stack of its own (cpu.c), and an exception is the end.
 *                 (With some hundred NMIs meanwhile and no such stack, zlib
 *                 and zstd did go wrong; with it none.)
 *   vectors       SSE is switched on (CR4); x87 and MXCSR as at the start of a
 *                 program. What is left in the registers nobody sees: a
 *                 guest's own state is loaded before it runs (fpu.c).
 *   stack guard   read from FS:0x28, so FS points at a thread of one number.
 *   constructors  .init_array, run once; liblzma chooses its CRC by one.
 */
#include "arch/foreign.h"
#include "arch/x86/asm.h"
#include "arch/x86/layout.h"
#include "base/panic.h"

#define MXCSR_START 0x1F80U

/* movups of each register, at %0 + 16 * its number. */
#define EACH_XMM(x)                                                            \
    x(0) x(1) x(2) x(3) x(4) x(5) x(6) x(7) x(8) x(9) x(10) x(11) x(12) x(13)  \
        x(14) x(15)
#define SAVE_ONE(n) "movups %%xmm" #n ", 16*" #n "(%0)\n\t"
#define LOAD_ONE(n) "movups 16*" #n "(%0), %%xmm" #n "\n\t"
#define SAVE_XMM    EACH_XMM(SAVE_ONE)
#define LOAD_XMM    EACH_XMM(LOAD_ONE)

struct call {
    void (*fn)(void *context);
    void *context;
};

/* glibc's and the compiler's layout; the only part of it that is used. */
static struct {
    uint64_t other[5];
    uint64_t guard;
} thread;

BUILD_ASSERT(offsetof(__typeof__(thread), guard) == 0x28, "where GCC looks");

void __stack_chk_fail(void);

noreturn_fn void __stack_chk_fail(void)
{
    panic("an array on the stack has overflowed");
}

static void construct(void)
{
    static bool done;

    if (!done) {
        done = true;
        for (unsigned i = 0; &__init_array_start[i] < __init_array_end; i++) {
            __init_array_start[i]();
        }
    }
}

static void on_new_stack(void *call)
{
    struct call *c = call;

    construct();
    c->fn(c->context);
}

void arch_call_foreign(void (*fn)(void *context), void *context, void *stack,
                       size_t size)
{
    struct call call = {fn, context};
    const uint32_t mxcsr = MXCSR_START;
    void *argument = &call;

    thread.guard = rdtsc() << 8; /* its lowest byte ends strings */
    wrmsr(MSR_FS_BASE, (uint64_t)&thread);
    __asm__ volatile("fninit\n\t"
                     "ldmxcsr %[mxcsr]\n\t"
                     "movq %%rsp, %%rbx\n\t"
                     "movq %[top], %%rsp\n\t"
                     "call *%[fn]\n\t"
                     "movq %%rbx, %%rsp"
                     : "+D"(argument)
                     : [mxcsr] "m"(mxcsr), [top] "S"((char *)stack + size),
                       [fn] "d"(on_new_stack)
                     : "rax", "rbx", "rcx", "r8", "r9", "r10", "r11", "memory",
                       "cc");
    wrmsr(MSR_FS_BASE, 0);
}

/*
 * Later, on any CPU: there is no need for a stack or a start of its own, just
 * for the registers. XMM0 to 15 are the guest's, and are written back as they
 * were; code for every x86-64 uses no more than those, and leaves alone what
 * AVX has above them. MXCSR does not matter to whole numbers. FS may be the
 * guest's until the next entry (VMLOAD), so it is put back, too.
 */
void arch_call_foreign_here(void (*fn)(void *context), void *context)
{
    uint8_t vectors[16][16] __attribute__((aligned(16)));
    uint64_t fs = rdmsr(MSR_FS_BASE);

    if (!thread.guard) {
        thread.guard = rdtsc() << 8;
    }
    wrmsr(MSR_FS_BASE, (uint64_t)&thread);
    __asm__ volatile(SAVE_XMM : : "r"(vectors) : "memory");
    fn(context);
    __asm__ volatile(LOAD_XMM : : "r"(vectors) : "memory");
    wrmsr(MSR_FS_BASE, fs);
}
