/* The model of the 82576 and I350 itself: hash, rings, strictness, and a VF without its PF; without
 * a driver.  Mailboxes and the switch: test_igb_switch.c.  Sections: 82576 DS, but where others
 * are named. */
#include "kernel/mmio.h"
#include "nic/intel/intel_mbx.h"
#include "pci/pci_regs.h"
#include "pci/sriov.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/igb_by_hand.h"

#include <string.h>

#define RING 8u
#define V2P 0x0c40u

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

/* For tests of strictness. */
static int tear_down_lax(void **state)
{
    return 0;
}

/* RSS (7.1.1.7) ------------------------------------------------------------------ */

static const uint8_t microsoft_key[40] = { 0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2,
                                           0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
                                           0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4,
                                           0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
                                           0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa };

static uint32_t put_transport(uint8_t *at, uint8_t protocol, uint16_t from, uint16_t to)
{
    memset(at, 0, 20);
    at[0] = (uint8_t)(from >> 8);
    at[1] = (uint8_t)from;
    at[2] = (uint8_t)(to >> 8);
    at[3] = (uint8_t)to;
    return protocol == 6 ? 20 : 8;
}

static uint32_t ip4_frame(uint8_t *frame, uint8_t protocol, const uint8_t *from, uint16_t from_port,
                          const uint8_t *to, uint16_t to_port)
{
    uint8_t *ip = frame + ETHERNET_HEADER;
    memset(frame, 0, 80);
    frame[12] = 0x08;
    ip[0] = 0x45;
    ip[9] = protocol;
    memcpy(ip + 12, from, 4);
    memcpy(ip + 16, to, 4);
    uint32_t n = 20 + put_transport(ip + 20, protocol, from_port, to_port);
    ip[3] = (uint8_t)n;
    return ETHERNET_HEADER + n;
}

static uint32_t ip6_frame(uint8_t *frame, const uint8_t *from, uint16_t from_port,
                          const uint8_t *to, uint16_t to_port)
{
    uint8_t *ip = frame + ETHERNET_HEADER;
    memset(frame, 0, 80);
    frame[12] = 0x86;
    frame[13] = 0xdd;
    ip[0] = 0x60;
    ip[5] = 20;
    ip[6] = 6;
    memcpy(ip + 8, from, 16);
    memcpy(ip + 24, to, 16);
    return ETHERNET_HEADER + 40 + put_transport(ip + 40, 6, from_port, to_port);
}

/* Microsoft, "Verifying the RSS hash calculation". */
static void hash_is_microsofts(void **state)
{
    static const struct {
        uint8_t to[4];
        uint16_t to_port;
        uint8_t from[4];
        uint16_t from_port;
        uint32_t ip, tcp;
    } cases[] = {
        { { 161, 142, 100, 80 }, 1766, { 66, 9, 149, 187 }, 2794, 0x323e8fc2, 0x51ccc178 },
        { { 65, 69, 140, 83 }, 4739, { 199, 92, 111, 2 }, 14230, 0xd718262a, 0xc626b0ea },
        { { 12, 22, 207, 184 }, 38024, { 24, 19, 198, 95 }, 12898, 0xd2d0a5de, 0x5c2b394a },
        { { 209, 142, 163, 6 }, 2217, { 38, 27, 205, 30 }, 48228, 0x82989176, 0xafc7327f },
        { { 202, 188, 127, 2 }, 1303, { 153, 39, 163, 191 }, 44251, 0x5d1809c5, 0x10e828a2 },
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        uint8_t frame[100];
        unsigned type;
        uint32_t n =
            ip4_frame(frame, 6, cases[i].from, cases[i].from_port, cases[i].to, cases[i].to_port);
        assert_int_equal(igb_model_rss_hash(microsoft_key, MRQC_TCP4, frame, n, &type),
                         cases[i].tcp);
        assert_int_equal(type, 1);
        assert_int_equal(igb_model_rss_hash(microsoft_key, MRQC_IP4, frame, n, &type), cases[i].ip);
        assert_int_equal(type, 2);
    }
}

static void hash_is_microsofts_for_ipv6(void **state)
{
    static const struct {
        uint8_t from[16], to[16];
        uint16_t from_port, to_port;
        uint32_t ip, tcp;
    } cases[] = {
        { { 0x3f, 0xfe, 0x25, 1, 2, 0, 0x1f, 0xff, 0, 0, 0, 0, 0, 0, 0, 7 },
          { 0x3f, 0xfe, 0x25, 1, 2, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1 },
          2794,
          1766,
          0x2cc18cd5,
          0x40207d3d },
        { { 0x3f, 0xfe, 5, 1, 0, 8, 0, 0, 2, 0x60, 0x97, 0xff, 0xfe, 0x40, 0xef, 0xab },
          { 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 },
          14230,
          4739,
          0x0f0c461c,
          0xdde51bbf },
        { { 0x3f, 0xfe, 0x19, 0, 0x45, 0x45, 0, 3, 2, 0, 0xf8, 0xff, 0xfe, 0x21, 0x67, 0xcf },
          { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0xf8, 0xff, 0xfe, 0x21, 0x67, 0xcf },
          44251,
          38024,
          0x4b61e985,
          0x02d1feef },
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        uint8_t frame[100];
        unsigned type;
        uint32_t n =
            ip6_frame(frame, cases[i].from, cases[i].from_port, cases[i].to, cases[i].to_port);
        assert_int_equal(igb_model_rss_hash(microsoft_key, MRQC_TCP6, frame, n, &type),
                         cases[i].tcp);
        assert_int_equal(type, 3);
        assert_int_equal(igb_model_rss_hash(microsoft_key, MRQC_IP6, frame, n, &type), cases[i].ip);
        assert_int_equal(type, 5);
    }
}

/* What is not asked for is not hashed; a fragment has no ports. */
static void hash_needs_what_it_hashes(void **state)
{
    static const uint8_t from[4] = { 10, 0, 0, 1 }, to[4] = { 10, 0, 0, 2 };
    uint8_t frame[100];
    unsigned type;
    uint32_t n = ip4_frame(frame, 17, from, 1, to, 2);
    igb_model_rss_hash(microsoft_key, MRQC_TCP4 | MRQC_IP6, frame, n, &type);
    assert_int_equal(type, 0);
    igb_model_rss_hash(microsoft_key, MRQC_UDP4 | MRQC_IP4, frame, n, &type);
    assert_int_equal(type, 7);
    frame[ETHERNET_HEADER + 6] = 0x20; /* more fragments */
    igb_model_rss_hash(microsoft_key, MRQC_UDP4 | MRQC_IP4, frame, n, &type);
    assert_int_equal(type, 2);
}

/* Rings --------------------------------------------------------------------------------------- */

struct ring {
    uint8_t *block;
    struct dma_memory descriptors, data;
    uint32_t tail;
};

static struct ring ring_on(struct pci_function *f, uint8_t *block, bool rx, bool drop)
{
    struct ring r = { .block = block };
    pci_bus_master(f, true);
    assert_int_equal(dma_alloc(&f->dma, 4096, 4096, DMA_BIDIRECTIONAL, &r.descriptors), 0);
    assert_int_equal(dma_alloc(&f->dma, 4096 * RING, 4096, DMA_BIDIRECTIONAL, &r.data), 0);
    mmio_write32(block + Q_CTL, 0);
    mmio_write32(block + Q_BAL, (uint32_t)r.descriptors.iova);
    mmio_write32(block + Q_BAH, (uint32_t)(r.descriptors.iova >> 32));
    mmio_write32(block + Q_LEN, RING * 16);
    if (rx)
        mmio_write32(block + Q_SRRCTL, 2 | 1u << 25 | (drop ? SRRCTL_DROP : 0));
    mmio_write32(block + Q_CTL, CTL_ENABLE);
    assert_true(mmio_read32(block + Q_CTL) & CTL_ENABLE);
    return r;
}

static void ring_off(struct pci_function *f, struct ring *r)
{
    mmio_write32(r->block + Q_CTL, 0);
    dma_free(&f->dma, &r->descriptors);
    dma_free(&f->dma, &r->data);
}

static void rx_give(struct ring *r, uint32_t n)
{
    for (; n; n--, r->tail = (r->tail + 1) % RING) {
        uint64_t d[2] = { r->data.iova + 4096 * r->tail, 0 };
        memcpy((uint8_t *)r->descriptors.va + 16 * r->tail, d, sizeof d);
    }
    mmio_write32(r->block + Q_TAIL, r->tail);
}

/* One frame in one descriptor. */
static void tx_put(struct ring *r, const uint8_t *frame, uint32_t n, uint64_t command)
{
    uint64_t d[2] = { r->data.iova + 4096 * r->tail, command | n | (uint64_t)n << 46 | 0x300000u };
    memcpy((uint8_t *)r->data.va + 4096 * r->tail, frame, n);
    memcpy((uint8_t *)r->descriptors.va + 16 * r->tail, d, sizeof d);
    r->tail = (r->tail + 1) % RING;
    mmio_write32(r->block + Q_TAIL, r->tail);
}

#define GOOD 0x2b000000u /* DEXT, RS, IFCS, EOP */

static uint64_t result(const struct ring *r, uint32_t slot, unsigned half)
{
    uint64_t d[2];
    memcpy(d, (const uint8_t *)r->descriptors.va + 16 * slot, sizeof d);
    return d[half];
}

/* 7.1.5.2: hash, types, checksum verdicts, tag, lengths over several buffers. */
static void descriptors_tell_what_came(void **state)
{
    static const uint8_t from[4] = { 66, 9, 149, 187 }, to[4] = { 161, 142, 100, 80 };
    static uint8_t frame[3000];
    struct ring r = ring_on(hand.model.function, hand.bar + R_RX(0), true, false);
    hand_write(R_RXCSUM, RXCSUM_IP | RXCSUM_L4 | RXCSUM_PCSD);
    hand_write(R_MRQC, MRQC_RSS | MRQC_TCP4 | MRQC_IP4);
    hand_write(R_RCTL, RCTL_EN | RCTL_UPE | RCTL_LPE | RCTL_SECRC);
    for (uint32_t i = 0; i < 10; i++) {
        uint32_t word;
        memcpy(&word, microsoft_key + 4 * i, 4);
        hand_write(R_RSSRK(i), word);
    }
    rx_give(&r, 6);
    ip4_frame(frame, 6, from, 2794, to, 1766);
    assert_true(igb_model_inject(&hand.model, frame, 60));
    assert_int_equal(result(&r, 0, 0), 0x51ccc178ull << 32 | 0x11 << 4 | 1);
    assert_int_equal(result(&r, 0, 1),
                     60ull << 32 | 0x40000000u | 0x20000000u | 0x63); /* all bad */
    hand_write(R_CTRL, hand_read(R_CTRL) | CTRL_VME);
    memcpy(frame + 12, "\x81\0\x20\x05\x88\xb5", 6);
    assert_true(igb_model_inject(&hand.model, frame, 64));
    assert_int_equal(result(&r, 1, 1), 0x2005ull << 48 | 60ull << 32 | 0x0b);
    assert_int_equal(((uint8_t *)r.data.va)[4096 + 12], 0x88);
    frame[12] = 0x88;
    assert_true(igb_model_inject(&hand.model, frame, 3000));
    assert_int_equal(result(&r, 2, 1), 2048ull << 32 | 1);
    assert_int_equal(result(&r, 3, 1), 952ull << 32 | 3);
    assert_int_equal(hand_read(R_RX(0) + Q_HEAD), 4);
    ring_off(hand.model.function, &r);
}

static void frames_leave_in_order_and_are_reported(void **state)
{
    uint8_t frame[100], out[100];
    struct ring r = ring_on(hand.model.function, hand.bar + R_TX(2), false, false);
    hand_write(R_TCTL, hand_read(R_TCTL) | TCTL_EN);
    for (uint8_t i = 0; i < 3; i++) {
        hand_make_frame(frame, 0, i);
        tx_put(&r, frame, sizeof frame, GOOD);
    }
    for (uint8_t i = 0; i < 3; i++) {
        assert_int_equal(result(&r, i, 1) >> 32 & 1, 0);
        assert_int_equal(igb_model_take(&hand.model, out, sizeof out), 100);
        assert_int_equal(out[11], i);
        assert_int_equal(result(&r, i, 1) >> 32 & 1, 1);
    }
    assert_int_equal(igb_model_take(&hand.model, out, sizeof out), 0);
    assert_int_equal(hand_read(R_GPTC), 3);
    assert_int_equal(hand_read(R_GPTC), 0);
    assert_int_equal(hand_read(R_GOTCL), 312);
    assert_int_equal(hand_read(R_GOTCL + 4), 0);
    assert_int_equal(hand_read(R_GOTCL), 0);
    assert_int_equal(hand_read(R_GOTCL + 4), 0);
    ring_off(hand.model.function, &r);
}

/* Without buffers: held up for all, unless the queue may drop (SRRCTL.DROP_EN, QDE). */
static void queue_without_buffers_holds_up_the_others(void **state)
{
    uint8_t frame[100];
    hand_switch_on();
    hand.model.vf[0].played = false;
    struct pci_function *f = hand.model.function->sriov->vf[0];
    assert_int_equal(pci_enable(f), 0);
    struct ring r = ring_on(f, hand.bar + R_RX(0), true, false);
    hand_make_frame(frame, 0, 0x99);
    memcpy(frame, hand_broadcast, MAC_LEN);
    assert_false(igb_model_inject(&hand.model, frame, sizeof frame));
    assert_int_equal(hand_arrived(), 0);
    assert_int_equal(hand_read(R_MPC), 1);
    hand_write(R_QDE, 1);
    assert_true(igb_model_inject(&hand.model, frame, sizeof frame));
    assert_int_equal(hand_arrived(), 6 | 1u << HAND_PF_POOL);
    assert_int_equal(hand_read(R_RX(0) + Q_DROPPED), 1);
    assert_int_equal(hand_read(R_RX(0) + Q_DROPPED), 0);
    ring_off(f, &r);
}

/* design.md, decision 3: a VF's queue reaches what the VF was given, not what the PF was. */
static void queues_are_their_functions(void **state)
{
    uint8_t frame[100], mac[MAC_LEN];
    hand_switch_on();
    hand.model.vf[0].played = false;
    struct pci_function *f = hand.model.function->sriov->vf[0];
    assert_int_equal(pci_enable(f), 0);
    struct ring r = ring_on(f, hand.bar + R_RX(0), true, false);
    rx_give(&r, 2);
    hand_vf_mac(0, mac);
    hand_make_frame(frame, 0, 0x99);
    assert_true(igb_model_inject(&hand.model, frame, sizeof frame));
    assert_int_equal(result(&r, 0, 1) & 3, 3);
    assert_int_equal(host_dma_refused(), 0);
    pci_bus_master(f, false);
    assert_false(igb_model_inject(&hand.model, frame, sizeof frame));
    assert_true(hand.model.vf[0].device.dma_refused);
    ring_off(f, &r);
    struct ring pfs = ring_on(hand.model.function, hand.bar + R_RX(0), true, false);
    pci_bus_master(f, true);
    rx_give(&pfs, 2);
    assert_false(igb_model_inject(&hand.model, frame, sizeof frame));
    assert_true(host_dma_refused());
    assert_true(hand.model.vf[0].violations);
    assert_int_equal(hand.model.violations, 0);
    ring_off(hand.model.function, &pfs);
}

/* RTTBCNRC: link speed / rate factor; 82576 only. */
static void rate_paces_a_queue(void **state)
{
    static uint8_t frame[1226];
    uint8_t out[64];
    struct ring r = ring_on(hand.model.function, hand.bar + R_TX(3), false, false);
    hand_write(R_TCTL, hand_read(R_TCTL) | TCTL_EN);
    hand_write(R_RTTDQSEL, 3);
    hand_write(R_RTTBCNRM, 0x14);
    hand_write(R_RTTBCNRC, RTTBCNRC_ON | 10u << 14); /* 100 Mb/s: 1250 bytes in 100 us */
    tx_put(&r, frame, sizeof frame, GOOD);
    tx_put(&r, frame, sizeof frame, GOOD);
    assert_true(igb_model_take(&hand.model, out, sizeof out));
    assert_false(igb_model_take(&hand.model, out, sizeof out));
    host_advance_us(99);
    assert_false(igb_model_take(&hand.model, out, sizeof out));
    host_advance_us(1);
    assert_true(igb_model_take(&hand.model, out, sizeof out));
    ring_off(hand.model.function, &r);
}

/* I350 DS 7.8.3: what the chip cannot send blocks the queue until the PF frees it. */
static void malicious_descriptors_block_the_queue(void **state)
{
    uint8_t frame[100], out[100];
    struct ring r = ring_on(hand.model.function, hand.bar + R_TX(2), false, false);
    hand_write(R_TCTL, hand_read(R_TCTL) | TCTL_EN);
    hand_write(R_DTXCTL, DTXCTL_MDP);
    hand_make_frame(frame, 0, 0);
    tx_put(&r, frame, 16, GOOD);
    tx_put(&r, frame, sizeof frame, GOOD);
    assert_int_equal(igb_model_take(&hand.model, out, sizeof out), 0);
    assert_int_equal(hand_read(R_MDFB), 1u << 2);
    assert_int_equal(hand_read(R_LVMMC) >> 29, 2);
    assert_int_equal(hand_read(R_LVMMC), 0);
    assert_true(hand_read(R_ICR) & ICR_MDDET);
    assert_int_equal(igb_model_take(&hand.model, out, sizeof out), 0);
    hand_write(R_MDFB, 1u << 2);
    assert_int_equal(hand_read(R_MDFB), 0);
    assert_int_equal(igb_model_take(&hand.model, out, sizeof out), 100);
    assert_int_equal(hand.model.violations, 1);
    tx_put(&r, frame, sizeof frame, GOOD & ~0x20000000u); /* not advanced: it stays unread */
    assert_int_equal(igb_model_take(&hand.model, out, sizeof out), 0);
    assert_int_equal(hand_read(R_TX(2) + Q_HEAD), 2);
    assert_int_equal(result(&r, 2, 1) >> 32 & 1, 0);
    assert_int_equal(hand_read(R_MDFB), 1u << 2);
    ring_off(hand.model.function, &r);
}

/* Tags of local frames come in network order there. */
static void local_tags_of_the_i350_are_swapped(void **state)
{
    uint8_t frame[100];
    hand_switch_on();
    hand.model.vf[0].played = false;
    struct pci_function *f = hand.model.function->sriov->vf[0];
    assert_int_equal(pci_enable(f), 0);
    struct ring r = ring_on(f, hand.bar + R_RX(0), true, false);
    hand_write(R_RX(0) + Q_WBL, DVMOLR_STRVLAN | DVMOLR_STRCRC);
    rx_give(&r, 3);
    hand_make_frame(frame, 0, 1);
    assert_true(igb_model_vf_transmit(&hand.model, 1, frame, sizeof frame, 0x123));
    memcpy(frame + 12, "\x81\0\1\x23", 4);
    assert_true(igb_model_inject(&hand.model, frame, sizeof frame));
    assert_int_equal(result(&r, 0, 1) >> 48, 0x2301);
    assert_true(result(&r, 0, 1) & 0x40000); /* local */
    assert_int_equal(result(&r, 1, 1) >> 48, 0x0123);
    assert_false(result(&r, 1, 1) & 0x40000);
    ring_off(f, &r);
}

/* NVM, PHY, semaphores, reset ------------------------------------------------------ */

static void nvm_answers_in_its_time(void **state)
{
    hand_write(R_SWSM, SWSM_SMBI | SWSM_SWESMBI);
    hand_write(R_SW_FW_SYNC, SYNC_NVM | SYNC_PHY);
    hand.model.nvm_takes_us = 50;
    uint16_t sum = 0;
    for (uint32_t i = 0; i < IGB_MODEL_WORDS; i++) {
        hand_write(R_EERD, i << 2 | EERD_START);
        assert_false(hand_read(R_EERD) & EERD_DONE);
        host_advance_us(50);
        assert_true(hand_read(R_EERD) & EERD_DONE);
        sum = (uint16_t)(sum + (hand_read(R_EERD) >> 16));
    }
    assert_int_equal(sum, 0xbaba);
    hand_write(R_MDIC, MDIC_READ | 1u << 21 | 2u << 16);
    assert_int_equal(hand_read(R_MDIC) & (MDIC_READY | MDIC_ERROR | MDIC_DATA),
                     MDIC_READY | 0x02a8);
    hand_write(R_MDIC, MDIC_READ | 5u << 21 | 2u << 16);
    assert_true(hand_read(R_MDIC) & MDIC_ERROR);
}

static void semaphore_is_taken_by_reading(void **state)
{
    assert_int_equal(hand_read(R_SWSM) & SWSM_SMBI, 0);
    assert_int_equal(hand_read(R_SWSM) & SWSM_SMBI, 1);
    hand_write(R_SWSM, 0);
    assert_int_equal(hand_read(R_SWSM) & SWSM_SMBI, 0);
}

static void reset_takes_its_time_and_everything(void **state)
{
    hand.model.reset_takes_us = 1000;
    hand_write(R_RLPML, 1600);
    hand_write(R_CTRL, hand_read(R_CTRL) | CTRL_RST);
    host_advance_us(10);
    assert_true(hand_read(R_CTRL) & CTRL_RST);
    assert_false(hand_read(R_EEC) & EEC_AUTO_RD);
    host_advance_us(1000);
    assert_false(hand_read(R_CTRL) & CTRL_RST);
    assert_true(hand_read(R_EEC) & EEC_AUTO_RD);
    assert_int_equal(hand_read(R_RLPML), 0x2600);
    assert_int_equal(hand_read(R_RAL(0)), 0x12005452);
    assert_int_equal(hand_read(R_RAH(0)) & 0xffff, 0x5634);
}

static void master_disable_is_followed(void **state)
{
    hand.model.master_takes_us = 100;
    assert_true(hand_read(R_STATUS) & STATUS_MASTER);
    hand_write(R_CTRL, hand_read(R_CTRL) | CTRL_MASTER_OFF);
    assert_true(hand_read(R_STATUS) & STATUS_MASTER);
    host_advance_us(100);
    assert_false(hand_read(R_STATUS) & STATUS_MASTER);
}

/* Strictness ----------------------------------------------------------------------- */

static void queue_with_ring(void)
{
    hand_write(R_RX(1) + Q_BAL, 0x1000);
    hand_write(R_RX(1) + Q_LEN, 128);
    hand_write(R_RX(1) + Q_SRRCTL, 2 | 1u << 25);
    hand_write(R_RX(1) + Q_CTL, CTL_ENABLE);
    hand_write(R_RCTL, RCTL_EN);
}

static void what_is_forbidden_is_counted(void **state)
{
    static const struct {
        uint32_t reg, value;
        bool with_ring;
    } cases[] = {
        { R_RCTL, 0x00004000, false }, /* reserved */
        { R_STATUS, 1, false },        /* read-only */
        { 0x0e40, 0, false },          /* nothing is there */
        { R_RLPML, IGB_MODEL_FRAME + 1, false },
        { R_RAL(0), 1, false }, /* valid since the reset */
        { R_MRQC, 1, false },
        { R_RETA(3), 0x0000ff00, false }, /* two: no such queue, and reserved */
        { R_VMBMEM(0), 1, false },        /* not ours */
        { R_P2V(0), P2V_VFU, false },
        { R_RTTBCNRC, RTTBCNRC_ON, false }, /* two: factor, limit */
        { R_RX(2) + Q_LEN, 100, false },
        { R_RX(2) + Q_HEAD, 1, false },
        { R_RX(2) + Q_TAIL, 1, false },         /* two: past the ring, and off */
        { R_RX(2) + Q_CTL, CTL_ENABLE, false }, /* two: no ring, no type */
        { R_RX(1) + Q_BAL, 0x2000, true },
        { R_RX(1) + Q_SRRCTL, 0, true },
        { R_RX(1) + Q_TAIL, 8, true },
        { R_MRQC, MRQC_RSS, true },    /* while receiving */
        { R_EERD, EERD_START, false }, /* without the semaphore */
        { R_SW_FW_SYNC, 1, false },
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        hand_power_on(IGB_MODEL_82576);
        if (cases[i].with_ring)
            queue_with_ring();
        assert_int_equal(igb_model_violations(&hand.model), 0);
        hand_write(cases[i].reg, cases[i].value);
        assert_in_range(igb_model_violations(&hand.model), 1, 2);
    }
}

static void wrong_widths_and_times_are_counted(void **state)
{
    mmio_read16(hand.bar + R_STATUS);
    mmio_write8(hand.bar + R_RCTL, 0);
    assert_int_equal(hand.model.violations, 2);
    hand_read(R_GORCL + 4);
    assert_int_equal(hand.model.violations, 3);
    host_advance_us(1);
    hand_write(R_CTRL, hand_read(R_CTRL) | CTRL_RST);
    hand_read(R_STATUS);
    assert_int_equal(hand.model.violations, 4);
}

static void bad_descriptors_are_counted(void **state)
{
    uint8_t frame[100], out[100];
    static const struct {
        uint64_t command;
        uint32_t length;
    } cases[] = {
        { GOOD, 16 },                /* too short */
        { GOOD & ~0x20000000u, 60 }, /* legacy */
        { GOOD & ~0x02000000u, 60 }, /* no FCS */
        { GOOD | 0x40000000u, 60 },  /* tag of no context */
        { GOOD | 0x80000000u, 60 },  /* segmentation */
        { GOOD | 1ull << 46, 60 },   /* PAYLEN */
        { GOOD & ~0x01000000u, 60 }, /* no end */
    };
    hand_make_frame(frame, 0, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        hand_power_on(IGB_MODEL_82576);
        struct ring r = ring_on(hand.model.function, hand.bar + R_TX(0), false, false);
        hand_write(R_TCTL, hand_read(R_TCTL) | TCTL_EN);
        tx_put(&r, frame, cases[i].length, cases[i].command);
        assert_int_equal(igb_model_take(&hand.model, out, sizeof out), 0);
        assert_int_equal(hand.model.violations, 1);
        ring_off(hand.model.function, &r);
    }
}

/* A VF that knows that its PF resets leaves its queues alone; one that cannot know is excused. */
static void vf_is_judged_by_what_it_knows(void **state)
{
    hand_switch_on();
    igb_model_vf_write(&hand.model, 1, 0x2818, 0);
    igb_model_vf_write(&hand.model, 1, 0x2818, 1);
    assert_int_equal(igb_model_violations(&hand.model), 2); /* past the ring, and off */
    hand_write(R_CTRL, hand_read(R_CTRL) | CTRL_RST);
    host_advance_us(2);
    igb_model_vf_write(&hand.model, 1, 0x2818, 1);
    assert_int_equal(igb_model_violations(&hand.model), 2);
    igb_model_vf_read(&hand.model, 1, V2P);
    igb_model_vf_write(&hand.model, 1, 0x2818, 0);
    assert_int_equal(hand.model.vf[1].violations, 3);
    assert_int_equal(igb_model_pf_violations(&hand.model), 0);
}

static void reset_under_dma_is_counted(void **state)
{
    struct ring r = ring_on(hand.model.function, hand.bar + R_RX(0), true, false);
    hand_write(R_RCTL, RCTL_EN);
    hand_write(R_CTRL, hand_read(R_CTRL) | CTRL_RST);
    assert_int_equal(hand.model.violations, 1);
    host_advance_us(2);
    hand_write(R_CTRL, hand_read(R_CTRL) | CTRL_MASTER_OFF);
    hand_write(R_CTRL, hand_read(R_CTRL) | CTRL_RST);
    assert_int_equal(hand.model.violations, 1);
    dma_free(&hand.model.function->dma, &r.descriptors);
    dma_free(&hand.model.function->dma, &r.data);
}

/* A VF without its PF -------------------------------------------------------------- */

static int set_up_lone(void **state)
{
    host_reset();
    igb_model_init_vf(&hand.model, IGB_MODEL_82576);
    return hand.model.function ? 0 : -1;
}

static void lone_vf_is_an_ordinary_function(void **state)
{
    assert_int_equal(hand.model.function->device, 0x10ca);
    assert_int_equal(pci_enable(hand.model.function), 0);
    uint8_t *vf_bar = pci_map_bar(hand.model.function, 0, IGB_MODEL_VF_BAR_SIZE);
    assert_non_null(vf_bar);
    assert_int_equal(mmio_read32(vf_bar + V2P), V2P_RSTD);
    assert_int_equal(mmio_read32(vf_bar + R_STATUS) & STATUS_LU, STATUS_LU);
    igb_model_set_link(&hand.model, false);
    assert_int_equal(mmio_read32(vf_bar + R_STATUS) & STATUS_LU, 0);
}

static void played_pf_answers_like_one(void **state)
{
    static const uint8_t mac[MAC_LEN] = { 2, 1, 2, 3, 4, 5 };
    uint32_t set_lpe[2] = { MBX_VF_SET_LPE, 9000 }, reset = MBX_VF_RESET;
    uint32_t got[IGB_MODEL_MESSAGE];
    assert_false(igb_model_pf_serve(&hand.model));
    assert_true(igb_model_vf_send(&hand.model, 0, set_lpe, 2));
    assert_true(igb_model_pf_serve(&hand.model));
    assert_true(igb_model_vf_receive(&hand.model, 0, got));
    assert_int_equal(got[0], MBX_VF_SET_LPE | MBX_NACK); /* not before a reset */
    igb_model_vf_send(&hand.model, 0, &reset, 1);
    assert_true(igb_model_pf_serve(&hand.model));
    assert_true(igb_model_vf_receive(&hand.model, 0, got));
    assert_int_equal(got[0], MBX_VF_RESET | MBX_NACK); /* no address */
    memcpy(hand.model.pf.mac, mac, MAC_LEN);
    igb_model_vf_send(&hand.model, 0, &reset, 1);
    assert_true(igb_model_pf_serve(&hand.model));
    assert_true(igb_model_vf_receive(&hand.model, 0, got));
    assert_int_equal(got[0], MBX_VF_RESET | MBX_ACK);
    assert_memory_equal(&got[1], mac, MAC_LEN);
    igb_model_vf_send(&hand.model, 0, set_lpe, 2);
    assert_true(igb_model_pf_serve(&hand.model));
    assert_true(igb_model_vf_receive(&hand.model, 0, got));
    assert_int_equal(got[0], MBX_VF_SET_LPE | MBX_ACK | MBX_CTS);
    assert_int_equal(hand.model.pf.seen[MBX_VF_SET_LPE], 2);
    assert_int_equal(igb_model_reg(&hand.model, R_VMOLR(0)) & (VMOLR_LPE | VMOLR_RLPML),
                     VMOLR_LPE | 9000);
    assert_true(igb_model_pf_ping(&hand.model, true));
    assert_true(igb_model_vf_receive(&hand.model, 0, got));
    assert_int_equal(got[0], MBX_PF_CONTROL | MBX_CTS);
    igb_model_pf_reset_begin(&hand.model);
    assert_int_equal(igb_model_vf_read(&hand.model, 0, V2P), V2P_RSTI);
    igb_model_pf_reset_end(&hand.model);
    assert_int_equal(igb_model_vf_read(&hand.model, 0, V2P), V2P_RSTD);
    igb_model_vf_send(&hand.model, 0, set_lpe, 2);
    assert_true(igb_model_pf_serve(&hand.model));
    assert_true(igb_model_vf_receive(&hand.model, 0, got));
    assert_true(got[0] & MBX_NACK);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define LAX(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down_lax)
#define I350(f) cmocka_unit_test_setup_teardown(f, set_up_i350, tear_down)
#define LONE(f) cmocka_unit_test_setup_teardown(f, set_up_lone, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hash_is_microsofts),
        TEST(hash_is_microsofts_for_ipv6),
        TEST(hash_needs_what_it_hashes),
        TEST(descriptors_tell_what_came),
        TEST(frames_leave_in_order_and_are_reported),
        TEST(queue_without_buffers_holds_up_the_others),
        LAX(queues_are_their_functions),
        TEST(rate_paces_a_queue),
        cmocka_unit_test_setup_teardown(malicious_descriptors_block_the_queue, set_up_i350,
                                        tear_down_lax),
        I350(local_tags_of_the_i350_are_swapped),
        TEST(nvm_answers_in_its_time),
        TEST(semaphore_is_taken_by_reading),
        TEST(reset_takes_its_time_and_everything),
        TEST(master_disable_is_followed),
        LAX(what_is_forbidden_is_counted),
        LAX(wrong_widths_and_times_are_counted),
        LAX(bad_descriptors_are_counted),
        LAX(vf_is_judged_by_what_it_knows),
        LAX(reset_under_dma_is_counted),
        LONE(lone_vf_is_an_ordinary_function),
        LONE(played_pf_answers_like_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
