/* SPDX-License-Identifier: MIT */
/*
 * The tables as a guest would find them: from the RSDP along the pointers,
 * each inside the page, each adding up to zero.
 */
#include "libxc/acpi.h"

#include <stdlib.h>

#include "check.h"
#include "libxc/xc.h"

#define ADDRESS 0xfc000000ull

static uint8_t *page;

static uint64_t get(const uint8_t *p, unsigned int bytes)
{
    uint64_t value = 0;

    memcpy(&value, p, bytes);
    return value;
}

static bool adds_up(const uint8_t *p, size_t size)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < size; i++) {
        sum = (uint8_t)(sum + p[i]);
    }
    return sum == 0;
}

/* The table at a guest address, if it is all there and has that name. */
static const uint8_t *table_at(uint64_t address, const char *signature)
{
    uint64_t offset = address - ADDRESS;
    const uint8_t *p = page + offset;

    if (address < ADDRESS || offset + 36 > ACPI_BYTES_MAX ||
        offset + get(p + 4, 4) > ACPI_BYTES_MAX || memcmp(p, signature, 4) ||
        !adds_up(p, get(p + 4, 4))) {
        printf("no good %s at %#llx\n", signature, (unsigned long long)address);
        check_failed = true;
        return page;
    }
    return p;
}

/* The i-th table of the XSDT. */
static const uint8_t *find(unsigned int i, const char *signature)
{
    const uint8_t *xsdt = table_at(get(page + 24, 8), "XSDT");

    return table_at(get(xsdt + 36 + 8 * i, 8), signature);
}

static size_t build(uint32_t vcpus, uint32_t vcpus_max)
{
    struct acpi_config config = {
        .address = ADDRESS, .vcpus = vcpus, .vcpus_max = vcpus_max};

    free(page);
    page = malloc(ACPI_BYTES_MAX);
    return acpi_build(&config, page);
}

static void test_rsdp(void)
{
    EXPECT(build(1, 1) <= ACPI_BYTES_MAX);
    EXPECT(!memcmp(page, "RSD PTR ", 8));
    EXPECT(page[15] == 2);
    EXPECT(adds_up(page, 20));
    EXPECT(adds_up(page, 36));
    EXPECT(get(page + 20, 4) == 36);
}

static void test_fadt(void)
{
    const uint8_t *fadt;

    build(1, 1);
    fadt = find(0, "FACP");
    EXPECT(get(fadt + 112, 4) & 1u << 20);           /* reduced hardware */
    EXPECT(get(fadt + 109, 2) == (1 << 2 | 1 << 5)); /* no VGA, no RTC */
    table_at(get(fadt + 40, 4), "DSDT");
    EXPECT(get(fadt + 140, 8) == get(fadt + 40, 4));
}

static void check_madt(uint32_t vcpus, uint32_t vcpus_max)
{
    const uint8_t *madt;

    EXPECT(build(vcpus, vcpus_max) <= ACPI_BYTES_MAX);
    madt = find(1, "APIC");
    EXPECT(get(madt + 4, 4) == 44 + 8 * vcpus_max);
    EXPECT(get(madt + 40, 4) == 0); /* no 8259 */
    for (uint32_t i = 0; i < vcpus_max; i++) {
        const uint8_t *entry = madt + 44 + 8 * i;

        EXPECT(entry[0] == 0 && entry[1] == 8);
        EXPECT(entry[2] == i);
        EXPECT(entry[3] == 2 * i);
        EXPECT(get(entry + 4, 4) == (i < vcpus));
    }
}

static void test_madt(void)
{
    check_madt(1, 1);
    check_madt(2, 4);
    check_madt(1, XC_VCPUS_MAX);
    check_madt(XC_VCPUS_MAX, XC_VCPUS_MAX);
    free(page);
    page = NULL;
}

static const struct check checks[] = {
    {"acpi: RSDP", test_rsdp},
    {"acpi: FADT and DSDT", test_fadt},
    {"acpi: one local APIC per vCPU", test_madt},
};

CHECK_MAIN(checks)
