/* igb_by_hand.c - the igb model driven register by register (igb_by_hand.h). */
#include "tests/models/igb_by_hand.h"

#include "kernel/mmio.h"
#include "pci/sriov.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <string.h>

const uint8_t hand_pf_mac[MAC_LEN] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };
const uint8_t hand_broadcast[MAC_LEN] = { 255, 255, 255, 255, 255, 255 };
struct igb_by_hand hand;

uint32_t hand_read(uint32_t reg)
{
    return mmio_read32(hand.bar + reg);
}

void hand_write(uint32_t reg, uint32_t value)
{
    mmio_write32(hand.bar + reg, value);
}

void hand_power_on(enum igb_model_chip chip)
{
    host_reset();
    igb_model_init(&hand.model, chip, hand_pf_mac);
    assert_non_null(hand.model.function);
    assert_int_equal(pci_enable(hand.model.function), 0);
    hand.bar = pci_map_bar(hand.model.function, 0, IGB_MODEL_BAR_SIZE);
    assert_non_null(hand.bar);
    hand_write(R_CTRL, hand_read(R_CTRL) | CTRL_SLU);
}

void hand_vf_mac(unsigned vf, uint8_t mac[MAC_LEN])
{
    const uint8_t all[MAC_LEN] = { 0x02, 0, 0, 0, 0x10, (uint8_t)vf };
    memcpy(mac, all, MAC_LEN);
}

static void set_address(unsigned entry, const uint8_t mac[MAC_LEN], uint32_t pools)
{
    uint32_t low, high = 0;
    memcpy(&low, mac, 4);
    memcpy(&high, mac + 4, 2);
    hand_write(R_RAH(entry), 0);
    hand_write(R_RAL(entry), low);
    hand_write(R_RAH(entry), high | FIELD_PUT(RAH_POOLS, pools) | RAH_AV);
}

/* HAND_VFS virtual functions, their pools played by the test, and the PF's pool as well. */
void hand_switch_on(void)
{
    const char *why = "";
    if (pci_sriov_enable(hand.model.function, HAND_VFS, false, &why))
        fail_msg("%s", why);
    hand_write(R_MRQC, MRQC_VMDQ);
    hand_write(R_VT_CTL, VT_CTL_REPLICATE | FIELD_PUT(VT_CTL_POOL, HAND_PF_POOL));
    hand_write(hand.model.chip == IGB_MODEL_82576 ? R_DTXSWC : R_TXSWC, SWC_LOOPBACK);
    if (hand.model.chip == IGB_MODEL_82576)
        hand_write(R_RPLOLR, VMOLR_STRCRC);
    for (unsigned p = 0; p < IGB_MODEL_POOLS; p++) {
        uint8_t mac[MAC_LEN];
        hand_vf_mac(p, mac);
        set_address(p, p == HAND_PF_POOL ? hand_pf_mac : mac, 1u << p);
        hand_write(R_VMOLR(p), VMOLR_STRCRC | VMOLR_AUPE | VMOLR_BAM | VMOLR_ROMPE);
        if (p < HAND_VFS || p == HAND_PF_POOL)
            igb_model_vf_play(&hand.model, p);
    }
    hand_write(R_TCTL, hand_read(R_TCTL) | TCTL_EN);
    hand_write(R_RCTL, RCTL_EN | RCTL_BAM | RCTL_SECRC);
}

/* From the address of pool `from` to that of pool `to`. */
void hand_make_frame(uint8_t frame[100], unsigned to, unsigned from)
{
    memset(frame, 0x5a, 100);
    hand_vf_mac(to, frame);
    hand_vf_mac(from, frame + MAC_LEN);
    if (to == HAND_PF_POOL)
        memcpy(frame, hand_pf_mac, MAC_LEN);
    frame[12] = 0x88;
    frame[13] = 0xb5;
}

/* Who got the frame: bit p for pool p, bit 8 for the wire; all FIFOs empty afterwards. */
uint32_t hand_arrived(void)
{
    static uint8_t frame[IGB_MODEL_FRAME];
    uint32_t who = 0;
    for (unsigned p = 0; p < IGB_MODEL_POOLS; p++)
        while (igb_model_vf_take(&hand.model, p, frame, sizeof frame))
            who |= 1u << p;
    while (igb_model_take(&hand.model, frame, sizeof frame))
        who |= 0x100;
    return who;
}

uint32_t hand_sent(unsigned from, unsigned to)
{
    uint8_t frame[100];
    hand_make_frame(frame, to, from);
    igb_model_vf_transmit(&hand.model, from, frame, sizeof frame, 0);
    return hand_arrived();
}

uint32_t hand_sent_to(unsigned from, const uint8_t mac[MAC_LEN])
{
    uint8_t frame[100];
    hand_make_frame(frame, 0, from);
    memcpy(frame, mac, MAC_LEN);
    igb_model_vf_transmit(&hand.model, from, frame, sizeof frame, 0);
    return hand_arrived();
}

uint32_t hand_received(const uint8_t mac[MAC_LEN], uint16_t vid)
{
    uint8_t frame[100];
    hand_make_frame(frame, 0, 0x99);
    memcpy(frame, mac, MAC_LEN);
    if (vid) {
        const uint8_t tag[] = { 0x81, 0, (uint8_t)(vid >> 8), (uint8_t)vid };
        memcpy(frame + 12, tag, sizeof tag);
    }
    igb_model_inject(&hand.model, frame, sizeof frame);
    return hand_arrived();
}
