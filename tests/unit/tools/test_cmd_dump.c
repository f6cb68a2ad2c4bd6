/* SPDX-License-Identifier: MIT */
/* dump-core: the file is read as the format says, by its sections' names. */

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "fake_host.h"
#include "libxc/handle.h"
#include "libxc/layout.h"
#include "xl/cmdtable.h"
#include "xl_run.h"

#include <xen/elfnote.h>
#include <xen/xen.h>

#define RAM 65536u /* pages: of maxmem=256 */

static char path[] = "/tmp/podium-dump-XXXXXX";
static uint8_t *file;
static struct stat found;

static void fresh(uint64_t max_gfn)
{
    fake_host_reset();
    fake_host_guest();
    host.podium = true;
    host.store_target = 131072;
    host.store_max = 262144;
    host.max_gfn = max_gfn;
}

static int dump(void)
{
    char line[64];

    snprintf(line, sizeof(line), "dump-core guest %s", path);
    return xl_run(line);
}

static void forget_file(void)
{
    if (file) {
        munmap(file, (size_t)found.st_size);
        file = NULL;
    }
}

static void read_file(void)
{
    int fd = open(path, O_RDONLY);

    forget_file();
    EXPECT(fd >= 0 && !fstat(fd, &found));
    file = mmap(NULL, (size_t)found.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
}

static const Elf64_Shdr *section(const char *name)
{
    const Elf64_Ehdr *e = (void *)file;
    const Elf64_Shdr *s = (void *)(file + e->e_shoff);

    for (int i = 0; i < e->e_shnum; i++) {
        if (!strcmp(name,
                    (char *)file + s[e->e_shstrndx].sh_offset + s[i].sh_name)) {
            EXPECT(s[i].sh_offset + s[i].sh_size <= (uint64_t)found.st_size);
            return &s[i];
        }
    }
    return NULL;
}

/* The description of a note; *size is its length. */
static const void *note(uint32_t type, uint32_t *size)
{
    const Elf64_Shdr *s = section(".note.Xen");

    for (uint64_t at = 0; at < s->sh_size;) {
        const Elf64_Nhdr *n = (void *)(file + s->sh_offset + at);

        EXPECT(n->n_namesz == 4 && !strcmp((char *)(n + 1), "Xen"));
        if (n->n_type == type) {
            *size = n->n_descsz;
            return (uint8_t *)(n + 1) + 4;
        }
        at += sizeof(*n) + 4 + (n->n_descsz + 3) / 4 * 4;
    }
    return NULL;
}

static void expect_header(uint64_t pages)
{
    const Elf64_Ehdr *e = (void *)file;
    const uint64_t *about;
    uint32_t size = 0;

    EXPECT(!memcmp(e->e_ident, ELFMAG, SELFMAG));
    EXPECT(e->e_ident[EI_CLASS] == ELFCLASS64 && e->e_type == ET_CORE);
    EXPECT(e->e_phnum == 0 && e->e_machine == EM_X86_64);
    EXPECT(section(".note.Xen")->sh_type == SHT_NOTE);
    EXPECT(note(XEN_ELFNOTE_DUMPCORE_NONE, &size) && !size);
    about = note(XEN_ELFNOTE_DUMPCORE_HEADER, &size);
    EXPECT(size == 32);
    EXPECT(about[0] == 0xf00febee && about[1] == FAKE_VCPUS);
    EXPECT(about[2] == pages && about[3] == 4096);
    about = note(XEN_ELFNOTE_DUMPCORE_XEN_VERSION, &size);
    EXPECT(size == 1280 && about[0] == 4 && about[1] == 17);
    about = note(XEN_ELFNOTE_DUMPCORE_FORMAT_VERSION, &size);
    EXPECT(size == 8 && about[0] == 1);
}

static void expect_vcpus(void)
{
    const Elf64_Shdr *s = section(".xen_prstatus");
    const vcpu_guest_context_t *v = (void *)(file + s->sh_offset);

    EXPECT(s->sh_size == FAKE_VCPUS * sizeof(*v));
    EXPECT(s->sh_entsize == sizeof(*v));
    for (unsigned int i = 0; i < FAKE_VCPUS; i++) {
        EXPECT(v[i].user_regs.rip == 0x1000 + i);
        EXPECT(v[i].user_regs.rsp == 0x2000 + i);
        EXPECT(v[i].user_regs.r15 == 15 && v[i].user_regs.cs == 0x10);
        EXPECT(v[i].ctrlreg[3] == 0x3000);
    }
    EXPECT(v[0].flags & VGCF_in_kernel);
    EXPECT(v[0].gs_base_kernel == 0x4000 && v[0].gs_base_user == 0x5000);
    EXPECT(!(v[1].flags & VGCF_in_kernel));
    EXPECT(v[1].gs_base_kernel == 0x5000 && v[1].gs_base_user == 0x4000);
}

/* Page i of the file is what frame pfn[i] has. sparse: look only at one in 64
 * of those that are zeros. */
static void expect_pages(uint64_t pages, bool sparse)
{
    const Elf64_Shdr *frames = section(".xen_pfn"), *s = section(".xen_pages");
    const uint64_t *pfn = (void *)(file + frames->sh_offset);
    uint64_t wrong = 0;

    EXPECT(frames->sh_size == pages * 8 && frames->sh_entsize == 8);
    EXPECT(s->sh_size == pages * PAGE_BYTES && s->sh_entsize == PAGE_BYTES);
    EXPECT(s->sh_offset % PAGE_BYTES == 0);
    for (uint64_t i = 0; i < pages; i++) {
        const uint64_t *page = (void *)(file + s->sh_offset + i * PAGE_BYTES);

        if (!sparse || FAKE_WORD(pfn[i]) || i % 64 == 0) {
            wrong += page[0] != FAKE_WORD(pfn[i]) || page[511] != page[0];
        }
    }
    for (uint64_t i = 1; i < pages; i++) {
        wrong += pfn[i] <= pfn[i - 1];
    }
    EXPECT(!wrong);
}

static void test_small(void)
{
    const uint64_t pages = RAM + LAYOUT_EXTRA_PAGES;

    fresh(LAYOUT_SPECIAL_GFN + LAYOUT_SPECIAL_COUNT - 1);
    EXPECT(dump() == XL_OK);
    EXPECT_TEXT(xl_output, "");
    EXPECT(!host.views && !host.buffers && !host.wrong);
    read_file();
    EXPECT((found.st_mode & 0777) == 0600);
    /* Nearly all pages are zeros, which take no room. */
    EXPECT((uint64_t)found.st_blocks * 512 < pages * PAGE_BYTES / 64);
    expect_header(pages);
    expect_vcpus();
    expect_pages(pages, false);
}

/* RAM on both sides of the gap below 4 GiB. */
static void test_large(void)
{
    const uint64_t high = LAYOUT_HIGH / PAGE_BYTES;
    const uint64_t low = LAYOUT_LOW_MAX / PAGE_BYTES;

    fresh(high + 99);
    host.store_max = (low + 100) * 4;
    EXPECT(dump() == XL_OK);
    EXPECT(!host.wrong);
    read_file();
    expect_header(low + 100 + LAYOUT_EXTRA_PAGES);
    expect_pages(low + 100 + LAYOUT_EXTRA_PAGES, true);
}

/* Of a domain that is no guest of xl's: all that there may be. */
static void test_unknown(void)
{
    fresh(4095);
    host.store_max = 0;
    EXPECT(dump() == XL_OK);
    read_file();
    expect_pages(4096, false);
}

static void test_wrong(void)
{
    fresh(4095);
    EXPECT(xl_run("dump-core guest") == XL_USAGE);
    EXPECT(xl_run("dump-core nobody /tmp/x") == XL_FAILED);
    EXPECT(xl_run("dump-core 0 /tmp/x") == XL_FAILED);
    EXPECT(strstr(xl_messages, "it is this one"));
    EXPECT(xl_run("dump-core guest /tmp") == XL_FAILED);
    EXPECT(strstr(xl_messages, "cannot write '/tmp'"));
    host.podium = false;
    EXPECT(dump() == XL_FAILED);
}

/* Whatever fails, no half of a file is left. */
static void test_failures(void)
{
    unsigned int calls;

    fresh(4095);
    EXPECT(dump() == XL_OK);
    calls = host.calls;
    for (unsigned int i = 1; i <= calls; i++) {
        bool failed;

        fresh(4095);
        host.fail_at = i;
        host.fail_with = -ENOMEM;
        unlink(path);
        failed = dump() == XL_FAILED;
        EXPECT(failed == !!access(path, F_OK));
        EXPECT(!host.views && !host.buffers);
    }
}

static const struct check checks[] = {
    {"dump-core: notes, registers, pages", test_small},
    {"dump-core: memory above 4 GiB", test_large},
    {"dump-core: a domain of others", test_unknown},
    {"dump-core: what is refused", test_wrong},
    {"dump-core: no half of a file", test_failures},
};

int main(void)
{
    int fd = mkstemp(path), status;

    if (fd < 0) {
        return 1;
    }
    close(fd);
    status = check_all(checks, sizeof(checks) / sizeof(checks[0]));
    unlink(path);
    forget_file();
    return status;
}
