/* SPDX-License-Identifier: MIT */
/*
 * Domain 0's memory, as a domU's (PB-10) without special pages:
 *
 *   0             RAM: the kernel where its ELF file says, start_info with all
 *                 that it points at in the pages behind, the initrd as high as
 *                 possible but below 1 GiB, where Linux can still reach it
 *                 early (PB-5)
 *   LOW_RAM_END   ACPI tables (type ACPI)
 *   4 GiB         the rest of RAM
 *
 * Everything is checked and laid out first (struct plan), then the domain is
 * made, given memory, and filled. Fresh pages are zero, so .bss is too.
 */
#include "boot/first_domain.h"

#include "arch/hostmap.h"
#include "base/console.h"
#include "boot/acpi_tables.h"
#include "boot/elf.h"
#include "domain/memory.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "types/error.h"
#include "types/overflow.h"

#include <xen/arch-x86/hvm/start_info.h>
#include <xen/domctl.h>
#include <xen/xen.h>

#define LOW_RAM_END 0xfc000000ULL
#define HIGH_RAM    BIT(32)
#define EARLY_LIMIT BIT(30) /* Linux's first page tables end here */
#define COMMAND_MAX 4096
#define SLACK_PAGES 256 /* above `pages`: ACPI and what it may map */

#define MIB(bytes)    ((unsigned long)((bytes) >> 20))
#define MIB_UP(bytes) MIB(ROUND_UP((bytes), BIT(20)))
/* What an initrd unpacks to nobody knows before. Debian 12's kernel with 31 MiB
 * of it, not packed, takes 106 MiB to load, dies with 128, and with 144 lacks
 * files. */
#define ENOUGH(least) (2 * (least))

enum {
    CR0_PE = 1,
    CR0_ET = 16,
    SEG_CODE32 = 0xc9b,
    SEG_DATA32 = 0xc93,
    SEG_TSS32 = 0x8b,
};

/* What start_info points at, as one block. */
struct start_block {
    struct hvm_start_info info;
    struct hvm_modlist_entry initrd;
    struct hvm_memmap_table_entry map[3];
    char command_line[COMMAND_MAX];
};

struct plan {
    const struct first_domain_config *config;
    struct elf_kernel kernel;
    uint64_t low_end;  /* end of RAM below 4 GiB */
    uint64_t high_end; /* end of RAM above, or HIGH_RAM */
    uint64_t start_info;
    uint64_t initrd;
};

/* The whole of start_block; too large for the stack. */
static struct start_block block;
static uint8_t tables[ACPI_TABLES_LIMIT] __attribute__((aligned(16)));

static char reason[200];

printf_like(1, 2) static const char *because(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    format_text_v(reason, sizeof(reason), fmt, args);
    va_end(args);
    return reason;
}

/* Where RAM has to reach at least: kernel, start info, initrd. */
static uint64_t least_end(const struct plan *p)
{
    return ROUND_UP(p->start_info + sizeof(block), PAGE_SIZE) +
           ROUND_UP((uint64_t)p->config->initrd_size, PAGE_SIZE);
}

/* Below EARLY_LIMIT if it fits there; least_end() says that it fits at all. */
static void plan_initrd(struct plan *p)
{
    uint64_t size = ROUND_UP((uint64_t)p->config->initrd_size, PAGE_SIZE);
    uint64_t top = p->low_end;

    if (least_end(p) <= EARLY_LIMIT) {
        top = MIN(top, EARLY_LIMIT);
    }
    p->initrd = top - size;
}

static const char *plan_kernel(struct plan *p)
{
    const struct first_domain_config *c = p->config;
    const char *wrong = elf_read_kernel(c->kernel, c->kernel_size, &p->kernel);

    if (wrong) {
        return because("dom0's kernel: %s", wrong);
    }
    if (p->kernel.end > EARLY_LIMIT - 2 * sizeof(block)) {
        return "dom0's kernel: it lies too high";
    }
    p->start_info = ROUND_UP(p->kernel.end, PAGE_SIZE);
    return NULL;
}

static const char *plan_memory(struct plan *p)
{
    const struct first_domain_config *c = p->config;
    uint64_t bytes;

    if (mul_overflows(c->pages, PAGE_SIZE, &bytes) ||
        range_exceeds(0, c->pages, P2M_GFN_LIMIT - SLACK_PAGES)) {
        return "dom0_mem is more memory than a domain can have";
    }
    p->low_end = MIN(bytes, LOW_RAM_END);
    p->high_end = HIGH_RAM + bytes - p->low_end;
    if (least_end(p) > LOW_RAM_END) {
        return "dom0's initrd is too large to lie below 4 GiB";
    }
    if (least_end(p) > p->low_end) {
        return because("dom0_mem=%luM is too little: kernel and initrd alone "
                       "take %lu MiB; with %luM Linux should do",
                       MIB(bytes), MIB_UP(least_end(p)),
                       MIB_UP(ENOUGH(least_end(p))));
    }
    return NULL;
}

static const char *make_plan(struct plan *p)
{
    const char *wrong = plan_kernel(p);

    if (!wrong) {
        wrong = plan_memory(p);
    }
    if (wrong) {
        return wrong;
    }
    if (strlen(p->config->command_line) >= COMMAND_MAX) {
        return "the command line of dom0's kernel is too long";
    }
    plan_initrd(p);
    return NULL;
}

/* One block; page by page when there is none of that size. */
static int populate_block(struct domain *d, gfn_t gfn, unsigned order)
{
    int rc = memory_populate(d, gfn, order);

    if (rc != -ENOMEM || order == ORDER_4K) {
        return rc;
    }
    rc = 0;
    for (uint64_t i = 0; !rc && i < BIT(order); i++) {
        rc = memory_populate(d, gfn_add(gfn, i), ORDER_4K);
    }
    return rc;
}

static int populate(struct domain *d, uint64_t start, uint64_t end)
{
    gfn_t gfn = gfn_from_gpa(GPA(start));
    uint64_t left = (end - start) >> PAGE_SHIFT;
    int rc = 0;

    while (!rc && left) {
        bool large =
            left >= BIT(ORDER_2M) && gfn_eq(gfn, gfn_align(gfn, ORDER_2M));
        unsigned order = large ? ORDER_2M : ORDER_4K;

        rc = populate_block(d, gfn, order);
        gfn = gfn_add(gfn, BIT(order));
        left -= BIT(order);
    }
    return rc;
}

static int populate_all(struct domain *d, const struct plan *p)
{
    int rc = populate(d, 0, p->low_end);

    if (!rc) {
        rc = populate(d, HIGH_RAM, p->high_end);
    }
    if (!rc) {
        rc = populate(d, LOW_RAM_END, LOW_RAM_END + ACPI_TABLES_LIMIT);
    }
    return rc;
}

/* Copy into the domain's RAM, which must be there: the plan said so. */
static void guest_write(struct domain *d, uint64_t gpa, const void *from,
                        uint64_t size)
{
    const uint8_t *bytes = from;

    while (size) {
        uint64_t offset = gpa & (PAGE_SIZE - 1);
        uint64_t now = MIN(size, PAGE_SIZE - offset);
        struct p2m_entry e = p2m_get(&d->p2m, gfn_from_gpa(GPA(gpa)));

        CHECK(e.type == P2M_RAM);
        memcpy((uint8_t *)arch_map(e.mfn) + offset, bytes, now);
        gpa += now;
        bytes += now;
        size -= now;
    }
}

static void write_kernel(struct domain *d, const struct elf_kernel *k)
{
    for (unsigned i = 0; i < k->segment_count; i++) {
        const struct elf_segment *s = &k->segments[i];

        guest_write(d, s->address, s->bytes, s->file_size);
    }
}

static uint64_t write_tables(struct domain *d, const struct plan *p)
{
    uint64_t rsdp =
        acpi_tables_build(tables, LOW_RAM_END, p->config->max_vcpus);

    guest_write(d, LOW_RAM_END, tables, sizeof(tables));
    return rsdp;
}

/* The memory map, for start_info and for XENMEM_memory_map. */
static unsigned fill_map(struct hvm_memmap_table_entry *map,
                         const struct plan *p)
{
    unsigned count = 0;

    map[count++] = (struct hvm_memmap_table_entry){
        .addr = 0, .size = p->low_end, .type = XEN_HVM_MEMMAP_TYPE_RAM};
    map[count++] =
        (struct hvm_memmap_table_entry){.addr = LOW_RAM_END,
                                        .size = ACPI_TABLES_LIMIT,
                                        .type = XEN_HVM_MEMMAP_TYPE_ACPI};
    if (p->high_end > HIGH_RAM) {
        map[count++] =
            (struct hvm_memmap_table_entry){.addr = HIGH_RAM,
                                            .size = p->high_end - HIGH_RAM,
                                            .type = XEN_HVM_MEMMAP_TYPE_RAM};
    }
    return count;
}

static void write_start_info(struct domain *d, const struct plan *p,
                             uint64_t rsdp)
{
    uint64_t at = p->start_info;

    memset(&block, 0, sizeof(block));
    block.info = (struct hvm_start_info){
        .magic = XEN_HVM_START_MAGIC_VALUE,
        .version = 1,
        .flags = SIF_INITDOMAIN | SIF_PRIVILEGED,
        .cmdline_paddr = at + offsetof(struct start_block, command_line),
        .rsdp_paddr = rsdp,
        .memmap_paddr = at + offsetof(struct start_block, map),
        .memmap_entries = fill_map(block.map, p),
    };
    if (p->config->initrd) {
        block.info.nr_modules = 1;
        block.info.modlist_paddr = at + offsetof(struct start_block, initrd);
        block.initrd.paddr = p->initrd;
        block.initrd.size = p->config->initrd_size;
    }
    string_copy(block.command_line, p->config->command_line, COMMAND_MAX);
    guest_write(d, at, &block, sizeof(block));
}

static int store_map(struct domain *d)
{
    unsigned count = block.info.memmap_entries;

    d->e820 = heap_alloc_array(count, sizeof(*d->e820));
    if (!d->e820) {
        return -ENOMEM;
    }
    for (unsigned i = 0; i < count; i++) {
        d->e820[i] = (struct domain_e820){.addr = block.map[i].addr,
                                          .size = block.map[i].size,
                                          .type = block.map[i].type};
    }
    d->e820_count = count;
    return 0;
}

/* 32-bit protected mode without paging, flat segments. */
static void set_entry_state(struct vcpu *v, const struct plan *p)
{
    const struct guest_seg data = {.attributes = SEG_DATA32,
                                   .limit = 0xffffffff};
    struct guest_state s;

    arch_guest_get_state(v->gc, &s);
    s.cr0 = CR0_PE | CR0_ET;
    s.cr3 = s.cr4 = s.efer = 0;
    s.seg[SEG_CS] =
        (struct guest_seg){.attributes = SEG_CODE32, .limit = 0xffffffff};
    s.seg[SEG_DS] = s.seg[SEG_ES] = s.seg[SEG_SS] = data;
    s.seg[SEG_TR] = (struct guest_seg){.attributes = SEG_TSS32, .limit = 0x67};
    arch_guest_set_state(v->gc, &s);
    v->regs.rip = p->kernel.entry;
    v->regs.rbx = p->start_info;
    v->regs.rflags = 2;
    vcpu_online(v);
}

static int fill(struct domain *d, const struct plan *p)
{
    uint64_t rsdp;
    int rc;

    memory_set_max_pages(d, p->config->pages + SLACK_PAGES);
    rc = populate_all(d, p);
    if (rc) {
        return rc;
    }
    write_kernel(d, &p->kernel);
    if (p->config->initrd) {
        guest_write(d, p->initrd, p->config->initrd, p->config->initrd_size);
    }
    rsdp = write_tables(d, p);
    write_start_info(d, p, rsdp);
    rc = store_map(d);
    if (!rc) {
        set_entry_state(d->vcpus[0], p);
    }
    return rc;
}

static void destroy(struct domain *d)
{
    while (domain_kill(d) == -ERESTART) {
        continue;
    }
    domain_put(d);
    domain_reap();
}

static void warn_of_too_little(const struct plan *p)
{
    uint64_t enough = ENOUGH(least_end(p));

    if (p->config->pages << PAGE_SHIFT < enough) {
        log_line(LOG_WARNING,
                 "d0: kernel and initrd take %lu of its %lu MiB: Linux may run "
                 "out of memory, with dom0_mem=%luM it should not",
                 MIB_UP(least_end(p)), MIB(p->config->pages << PAGE_SHIFT),
                 MIB_UP(enough));
    }
}

static void say_built(const struct plan *p)
{
    log_line(LOG_INFO,
             "d0: %lu MiB, %u vCPUs, kernel at 0x%lx..0x%lx, entry 0x%lx",
             MIB(p->config->pages << PAGE_SHIFT), p->config->max_vcpus,
             (unsigned long)p->kernel.start, (unsigned long)p->kernel.end,
             (unsigned long)p->kernel.entry);
    if (p->config->initrd) {
        log_line(LOG_INFO, "d0: initrd of %lu bytes at 0x%lx",
                 (unsigned long)p->config->initrd_size,
                 (unsigned long)p->initrd);
    } else {
        log_line(LOG_INFO, "d0: no initrd: there is no second module");
    }
    warn_of_too_little(p);
}

static void say_no_memory(const struct first_domain_config *c, uint64_t free,
                          int rc)
{
    log_line(LOG_ERROR,
             "dom0_mem=%luM cannot be had: %lu MiB are free, some of them for "
             "tables (error %d)",
             MIB(c->pages << PAGE_SHIFT), MIB(free << PAGE_SHIFT), -rc);
}

struct domain *first_domain_build(const struct first_domain_config *config)
{
    struct plan plan = {.config = config};
    const struct domain_config dc = {
        .id = 0,
        .privileged = true,
        .max_vcpus = config->max_vcpus,
        .max_evtchn_port = EVENT_PORT_LIMIT - 1,
        .max_grant_frames = GRANT_FRAMES_DEFAULT,
        .max_maptrack_frames = MAPTRACK_FRAMES_DEFAULT,
        .creation_flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
    };
    const char *wrong = make_plan(&plan);
    uint64_t free = page_alloc_info().free;
    struct domain *d;
    int rc;

    if (wrong) {
        log_line(LOG_ERROR, "%s", wrong);
        return NULL;
    }
    rc = domain_create(&dc, &d);
    if (rc) {
        log_line(LOG_ERROR, "d0: could not be created: error %d", -rc);
        return NULL;
    }
    rc = fill(d, &plan);
    if (rc) {
        say_no_memory(config, free, rc);
        destroy(d);
        return NULL;
    }
    say_built(&plan);
    return d;
}
