/* ixgbe_model_known.c - which registers the 82599 and X540 have, and the bits that software may set
 * in them.  Linux ixgbe and DPDK agree on what is listed; reserved bits are those that neither
 * names (82599 DS chapter 8: unread). */
#include "tests/models/ixgbe_model_internal.h"

#define ALL UINT32_MAX

enum chips { BOTH, ONLY_82599, ONLY_X540 };

#define RW KIND_READ_WRITE
#define RO KIND_READ_ONLY
#define WO KIND_WRITE_ONLY
#define RC KIND_READ_CLEARS
#define W1C KIND_ONE_CLEARS

static const struct known {
    uint32_t first, last, step, writable;
    enum ixgbe_kind kind;
    enum chips chips;
} known[] = {
    { R_CTRL, R_CTRL, 4, CTRL_MASTER_OFF | CTRL_LINK_RST | CTRL_RST, RW, BOTH },
    { R_STATUS, R_STATUS, 4, 0, RO, BOTH },
    { R_CTRL_EXT, R_CTRL_EXT, 4, 0x1c034000u, RW, BOTH },
    { R_ESDP, R_ESDP, 4, 0x0003ffffu, RW, BOTH },
    { R_I2CCTL, R_I2CCTL, 4, 0xfu, RW, BOTH },
    { R_FRTIMER, 0x0004c, 4, ALL, RW, BOTH },       /* and TCPTIMER */
    { 0x00200, 0x00200, 4, 0xcfcfcfcfu, RW, BOTH }, /* LEDCTL */
    { R_VFLRE(0), R_VFLRE(0), 4, 0, RO, BOTH },
    { R_VFLRE(1), R_VFLRE(1), 4, 0, RO, BOTH },
    { R_VFLREC(0), R_VFLREC(1), 4, ALL, W1C, BOTH },
    { R_PFMBICR(0), R_PFMBICR(3), 4, ALL, W1C, BOTH },
    { R_PFMBIMR(0), R_PFMBIMR(3), 4, ALL, RW, BOTH },
    { R_EICR, R_EICR, 4, ALL, RW, BOTH },
    { R_EICS, R_EICS, 4, 0x7fffffffu, RW, BOTH },
    { R_EIAC, R_EIAC, 4, 0x7fffffffu, RW, BOTH },
    { 0x00820, 0x0087c, 4, 0x801f8fffu, RW, BOTH }, /* EITR 0 to 23; Linux sets bits 2:0, too */
    { R_EIMS, R_EIMS, 4, ALL, RW, BOTH },
    { R_EIMC, R_EIMC, 4, ALL, WO, BOTH }, /* Linux and DPDK write ones everywhere */
    { R_EIAM, R_EIAM, 4, 0x7fffffffu, RW, BOTH },
    { 0x00894, 0x00894, 4, ALL, RW, BOTH }, /* EITRSEL */
    { R_GPIE, R_GPIE, 4, 0xc000ffffu, RW, BOTH },
    { R_IVAR(0), R_IVAR(63), 4, 0xbfbfbfbfu, RW, BOTH },
    { R_IVAR_MISC, R_IVAR_MISC, 4, 0x0000bfbfu, RW, BOTH },
    { R_EICS_EX(0), R_EICS_EX(1), 4, ALL, WO, BOTH },
    { R_EIMS_EX(0), R_EIMS_EX(1), 4, ALL, RW, BOTH },
    { R_EIMC_EX(0), R_EIMC_EX(1), 4, ALL, WO, BOTH },
    { R_EIAM_EX(0), R_EIAM_EX(1), 4, ALL, RW, BOTH },
    { R_QPRC(0), R_QPRC(15), 0x40, 0, RC, BOTH },
    { R_QBRC(0), R_QBRC(15), 0x40, 0, RC, BOTH },
    { R_QBRC(0) + 4, R_QBRC(15) + 4, 0x40, 0, RC, BOTH },
    { R_QPRDC(0), R_QPRDC(15), 0x40, 0, RC, BOTH },
    { 0x02140, 0x0215c, 4, 0xc00fffffu, RW, BOTH }, /* RTRPT4C */
    { R_RQSMR(0), R_RQSMR(31), 4, 0x0f0f0f0fu, RW, BOTH },
    { 0x02410, 0x02410, 4, ALL, RW, BOTH },         /* FCPTRL */
    { 0x0241c, 0x0242c, 4, 0, RC, BOTH },           /* FCoE counters */
    { 0x02430, 0x02430, 4, 0x00000007u, RW, BOTH }, /* RTRPCS */
    { R_RDRXCTL, R_RDRXCTL, 4, 0x06be0023u, RW, BOTH },
    { R_QDE, R_QDE, 4, QDE_DROP | QDE_HIDE_VLAN | QDE_INDEX | QDE_WRITE | QDE_READ, RW, BOTH },
    { R_RXDGPC, 0x02f58, 4, 0, RC, BOTH },
    { 0x02f90, 0x02f90, 4, 0, RC, ONLY_X540 }, /* B2OGPRC */
    { 0x087b0, 0x087b0, 4, 0, RC, ONLY_X540 }, /* O2BSPC */
    { R_LVMMC_RX, R_LVMMC_RX, 4, 0, RC, ONLY_X540 },
    { R_RXCTRL, R_RXCTRL, 4, RXCTRL_EN, RW, BOTH },
    { 0x03020, 0x03020, 4, 0x00ffffffu, RW, BOTH }, /* RTRUP2TC */
    { 0x03028, 0x03028, 4, 0x000001ffu, RW, BOTH }, /* RSCDBU */
    { 0x03190, 0x03190, 4, ALL, RW, BOTH },
    { 0x03200, 0x0320c, 4, ALL, RW, BOTH },         /* FCTTV */
    { 0x03220, 0x0323c, 4, 0x8007ffe0u, RW, BOTH }, /* FCRTL */
    { 0x03260, 0x0327c, 4, ALL, RW, BOTH },         /* FCRTH: Linux writes 0 - 24576 */
    { 0x032a0, 0x032a0, 4, 0x0000ffffu, RW, BOTH }, /* FCRTV */
    { R_RXPBSIZE(0), R_RXPBSIZE(7), 4, 0x000ffc00u, RW, BOTH },
    { 0x03d00, 0x03d00, 4, 0x00000018u, RW, BOTH }, /* FCCFG */
    { 0x03240, 0x0325c, 4, 0, RC, BOTH },           /* PXON2OFFCNT */
    { 0x06030, 0x063f0, 0x40, 0, RC, BOTH }, /* QPTC where the 82598 has it: Linux reads it */
    { 0x03f00, 0x03f3c, 4, 0, RC, BOTH },    /* PXONTXC, PXOFFTXC */
    { 0x03f60, 0x03f68, 4, 0, RC, BOTH },    /* LXONTXC, LXOFFTXC */
    { R_MPC(0), 0x03fdc, 4, 0, RC, BOTH },   /* and RNBC (82598's) */
    { R_CRCERRS, 0x04010, 4, 0, RC, BOTH },
    { 0x04034, 0x040b8, 4, 0, RC, BOTH },
    { R_TORL, 0x04124, 4, 0, RC, BOTH },
    { 0x04140, 0x041e8, 4, 0, RC, BOTH },   /* pause counters and RXNFGPC */
    { 0x04200, 0x04230, 4, ALL, RW, BOTH }, /* PCS of 1 Gb/s */
    { R_HLREG0, R_HLREG0, 4, 0x1fff5407u | HLREG0_LPBK, RW, BOTH },
    { 0x04244, 0x04258, 4, ALL, RW, BOTH }, /* HLREG1, PAP, MACA, ... */
    { R_MSCA, R_MSCA, 4, MSCA_REG | MSCA_DEVICE | MSCA_PHY | MSCA_OP | MSCA_COMMAND, RW, BOTH },
    { R_MSRWD, R_MSRWD, 4, 0x0000ffffu, RW, BOTH },
    { R_MAXFRS, R_MAXFRS, 4, MAXFRS_BYTES, RW, BOTH },
    { 0x04288, 0x04290, 4, ALL, RW, BOTH },             /* PCSS and XPCSS */
    { 0x04294, 0x04294, 4, 0x00000ffeu | 1, RW, BOTH }, /* MFLCN */
    { R_AUTOC, R_AUTOC, 4, ALL, RW, BOTH },
    { R_LINKS, R_LINKS, 4, 0, RO, BOTH },
    { R_AUTOC2, R_AUTOC2, 4, ALL, RW, BOTH },
    { 0x042ac, 0x042ac, 4, ALL, RW, BOTH },       /* AUTOC3 */
    { 0x042b0, 0x042b4, 4, 0, RO, BOTH },         /* ANLP1, ANLP2 */
    { 0x042d0, 0x042d0, 4, 0, RO, BOTH },         /* MMNGC */
    { 0x04324, 0x04324, 4, 0, RO, BOTH },         /* LINKS2 */
    { 0x04330, 0x04330, 4, ALL, RW, BOTH },       /* MACC */
    { 0x04800, 0x04800, 4, ALL, RW, ONLY_82599 }, /* ATLASCTL */
    { R_RTTDCS, R_RTTDCS, 4, 0xff80007fu, RW, BOTH },
    { R_RTTDQSEL, R_RTTDQSEL, 4, 0x7f, RW, BOTH },
    { 0x04908, 0x04908, 4, ALL, RW, BOTH },         /* RTTDT1C */
    { 0x04910, 0x0492c, 4, ALL, RW, BOTH },         /* RTTDT2C */
    { 0x04950, 0x0496c, 4, 0x000003ffu, RW, BOTH }, /* TXPBTHRESH */
    { R_RTTBCNRM, R_RTTBCNRM, 4, ALL, RW, BOTH },
    { R_RTTBCNRC, R_RTTBCNRC, 4, RTTBCNRC_ON | RTTBCNRC_INT | RTTBCNRC_DEC, RW, BOTH },
    { R_DMATXCTL, R_DMATXCTL, 4, 0xffff006bu, RW, BOTH },
    { 0x04a88, 0x04a8c, 4, 0x0fff0fffu, RW, BOTH }, /* DTXTCPFLGL, DTXTCPFLGH */
    { R_PFMAILBOX(0), R_PFMAILBOX(63), 4, 0x1b, RW, BOTH },
    { R_RXCSUM, R_RXCSUM, 4, 0x00003000u, RW, BOTH },
    { 0x05008, 0x05008, 4, 0x000187ffu, RW, BOTH }, /* RFCTL */
    { R_FCTRL, R_FCTRL, 4, 0x00000702u | 0x00007000u, RW, BOTH },
    { R_VLNCTRL, R_VLNCTRL, 4, 0x7000ffffu, RW, BOTH },
    { R_MCSTCTRL, R_MCSTCTRL, 4, MCSTCTRL_MO | MCSTCTRL_MFE, RW, BOTH },
    { R_WVBR, R_WVBR + 4, 4, 0, RC, BOTH },
    { 0x05108, 0x05120, 4, ALL, RW, BOTH }, /* FCRXCTRL, RXMTRL, ... */
    { 0x05128, 0x05144, 4, ALL, RW, BOTH }, /* ETQF */
    { R_PFVMTXSW(0), R_PFVMTXSW(1), 4, ALL, RW, BOTH },
    { 0x05188, 0x05188, 4, ALL, RW, BOTH }, /* TSYNCRXCTL */
    { 0x051a4, 0x051a4, 4, 0, RO, BOTH },   /* RXSTMPH */
    { R_PFVTCTL, R_PFVTCTL, 4, PFVTCTL_ON | PFVTCTL_POOL | PFVTCTL_NO_DEFAULT | PFVTCTL_REPLICATE,
      RW, BOTH },
    { 0x051b8, 0x051bc, 4, ALL, RW, BOTH }, /* DMA_REQ, RXFECCERR0 */
    { R_VFRE(0), R_VFRE(1), 4, ALL, RW, BOTH },
    { 0x051e8, 0x051e8, 4, 0, RO, BOTH }, /* RXSTMPL */
    { R_MTA(0), R_MTA(127), 4, ALL, RW, BOTH },
    { 0x05800, 0x05820, 4, ALL, RW, BOTH }, /* WUC, WUFC, WUS, ..., MANC */
    { 0x05824, 0x05844, 4, ALL, RW, BOTH }, /* MFVAL, IPAV, IP4AT */
    { 0x05860, 0x05900, 4, ALL, RW, BOTH }, /* MANC2H and the like */
    { R_PFVMVIR(0), R_PFVMVIR(63), 4, 0xc000ffffu, RW, BOTH },
    { 0x08100, 0x08100, 4, 0x00000fffu, RW, BOTH }, /* DTXMXSZRQ */
    { R_LVMMC_TX, R_LVMMC_TX, 4, 0, RC, ONLY_X540 },
    { R_VFTE(0), R_VFTE(1), 4, ALL, RW, BOTH },
    { R_MTQC, R_MTQC, 4, MTQC_RT | MTQC_VT | MTQC_QUEUES, RW, BOTH },
    { R_PFVFSPOOF(0), R_PFVFSPOOF(7), 4, 0x0000ffffu, RW, BOTH },
    { R_PFDTXGSWC, R_PFDTXGSWC, 4, SWC_LOOPBACK, RW, BOTH },
    { 0x0101c, 0x01fdc, 0x40, 0, RO, BOTH }, /* PVFGPRC */
    { 0x01020, 0x01fe0, 0x40, 0, RO, BOTH }, /* PVFGORC, low */
    { 0x08300, 0x083fc, 4, 0, RO, BOTH },    /* PVFGPTC */
    { 0x08400, 0x085fc, 4, 0, RO, BOTH },    /* PVFGOTC */
    { 0x0d01c, 0x0dfdc, 0x40, 0, RO, BOTH }, /* PVFMPRC */
    { 0x0d020, 0x0dfe0, 0x40, 0, RO, BOTH }, /* PVFGORC, high */
    { R_TQSM(0), R_TQSM(31), 4, 0x0f0f0f0fu, RW, BOTH },
    { R_QPTC(0), R_QPTC(15), 4, 0, RC, BOTH },
    { R_QBTC(0), R_QBTC(15) + 4, 4, 0, RC, BOTH },
    { R_SSVPC, 0x08788, 4, 0, RC, BOTH },
    { R_VMECM(0), R_VMECM(1), 4, ALL, RW, BOTH },
    { R_TXDGPC, 0x087a8, 4, 0, RC, BOTH },
    { 0x08800, 0x08800, 4, 0x00000007u, RW, BOTH }, /* SECTXCTRL */
    { R_SECTXSTAT, R_SECTXSTAT, 4, 0, RO, BOTH },
    { 0x08808, 0x08810, 4, ALL, RW, BOTH }, /* SECTXBUFFAF, SECTXMINIFG */
    { 0x08900, 0x08930, 4, ALL, RW, BOTH }, /* IPSTX... */
    { 0x08a00, 0x08a00, 4, 0, RO, BOTH },   /* LSECTXCAP */
    { 0x08a3c, 0x08a4c, 4, 0, RC, BOTH },   /* LSECTXUT and four more: DPDK reads them */
    { 0x08c00, 0x08c20, 4, ALL, RW, BOTH }, /* 1588 */
    { R_SECRXCTRL, R_SECRXCTRL, 4, 0x00000003u, RW, BOTH },
    { R_SECRXSTAT, R_SECRXSTAT, 4, 0, RO, BOTH },
    { 0x08e00, 0x08e38, 4, ALL, RW, BOTH }, /* IPSRX... */
    { 0x08f00, 0x08f00, 4, 0, RO, BOTH },   /* LSECRXCAP */
    { 0x08f40, 0x08f80, 4, 0, RC, BOTH },   /* LSECRXUT and what follows: DPDK reads them */
    { R_VFTA(0), R_VFTA(127), 4, ALL, RW, BOTH },
    { R_RAL(0), R_RAL(127), 8, ALL, RW, BOTH },
    { R_RAH(0), R_RAH(127), 8, RAH_AV | 0xffffu, RW, BOTH },
    { R_MPSAR(0, 0), R_MPSAR(127, 1), 4, ALL, RW, BOTH },
    { 0x0c800, 0x0c800, 4, 0x00ffffffu, RW, BOTH }, /* RTTUP2TC */
    { R_TXPBSIZE(0), R_TXPBSIZE(7), 4, 0x000ffc00u, RW, BOTH },
    { 0x0cd00, 0x0cd00, 4, ALL, RW, BOTH }, /* RTTPCS */
    { 0x0cd20, 0x0cd3c, 4, ALL, RW, BOTH }, /* RTTPT2C */
    { 0x0ce00, 0x0ce00, 4, 0, RO, BOTH },   /* TFCS */
    { 0x0cf60, 0x0cf94, 4, 0, RC, BOTH },
    { 0x0e000, 0x0e7fc, 4, ALL, RW, BOTH }, /* SAQF, DAQF, SDPQF, FTQF */
    { 0x0e800, 0x0e9fc, 4, ALL, RW, BOTH }, /* L34TIMIR */
    { R_PSRTYPE(0), R_PSRTYPE(63), 4, 0xe0055330u, RW, BOTH },
    { R_RETA(0), R_RETA(31), 4, 0x0f0f0f0fu, RW, BOTH },
    { R_RSSRK(0), R_RSSRK(9), 4, ALL, RW, BOTH },
    { 0x0ec00, 0x0ec1c, 4, ALL, RW, BOTH },         /* ETQS */
    { 0x0ec30, 0x0ec30, 4, ALL, RW, BOTH },         /* SYNQF */
    { 0x0ec60, 0x0ec60, 4, ALL, RW, BOTH },         /* IMIRVP */
    { 0x0ec70, 0x0ec70, 4, 0x00000007u, RW, BOTH }, /* RTRPT... */
    { R_MRQC, R_MRQC, 4, 0x00f3000fu, RW, BOTH },
    { R_FDIRCTRL, R_FDIRCTRL, 4, 0xff1f07b3u, RW, BOTH },
    { 0x0ee0c, 0x0ee74, 4, ALL, RW, BOTH }, /* flow director, FDIRHASH, FDIRCMD */
    { R_PFVML2FLT(0), R_PFVML2FLT(63), 4,
      L2FLT_AUPE | L2FLT_ROMPE | L2FLT_ROPE | L2FLT_BAM | L2FLT_MPE, RW, ONLY_82599 },
    { R_PFVML2FLT(0), R_PFVML2FLT(63), 4,
      L2FLT_AUPE | L2FLT_ROMPE | L2FLT_ROPE | L2FLT_BAM | L2FLT_MPE | L2FLT_UPE | L2FLT_VPE, RW,
      ONLY_X540 },
    { R_PFVLVF(0), R_PFVLVF(63), 4, VLVF_ON | VLVF_VID, RW, BOTH },
    { R_PFVLVFB(0, 0), R_PFVLVFB(63, 1), 4, ALL, RW, BOTH },
    { R_UTA(0), R_UTA(127), 4, ALL, RW, BOTH },
    { 0x0f600, 0x0f64c, 4, ALL, RW, BOTH }, /* MRCTL, VMRVLAN, VMRVM */
    { R_EEC, R_EEC, 4, 0x0080007fu, RW, BOTH },
    { R_EERD, R_EERD, 4, EERD_ADDR | EERD_START, RW, BOTH },
    { 0x10018, 0x1001c, 4, 0, RO, BOTH }, /* EEWR, FLA: not written here */
    { R_EEMNGCTL, R_EEMNGCTL, 4, 0, RO, BOTH },
    { R_SWSM, R_SWSM, 4, SWSM_SMBI | SWSM_SWESMBI | 4, RW, BOTH },
    { R_FWSM, R_FWSM, 4, 0, RO, BOTH },
    { 0x10150, 0x10150, 4, 0, RO, BOTH }, /* FACTPS */
    { R_SW_FW_SYNC, R_SW_FW_SYNC, 4, 0x00001fefu | SYNC_REGSMP, RW, BOTH },
    { 0x10200, 0x10200, 4, 0x00000003u, RW, BOTH }, /* GRC */
    { 0x11000, 0x11000, 4, ALL, RW, BOTH },         /* GCR */
    { 0x11010, 0x1102c, 4, ALL, RW, BOTH },         /* GSCL, GSCN */
    { R_GCR_EXT, R_GCR_EXT, 4, 0xc0000007u, RW, BOTH },
    { 0x11064, 0x11064, 4, 0, RO, BOTH },           /* MREVID */
    { 0x11068, 0x11068, 4, ALL, RW, BOTH },         /* PBACL */
    { 0x11070, 0x1107c, 4, ALL, RW, BOTH },         /* DCA_ID, DCA_CTRL */
    { 0x11088, 0x1108c, 4, ALL, RW, ONLY_82599 },   /* CIAA, CIAD */
    { 0x110b0, 0x110bc, 4, ALL, RW, BOTH },         /* PICAUSE, PIENA, ... */
    { 0x110c0, 0x110dc, 4, ALL, RW, BOTH },         /* PBACL */
    { 0x11144, 0x11144, 4, 0, RO, BOTH },           /* RXFECSTATC.. */
    { 0x12300, 0x124a0, 4, 0x801f8fffu, RW, BOTH }, /* EITR 24 to 128 */
    { R_PFMBMEM(0), R_PFMBMEM(64) - 4, 4, ALL, RW, BOTH },
    { R_CORECTL, R_CORECTL, 4, 0x0000ffffu, RW, ONLY_82599 },
    { 0x15f00, 0x15f08, 4, 0, RO, BOTH },     /* HICR: no firmware that listens */
    { 0x15f0c, 0x15f0c, 4, 0x200, RW, BOTH }, /* FWSTS */
};

/* For each register of a chip its row of `known`, counted from 1; 0: there is none. */
static uint8_t rows[2][IXGBE_MODEL_BAR_SIZE / 4];
_Static_assert(ARRAY_SIZE(known) < UINT8_MAX, "a row's number has a byte");

/* The first row that has a register counts. */
static void number_rows(unsigned chip)
{
    enum chips other = chip ? ONLY_82599 : ONLY_X540;
    for (unsigned i = ARRAY_SIZE(known); i--;)
        for (uint32_t reg = known[i].first; reg <= known[i].last; reg += known[i].step)
            if (known[i].chips != other)
                rows[chip][reg / 4] = (uint8_t)(i + 1);
}

enum ixgbe_kind ixgbe_model_kind(const struct ixgbe_model *m, uint32_t reg, uint32_t *writable)
{
    unsigned chip = ixgbe_is_x540(m);
    if (!rows[chip][R_CTRL / 4])
        number_rows(chip);
    unsigned row = reg % 4 || reg >= IXGBE_MODEL_BAR_SIZE ? 0 : rows[chip][reg / 4];
    if (!row)
        return KIND_UNKNOWN;
    *writable = known[row - 1].writable;
    return known[row - 1].kind;
}

uint32_t ixgbe_model_canonical(uint32_t reg)
{
    static const struct {
        uint32_t from, to, bytes;
    } moved[] = { { 0x05400, R_RAL(0), 0x80 },
                  { 0x05480, R_PSRTYPE(0), 0x40 },
                  { 0x05c00, R_RETA(0), 0x80 },
                  { 0x05c80, R_RSSRK(0), 0x28 },
                  { 0x05818, R_MRQC, 4 } };
    for (unsigned i = 0; i < ARRAY_SIZE(moved); i++)
        if (reg >= moved[i].from && reg < moved[i].from + moved[i].bytes)
            return reg - moved[i].from + moved[i].to;
    if (reg >= 0x02100 && reg < 0x02140)
        return R_RX((reg - 0x02100) / 4) + Q_SRRCTL;
    if (reg >= 0x02200 && reg < 0x02240)
        return R_RX((reg - 0x02200) / 4) + Q_DCA;
    return reg;
}
