/* igb_model_internal.h - what the files of the igb model share.
 *
 * The register map is the model's own, not the driver's, so that a wrong number in one of them
 * is seen.  82576 DS chapter 8; "I350": I350 DS chapter 8. */
#pragma once

#include "kernel/compiler.h"
#include "tests/models/igb_model.h"

#define FCS 4u
#define WIRE_MIN 64u
#define SHORT_MAX 1522u /* without LPE, FCS included */
#define TX_MIN 17u      /* shortest frame that the transmitter may be given, with TCTL.PSP */
#define ALL_POOLS ((1u << IGB_MODEL_POOLS) - 1)
#define ANY_POOL 0xffu  /* a frame that no pool sent: it comes from the wire */

#define R_CTRL 0x0000u
#define   CTRL_FD 0x00000001u
#define   CTRL_MASTER_OFF 0x00000004u
#define   CTRL_SLU 0x00000040u
#define   CTRL_RST 0x04000000u
#define   CTRL_VME 0x40000000u
#define   CTRL_PHY_RST 0x80000000u
#define R_STATUS 0x0008u
#define   STATUS_FD 0x00000001u
#define   STATUS_LU 0x00000002u
#define   STATUS_SPEED_1000 0x00000080u
#define   STATUS_PHYRA 0x00000400u
#define   STATUS_VFS 0x0003c000u
#define   STATUS_IOV 0x00040000u
#define   STATUS_MASTER 0x00080000u
#define R_EEC 0x0010u
#define   EEC_PRESENT 0x00000100u
#define   EEC_AUTO_RD 0x00000200u
#define R_EERD 0x0014u
#define   EERD_START 0x00000001u
#define   EERD_DONE 0x00000002u
#define   EERD_ADDR 0x0000fffcu
#define R_CTRL_EXT 0x0018u
#define   CTRL_EXT_DOUBLE_VLAN 0x04000000u
#define   CTRL_EXT_PFRSTD 0x00004000u
#define R_MDIC 0x0020u
#define   MDIC_DATA 0x0000ffffu
#define   MDIC_REG 0x001f0000u
#define   MDIC_PHY 0x03e00000u
#define   MDIC_WRITE 0x04000000u
#define   MDIC_READ 0x08000000u
#define   MDIC_READY 0x10000000u
#define   MDIC_ERROR 0x40000000u
#define R_VET 0x0038u
#define R_ICR 0x00c0u
#define   ICR_VMMB 0x00000100u
#define   ICR_MDDET 0x10000000u /* I350 */
#define R_RCTL 0x0100u
#define   RCTL_EN 0x00000002u
#define   RCTL_SBP 0x00000004u
#define   RCTL_UPE 0x00000008u
#define   RCTL_MPE 0x00000010u
#define   RCTL_LPE 0x00000020u
#define   RCTL_MO 0x00003000u
#define   RCTL_BAM 0x00008000u
#define   RCTL_BSIZE 0x00030000u
#define   RCTL_VFE 0x00040000u
#define   RCTL_SECRC 0x04000000u
#define R_TCTL 0x0400u
#define   TCTL_EN 0x00000002u
#define   TCTL_PSP 0x00000008u
#define   TCTL_CT 0x00000ff0u
#define R_VMBMEM(vf) (0x0800u + 64 * (vf))
#define R_P2V(vf) (0x0c00u + 4 * (vf))
#define   P2V_STS 0x00000001u
#define   P2V_ACK 0x00000002u
#define   P2V_VFU 0x00000004u
#define   P2V_PFU 0x00000008u
#define   P2V_RVFU 0x00000010u
#define   V2P_REQ 0x00000001u /* V2PMAILBOX: m->mailbox[vf] */
#define   V2P_ACK 0x00000002u
#define   V2P_VFU 0x00000004u
#define   V2P_PFU 0x00000008u
#define   V2P_PFSTS 0x00000010u
#define   V2P_PFACK 0x00000020u
#define   V2P_RSTI 0x00000040u
#define   V2P_RSTD 0x00000080u
#define   V2P_CLEARED (V2P_PFSTS | V2P_PFACK | V2P_RSTD)
#define R_MBVFICR 0x0c80u
#define   MBVFICR_REQ(vf) (0x00000001u << (vf))
#define   MBVFICR_ACK(vf) (0x00010000u << (vf))
#define R_MBVFIMR 0x0c84u
#define R_VFLRE 0x0c88u
#define R_VFRE 0x0c8cu
#define R_VFTE 0x0c90u
#define R_MDICNFG 0x0e04u /* I350 */
#define R_EEMNGCTL 0x1010u
#define   EEMNGCTL_DONE 0x00040000u /* CFG_DONE of port 0 */
#define R_QDE 0x2408u
#define R_DTXSWC 0x3500u /* 82576; the I350 has it at 5acch under another name */
#define R_TXSWC 0x5accu
#define   SWC_MAC_SPOOF 0x000000ffu
#define   SWC_VLAN_SPOOF 0x0000ff00u
#define   SWC_LLE 0x00ff0000u
#define   SWC_LOOPBACK 0x80000000u
#define R_LVMMC 0x3548u /* I350 */
#define   LVMMC_LENGTH 0x00000001u
#define   LVMMC_SPOOF 0x02000000u
#define   LVMMC_QUEUE 0xe0000000u
#define R_WVBR 0x3554u
#define R_MDFB 0x3558u /* I350 */
#define R_DTXCTL 0x3590u
#define   DTXCTL_SPOOF_QUEUE 0x00000004u /* I350: a spoof blocks no queue */
#define   DTXCTL_MDP 0x00000020u
#define R_RTTDQSEL 0x3604u
#define R_RTTBCNRM 0x3690u
#define R_RTTBCNRC 0x36b0u
#define   RTTBCNRC_ON 0x80000000u
#define   RTTBCNRC_INT 0x0fffc000u /* of the rate factor: link speed / rate */
#define   RTTBCNRC_DEC 0x00003fffu
#define R_VMVIR(pool) (0x3700u + 4 * (pool))
#define   VMVIR_VLAN 0x0000ffffu
#define   VMVIR_ALWAYS 0x40000000u
#define   VMVIR_NEVER 0x80000000u
#define R_CRCERRS 0x4000u
#define R_MPC 0x4010u
#define R_RLEC 0x4040u
#define R_PRC64 0x405cu
#define R_GPRC 0x4074u
#define R_BPRC 0x4078u
#define R_MPRC 0x407cu
#define R_GPTC 0x4080u
#define R_GORCL 0x4088u
#define R_GOTCL 0x4090u
#define R_RNBC 0x40a0u
#define R_RUC 0x40a4u
#define R_ROC 0x40acu
#define R_TORL 0x40c0u
#define R_TOTL 0x40c8u
#define R_TPR 0x40d0u
#define R_TPT 0x40d4u
#define R_PTC64 0x40d8u
#define R_MPTC 0x40f0u
#define R_BPTC 0x40f4u
#define R_SSVPC 0x41a0u /* I350: frames that anti-spoofing dropped */
#define R_RXCSUM 0x5000u
#define   RXCSUM_IP 0x00000100u
#define   RXCSUM_L4 0x00000200u
#define   RXCSUM_PCSD 0x00002000u
#define R_RLPML 0x5004u
#define R_MTA(n) (0x5200u + 4 * (n))
#define R_RAL(n) ((n) < 16 ? 0x5400u + 8 * (n) : 0x54e0u + 8 * ((n)-16))
#define R_RAH(n) (R_RAL(n) + 4)
#define   RAH_POOLS 0x03fc0000u
#define   RAH_AV 0x80000000u
#define R_VFTA(n) (0x5600u + 4 * (n))
#define R_MRQC 0x5818u
#define   MRQC_MODE 0x00000007u
#define     MRQC_RSS 2u
#define     MRQC_VMDQ 3u
#define     MRQC_VMDQ_RSS 5u
#define   MRQC_VT 0x00000001u /* of either VMDq mode */
#define   MRQC_TCP4 0x00010000u
#define   MRQC_IP4 0x00020000u
#define   MRQC_IP6 0x00100000u
#define   MRQC_TCP6 0x00200000u
#define   MRQC_UDP4 0x00400000u
#define   MRQC_UDP6 0x00800000u
#define R_VT_CTL 0x581cu
#define   VT_CTL_POOL 0x00000380u
#define   VT_CTL_NO_DEFAULT 0x20000000u
#define   VT_CTL_REPLICATE 0x40000000u
#define R_VMOLR(pool) (0x5ad0u + 4 * (pool))
#define   VMOLR_RLPML 0x00003fffu
#define   VMOLR_LPE 0x00010000u
#define   VMOLR_RSSE 0x00020000u
#define   VMOLR_VPE 0x00800000u /* I350: any VLAN */
#define   VMOLR_AUPE 0x01000000u
#define   VMOLR_ROMPE 0x02000000u
#define   VMOLR_ROPE 0x04000000u
#define   VMOLR_BAM 0x08000000u
#define   VMOLR_MPME 0x10000000u
#define   VMOLR_UPE 0x20000000u /* I350: any unicast; 82576: reserved */
#define   VMOLR_STRVLAN 0x40000000u
#define   VMOLR_STRCRC 0x80000000u
#define R_RPLOLR 0x5af0u
#define R_SWSM 0x5b50u
#define   SWSM_SMBI 0x00000001u
#define   SWSM_SWESMBI 0x00000002u
#define R_SW_FW_SYNC 0x5b5cu
#define   SYNC_NVM 0x00000001u
#define   SYNC_PHY 0x00000002u /* of port 0 */
#define R_IOVCTL 0x5bbcu /* 82576 */
#define   IOVCTL_REUSE 0x00000001u
#define R_RETA(n) (0x5c00u + 4 * (n))
#define R_RSSRK(n) (0x5c80u + 4 * (n))
#define R_VLVF(n) (0x5d00u + 4 * (n))
#define   VLVF_VID 0x00000fffu
#define   VLVF_POOLS 0x000ff000u
#define   VLVF_LOCAL 0x00100000u
#define   VLVF_ON 0x80000000u
#define VLVF_REGS 32u
#define R_UTA(n) (0xa000u + 4 * (n))
#define TABLE_REGS 128u

/* Queue blocks: PF's canonical place; queues 0 to 3 are also at 2800h and 3800h + 100h n */
#define R_RX(q) (0xc000u + 0x40 * (q))
#define R_TX(q) (0xe000u + 0x40 * (q))
#define   Q_BAL 0x00u
#define   Q_BAH 0x04u
#define   Q_LEN 0x08u
#define   Q_SRRCTL 0x0cu /* receive only */
#define     SRRCTL_SIZE 0x0000007fu
#define     SRRCTL_TYPE 0x0e000000u
#define       SRRCTL_ADVANCED 1u
#define     SRRCTL_DROP 0x80000000u
#define   Q_HEAD 0x10u
#define   Q_DCA 0x14u
#define   Q_TAIL 0x18u
#define   Q_CTL 0x28u
#define     CTL_ENABLE 0x02000000u
#define   Q_DROPPED 0x30u /* receive: RQDPC */
#define   Q_WBL 0x38u     /* transmit: TDWBAL; receive: DVMOLR of the I350 */
#define     DVMOLR_HIDEVLAN 0x20000000u
#define     DVMOLR_STRVLAN 0x40000000u
#define     DVMOLR_STRCRC 0x80000000u
#define   Q_WBH 0x3cu

/* A VF's counters, as the PF sees them: 32 bits, never cleared by reading, wrapping */
#define R_PVF(vf) (0x10000u + 0x100 * (vf))
#define   VF_GPRC 0x10u
#define   VF_GPTC 0x14u
#define   VF_GORC 0x18u
#define   VF_GOTC 0x34u
#define   VF_MPRC 0x3cu
#define   VF_GPRLBC 0x40u
#define   VF_GPTLBC 0x44u
#define   VF_GORLBC 0x48u
#define   VF_GOTLBC 0x50u

/* Who did it. */
#define BY_PF (-1)

/* A frame on its way: bytes without FCS, and where it comes from. */
struct igb_frame {
    const uint8_t *bytes;
    uint32_t length;
    unsigned from; /* pool, or ANY_POOL */
};

static inline bool igb_is_tagged(const struct igb_frame *f)
{
    return f->length >= ETHERNET_HEADER + VLAN_TAG && f->bytes[12] == 0x81 && f->bytes[13] == 0;
}

static inline uint16_t igb_tag(const struct igb_frame *f)
{
    return (uint16_t)(f->bytes[14] << 8 | f->bytes[15]);
}

static inline uint32_t *igb_at(struct igb_model *m, uint32_t reg)
{
    return &m->regs[reg / 4];
}

static inline uint32_t igb_get(const struct igb_model *m, uint32_t reg)
{
    return m->regs[reg / 4];
}

static inline bool igb_is_vt(const struct igb_model *m)
{
    return igb_get(m, R_MRQC) & MRQC_VT;
}

static inline unsigned igb_queues(const struct igb_model *m)
{
    return m->chip == IGB_MODEL_82576 ? 16 : 8;
}

static inline unsigned igb_addresses(const struct igb_model *m)
{
    return m->chip == IGB_MODEL_82576 ? 24 : 32;
}

/* The VF that owns a queue now, NULL: the PF does. */
static inline struct igb_model_vf *igb_owner(struct igb_model *m, unsigned queue)
{
    struct igb_model_vf *vf = &m->vf[queue % IGB_MODEL_POOLS];
    return vf->present ? vf : NULL;
}

static inline bool igb_link_up(const struct igb_model *m)
{
    return m->cable && (igb_get(m, R_CTRL) & CTRL_SLU);
}

/* What a queue does with a frame, and what its last descriptor says. */
struct igb_rx_how {
    bool strip_vlan, hide_vlan, strip_crc;
    uint32_t hash, status; /* status_error */
    unsigned hash_type, packet_type;
};

/* igb_model.c */
void igb_model_violation(struct igb_model *m, int by, const char *what, uint32_t reg,
                         uint64_t value);
void igb_model_reset_registers(struct igb_model *m);
void igb_model_set_status(struct igb_model *m);
void igb_model_count_octets(struct igb_model *m, uint32_t reg, uint32_t n);
uint32_t igb_model_swc(const struct igb_model *m);
uint64_t igb_model_pf_read(void *ctx, unsigned bar, uint64_t offset, unsigned size);
void igb_model_pf_write(void *ctx, unsigned bar, uint64_t offset, unsigned size, uint64_t value);

/* igb_model_pci.c */
void igb_model_pci_init(struct igb_model *m, unsigned slot);
void igb_model_pci_init_vf(struct igb_model *m, unsigned slot);
unsigned igb_model_vfs_present(const struct igb_model *m);
bool igb_model_pci_master(const struct igb_model *m); /* the PF's bus mastering is on */

/* igb_model_queues.c */
/* Enabled, and it took. */
bool igb_model_queue_on(const struct igb_model *m, bool rx, unsigned queue);
bool igb_model_queue_busy(const struct igb_model *m, bool rx, unsigned queue); /* may use memory */
void igb_model_queue_write(struct igb_model *m, int by, uint32_t reg, uint32_t value);
uint32_t igb_model_queue_read(struct igb_model *m, uint32_t reg);
bool igb_model_is_queue(const struct igb_model *m, uint32_t reg);
void igb_model_queue_reset(struct igb_model *m, unsigned queue);
bool igb_model_rx_fits(struct igb_model *m, unsigned queue, uint32_t bytes);
bool igb_model_rx_store(struct igb_model *m, unsigned queue, const struct igb_frame *f,
                  const struct igb_rx_how *how);
bool igb_model_tx_next(struct igb_model *m); /* one frame of some queue; false: none waits */

/* igb_model_switch.c */
bool igb_model_switch_from_wire(struct igb_model *m, const struct igb_frame *f);
/* Sent by a queue, tag and all; true: it is gone somewhere (not dropped). */
bool igb_model_switch_from_queue(struct igb_model *m, unsigned queue, const struct igb_frame *f,
                           uint16_t vlan);
bool igb_model_fifo_put(struct igb_model_fifo *fifo, const uint8_t *bytes, uint32_t length);
uint32_t igb_model_fifo_get(struct igb_model_fifo *fifo, uint8_t *bytes, uint32_t size);

/* igb_model_rss.c */
unsigned igb_model_packet_type(const struct igb_frame *f);
uint32_t igb_model_checksum_status(const struct igb_model *m, const struct igb_frame *f);
void igb_model_rss_key(const struct igb_model *m, uint8_t key[40]);

/* igb_model_mailbox.c */
void igb_model_mailbox_pf_write(struct igb_model *m, uint32_t reg, uint32_t value);
uint32_t igb_model_mailbox_pf_read(struct igb_model *m, uint32_t reg);
void igb_model_mailbox_reset(struct igb_model *m); /* the PF resets: RSTI */
void igb_model_mailbox_open(struct igb_model *m);  /* the PF is done: RSTD */
void igb_model_vf_reset(struct igb_model *m, unsigned vf);
uint64_t igb_model_vf_bar_read(void *ctx, unsigned bar, uint64_t offset, unsigned size);
void igb_model_vf_bar_write(void *ctx, unsigned bar, uint64_t offset, unsigned size,
                            uint64_t value);
