/* SPDX-License-Identifier: MIT */
/* Kernel files on a machine that has nothing but boot memory. */
#include "boot/unpack.h"

#include "bzimages.h"
#include "machine.h"
#include "mm/boot_alloc.h"

#define FIRST       0x400ULL /* of the fake machine's frames */
#define KERNEL_SIZE 3000000UL

static struct bytes kernel;

static void start(uint64_t pages)
{
    fake_start(NULL);
    fake_dirty_ram();
    boot_alloc_add(PADDR(FIRST << PAGE_SHIFT), pages * PAGE_SIZE);
    kernel = some_kernel(KERNEL_SIZE);
}

static struct bytes image_by(unsigned packer)
{
    struct bytes packed = packed_by(&packers[packer], kernel);
    struct bytes image = bzimage_of(packed);

    free(packed.data);
    return image;
}

/* Nothing at all is taken. */
static void expect_all_memory(void)
{
    mfn_t first;

    EXPECT(boot_alloc_try(1, &first));
    EXPECT_EQ(first.v, FIRST);
    boot_alloc_free(first, 1);
}

static void expect_wrong(struct bytes image, const char *text)
{
    struct unpacked_kernel u;
    const char *wrong = kernel_unpack(image.data, image.size, &u);

    if (!wrong || !strstr(wrong, text)) {
        FAIL("\"%s\", and not \"%s\"", wrong ? wrong : "right", text);
    }
    expect_all_memory();
}

static void expect_kernel(struct bytes image, const char *format)
{
    struct unpacked_kernel u;
    mfn_t next;

    fake_console_clear();
    EXPECT(!kernel_unpack(image.data, image.size, &u));
    EXPECT_EQ(u.size, KERNEL_SIZE);
    EXPECT(memcmp(u.image, kernel.data, KERNEL_SIZE) == 0);
    EXPECT(strstr(fake_console_output(), format));
    EXPECT(strstr(fake_console_output(), "2929 KiB"));
    /* The kernel's pages are taken, and no others. */
    EXPECT_EQ(u.memory.v, FIRST << PAGE_SHIFT);
    EXPECT_EQ(u.memory_size, (KERNEL_SIZE | 4095) + 1);
    EXPECT(boot_alloc_try(1, &next));
    EXPECT_EQ(next.v, FIRST + u.memory_size / PAGE_SIZE);
    boot_alloc_free(next, 1);
    boot_alloc_free(MFN(FIRST), u.memory_size / PAGE_SIZE);
}

TEST(unpacks_all_four_formats)
{
    start(0x4000);
    for (unsigned i = 0; i < ARRAY_COUNT(packers); i++) {
        struct bytes image = image_by(i);

        expect_kernel(image, packers[i].name);
        free(image.data);
    }
}

TEST(the_kernels_memory_comes_back)
{
    struct unpacked_kernel u;
    struct bytes image;
    uint64_t free_pages;

    start(0x4000);
    image = image_by(2);
    EXPECT(!kernel_unpack(image.data, image.size, &u));
    boot_alloc_finish();
    free_pages = page_alloc_info().free;
    boot_alloc_release(u.memory, u.memory_size);
    EXPECT_EQ(page_alloc_info().free, free_pages + u.memory_size / PAGE_SIZE);
    EXPECT_EQ(mm_audit(), 0);
    free(image.data);
}

TEST(leaves_other_files_alone)
{
    struct unpacked_kernel u;

    start(0x4000);
    EXPECT(!kernel_unpack(kernel.data, kernel.size, &u));
    EXPECT(u.image == kernel.data);
    EXPECT_EQ(u.size, kernel.size);
    EXPECT_EQ(u.memory_size, 0);
    EXPECT(!kernel_unpack("", 0, &u));
    EXPECT_EQ(u.size, 0);
    expect_all_memory();
}

TEST(says_what_is_damaged)
{
    start(0x4000);
    for (unsigned i = 0; i < ARRAY_COUNT(packers); i++) {
        struct bytes image = image_by(i);
        uint8_t *size = image.data + image.size - 4;

        /* Cut short: the header tells. */
        image.size -= 10;
        expect_wrong(image, "damaged: it ends before its payload does");
        image.size += 10;
        /* Another size than is in it. */
        put32(size, KERNEL_SIZE + 1);
        expect_wrong(image, "does not unpack to 3000001 bytes");
        put32(size, KERNEL_SIZE - 1);
        expect_wrong(image, "does not unpack to 2999999 bytes");
        put32(size, 0);
        expect_wrong(image, "does not unpack to 0 bytes");
        put32(size, ~0U);
        expect_wrong(image, "does not unpack to 4294967295 bytes");
        put32(size, KERNEL_SIZE);
        /* A hole in the middle. */
        memset(image.data + image.size / 2, 0, 1000);
        expect_wrong(image, packers[i].name);
        free(image.data);
    }
}

TEST(says_what_it_cannot_unpack)
{
    static uint8_t payload[] = "BZh91AY&SY, and so on";
    struct bytes image = bzimage_of((struct bytes){payload, sizeof(payload)});

    start(0x4000);
    expect_wrong(image, "packed with bzip2; gzip, xz, zstd and lz4 are known");
    image.data[SETUP_SIZE] = 'b';
    expect_wrong(image, "packed with an unknown format");
    free(image.data);
}

TEST(says_how_much_memory_is_missing)
{
    struct bytes image;

    start(0x1000); /* 16 MiB: the kernel fits, xz's dictionary does not */
    image = image_by(1);
    expect_wrong(image, "no memory to unpack it: 2929 KiB for the kernel and "
                        "33");
    put32(image.data + image.size - 4, 17 << 20);
    expect_wrong(image, "no memory to unpack it: 17408 KiB for the kernel");
    free(image.data);
}
