/* SPDX-License-Identifier: MIT */
/*
 * A guest's memory and registers in a file, in Xen's dump-core format, which is
 * an ELF core file of sections alone (docs/misc/dump-core-format.txt there):
 *
 *   .note.Xen      what the file is, the guest in numbers, the host
 *   .xen_prstatus  the registers of each vCPU
 *   .xen_pfn       the guest frame number of each page
 *   .xen_pages     the pages in the same order, from a page's boundary on
 *   .shstrtab      these names
 *
 * Pages are all frames where the guest was promised RAM, and those of rings and
 * ACPI tables. A page of zeros is a hole in the file. Whether zeros are a
 * promise, were written, or stand where the guest gave a page back makes no
 * difference for who reads the dump, so nobody asks.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xen/memory.h>

#include "libxc/dump_head.h"
#include "libxc/foreign.h"
#include "libxc/handle.h"
#include "libxc/layout.h"
#include "libxc/podium_calls.h"
#include "libxc/store.h"
#include "libxc/transport.h"

#define LOOK_PAGES 256 /* at a time */

enum {
    SECTION_NULL,
    SECTION_NAMES,
    SECTION_NOTES,
    SECTION_VCPUS,
    SECTION_FRAMES,
    SECTION_PAGES,
    SECTION_COUNT
};

/* Each name from its place on: the empty one is first. */
#define NAMES "\0.shstrtab\0.note.Xen\0.xen_prstatus\0.xen_pfn\0.xen_pages"
static const uint32_t name_places[SECTION_COUNT] = {0, 1, 11, 21, 35, 44};

struct range {
    uint64_t first, end; /* guest frames */
};
enum {
    RAM_LOW,
    ACPI,
    SPECIAL,
    RAM_HIGH,
    RANGE_COUNT
};

struct dump {
    struct xc *xc;
    uint32_t domid;
    int fd;
    struct range ranges[RANGE_COUNT];
    uint64_t page_count, done;
    uint32_t vcpu_count;
    vcpu_guest_context_t *vcpus;
    Elf64_Shdr sections[SECTION_COUNT];
};

/* ---- what is dumped ---------------------------------------------------- */

static uint64_t promised_pages(const struct dump *d)
{
    struct xc_memory mem;
    uint64_t kib;

    if (!store_read_number(d->xc, &kib, "/libxl/%u/ram-kib", d->domid)) {
        return pages_from_kib(kib);
    }
    return xc_memory_get(d->xc, d->domid, &mem)
               ? 0
               : pages_from_kib(mem.static_max_kib);
}

static uint64_t min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static int find_frames(struct dump *d)
{
    uint64_t low_max = LAYOUT_LOW_MAX / PAGE_BYTES,
             high = LAYOUT_HIGH / PAGE_BYTES, ram = promised_pages(d), end;
    domid_t domid = (domid_t)d->domid;
    int max = hv_memory(d->xc, XENMEM_maximum_gpfn, &domid, sizeof(domid));

    if (max < 0) {
        return max;
    }
    end = (uint64_t)max + 1;
    ram = ram ? ram : end; /* nobody wrote down what it was promised */
    d->ranges[RAM_LOW] = (struct range){0, min(ram, low_max)};
    d->ranges[ACPI] = (struct range){LAYOUT_ACPI_GFN, LAYOUT_ACPI_GFN + 1};
    d->ranges[SPECIAL] = (struct range){
        LAYOUT_SPECIAL_GFN, LAYOUT_SPECIAL_GFN + LAYOUT_SPECIAL_COUNT};
    d->ranges[RAM_HIGH] = (struct range){high, high + ram - min(ram, low_max)};
    for (int i = 0; i < RANGE_COUNT; i++) {
        struct range *r = &d->ranges[i];

        r->end = min(r->end, end);
        r->first = min(r->first, r->end);
        d->page_count += r->end - r->first;
    }
    return 0;
}

/* ---- the file ---------------------------------------------------------- */

static int write_at(const struct dump *d, const void *data, size_t size,
                    uint64_t offset)
{
    const uint8_t *bytes = data;

    while (size) {
        ssize_t some = pwrite(d->fd, bytes, size, (off_t)offset);

        if (some < 0 && errno == EINTR) {
            continue;
        }
        if (some < 0) {
            return -errno;
        }
        bytes += some;
        size -= (size_t)some;
        offset += (uint64_t)some;
    }
    return 0;
}

/* The next section, behind those before it. */
static void place_section(struct dump *d, int which, uint32_t type,
                          uint64_t align, uint64_t size, uint64_t entry)
{
    const Elf64_Shdr *before = &d->sections[which - 1];
    uint64_t offset = before->sh_offset + before->sh_size;

    d->sections[which] = (Elf64_Shdr){
        .sh_name = name_places[which],
        .sh_type = type,
        .sh_offset = (offset + align - 1) / align * align,
        .sh_size = size,
        .sh_addralign = align,
        .sh_entsize = entry,
    };
}

static void place_sections(struct dump *d)
{
    size_t vcpu = sizeof(*d->vcpus);

    /* Behind the headers: that is where the first of them begins. */
    d->sections[SECTION_NULL] =
        (Elf64_Shdr){.sh_offset = sizeof(Elf64_Ehdr) + sizeof(d->sections)};
    place_section(d, SECTION_NAMES, SHT_STRTAB, 1, sizeof(NAMES), 0);
    place_section(d, SECTION_NOTES, SHT_NOTE, 8, sizeof(struct dump_notes), 0);
    place_section(d, SECTION_VCPUS, SHT_PROGBITS, 8, vcpu * d->vcpu_count,
                  vcpu);
    place_section(d, SECTION_FRAMES, SHT_PROGBITS, 8,
                  d->page_count * sizeof(uint64_t), sizeof(uint64_t));
    place_section(d, SECTION_PAGES, SHT_PROGBITS, PAGE_BYTES,
                  d->page_count * PAGE_BYTES, PAGE_BYTES);
    memset(&d->sections[SECTION_NULL], 0, sizeof(d->sections[SECTION_NULL]));
}

static int write_headers(const struct dump *d)
{
    const Elf64_Ehdr header = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
                    EV_CURRENT, ELFOSABI_SYSV},
        .e_type = ET_CORE,
        .e_machine = EM_X86_64,
        .e_version = EV_CURRENT,
        .e_shoff = sizeof(header),
        .e_ehsize = sizeof(header),
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_shentsize = sizeof(Elf64_Shdr),
        .e_shnum = SECTION_COUNT,
        .e_shstrndx = SECTION_NAMES,
    };
    int rc = write_at(d, &header, sizeof(header), 0);

    return rc ? rc
              : write_at(d, d->sections, sizeof(d->sections), header.e_shoff);
}

static int write_section(const struct dump *d, int which, const void *data)
{
    return write_at(d, data, d->sections[which].sh_size,
                    d->sections[which].sh_offset);
}

static int write_frames(const struct dump *d)
{
    uint64_t *frames = malloc(d->page_count * sizeof(*frames) + 1), n = 0;
    int rc;

    if (!frames) {
        return -ENOMEM;
    }
    for (int i = 0; i < RANGE_COUNT; i++) {
        for (uint64_t f = d->ranges[i].first; f < d->ranges[i].end; f++) {
            frames[n++] = f;
        }
    }
    rc = write_section(d, SECTION_FRAMES, frames);
    free(frames);
    return rc;
}

/* ---- pages ------------------------------------------------------------- */

static bool is_zero(const uint8_t *page)
{
    static const uint8_t zeros[PAGE_BYTES];

    return !memcmp(page, zeros, PAGE_BYTES);
}

/* Pages in a row that are not zero are written together. */
static int write_pages(const struct dump *d, const uint8_t *pages,
                       unsigned int count)
{
    uint64_t offset =
        d->sections[SECTION_PAGES].sh_offset + d->done * PAGE_BYTES;
    int rc = 0;

    for (size_t i = 0, end; !rc && i < count; i = end + 1) {
        for (end = i; end < count && !is_zero(pages + end * PAGE_BYTES);) {
            end++;
        }
        rc = write_at(d, pages + i * PAGE_BYTES, (end - i) * PAGE_BYTES,
                      offset + i * PAGE_BYTES);
    }
    return rc;
}

static int dump_range(struct dump *d, const struct range *r)
{
    int rc = 0;

    for (uint64_t at = r->first; !rc && at < r->end;) {
        unsigned int count = (unsigned int)min(r->end - at, LOOK_PAGES);
        struct foreign_view view;

        rc = foreign_look(d->xc, d->domid, at, count, &view);
        if (rc) {
            break;
        }
        rc = write_pages(d, view.pages, count);
        foreign_forget(d->xc, &view);
        at += count;
        d->done += count;
        xc_report(d->xc, "dumping memory", d->done, d->page_count);
    }
    return rc;
}

static int dump_pages(struct dump *d)
{
    const Elf64_Shdr *pages = &d->sections[SECTION_PAGES];
    int rc = 0;

    /* What is not written below is zeros. */
    if (ftruncate(d->fd, (off_t)(pages->sh_offset + pages->sh_size))) {
        return -errno;
    }
    for (int i = 0; !rc && i < RANGE_COUNT; i++) {
        rc = dump_range(d, &d->ranges[i]);
    }
    return rc;
}

static int dump_all(struct dump *d)
{
    struct dump_notes notes;
    int rc;

    place_sections(d);
    dump_notes_fill(d->xc, d->vcpu_count, d->page_count, &notes);
    rc = write_headers(d);
    rc = rc ? rc : write_section(d, SECTION_NAMES, NAMES);
    rc = rc ? rc : write_section(d, SECTION_NOTES, &notes);
    rc = rc ? rc : write_section(d, SECTION_VCPUS, d->vcpus);
    rc = rc ? rc : write_frames(d);
    return rc ? rc : dump_pages(d);
}

/* The guest's secrets are in it. */
static int dump_to(struct dump *d, const char *path)
{
    int rc;

    d->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (d->fd < 0) {
        return xc_fail_errno(d->xc, -errno, "cannot write '%s'", path);
    }
    rc = dump_all(d);
    if (close(d->fd) && !rc) {
        rc = -errno;
    }
    if (rc) {
        unlink(path);
        return xc_fail_errno(d->xc, rc, "cannot dump domain %u to '%s'",
                             d->domid, path);
    }
    return 0;
}

int xc_domain_dump(struct xc *xc, uint32_t domid, const char *path)
{
    struct dump d = {.xc = xc, .domid = domid};
    int rc = 0;

    if (!podium_is_here(xc)) {
        return xc_fail(xc, -EOPNOTSUPP,
                       "this hypervisor cannot show promised memory to a dump");
    }
    rc = dump_vcpus(xc, domid, &d.vcpus, &d.vcpu_count);
    rc = rc ? rc : find_frames(&d);
    rc = rc ? xc_fail_errno(xc, rc, "cannot ask for the state of domain %u",
                            domid)
            : dump_to(&d, path);
    free(d.vcpus);
    return rc;
}
