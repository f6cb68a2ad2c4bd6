/* SPDX-License-Identifier: MIT */
#include "boot/bzimage.h"

#include "bzimages.h"

static struct bytes image(void)
{
    uint8_t payload[100];

    memset(payload, 0x5a, sizeof(payload));
    put32(payload + 96, 0x123456);
    return bzimage_of((struct bytes){payload, sizeof(payload)});
}

static const char *read_bytes(struct bytes b, struct bzimage *out)
{
    return bzimage_read(b.data, b.size, out);
}

/* With one field of the header set to `value`. */
static const char *read_with(size_t field, uint32_t value)
{
    struct bytes b = image();
    struct bzimage out;
    const char *wrong;

    put32(b.data + field, value);
    wrong = read_bytes(b, &out);
    free(b.data);
    return wrong ? wrong : "right";
}

TEST(finds_the_payload)
{
    struct bytes b = image();
    struct bzimage out;

    EXPECT(bzimage_is(b.data, b.size));
    EXPECT(!read_bytes(b, &out));
    EXPECT(out.payload == b.data + SETUP_SIZE);
    EXPECT_EQ(out.size, 100);
    EXPECT_EQ(out.unpacked_size, 0x123456);
    put32(b.data + 0x248, 60);
    put32(b.data + 0x24c, 40);
    EXPECT(!read_bytes(b, &out));
    EXPECT(out.payload == b.data + SETUP_SIZE + 60);
    EXPECT_EQ(out.size, 40);
    free(b.data);
}

TEST(takes_no_setup_sectors_for_four)
{
    struct bytes b = {calloc(1, 5 * 512 + 8), 5 * 512 + 8}, head = image();
    struct bzimage out;

    memcpy(b.data, head.data, SETUP_SIZE);
    b.data[0x1f1] = 0;
    put32(b.data + 0x24c, 8);
    EXPECT(!read_bytes(b, &out));
    EXPECT(out.payload == b.data + (size_t)5 * 512);
    free(head.data);
    free(b.data);
}

TEST(knows_what_is_none)
{
    struct bytes b = image();

    EXPECT(!bzimage_is("", 0));
    EXPECT(!bzimage_is(b.data, 0x24f));
    b.data[0x202] = 'h';
    EXPECT(!bzimage_is(b.data, b.size));
    b.data[0x202] = 'H';
    b.data[0x1fe] = 0;
    EXPECT(!bzimage_is(b.data, b.size));
    free(b.data);
}

TEST(says_what_is_wrong)
{
    static const char cut[] =
        "the file is damaged: it ends before its payload does";
    static const char empty[] = "the file is damaged: it has no payload";

    EXPECT_TEXT(read_with(0x206, 0x207),
                "too old: its boot protocol is below 2.08");
    EXPECT_TEXT(read_with(0x248, 1), cut);
    EXPECT_TEXT(read_with(0x248, ~0U), cut);
    EXPECT_TEXT(read_with(0x24c, 101), cut);
    EXPECT_TEXT(read_with(0x24c, ~0U), cut);
    EXPECT_TEXT(read_with(0x24c, 0), empty);
    EXPECT_TEXT(read_with(0x24c, 4), empty);
    EXPECT_TEXT(read_with(0x24c, 5), "right");
}

TEST(complains_about_every_truncation)
{
    struct bytes b = image();

    for (size_t size = 0; size < b.size; size++) {
        struct bytes cut = bytes_of(b.data, size);
        struct bzimage out;

        EXPECT(read_bytes(cut, &out));
        free(cut.data);
    }
    free(b.data);
}

/* Any bytes in the header: what is accepted lies within the file. */
TEST(survives_any_header)
{
    uint64_t random = unit_seed(1);
    unsigned accepted = 0;

    for (unsigned n = 0; n < 100000 * unit_long(); n++) {
        static const uint16_t fields[] = {0x1f1, 0x206, 0x248, 0x249, 0x24a,
                                          0x24b, 0x24c, 0x24d, 0x24e, 0x24f};
        unsigned changes = 1 + (unsigned)unit_random_below(&random, 3);
        struct bytes b = image();
        struct bzimage out;

        while (changes--) {
            unsigned field =
                (unsigned)unit_random_below(&random, ARRAY_COUNT(fields));

            b.data[fields[field]] = (uint8_t)unit_random(&random);
        }
        if (!read_bytes(b, &out)) {
            accepted++;
            EXPECT(out.payload >= b.data && out.size > 4 &&
                   out.payload + out.size <= b.data + b.size);
        }
        free(b.data);
    }
    EXPECT(accepted > 0);
}
