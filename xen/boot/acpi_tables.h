/* SPDX-License-Identifier: MIT */
/* ACPI tables of the first domain: hardware-reduced, no devices (DM-1). */
#ifndef BOOT_ACPI_TABLES_H
#define BOOT_ACPI_TABLES_H

#include "types/words.h"

/* All tables for `vcpus` vCPUs, as they are to lie at guest-physical `base`,
 * which must be 16-byte aligned and below 4 GiB. buf has room for
 * ACPI_TABLES_LIMIT bytes. Returns the guest-physical address of the RSDP. */
uint64_t acpi_tables_build(uint8_t *buf, uint64_t base, unsigned vcpus);

#define ACPI_TABLES_LIMIT 4096

#endif
