/* SPDX-License-Identifier: MIT */
/*
 * Names for addresses. The table is made from the first link's symbols
 * (xen/build.mk): sorted addresses and offsets into a string of names. It is
 * empty in that first link.
 */
#include "arch/x86/layout.h"
#include "arch/x86/machine.h"
#include "base/console.h"

extern const uint32_t symbol_count;
extern const uint32_t symbol_address[];
extern const uint32_t symbol_name[];
extern const char symbol_strings[];

#define FRAME_LIMIT 24

const char *symbol_lookup(uint64_t address, uint64_t *offset)
{
    uint32_t low = 0, high = symbol_count;

    *offset = address;
    if (address < (uint64_t)__image_start || address >= (uint64_t)__text_end) {
        return "?";
    }
    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if (symbol_address[middle] <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (!low) {
        return "?";
    }
    *offset = address - symbol_address[low - 1];
    return symbol_strings + symbol_name[low - 1];
}

static void print_address(uint64_t address)
{
    uint64_t offset;
    const char *name = symbol_lookup(address, &offset);

    log_line(LOG_ERROR, "  %08lx  %s+0x%lx", address, name, offset);
}

/* Whether two words can be read at p: in our own data or stacks. */
static bool frame_readable(uint64_t p)
{
    return p % 8 == 0 && p >= (uint64_t)__rodata_end &&
           p <= (uint64_t)__bss_end - 16;
}

void backtrace_from(uint64_t rip, uint64_t rbp)
{
    log_line(LOG_ERROR, "Backtrace:");
    print_address(rip);
    for (unsigned i = 0; i < FRAME_LIMIT && frame_readable(rbp); i++) {
        const uint64_t *frame = (const uint64_t *)rbp;

        if (!frame[1]) {
            break;
        }
        print_address(frame[1]);
        if (frame[0] <= rbp) {
            break;
        }
        rbp = frame[0];
    }
}

void arch_backtrace(void)
{
    const uint64_t *frame = __builtin_frame_address(0);

    backtrace_from(frame[1], frame[0]);
}
