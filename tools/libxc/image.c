/* SPDX-License-Identifier: MIT */
/*
 * Kernel files. A bzImage is a real-mode loader around a packed ELF; a
 * microkernel or a vmlinux is the ELF itself. PVH kernels say where they want
 * to be entered in an ELF note: owner "Xen", type 18, a 32- or 64-bit physical
 * address. Each PT_LOAD goes to its physical address.
 *
 * The file is untrusted: a guest's owner chooses it, and it is read by a tool
 * with all power over the host. So every offset is checked against the size
 * of what it points into before it is used (in_range), never after, and the
 * result holds only checked values.
 */
#include "libxc/image.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <xen/elfnote.h>

#include "libxc/decompress.h"
#include "libxc/handle.h"

#define PHYSICAL_MAX (1ull << 32) /* entered in 32-bit mode */

/* The boot protocol's fixed places in a bzImage. */
enum bzimage {
    BZ_SETUP_SECTORS = 0x1f1,
    BZ_BOOT_FLAG = 0x1fe,
    BZ_HEADER_MAGIC = 0x202,
    BZ_VERSION = 0x206,
    BZ_PAYLOAD_OFFSET = 0x248,
    BZ_PAYLOAD_LENGTH = 0x24c,
    BZ_HEADER_END = 0x250,
    BZ_VERSION_MIN = 0x208, /* the first that tells where the payload is */
};

/* A program header of either class. */
struct phdr {
    uint32_t type;
    uint64_t offset, paddr, file_size, mem_size, align;
};

struct elf_view {
    const uint8_t *data;
    size_t size;
    bool is64;
    uint64_t phdr_offset;
    unsigned int phdr_count;
};

static int damaged(struct xc *xc, const char *why)
{
    return xc_fail(xc, -ENOEXEC, "the kernel is damaged: %s", why);
}

static bool in_range(uint64_t offset, uint64_t length, uint64_t size)
{
    return offset <= size && length <= size - offset;
}

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const uint8_t *p)
{
    return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static uint64_t get64(const uint8_t *p)
{
    return get32(p) | (uint64_t)get32(p + 4) << 32;
}

/* ---- bzImage ----------------------------------------------------------- */

static bool is_bzimage(const struct file *file)
{
    return file->size >= BZ_HEADER_END &&
           get16(file->data + BZ_BOOT_FLAG) == 0xaa55 &&
           !memcmp(file->data + BZ_HEADER_MAGIC, "HdrS", 4);
}

/* Replaces a bzImage's bytes by those of the ELF inside it. */
static int unwrap_bzimage(struct xc *xc, struct file *file)
{
    const uint8_t *head = file->data;
    unsigned int sectors = head[BZ_SETUP_SECTORS];
    uint64_t offset = get32(head + BZ_PAYLOAD_OFFSET);
    uint64_t length = get32(head + BZ_PAYLOAD_LENGTH);
    struct file elf;
    int rc;

    if (get16(head + BZ_VERSION) < BZ_VERSION_MIN) {
        return xc_fail(xc, -ENOEXEC,
                       "the kernel is too old: boot protocol "
                       "below 2.08");
    }
    /* 0 sectors means 4: older than that field. */
    offset += ((sectors ? sectors : 4) + 1) * 512ull;
    if (!in_range(offset, length, file->size)) {
        return damaged(xc, "it ends before its payload does (truncated?)");
    }
    rc = decompress_payload(xc, head + offset, length, &elf.data, &elf.size);
    if (rc) {
        return rc;
    }
    file_free(file);
    *file = elf;
    return 0;
}

/* ---- ELF --------------------------------------------------------------- */

static int check_ident(struct xc *xc, const struct file *file)
{
    const uint8_t *id = file->data;

    if (file->size < EI_NIDENT || memcmp(id, ELFMAG, SELFMAG)) {
        return xc_fail(xc, -ENOEXEC,
                       "the kernel is neither a bzImage nor an ELF file");
    }
    if (id[EI_DATA] != ELFDATA2LSB ||
        (id[EI_CLASS] != ELFCLASS64 && id[EI_CLASS] != ELFCLASS32)) {
        return damaged(xc, "not a little-endian 32- or 64-bit ELF");
    }
    if (file->size < (id[EI_CLASS] == ELFCLASS64 ? sizeof(Elf64_Ehdr)
                                                 : sizeof(Elf32_Ehdr))) {
        return damaged(xc, "it ends inside its ELF header (truncated?)");
    }
    return 0;
}

static int check_machine(struct xc *xc, unsigned int type, unsigned int machine)
{
    if (machine != EM_X86_64 && machine != EM_386) {
        return xc_fail(xc, -ENOEXEC, "the kernel is not for x86");
    }
    if (type != ET_EXEC && type != ET_DYN) {
        return xc_fail(xc, -ENOEXEC,
                       "the kernel is not an executable (ELF type %u)", type);
    }
    return 0;
}

static int open_elf(struct xc *xc, const struct file *file,
                    struct elf_view *elf)
{
    unsigned int entry_size, type, machine;
    int rc;

    rc = check_ident(xc, file);
    if (rc) {
        return rc;
    }
    elf->data = file->data;
    elf->size = file->size;
    elf->is64 = file->data[EI_CLASS] == ELFCLASS64;
    if (elf->is64) {
        Elf64_Ehdr eh;

        memcpy(&eh, file->data, sizeof(eh));
        elf->phdr_offset = eh.e_phoff;
        elf->phdr_count = eh.e_phnum;
        entry_size = eh.e_phentsize == sizeof(Elf64_Phdr);
        type = eh.e_type, machine = eh.e_machine;
    } else {
        Elf32_Ehdr eh;

        memcpy(&eh, file->data, sizeof(eh));
        elf->phdr_offset = eh.e_phoff;
        elf->phdr_count = eh.e_phnum;
        entry_size = eh.e_phentsize == sizeof(Elf32_Phdr);
        type = eh.e_type, machine = eh.e_machine;
    }
    if (!entry_size || elf->phdr_count == 0) {
        return damaged(xc, "its ELF header names no program headers");
    }
    return check_machine(xc, type, machine);
}

static int check_phdr_table(struct xc *xc, const struct elf_view *elf)
{
    uint64_t each = elf->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);

    if (!in_range(elf->phdr_offset, each * elf->phdr_count, elf->size)) {
        return damaged(xc, "its program headers lie outside (truncated?)");
    }
    return 0;
}

static struct phdr read_phdr(const struct elf_view *elf, unsigned int i)
{
    if (elf->is64) {
        Elf64_Phdr ph;

        memcpy(&ph, elf->data + elf->phdr_offset + i * sizeof(ph), sizeof(ph));
        return (struct phdr){ph.p_type,   ph.p_offset, ph.p_paddr,
                             ph.p_filesz, ph.p_memsz,  ph.p_align};
    } else {
        Elf32_Phdr ph;

        memcpy(&ph, elf->data + elf->phdr_offset + i * sizeof(ph), sizeof(ph));
        return (struct phdr){ph.p_type,   ph.p_offset, ph.p_paddr,
                             ph.p_filesz, ph.p_memsz,  ph.p_align};
    }
}

/* ---- segments ---------------------------------------------------------- */

static int add_segment(struct xc *xc, struct image *image, struct phdr ph)
{
    struct image_segment *s;

    if (image->segment_count == IMAGE_SEGMENTS_MAX) {
        return damaged(xc, "it has too many segments");
    }
    if (!in_range(ph.offset, ph.file_size, image->elf.size)) {
        return damaged(xc, "a segment lies outside the file (truncated?)");
    }
    if (ph.file_size > ph.mem_size) {
        return damaged(xc, "a segment is larger in the file than in memory");
    }
    if (!in_range(ph.paddr, ph.mem_size, PHYSICAL_MAX)) {
        return damaged(xc, "a segment lies above 4 GiB");
    }
    s = &image->segments[image->segment_count++];
    s->paddr = ph.paddr;
    s->mem_size = ph.mem_size;
    s->data = image->elf.data + ph.offset;
    s->file_size = ph.file_size;
    return 0;
}

static int compare_segments(const void *a, const void *b)
{
    const struct image_segment *x = a, *y = b;

    return (x->paddr > y->paddr) - (x->paddr < y->paddr);
}

/* Sorts them, and finds overlaps and the whole extent. */
static int order_segments(struct xc *xc, struct image *image)
{
    struct image_segment *s = image->segments;
    unsigned int last;

    if (image->segment_count == 0) {
        return damaged(xc, "it has nothing to load");
    }
    last = image->segment_count - 1;
    qsort(s, image->segment_count, sizeof(*s), compare_segments);
    for (unsigned int i = 0; i < last; i++) {
        if (s[i].paddr + s[i].mem_size > s[i + 1].paddr) {
            return damaged(xc, "two of its segments overlap");
        }
    }
    image->start = s[0].paddr;
    image->end = s[last].paddr + s[last].mem_size;
    return 0;
}

static int read_segments(struct xc *xc, const struct elf_view *elf,
                         struct image *image)
{
    for (unsigned int i = 0; i < elf->phdr_count; i++) {
        struct phdr ph = read_phdr(elf, i);
        int rc;

        if (ph.type != PT_LOAD || ph.mem_size == 0) {
            continue;
        }
        rc = add_segment(xc, image, ph);
        if (rc) {
            return rc;
        }
    }
    return order_segments(xc, image);
}

/* ---- the entry point --------------------------------------------------- */

struct note {
    uint32_t type;
    const uint8_t *name, *desc;
    uint32_t name_size, desc_size;
};

static uint64_t align_up(uint64_t value, uint64_t align)
{
    return (value + align - 1) & ~(align - 1);
}

/* Takes the first note off [*pos, size); false at the end or at nonsense. */
static bool next_note(const uint8_t *data, uint64_t size, uint64_t align,
                      uint64_t *pos, struct note *note)
{
    uint64_t desc;

    if (!in_range(*pos, 12, size)) {
        return false;
    }
    note->name_size = get32(data + *pos);
    note->desc_size = get32(data + *pos + 4);
    note->type = get32(data + *pos + 8);
    if (!in_range(*pos + 12, note->name_size, size)) {
        return false;
    }
    desc = align_up(*pos + 12 + note->name_size, align);
    if (!in_range(desc, note->desc_size, size)) {
        return false;
    }
    note->name = data + *pos + 12;
    note->desc = data + desc;
    *pos = align_up(desc + note->desc_size, align);
    return true;
}

static bool is_entry_note(const struct note *note)
{
    return note->type == XEN_ELFNOTE_PHYS32_ENTRY && note->name_size == 4 &&
           !memcmp(note->name, "Xen", 4) &&
           (note->desc_size == 4 || note->desc_size == 8);
}

static bool find_entry_note(const struct elf_view *elf, struct phdr ph,
                            uint64_t *entry)
{
    const uint8_t *data = elf->data + ph.offset;
    uint64_t align = ph.align == 8 ? 8 : 4;
    uint64_t pos = 0;
    struct note note;

    while (next_note(data, ph.file_size, align, &pos, &note)) {
        if (is_entry_note(&note)) {
            *entry = note.desc_size == 4 ? get32(note.desc) : get64(note.desc);
            return true;
        }
    }
    return false;
}

static int check_entry(struct xc *xc, struct image *image, uint64_t entry)
{
    for (unsigned int i = 0; i < image->segment_count; i++) {
        const struct image_segment *s = &image->segments[i];

        if (entry >= s->paddr && entry - s->paddr < s->file_size) {
            image->entry = (uint32_t)entry;
            return 0;
        }
    }
    return damaged(xc, "its entry point is outside of its segments");
}

static int read_entry(struct xc *xc, const struct elf_view *elf,
                      struct image *image)
{
    for (unsigned int i = 0; i < elf->phdr_count; i++) {
        struct phdr ph = read_phdr(elf, i);
        uint64_t entry;

        if (ph.type != PT_NOTE) {
            continue;
        }
        if (!in_range(ph.offset, ph.file_size, elf->size)) {
            return damaged(xc, "its notes lie outside the file (truncated?)");
        }
        if (find_entry_note(elf, ph, &entry)) {
            return check_entry(xc, image, entry);
        }
    }
    return xc_fail(xc, -ENOEXEC,
                   "the kernel cannot run as a PVH guest: it "
                   "has no Xen PHYS32_ENTRY note");
}

/* ---- all of it --------------------------------------------------------- */

static int parse_elf(struct xc *xc, struct image *image)
{
    struct elf_view elf = {0};
    int rc;

    rc = open_elf(xc, &image->elf, &elf);
    if (!rc) {
        rc = check_phdr_table(xc, &elf);
    }
    if (!rc) {
        rc = read_segments(xc, &elf, image);
    }
    if (!rc) {
        rc = read_entry(xc, &elf, image);
    }
    return rc;
}

int image_parse(struct xc *xc, struct file *file, struct image *image)
{
    int rc = 0;

    memset(image, 0, sizeof(*image));
    image->elf = *file;
    memset(file, 0, sizeof(*file));
    if (is_bzimage(&image->elf)) {
        rc = unwrap_bzimage(xc, &image->elf);
    }
    if (!rc) {
        rc = parse_elf(xc, image);
    }
    if (rc) {
        image_free(image);
    }
    return rc;
}

int image_load(struct xc *xc, const char *path, struct image *image)
{
    struct file file;
    int rc;

    memset(image, 0, sizeof(*image));
    rc = file_read(xc, "kernel", path, &file);
    if (rc) {
        return rc;
    }
    rc = image_parse(xc, &file, image);
    if (rc == -ENOEXEC) {
        return xc_fail(xc, rc, "kernel '%s': %s", path, xc->error);
    }
    return rc;
}

void image_free(struct image *image)
{
    file_free(&image->elf);
    memset(image, 0, sizeof(*image));
}
