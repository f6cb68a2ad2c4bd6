/* SPDX-License-Identifier: MIT */
/* Read the tables as a guest would: from the RSDP on, by the ACPI manual. */
#include "boot/acpi_tables.h"
#include "unit.h"

#define BASE 0xfc000000ULL

static uint8_t tables[ACPI_TABLES_LIMIT] __attribute__((aligned(16)));

static uint8_t *at(uint64_t address)
{
    EXPECT(address >= BASE && address < BASE + sizeof(tables));
    return tables + (address - BASE);
}

static uint64_t number(const uint8_t *p, unsigned size)
{
    uint64_t n = 0;

    memcpy(&n, p, size);
    return n;
}

static uint8_t sum(const uint8_t *p, size_t size)
{
    uint8_t total = 0;

    while (size--) {
        total = (uint8_t)(total + *p++);
    }
    return total;
}

static uint8_t *table(uint64_t address, const char *signature)
{
    uint8_t *t = at(address);

    EXPECT(memcmp(t, signature, 4) == 0);
    EXPECT_EQ(sum(t, number(t + 4, 4)), 0);
    return t;
}

TEST(lead_from_rsdp_to_all_tables)
{
    uint8_t *rsdp = at(acpi_tables_build(tables, BASE, 3));
    uint8_t *xsdt, *fadt, *madt;

    EXPECT(memcmp(rsdp, "RSD PTR ", 8) == 0);
    EXPECT_EQ(sum(rsdp, 20), 0);
    EXPECT_EQ(sum(rsdp, 36), 0);
    EXPECT_EQ(rsdp[15], 2);
    xsdt = table(number(rsdp + 24, 8), "XSDT");
    EXPECT_EQ(number(xsdt + 4, 4), 36 + 2 * 8);

    fadt = table(number(xsdt + 36, 8), "FACP");
    EXPECT(fadt[8] >= 5);
    EXPECT_EQ(number(fadt + 112, 4), 1 << 20);
    EXPECT_EQ(number(fadt + 109, 2), 1 << 2 | 1 << 5);
    EXPECT_EQ(number(table(number(fadt + 140, 8), "DSDT") + 4, 4), 36);

    madt = table(number(xsdt + 44, 8), "APIC");
    EXPECT_EQ(number(madt + 4, 4), 44 + 3 * 8);
    EXPECT_EQ(number(madt + 40, 4), 0);
    for (unsigned i = 0; i < 3; i++) {
        const uint8_t *apic = madt + 44 + 8 * i;

        EXPECT_EQ(apic[0], 0);
        EXPECT_EQ(apic[1], 8);
        EXPECT_EQ(apic[2], i);
        EXPECT_EQ(apic[3], 2 * i);
        EXPECT_EQ(number(apic + 4, 4), 1);
    }
}

TEST(hold_the_largest_domain)
{
    uint8_t *rsdp = at(acpi_tables_build(tables, BASE, 128));
    uint8_t *xsdt = table(number(rsdp + 24, 8), "XSDT");

    EXPECT_EQ(number(table(number(xsdt + 44, 8), "APIC") + 4, 4), 44 + 128 * 8);
}
