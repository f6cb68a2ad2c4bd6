/* SPDX-License-Identifier: MIT */
/*
 * What becomes of an exit by VMX, with a VMCS that is an array, and registers
 * that are variables: the rules of the SDM that Bochs or a guest would not show
 * at once.
 */
#define vmx_decode_exit decode_exit
#define vmx_failure     failure

#include "arch/x86/asm.h"
#include "arch/x86/mce.h"
#include "arch/x86/vmx.h"
#include "unit.h"

#define vmread    fake_vmread
#define vmwrite   fake_vmwrite
#define read_dr6  fake_read_dr6
#define write_dr6 fake_write_dr6

static uint64_t fields[0x8000], dr6;
static unsigned xsetbv_count, mce_count;
static bool real_mode;
static struct vmx_cpu vcpu;
static struct guest_regs registers;
static struct guest_exit result;

static uint64_t fake_vmread(uint64_t field)
{
    return fields[field];
}

static void fake_vmwrite(uint64_t field, uint64_t v)
{
    fields[field] = v;
}

static uint64_t fake_read_dr6(void)
{
    return dr6;
}

static void fake_write_dr6(uint64_t v)
{
    dr6 = v;
}

void mce_handle(bool from_guest)
{
    EXPECT(from_guest);
    mce_count++;
}

void virt_xsetbv(struct guest_cpu *gc, const struct guest_regs *regs,
                 struct guest_exit *e)
{
    EXPECT(gc == &vcpu.common && regs == &registers);
    e->reason = EXIT_SKIP;
    xsetbv_count++;
}

uint64_t virt_exception(const struct guest_cpu *gc, unsigned vector,
                        int64_t error)
{
    EXPECT(gc == &vcpu.common);
    return EVENT_VALID | EVENT_TYPE_EXCEPTION << EVENT_TYPE_SHIFT | vector |
           (error >= 0 && !real_mode ? EVENT_ERROR_CODE : 0);
}

#include "arch/x86/vmx_exit.c"

#define GP (EVENT_VALID | 3 << 8 | EVENT_ERROR_CODE | 13)
#define DB (EVENT_VALID | 3 << 8 | 1)
#define AC (EVENT_VALID | 3 << 8 | EVENT_ERROR_CODE | 17)

static void exits(uint64_t code, uint64_t qualification, unsigned length)
{
    fields[VMCS_QUALIFICATION] = qualification;
    fields[VMCS_INSTRUCTION_LENGTH] = length;
    result = (struct guest_exit){.code = code};
    vcpu.event = 0;
    decode_exit(&vcpu, &registers, &result);
}

static void expect_event(uint64_t event)
{
    EXPECT_EQ(result.reason, EXIT_NONE);
    EXPECT_EQ(result.length, 0);
    EXPECT_EQ(vcpu.event, event);
}

TEST(a_fault_says_what_was_tried)
{
    fields[VMCS_GUEST_PHYSICAL] = 0x123456;
    exits(VMX_EXIT_EPT_VIOLATION, 0x182, 3);
    EXPECT_EQ(result.reason, EXIT_FAULT);
    EXPECT_EQ(result.fault.gpa.v, 0x123456);
    EXPECT(result.fault.write && !result.fault.execute &&
           !result.fault.present);
    EXPECT_EQ(result.length, 0);
    exits(VMX_EXIT_EPT_VIOLATION, 0x19c, 3);
    EXPECT(!result.fault.write && result.fault.execute && result.fault.present);
}

TEST(an_iret_that_came_to_nothing_leaves_nmis_blocked)
{
    exits(VMX_EXIT_EPT_VIOLATION, 0x181, 2);
    EXPECT_EQ(fields[VMCS_GUEST_SHADOW], 0);
    exits(VMX_EXIT_EPT_VIOLATION, 0x181 | EVENT_NMI_UNBLOCKS, 2);
    EXPECT_EQ(fields[VMCS_GUEST_SHADOW], SHADOW_NMI);
}

TEST(an_nmi_whose_delivery_exits_is_not_an_iret)
{
    fields[VMCS_VECTORING] = EVENT_VALID | 2 << 8 | 2;
    exits(VMX_EXIT_EPT_VIOLATION, 0x181 | EVENT_NMI_UNBLOCKS, 2);
    EXPECT_EQ(fields[VMCS_GUEST_SHADOW], 0);
}

TEST(debug_exceptions_are_given_back)
{
    dr6 = 0xFFFF0FF2;
    fields[VMCS_GUEST_DR7] = 0x400 | DR7_GD;
    fields[VMCS_EXIT_EVENT] = EVENT_VALID | 3 << 8 | 1;
    registers.rip = 100;
    exits(VMX_EXIT_EXCEPTION, DR6_BS | 1, 2);
    expect_event(DB);
    EXPECT_EQ(dr6, 0xFFFF0FF1 | DR6_BS);
    EXPECT_EQ(fields[VMCS_GUEST_DR7], 0x400);
    EXPECT_EQ(registers.rip, 100);
}

TEST(int1_is_stepped_over)
{
    fields[VMCS_EXIT_EVENT] = EVENT_VALID | EVENT_TYPE_INT1 << 8 | 1;
    registers.rip = 100;
    exits(VMX_EXIT_EXCEPTION, 0, 1);
    expect_event(DB);
    EXPECT_EQ(registers.rip, 101);
}

TEST(alignment_checks_are_given_back)
{
    fields[VMCS_EXIT_EVENT] = EVENT_VALID | 3 << 8 | EVENT_ERROR_CODE | 17;
    exits(VMX_EXIT_EXCEPTION, 0, 2);
    expect_event(AC);
}

TEST(cr0_shows_what_was_written)
{
    registers.gpr[3] = 0x80000013; /* without NE */
    exits(VMX_EXIT_CR, 0x300, 3);
    expect_event(0);
    EXPECT_EQ(fields[VMCS_CR0_SHADOW], 0x80000013);
}

TEST(cr0_cannot_be_what_no_processor_allows)
{
    static const uint64_t wrong[] = {
        0x80000000,   /* paging without protection */
        0x20000001,   /* not write-through, but cached */
        0x1000000001, /* more than 32 bits, in 64-bit code */
    };

    fields[VMCS_GUEST_RIGHTS + 2 * SEG_CS] = RIGHTS_LONG;
    for (unsigned i = 0; i < ARRAY_COUNT(wrong); i++) {
        registers.gpr[3] = wrong[i];
        exits(VMX_EXIT_CR, 0x300, 3);
        expect_event(GP);
    }
    EXPECT_EQ(fields[VMCS_CR0_SHADOW], 0);
}

TEST(code_of_32_bits_writes_32_bits_to_cr0)
{
    registers.gpr[3] = 0xABCD00000011;
    exits(VMX_EXIT_CR, 0x300, 3);
    expect_event(0);
    EXPECT_EQ(fields[VMCS_CR0_SHADOW], 0x11);
}

TEST(cr4_vmxe_is_refused)
{
    registers.rbx = CR4_VMXE;
    exits(VMX_EXIT_CR, 0x304, 3);
    expect_event(GP);
    real_mode = true;
    exits(VMX_EXIT_CR, 0x304, 3);
    expect_event(GP & ~EVENT_ERROR_CODE);
}

/* The guest sees what it wrote; the host's own bit stays set. */
TEST(cr4_mce_is_shown_as_written)
{
    registers.rbx = CR4_MCE;
    exits(VMX_EXIT_CR, 0x304, 3);
    EXPECT_EQ(vcpu.event, 0);
    EXPECT_EQ(result.reason, EXIT_NONE);
    EXPECT_EQ(fields[VMCS_CR4_SHADOW], CR4_MCE);
}

TEST(cr8_has_its_register)
{
    exits(VMX_EXIT_CR, 0x908, 4);
    EXPECT_EQ(result.reason, EXIT_CR8_WRITE);
    EXPECT_EQ(result.value, 9);
    EXPECT_EQ(result.length, 4);
    exits(VMX_EXIT_CR, 0x918, 4);
    EXPECT_EQ(result.reason, EXIT_CR8_READ);
}

/* What it may set is the same rule on both machines: virt_xsetbv(). */
TEST(xsetbv_is_done_for_the_guest)
{
    exits(VMX_EXIT_XSETBV, 0, 3);
    EXPECT_EQ(xsetbv_count, 1);
    EXPECT_EQ(result.reason, EXIT_SKIP);
    EXPECT_EQ(result.length, 3);
}

TEST(ports_by_the_qualification)
{
    exits(VMX_EXIT_IO, 0x03F80000 | BIT(3) | 3, 2);
    EXPECT_EQ(result.reason, EXIT_IO);
    EXPECT_EQ(result.io.port, 0x3F8);
    EXPECT_EQ(result.io.size, 4);
    EXPECT(result.io.in && !result.io.string && !result.io.rep);
}

TEST(what_cannot_go_on_is_told_in_words)
{
    exits(VMX_EXIT_BAD_STATE | VMX_ENTRY_FAILED, 0, 0);
    EXPECT_EQ(result.reason, EXIT_FAILED);
    EXPECT(!strcmp(failure(result.code), "the processor refuses its state"));
    exits(VMX_EXIT_TASK_SWITCH, 0, 2);
    EXPECT_EQ(result.reason, EXIT_FAILED);
    EXPECT(strstr(failure(result.code), "tasks"));
    exits(VMX_EXIT_EPT_MISCONFIGURED, 0, 0);
    EXPECT_EQ(result.reason, EXIT_FAILED);
    EXPECT(strstr(failure(7 | VMX_NOT_ENTERED), "control fields"));
    EXPECT(strstr(failure(8 | VMX_NOT_ENTERED), "host's state"));
}

TEST(an_instruction_that_is_not_offered_is_undefined)
{
    exits(27, 0, 4); /* VMXON */
    EXPECT_EQ(result.reason, EXIT_UNDEFINED);
}
