/* SPDX-License-Identifier: MIT */
/* Processors as they say that they are, and what each is given. */
#include "arch/x86/spec.h"

#include "unit.h"

#define IBRS_ALL (CAP_IBRS_ALL | CAP_RDCL_NO | CAP_L1D_NO | CAP_MDS_NO)

static const struct {
    const char *name;
    struct spec_facts facts;
    uint32_t measures;
} processors[] = {
    {"an emulator", {.intel = true, .vmx = true}, 0},
    {"an emulated AMD", {0}, 0},
    {"Haswell, old microcode", {.intel = true, .vmx = true}, 0},
    {"Skylake",
     {.intel = true,
      .vmx = true,
      .leaf7_edx = SPEC7_IBRS | SPEC7_STIBP | SPEC7_SSBD | SPEC7_MD_CLEAR |
                   SPEC7_L1D_FLUSH},
     SPEC_IBPB | SPEC_SWITCH_CTRL | SPEC_HOST_IBRS | SPEC_STUFF_RETURNS |
         SPEC_CLEAR_BUFFERS | SPEC_FLUSH_L1D},
    {"Cascade Lake",
     {.intel = true,
      .vmx = true,
      .leaf7_edx = SPEC7_IBRS | SPEC7_STIBP | SPEC7_SSBD | SPEC7_MD_CLEAR |
                   SPEC7_L1D_FLUSH | SPEC7_CAPABILITIES,
      .capabilities = IBRS_ALL},
     SPEC_IBPB | SPEC_SWITCH_CTRL | SPEC_HOST_IBRS | SPEC_STUFF_RETURNS |
         SPEC_CLEAR_BUFFERS},
    {"one that leaks nothing",
     {.intel = true,
      .vmx = true,
      .leaf7_edx =
          SPEC7_IBRS | SPEC7_MD_CLEAR | SPEC7_L1D_FLUSH | SPEC7_CAPABILITIES,
      .capabilities = IBRS_ALL | CAP_TAA_NO | CAP_PBRSB_NO},
     SPEC_IBPB | SPEC_SWITCH_CTRL | SPEC_HOST_IBRS},
    {"the same with buffers to be cleared",
     {.intel = true,
      .vmx = true,
      .leaf7_edx = SPEC7_IBRS | SPEC7_MD_CLEAR | SPEC7_CAPABILITIES,
      .capabilities = IBRS_ALL | CAP_TAA_NO | CAP_PBRSB_NO | CAP_FB_CLEAR},
     SPEC_IBPB | SPEC_SWITCH_CTRL | SPEC_HOST_IBRS | SPEC_CLEAR_BUFFERS},
    {"Zen 1", {.ext8_ebx = SPEC8_IBPB}, SPEC_IBPB},
    {"Zen 3",
     {.ext8_ebx = SPEC8_IBPB | SPEC8_IBRS | SPEC8_STIBP | SPEC8_SSBD},
     SPEC_IBPB | SPEC_SWITCH_CTRL | SPEC_HOST_IBRS | SPEC_STUFF_RETURNS},
    {"a guest on Zen 1",
     {.ext8_ebx = SPEC8_IBPB | SPEC8_VIRT_SSBD},
     SPEC_IBPB | SPEC_VIRT_CTRL},
};

TEST(each_processor_gets_what_its_bits_demand)
{
    for (unsigned i = 0; i < ARRAY_COUNT(processors); i++) {
        uint32_t measures = spec_decide(&processors[i].facts);

        if (measures != processors[i].measures) {
            FAIL("%s: measures %x, expected %x", processors[i].name, measures,
                 processors[i].measures);
        }
    }
}

/* From one domain to another is a barrier; from vCPU to vCPU of one is none. */
TEST(a_barrier_for_each_change_of_domain)
{
    struct spec_switches s = {0, 0, 0};

    EXPECT(!spec_note_domain(&s, 1, SPEC_IBPB)); /* nobody was here before */
    EXPECT(!spec_note_domain(&s, 1, SPEC_IBPB));
    EXPECT_EQ(s.changes, 0);
    EXPECT(spec_note_domain(&s, 2, SPEC_IBPB));
    EXPECT_EQ(s.changes, 1);
    EXPECT_EQ(s.barriers, 1);
    EXPECT(!spec_note_domain(&s, 2, SPEC_IBPB));
    EXPECT_EQ(s.barriers, 1);
    EXPECT(spec_note_domain(&s, 1, SPEC_IBPB));
    EXPECT_EQ(s.changes, 2);
    EXPECT_EQ(s.barriers, 2);
}

TEST(a_processor_without_the_barrier)
{
    struct spec_switches s = {1, 0, 0};

    EXPECT(!spec_note_domain(&s, 2, SPEC_SWITCH_CTRL));
    EXPECT_EQ(s.changes, 1);
    EXPECT_EQ(s.barriers, 0);
}
