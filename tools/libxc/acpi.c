/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables of a PVH guest: RSDP, XSDT, FADT, MADT and an empty DSDT,
 * one after another in one page.
 *
 * They say as little as possible. The FADT declares reduced hardware, no VGA,
 * no RTC and no keyboard controller: a kernel then leaves the PIT, the PIC,
 * the PM timer and their ports alone, which is right, because there are none.
 * The MADT lists the local APICs. APIC id 2n belongs to vCPU n, and Linux
 * takes the ACPI processor id for the vCPU's number in hypercalls. A vCPU
 * that may be plugged in later is listed, but not enabled.
 *
 * Layouts: ACPI 6.0, chapter 5.2. All fields are little endian, as we are.
 */
#include "libxc/acpi.h"

#include <stdbool.h>
#include <string.h>

#include "libxc/xc.h"

enum fadt {
    FADT_BYTES = 268, /* revision 5 */
    FADT_REVISION = 5,
    FADT_DSDT = 40,
    FADT_IAPC_BOOT_ARCH = 109,
    FADT_FLAGS = 112,
    FADT_X_DSDT = 140,

    IAPC_NO_VGA = 1 << 2,
    IAPC_NO_CMOS_RTC = 1 << 5,
    FLAG_WBINVD = 1 << 0,
    FLAG_HW_REDUCED = 1 << 20,
};

enum madt {
    MADT_LOCAL_APIC_ADDRESS = 36,
    MADT_ENTRIES = 44,
    MADT_REVISION = 3,
    LOCAL_APIC_TYPE = 0,
    LOCAL_APIC_BYTES = 8,
    LOCAL_APIC_ENABLED = 1,
};

struct header {
    char signature[4];
    uint32_t length;
    uint8_t revision;
    uint8_t checksum;
    char oem_id[6];
    char oem_table_id[8];
    uint32_t oem_revision;
    char creator_id[4];
    uint32_t creator_revision;
};
_Static_assert(sizeof(struct header) == 36, "ACPI header");

struct rsdp {
    char signature[8];
    uint8_t checksum; /* of the first 20 bytes */
    char oem_id[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length;
    uint64_t xsdt;
    uint8_t extended_checksum;
    uint8_t reserved[3];
} __attribute__((packed));
_Static_assert(sizeof(struct rsdp) == 36, "RSDP");

/* A page being filled from its beginning. */
struct writer {
    uint8_t *page;
    size_t used;
    uint64_t address;
};

/* Bytes of a table add up to 0. */
static uint8_t checksum(const uint8_t *data, size_t size)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < size; i++) {
        sum = (uint8_t)(sum + data[i]);
    }
    return (uint8_t)-sum;
}

static uint8_t *take(struct writer *w, size_t size, uint64_t *address)
{
    uint8_t *p = w->page + w->used;

    *address = w->address + w->used;
    w->used += (size + 15) & ~(size_t)15;
    return p;
}

/* A table of `size` bytes with its header; the rest is zero so far. */
static uint8_t *table_begin(struct writer *w, const char *signature,
                            uint8_t revision, size_t size, uint64_t *address)
{
    uint8_t *p = take(w, size, address);
    struct header h = {
        .length = (uint32_t)size,
        .revision = revision,
        .oem_id = "PODIUM",
        .oem_table_id = "PVHGUEST",
        .oem_revision = 1,
        .creator_id = "PODM",
        .creator_revision = 1,
    };

    memcpy(h.signature, signature, sizeof(h.signature));
    memcpy(p, &h, sizeof(h));
    return p;
}

static void table_end(uint8_t *table)
{
    struct header h;

    memcpy(&h, table, sizeof(h));
    table[offsetof(struct header, checksum)] = checksum(table, h.length);
}

static void put16(uint8_t *p, uint16_t value)
{
    memcpy(p, &value, sizeof(value));
}

static void put32(uint8_t *p, uint32_t value)
{
    memcpy(p, &value, sizeof(value));
}

static void put64(uint8_t *p, uint64_t value)
{
    memcpy(p, &value, sizeof(value));
}

/* Revision 2: 64-bit integers. There is nothing in it. */
static uint64_t write_dsdt(struct writer *w)
{
    uint64_t address;

    table_end(table_begin(w, "DSDT", 2, sizeof(struct header), &address));
    return address;
}

static uint64_t write_fadt(struct writer *w, uint64_t dsdt)
{
    uint64_t address;
    uint8_t *p = table_begin(w, "FACP", FADT_REVISION, FADT_BYTES, &address);

    put32(p + FADT_DSDT, (uint32_t)dsdt);
    put64(p + FADT_X_DSDT, dsdt);
    put16(p + FADT_IAPC_BOOT_ARCH, IAPC_NO_VGA | IAPC_NO_CMOS_RTC);
    put32(p + FADT_FLAGS, FLAG_WBINVD | FLAG_HW_REDUCED);
    table_end(p);
    return address;
}

static void write_local_apic(uint8_t *p, uint32_t vcpu, bool enabled)
{
    p[0] = LOCAL_APIC_TYPE;
    p[1] = LOCAL_APIC_BYTES;
    p[2] = (uint8_t)vcpu;       /* ACPI processor id */
    p[3] = (uint8_t)(2 * vcpu); /* APIC id */
    put32(p + 4, enabled ? LOCAL_APIC_ENABLED : 0);
}

static uint64_t write_madt(struct writer *w, const struct acpi_config *config)
{
    size_t size = MADT_ENTRIES + LOCAL_APIC_BYTES * config->vcpus_max;
    uint64_t address;
    uint8_t *p = table_begin(w, "APIC", MADT_REVISION, size, &address);

    put32(p + MADT_LOCAL_APIC_ADDRESS, 0xfee00000);
    /* Flags stay 0: bit 0 (PCAT_COMPAT) would claim that there is a PIC. */
    for (uint32_t i = 0; i < config->vcpus_max; i++) {
        write_local_apic(&p[MADT_ENTRIES + LOCAL_APIC_BYTES * i], i,
                         i < config->vcpus);
    }
    table_end(p);
    return address;
}

static uint64_t write_xsdt(struct writer *w, uint64_t fadt, uint64_t madt)
{
    size_t size = sizeof(struct header) + 2 * sizeof(uint64_t);
    uint64_t address;
    uint8_t *p = table_begin(w, "XSDT", 1, size, &address);

    put64(p + sizeof(struct header), fadt);
    put64(p + sizeof(struct header) + 8, madt);
    table_end(p);
    return address;
}

static void write_rsdp(uint8_t *p, uint64_t xsdt)
{
    struct rsdp r = {
        .oem_id = "PODIUM",
        .revision = 2,
        .length = sizeof(r),
        .xsdt = xsdt,
    };

    memcpy(r.signature, "RSD PTR ", sizeof(r.signature));
    r.checksum = checksum((const uint8_t *)&r, 20);
    r.extended_checksum = checksum((const uint8_t *)&r, sizeof(r));
    memcpy(p, &r, sizeof(r));
}

size_t acpi_build(const struct acpi_config *config,
                  uint8_t page[ACPI_BYTES_MAX])
{
    /* The largest MADT is half a page, the rest a few hundred bytes. */
    _Static_assert(MADT_ENTRIES + LOCAL_APIC_BYTES * XC_VCPUS_MAX + FADT_BYTES +
                           512 <=
                       ACPI_BYTES_MAX,
                   "the tables fit in a page");
    struct writer w = {.page = page, .address = config->address};
    uint64_t fadt, madt, rsdp;
    uint8_t *rsdp_bytes;

    memset(page, 0, ACPI_BYTES_MAX);
    rsdp_bytes = take(&w, sizeof(struct rsdp), &rsdp);
    fadt = write_fadt(&w, write_dsdt(&w));
    madt = write_madt(&w, config);
    write_rsdp(rsdp_bytes, write_xsdt(&w, fadt, madt));
    return w.used;
}
