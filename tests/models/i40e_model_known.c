/* i40e_model_known.c - which registers an X710's PF sees, the bits that software may set in them,
 * and which reset takes that back.  Linux i40e and DPDK agree on what is listed, and say the reset;
 * reserved bits are those that neither names. */
#include "tests/models/i40e_model_internal.h"

#define ALL UINT32_MAX
#define RW KIND_READ_WRITE
#define RO KIND_READ_ONLY
#define PFR I40E_RESET_PF
#define CORER I40E_RESET_CORE
#define GLOBR I40E_RESET_GLOBAL
#define NEVER (I40E_RESET_GLOBAL + 1)
#define LAST_QUEUE (I40E_MODEL_QUEUES - 1)
#define LAST_VECTOR (I40E_MODEL_VECTORS - 2)
#define LAST_VF (I40E_MODEL_VFS - 1)
#define LAST_VF_VECTOR (4 * I40E_MODEL_VFS - 1)

static const struct known {
    uint32_t first, last, step, writable;
    enum i40e_kind kind;
    unsigned reset;
} known[] = {
    { R_VF_DYN_CTLN(0), R_VF_DYN_CTLN(LAST_VF_VECTOR), 4, 0xc701ffff, RW, NEVER },
    { R_VF_LNKLSTN(0), R_VF_LNKLSTN(LAST_VF_VECTOR), 4, 0x00001fff, RW, NEVER },
    { R_VF_DYN_CTL0(0), R_VF_DYN_CTL0(LAST_VF), 4, 0xc701ffff, RW, NEVER },
    { R_VF_LNKLST0(0), R_VF_LNKLST0(LAST_VF), 4, 0x00001fff, RW, NEVER },
    { R_VF_ICR0_ENA(0), R_VF_ICR0_ENA(LAST_VF), 4, 0, RO, NEVER },
    { R_ITRN(0, 0), R_ITRN(0, LAST_VECTOR), 4, 0x00000fff, RW, PFR },
    { R_ITRN(1, 0), R_ITRN(1, LAST_VECTOR), 4, 0x00000fff, RW, PFR },
    { R_ITRN(2, 0), R_ITRN(2, LAST_VECTOR), 4, 0x00000fff, RW, PFR },
    { R_DYN_CTLN(0), R_DYN_CTLN(LAST_VECTOR), 4, 0xc701ffff, RW, PFR },
    { R_LNKLSTN(0), R_LNKLSTN(LAST_VECTOR), 4, 0x00001fff, RW, PFR },
    { 0x35800, 0x35800 + 4 * LAST_VECTOR, 4, 0x0000007f, RW, PFR }, /* PFINT_RATEN */
    { R_ITR0(0), R_ITR0(2), 0x80, 0x00000fff, RW, PFR },
    { R_STAT_CTL0, R_STAT_CTL0, 4, 0x0000000c, RW, CORER },
    { R_DYN_CTL0, R_DYN_CTL0, 4, 0xc701ffff, RW, PFR },
    { R_LNKLST0, R_LNKLST0, 4, 0x00001fff, RW, PFR },
    { R_ICR0, R_ICR0, 4, 0, RO, CORER },
    { R_ICR0_ENA, R_ICR0_ENA, 4, 0xf7ff0000, RW, CORER },
    { R_QINT_RQCTL(0), R_QINT_RQCTL(LAST_QUEUE), 4, 0x5fff1fffu | 0xe000, RW, CORER },
    { R_QINT_TQCTL(0), R_QINT_TQCTL(LAST_QUEUE), 4, 0x5fff1fffu | 0xe000, RW, CORER },
    { R_PORTMDIO_NUM, R_PORTMDIO_NUM, 4, 0x00000010, RW, CORER },
    { R_GLINT_CTL, R_GLINT_CTL, 4, 0x00000007, RW, CORER },
    { 0x42800, 0x42dfc, 4, 0x000000ff, RW, CORER }, /* which tags a VSI's frames may have: DPDK */
    { 0x442d8, 0x442e0, 4, 0x00000fff, RW, CORER }, /* GLLAN_TSOMSK: TCP flags of segments */
    { 0x50800, 0x50dfc, 4, 0x0000ffff, RW, CORER }, /* how a VSI's tags are stripped: DPDK */
    { 0x6b400, 0x6b400, 4, 0x0000ffff, RW, NEVER }, /* PFPM_WUFC */
    { R_VPLAN_QTABLE(0, 0), R_VPLAN_QTABLE(16, 0) - 4, 4, 0x000007ff, RW, NEVER },
    { R_VPLAN_MAPENA(0), R_VPLAN_MAPENA(LAST_VF), 4, 0x00000001, RW, NEVER },
    { R_VFGEN_RSTAT1(0), R_VFGEN_RSTAT1(LAST_VF), 4, 0x00000003, RW, NEVER },
    { R_ATQBAL, R_ARQT, 0x80, ALL, RW, PFR },
    { R_PRTDCB_GENS - 0x20, R_PRTDCB_GENS - 0x20, 4, ALL, RW, CORER }, /* PRTDCB_GENC */
    { R_PRTDCB_GENS, R_PRTDCB_GENS, 4, 0, RO, NEVER },
    { R_FWSTS, R_FWSTS, 4, 0, RO, NEVER },
    { R_GLVFGEN_TIMER, R_GLVFGEN_TIMER, 4, 0, RO, NEVER },
    { 0x88100, 0x88174, 4, 0, RO, NEVER }, /* GLGEN_GPIO_CTL */
    { R_VPGEN_VFRTRIG(0), R_VPGEN_VFRTRIG(LAST_VF), 4, VFRTRIG_VFSWR, RW, NEVER },
    { R_VPGEN_VFRSTAT(0), R_VPGEN_VFRSTAT(LAST_VF), 4, 0, RO, NEVER },
    { R_PFGEN_CTRL, R_PFGEN_CTRL, 4, PFGEN_CTRL_PFSWR, RW, PFR },
    { R_VFLRSTAT(0), R_VFLRSTAT(3), 4, ALL, KIND_ONE_CLEARS, CORER },
    { R_PF_FUNC_RID, R_PF_FUNC_RID, 4, 0, RO, NEVER },
    { R_CIAA, R_CIAA, 4, CIAA_ADDRESS | CIAA_VF, RW, PFR },
    { R_CIAD, R_CIAD, 4, 0, RO, NEVER },
    { R_GLNVM_ULD, R_GLNVM_ULD, 4, 0, RO, NEVER },
    { R_GLNVM_GENS, R_GLNVM_GENS, 4, 0, RO, NEVER },
    { R_GLNVM_FLA, R_GLNVM_FLA, 4, 0, RO, NEVER },
    { R_GLNVM_SRCTL, R_GLNVM_SRCTL, 4, SRCTL_ADDRESS | SRCTL_START, RW, NEVER },
    { R_GLNVM_SRDATA, R_GLNVM_SRDATA, 4, 0, RO, NEVER },
    { 0xb612c, 0xb612c, 4, 0, RO, NEVER }, /* GLGEN_STAT: read to push writes out */
    { R_PRTGEN_CNF, R_PRTGEN_CNF + 12, 4, 0, RO, NEVER },
    { 0xb8080, 0xb8080, 4, 0x00000001, RW, NEVER }, /* PFPM_APM */
    { 0xb8100, 0xb8100, 4, 0, RO, NEVER },          /* PRTGEN_STATUS */
    { R_GLGEN_RSTCTL, R_GLGEN_RSTCTL, 4, 0, RO, NEVER },
    { R_GLGEN_RSTAT, R_GLGEN_RSTAT, 4, 0, RO, NEVER },
    { R_GLGEN_RTRIG, R_GLGEN_RTRIG, 4, RTRIG_CORER | RTRIG_GLOBR, RW, NEVER },
    { R_PFPCI_SUBSYSID, R_PFPCI_SUBSYSID, 4, 0, RO, NEVER },
    { 0xbe484, 0xbe484, 4, 0, RO, NEVER }, /* GLPCI_LBARCTRL */
    { R_GLPCI_CNF2, R_GLPCI_CNF2, 4, 0, RO, NEVER },
    { R_GLPCI_CAPSUP, R_GLPCI_CAPSUP, 4, 0, RO, NEVER },
    { R_SDCMD, R_SDCMD, 4, SDCMD_INDEX | SDCMD_WRITE, RW, PFR },
    { R_SDDATALOW, R_SDDATALOW, 4, ALL, RW, PFR },
    { R_SDDATAHIGH, R_SDDATAHIGH, 4, ALL, RW, PFR },
    { R_PDINV, R_PDINV, 4, 0x01ff0fff, RW, PFR },
    { R_HMC_ERRORINFO, R_HMC_ERRORINFO, 4, ALL, RW, PFR },
    { R_HMC_ERRORDATA, R_HMC_ERRORDATA, 4, ALL, RW, PFR },
    { 0xc2004, 0xc2018, 4, 0, RO, NEVER }, /* sizes of objects in private memory */
    { 0xc20d0, 0xc20d0, 4, 0, RO, NEVER },
    { 0xc6200, 0xc623c, 4, 0x00ffffff, RW, CORER }, /* GLHMC_LANTXBASE ... */
    { 0xc6300, 0xc633c, 4, 0x000007ff, RW, CORER },
    { 0xc6400, 0xc643c, 4, 0x00ffffff, RW, CORER },
    { 0xc6500, 0xc653c, 4, 0x000007ff, RW, CORER },
    { 0xc6600, 0xc663c, 4, 0x00ffffff, RW, CORER },
    { 0xc6700, 0xc673c, 4, 0, RW, CORER }, /* no FCoE here */
    { 0xc6800, 0xc683c, 4, 0x00ffffff, RW, CORER },
    { 0xc6900, 0xc693c, 4, 0, RW, CORER },
    { R_QTX_HEAD(0), R_QTX_HEAD(LAST_QUEUE), 4, 0x00001fff, RW, CORER },
    { R_VP_MDET_TX(0), R_VP_MDET_TX(LAST_VF), 4, ALL, KIND_ONE_CLEARS, CORER },
    { R_PF_MDET_TX, R_PF_MDET_TX, 4, ALL, KIND_ONE_CLEARS, CORER },
    { R_GL_MDET_TX, R_GL_MDET_TX, 4, ALL, KIND_ONE_CLEARS, CORER },
    { R_REG_MSS, R_REG_MSS, 4, ALL, RW, NEVER },
    { R_TXPRE_QDIS(0), R_TXPRE_QDIS(11), 4, TXPRE_QUEUE | TXPRE_SET | TXPRE_CLEAR, RW, CORER },
    { R_QTX_ENA(0), R_QTX_ENA(LAST_QUEUE), 4, QENA_REQ | QENA_STAT, RW, PFR },
    { R_QTX_CTL(0), R_QTX_CTL(LAST_QUEUE), 4, 0x0000ffbf, RW, CORER },
    { R_QTX_TAIL(0), R_QTX_TAIL(LAST_QUEUE), 4, 0x00001fff, RW, PFR },
    { R_QRX_ENA(0), R_QRX_ENA(LAST_QUEUE), 4, QENA_REQ | QENA_STAT, RW, PFR },
    { R_QRX_TAIL(0), R_QRX_TAIL(LAST_QUEUE), 4, 0x00001fff, RW, CORER },
    { R_VP_MDET_RX(0), R_VP_MDET_RX(LAST_VF), 4, ALL, KIND_ONE_CLEARS, CORER },
    { R_PF_MDET_RX, R_PF_MDET_RX, 4, ALL, KIND_ONE_CLEARS, CORER },
    { R_GLLAN_RCTL_0, R_GLLAN_RCTL_0, 4, 0x00000001, RW, CORER },
    { R_GL_MDET_RX, R_GL_MDET_RX, 4, ALL, KIND_ONE_CLEARS, CORER },
    { R_QALLOC, R_QALLOC, 4, 0, RO, NEVER },
    { R_PORTNUM, R_PORTNUM, 4, 0, RO, NEVER },
    { R_VT_PFALLOC, R_VT_PFALLOC, 4, 0, RO, NEVER },
    { R_PCIFCNCNT, R_PCIFCNCNT, 4, 0, RO, NEVER },
    { R_PFQF_CTL_0, R_PFQF_CTL_0, 4, 0x000fffff, RW, CORER },
    { R_L2TAGSEN, R_L2TAGSEN, 4, 0x000000ff, RW, CORER },
    { R_PRTGL_SAL, R_PRTGL_SAL, 4, ALL, RW, NEVER },
    { R_PRTGL_SAH, R_PRTGL_SAH, 4, ALL, RW, NEVER },
    { R_PRTTSYN_CTL0, R_PRTTSYN_CTL0, 4, ALL, RW, NEVER },
    { 0x1e4320, 0x1e4320, 4, 0, RO, NEVER }, /* PRTPM_EEE_STAT */
    { 0x1e43a0, 0x1e43a0, 4, 0, RO, NEVER }, /* PRTPM_RLPIC */
    { 0x1e43c0, 0x1e43c0, 4, 0, RO, NEVER }, /* PRTPM_TLPIC */
    { R_VSILAN_QTABLE(0, 0), R_VSILAN_QTABLE(8, 0) - 4, 4, 0x07ff07ff, RW, PFR },
    { R_VSILAN_QBASE(0), R_VSILAN_QBASE(383), 4, 0x00000fff, RW, PFR },
    { R_VF_HLUT(0, 0), R_VF_HLUT(16, 0) - 4, 4, ALL, RW, NEVER },
    { R_VF_HKEY(0, 0), R_VF_HKEY(13, 0) - 4, 4, ALL, RW, NEVER },
    { R_VF_HENA(0, 0), R_VF_HENA(2, 0) - 4, 4, ALL, RW, NEVER },
    { 0x1e2400, 0x1e2400, 4, 0x00000fff, RW, GLOBR }, /* PRTDCB_MFLCN: pause frames, */
    { 0x1e4640, 0x1e4640, 4, 0x00000018, RW, GLOBR }, /* PRTDCB_FCCFG: both ways */
    { R_PFQF_HLUT(0), R_PFQF_HLUT(127), 0x80, 0x3f3f3f3f, RW, CORER },
    { R_PFQF_HKEY(0), R_PFQF_HKEY(12), 0x80, ALL, RW, CORER },
    { R_PFQF_HENA(0), R_PFQF_HENA(1), 0x80, ALL, RW, CORER },
    { 0x245400, 0x245780, 0x80, 0x77777777, RW, CORER },    /* PFQF_HREGION */
    { 0x245d80, 0x245d80, 4, 0x00000001, RW, CORER },       /* PFQF_CTL_1 */
    { 0x246380, 0x246380, 4, 0, RO, NEVER },                /* PFQF_FDSTAT */
    { 0x250000, 0x250fe0, 0x20, ALL, RW, CORER },           /* PRTQF_FD_INSET */
    { 0x255200, 0x255300, 0x20, ALL, RW, CORER },           /* PRTQF_FLX_PIT */
    { 0x256e60, 0x256e60, 4, 0x00000001, RW, CORER },       /* PRTQF_CTL_0 */
    { 0x266800, 0x266ffc, 4, ALL, KIND_ONE_CLEARS, CORER }, /* GLQF_PCNT */
    { 0x267600, 0x2677fc, 4, ALL, RW, CORER },              /* GLQF_HASH_INSET */
    { 0x267200, 0x2673fc, 4, ALL, RW, CORER },              /* GLQF_FD_MSK */
    { 0x267a00, 0x267bfc, 4, ALL, RW, CORER },              /* GLQF_HASH_MSK */
    { 0x268900, 0x2689fc, 4, ALL, RW, CORER },              /* GLQF_ORT */
    { 0x268c80, 0x268cdc, 4, ALL, RW, CORER },              /* GLQF_PIT */
    { 0x269fbc, 0x269fbc, 4, ALL, RW, CORER },              /* GL_SWR_PM_UP_THR */
    { R_GLQF_CTL, R_GLQF_CTL, 4, 0x0fffff7e, RW, CORER },
    { 0x269d00, 0x269dfc, 4, 0x00000001, RW, CORER }, /* GLQF_HSYM */
    { 0x269bac, 0x269bac, 4, 0, RO, NEVER },          /* GLQF_FDCNT_0 */
    { 0x26c700, 0x26c7fc, 4, ALL, RW, CORER },        /* GLQF_L3_MAP */
    { 0x26ce00, 0x26ce08, 8, ALL, RW, CORER },        /* GL_SWR_PRI_JOIN_MAP */
    { 0x270140, 0x270170, 4, ALL, RW, CORER },        /* GLQF_HKEY */
    { 0x270384, 0x270388, 4, 0, RO, NEVER },          /* GLQF_FDEVICTENA */
    { 0x318000, 0x31847c, 4, 0, RO, NEVER },          /* GL_RXERR1 */
    { 0x32c000, 0x32c07c, 4, 0, RO, NEVER },          /* GLSW_*: of VEBs, not counted */
    { 0x334000, 0x3343fc, 4, 0, RO, NEVER },          /* GLVEBTC_*: of their classes */
    { 0x338000, 0x3383fc, 4, 0, RO, NEVER },
    { 0x340000, 0x34017c, 4, 0, RO, NEVER },
    { 0x348000, 0x34807c, 4, 0, RO, NEVER },
    { 0x35c000, 0x35c07c, 4, 0, RO, NEVER },
    { 0x364000, 0x3643fc, 4, 0, RO, NEVER },
    { 0x368000, 0x3683fc, 4, 0, RO, NEVER },
    { 0x370000, 0x3701fc, 4, 0, RO, NEVER },
    { 0x300180, 0x300478, 8, 0, RO, NEVER }, /* priority flow control */
    { 0x300660, 0x300678, 8, 0, RO, NEVER }, /* GLPRT_RUPP */
    { 0x300780, 0x300978, 8, 0, RO, NEVER },
    { 0x390004, 0x390004, 4, ALL, RW, NEVER }, /* GLGEN_STAT_CLEAR */
};

static const struct known *row_of(uint32_t reg)
{
    for (unsigned i = 0; i < ARRAY_SIZE(known); i++)
        if (reg >= known[i].first && reg <= known[i].last &&
            (reg - known[i].first) % known[i].step == 0)
            return &known[i];
    return NULL;
}

enum i40e_kind i40e_model_kind(uint32_t reg, uint32_t *writable)
{
    const struct known *k = row_of(reg);
    *writable = k ? k->writable : 0;
    return k ? k->kind : KIND_UNKNOWN;
}

void i40e_model_clear_registers(struct i40e_model *m, enum i40e_model_reset kind)
{
    for (unsigned i = 0; i < ARRAY_SIZE(known); i++)
        for (uint32_t reg = known[i].first;
             reg <= known[i].last && known[i].reset <= (unsigned)kind; reg += known[i].step)
            *i40e_at(m, reg) = 0;
}

/* Statistics, at 8 bytes a port or a VSI. */
static const uint32_t counter_at[COUNTERS] = {
    [C_GORC] = 0x300000,     [C_UPRC] = 0x3005a0,     [C_MPRC] = 0x3005c0,
    [C_BPRC] = 0x3005e0,     [C_GOTC] = 0x300680,     [C_UPTC] = 0x3009c0,
    [C_MPTC] = 0x3009e0,     [C_BPTC] = 0x300a00,     [C_PRC64] = 0x300480,
    [C_PRC127] = 0x3004a0,   [C_PRC255] = 0x3004c0,   [C_PRC511] = 0x3004e0,
    [C_PRC1023] = 0x300500,  [C_PRC1522] = 0x300520,  [C_PRC9522] = 0x300540,
    [C_PTC64] = 0x3006a0,    [C_PTC127] = 0x3006c0,   [C_PTC255] = 0x3006e0,
    [C_PTC511] = 0x300700,   [C_PTC1023] = 0x300720,  [C_PTC1522] = 0x300740,
    [C_PTC9522] = 0x300760,  [C_RDPC] = 0x300600,     [C_ROC] = 0x300120,
    [C_TDOLD] = 0x300a20,    [C_RLEC] = 0x3000a0,     [C_CRCERRS] = 0x300080,
    [C_ILLERRC] = 0x3000e0,  [C_MLFC] = 0x300020,     [C_MRFC] = 0x300040,
    [C_LXONRXC] = 0x300140,  [C_LXOFFRXC] = 0x300160, [C_LXONTXC] = 0x300980,
    [C_LXOFFTXC] = 0x3009a0, [C_RUC] = 0x300100,      [C_RFC] = 0x300560,
    [C_RJC] = 0x300580,
};
static const uint32_t vsi_counter_at[VSI_COUNTERS] = {
    [V_GORC] = 0x358000, [V_UPRC] = 0x36c000, [V_MPRC] = 0x36cc00, [V_BPRC] = 0x36d800,
    [V_GOTC] = 0x328000, [V_UPTC] = 0x33c000, [V_MPTC] = 0x33cc00, [V_BPTC] = 0x33d800,
    [V_RDPC] = 0x310000, [V_RUPP] = 0x36e400, [V_TEPC] = 0x344000,
};

static uint64_t *of_vsi(struct i40e_model *m, uint32_t reg, bool *high, bool *narrow)
{
    for (unsigned i = 0; i < VSI_COUNTERS; i++) {
        unsigned index = (reg - vsi_counter_at[i]) / 8 - i40e_counter_base(m);
        *high = (reg - vsi_counter_at[i]) % 8 == 4;
        *narrow = i >= V_NARROW;
        if (reg >= vsi_counter_at[i] && index < m->vsis && reg % 4 == 0 && !(*high && *narrow))
            return &m->vsi_counter[index][i];
    }
    return NULL;
}

uint64_t *i40e_model_counter_at(struct i40e_model *m, uint32_t reg, bool *high, bool *narrow)
{
    for (unsigned i = 0; i < COUNTERS && reg >= 0x300000; i++) {
        uint32_t at = counter_at[i] + 8 * m->pf;
        *high = reg == at + 4;
        *narrow = i >= C_NARROW;
        if (reg == at || (*high && !*narrow))
            return &m->counter[i];
    }
    return of_vsi(m, reg, high, narrow);
}

/* DPDK looks there for what a port forwards within the chip. */
bool i40e_model_is_internal_counter(const struct i40e_model *m, uint32_t reg)
{
    for (unsigned i = 0; i < V_NARROW; i++)
        if (reg == vsi_counter_at[i] + 8 * m->pf)
            return true;
    return false;
}
