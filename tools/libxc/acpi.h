/* SPDX-License-Identifier: MIT */
#ifndef LIBXC_ACPI_H
#define LIBXC_ACPI_H

#include <stddef.h>
#include <stdint.h>

#define ACPI_BYTES_MAX 4096u /* all tables of a guest fit in one page */

struct acpi_config {
    uint64_t address;   /* guest physical, where the page will be */
    uint32_t vcpus;     /* online at boot */
    uint32_t vcpus_max; /* <= XC_VCPUS_MAX */
};

/*
 * Writes a guest's tables for a page at config->address. The RSDP is at its
 * beginning. Returns the bytes used.
 */
size_t acpi_build(const struct acpi_config *config,
                  uint8_t page[ACPI_BYTES_MAX]);

#endif
