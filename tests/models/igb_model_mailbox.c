/* igb_model_mailbox.c - mailboxes and registers of VFs in the igb model, and the test in either
 * role.  82576 DS 7.8.2.9 and 8.14 (mailbox), 8.26 (registers of a VF). */
#include "tests/models/igb_model_internal.h"

#include "kernel/time.h"
#include "nic/intel/intel_mbx.h"
#include "pci/pci_regs.h"

#include <string.h>

/* A VF's own register map */
#define V_CTRL 0x0000u
#define V_STATUS 0x0008u
#define V_MEMORY 0x0800u
#define V_MAILBOX 0x0c40u
#define V_COUNTERS 0x0f00u /* + VF_GPRC ... */
#define V_TIMER 0x1048u
#define V_RX 0x2800u
#define V_TX 0x3800u
#define V_QUEUE_STEP 0x100u

/* Interrupts and the like: there, remembered nowhere. */
static const struct {
    uint32_t first, last;
} ignored[] = { { 0x0f04, 0x0f0c }, { 0x1514, 0x1530 }, { 0x1580, 0x1580 },
                { 0x1680, 0x1688 }, { 0x1700, 0x1700 }, { 0x1740, 0x1740 } };

static bool is_counter(uint32_t reg)
{
    static const uint8_t offsets[] = { VF_GPRC,   VF_GPTC,   VF_GORC,   VF_GOTC,  VF_MPRC,
                                       VF_GPRLBC, VF_GPTLBC, VF_GORLBC, VF_GOTLBC };
    for (unsigned i = 0; i < ARRAY_SIZE(offsets); i++)
        if (reg == V_COUNTERS + offsets[i])
            return true;
    return false;
}

static bool is_ignored(uint32_t reg)
{
    for (unsigned i = 0; i < ARRAY_SIZE(ignored); i++)
        if (reg >= ignored[i].first && reg <= ignored[i].last)
            return true;
    return false;
}

/* The mailbox, both views --------------------------------------------------------- */

static void set_bit(uint32_t *at, uint32_t bit, bool on)
{
    *at = on ? *at | bit : *at & ~bit;
}

static void own(struct igb_model *m, unsigned vf, bool pf, bool on)
{
    bool other = m->mailbox[vf] & (pf ? V2P_VFU : V2P_PFU);
    if (pf && m->rvfu_sticks)
        other |= (igb_get(m, R_P2V(vf)) & P2V_VFU) != 0;
    if (on && other)
        return;
    set_bit(&m->mailbox[vf], pf ? V2P_PFU : V2P_VFU, on);
    set_bit(igb_at(m, R_P2V(vf)), pf ? P2V_PFU : P2V_VFU, on);
}

/* A doorbell rings, or is lost. */
static void ring(struct igb_model *m, uint32_t *at, uint32_t bit)
{
    if (m->messages_vanish)
        m->messages_lost++;
    else
        *at |= bit;
}

static void ring_pf(struct igb_model *m, uint32_t bit)
{
    ring(m, igb_at(m, R_MBVFICR), bit);
    *igb_at(m, R_ICR) |= ICR_VMMB;
}

static void write_p2v(struct igb_model *m, unsigned vf, uint32_t value)
{
    if (value & ~(P2V_STS | P2V_ACK | P2V_PFU | P2V_RVFU))
        igb_model_violation(m, BY_PF, "reserved or read-only bits set", R_P2V(vf), value);
    if (value & P2V_RVFU) {
        own(m, vf, false, false);
        set_bit(igb_at(m, R_P2V(vf)), P2V_VFU, m->rvfu_sticks);
        *igb_at(m, R_MBVFICR) &= ~(MBVFICR_REQ(vf) | MBVFICR_ACK(vf));
    }
    if (value & P2V_STS)
        ring(m, &m->mailbox[vf], V2P_PFSTS);
    if (value & P2V_ACK)
        ring(m, &m->mailbox[vf], V2P_PFACK);
    own(m, vf, true, value & P2V_PFU);
}

void igb_model_mailbox_pf_write(struct igb_model *m, uint32_t reg, uint32_t value)
{
    if (reg >= R_P2V(0)) {
        write_p2v(m, (reg - R_P2V(0)) / 4, value);
        return;
    }
    unsigned vf = (reg - R_VMBMEM(0)) / 64;
    if (vf < IGB_MODEL_VFS && !(m->mailbox[vf] & V2P_PFU))
        igb_model_violation(m, BY_PF, "message written into a buffer that is not the PF's", reg,
                            value);
    *igb_at(m, reg) = value;
}

uint32_t igb_model_mailbox_pf_read(struct igb_model *m, uint32_t reg)
{
    return igb_get(m, reg);
}

void igb_model_mailbox_reset(struct igb_model *m)
{
    for (unsigned i = 0; i < IGB_MODEL_VFS; i++) {
        m->mailbox[i] = V2P_RSTI;
        m->vf[i].queues_lost = true;
        m->vf[i].told = false;
    }
}

void igb_model_mailbox_open(struct igb_model *m)
{
    for (unsigned i = 0; i < IGB_MODEL_VFS; i++)
        m->mailbox[i] = (m->mailbox[i] & ~V2P_RSTI) | V2P_RSTD;
}

static void write_v2p(struct igb_model *m, unsigned vf, uint32_t value)
{
    if (value & ~(V2P_REQ | V2P_ACK | V2P_VFU))
        igb_model_violation(m, (int)vf, "reserved or read-only bits set", V_MAILBOX, value);
    if (value & V2P_REQ)
        ring_pf(m, MBVFICR_REQ(vf));
    if (value & V2P_ACK)
        ring_pf(m, MBVFICR_ACK(vf));
    own(m, vf, false, value & V2P_VFU);
}

static uint32_t read_v2p(struct igb_model *m, unsigned vf)
{
    uint32_t value = m->mailbox[vf];
    m->mailbox[vf] &= ~V2P_CLEARED;
    if (value & (V2P_RSTI | V2P_RSTD))
        m->vf[vf].told = true;
    return value;
}

/* A VF's registers -------------------------------------------------------------------- */

/* By VTCTRL.RST or function level reset: 82576 DS 4.2.2.  Mailbox bits stay, as in QEMU. */
void igb_model_vf_reset(struct igb_model *m, unsigned vf)
{
    for (unsigned q = vf; q < igb_queues(m); q += IGB_MODEL_POOLS) {
        igb_model_queue_reset(m, q);
        *igb_at(m, R_RX(q) + Q_CTL) &= ~CTL_ENABLE;
        *igb_at(m, R_TX(q) + Q_CTL) &= ~CTL_ENABLE;
        m->rx[q].was_on = m->tx[q].was_on = false;
    }
    *igb_at(m, R_VFRE) &= ~(1u << vf);
    *igb_at(m, R_VFTE) &= ~(1u << vf);
    *igb_at(m, R_VFLRE) |= 1u << vf;
    *igb_at(m, R_ICR) |= ICR_VMMB;
    m->vf[vf].queues_lost = false;
    m->vf[vf].flr_at_us = time_us();
    m->vf[vf].flrs++;
}

/* Queue n of the VF is the chip's vf + 8n; 0: no queue register. */
static uint32_t queue_register(const struct igb_model *m, unsigned vf, uint32_t reg)
{
    bool rx = reg >= V_RX && reg < V_RX + 2 * V_QUEUE_STEP;
    bool tx = reg >= V_TX && reg < V_TX + 2 * V_QUEUE_STEP;
    unsigned queue = vf + IGB_MODEL_POOLS * (reg / V_QUEUE_STEP % 2);
    if ((!rx && !tx) || reg % V_QUEUE_STEP >= 0x40 || queue >= igb_queues(m))
        return 0;
    uint32_t to = (rx ? R_RX(queue) : R_TX(queue)) + reg % V_QUEUE_STEP;
    bool offered = igb_model_is_queue(m, to) && !(rx && to % 0x40 == Q_WBL);
    return offered ? to : 0;
}

static uint32_t vf_read(struct igb_model *m, unsigned vf, uint32_t reg)
{
    uint32_t queue = queue_register(m, vf, reg);
    if (queue)
        return igb_model_queue_read(m, queue);
    if (reg >= V_MEMORY && reg < V_MEMORY + 64)
        return igb_get(m, R_VMBMEM(vf) + reg - V_MEMORY);
    if (is_counter(reg))
        return igb_get(m, R_PVF(vf) + reg - V_COUNTERS);
    switch (reg) {
    case V_CTRL:
        return 0;
    case V_STATUS:
        return igb_get(m, R_STATUS) & (STATUS_LU | STATUS_FD | STATUS_SPEED_1000);
    case V_MAILBOX:
        return read_v2p(m, vf);
    case V_TIMER:
        return (uint32_t)time_us();
    }
    if (!is_ignored(reg))
        igb_model_violation(m, (int)vf, "access to an unknown register", reg, 0);
    return 0;
}

static void write_memory(struct igb_model *m, unsigned vf, uint32_t reg, uint32_t value)
{
    if (!(m->mailbox[vf] & V2P_VFU))
        igb_model_violation(m, (int)vf, "message written into a buffer that is not the VF's", reg,
                            value);
    *igb_at(m, R_VMBMEM(vf) + reg - V_MEMORY) = value;
}

static void vf_write(struct igb_model *m, unsigned vf, uint32_t reg, uint32_t value)
{
    uint32_t queue = queue_register(m, vf, reg);
    if (queue) {
        igb_model_queue_write(m, (int)vf, queue, value);
    } else if (reg >= V_MEMORY && reg < V_MEMORY + 64) {
        write_memory(m, vf, reg, value);
    } else if (reg == V_MAILBOX) {
        write_v2p(m, vf, value);
    } else if (reg == V_CTRL) {
        if (value & ~CTRL_RST)
            igb_model_violation(m, (int)vf, "reserved or read-only bits set", reg, value);
        if (value & CTRL_RST)
            igb_model_vf_reset(m, vf);
    } else if (!is_ignored(reg)) {
        igb_model_violation(m, (int)vf, "write to a read-only or unknown register", reg, value);
    }
}

static bool access_good(struct igb_model *m, unsigned vf, uint64_t offset, unsigned size)
{
    if (size == 4 && offset % 4 == 0)
        return true;
    igb_model_violation(m, (int)vf, "access that is not 32 bits wide", (uint32_t)offset, size);
    return false;
}

uint64_t igb_model_vf_bar_read(void *ctx, unsigned bar, uint64_t offset, unsigned size)
{
    struct igb_model_vf *vf = ctx;
    if (bar)
        return 0;
    if (vf->model->gone || !access_good(vf->model, vf->index, offset, size))
        return UINT32_MAX;
    return vf_read(vf->model, vf->index, (uint32_t)offset);
}

void igb_model_vf_bar_write(void *ctx, unsigned bar, uint64_t offset, unsigned size, uint64_t value)
{
    struct igb_model_vf *vf = ctx;
    if (!bar && !vf->model->gone && access_good(vf->model, vf->index, offset, size))
        vf_write(vf->model, vf->index, (uint32_t)offset, (uint32_t)value);
}

/* The test as a VF ------------------------------------------------------------------------ */

uint32_t igb_model_vf_read(struct igb_model *m, unsigned vf, uint32_t reg)
{
    return vf_read(m, vf, reg);
}

void igb_model_vf_write(struct igb_model *m, unsigned vf, uint32_t reg, uint32_t value)
{
    vf_write(m, vf, reg, value);
}

bool igb_model_vf_send(struct igb_model *m, unsigned vf, const uint32_t *words, unsigned n)
{
    write_v2p(m, vf, V2P_VFU);
    if (!(m->mailbox[vf] & V2P_VFU))
        return false;
    for (unsigned i = 0; i < n && i < IGB_MODEL_MESSAGE; i++)
        write_memory(m, vf, V_MEMORY + 4 * i, words[i]);
    write_v2p(m, vf, V2P_REQ);
    return true;
}

bool igb_model_vf_receive(struct igb_model *m, unsigned vf, uint32_t words[IGB_MODEL_MESSAGE])
{
    if (!(m->mailbox[vf] & V2P_PFSTS))
        return false;
    m->mailbox[vf] &= ~V2P_PFSTS;
    memcpy(words, igb_at(m, R_VMBMEM(vf)), IGB_MODEL_MESSAGE * sizeof *words);
    write_v2p(m, vf, V2P_ACK);
    return true;
}

void igb_model_vf_hold(struct igb_model *m, unsigned vf, bool on)
{
    write_v2p(m, vf, on ? V2P_VFU : 0);
}

void igb_model_vf_flr(struct igb_model *m, unsigned vf)
{
    memset(m->vf[vf].device.config + PCI_COMMAND, 0, 2);
    igb_model_vf_reset(m, vf);
}

void igb_model_vf_play(struct igb_model *m, unsigned vf)
{
    m->vf[vf].played = true;
    m->vf[vf].frames.count = 0;
}

/* The test as the PF of a lone VF ------------------------------------------------------------ */

bool igb_model_pf_receive(struct igb_model *m, uint32_t words[IGB_MODEL_MESSAGE])
{
    if (!(igb_get(m, R_MBVFICR) & MBVFICR_REQ(0)))
        return false;
    *igb_at(m, R_MBVFICR) &= ~MBVFICR_REQ(0);
    own(m, 0, true, true);
    memcpy(words, igb_at(m, R_VMBMEM(0)), IGB_MODEL_MESSAGE * sizeof *words);
    write_p2v(m, 0, P2V_ACK);
    return true;
}

bool igb_model_pf_send(struct igb_model *m, const uint32_t *words, unsigned n)
{
    own(m, 0, true, true);
    if (!(m->mailbox[0] & V2P_PFU))
        return false;
    for (unsigned i = 0; i < n && i < IGB_MODEL_MESSAGE; i++)
        *igb_at(m, R_VMBMEM(0) + 4 * i) = words[i];
    *igb_at(m, R_MBVFICR) &= ~(MBVFICR_REQ(0) | MBVFICR_ACK(0));
    write_p2v(m, 0, P2V_STS);
    return true;
}

static void set_address(struct igb_model *m, unsigned entry, const uint8_t mac[MAC_LEN])
{
    uint16_t high;
    memcpy(igb_at(m, R_RAL(entry)), mac, 4);
    memcpy(&high, mac + 4, 2);
    *igb_at(m, R_RAH(entry)) = high | FIELD_PUT(RAH_POOLS, 1u) | RAH_AV;
}

static void serve_addresses(struct igb_model *m, const uint32_t *words)
{
    uint32_t info = FIELD_GET(MBX_INFO, words[0]);
    uint8_t mac[MAC_LEN];
    memcpy(mac, &words[1], MAC_LEN);
    for (unsigned i = 1; info == MBX_MAC_FILTER_CLEAR && i < igb_addresses(m); i++)
        *igb_at(m, R_RAH(i)) = 0;
    if (!info) {
        memcpy(m->pf.mac, mac, MAC_LEN);
        set_address(m, 0, mac);
    }
    for (unsigned i = 1; info == MBX_MAC_FILTER_ADD && i < igb_addresses(m); i++)
        if (!igb_get(m, R_RAH(i))) {
            set_address(m, i, mac);
            return;
        }
}

static void serve_multicast(struct igb_model *m, const uint32_t *words)
{
    uint32_t info = FIELD_GET(MBX_INFO, words[0]), n = info & ~MBX_MULTICAST_OVERFLOW;
    memset(igb_at(m, R_MTA(0)), 0, 4 * TABLE_REGS);
    for (uint32_t i = 0; i < n && i < MBX_MULTICAST_MAX; i++) {
        uint32_t hash = words[1 + i / 2] >> 16 * (i % 2) & 0xfff;
        *igb_at(m, R_MTA(hash / 32)) |= 1u << hash % 32;
    }
    set_bit(igb_at(m, R_VMOLR(0)), VMOLR_MPME, info & MBX_MULTICAST_OVERFLOW);
}

static void serve_vlan(struct igb_model *m, const uint32_t *words)
{
    uint32_t vid = words[1] & VLVF_VID, free = VLVF_REGS;
    bool add = FIELD_GET(MBX_INFO, words[0]);
    set_bit(igb_at(m, R_VFTA(vid / 32)), 1u << vid % 32, add);
    for (uint32_t i = VLVF_REGS; i-- > 0;) {
        uint32_t v = igb_get(m, R_VLVF(i));
        if ((v & VLVF_ON) && (v & VLVF_VID) == vid)
            *igb_at(m, R_VLVF(i)) = 0;
        if (!igb_get(m, R_VLVF(i)))
            free = i;
    }
    if (add && free < VLVF_REGS)
        *igb_at(m, R_VLVF(free)) = VLVF_ON | FIELD_PUT(VLVF_POOLS, 1u) | vid;
}

static void serve_promiscuity(struct igb_model *m, const uint32_t *words)
{
    uint32_t info = FIELD_GET(MBX_INFO, words[0]);
    memset(igb_at(m, R_UTA(0)), info & MBX_PROMISC_UNICAST ? 0xff : 0, 4 * TABLE_REGS);
    set_bit(igb_at(m, R_VMOLR(0)), m->chip == IGB_MODEL_I350 ? VMOLR_UPE : VMOLR_ROPE,
            info & MBX_PROMISC_UNICAST);
    set_bit(igb_at(m, R_VMOLR(0)), VMOLR_MPME,
            info & (MBX_PROMISC_UNICAST | MBX_PROMISC_MULTICAST));
}

/* Like Linux's igb 6.1: everything of the VF is forgotten, its pool goes on; no CTS here. */
static void serve_reset(struct igb_model *m)
{
    static const uint8_t none[MAC_LEN];
    uint32_t answer[3] = { MBX_VF_RESET | MBX_NACK, 0, 0 };
    memset(igb_at(m, R_MTA(0)), 0, 4 * TABLE_REGS);
    memset(igb_at(m, R_UTA(0)), 0, 4 * TABLE_REGS);
    memset(igb_at(m, R_VLVF(0)), 0, 4 * VLVF_REGS);
    for (unsigned i = 0; i < igb_addresses(m); i++)
        *igb_at(m, R_RAH(i)) = 0;
    *igb_at(m, R_VMOLR(0)) = VMOLR_STRCRC | VMOLR_STRVLAN | VMOLR_AUPE | VMOLR_BAM | VMOLR_ROMPE;
    *igb_at(m, R_RX(0) + Q_WBL) = DVMOLR_STRCRC | DVMOLR_STRVLAN;
    igb_model_pf_pool(m, true);
    m->pf.cts = true;
    if (memcmp(m->pf.mac, none, MAC_LEN)) {
        answer[0] = MBX_VF_RESET | MBX_ACK;
        memcpy(&answer[1], m->pf.mac, MAC_LEN);
        set_address(m, 0, m->pf.mac);
    }
    igb_model_pf_send(m, answer, 3);
}

static void serve_request(struct igb_model *m, uint32_t type, const uint32_t *words)
{
    switch (type) {
    case MBX_VF_SET_MAC:
        serve_addresses(m, words);
        break;
    case MBX_VF_SET_MULTICAST:
        serve_multicast(m, words);
        break;
    case MBX_VF_SET_VLAN:
        serve_vlan(m, words);
        break;
    case MBX_VF_SET_LPE:
        *igb_at(m, R_VMOLR(0)) &= ~VMOLR_RLPML;
        *igb_at(m, R_VMOLR(0)) |= VMOLR_LPE | (words[1] & VMOLR_RLPML);
        break;
    case MBX_VF_SET_PROMISC:
        serve_promiscuity(m, words);
        break;
    }
}

bool igb_model_pf_serve(struct igb_model *m)
{
    uint32_t words[IGB_MODEL_MESSAGE];
    if (!igb_model_pf_receive(m, words))
        return false;
    uint32_t type = words[0] & MBX_TYPE, bit = type < 32 ? 1u << type : 0;
    m->pf.seen[type & 15]++;
    memcpy(m->pf.last, words, sizeof words);
    if (m->pf.unanswered & bit)
        return true;
    if (type == MBX_VF_RESET && !(m->pf.refused & bit)) {
        serve_reset(m);
        return true;
    }
    bool known = type >= MBX_VF_SET_MAC && type <= MBX_VF_SET_PROMISC;
    bool granted = m->pf.cts && known && !(m->pf.refused & bit);
    if (granted)
        serve_request(m, type, words);
    words[0] |= (granted ? MBX_ACK : MBX_NACK) | (m->pf.cts ? MBX_CTS : 0);
    igb_model_pf_send(m, words, 1);
    return true;
}

void igb_model_pf_reset_begin(struct igb_model *m)
{
    igb_model_reset_registers(m);
    igb_model_mailbox_reset(m);
    for (unsigned q = 0; q < IGB_MODEL_QUEUES; q += IGB_MODEL_POOLS)
        *igb_at(m, R_RX(q) + Q_CTL) = *igb_at(m, R_TX(q) + Q_CTL) = 0;
    m->rx[0].was_on = m->tx[0].was_on = false;
    m->pf.cts = false;
}

/* What a master driver sets up before it says that it is there. */
void igb_model_pf_reset_end(struct igb_model *m)
{
    *igb_at(m, R_CTRL) |= CTRL_SLU;
    igb_model_set_status(m);
    *igb_at(m, R_RAH(0)) = 0;
    *igb_at(m, R_MRQC) = m->chip == IGB_MODEL_82576 ? MRQC_VMDQ_RSS : MRQC_VMDQ;
    *igb_at(m, R_VT_CTL) = VT_CTL_REPLICATE | VT_CTL_NO_DEFAULT;
    *igb_at(m, R_RPLOLR) = VMOLR_STRVLAN | VMOLR_STRCRC;
    *igb_at(m, m->chip == IGB_MODEL_82576 ? R_DTXSWC : R_TXSWC) = SWC_LOOPBACK;
    igb_model_pf_pool(m, false);
    *igb_at(m, R_RCTL) = RCTL_EN | RCTL_LPE | RCTL_BAM | RCTL_VFE | RCTL_SECRC;
    *igb_at(m, R_TCTL) |= TCTL_EN;
    igb_model_mailbox_open(m);
}

void igb_model_pf_hold(struct igb_model *m, bool on)
{
    own(m, 0, true, on);
}

bool igb_model_pf_ping(struct igb_model *m, bool cts)
{
    uint32_t word = MBX_PF_CONTROL | (cts ? MBX_CTS : 0);
    return igb_model_pf_send(m, &word, 1);
}

bool igb_model_pf_saw_flr(struct igb_model *m)
{
    bool seen = igb_get(m, R_VFLRE) & 1;
    *igb_at(m, R_VFLRE) &= ~1u;
    return seen;
}

void igb_model_pf_pool(struct igb_model *m, bool on)
{
    set_bit(igb_at(m, R_VFRE), 1, on);
    set_bit(igb_at(m, R_VFTE), 1, on);
}
