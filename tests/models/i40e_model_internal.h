/* i40e_model_internal.h - what the files of the i40e model share.
 *
 * The register map is the model's own, not the driver's, so that a wrong number in one of them is
 * seen.  Linux i40e and DPDK agree on offsets and bits. */
#pragma once

#include "kernel/compiler.h"
#include "tests/models/i40e_model.h"
#include "tests/models/pcispace_config.h"

#define FCS 4u
#define VLAN_TAG 4u
#define WIRE_MIN 64u
#define LIST_END 0x7ffu /* no queue: the end of a vector's list */

/* Of a VF, by its number within the PF */
#define R_VF_DYN_CTLN(n) (0x24800u + 4 * (n)) /* four vectors a VF */
#define R_VF_LNKLSTN(n) (0x25000u + 4 * (n))
#define R_VF_DYN_CTL0(vf) (0x2a400u + 4 * (vf))
#define R_VF_LNKLST0(vf) (0x2a800u + 4 * (vf))
#define R_VF_ICR0_ENA(vf) (0x2c000u + 4 * (vf))
#define R_VPLAN_QTABLE(i, vf) (0x70000u + 0x400 * (i) + 4 * (vf))
#define R_VPLAN_MAPENA(vf) (0x74000u + 4 * (vf))
#define R_VFGEN_RSTAT1(vf) (0x74400u + 4 * (vf))
#define R_VPGEN_VFRTRIG(vf) (0x91800u + 4 * (vf))
#define   VFRTRIG_VFSWR 0x00000001u
#define R_VPGEN_VFRSTAT(vf) (0x91c00u + 4 * (vf))
#define   VFRSTAT_VFRD 0x00000001u
#define R_VP_MDET_TX(vf) (0xe6000u + 4 * (vf))
#define R_VP_MDET_RX(vf) (0x12a000u + 4 * (vf))
#define R_VF_HLUT(i, vf) (0x220000u + 0x400 * (i) + 4 * (vf))
#define R_VF_HKEY(i, vf) (0x228000u + 0x400 * (i) + 4 * (vf))
#define R_VF_HENA(i, vf) (0x230800u + 0x400 * (i) + 4 * (vf))

#define R_ITRN(i, n) (0x30000u + 0x800 * (i) + 4 * (n))
#define R_DYN_CTLN(n) (0x34800u + 4 * (n))
#define   DYN_INTENA 0x00000001u
#define   DYN_CLEARPBA 0x00000002u
#define   DYN_SWINT 0x00000004u
#define   DYN_INTENA_KEEP 0x80000000u
#define R_LNKLSTN(n) (0x35000u + 4 * (n))
#define   LNKLST_FIRST 0x000007ffu
#define   LNKLST_TYPE 0x00001800u
#define R_ITR0(i) (0x38000u + 0x80 * (i))
#define R_STAT_CTL0 0x38400u
#define R_DYN_CTL0 0x38480u
#define R_LNKLST0 0x38500u
#define R_ICR0 0x38780u
#define   ICR0_EVENT 0x00000001u
#define   ICR0_QUEUE_0 0x00000002u
#define   ICR0_MAL_DETECT 0x00080000u
#define   ICR0_GRST 0x00100000u
#define   ICR0_HMC_ERR 0x04000000u
#define   ICR0_VFLR 0x20000000u
#define   ICR0_ADMINQ 0x40000000u
#define   ICR0_SWINT 0x80000000u
#define R_ICR0_ENA 0x38800u
#define R_QINT_RQCTL(q) (0x3a000u + 4 * (q))
#define R_QINT_TQCTL(q) (0x3c000u + 4 * (q))
#define   QINT_VECTOR 0x000000ffu
#define   QINT_VECTOR0_BIT 0x0000e000u
#define   QINT_NEXT 0x07ff0000u
#define   QINT_NEXT_TYPE 0x18000000u
#define   QINT_CAUSE 0x40000000u
#define R_PORTMDIO_NUM 0x3f100u
#define R_GLINT_CTL 0x3f800u
#define   GLINT_AUTOMASK_NOT_0 0x00000001u
#define   GLINT_AUTOMASK_NOT_N 0x00000004u
#define R_ATQBAL 0x80000u
#define R_ARQT 0x80480u
#define R_PRTDCB_GENS 0x83020u
#define R_FWSTS 0x83048u
#define   FWSTS_RECOVERY 0x00300000u
#define   FWSTS_RECOVERY_X722 0x000c0000u
#define R_GLVFGEN_TIMER 0x881bcu
#define R_PFGEN_CTRL 0x92400u
#define   PFGEN_CTRL_PFSWR 0x00000001u
#define R_VFLRSTAT(i) (0x92600u + 4 * (i)) /* by the VF's number within the chip */
#define R_PF_FUNC_RID 0x9c000u
#define R_CIAA 0x9c080u
#define   CIAA_ADDRESS 0x00000fffu
#define   CIAA_VF 0x0007f000u /* within the chip */
#define R_CIAD 0x9c100u
#define R_GLNVM_ULD 0xb6008u
#define   ULD_LOADED 0x00000018u /* core and global */
#define R_GLNVM_GENS 0xb6100u
#define R_GLNVM_FLA 0xb6108u
#define   FLA_LOCKED 0x00000040u
#define R_GLNVM_SRCTL 0xb6110u
#define   SRCTL_ADDRESS 0x1fffc000u
#define   SRCTL_START 0x40000000u
#define   SRCTL_DONE 0x80000000u
#define R_GLNVM_SRDATA 0xb6114u
#define   SRDATA_READ 0xffff0000u
#define R_PRTGEN_CNF 0xb8120u
#define R_GLGEN_RSTCTL 0xb8180u
#define R_GLGEN_RSTAT 0xb8188u
#define   RSTAT_DEVSTATE 0x00000003u
#define   RSTAT_TYPE 0x0000000cu
#define R_GLGEN_RTRIG 0xb8190u
#define   RTRIG_CORER 0x00000001u
#define   RTRIG_GLOBR 0x00000002u
#define R_PFPCI_SUBSYSID 0xbe100u
#define R_GLPCI_CNF2 0xbe494u
#define   CNF2_PF_VECTORS 0x00001ffcu
#define   CNF2_VF_VECTORS 0x00ffe000u
#define R_GLPCI_CAPSUP 0xbe4a8u
#define R_SDCMD 0xc0000u
#define   SDCMD_INDEX 0x00000fffu
#define   SDCMD_WRITE 0x80000000u
#define R_SDDATALOW 0xc0100u
#define   SD_VALID 0x00000001u
#define   SD_DIRECT 0x00000002u
#define   SD_COUNT 0x00000ffcu
#define R_SDDATAHIGH 0xc0200u
#define R_PDINV 0xc0300u
#define R_HMC_ERRORINFO 0xc0400u
#define R_HMC_ERRORDATA 0xc0500u
#define R_LANTXOBJSZ 0xc2004u
#define R_LANQMAX 0xc2008u
#define R_LANRXOBJSZ 0xc200cu
#define R_LANTXBASE(f) (0xc6200u + 4 * (f))
#define R_LANTXCNT(f) (0xc6300u + 4 * (f))
#define R_LANRXBASE(f) (0xc6400u + 4 * (f))
#define R_LANRXCNT(f) (0xc6500u + 4 * (f))
#define R_QTX_HEAD(q) (0xe4000u + 4 * (q))
#define R_PF_MDET_TX 0xe6400u
#define R_GL_MDET_TX 0xe6480u
#define   MDET_TX_VALID 0x80000000u
#define R_REG_MSS 0xe64dcu
#define R_TXPRE_QDIS(b) (0xe6500u + 4 * (b))
#define   TXPRE_QUEUE 0x000007ffu
#define   TXPRE_SET 0x40000000u
#define   TXPRE_CLEAR 0x80000000u
#define R_QTX_ENA(q) (0x100000u + 4 * (q))
#define   QENA_REQ 0x00000001u
#define   QENA_STAT 0x00000004u
#define R_QTX_CTL(q) (0x104000u + 4 * (q))
#define   QTX_CTL_KIND 0x00000003u
#define   QTX_CTL_KIND_PF 0x2u
#define   QTX_CTL_KIND_VF 0x0u
#define   QTX_CTL_PF 0x0000003cu
#define   QTX_CTL_VF 0x0000ff80u /* within the chip */
#define R_QTX_TAIL(q) (0x108000u + 4 * (q))
#define R_QRX_ENA(q) (0x120000u + 4 * (q))
#define R_QRX_TAIL(q) (0x128000u + 4 * (q))
#define R_PF_MDET_RX 0x12a400u
#define R_GLLAN_RCTL_0 0x12a500u
#define R_GL_MDET_RX 0x12a510u
#define R_QALLOC 0x1c0400u
#define   QALLOC_LAST 0x07ff0000u
#define   QALLOC_VALID 0x80000000u
#define R_PORTNUM 0x1c0480u
#define R_VT_PFALLOC 0x1c0500u
#define R_PCIFCNCNT 0x1c0ab4u
#define R_PFQF_CTL_0 0x1c0ac0u
#define   PFQF_LUT512 0x00010000u
#define R_L2TAGSEN 0x1c0b20u
#define R_PRTGL_SAL 0x1e2120u
#define R_PRTGL_SAH 0x1e2140u
#define R_PRTTSYN_CTL0 0x1e4200u
#define R_VSILAN_QTABLE(i, vsi) (0x200000u + 0x800 * (i) + 4 * (vsi))
#define R_VSILAN_QBASE(vsi) (0x20c800u + 4 * (vsi))
#define   QBASE_TABLE 0x00000800u
#define R_PFQF_HLUT(i) (0x240000u + 0x80 * (i))
#define R_PFQF_HKEY(i) (0x244800u + 0x80 * (i))
#define R_PFQF_HENA(i) (0x245900u + 0x80 * (i))
#define R_GLQF_CTL 0x269ba4u
#define   GLQF_TOEPLITZ 0x00000002u
#define R_RXERR1 0x318000u

/* Admin queue: a descriptor as bytes, and codes */
#define AQ_OPCODE 2u
#define AQ_LENGTH 4u
#define AQ_COOKIE 8u
#define AQ_PARAM 16u
enum aq_code {
    AQ_OK = 0,
    AQ_EPERM = 1,
    AQ_ENOENT = 2,
    AQ_ESRCH = 3,
    AQ_ENXIO = 6,
    AQ_EBUSY = 12,
    AQ_EEXIST = 13,
    AQ_EINVAL = 14,
    AQ_ENOSPC = 16,
};

/* VSI properties */
#define VSI_SECTIONS 0u
#define VSI_SWITCH 2u
#define   VSI_ALLOW_LOOPBACK 0x2000u
#define VSI_SECURITY 6u
#define   VSI_CHECK_VLAN 0x02u
#define   VSI_CHECK_MAC 0x04u
#define VSI_PVID 8u
#define VSI_PORT_VLAN 12u
#define   VSI_TAGGED 0x01u /* may leave, and */
#define   VSI_UNTAGGED 0x02u
#define   VSI_INSERT_PVID 0x04u
#define   VSI_STRIPS_NOT 0x18u /* both bits: tags stay in frames; */
#define   VSI_HIDES 0x10u      /* they go, and no descriptor has them */
#define VSI_MAPPING 28u
#define VSI_QUEUES 30u
#define VSI_CLASSES 62u
#define VSI_HANDLES 96u
#define VSI_COUNTER 112u

/* Set VSI Promiscuous Modes */
#define PROMISC_UNICAST 0x01u
#define PROMISC_MULTICAST 0x02u
#define PROMISC_BROADCAST 0x04u
#define PROMISC_DEFAULT 0x08u
#define PROMISC_VLAN 0x10u
#define PROMISC_RX_ONLY 0x8000u /* of what comes from the wire */

enum i40e_counter {
    /* 48 bits, of the port */
    C_GORC, C_UPRC, C_MPRC, C_BPRC, C_GOTC, C_UPTC, C_MPTC, C_BPTC,
    C_PRC64, C_PRC127, C_PRC255, C_PRC511, C_PRC1023, C_PRC1522, C_PRC9522,
    C_PTC64, C_PTC127, C_PTC255, C_PTC511, C_PTC1023, C_PTC1522, C_PTC9522,
    /* 32 bits */
    C_NARROW,
    C_RDPC = C_NARROW, C_ROC, C_TDOLD, C_RLEC, C_CRCERRS, C_ILLERRC, C_MLFC, C_MRFC, C_LXONRXC,
    C_LXOFFRXC, C_LXONTXC, C_LXOFFTXC, C_RUC, C_RFC, C_RJC,
    COUNTERS
};

enum i40e_vsi_counter {
    V_GORC, V_UPRC, V_MPRC, V_BPRC, V_GOTC, V_UPTC, V_MPTC, V_BPTC, /* 48 bits */
    V_NARROW,
    V_RDPC = V_NARROW, V_RUPP, V_TEPC,
    VSI_COUNTERS
};

_Static_assert((unsigned)COUNTERS <= I40E_MODEL_COUNTERS, "i40e_model.counter");
_Static_assert((unsigned)VSI_COUNTERS == I40E_MODEL_VSI_COUNTERS, "i40e_model.vsi_counter");

static inline uint32_t i40e_get(const struct i40e_model *m, uint32_t reg)
{
    return m->regs[reg / 4];
}
static inline uint32_t *i40e_at(struct i40e_model *m, uint32_t reg)
{
    return &m->regs[reg / 4];
}
static inline uint16_t i40e_le16(const uint8_t *bytes)
{
    return (uint16_t)config_get(bytes, 2);
}
static inline uint32_t i40e_le32(const uint8_t *bytes)
{
    return (uint32_t)config_get(bytes, 4);
}
static inline bool i40e_is_x722(const struct i40e_model *m)
{
    return m->chip == I40E_MODEL_X722;
}
static inline bool i40e_link_up(const struct i40e_model *m)
{
    return m->cable && m->link_wanted;
}
static inline unsigned i40e_base_queue(const struct i40e_model *m)
{
    return m->pf * m->queues;
}
static inline unsigned i40e_base_vf(const struct i40e_model *m)
{
    return m->pf * m->vfs;
}
/* The first VSI's place among the counters. */
static inline unsigned i40e_counter_base(const struct i40e_model *m)
{
    return 2 + m->pf;
}
static inline unsigned i40e_vf_index(const struct i40e_model *m, const struct iavf_model *vf)
{
    return (unsigned)(vf - m->vf);
}
static inline bool i40e_is_multicast(const uint8_t *mac)
{
    return mac[0] & 1;
}
static inline bool i40e_is_broadcast(const uint8_t *mac)
{
    return config_get(mac, MAC_LEN) == 0xffffffffffffull;
}

/* i40e_model.c */
void i40e_model_violation(struct i40e_model *m, const char *what, uint32_t reg, uint64_t value);
uint64_t i40e_model_bar_read(void *ctx, unsigned bar, uint64_t offset, unsigned size);
void i40e_model_bar_write(void *ctx, unsigned bar, uint64_t offset, unsigned size, uint64_t value);
uint32_t i40e_model_register_read(struct i40e_model *m, uint32_t reg);
void i40e_model_register_write(struct i40e_model *m, uint32_t reg, uint32_t value);
void i40e_model_reset(struct i40e_model *m, enum i40e_model_reset kind);

/* i40e_model_known.c */
enum i40e_kind { KIND_UNKNOWN, KIND_READ_WRITE, KIND_READ_ONLY, KIND_ONE_CLEARS };
enum i40e_kind i40e_model_kind(uint32_t reg, uint32_t *writable);
/* Zeros what a reset of this kind resets. */
void i40e_model_clear_registers(struct i40e_model *m, enum i40e_model_reset kind);
/* The counter that is there, NULL: none.  *high: its upper half; *narrow: 32 bits are all. */
uint64_t *i40e_model_counter_at(struct i40e_model *m, uint32_t reg, bool *high, bool *narrow);
/* Of the switch's port, in the place of a VSI's: nothing is counted there. */
bool i40e_model_is_internal_counter(const struct i40e_model *m, uint32_t reg);

/* i40e_model_nvm.c */
void i40e_model_nvm_init(struct i40e_model *m);
bool i40e_model_nvm_write(struct i40e_model *m, uint32_t reg, uint32_t value);
uint32_t i40e_model_nvm_status(const struct i40e_model *m); /* GLNVM_SRCTL */

/* i40e_model_hmc.c: a queue's context, as the device sees it; false: it is not there */
bool i40e_model_hmc_write(struct i40e_model *m, uint32_t reg, uint32_t value);
bool i40e_model_hmc_context(struct i40e_model *m, bool rx, unsigned queue,
                            struct i40e_queue_context *context);

/* i40e_model_vfs.c: what the PF has of its VFs, and what they say */
void i40e_model_vfs_power_on(struct i40e_model *m);
void i40e_model_vfs_enable(struct i40e_model *m, unsigned count);
void i40e_model_vfs_reset(struct i40e_model *m); /* with the PF */
bool i40e_model_vfs_write(struct i40e_model *m, uint32_t reg, uint32_t value);
bool i40e_model_vfs_read(struct i40e_model *m, uint32_t reg, uint32_t *value);
/* The PF's queue that is queue n of the VF; LIST_END: none. */
unsigned i40e_model_vf_queue(const struct i40e_model *m, unsigned vf, unsigned n);
bool i40e_model_vf_resets(const struct i40e_model *m, unsigned vf);

/* i40e_model_irq.c */
void i40e_model_irq_cause(struct i40e_model *m, uint32_t icr0);
void i40e_model_irq_queue(struct i40e_model *m, bool rx, unsigned queue);
/* The vector of the VF that hears of the PF's queue; 0: none, or the one for messages. */
uint8_t i40e_model_irq_of_vf(const struct i40e_model *m, unsigned vf, bool rx, unsigned queue);
bool i40e_model_irq_write(struct i40e_model *m, uint32_t reg, uint32_t value);
bool i40e_model_irq_read(struct i40e_model *m, uint32_t reg, uint32_t *value);

/* i40e_model_queues.c */
void i40e_model_queues_reset(struct i40e_model *m);
bool i40e_model_queues_write(struct i40e_model *m, uint32_t reg, uint32_t value);
bool i40e_model_queues_read(struct i40e_model *m, uint32_t reg, uint32_t *value);
/* Some receive queue is on, of the PF's own or of a VF's too: before a reset Linux takes private
 * memory from under its VFs' queues. */
bool i40e_model_receives(const struct i40e_model *m, bool vfs_too);
/* What works the queue: its own ring, or that of the VF whose it is. */
struct i40e_engine_queue *i40e_model_ring(struct i40e_model *m, bool rx, unsigned n);
/* The VF was reset: its queues do nothing any more, until they are switched off and on. */
void i40e_model_queues_lose(struct i40e_model *m, unsigned vf);
bool i40e_model_queues_of_vf_on(const struct i40e_model *m, unsigned vf, bool lost_too);

/* i40e_model_firmware.c */
void i40e_model_command(void *owner, struct i40e_aq_desc *desc, uint8_t *buffer);
void i40e_model_firmware_reset(struct i40e_model *m);

/* Commands by subject; desc and buffer hold question and answer. */
typedef uint16_t i40e_handler(struct i40e_model *m, uint8_t *desc, uint8_t *buffer);
i40e_handler i40e_aq_message_to_vf;
/* i40e_model_vsis.c */
i40e_handler i40e_aq_get_switch, i40e_aq_add_veb, i40e_aq_get_veb, i40e_aq_query_veb,
    i40e_aq_add_vsi, i40e_aq_update_vsi, i40e_aq_get_vsi,
    i40e_aq_delete_element, i40e_aq_add_macvlan, i40e_aq_remove_macvlan, i40e_aq_add_vlan,
    i40e_aq_remove_vlan, i40e_aq_promiscuous, i40e_aq_vsi_rate, i40e_aq_vsi_bandwidth,
    i40e_aq_query_bandwidth, i40e_aq_query_ets;
void i40e_model_vsis_reset(struct i40e_model *m);
struct i40e_model_vsi *i40e_model_vsi_of(struct i40e_model *m, uint16_t seid);
/* The VSI of a VF, NULL: it has none. */
struct i40e_model_vsi *i40e_model_vsi_of_vf(struct i40e_model *m, unsigned vf);
static inline bool i40e_is_of_vf(const struct i40e_model_vsi *v)
{
    return !(v->flags & 3);
}
/* i40e_model_link.c */
i40e_handler i40e_aq_phy_abilities, i40e_aq_set_phy, i40e_aq_set_mac_config, i40e_aq_restart_an,
    i40e_aq_link_status, i40e_aq_phy_mask, i40e_aq_loopback;
void i40e_model_link_reset(struct i40e_model *m);

/* i40e_model_filters.c: who wants a frame, and who may send it */
struct i40e_passing { /* a frame on its way */
    const struct i40e_model_vsi *from; /* NULL: the wire */
    const uint8_t *bytes;
    uint32_t length;
};
bool i40e_model_wants(const struct i40e_model *m, const struct i40e_model_vsi *v,
                      const struct i40e_passing *f);
bool i40e_model_filtered(const struct i40e_model *m, const struct i40e_model_vsi *v,
                         const struct i40e_passing *f);
bool i40e_model_may_send(const struct i40e_model *m, const struct i40e_passing *f);
bool i40e_is_tagged(const uint8_t *frame, uint32_t length);
uint16_t i40e_type_of(const uint8_t *frame);

/* i40e_model_spread.c: the queue of a VSI for a frame, with its hash */
struct i40e_choice {
    unsigned queue; /* of the PF's; LIST_END: none */
    bool hashed;
    uint32_t hash;
};
struct i40e_choice i40e_model_spread(const struct i40e_model *m, const struct i40e_model_vsi *v,
                                     const uint8_t *frame, uint32_t length);

/* i40e_model_switch.c */
void i40e_model_count(struct i40e_model *m, enum i40e_counter which, uint64_t n);
void i40e_model_sent(void *owner, struct i40e_engine_queue *q, const uint8_t *bytes,
                     uint32_t length);
void i40e_model_sent_by_vf(struct iavf_model *vf, unsigned q, const uint8_t *bytes,
                           uint32_t length);
bool i40e_model_has_room(struct iavf_model *vf); /* on the wire */

/* i40e_model_events.c */
void i40e_model_deliver(struct i40e_model *m); /* events that wait */
void i40e_model_message_from_vf(struct iavf_model *vf, uint32_t op, const uint8_t *bytes,
                                uint32_t n);

/* i40e_model_pci.c */
void i40e_model_config(struct i40e_model *m);
uint64_t i40e_model_sriov(const struct i40e_model *m, unsigned offset, unsigned size);
