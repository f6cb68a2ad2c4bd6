/* SPDX-License-Identifier: MIT */
/* Build a first domain on the fake machine and read it as its kernel would. */
#include <stdlib.h>

#include "boot/first_domain.h"
#include "domain/sched.h"
#include "domain/time.h"
#include "machine.h"
#include "mm/heap.h"

#include <xen/arch-x86/hvm/start_info.h>

#define KERNEL_AT   0x200000ULL
#define LOW_RAM_END 0xfc000000ULL
#define MIB_PAGES   256

/* 32-bit ELF: one segment with a note inside, 8 KiB more in memory. */
static struct kernel {
    struct {
        uint8_t magic[4], class, data, version, pad[9];
        uint16_t type, machine;
        uint32_t version2, entry, phoff, shoff, flags;
        uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
    } header;
    struct {
        uint32_t type, offset, vaddr, paddr, filesz, memsz, flags, align;
    } load, notes;
    struct {
        uint32_t name_size, desc_size, type;
        char name[4];
        uint32_t entry;
    } note;
    uint8_t code[9000];
} kernel = {
    .header = {.magic = "\177ELF",
               .class = 1,
               .data = 1,
               .type = 2,
               .machine = 3,
               .phoff = offsetof(struct kernel, load),
               .phentsize = 32,
               .phnum = 2},
    .load = {.type = 1,
             .offset = offsetof(struct kernel, code),
             .paddr = KERNEL_AT,
             .filesz = sizeof(kernel.code),
             .memsz = sizeof(kernel.code) + 8192},
    .notes = {.type = 4,
              .offset = offsetof(struct kernel, note),
              .filesz = sizeof(kernel.note)},
    .note = {4, 4, 18, "Xen", KERNEL_AT + 0x10},
    .code = {[0] = 0xaa, [8999] = 0x55},
};

static struct domain *d;

static void *ram(uint64_t at)
{
    struct p2m_entry e = p2m_get(&d->p2m, gfn_from_gpa(GPA(at)));

    EXPECT_EQ(e.type, P2M_RAM);
    return (uint8_t *)arch_map(e.mfn) + (at & ~PAGE_MASK);
}

static void start(uint64_t pages)
{
    machine_start(pages);
    sched_init();
    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        time_init_cpu(cpu);
    }
}

static struct first_domain_config config(uint64_t pages)
{
    return (struct first_domain_config){
        .kernel = &kernel,
        .kernel_size = sizeof(kernel),
        .command_line = "console=hvc0 one two",
        .pages = pages,
        .max_vcpus = 2,
    };
}

TEST(is_what_a_pvh_kernel_expects)
{
    static const char initrd[5000] = "initrd";
    struct first_domain_config c = config(16 * MIB_PAGES);
    const struct hvm_modlist_entry *module;
    const struct hvm_memmap_table_entry *map;
    const struct hvm_start_info *info;
    struct guest_state s;
    const struct vcpu *v;

    start(0x4000);
    c.initrd = initrd;
    c.initrd_size = sizeof(initrd);
    d = first_domain_build(&c);
    EXPECT(d && d->id == 0 && d->privileged && d->pause_count == 1);

    v = d->vcpus[0];
    arch_guest_get_state(v->gc, &s);
    EXPECT_EQ(v->regs.rip, KERNEL_AT + 0x10);
    EXPECT_EQ(s.cr0, 0x11);
    EXPECT_EQ(s.seg[SEG_CS].attributes, 0xc9b);
    EXPECT(!(v->hold & HOLD_OFFLINE));
    EXPECT(d->vcpus[1]->hold & HOLD_OFFLINE);

    EXPECT_EQ(*(uint8_t *)ram(KERNEL_AT), 0xaa);
    EXPECT_EQ(*(uint8_t *)ram(KERNEL_AT + 8999), 0x55);
    EXPECT_EQ(*(uint8_t *)ram(KERNEL_AT + 9000), 0);

    info = ram(v->regs.rbx);
    EXPECT_EQ(info->magic, XEN_HVM_START_MAGIC_VALUE);
    EXPECT_EQ(info->version, 1);
    EXPECT_EQ(info->flags, 3);
    EXPECT_TEXT((char *)ram(info->cmdline_paddr), "console=hvc0 one two");
    EXPECT_EQ(info->nr_modules, 1);
    module = ram(info->modlist_paddr);
    EXPECT_EQ(module->size, sizeof(initrd));
    EXPECT_TEXT((char *)ram(module->paddr), "initrd");
    EXPECT_EQ(module->paddr, (16 << 20) - 0x2000);
    EXPECT_EQ(info->memmap_entries, 2);
    map = ram(info->memmap_paddr);
    EXPECT_EQ(map[0].size, 16 << 20);
    EXPECT_EQ(map[0].type, XEN_HVM_MEMMAP_TYPE_RAM);
    EXPECT_EQ(map[1].type, XEN_HVM_MEMMAP_TYPE_ACPI);
    EXPECT(memcmp(ram(info->rsdp_paddr), "RSD PTR ", 8) == 0);
    EXPECT(info->rsdp_paddr >= map[1].addr &&
           info->rsdp_paddr < map[1].addr + map[1].size);
    EXPECT_EQ(d->e820_count, 2);
    EXPECT_EQ(d->account.page_count, 16 * MIB_PAGES + 1);
    EXPECT_EQ(domain_audit(d), 0);
    machine_check();
}

static void expect_refusal(struct first_domain_config c, const char *why)
{
    uint64_t free = page_alloc_info().free;

    fake_console_clear();
    EXPECT(!first_domain_build(&c));
    if (!strstr(fake_console_output(), why)) {
        FAIL("\"%s\" is not in \"%s\"", why, fake_console_output());
    }
    EXPECT_EQ(page_alloc_info().free, free);
    EXPECT(!domain_get(0));
}

TEST(says_why_it_cannot)
{
    static uint8_t initrd[2 << 20];
    struct first_domain_config c;

    start(0x4000);
    /* What the heap keeps for good is there after the first attempt. */
    c = config(1 << 20);
    EXPECT(!first_domain_build(&c));
    expect_refusal(config(1 << 20), "dom0_mem=4096M cannot be had: ");
    expect_refusal(config(2 * MIB_PAGES),
                   "dom0_mem=2M is too little: kernel and initrd alone take 3 "
                   "MiB; with 5M Linux should do");
    c = config(4 * MIB_PAGES);
    c.initrd = initrd;
    c.initrd_size = sizeof(initrd);
    expect_refusal(c, "dom0_mem=4M is too little: kernel and initrd alone "
                      "take 5 MiB");
    c.initrd_size = LOW_RAM_END; /* which is not looked at */
    expect_refusal(c, "initrd is too large to lie below 4 GiB");
    c = config(~0ULL);
    expect_refusal(c, "more memory than a domain can have");
    c = config(4 * MIB_PAGES);
    c.kernel_size = 24;
    expect_refusal(c, "dom0's kernel: the ELF header is cut off");
}

/* What the message names does do. */
TEST(the_least_memory_is_enough)
{
    static uint8_t initrd[2 << 20];
    struct first_domain_config c = config(5 * MIB_PAGES);

    start(0x4000);
    c.initrd = initrd;
    c.initrd_size = sizeof(initrd);
    d = first_domain_build(&c);
    EXPECT(d);
    EXPECT(
        strstr(fake_console_output(), "initrd of 2097152 bytes at 0x300000"));
}

TEST(says_that_there_is_no_initrd)
{
    struct first_domain_config c = config(5 * MIB_PAGES);

    start(0x4000);
    d = first_domain_build(&c);
    EXPECT(d);
    EXPECT(strstr(fake_console_output(), "no initrd: there is no second"));
    EXPECT(!strstr(fake_console_output(), "run out of memory"));
}

TEST(splits_ram_at_4_gib)
{
    struct first_domain_config c = config(0xfc000 + 512);
    const struct hvm_memmap_table_entry *map;
    const struct hvm_start_info *info;

    machine_start_clean(0x110000);
    sched_init();
    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        time_init_cpu(cpu);
    }
    d = first_domain_build(&c);
    EXPECT(d);
    info = ram(d->vcpus[0]->regs.rbx);
    EXPECT_EQ(info->memmap_entries, 3);
    map = ram(info->memmap_paddr);
    EXPECT_EQ(map[0].size, 0xfc000000);
    EXPECT_EQ(map[2].addr, 1ULL << 32);
    EXPECT_EQ(map[2].size, 2 << 20);
    *(uint8_t *)ram((1ULL << 32) + (2 << 20) - 1) = 1;
    EXPECT_EQ(p2m_get(&d->p2m, GFN((1ULL << 20) + 512)).type, P2M_HOLE);
}
