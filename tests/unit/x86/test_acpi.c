/* SPDX-License-Identifier: MIT */
/* Firmware tables in the fake machine's RAM, found from a root pointer that
 * the boot loader handed over. */
#include "arch/fake/fake.h"
#include "arch/x86/machine.h"
#include "unit.h"

#define ROOT 0x500000u
#define MADT 0x510000u
#define FADT 0x520000u
#define DSDT 0x530000u
#define HEAD 36u /* bytes of a table's header */

static uint16_t port, value;

static struct fake_config machine = {
    .first_mfn = 0x400, .page_count = 0x1000, .cpu_count = 1};

static uint8_t *ram(uint32_t address)
{
    return (uint8_t *)arch_map(MFN(address >> PAGE_SHIFT)) +
           address % PAGE_SIZE;
}

static void put_table(uint32_t address, const char *signature, const void *body,
                      uint32_t size)
{
    uint32_t length = HEAD + size;

    memcpy(ram(address), signature, 4);
    memcpy(ram(address) + 4, &length, 4);
    memcpy(ram(address) + HEAD, body, size);
}

static void set_length(uint32_t address, uint32_t length)
{
    memcpy(ram(address) + 4, &length, 4);
}

/* Two CPUs, of which one by its x2APIC entry, one that is off, and an I/O
 * APIC. */
static void put_madt(void)
{
    static const uint8_t body[] = {
        0, 0,  0xe0, 0xfe, 1, 0, 0,    0, /* local APICs' address, flags */
        0, 8,  0,    3,    1, 0, 0,    0, /* local APIC 3 */
        0, 8,  1,    4,    0, 0, 0,    0, /* 4, not there */
        1, 12, 0,    0,    0, 0, 0xd0, 0xfe, 0, 0, 0, 0, 9, 16,
        0, 0,  0x00, 0x01, 0, 0, 1,    0,    0, 0, 2, 0, 0, 0,
    };

    put_table(MADT, "APIC", body, sizeof(body));
}

static void put_root(void)
{
    static const uint32_t tables[] = {MADT, FADT};

    put_table(ROOT, "RSDT", tables, sizeof(tables));
}

static bool init(void)
{
    uint8_t rsdp[40] = "RSD PTR ";
    uint32_t root = ROOT;

    memcpy(rsdp + 16, &root, 4);
    return acpi_init(rsdp, false);
}

TEST(cpus_and_the_io_apic_are_found)
{
    fake_start(&machine);
    put_root();
    put_madt();
    EXPECT(init());
    EXPECT_EQ(acpi_cpu_count(), 2);
    EXPECT_EQ(acpi_cpu_apic_id(0), 3);
    EXPECT_EQ(acpi_cpu_apic_id(1), 0x100);
    EXPECT_EQ(acpi_ioapic().v, 0xfed00000);
    EXPECT(!acpi_power_switch(&port, &value));
}

TEST(a_64_bit_root_is_preferred)
{
    static const uint64_t tables[] = {MADT};
    uint8_t rsdp[40] = "RSD PTR ";
    uint64_t root = ROOT + 0x1000;

    fake_start(&machine);
    put_table(ROOT + 0x1000, "XSDT", tables, sizeof(tables));
    put_madt();
    rsdp[15] = 2;
    memcpy(rsdp + 24, &root, 8);
    EXPECT(acpi_init(rsdp, false));
    EXPECT_EQ(acpi_cpu_count(), 2);
}

/* More CPUs than we have room for, by entries that are all the same. */
TEST(too_many_cpus_are_left_out)
{
    uint8_t body[8 + 8 * (MAX_CPUS + 5)] = {0};

    fake_start(&machine);
    for (unsigned i = 0; i < MAX_CPUS + 5; i++) {
        static const uint8_t entry[8] = {0, 8, 0, 1, 1};

        memcpy(body + 8 + 8 * i, entry, sizeof(entry));
    }
    put_root();
    put_table(MADT, "APIC", body, sizeof(body));
    EXPECT(init());
    EXPECT_EQ(acpi_cpu_count(), MAX_CPUS);
}

TEST(an_entry_that_is_cut_off_is_not_read)
{
    fake_start(&machine);
    put_root();
    put_madt();
    set_length(MADT, HEAD + 8 + 8 + 7);
    EXPECT(init());
    EXPECT_EQ(acpi_cpu_count(), 1);
}

TEST(an_entry_without_a_length_ends_the_table)
{
    fake_start(&machine);
    put_root();
    put_madt();
    ram(MADT)[HEAD + 8 + 8 + 1] = 0;
    EXPECT(init());
    EXPECT_EQ(acpi_cpu_count(), 1);
}

/* Lengths that no table has: nothing in it is read, and above all not all
 * that lies behind it. */
TEST(a_root_of_4_gib_is_empty)
{
    fake_start(&machine);
    put_root();
    put_madt();
    set_length(ROOT, ~0u);
    EXPECT(init());
    EXPECT_EQ(acpi_cpu_count(), 0);
}

TEST(a_table_of_4_gib_is_empty)
{
    fake_start(&machine);
    put_root();
    put_madt();
    set_length(MADT, ~0u);
    EXPECT(init());
    EXPECT_EQ(acpi_cpu_count(), 0);
}

TEST(code_of_4_gib_is_empty)
{
    uint32_t fadt[20] = {0};

    fake_start(&machine);
    put_root();
    fadt[1] = DSDT;
    fadt[7] = 0x604;
    put_table(FADT, "FACP", fadt, sizeof(fadt));
    put_table(DSDT, "DSDT", "", 0);
    set_length(DSDT, ~0u);
    EXPECT(init());
    EXPECT(!acpi_power_switch(&port, &value)); /* no \_S5 was found */
}

/* The name, a package of 6 bytes with 4 elements, of which the first is 5. */
static const uint8_t sleep_five[] = "_S5_\x12\x06\x04\x0a\x05\0\0\0\0\0\0\0";

TEST(the_power_switch_by_32_bit_fields)
{
    uint32_t fadt[20] = {0};

    fake_start(&machine);
    put_root();
    fadt[1] = DSDT;
    fadt[7] = 0x604;
    fadt[10] = 0x608;
    put_table(FADT, "FACP", fadt, sizeof(fadt));
    put_table(DSDT, "DSDT", sleep_five, sizeof(sleep_five));
    EXPECT(init());
    EXPECT(acpi_power_switch(&port, &value));
    EXPECT_EQ(port, 0x604);
    EXPECT_EQ(acpi_timer_port(), 0x608);
    EXPECT_EQ(value, 5 << 10 | 1 << 13);
}

/* As UEFI has it: the old fields may be 0. */
TEST(the_power_switch_by_64_bit_fields)
{
    uint8_t fadt[220 - HEAD] = {0};
    uint64_t dsdt = DSDT, control = 0x1804, timer = 0x1808;

    fake_start(&machine);
    put_root();
    memcpy(fadt + 140 - HEAD, &dsdt, 8);
    fadt[172 - HEAD] = 1; /* an I/O port */
    memcpy(fadt + 172 - HEAD + 4, &control, 8);
    fadt[208 - HEAD] = 1;
    memcpy(fadt + 208 - HEAD + 4, &timer, 8);
    put_table(FADT, "FACP", fadt, sizeof(fadt));
    put_table(DSDT, "DSDT", sleep_five, sizeof(sleep_five));
    EXPECT(init());
    EXPECT(acpi_power_switch(&port, &value));
    EXPECT_EQ(port, 0x1804);
    EXPECT_EQ(acpi_timer_port(), 0x1808);
    EXPECT(!acpi_is_emulators());
    memcpy(ram(FADT) + 10, "BOCHS ", 6);
    EXPECT(init());
    EXPECT(acpi_is_emulators());
}

TEST(what_is_no_root_pointer_is_none)
{
    uint8_t rsdp[40] = "RSD_PTR ";

    fake_start(&machine);
    EXPECT(!acpi_init(rsdp, false));
    EXPECT(!acpi_init(NULL, false));
    EXPECT_EQ(acpi_cpu_count(), 0);
}
