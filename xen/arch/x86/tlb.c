/* SPDX-License-Identifier: MIT */
/* See arch/tlb.h. The entry half is in svm.c: guest_tlb_enter(). */
#include "arch/tlb.h"
#include "lib/string.h"
#include "types/bits.h"

void arch_guest_tlb_init(struct guest_tlb *tlb)
{
    memset(tlb, 0, sizeof(*tlb));
}

void arch_guest_tlb_flush(struct guest_tlb *tlb)
{
    uint64_t generation =
        __atomic_add_fetch(&tlb->generation, 1, __ATOMIC_SEQ_CST);
    uint64_t running = __atomic_load_n(&tlb->running, __ATOMIC_SEQ_CST);

    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        if (!(running & BIT(cpu))) {
            continue;
        }
        arch_cpu_kick(cpu);
        while ((__atomic_load_n(&tlb->running, __ATOMIC_SEQ_CST) & BIT(cpu)) &&
               __atomic_load_n(&tlb->seen[cpu], __ATOMIC_SEQ_CST) <
                   generation) {
            arch_cpu_relax();
        }
    }
}
