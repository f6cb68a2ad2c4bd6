/* SPDX-License-Identifier: MIT */
/* Trouble that a test makes; one queue for all CPUs. */
#include "arch/trouble.h"
#include "arch/fake/internal.h"
#include "lib/printf.h"
#include "types/error.h"

#define QUEUE_SIZE   64
#define FIRST_MSR    0x400
#define LAST_MSR     0x47F
#define STATUS_VALID BIT(63)
#define HAS_ADDRESS  BIT(58)
#define UNCORRECTED  BIT(61)

static struct trouble queue[QUEUE_SIZE];
static unsigned written, taken;
static uint64_t registers[LAST_MSR - FIRST_MSR + 1];

void fake_trouble_start(void)
{
    written = taken = 0;
}

void fake_trouble(const struct trouble *t)
{
    CHECK(written - taken < QUEUE_SIZE);
    queue[written++ % QUEUE_SIZE] = *t;
}

bool arch_trouble_take(struct trouble *t)
{
    if (taken == written) {
        return false;
    }
    *t = queue[taken++ % QUEUE_SIZE];
    return true;
}

uint64_t arch_trouble_lost(void)
{
    return 0;
}

void arch_trouble_poll(void)
{
}

void arch_trouble_text(uint64_t status, char *text, size_t size)
{
    format_text(text, size, "status %lx", (unsigned long)status);
}

int arch_trouble_set_register(uint64_t msr, uint64_t value)
{
    if (msr < FIRST_MSR || msr > LAST_MSR) {
        return -EINVAL;
    }
    registers[msr - FIRST_MSR] = value;
    return 0;
}

bool arch_trouble_is_address(uint64_t msr)
{
    return msr >= FIRST_MSR && msr <= LAST_MSR && msr % 4 == 2;
}

/* What the registers of bank 0 say. */
int arch_trouble_machine_check(void)
{
    uint64_t status = registers[1];

    if (!(status & STATUS_VALID)) {
        return -ENODATA;
    }
    fake_trouble(&(struct trouble){
        .kind = status & UNCORRECTED ? TROUBLE_MEMORY : TROUBLE_CORRECTED,
        .status = status,
        .has_address = status & HAS_ADDRESS,
        .address = PADDR(registers[2]),
    });
    registers[1] = 0;
    return 0;
}

void arch_trouble_nmi(void)
{
    fake_trouble(&(struct trouble){.kind = TROUBLE_NMI});
}

void arch_trouble_interrupt(void)
{
    fake_trouble(&(struct trouble){.kind = TROUBLE_INTERRUPT, .vector = 0xF1});
}
