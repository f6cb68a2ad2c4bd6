/* SPDX-License-Identifier: MIT */
/*
 * RSDP -> XSDT -> { FADT -> DSDT, MADT }, one after the other.
 *
 * HW_REDUCED_ACPI keeps Linux away from timers, interrupt controllers and
 * registers that are not there. The MADT must exist: without it Linux has no
 * driver for the x2APIC (DM-2). Local APIC ids are 2 * vCPU, and the ACPI
 * processor id is the vCPU's number, which Linux uses in hypercalls (AP-9).
 */
#include "boot/acpi_tables.h"

#include "domain/vcpu.h"
#include "lib/string.h"
#include "types/bits.h"
#include "types/check.h"

enum {
    FADT_REVISION = 6,
    FADT_HW_REDUCED = 1 << 20,
    IAPC_NO_VGA = 1 << 2,
    IAPC_NO_CMOS_RTC = 1 << 5,
    MADT_LOCAL_APIC = 0,
    MADT_ENABLED = 1,
    APIC_BASE = 0xfee00000,
};

struct acpi_header {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem_id[6], oem_table_id[8];
    uint32_t oem_revision;
    char creator_id[4];
    uint32_t creator_revision;
} __attribute__((packed));

struct rsdp {
    char signature[8];
    uint8_t checksum; /* of the first 20 bytes */
    char oem_id[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length;
    uint64_t xsdt;
    uint8_t extended_checksum, reserved[3];
} __attribute__((packed));

struct xsdt {
    struct acpi_header header;
    uint64_t fadt, madt;
} __attribute__((packed));

/* Only the fields of a hardware-reduced machine have names. */
struct fadt {
    struct acpi_header header;
    uint32_t facs, dsdt;
    uint8_t legacy[109 - 44];
    uint16_t iapc_boot_flags;
    uint8_t reserved;
    uint32_t flags;
    uint8_t reset[129 - 116];
    uint8_t arm_boot_flags[2], minor_revision;
    uint64_t x_facs, x_dsdt;
    uint8_t x_blocks[268 - 148];
    uint64_t hypervisor_id;
} __attribute__((packed));

struct madt {
    struct acpi_header header;
    uint32_t apic_base, flags;
    struct madt_local_apic {
        uint8_t type, length, processor_id, apic_id;
        uint32_t flags;
    } apics[MAX_VCPUS];
} __attribute__((packed));

struct all_tables {
    struct rsdp rsdp;
    uint8_t pad[12];
    struct xsdt xsdt;
    uint8_t pad2[4];
    struct fadt fadt;
    uint8_t pad3[12];
    struct acpi_header dsdt; /* an empty definition block */
    uint8_t pad4[12];
    struct madt madt;
} __attribute__((packed));

BUILD_ASSERT(sizeof(struct acpi_header) == 36, "ACPI layout");
BUILD_ASSERT(sizeof(struct rsdp) == 36, "ACPI layout");
BUILD_ASSERT(sizeof(struct fadt) == 276, "ACPI layout");
BUILD_ASSERT(offsetof(struct fadt, iapc_boot_flags) == 109, "ACPI layout");
BUILD_ASSERT(offsetof(struct fadt, flags) == 112, "ACPI layout");
BUILD_ASSERT(offsetof(struct fadt, x_dsdt) == 140, "ACPI layout");
BUILD_ASSERT(sizeof(struct all_tables) <= ACPI_TABLES_LIMIT, "ACPI room");
/* Ids above 254 would need entries of another type (x2APIC, 9). */
BUILD_ASSERT(2 * (MAX_VCPUS - 1) <= 254, "local APIC ids of 8 bits");

static uint8_t checksum(const void *p, size_t size)
{
    const uint8_t *bytes = p;
    uint8_t sum = 0;

    for (size_t i = 0; i < size; i++) {
        sum += bytes[i];
    }
    return -sum;
}

/* Fill the header last: it sums the whole table up. */
static void seal(struct acpi_header *h, const char *signature, uint8_t revision,
                 uint32_t length)
{
    memcpy(h->signature, signature, sizeof(h->signature));
    h->length = length;
    h->revision = revision;
    memcpy(h->oem_id, "Podium", sizeof(h->oem_id));
    memcpy(h->oem_table_id, "PodiumVM", sizeof(h->oem_table_id));
    h->oem_revision = 1;
    memcpy(h->creator_id, "PODM", sizeof(h->creator_id));
    h->creator_revision = 1;
    h->checksum = checksum(h, length);
}

static void fill_rsdp(struct rsdp *r, uint64_t xsdt)
{
    memcpy(r->signature, "RSD PTR ", sizeof(r->signature));
    memcpy(r->oem_id, "Podium", sizeof(r->oem_id));
    r->revision = 2;
    r->length = sizeof(*r);
    r->xsdt = xsdt;
    r->checksum = checksum(r, 20);
    r->extended_checksum = checksum(r, sizeof(*r));
}

/* The tables are below 4 GiB. */
static void fill_fadt(struct fadt *f, uint64_t dsdt)
{
    f->dsdt = (uint32_t)dsdt;
    f->x_dsdt = dsdt;
    f->iapc_boot_flags = IAPC_NO_VGA | IAPC_NO_CMOS_RTC;
    f->flags = FADT_HW_REDUCED;
    memcpy(&f->hypervisor_id, "Podium", 6);
    seal(&f->header, "FACP", FADT_REVISION, sizeof(*f));
}

static void fill_madt(struct madt *m, unsigned vcpus)
{
    m->apic_base = APIC_BASE;
    for (unsigned i = 0; i < vcpus; i++) {
        m->apics[i] = (struct madt_local_apic){
            .type = MADT_LOCAL_APIC,
            .length = sizeof(m->apics[i]),
            .processor_id = (uint8_t)i,
            .apic_id = (uint8_t)(2 * i),
            .flags = MADT_ENABLED,
        };
    }
    seal(
        &m->header, "APIC", 4,
        (uint32_t)(offsetof(struct madt, apics) + vcpus * sizeof(m->apics[0])));
}

uint64_t acpi_tables_build(uint8_t *buf, uint64_t base, unsigned vcpus)
{
    struct all_tables *t = (void *)buf;

    memset(t, 0, sizeof(*t));
    seal(&t->dsdt, "DSDT", 2, sizeof(t->dsdt));
    fill_fadt(&t->fadt, base + offsetof(struct all_tables, dsdt));
    fill_madt(&t->madt, vcpus);
    t->xsdt.fadt = base + offsetof(struct all_tables, fadt);
    t->xsdt.madt = base + offsetof(struct all_tables, madt);
    seal(&t->xsdt.header, "XSDT", 1, sizeof(t->xsdt));
    fill_rsdp(&t->rsdp, base + offsetof(struct all_tables, xsdt));
    return base + offsetof(struct all_tables, rsdp);
}
