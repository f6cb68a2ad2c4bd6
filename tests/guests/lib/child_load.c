/* SPDX-License-Identifier: MIT */
/* Puts the servant into a child, as a PVH loader does (PB-1 .. PB-4). */
#include "child.h"

#include "elf.h"
#include "lib/string.h"
#include "memory.h"
#include "test.h"

#include <xen/arch-x86/hvm/start_info.h>
#include <xen/hvm/save.h>

enum {
    SEGMENT_CODE32 = 0xc9b,
    SEGMENT_DATA32 = 0xc93,
    SEGMENT_TSS32 = 0x8b,
};

extern const uint8_t servant_image[];

/* Copy into consecutive frames; fresh ones are zero, so nothing is cleared. */
static int write_child(struct child *c, uint64_t address, const uint8_t *from,
                       uint64_t size)
{
    while (size) {
        uint64_t offset = address & (PAGE_SIZE - 1);
        uint64_t now = MIN(size, PAGE_SIZE - offset);
        int rc;
        uint8_t *page = child_map(c, address >> PAGE_SHIFT, &rc);

        if (!page) {
            return rc;
        }
        memcpy(page + offset, from, now);
        child_unmap(page);
        address += now;
        from += now;
        size -= now;
    }
    return 0;
}

static int write_image(struct child *c)
{
    const struct elf_header *elf = (const void *)servant_image;
    const struct elf_segment *s = (const void *)(servant_image + elf->phoff);
    int rc = 0;

    for (unsigned i = 0; !rc && i < elf->phnum; i++) {
        if (s[i].type == ELF_LOAD) {
            rc = write_child(c, s[i].paddr, servant_image + s[i].offset,
                             s[i].filesz);
        }
    }
    return rc;
}

static int write_start_info(struct child *c)
{
    uint64_t address = SERVANT_START_INFO_GFN << PAGE_SHIFT;
    struct {
        struct hvm_start_info info;
        struct hvm_memmap_table_entry map[1];
    } block = {
        .info = {.magic = XEN_HVM_START_MAGIC_VALUE,
                 .version = 1,
                 .memmap_paddr = address + sizeof(struct hvm_start_info),
                 .memmap_entries = 1},
        .map = {{.addr = 0,
                 .size = c->ram_pages << PAGE_SHIFT,
                 .type = XEN_HVM_MEMMAP_TYPE_RAM}},
    };

    return write_child(c, address, (const void *)&block, sizeof(block));
}

static void fill_segments(struct hvm_hw_cpu *cpu)
{
    cpu->cs_limit = cpu->ds_limit = cpu->es_limit = cpu->ss_limit = ~0u;
    cpu->cs_arbytes = SEGMENT_CODE32;
    cpu->ds_arbytes = cpu->es_arbytes = cpu->ss_arbytes = SEGMENT_DATA32;
    cpu->tr_limit = 0x67;
    cpu->tr_arbytes = SEGMENT_TSS32;
}

struct cpu_blob {
    struct hvm_save_descriptor header_descriptor;
    struct hvm_save_header header;
    struct hvm_save_descriptor cpu_descriptor;
    struct hvm_hw_cpu cpu;
    struct hvm_save_descriptor end_descriptor;
};

BUILD_ASSERT(sizeof(struct cpu_blob) == 8 + 24 + 8 + 1032 + 8, "no gaps");

/* vCPU 0 at the entry point (PB-3). */
static int set_registers(struct child *c)
{
    struct cpu_blob blob;
    struct xen_domctl op;

    memset(&blob, 0, sizeof(blob));
    blob.header_descriptor = (struct hvm_save_descriptor){
        .typecode = HVM_SAVE_CODE(HEADER), .length = sizeof(blob.header)};
    blob.header = (struct hvm_save_header){.magic = HVM_FILE_MAGIC,
                                           .version = HVM_FILE_VERSION};
    blob.cpu_descriptor = (struct hvm_save_descriptor){
        .typecode = HVM_SAVE_CODE(CPU), .length = sizeof(blob.cpu)};
    blob.cpu.rip = elf_pvh_entry(servant_image);
    blob.cpu.rbx = SERVANT_START_INFO_GFN << PAGE_SHIFT;
    blob.cpu.rflags = 2;
    blob.cpu.cr0 = 0x11;
    blob.cpu.dr6 = 0xffff0ff0;
    blob.cpu.dr7 = 0x400;
    fill_segments(&blob.cpu);
    domctl_prepare(&op, XEN_DOMCTL_sethvmcontext, c->id);
    op.u.hvmcontext.size = sizeof(blob);
    set_xen_guest_handle(op.u.hvmcontext.buffer, (uint8_t *)&blob);
    return domctl(&op);
}

int child_load(struct child *c)
{
    int rc = write_image(c);

    if (!rc) {
        rc = write_start_info(c);
    }
    if (!rc) {
        rc = set_registers(c);
    }
    if (!rc) {
        c->channel = child_map(c, SERVANT_CHANNEL_GFN, &rc);
    }
    return rc;
}
