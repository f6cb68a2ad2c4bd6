/* SPDX-License-Identifier: MIT */
/* vcpu_op, set_timer_op and vm_assist, from vCPU 0 of two. */
#include "arch/timer.h"
#include "guest/hypercall.h"
#include "types/bits.h"
#include "types/error.h"
#include "world.h"

#include <xen/vcpu.h>
#include <xen/xen.h>

#define OP_AT   0x1000
#define AREA_AT 0x2fe0 /* 32 bytes before the end of a page */
#define NOWHERE (WORLD_RAM + 0x10000)

static struct vcpu *other;

static void start(void)
{
    world_start(0x4000);
    other = world_control->vcpus[1];
    fake_set_time(1000);
}

static int64_t op_at(unsigned op, unsigned vcpu, uint64_t at)
{
    const uint64_t args[6] = {op, vcpu, at};

    return hc_vcpu_op(world_vcpu, args);
}

/* `arg` is put where the call finds it. */
static int64_t op(unsigned op, unsigned vcpu, const void *arg, size_t size)
{
    memcpy(world_ram(OP_AT), arg, size);
    return op_at(op, vcpu, OP_AT);
}

static uint32_t references(uint64_t at)
{
    return page_references(page_from_mfn(arch_unmap(world_ram(at))));
}

TEST(vcpus_that_are_not_there)
{
    start();
    EXPECT_EQ(op_at(VCPUOP_is_up, 2, 0), -ENOENT);
    EXPECT_EQ(op_at(VCPUOP_is_up, ~0U, 0), -ENOENT);
    EXPECT_EQ(op_at(99, 0, 0), -ENOSYS);
}

TEST(who_is_up)
{
    start();
    other->hold |= HOLD_OFFLINE;
    EXPECT_EQ(op_at(VCPUOP_is_up, 1, 0), 0);
    other->hold &= ~HOLD_OFFLINE;
    EXPECT_EQ(op_at(VCPUOP_is_up, 1, 0), 1);
    /* Not how CPUs start here; and nothing comes of it. */
    EXPECT_EQ(op_at(VCPUOP_down, 1, 0), 0);
    EXPECT_EQ(op_at(VCPUOP_is_up, 1, 0), 1);
    EXPECT_EQ(op_at(VCPUOP_up, 1, 0), 0);
    EXPECT_EQ(op_at(VCPUOP_stop_periodic_timer, 1, 0), 0);
}

TEST(tells_the_runstate)
{
    struct vcpu_runstate_info info;

    start();
    other->time.state = RUNSTATE_blocked;
    other->time.state_entry = 77;
    for (unsigned i = 0; i < 4; i++) {
        other->time.spent[i] = 100 + i;
    }
    EXPECT_EQ(op_at(VCPUOP_get_runstate_info, 1, OP_AT), 0);
    memcpy(&info, world_ram(OP_AT), sizeof(info));
    EXPECT_EQ(info.state, RUNSTATE_blocked);
    EXPECT_EQ(info.state_entry_time, 77);
    EXPECT_EQ(info.time[3], 103);
    EXPECT_EQ(op_at(VCPUOP_get_runstate_info, 1, NOWHERE), -EFAULT);
}

TEST(vcpu_info_is_registered_once)
{
    struct vcpu_register_vcpu_info r = {.mfn = 3, .offset = 0x100};
    struct vcpu_info *info;
    void *before;

    start();
    before = other->info.info;
    r.offset = 0x101;
    EXPECT_EQ(op(VCPUOP_register_vcpu_info, 1, &r, sizeof(r)), -EINVAL);
    r.offset = PAGE_SIZE - sizeof(struct vcpu_info) + 8;
    EXPECT_EQ(op(VCPUOP_register_vcpu_info, 1, &r, sizeof(r)), -EINVAL);
    r = (struct vcpu_register_vcpu_info){.mfn = NOWHERE >> PAGE_SHIFT};
    EXPECT_EQ(op(VCPUOP_register_vcpu_info, 1, &r, sizeof(r)), -EINVAL);
    EXPECT_EQ(op_at(VCPUOP_register_vcpu_info, 1, NOWHERE), -EFAULT);
    EXPECT_EQ(other->info.info, before);
    EXPECT_EQ(references(0x3000), 1);

    r = (struct vcpu_register_vcpu_info){.mfn = 3, .offset = 0x100};
    EXPECT_EQ(op(VCPUOP_register_vcpu_info, 1, &r, sizeof(r)), 0);
    info = world_ram(0x3100);
    EXPECT_EQ(other->info.info, info);
    EXPECT_EQ(info->evtchn_pending_sel, ~0UL);
    EXPECT(info->evtchn_upcall_pending);
    EXPECT_EQ(references(0x3000), 2);

    r.mfn = 4;
    EXPECT_EQ(op(VCPUOP_register_vcpu_info, 1, &r, sizeof(r)), -EINVAL);
    EXPECT_EQ(other->info.info, info);
    EXPECT_EQ(references(0x4000), 1);
    machine_check();
}

/* By a virtual address that is translated once, on two pages. */
TEST(areas_are_registered_and_replaced)
{
    const uint64_t area = AREA_AT, elsewhere = 0x5000, bad = NOWHERE;

    start();
    EXPECT_EQ(op(VCPUOP_register_runstate_memory_area, 0, &bad, sizeof(bad)),
              -EFAULT);
    EXPECT_EQ(op_at(VCPUOP_register_runstate_memory_area, 0, NOWHERE), -EFAULT);
    EXPECT(!world_vcpu->time.runstate_area.page[0]);

    EXPECT_EQ(op(VCPUOP_register_runstate_memory_area, 0, &area, sizeof(area)),
              0);
    EXPECT_EQ(references(0x2000), 2);
    EXPECT_EQ(references(0x3000), 2);
    EXPECT_EQ(op(VCPUOP_register_runstate_memory_area, 0, &elsewhere,
                 sizeof(elsewhere)),
              0);
    EXPECT_EQ(references(0x2000), 1);
    EXPECT_EQ(references(0x3000), 1);
    EXPECT_EQ(references(0x5000), 2);
    machine_check();
}

TEST(time_is_written_where_it_is_wanted)
{
    const uint64_t area = AREA_AT, bad = NOWHERE;
    struct vcpu_time_info info;

    start();
    EXPECT_EQ(op(VCPUOP_register_vcpu_time_memory_area, 0, &bad, sizeof(bad)),
              -EFAULT);
    EXPECT_EQ(op(VCPUOP_register_vcpu_time_memory_area, 0, &area, sizeof(area)),
              0);
    memcpy(&info, world_ram(AREA_AT), 32);
    EXPECT_EQ(info.version % 2, 0);
    EXPECT(info.version);
    EXPECT(info.tsc_to_system_mul);
}

TEST(a_timer_is_set_by_its_own_vcpu)
{
    struct vcpu_set_singleshot_timer t = {.timeout_abs_ns = 5000};

    start();
    EXPECT_EQ(op(VCPUOP_set_singleshot_timer, 1, &t, sizeof(t)), -EINVAL);
    EXPECT_EQ(op_at(VCPUOP_set_singleshot_timer, 0, NOWHERE), -EFAULT);
    EXPECT_EQ(op_at(VCPUOP_stop_singleshot_timer, 1, 0), -EINVAL);
    EXPECT_EQ(time_next_deadline(), NO_DEADLINE);

    EXPECT_EQ(op(VCPUOP_set_singleshot_timer, 0, &t, sizeof(t)), 0);
    EXPECT_EQ(time_next_deadline(), 5000);
    EXPECT_EQ(op_at(VCPUOP_stop_singleshot_timer, 0, 0), 0);
    EXPECT_EQ(time_next_deadline(), NO_DEADLINE);
}

TEST(a_time_that_is_over_is_refused_if_so_wished)
{
    struct vcpu_set_singleshot_timer t = {.timeout_abs_ns = 999,
                                          .flags = VCPU_SSHOTTMR_future};

    start();
    EXPECT_EQ(op(VCPUOP_set_singleshot_timer, 0, &t, sizeof(t)), -ETIME);
    EXPECT_EQ(time_next_deadline(), NO_DEADLINE);
    t.flags = 0;
    EXPECT_EQ(op(VCPUOP_set_singleshot_timer, 0, &t, sizeof(t)), 0);
    EXPECT_EQ(time_next_deadline(), 999);
}

TEST(set_timer_op_sets_and_stops)
{
    uint64_t args[6] = {7000};

    start();
    EXPECT_EQ(hc_set_timer_op(world_vcpu, args), 0);
    EXPECT_EQ(time_next_deadline(), 7000);
    args[0] = 0;
    EXPECT_EQ(hc_set_timer_op(world_vcpu, args), 0);
    EXPECT_EQ(time_next_deadline(), NO_DEADLINE);
}

TEST(an_nmi_is_sent_and_wakes)
{
    start();
    other->hold |= HOLD_BLOCKED;
    EXPECT_EQ(op_at(VCPUOP_send_nmi, 1, 0), 0);
    EXPECT(other->vlapic.nmi_pending);
    EXPECT(!(other->hold & HOLD_BLOCKED));
    EXPECT(!world_vcpu->vlapic.nmi_pending);
}

TEST(one_assist_is_known)
{
    const uint64_t bit = BIT(VMASST_TYPE_runstate_update_flag);
    uint64_t args[6] = {VMASST_CMD_enable, VMASST_TYPE_4gb_segments};

    start();
    EXPECT_EQ(hc_vm_assist(world_vcpu, args), -EINVAL);
    args[1] = 64; /* no bit of the word */
    EXPECT_EQ(hc_vm_assist(world_vcpu, args), -EINVAL);
    EXPECT_EQ(world_control->vm_assist, 0);
    args[1] = VMASST_TYPE_runstate_update_flag;
    EXPECT_EQ(hc_vm_assist(world_vcpu, args), 0);
    EXPECT_EQ(world_control->vm_assist, bit);
    args[0] = 9;
    EXPECT_EQ(hc_vm_assist(world_vcpu, args), -ENOSYS);
    EXPECT_EQ(world_control->vm_assist, bit);
    args[0] = VMASST_CMD_disable;
    EXPECT_EQ(hc_vm_assist(world_vcpu, args), 0);
    EXPECT_EQ(world_control->vm_assist, 0);
}
