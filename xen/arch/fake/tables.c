/* SPDX-License-Identifier: MIT */
/*
 * The history of writes to second-stage tables, and from it the frames that
 * are no longer mapped but that a CPU may reach until the next flush.
 */
#include <stdlib.h>

#include "arch/fake/internal.h"

static struct fake_pte_write *history;
static size_t history_length, history_room;
static char history_lock;
static void (*write_hook)(const struct fake_pte_write *write);

static void lock_history(void)
{
    while (__atomic_test_and_set(&history_lock, __ATOMIC_ACQUIRE)) {
        continue;
    }
}

static void unlock_history(void)
{
    __atomic_clear(&history_lock, __ATOMIC_RELEASE);
}

void fake_tables_start(void)
{
    history_length = 0;
    write_hook = NULL;
}

size_t fake_pte_write_count(void)
{
    return history_length;
}

const struct fake_pte_write *fake_pte_write_at(size_t index)
{
    CHECK(index < history_length);
    return &history[index];
}

void fake_forget_pte_writes(void)
{
    history_length = 0;
}

void fake_on_pte_write(void (*hook)(const struct fake_pte_write *write))
{
    write_hook = hook;
}

static void remember(struct fake_pte_write write)
{
    lock_history();
    if (history_length == history_room) {
        history_room = history_room ? history_room * 2 : 1024;
        history = realloc(history, history_room * sizeof(*history));
        CHECK(history);
    }
    history[history_length++] = write;
    unlock_history();
}

static void check_slot(const uint64_t *slot)
{
    CHECK((uintptr_t)slot % sizeof(*slot) == 0);
    CHECK(fake_is_ram(arch_unmap(slot)));
}

static void written(uint64_t *slot, uint64_t old, uint64_t new)
{
    struct fake_pte_write write = {
        .slot = slot,
        .old = old,
        .new = new,
        .flushes_before = fake_flush_count(),
    };

    remember(write);
    if (write_hook) {
        write_hook(&write);
    }
}

void arch_pte_write(uint64_t *slot, uint64_t entry)
{
    check_slot(slot);
    written(slot, __atomic_exchange_n(slot, entry, __ATOMIC_SEQ_CST), entry);
}

void arch_pte_clear(uint64_t *slot, uint64_t bits)
{
    uint64_t old;

    check_slot(slot);
    old = __atomic_fetch_and(slot, ~bits, __ATOMIC_SEQ_CST);
    written(slot, old, old & ~bits);
}

/* Not in the history, which belongs to who holds the p2m's lock. */
bool arch_pte_replace(uint64_t *slot, uint64_t *old, uint64_t entry)
{
    check_slot(slot);
    return __atomic_compare_exchange_n(slot, old, entry, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

void fake_visit_unflushed(void (*visit)(mfn_t mfn, unsigned order,
                                        bool is_table))
{
    lock_history();
    for (size_t i = history_length; i-- > 0;) {
        const struct fake_pte_write *w = &history[i];
        struct pte_fields old, new;
        unsigned order, new_order;

        if (w->flushes_before != fake_flush_count()) {
            break;
        }
        old = fake_pte_decode(w->old, &order);
        new = fake_pte_decode(w->new, &new_order);
        if (mfn_valid(old.mfn) &&
            (!mfn_eq(old.mfn, new.mfn) || order != new_order ||
             old.is_table != new.is_table)) {
            visit(old.mfn, order, old.is_table);
        }
    }
    unlock_history();
}
