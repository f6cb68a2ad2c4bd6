/* SPDX-License-Identifier: MIT */
/*
 * The firmware's ACPI tables, at 0xE0000. With an odd first byte a root
 * pointer as boot loaders hand it over is taken from the bytes' beginning;
 * else it is searched for.
 */
#include "memory4g.h"

#include "arch/x86/machine.h"
#include "unit.h"

#define AT 0xE0000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t rsdp[40] = {0};

    if (!size) {
        return 0;
    }
    memory4g_fill(AT, data + 1, size - 1);
    memcpy(rsdp, data + 1, size - 1 < sizeof(rsdp) ? size - 1 : sizeof(rsdp));
    if (acpi_init(data[0] & 1 ? rsdp : NULL, true)) {
        EXPECT(acpi_cpu_count() <= MAX_CPUS);
    }
    return 0;
}
