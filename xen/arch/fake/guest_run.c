/* SPDX-License-Identifier: MIT */
/*
 * A vCPU is what a test's program says it does: each run calls the program,
 * which answers with an exit. State is kept and returned faithfully, and the
 * rules of the contract are checked on every run.
 */
#include "arch/guest_run.h"
#include "arch/fake/internal.h"
#include "lib/string.h"
#include "types/error.h"

#define CPUID_LEAVES 32

/* No instruction of any real machine. */
const uint8_t *arch_hypercall_opcode(void)
{
    static const uint8_t opcode[3] = {0xfa, 0x4e, 0xca};

    return opcode;
}

struct guest_cpu {
    struct guest_state state;
    struct guest_tlb *tlb;
    mfn_t root;
    uint64_t tsc_offset;
    uint64_t run_count;
    int offered;
    bool taken;
    struct fake_injected queued, injected;
    fake_program program;
    void *context;
    const struct guest_exit *script;
    size_t script_left;
    unsigned loaded_on; /* CPU + 1; 0: nowhere */
};
BUILD_ASSERT(sizeof(struct guest_cpu) <= PAGE_SIZE, "one page for each");

static struct {
    uint32_t leaf, subleaf;
    struct cpuid_regs regs;
} cpuid_leaves[CPUID_LEAVES];
static unsigned cpuid_count;

struct guest_changes arch_guest_changes(unsigned cpu)
{
    return (struct guest_changes){0, 0};
}

unsigned arch_guest_page_count(void)
{
    return 1;
}

struct guest_cpu *arch_guest_create(void *const *pages, mfn_t root,
                                    struct guest_tlb *tlb)
{
    struct guest_cpu *gc = pages[0];

    CHECK(arch_page_is_zero(gc));
    CHECK(fake_is_ram(root));
    gc->tlb = tlb;
    gc->root = root;
    gc->offered = -1;
    gc->injected.irq = -1;
    gc->queued.irq = -1;
    return gc;
}

void arch_guest_get_state(const struct guest_cpu *gc, struct guest_state *s)
{
    *s = gc->state;
}

void arch_guest_set_state(struct guest_cpu *gc, const struct guest_state *s)
{
    gc->state = *s;
}

unsigned arch_guest_cpl(const struct guest_cpu *gc)
{
    return gc->state.seg[SEG_CS].selector & 3;
}

bool arch_guest_long_mode(const struct guest_cpu *gc)
{
    return gc->state.seg[SEG_CS].attributes & BIT(9);
}

const char *arch_guest_failure(uint64_t code)
{
    return code ? "the fake machine refuses its state" : "no reason";
}

uint64_t arch_guest_cr3(const struct guest_cpu *gc)
{
    return gc->state.cr3;
}

void arch_guest_set_tsc_offset(struct guest_cpu *gc, uint64_t offset)
{
    gc->tsc_offset = offset;
}

uint64_t fake_tsc_offset(const struct guest_cpu *gc)
{
    return gc->tsc_offset;
}

void arch_guest_offer_irq(struct guest_cpu *gc, int vector)
{
    CHECK(vector >= -1 && vector < 256);
    gc->offered = vector;
}

bool arch_guest_irq_taken(const struct guest_cpu *gc)
{
    return gc->taken;
}

bool arch_guest_inject_exception(struct guest_cpu *gc, unsigned vector,
                                 int64_t error, uint64_t cr2)
{
    if (gc->queued.exception || gc->queued.nmi) {
        return false;
    }
    CHECK(vector < 32);
    gc->queued.exception = true;
    gc->queued.vector = vector;
    gc->queued.error = error;
    gc->queued.cr2 = cr2;
    return true;
}

bool arch_guest_inject_nmi(struct guest_cpu *gc)
{
    if (gc->queued.exception || gc->queued.nmi) {
        return false;
    }
    gc->queued.nmi = true;
    return true;
}

void arch_guest_skip(struct guest_cpu *gc, struct guest_regs *regs,
                     unsigned length)
{
    regs->rip += length;
}

static void enter(struct guest_cpu *gc, const struct guest_regs *regs)
{
    gc->run_count++;
    gc->loaded_on = arch_cpu() + 1;
    gc->taken = gc->offered >= 0 && (regs->rflags & RFLAGS_IF);
    gc->injected = gc->queued;
    gc->injected.irq = gc->taken ? gc->offered : -1;
    gc->queued = (struct fake_injected){.irq = -1};
    gc->offered = -1;
}

static void play(struct guest_cpu *gc, struct guest_regs *regs,
                 struct guest_exit *exit)
{
    if (gc->program) {
        gc->program(gc->context, gc, regs, exit);
    } else if (gc->script_left) {
        *exit = *gc->script++;
        gc->script_left--;
    } else {
        exit->reason = EXIT_HLT;
        exit->length = 1;
    }
    CHECK(exit->reason < EXIT_REASON_COUNT && exit->length <= 15);
}

void arch_guest_run(struct guest_cpu *gc, struct guest_regs *regs,
                    const uint32_t *stop, struct guest_exit *exit)
{
    uint64_t me = BIT(arch_cpu());

    CHECK(gc->loaded_on == 0 || gc->loaded_on == arch_cpu() + 1);
    memset(exit, 0, sizeof(*exit));
    gc->taken = false;
    if (READ_ONCE(*stop)) {
        gc->offered = -1;
        return;
    }
    __atomic_fetch_or(&gc->tlb->running, me, __ATOMIC_SEQ_CST);
    gc->tlb->seen[arch_cpu()] = READ_ONCE(gc->tlb->generation);
    enter(gc, regs);
    play(gc, regs, exit);
    __atomic_fetch_and(&gc->tlb->running, ~me, __ATOMIC_SEQ_CST);
}

void arch_guest_unload(struct guest_cpu *gc)
{
    CHECK(gc->loaded_on == 0 || gc->loaded_on == arch_cpu() + 1);
    gc->loaded_on = 0;
}

/* Where an MSR that belongs to the machine's state is kept. */
static uint64_t *msr_place(struct guest_cpu *gc, uint32_t msr)
{
    struct guest_state *s = &gc->state;

    switch (msr) {
    case 0x174:
        return &s->sysenter_cs;
    case 0x175:
        return &s->sysenter_esp;
    case 0x176:
        return &s->sysenter_eip;
    case 0x277:
        return &s->pat;
    case 0xc0000080:
        return &s->efer;
    case 0xc0000081:
        return &s->star;
    case 0xc0000082:
        return &s->lstar;
    case 0xc0000083:
        return &s->cstar;
    case 0xc0000084:
        return &s->sfmask;
    case 0xc0000100:
        return &s->seg[SEG_FS].base;
    case 0xc0000101:
        return &s->seg[SEG_GS].base;
    case 0xc0000102:
        return &s->kernel_gs_base;
    default:
        return NULL;
    }
}

int arch_guest_msr_read(struct guest_cpu *gc, uint32_t msr, uint64_t *value)
{
    const uint64_t *place = msr_place(gc, msr);

    if (!place) {
        return -ENOENT;
    }
    *value = *place;
    return 0;
}

int arch_guest_msr_write(struct guest_cpu *gc, uint32_t msr, uint64_t value)
{
    uint64_t *place = msr_place(gc, msr);

    if (!place) {
        return -ENOENT;
    }
    *place = value;
    return 0;
}

void fake_set_cpuid(uint32_t leaf, uint32_t subleaf, struct cpuid_regs regs)
{
    CHECK(cpuid_count < CPUID_LEAVES);
    cpuid_leaves[cpuid_count].leaf = leaf;
    cpuid_leaves[cpuid_count].subleaf = subleaf;
    cpuid_leaves[cpuid_count++].regs = regs;
}

struct cpuid_regs arch_guest_cpuid(uint32_t leaf, uint32_t subleaf)
{
    for (unsigned i = 0; i < cpuid_count; i++) {
        if (cpuid_leaves[i].leaf == leaf &&
            cpuid_leaves[i].subleaf == subleaf) {
            return cpuid_leaves[i].regs;
        }
    }
    return (struct cpuid_regs){0};
}

void fake_guest_program(struct guest_cpu *gc, fake_program program,
                        void *context)
{
    gc->program = program;
    gc->context = context;
}

void fake_guest_script(struct guest_cpu *gc, const struct guest_exit *exits,
                       size_t count)
{
    gc->program = NULL;
    gc->script = exits;
    gc->script_left = count;
}

struct fake_injected fake_injected(const struct guest_cpu *gc)
{
    return gc->injected;
}

uint64_t fake_guest_run_count(const struct guest_cpu *gc)
{
    return gc->run_count;
}
