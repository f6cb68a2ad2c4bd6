/* SPDX-License-Identifier: MIT */
/*
 * The little that we read of the host's ACPI tables: the CPUs and the I/O APIC
 * (MADT), a timer, and how to switch the machine off (FADT and the \_S5 package
 * of the DSDT). Where tables are is trusted as firmware is, but lengths are
 * checked: a table that says it is longer than any is has nothing in it. The
 * root pointer comes from the boot loader; only of a BIOS is it known where
 * else it would be.
 */
#include "arch/hostmap.h"
#include "arch/x86/layout.h"
#include "arch/x86/machine.h"
#include "lib/string.h"
#include "types/bits.h"

/* Bytes. The largest DSDTs are about a third of it. */
#define TABLE_LIMIT (1U << 20)
#define CPU_ENABLED 1U

/* Of the FADT, in bytes; X_ ones are newer and have 64 bits. */
enum {
    FADT_DSDT = 40,
    FADT_PM1A_CONTROL = 64,
    FADT_TIMER = 76,
    FADT_X_DSDT = 140,
    FADT_X_PM1A_CONTROL = 172,
    FADT_X_TIMER = 208,
    FADT_ADDRESS = 4, /* in a generic address: the space is its first byte */
    FADT_SPACE_IO = 1,
};

struct acpi_header {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem[6], oem_table[8];
    uint32_t oem_revision, creator, creator_revision;
} __attribute__((packed));

struct acpi_rsdp {
    char signature[8];
    uint8_t checksum;
    char oem[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length;
    uint64_t xsdt;
} __attribute__((packed));

static uint32_t cpu_apic_ids[MAX_CPUS];
static unsigned cpu_count;
static paddr_t ioapic = {0xFEC00000};
static uint16_t pm1a_control, timer_port;
static uint16_t sleep_type;
static bool can_power_off, is_emulators;

static const void *at(uint64_t address)
{
    return arch_map(MFN(address >> PAGE_SHIFT)) + (address & (PAGE_SIZE - 1));
}

static const uint8_t *table_end(const struct acpi_header *h)
{
    return (const uint8_t *)h + (h->length <= TABLE_LIMIT ? h->length : 0);
}

static bool is_rsdp(const struct acpi_rsdp *r)
{
    return memcmp(r->signature, "RSD PTR ", 8) == 0;
}

static const struct acpi_rsdp *find_rsdp(uint64_t from, uint64_t to)
{
    for (uint64_t a = from; a < to; a += 16) {
        const struct acpi_rsdp *r = at(a);

        if (is_rsdp(r)) {
            return r;
        }
    }
    return NULL;
}

static void add_cpu(uint32_t id, uint32_t flags)
{
    if ((flags & CPU_ENABLED) && cpu_count < MAX_CPUS) {
        cpu_apic_ids[cpu_count++] = id;
    }
}

static void parse_madt(const struct acpi_header *h)
{
    const uint8_t *p = (const uint8_t *)h + sizeof(*h) + 8;
    const uint8_t *end = table_end(h);
    uint32_t v[3];

    while (p + 2 <= end && p[1] >= 2 && p + p[1] <= end) {
        if (p[0] == 0 && p[1] >= 8) { /* local APIC */
            memcpy(v, p + 4, 4);
            add_cpu(p[3], v[0]);
        } else if (p[0] == 9 && p[1] >= 16) { /* local x2APIC */
            memcpy(v, p + 4, 8);
            add_cpu(v[0], v[1]);
        } else if (p[0] == 1 && p[1] >= 12) { /* I/O APIC, from GSI 0 */
            memcpy(v, p + 4, 8);
            if (v[1] == 0) {
                ioapic = PADDR(v[0]);
            }
        }
        p += p[1];
    }
}

/*
 * \_S5 is a package whose first element is the sleep type: in AML, the name
 * "_S5_", PackageOp 0x12, a length, a count, then a byte or a BytePrefix.
 */
static void parse_dsdt(const struct acpi_header *h)
{
    const uint8_t *p = (const uint8_t *)h + sizeof(*h);
    const uint8_t *end = table_end(h);

    for (; p + 12 < end; p++) {
        if (memcmp(p, "_S5_", 4) || p[4] != 0x12) {
            continue;
        }
        p += 5;
        p += 2 + (*p >> 6); /* package length, element count */
        sleep_type = *p == 0x0A ? p[1] : (*p == 1 ? 1 : 0);
        can_power_off = true;
        return;
    }
}

/* A field of the FADT, or 0 if the table is too short to have it. */
static uint64_t fadt_field(const struct acpi_header *h, size_t offset,
                           size_t size)
{
    uint64_t value = 0;

    if (offset + size <= h->length) {
        memcpy(&value, (const uint8_t *)h + offset, size);
    }
    return value;
}

/* An I/O port: of the 64-bit form if it is there and says so. */
static uint16_t fadt_port(const struct acpi_header *h, size_t offset,
                          size_t wide_offset)
{
    uint64_t wide = fadt_field(h, wide_offset + FADT_ADDRESS, 8);

    if (wide && fadt_field(h, wide_offset, 1) == FADT_SPACE_IO) {
        return (uint16_t)wide;
    }
    return (uint16_t)fadt_field(h, offset, 4);
}

static void parse_fadt(const struct acpi_header *h)
{
    uint64_t dsdt = fadt_field(h, FADT_X_DSDT, 8);

    is_emulators = memcmp(h->oem, "BOCHS ", sizeof(h->oem)) == 0;
    pm1a_control = fadt_port(h, FADT_PM1A_CONTROL, FADT_X_PM1A_CONTROL);
    timer_port = fadt_port(h, FADT_TIMER, FADT_X_TIMER);
    if (!dsdt) {
        dsdt = fadt_field(h, FADT_DSDT, 4);
    }
    if (dsdt) {
        parse_dsdt(at(dsdt));
    }
}

static void parse_table(uint64_t address)
{
    const struct acpi_header *h = at(address);

    if (memcmp(h->signature, "APIC", 4) == 0) {
        parse_madt(h);
    } else if (memcmp(h->signature, "FACP", 4) == 0) {
        parse_fadt(h);
    }
}

static void parse_root(uint64_t address, unsigned width)
{
    const struct acpi_header *h = at(address);
    const uint8_t *p = (const uint8_t *)h + sizeof(*h);
    const uint8_t *end = table_end(h);

    for (; p + width <= end; p += width) {
        uint64_t table = 0;

        memcpy(&table, p, width);
        parse_table(table);
    }
}

/* Where a BIOS has it: in its ROM, or at the beginning of its data area. */
static const struct acpi_rsdp *search_rsdp(void)
{
    const struct acpi_rsdp *r = find_rsdp(0xE0000, 0x100000);
    uint16_t segment;

    if (r) {
        return r;
    }
    memcpy(&segment, at(0x40E), 2);
    return find_rsdp((uint64_t)segment << 4, ((uint64_t)segment << 4) + 1024);
}

bool acpi_init(const void *rsdp, bool may_search)
{
    const struct acpi_rsdp *r = rsdp;

    if (!r && may_search) {
        r = search_rsdp();
    }
    if (!r || !is_rsdp(r)) {
        return false;
    }
    if (r->revision >= 2 && r->xsdt) {
        parse_root(r->xsdt, 8);
    } else {
        parse_root(r->rsdt, 4);
    }
    return true;
}

unsigned acpi_cpu_count(void)
{
    return cpu_count;
}

uint32_t acpi_cpu_apic_id(unsigned n)
{
    return cpu_apic_ids[n];
}

void acpi_add_cpu(uint32_t id)
{
    add_cpu(id, CPU_ENABLED);
}

paddr_t acpi_ioapic(void)
{
    return ioapic;
}

bool acpi_is_emulators(void)
{
    return is_emulators;
}

uint16_t acpi_timer_port(void)
{
    return timer_port;
}

bool acpi_power_switch(uint16_t *port, uint16_t *value)
{
    *port = pm1a_control;
    *value = (uint16_t)(sleep_type << 10 | BIT(13));
    return can_power_off && pm1a_control;
}
