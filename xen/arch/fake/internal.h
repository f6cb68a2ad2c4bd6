/* SPDX-License-Identifier: MIT */
/* Between the files of the fake machine. */
#ifndef ARCH_FAKE_INTERNAL_H
#define ARCH_FAKE_INTERNAL_H

#include "arch/fake/fake.h"

/* Each file's part of fake_start(). */
void fake_cpu_start(unsigned cpu_count);
void fake_ram_start(uint64_t first_mfn, uint64_t page_count);
void fake_tables_start(void);
void fake_tlb_start(void);
void fake_timer_start(void);
void fake_console_start(void);
void fake_trouble_start(void);

/* Is this frame RAM? */
bool fake_is_ram(mfn_t mfn);

/* The machine ended in a way that no test expected: say so and abort. */
noreturn_fn void fake_abort(const char *why);

/* pte_format.c: an entry whose level is not known: the order is that of a leaf.
 */
struct pte_fields fake_pte_decode(uint64_t e, unsigned *order);

#endif
