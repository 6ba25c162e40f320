/* The model of the 82576 and I350 itself: mailboxes, VFs on the bus, and the switch, without a
 * driver.  Sections: 82576 DS, but where others are named. */
#include "kernel/mmio.h"
#include "nic/intel/intel_mbx.h"
#include "pci/pci_regs.h"
#include "pci/sriov.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/igb_by_hand.h"

#include <string.h>

static int set_up(void **state)
{
    hand_power_on(IGB_MODEL_82576);
    return 0;
}

static int set_up_i350(void **state)
{
    hand_power_on(IGB_MODEL_I350);
    return 0;
}

static int tear_down(void **state)
{
    assert_int_equal(igb_model_violations(&hand.model), 0);
    return 0;
}

/* Mailbox (7.8.2.9, 8.14) ------------------------------------------------------------ */

#define V2P 0x0c40u

static void buffer_belongs_to_one_side(void **state)
{
    hand_switch_on();
    hand_write(R_P2V(1), P2V_PFU);
    assert_int_equal(hand_read(R_P2V(1)), P2V_PFU);
    igb_model_vf_write(&hand.model, 1, V2P, V2P_VFU); /* does not stick */
    assert_int_equal(igb_model_vf_read(&hand.model, 1, V2P) & (V2P_VFU | V2P_PFU), V2P_PFU);
    hand_write(R_P2V(1), 0);
    igb_model_vf_write(&hand.model, 1, V2P, V2P_VFU);
    assert_int_equal(igb_model_vf_read(&hand.model, 1, V2P) & (V2P_VFU | V2P_PFU), V2P_VFU);
    hand_write(R_P2V(1), P2V_PFU); /* does not stick */
    assert_int_equal(hand_read(R_P2V(1)), P2V_VFU);
    assert_int_equal(hand_read(R_P2V(0)) | hand_read(R_P2V(2)), 0);
    igb_model_vf_write(&hand.model, 1, V2P, 0);
    assert_int_equal(hand_read(R_P2V(1)), 0);
}

static void stuck_buffer_is_taken_back(void **state)
{
    hand_switch_on();
    igb_model_vf_hold(&hand.model, 0, true);
    igb_model_vf_write(&hand.model, 0, V2P, V2P_REQ | V2P_VFU);
    assert_int_equal(hand_read(R_MBVFICR), MBVFICR_REQ(0));
    hand_write(R_P2V(0), P2V_RVFU | P2V_PFU);
    assert_int_equal(hand_read(R_P2V(0)), P2V_PFU);
    assert_int_equal(hand_read(R_MBVFICR), 0);
    assert_int_equal(igb_model_vf_read(&hand.model, 0, V2P) & (V2P_VFU | V2P_PFU), V2P_PFU);
    hand_write(R_P2V(0), 0);
}

/* Both doorbells both ways; the VF's view clears by reading, the PF's by writing ones. */
static void doorbells_ring_the_other_side(void **state)
{
    uint32_t words[IGB_MODEL_MESSAGE] = { 0x11, 0x22 }, got[IGB_MODEL_MESSAGE];
    hand_switch_on();
    igb_model_vf_read(&hand.model, 2, V2P);
    assert_true(igb_model_vf_send(&hand.model, 2, words, 2));
    assert_int_equal(hand_read(R_MBVFICR), MBVFICR_REQ(2));
    assert_int_equal(hand_read(R_VMBMEM(2) + 4), 0x22);
    hand_write(R_MBVFICR, MBVFICR_REQ(2));
    assert_int_equal(hand_read(R_MBVFICR), 0);
    hand_write(R_P2V(2), P2V_PFU);
    hand_write(R_VMBMEM(2), 0x33);
    hand_write(R_P2V(2), P2V_STS | P2V_ACK);
    assert_int_equal(hand.model.mailbox[2], V2P_PFSTS | V2P_PFACK | V2P_RSTI);
    assert_int_equal(hand.model.mailbox[1] & (V2P_PFSTS | V2P_PFACK), 0);
    assert_true(igb_model_vf_receive(&hand.model, 2, got));
    assert_int_equal(got[0], 0x33);
    assert_int_equal(igb_model_vf_read(&hand.model, 2, V2P), V2P_PFACK | V2P_RSTI);
    assert_int_equal(igb_model_vf_read(&hand.model, 2, V2P), V2P_RSTI);
    assert_int_equal(hand_read(R_MBVFICR), MBVFICR_ACK(2));
}

static void reset_of_the_pf_is_told(void **state)
{
    hand_switch_on();
    assert_int_equal(igb_model_vf_read(&hand.model, 0, V2P), V2P_RSTI);
    hand_write(R_CTRL_EXT, hand_read(R_CTRL_EXT) | CTRL_EXT_PFRSTD);
    assert_int_equal(igb_model_vf_read(&hand.model, 0, V2P), V2P_RSTD);
    assert_int_equal(igb_model_vf_read(&hand.model, 0, V2P), 0);
    assert_int_equal(hand_read(R_CTRL_EXT) & CTRL_EXT_PFRSTD, 0);
    igb_model_vf_hold(&hand.model, 0, true);
    hand_write(R_CTRL, hand_read(R_CTRL) | CTRL_RST);
    host_advance_us(2);
    assert_int_equal(igb_model_vf_read(&hand.model, 0, V2P), V2P_RSTI);
    assert_int_equal(hand_read(R_P2V(0)), 0);
}

static void messages_can_be_lost(void **state)
{
    uint32_t word = 1;
    hand_switch_on();
    hand.model.messages_vanish = true;
    assert_true(igb_model_vf_send(&hand.model, 0, &word, 1));
    assert_int_equal(hand_read(R_MBVFICR), 0);
    assert_int_equal(hand.model.messages_lost, 1);
}

/* VFs on the bus (PCIe 9.2, 9.3) --------------------------------------------------------- */

static uint32_t vf_dword(unsigned index, uint16_t offset)
{
    uint32_t bdf;
    unsigned control = hand.model.sriov + PCI_SRIOV_CONTROL;
    uint16_t first = hand.model.device.config[control] & PCI_SRIOV_ARI ? 0x80 : 0x180;
    assert_true(pci_vf_bdf(hand.model.function->bdf, first, 2, index, &bdf));
    return pcispace_access()->read(bdf, offset, 4);
}

static void vfs_come_and_go(void **state)
{
    const char *why;
    assert_int_equal(vf_dword(0, PCI_VENDOR_ID), 0xffffffff);
    assert_int_equal(pci_sriov_enable(hand.model.function, HAND_VFS, false, &why), 0);
    assert_int_equal(vf_dword(0, PCI_REVISION) >> 8, 0x020000);
    assert_int_equal(vf_dword(HAND_VFS - 1, PCI_REVISION) >> 8, 0x020000);
    assert_int_equal(vf_dword(HAND_VFS, PCI_REVISION), 0xffffffff);
    assert_int_equal(vf_dword(0, PCI_VENDOR_ID), 0xffffffff); /* its own IDs */
    assert_int_equal(vf_dword(0, PCI_BAR0), 0);
    assert_int_equal(hand_read(R_STATUS) & (STATUS_IOV | STATUS_VFS),
                     STATUS_IOV | FIELD_PUT(STATUS_VFS, HAND_VFS));
    pci_sriov_disable(hand.model.function);
    assert_int_equal(vf_dword(0, PCI_REVISION), 0xffffffff);
    assert_int_equal(hand_read(R_STATUS) & STATUS_IOV, 0);
}

/* PCIe 9.2.1.2 and 6.13: without ARI they are on the next bus; with it, only behind a port that
 * forwards. */
static void vfs_are_where_ari_puts_them(void **state)
{
    struct igb_model *m = &hand.model;
    uint16_t control = (uint16_t)(m->sriov + PCI_SRIOV_CONTROL);
    uint8_t bus = m->bridge.config[PCI_SECONDARY_BUS];
    const struct pci_access *access = pcispace_access();
    m->bridge.config[PCI_SUBORDINATE_BUS] = (uint8_t)(bus + 1);
    pci_write16(m->function, (uint16_t)(m->sriov + PCI_SRIOV_NUM_VFS), 2);
    for (unsigned ari = 0; ari < 2; ari++) {
        uint32_t second = PCI_BDF(0, ari ? bus : bus + 1, 16, 2);
        pci_write16(m->function, control, ari ? PCI_SRIOV_ARI : 0);
        assert_int_equal(pci_read16(m->function, (uint16_t)(m->sriov + PCI_SRIOV_VF_OFFSET)),
                         ari ? 0x80 : 0x180);
        pci_write16(m->function, control, (ari ? PCI_SRIOV_ARI : 0) | PCI_SRIOV_VF_ENABLE);
        host_advance_us(100000);
        assert_int_equal(access->read(second, PCI_REVISION, 4) >> 8, 0x020000);
        assert_int_equal(access->read(second + 2, PCI_REVISION, 4), 0xffffffff);
        pci_write16(m->function, control, 0);
    }
    m->bridge.config[PCI_SUBORDINATE_BUS] = bus; /* nobody leads beyond it */
    pci_write16(m->function, control, PCI_SRIOV_VF_ENABLE);
    host_advance_us(100000);
    assert_int_equal(access->read(PCI_BDF(0, bus + 1, 16, 0), PCI_REVISION, 4), 0xffffffff);
}

/* PCIe 6.6.2. */
static void function_reset_of_the_pf_takes_everything(void **state)
{
    hand_write(R_RLPML, 1600);
    hand_write(R_CTRL_EXT, CTRL_EXT_PFRSTD);
    assert_int_equal(hand.model.mailbox[0], V2P_RSTD);
    assert_int_equal(pci_function_reset(hand.model.function), 0);
    assert_int_equal(hand_read(R_RLPML), 0x2600);
    assert_int_equal(hand.model.mailbox[0], V2P_RSTI);
}

/* PCIe 9.3.3.3.1: nothing answers at once. */
static void vfs_take_their_time(void **state)
{
    unsigned control = hand.model.sriov + PCI_SRIOV_CONTROL;
    pci_write16(hand.model.function, (uint16_t)(hand.model.sriov + PCI_SRIOV_NUM_VFS), 1);
    pci_write16(hand.model.function, (uint16_t)control,
                pci_read16(hand.model.function, (uint16_t)control) | PCI_SRIOV_VF_ENABLE);
    assert_int_equal(vf_dword(0, PCI_REVISION), 0xffffffff);
    host_advance_us(100000);
    assert_int_equal(vf_dword(0, PCI_REVISION) >> 8, 0x020000);
}

/* Each VF's BAR leads to its own registers. */
static void vf_registers_are_the_vfs(void **state)
{
    const char *why;
    assert_int_equal(pci_sriov_enable(hand.model.function, HAND_VFS, false, &why), 0);
    for (unsigned i = 0; i < HAND_VFS; i++) {
        struct pci_function *f = hand.model.function->sriov->vf[i];
        assert_int_equal(pci_enable(f), 0);
        uint8_t *vf_bar = pci_map_bar(f, 0, IGB_MODEL_VF_BAR_SIZE);
        assert_non_null(vf_bar);
        mmio_write32(vf_bar + V2P, V2P_VFU);
        assert_int_equal(hand_read(R_P2V(i)), P2V_VFU);
        mmio_write32(vf_bar + 0x800, 0x1234 + i);
        assert_int_equal(hand_read(R_VMBMEM(i)), 0x1234 + i);
        mmio_write32(vf_bar + 0x2800, 0x1000 * (i + 1));
        mmio_write32(vf_bar + 0x3900, 0x2000 * (i + 1));
        assert_int_equal(hand_read(R_RX(i)), 0x1000 * (i + 1));
        assert_int_equal(hand_read(R_TX(i + 8)), 0x2000 * (i + 1));
    }
}

/* 4.2.2: by configuration space or by VTCTRL.RST, the PF is told. */
static void vf_reset_takes_its_queues(void **state)
{
    hand_switch_on();
    for (unsigned how = 0; how < 2; how++) {
        hand_write(R_RX(1) + Q_BAL, 0x1000);
        hand_write(R_VFRE, 0xff);
        if (how)
            igb_model_vf_write(&hand.model, 1, 0, CTRL_RST);
        else
            assert_int_equal(pci_function_reset(hand.model.function->sriov->vf[1]), 0);
        assert_int_equal(hand_read(R_RX(1) + Q_BAL), 0);
        assert_int_equal(hand_read(R_VFLRE), 2);
        assert_int_equal(hand_read(R_VFRE), 0xfd);
        hand_write(R_VFLRE, 2);
        assert_int_equal(hand_read(R_VFLRE), 0);
    }
    assert_int_equal(hand.model.vf[1].flrs, 2);
}

/* The switch (7.10.3) ---------------------------------------------------------------------- */

static void unicast_finds_its_pool(void **state)
{
    static const uint8_t unknown[MAC_LEN] = { 0x02, 9, 9, 9, 9, 9 };
    hand_switch_on();
    assert_int_equal(hand_sent(0, 1), 1u << 1);
    assert_int_equal(hand_sent(1, 0), 1u << 0);
    assert_int_equal(hand_sent(2, HAND_PF_POOL), 1u << HAND_PF_POOL);
    assert_int_equal(hand_sent(HAND_PF_POOL, 2), 1u << 2);
    assert_int_equal(hand_sent_to(0, unknown), 0x100);
    for (unsigned p = 0; p < HAND_VFS; p++) {
        uint8_t mac[MAC_LEN];
        hand_vf_mac(p, mac);
        assert_int_equal(hand_received(mac, 0), 1u << p);
    }
    assert_int_equal(hand_received(hand_pf_mac, 0), 1u << HAND_PF_POOL);
}

static void unknown_unicast_goes_to_the_default_pool(void **state)
{
    static const uint8_t unknown[MAC_LEN] = { 0x02, 9, 9, 9, 9, 9 };
    hand_switch_on();
    assert_int_equal(hand_received(unknown, 0), 1u << HAND_PF_POOL);
    hand.model.upe_gates = true;
    assert_int_equal(hand_received(unknown, 0), 0);
    hand_write(R_RCTL, hand_read(R_RCTL) | RCTL_UPE);
    assert_int_equal(hand_received(unknown, 0), 1u << HAND_PF_POOL);
    hand_write(R_VT_CTL, hand_read(R_VT_CTL) | VT_CTL_NO_DEFAULT);
    assert_int_equal(hand_received(unknown, 0), 0);
    for (unsigned i = 0; i < TABLE_REGS; i++) /* unicast promiscuous, as pools know it */
        hand_write(R_UTA(i), UINT32_MAX);
    hand_write(R_VMOLR(2), hand_read(R_VMOLR(2)) | VMOLR_ROPE);
    assert_int_equal(hand_received(unknown, 0), 1u << 2);
}

static void broadcasts_are_replicated(void **state)
{
    uint32_t everybody = 7 | 1u << HAND_PF_POOL;
    hand_switch_on();
    assert_int_equal(hand_received(hand_broadcast, 0), everybody);
    assert_int_equal(hand_sent_to(1, hand_broadcast), (everybody & ~2u) | 0x100);
    hand_write(R_VMOLR(2), hand_read(R_VMOLR(2)) & ~VMOLR_BAM);
    assert_int_equal(hand_received(hand_broadcast, 0), everybody & ~4u);
    hand_write(R_VT_CTL, hand_read(R_VT_CTL) & ~VT_CTL_REPLICATE);
    assert_int_equal(hand_received(hand_broadcast, 0), 1);
}

static void multicast_asks_table_and_pool(void **state)
{
    static const uint8_t group[MAC_LEN] = { 1, 0, 0x5e, 1, 2, 3 };
    uint32_t bit = (0x0302u >> 4) & 0xfff, everybody = 7 | 1u << HAND_PF_POOL;
    hand_switch_on();
    assert_int_equal(hand_received(group, 0), 0);
    hand_write(R_VMOLR(1), hand_read(R_VMOLR(1)) | VMOLR_MPME);
    assert_int_equal(hand_received(group, 0), 2);
    hand_write(R_MTA(bit / 32), 1u << bit % 32);
    assert_int_equal(hand_received(group, 0), everybody);
    hand_write(R_VMOLR(0), hand_read(R_VMOLR(0)) & ~VMOLR_ROMPE);
    assert_int_equal(hand_received(group, 0), everybody & ~1u);
    assert_int_equal(hand_sent_to(0, group), (everybody & ~1u) | 0x100);
}

static void pools_are_closed_by_vfre_and_vfte(void **state)
{
    uint8_t frame[100], mac[MAC_LEN];
    hand_switch_on();
    hand_vf_mac(1, mac);
    hand_write(R_VFRE, ALL_POOLS & ~2u);
    assert_int_equal(hand_received(mac, 0), 0);
    assert_int_equal(hand_sent(0, 1), 0);
    hand_write(R_VFTE, ALL_POOLS & ~1u);
    hand_make_frame(frame, 2, 0);
    assert_false(igb_model_vf_transmit(&hand.model, 0, frame, sizeof frame, 0));
    assert_int_equal(hand_sent(1, 2), 1u << 2);
}

static void without_loopback_everything_goes_out(void **state)
{
    hand_switch_on();
    hand_write(R_DTXSWC, 0);
    assert_int_equal(hand_sent(0, 1), 0x100);
    assert_int_equal(hand_sent_to(0, hand_broadcast), 0x100);
    hand_write(R_DTXSWC, SWC_LOOPBACK | FIELD_PUT(SWC_LLE, 1u));
    assert_int_equal(hand_sent(0, 0), 1);
}

static void taken_is_tagged(uint16_t vid)
{
    uint8_t frame[200];
    assert_int_equal(igb_model_take(&hand.model, frame, sizeof frame), 104);
    assert_int_equal(frame[12] << 8 | frame[13], 0x8100);
    assert_int_equal(frame[14] << 8 | frame[15], vid);
}

/* VMVIR, VLVF, stripping: an access port for the VF. */
static void vlan_of_a_pool_is_kept(void **state)
{
    uint8_t mac[MAC_LEN], frame[200], out[200];
    hand_switch_on();
    hand_vf_mac(0, mac);
    hand_write(R_VFTA(100 / 32), 1u << 100 % 32);
    hand_write(R_VLVF(0), VLVF_ON | FIELD_PUT(VLVF_POOLS, 1u) | 100);
    hand_write(R_VMVIR(0), VMVIR_ALWAYS | 100);
    hand_write(R_VMOLR(0), VMOLR_STRCRC | VMOLR_STRVLAN | VMOLR_BAM);
    hand_write(R_VT_CTL, VT_CTL_REPLICATE | VT_CTL_NO_DEFAULT);
    hand_write(R_RCTL, hand_read(R_RCTL) | RCTL_VFE);
    hand_make_frame(frame, 9, 0);
    assert_true(igb_model_vf_transmit(&hand.model, 0, frame, 100, 0));
    taken_is_tagged(100);
    assert_int_equal(hand_received(mac, 0), 0); /* no AUPE */
    assert_int_equal(hand_received(mac, 99), 0);
    assert_int_equal(hand_received(mac, 100), 1);
    hand_make_frame(frame, 0, 0x99);
    memcpy(frame + 12, "\x81\0\0\x64", 4);
    assert_true(igb_model_inject(&hand.model, frame, 100));
    assert_int_equal(igb_model_vf_take(&hand.model, 0, out, sizeof out), 96);
    assert_int_equal(out[12], 0x5a);
}

static void vlans_divide_the_switch(void **state)
{
    hand_switch_on();
    hand_write(R_RCTL, hand_read(R_RCTL) | RCTL_VFE);
    hand_write(R_VFTA(0), 0x60);
    hand_write(R_VLVF(0), VLVF_ON | FIELD_PUT(VLVF_POOLS, 1u) | 5);
    hand_write(R_VLVF(1), VLVF_ON | FIELD_PUT(VLVF_POOLS, 2u) | 6);
    hand_write(R_VMVIR(0), VMVIR_ALWAYS | 5);
    hand_write(R_VMVIR(1), VMVIR_ALWAYS | 6);
    assert_int_equal(hand_sent(0, 1), 0x100); /* another VLAN: outside may know it */
    assert_int_equal(hand_sent_to(0, hand_broadcast), 0x100);
    hand_write(R_VLVF(0), VLVF_ON | FIELD_PUT(VLVF_POOLS, 3u) | 5);
    assert_int_equal(hand_sent(0, 1), 1u << 1);
    hand_write(R_VLVF(0), VLVF_ON | VLVF_LOCAL | FIELD_PUT(VLVF_POOLS, 3u) | 5);
    assert_int_equal(hand_sent_to(0, hand_broadcast), 1u << 1);
}

/* 7.10.3.9. */
static void spoofed_frames_are_dropped_and_told(void **state)
{
    uint8_t frame[100];
    hand_switch_on();
    hand_write(R_DTXSWC, SWC_LOOPBACK | 0x7f7f);
    assert_int_equal(hand_sent(0, 1), 1u << 1);
    assert_int_equal(hand_read(R_WVBR), 0);
    hand_make_frame(frame, 1, 2); /* pool 2's address */
    assert_false(igb_model_vf_transmit(&hand.model, 0, frame, sizeof frame, 0));
    hand_make_frame(frame, 0, 1);
    assert_false(igb_model_vf_transmit(&hand.model, 1, frame, sizeof frame, 77));
    assert_int_equal(hand_arrived(), 0);
    assert_int_equal(hand_read(R_WVBR), 3);
    assert_int_equal(hand_read(R_WVBR), 0);
    hand_write(R_VLVF(4), VLVF_ON | FIELD_PUT(VLVF_POOLS, 2u) | 77);
    assert_true(igb_model_vf_transmit(&hand.model, 1, frame, sizeof frame, 77));
    hand_make_frame(frame, 1, 2);
    assert_true(igb_model_vf_transmit(&hand.model, HAND_PF_POOL, frame, sizeof frame, 0));
}

static uint32_t received_long(uint32_t length)
{
    static uint8_t frame[IGB_MODEL_FRAME];
    memset(frame, 0, sizeof frame);
    memcpy(frame, hand_broadcast, MAC_LEN);
    igb_model_inject(&hand.model, frame, length);
    return hand_arrived();
}

static void each_pool_has_its_longest_frame(void **state)
{
    uint32_t everybody = 7 | 1u << HAND_PF_POOL;
    hand_switch_on();
    hand_write(R_RCTL, hand_read(R_RCTL) | RCTL_LPE);
    hand_write(R_RLPML, 9000);
    hand_write(R_VMOLR(1), hand_read(R_VMOLR(1)) | VMOLR_LPE | 2000);
    hand_write(R_VMOLR(2), hand_read(R_VMOLR(2)) | VMOLR_LPE | 9000);
    assert_int_equal(received_long(1518), everybody);
    assert_int_equal(received_long(1519), 6);
    assert_int_equal(received_long(1996), 6);
    assert_int_equal(received_long(1997), 4);
    assert_int_equal(received_long(8996), 4);
    assert_int_equal(hand_read(R_ROC), 0);
    assert_int_equal(received_long(8997), 0);
    assert_int_equal(hand_read(R_ROC), 1);
}

/* 8.26: a VF's counters wrap and stay; local frames are counted again. */
static void vf_counters_stay(void **state)
{
    uint8_t mac[MAC_LEN];
    hand_switch_on();
    hand_vf_mac(1, mac);
    hand_received(mac, 0);
    hand_sent(0, 1);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(igb_model_vf_read(&hand.model, 1, 0xf10), 2);
        assert_int_equal(igb_model_vf_read(&hand.model, 1, 0xf18), 208);
        assert_int_equal(igb_model_vf_read(&hand.model, 1, 0xf40), 1);
        assert_int_equal(igb_model_vf_read(&hand.model, 0, 0xf14), 1);
        assert_int_equal(igb_model_vf_read(&hand.model, 0, 0xf34), 104);
        assert_int_equal(igb_model_vf_read(&hand.model, 0, 0xf44), 1);
    }
    igb_model_count(&hand.model, R_PVF(1) + VF_GPRC, UINT32_MAX);
    assert_int_equal(igb_model_vf_read(&hand.model, 1, 0xf10), 1);
    assert_int_equal(hand_read(R_PVF(1) + VF_GPRC), 1);
}

/* What the I350 does otherwise (I350 DS 7.8.3, 8.14) ------------------------------------- */

static void pools_of_the_i350_are_promiscuous_by_themselves(void **state)
{
    static const uint8_t unknown[MAC_LEN] = { 0x02, 9, 9, 9, 9, 9 };
    uint8_t mac[MAC_LEN];
    hand_switch_on();
    hand_vf_mac(0, mac);
    hand_write(R_VT_CTL, VT_CTL_REPLICATE | VT_CTL_NO_DEFAULT);
    hand_write(R_VMOLR(2), hand_read(R_VMOLR(2)) | VMOLR_UPE);
    assert_int_equal(hand_received(unknown, 0), 1u << 2);
    assert_int_equal(hand_received(mac, 0), 5);
    assert_int_equal(hand_sent_to(1, unknown), 1u << 2 | 0x100);
    hand_write(R_RCTL, hand_read(R_RCTL) | RCTL_VFE);
    hand_write(R_VFTA(0), 1u << 9);
    assert_int_equal(hand_received(mac, 9), 0);
    hand_write(R_VMOLR(2), hand_read(R_VMOLR(2)) | VMOLR_VPE);
    assert_int_equal(hand_received(mac, 9), 1u << 2);
    hand_write(R_VMOLR(2), hand_read(R_VMOLR(2)) & ~(VMOLR_UPE | VMOLR_VPE));
}

static void spoof_stops_the_queue_unless_told_not_to(void **state)
{
    uint8_t frame[HAND_FRAME];
    hand_switch_on();
    hand_write(R_TXSWC, SWC_LOOPBACK | 0x7f);
    hand_write(R_DTXCTL, DTXCTL_MDP | DTXCTL_SPOOF_QUEUE);
    hand_make_frame(frame, 1, 2);
    assert_false(igb_model_vf_transmit(&hand.model, 0, frame, sizeof frame, 0));
    assert_int_equal(hand_read(R_MDFB), 0);
    assert_int_equal(hand_read(R_WVBR), 1);
    assert_int_equal(hand_read(R_LVMMC), LVMMC_SPOOF);
    assert_int_equal(hand_read(R_SSVPC), 1);
    assert_int_equal(hand_sent(0, 1), 1u << 1);
    hand_write(R_DTXCTL, DTXCTL_MDP);
    assert_false(igb_model_vf_transmit(&hand.model, 1, frame, sizeof frame, 0));
    assert_int_equal(hand_read(R_MDFB), 2);
    assert_int_equal(hand_read(R_LVMMC), LVMMC_SPOOF | FIELD_PUT(LVMMC_QUEUE, 1u));
    assert_int_equal(hand_sent(1, 2), 0);
    hand_write(R_MDFB, 2);
    assert_int_equal(hand_sent(1, 2), 1u << 2);
}

/* Specification Update, erratum 20. */
static void vlan_table_forgets_while_the_switch_is_on(void **state)
{
    hand.model.vfta_loses = 3;
    hand_write(R_VFTA(5), 1);
    assert_int_equal(hand_read(R_VFTA(5)), 1);
    hand_switch_on();
    for (unsigned i = 0; i < 3; i++)
        hand_write(R_VFTA(5), 7);
    assert_int_equal(hand_read(R_VFTA(5)), 1);
    hand_write(R_VFTA(5), 7);
    assert_int_equal(hand_read(R_VFTA(5)), 7);
}

/* 82576: what queues VFs had is not the PF's again before IOVCTL says so. */
static void queues_of_gone_vfs_stay_locked(void **state)
{
    hand_switch_on();
    pci_sriov_disable(hand.model.function);
    hand_write(R_RCTL, 0);
    for (unsigned round = 0; round < 2; round++) {
        hand_write(R_RX(1) + Q_BAL, 0x1000);
        hand_write(R_RX(1) + Q_LEN, 128);
        hand_write(R_RX(1) + Q_SRRCTL, 2 | 1u << 25);
        hand_write(R_RX(1) + Q_CTL, CTL_ENABLE);
        assert_int_equal(hand_read(R_RX(1) + Q_CTL) & CTL_ENABLE, round ? CTL_ENABLE : 0);
        hand_write(R_RX(1) + Q_CTL, 0);
        hand_write(R_IOVCTL, IOVCTL_REUSE);
    }
}

#define I350(f) cmocka_unit_test_setup_teardown(f, set_up_i350, tear_down)
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(buffer_belongs_to_one_side),
        TEST(stuck_buffer_is_taken_back),
        TEST(doorbells_ring_the_other_side),
        TEST(reset_of_the_pf_is_told),
        TEST(messages_can_be_lost),
        TEST(vfs_come_and_go),
        TEST(vfs_are_where_ari_puts_them),
        TEST(function_reset_of_the_pf_takes_everything),
        TEST(vfs_take_their_time),
        TEST(vf_registers_are_the_vfs),
        TEST(vf_reset_takes_its_queues),
        TEST(unicast_finds_its_pool),
        TEST(unknown_unicast_goes_to_the_default_pool),
        TEST(broadcasts_are_replicated),
        TEST(multicast_asks_table_and_pool),
        TEST(pools_are_closed_by_vfre_and_vfte),
        TEST(without_loopback_everything_goes_out),
        TEST(vlan_of_a_pool_is_kept),
        TEST(vlans_divide_the_switch),
        TEST(spoofed_frames_are_dropped_and_told),
        TEST(each_pool_has_its_longest_frame),
        TEST(vf_counters_stay),
        TEST(queues_of_gone_vfs_stay_locked),
        I350(pools_of_the_i350_are_promiscuous_by_themselves),
        I350(spoof_stops_the_queue_unless_told_not_to),
        I350(vlan_table_forgets_while_the_switch_is_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
