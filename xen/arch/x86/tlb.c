/* SPDX-License-Identifier: MIT */
/* See arch/tlb.h. The entry half is in virt.c: virt_enter(). */
#include "arch/tlb.h"
#include "lib/string.h"
#include "types/bits.h"

#define SPINS_PER_KICK 1024

void arch_guest_tlb_init(struct guest_tlb *tlb)
{
    static uint64_t last_number;

    memset(tlb, 0, sizeof(*tlb));
    tlb->number = __atomic_add_fetch(&last_number, 1, __ATOMIC_RELAXED);
}

void arch_guest_tlb_read_begin(struct guest_tlb *tlb)
{
    unsigned cpu = arch_cpu();

    __atomic_fetch_or(&tlb->readers, BIT(cpu), __ATOMIC_SEQ_CST);
    __atomic_store_n(&tlb->seen[cpu],
                     __atomic_load_n(&tlb->generation, __ATOMIC_SEQ_CST),
                     __ATOMIC_SEQ_CST);
}

void arch_guest_tlb_read_end(struct guest_tlb *tlb)
{
    __atomic_fetch_and(&tlb->readers, ~BIT(arch_cpu()), __ATOMIC_SEQ_CST);
}

/* Is that CPU at something in the guest that began before `generation`? */
static bool is_behind(const struct guest_tlb *tlb, unsigned cpu,
                      uint64_t generation)
{
    uint64_t inside = __atomic_load_n(&tlb->running, __ATOMIC_SEQ_CST) |
                      __atomic_load_n(&tlb->readers, __ATOMIC_SEQ_CST);

    return (inside & BIT(cpu)) &&
           __atomic_load_n(&tlb->seen[cpu], __ATOMIC_SEQ_CST) < generation;
}

/* A CPU that had looked at the generation but not yet entered the guest when
 * it was kicked first, is kicked again. */
void arch_guest_tlb_flush(struct guest_tlb *tlb)
{
    uint64_t generation =
        __atomic_add_fetch(&tlb->generation, 1, __ATOMIC_SEQ_CST);

    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        for (unsigned spins = 0; is_behind(tlb, cpu, generation); spins++) {
            if (spins % SPINS_PER_KICK == 0) {
                arch_cpu_kick(cpu);
            }
            arch_cpu_relax();
        }
    }
}
