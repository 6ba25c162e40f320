/* ixgbe_model_internal.h - what the files of the ixgbe model share.
 *
 * The register map is the model's own, not the driver's, so that a wrong number in one of them
 * is seen.  Linux ixgbe and DPDK agree on offsets and bits. */
#pragma once

#include "kernel/compiler.h"
#include "tests/models/ixgbe_model.h"

#define FCS 4u
#define WIRE_MIN 64u
#define SHORT_MAX 1518u /* without jumbo frames, FCS included, a tag not counted */
#define TX_MIN 17u      /* shortest frame that the transmitter may be given (Linux pads to it) */
#define VLAN_TAG 4u
#define ANY_POOL 0xffu  /* a frame that no pool sent: it comes from the wire */
#define BY_PF (-1)
#define PF_VECTOR_BITS 0xffffu /* EICR's part that follows IVAR */

#define R_CTRL 0x00000u
#define   CTRL_MASTER_OFF 0x00000004u
#define   CTRL_LINK_RST 0x00000008u
#define   CTRL_RST 0x04000000u
#define R_STATUS 0x00008u
#define   STATUS_LU 0x00000080u
#define   STATUS_VFS 0x0003fc00u
#define   STATUS_IOV 0x00040000u
#define   STATUS_MASTER 0x00080000u
#define R_CTRL_EXT 0x00018u
#define   CTRL_EXT_PFRSTD 0x00004000u
#define R_ESDP 0x00020u
#define   ESDP_CAGE_FULL 0x00000004u /* SDP2, an input: Linux wants it before it trusts LINKS */
#define R_I2CCTL 0x00028u
#define   I2C_CLOCK_IN 0x00000001u
#define   I2C_CLOCK_OUT 0x00000002u
#define   I2C_DATA_IN 0x00000004u
#define   I2C_DATA_OUT 0x00000008u
#define R_FRTIMER 0x00048u
#define R_VFLRE(i) ((i) ? 0x001c0u : 0x00600u)
#define R_VFLREC(i) (0x00700u + 4 * (i))
#define R_PFMBICR(i) (0x00710u + 4 * (i))
#define R_PFMBIMR(i) (0x00720u + 4 * (i))
#define R_EICR 0x00800u
#define   EICR_MISS 0x00020000u
#define   EICR_MAILBOX 0x00080000u
#define   EICR_LSC 0x00100000u
#define   EICR_DETECTED 0x10000000u /* PBUR; DPDK: "Packet Buffer Handler Error" */
#define R_EICS 0x00808u
#define R_EIAC 0x00810u
#define R_EIMS 0x00880u
#define R_EIMC 0x00888u
#define R_EIAM 0x00890u
#define R_GPIE 0x00898u
#define   GPIE_MSIX 0x00000010u
#define   GPIE_OCD 0x00000020u
#define   GPIE_EIAME 0x40000000u
#define   GPIE_VTMODE 0x0000c000u
#define R_IVAR(i) (0x00900u + 4 * (i))
#define   IVAR_VALID 0x80u
#define   IVAR_VECTOR 0x3fu
#define R_IVAR_MISC 0x00a00u
#define R_EICS_EX(i) (0x00a90u + 4 * (i))
#define R_EIMS_EX(i) (0x00aa0u + 4 * (i))
#define R_EIMC_EX(i) (0x00ab0u + 4 * (i))
#define R_EIAM_EX(i) (0x00ad0u + 4 * (i))

#define R_RDRXCTL 0x02f00u
#define   RDRXCTL_CRCSTRIP 0x00000002u
#define   RDRXCTL_DONE 0x00000008u
#define R_QDE 0x02f04u
#define   QDE_DROP 0x00000001u
#define   QDE_HIDE_VLAN 0x00000002u /* Linux; does nothing here */
#define   QDE_INDEX 0x00007f00u
#define   QDE_WRITE 0x00010000u
#define   QDE_READ 0x00020000u
#define R_LVMMC_RX 0x02fa8u
#define R_RXCTRL 0x03000u
#define   RXCTRL_EN 0x00000001u
#define R_RXPBSIZE(i) (0x03c00u + 4 * (i))
#define R_HLREG0 0x04240u
#define   HLREG0_RXCRCSTRP 0x00000002u
#define   HLREG0_JUMBO 0x00000004u
#define   HLREG0_TXPAD 0x00000400u
#define   HLREG0_LPBK 0x00008000u
#define R_MSCA 0x0425cu
#define   MSCA_REG 0x0000ffffu
#define   MSCA_DEVICE 0x001f0000u
#define   MSCA_PHY 0x03e00000u
#define   MSCA_OP 0x0c000000u
#define   MSCA_COMMAND 0x40000000u
#define   MSCA_RUN 0x80000000u
#define R_MSRWD 0x04260u
#define R_MAXFRS 0x04268u
#define   MAXFRS_BYTES 0xffff0000u
#define R_AUTOC 0x042a0u
#define R_LINKS 0x042a4u
#define   LINKS_10G 0x30000000u
#define   LINKS_UP 0x40000000u
#define   LINKS_AN_DONE 0x80000000u
#define R_AUTOC2 0x042a8u
#define R_ANLP1 0x042b0u
#define R_RTTDCS 0x04900u
#define   RTTDCS_ARBDIS 0x00000040u
#define R_RTTDQSEL 0x04904u
#define R_RTTBCNRM 0x04980u
#define R_RTTBCNRC 0x04984u
#define   RTTBCNRC_DEC 0x00003fffu
#define   RTTBCNRC_INT 0x00ffc000u
#define   RTTBCNRC_ON 0x80000000u
#define R_DMATXCTL 0x04a80u
#define   DMATXCTL_TE 0x00000001u
#define   DMATXCTL_MDP 0x00000020u
#define R_PFMAILBOX(n) (0x04b00u + 4 * (n))
#define   PFMB_STS 0x01u
#define   PFMB_ACK 0x02u
#define   PFMB_VFU 0x04u
#define   PFMB_PFU 0x08u
#define   PFMB_RVFU 0x10u
#define R_RXCSUM 0x05000u
#define   RXCSUM_PCSD 0x00002000u
#define R_FCTRL 0x05080u
#define   FCTRL_SBP 0x00000002u
#define   FCTRL_MPE 0x00000100u
#define   FCTRL_UPE 0x00000200u
#define   FCTRL_BAM 0x00000400u
#define R_VLNCTRL 0x05088u
#define   VLNCTRL_VFE 0x40000000u
#define R_MCSTCTRL 0x05090u
#define   MCSTCTRL_MO 0x00000003u
#define   MCSTCTRL_MFE 0x00000004u
#define R_WVBR 0x050b0u /* unread */
#define R_PFVTCTL 0x051b0u
#define   PFVTCTL_ON 0x00000001u
#define   PFVTCTL_POOL 0x00001f80u
#define   PFVTCTL_NO_DEFAULT 0x20000000u
#define   PFVTCTL_REPLICATE 0x40000000u
#define R_VFRE(i) (0x051e0u + 4 * (i))
#define R_MTA(n) (0x05200u + 4 * (n))
#define R_LVMMC_TX 0x08108u
#define R_VFTE(i) (0x08110u + 4 * (i))
#define R_MTQC 0x08120u
#define   MTQC_RT 0x00000001u
#define   MTQC_VT 0x00000002u
#define   MTQC_QUEUES 0x0000000cu
#define R_PFVMVIR(n) (0x08000u + 4 * (n))
#define   VMVIR_VLAN 0x0000ffffu
#define   VMVIR_ALWAYS 0x40000000u
#define   VMVIR_NEVER 0x80000000u
#define R_PFVFSPOOF(i) (0x08200u + 4 * (i))
#define R_PFDTXGSWC 0x08220u
#define   SWC_LOOPBACK 0x00000001u
#define R_PFVMTXSW(i) (0x05180u + 4 * (i)) /* a pool may hear itself */
#define R_SSVPC 0x08780u
#define R_VMECM(i) (0x08790u + 4 * (i)) /* whose spoofed frames SSVPC counts */
#define R_SECTXSTAT 0x08804u
#define R_SECRXCTRL 0x08d00u
#define   SECRXCTRL_RX_DIS 0x00000002u
#define R_SECRXSTAT 0x08d04u
#define   SEC_READY 0x00000001u
#define R_VFTA(n) (0x0a000u + 4 * (n))
#define R_RAL(n) (0x0a200u + 8 * (n))
#define R_RAH(n) (0x0a204u + 8 * (n))
#define   RAH_AV 0x80000000u
#define R_MPSAR(n, high) (0x0a600u + 8 * (n) + 4 * (high))
#define R_TXPBSIZE(i) (0x0cc00u + 4 * (i))
#define R_PSRTYPE(n) (0x0ea00u + 4 * (n))
#define   PSRTYPE_RQPL 0xe0000000u /* log2 of the pool's queues that the hash chooses among */
#define R_RETA(n) (0x0eb00u + 4 * (n))
#define R_RSSRK(n) (0x0eb80u + 4 * (n))
#define R_MRQC 0x0ec80u
#define   MRQC_MODE 0x0000000fu
#define   MRQC_EXTENDED 0x010c0000u /* IPv6 with extension headers, on the 82598: reserved */
#define   MRQC_RSS 1u
#define   MRQC_VMDQ 8u
#define   MRQC_VMDQ_RSS32 10u
#define   MRQC_VMDQ_RSS64 11u
#define R_FDIRCTRL 0x0ee00u
#define   FDIRCTRL_DONE 0x00000008u
#define R_FDIRHASH 0x0ee28u
#define R_FDIRCMD 0x0ee2cu
#define R_PFVML2FLT(n) (0x0f000u + 4 * (n))
#define   L2FLT_AUPE 0x01000000u
#define   L2FLT_ROMPE 0x02000000u
#define   L2FLT_ROPE 0x04000000u
#define   L2FLT_BAM 0x08000000u
#define   L2FLT_MPE 0x10000000u
#define   L2FLT_UPE 0x00400000u /* X540 */
#define   L2FLT_VPE 0x00800000u /* X540 */
#define R_PFVLVF(n) (0x0f100u + 4 * (n))
#define   VLVF_ON 0x80000000u
#define   VLVF_VID 0x00000fffu
#define R_PFVLVFB(n, high) (0x0f200u + 8 * (n) + 4 * (high))
#define R_UTA(n) (0x0f400u + 4 * (n))
#define R_EEC 0x10010u
#define   EEC_REQ 0x00000040u
#define   EEC_GNT 0x00000080u
#define   EEC_PRESENT 0x00000100u
#define   EEC_ARD 0x00000200u
#define R_EERD 0x10014u
#define   EERD_START 0x00000001u
#define   EERD_DONE 0x00000002u
#define   EERD_ADDR 0x0000fffcu
#define R_EEMNGCTL 0x10110u
#define R_SWSM 0x10140u
#define   SWSM_SMBI 0x00000001u
#define   SWSM_SWESMBI 0x00000002u
#define R_FWSM 0x10148u
#define R_SW_FW_SYNC 0x10160u
#define   SYNC_NVM 0x0001u
#define   SYNC_PHY0 0x0002u
#define   SYNC_CSR 0x0008u
#define   SYNC_REGSMP 0x80000000u /* X540 */
#define R_GCR_EXT 0x11050u
#define   GCR_EXT_VT_MODE 0x00000003u
#define R_PFMBMEM(n) (0x13000u + 64 * (n))
#define R_CORECTL 0x14f00u

#define R_RX(q) ((q) < 64 ? 0x01000u + 0x40 * (q) : 0x0d000u + 0x40 * ((q)-64))
#define R_TX(q) (0x06000u + 0x40 * (q))
#define   Q_BAL 0x00u
#define   Q_BAH 0x04u
#define   Q_LEN 0x08u
#define   Q_DCA 0x0cu
#define   Q_HEAD 0x10u
#define   Q_SRRCTL 0x14u
#define     SRRCTL_SIZE 0x0000001fu
#define     SRRCTL_TYPE 0x0e000000u
#define       SRRCTL_ADVANCED 1u
#define     SRRCTL_DROP 0x10000000u
#define   Q_TAIL 0x18u
#define   Q_CTL 0x28u
#define     CTL_ENABLE 0x02000000u
#define     CTL_FLUSH 0x04000000u
#define     CTL_LENGTH 0x0000bfffu /* X540, of a receive queue: longest frame, and that it counts */
#define     CTL_VME 0x40000000u
#define   Q_RSC 0x2cu
#define   Q_WBL 0x38u
#define   Q_WBH 0x3cu

/* Statistics; all are cleared by reading. */
#define R_QPRC(q) (0x01030u + 0x40 * (q))
#define R_QBRC(q) (0x01034u + 0x40 * (q))  /* low, high at + 4 */
#define R_QPRDC(q) (0x01430u + 0x40 * (q))
#define R_RQSMR(n) (0x02300u + 4 * (n))
#define R_RXDGPC 0x02f50u
#define R_MPC(n) (0x03fa0u + 4 * (n))
#define R_CRCERRS 0x04000u
#define R_RLEC 0x04040u
#define R_PRC64 0x0405cu /* and five more */
#define R_GPRC 0x04074u
#define R_BPRC 0x04078u
#define R_MPRC 0x0407cu
#define R_GPTC 0x04080u
#define R_GORCL 0x04088u
#define R_GOTCL 0x04090u
#define R_RUC 0x040a4u
#define R_ROC 0x040acu
#define R_TORL 0x040c0u
#define R_TPR 0x040d0u
#define R_TPT 0x040d4u
#define R_PTC64 0x040d8u
#define R_MPTC 0x040f0u
#define R_BPTC 0x040f4u
#define R_RXNFGPC 0x041b0u
#define R_QPTC(q) (0x08680u + 4 * (q))
#define R_TQSM(n) (0x08600u + 4 * (n))
#define R_QBTC(q) (0x08700u + 8 * (q))
#define R_TXDGPC 0x087a0u

/* Of a VF's own registers */
#define VF_MEMORY 0x0200u
#define VF_MAILBOX 0x02fcu
#define VFMB_REQ 0x01u
#define VFMB_ACK 0x02u
#define VFMB_VFU 0x04u
#define VFMB_PFU 0x08u
#define VFMB_PFSTS 0x10u
#define VFMB_PFACK 0x20u
#define VFMB_RSTI 0x40u
#define VFMB_RSTD 0x80u
#define VFMB_CLEARED (VFMB_PFSTS | VFMB_PFACK | VFMB_RSTD)

/* A frame on its way through the switch, without FCS. */
struct ixgbe_frame {
    const uint8_t *bytes;
    uint32_t length;
    unsigned from; /* pool, or ANY_POOL */
};

/* How a receive queue stores it. */
struct ixgbe_rx_how {
    uint32_t status, hash, packet_type;
    unsigned hash_type;
    bool strip_vlan, strip_crc;
};

static inline uint32_t ixgbe_get(const struct ixgbe_model *m, uint32_t reg)
{
    return m->regs[reg / 4];
}
static inline uint32_t *ixgbe_at(struct ixgbe_model *m, uint32_t reg)
{
    return &m->regs[reg / 4];
}
static inline bool ixgbe_bit(const struct ixgbe_model *m, uint32_t low_reg, unsigned n)
{
    return ixgbe_get(m, low_reg + n / 32 * 4) >> n % 32 & 1;
}
static inline bool ixgbe_is_vt(const struct ixgbe_model *m)
{
    return ixgbe_get(m, R_PFVTCTL) & PFVTCTL_ON;
}
static inline bool ixgbe_is_x540(const struct ixgbe_model *m)
{
    return m->chip == IXGBE_MODEL_X540;
}
static inline bool ixgbe_is_tagged(const struct ixgbe_frame *f)
{
    return f->length >= 18 && f->bytes[12] == 0x81 && f->bytes[13] == 0;
}
static inline uint16_t ixgbe_tag(const struct ixgbe_frame *f)
{
    return ixgbe_is_tagged(f) ? (uint16_t)(f->bytes[14] << 8 | f->bytes[15]) : 0;
}
static inline bool ixgbe_link_up(const struct ixgbe_model *m)
{
    return m->cable || (ixgbe_get(m, R_HLREG0) & HLREG0_LPBK);
}
static inline uint64_t ixgbe_pools(const struct ixgbe_model *m, uint32_t low, uint32_t high)
{
    return (uint64_t)ixgbe_get(m, high) << 32 | ixgbe_get(m, low);
}

/* ixgbe_model.c */
void ixgbe_model_violation(struct ixgbe_model *m, int by, const char *what, uint32_t reg,
                           uint64_t value);
void ixgbe_model_reset_registers(struct ixgbe_model *m);
void ixgbe_model_set_status(struct ixgbe_model *m);
void ixgbe_model_count_octets(struct ixgbe_model *m, uint32_t reg, uint32_t n);
/* The statistics counter, 0 to 15, of a queue by R_RQSMR(0) or R_TQSM(0). */
unsigned ixgbe_model_counter_of(const struct ixgbe_model *m, uint32_t map, unsigned queue);
uint64_t ixgbe_model_pf_read(void *ctx, unsigned bar, uint64_t offset, unsigned size);
void ixgbe_model_pf_write(void *ctx, unsigned bar, uint64_t offset, unsigned size, uint64_t value);
void ixgbe_model_pf_reset(struct ixgbe_model *m);

/* ixgbe_model_known.c */
enum ixgbe_kind {
    KIND_UNKNOWN,
    KIND_READ_WRITE,
    KIND_READ_ONLY,
    KIND_WRITE_ONLY,
    KIND_READ_CLEARS,
    KIND_ONE_CLEARS
};
/* What the register is, and the bits that software may set in it. */
enum ixgbe_kind ixgbe_model_kind(const struct ixgbe_model *m, uint32_t reg, uint32_t *writable);
/* The other places of a register. */
uint32_t ixgbe_model_canonical(uint32_t reg);

/* ixgbe_model_nvm.c */
void ixgbe_model_nvm_init(struct ixgbe_model *m, const uint8_t mac[MAC_LEN]);
bool ixgbe_model_nvm_write(struct ixgbe_model *m, uint32_t reg, uint32_t value);
bool ixgbe_model_nvm_read(struct ixgbe_model *m, uint32_t reg, uint32_t *value);

/* ixgbe_model_irq.c */
void ixgbe_model_irq_reset(struct ixgbe_model *m);
void ixgbe_model_irq_cause(struct ixgbe_model *m, uint32_t misc);
void ixgbe_model_irq_queue(struct ixgbe_model *m, bool rx, unsigned queue);
void ixgbe_model_irq_vf(struct ixgbe_model *m, unsigned vf, unsigned cause);
bool ixgbe_model_irq_write(struct ixgbe_model *m, uint32_t reg, uint32_t value);
bool ixgbe_model_irq_read(struct ixgbe_model *m, uint32_t reg, uint32_t *value);
bool ixgbe_model_irq_vf_write(struct ixgbe_model *m, unsigned vf, uint32_t reg, uint32_t value);
bool ixgbe_model_irq_vf_read(struct ixgbe_model *m, unsigned vf, uint32_t reg, uint32_t *value);

/* ixgbe_model_queues.c: `by` is BY_PF or a VF */
bool ixgbe_model_is_queue(uint32_t reg);
void ixgbe_model_queue_write(struct ixgbe_model *m, int by, uint32_t reg, uint32_t value);
uint32_t ixgbe_model_queue_read(struct ixgbe_model *m, uint32_t reg);
void ixgbe_model_queue_reset(struct ixgbe_model *m, unsigned queue);
bool ixgbe_model_queue_on(const struct ixgbe_model *m, bool rx, unsigned queue);
bool ixgbe_model_queue_busy(const struct ixgbe_model *m, bool rx, unsigned queue);
struct ixgbe_model_vf *ixgbe_model_owner(struct ixgbe_model *m, unsigned queue);
bool ixgbe_model_rx_fits(struct ixgbe_model *m, unsigned queue, uint32_t bytes);
bool ixgbe_model_rx_store(struct ixgbe_model *m, unsigned queue, const struct ixgbe_frame *f,
                          const struct ixgbe_rx_how *how);
bool ixgbe_model_dma_read(struct ixgbe_model *m, unsigned queue, uint64_t iova, void *to, size_t n);
bool ixgbe_model_dma_write(struct ixgbe_model *m, unsigned queue, uint64_t iova, const void *from,
                           size_t n);
uint64_t ixgbe_model_at_head(const struct ixgbe_model *m, bool rx, unsigned queue);
uint32_t ixgbe_model_waiting(const struct ixgbe_model *m, bool rx, unsigned queue);
void ixgbe_model_advance(struct ixgbe_model *m, bool rx, unsigned queue);

/* ixgbe_model_transmit.c: one frame (or one TCP segment cut to pieces); false: nothing to send */
bool ixgbe_model_tx_next(struct ixgbe_model *m);

/* ixgbe_model_switch.c */
bool ixgbe_model_fifo_put(struct ixgbe_model_fifo *fifo, const uint8_t *bytes, uint32_t length);
uint32_t ixgbe_model_fifo_get(struct ixgbe_model_fifo *fifo, uint8_t *bytes, uint32_t size);
bool ixgbe_model_switch_from_pool(struct ixgbe_model *m, const struct ixgbe_frame *f,
                                  uint16_t vlan);

/* ixgbe_model_vf.c */
uint64_t ixgbe_model_vf_bar_read(void *ctx, unsigned bar, uint64_t offset, unsigned size);
void ixgbe_model_vf_bar_write(void *ctx, unsigned bar, uint64_t offset, unsigned size,
                              uint64_t value);
bool ixgbe_model_vf_counter(const struct ixgbe_model *m, uint32_t reg, uint32_t *value);
void ixgbe_model_vf_reset(struct ixgbe_model *m, unsigned vf);
void ixgbe_model_mailbox_reset(struct ixgbe_model *m);
void ixgbe_model_mailbox_open(struct ixgbe_model *m);
void ixgbe_model_mailbox_pf_write(struct ixgbe_model *m, uint32_t reg, uint32_t value);
uint32_t ixgbe_model_mailbox_pf_read(struct ixgbe_model *m, uint32_t reg);

/* ixgbe_model_pci.c */
void ixgbe_model_config(struct ixgbe_model *m);
void ixgbe_model_config_vf(struct ixgbe_model *m);  /* the lone one */
void ixgbe_model_config_vfs(struct ixgbe_model *m);
#define IXGBE_MODEL_SRIOV_BAR0 0x24u
/* From the PF's SR-IOV capability. */
uint64_t ixgbe_model_sriov(const struct ixgbe_model *m, unsigned offset, unsigned size);
unsigned ixgbe_model_vfs_present(const struct ixgbe_model *m);
bool ixgbe_model_pci_master(const struct ixgbe_model *m);
