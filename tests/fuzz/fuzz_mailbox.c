/* igb_pf.c before hostile VFs (hostile_vfs.h): one 82576 and one I350. */
#include "nic/intel/igb/igb_pf.h"
#include "tests/fuzz/harness.h"
#include "tests/models/igb_model.h"

#define MODEL(function) igb_model_##function
#define CHIP_0 IGB_MODEL_82576
#define CHIP_1 IGB_MODEL_I350
#define MESSAGE IGB_MODEL_MESSAGE
#define VFS 3u
#define V_MAILBOX MBX_V2P
#define TYPES 7u
#define FRAME_MOST IGB_FRAME_MAX
#define VLANS_MOST IGB_VLVF_REGS

static struct igb_model models[2], *model;
static struct vf_info infos[VFS];

static bool may_receive(unsigned vf)
{
    return igb_model_reg(model, IGB_VFRE) >> vf & 1;
}

/* Each address has one pool; a VF in the administrator's VLAN is in no other. */
static void check_filters(void)
{
    for (unsigned n = 0; n < 24; n++) {
        uint32_t high = igb_model_reg(model, IGB_RAH(n)), pools = FIELD_GET(IGB_RAH_POOL, high);
        must(!(high & INTEL_RAH_AV) || (pools && !(pools & (pools - 1))));
    }
    for (unsigned n = 0; n < IGB_VLVF_REGS; n++) {
        uint32_t vlvf = igb_model_reg(model, IGB_VLVF(n));
        for (unsigned vf = 0; vf < VFS && (vlvf & IGB_VLVF_VI_EN); vf++) {
            bool in = FIELD_GET(IGB_VLVF_POOLSEL, vlvf) >> vf & 1;
            uint16_t vlan = infos[vf].policy.vlan;
            must(!in || !vlan || FIELD_GET(IGB_VLVF_VLAN, vlvf) == vlan);
        }
    }
}

/* What a VF or the PF's administrator can make the driver write. */
static const struct {
    uint32_t first, last;
} ranges[] = {
    { IGB_VFRE, IGB_VFTE },         { INTEL_MTA(0), INTEL_MTA(INTEL_MTA_REGS - 1) },
    { IGB_RAL(0), IGB_RAH(15) },    { IGB_RAL(16), IGB_RAH(31) },
    { IGB_VT_CTL, IGB_VT_CTL },     { INTEL_VFTA(0), INTEL_VFTA(INTEL_VFTA_REGS - 1) },
    { IGB_VMOLR(0), IGB_VMOLR(7) }, { IGB_VLVF(0), IGB_VLVF(IGB_VLVF_REGS - 1) },
    { IGB_VMVIR(0), IGB_VMVIR(7) }, { IGB_UTA(0), IGB_UTA(IGB_UTA_REGS - 1) },
};

#include "tests/fuzz/hostile_vfs.h"
