/* ixgbe_sriov.c before hostile VFs (hostile_vfs.h): one 82599 and one X540. */
#include "nic/intel/ixgbe/ixgbe_sriov.h"
#include "tests/fuzz/harness.h"
#include "tests/models/ixgbe_model.h"

#define MODEL(function) ixgbe_model_##function
#define CHIP_0 IXGBE_MODEL_82599
#define CHIP_1 IXGBE_MODEL_X540
#define MESSAGE IXGBE_MODEL_MESSAGE
#define VFS 3u
#define V_MAILBOX MBX_VFMAILBOX
#define TYPES 15u
#define FRAME_MOST VF_FRAME_MAX
#define VLANS_MOST IXGBE_VLVF_REGS

static struct ixgbe_model models[2], *model;
static struct vf_info infos[VFS];

static bool may_receive(unsigned vf)
{
    return ixgbe_model_reg(model, IXGBE_VFRE(0)) >> vf & 1;
}

/* Each address has one pool; a VF in the administrator's VLAN is in no other. */
static void check_filters(void)
{
    for (unsigned n = 0; n < IXGBE_RAR_REGS; n++) {
        uint32_t high = ixgbe_model_reg(model, IXGBE_RAL(n) + INTEL_RAH);
        uint64_t pools = (uint64_t)ixgbe_model_reg(model, IXGBE_MPSAR(2 * n + 1)) << 32 |
                         ixgbe_model_reg(model, IXGBE_MPSAR(2 * n));
        must(!(high & INTEL_RAH_AV) || (pools && !(pools & (pools - 1))));
    }
    for (unsigned n = 0; n < IXGBE_VLVF_REGS; n++) {
        uint32_t vlvf = ixgbe_model_reg(model, IXGBE_VLVF(n));
        for (unsigned vf = 0; vf < VFS && (vlvf & IXGBE_VLVF_VI_EN); vf++) {
            bool in = ixgbe_model_reg(model, IXGBE_VLVFB(2 * n)) >> vf & 1;
            uint16_t vlan = infos[vf].policy.vlan;
            must(!in || !vlan || FIELD_GET(IXGBE_VLVF_VLAN, vlvf) == vlan);
        }
    }
}

/* What a VF or the PF's administrator can make the driver write, as it is between inputs. */
static const struct {
    uint32_t first, last;
} ranges[] = {
    { IXGBE_VFRE(0), IXGBE_VFRE(1) },
    { IXGBE_VFTE(0), IXGBE_VFTE(1) },
    { INTEL_MTA(0), INTEL_MTA(INTEL_MTA_REGS - 1) },
    { IXGBE_RAL(0), IXGBE_RAL(IXGBE_RAR_REGS - 1) + INTEL_RAH },
    { IXGBE_MPSAR(0), IXGBE_MPSAR(2 * IXGBE_RAR_REGS - 1) },
    { IXGBE_VT_CTL, IXGBE_VT_CTL },
    { IXGBE_VFTA(0), IXGBE_VFTA(IXGBE_VFTA_REGS - 1) },
    { IXGBE_VMOLR(0), IXGBE_VMOLR(IXGBE_POOLS - 1) },
    { IXGBE_VMVIR(0), IXGBE_VMVIR(IXGBE_POOLS - 1) },
    { IXGBE_VLVF(0), IXGBE_VLVF(IXGBE_VLVF_REGS - 1) },
    { IXGBE_UTA(0), IXGBE_UTA(IXGBE_UTA_REGS - 1) },
    { IXGBE_MAXFRS, IXGBE_MAXFRS },
    { IXGBE_VFSPOOF(0), IXGBE_VFSPOOF(IXGBE_VFSPOOF_REGS - 1) },
};

#include "tests/fuzz/hostile_vfs.h"
