/* ixgbe_sriov.c and ixgbe_vfs.c with vf_server.c over the model of an 82599 and an X540, its VFs in
 * the test's hands: what they ask for, what their administrator wants, and what the chip is told.
 */
#include "kernel/time.h"
#include "nic/intel/ixgbe/ixgbe_sriov.h"
#include "nic/rss.h"
#include "pci/sriov.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/ixgbe_rig.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LAST 40u /* a VF of the upper word of everything */
#define ADD FIELD_PUT(MBX_INFO, 1u)
#define AUPE 0x01000000u
#define ROMPE 0x02000000u
#define ROPE 0x04000000u
#define BAM 0x08000000u
#define MPE 0x10000000u

static struct ixgbe_rig *const rig = &ixgbe_rig;
static uint32_t reply[IXGBE_MODEL_MESSAGE];
static const char *why;

static void poll_ms(unsigned ms)
{
    while (ms--) {
        host_advance_us(US_PER_MS);
        port_poll(nic.port, time_us());
    }
}

static void start(enum ixgbe_model_chip chip, unsigned vfs)
{
    assert_int_equal(ixgbe_rig_set_up(NULL), 0);
    ixgbe_rig_make(chip);
    host_advance_us(US_PER_S);
    ixgbe_rig_run(1);
    assert_int_equal(nic.port->vf->enable(nic.port, vfs, chip == IXGBE_MODEL_X540, &why), 0);
    for (unsigned i = 0; i < vfs; i++)
        ixgbe_model_vf_play(&rig->model, i);
    poll_ms(20);
}

static int set_up(void **state)
{
    start(IXGBE_MODEL_82599, LAST + 1);
    return 0;
}

static int set_up_x540(void **state)
{
    start(IXGBE_MODEL_X540, LAST + 1);
    return 0;
}

static int tear_down(void **state)
{
    rig->model.vfs_are_hostile = true;
    assert_int_equal(ixgbe_model_pf_violations(&rig->model), 0);
    return ixgbe_rig_tear_down(state);
}

static uint32_t ask_words(unsigned vf, const uint32_t *words, unsigned n)
{
    memset(reply, 0, sizeof reply);
    assert_true(ixgbe_model_vf_send(&rig->model, vf, words, n));
    poll_ms(6); /* two hundred messages a second */
    assert_true(ixgbe_model_vf_receive(&rig->model, vf, reply));
    return reply[0];
}

static uint32_t ask(unsigned vf, uint32_t word0, uint32_t word1, uint32_t word2)
{
    return ask_words(vf, (uint32_t[]){ word0, word1, word2 }, 3);
}

static void reset(unsigned vf)
{
    assert_int_equal(ask(vf, MBX_VF_RESET, 0, 0), MBX_VF_RESET | MBX_ACK);
}

static bool granted(uint32_t word)
{
    return (word & (MBX_ACK | MBX_NACK | MBX_CTS)) == (MBX_ACK | MBX_CTS);
}

static bool refused(uint32_t word)
{
    return (word & (MBX_ACK | MBX_NACK | MBX_CTS)) == (MBX_NACK | MBX_CTS);
}

static void speaks(unsigned vf, enum mbx_api api)
{
    reset(vf);
    assert_true(granted(ask(vf, MBX_VF_API_NEGOTIATE, api, 0)));
}

static struct vf_info info(unsigned vf)
{
    struct vf_info i;
    nic.port->vf->info(nic.port, vf, &i);
    return i;
}

static int set(unsigned vf, struct vf_policy policy)
{
    return nic.port->vf->set(nic.port, vf, &policy, &why);
}

static void trust(unsigned vf)
{
    struct vf_policy policy = info(vf).policy;
    policy.trust = true;
    assert_int_equal(set(vf, policy), 0);
    poll_ms(5);
    (void)ixgbe_model_vf_receive(&rig->model, vf, reply); /* the PF's word that something changed */
}

static uint32_t reg(uint32_t offset)
{
    return ixgbe_rig_reg(offset);
}

static uint64_t pair(uint32_t low, uint32_t high)
{
    return (uint64_t)reg(high) << 32 | reg(low);
}

/* A frame from the wire, and one to it: to the PF itself it would turn round in the chip. */
static bool pf_works(void)
{
    uint8_t frame[100] = { 0 };
    struct packet *p = NULL;
    memcpy(frame, nic.port->mac, MAC_LEN);
    if (!ixgbe_model_inject(&rig->model, frame, sizeof frame) ||
        port_rx_burst(nic.port->rxq[0], &p, 1) != 1)
        return false;
    p->data[5] ^= 1;
    return port_tx_burst(nic.port->txq[0], &p, 1) == 1 &&
           ixgbe_model_take(&rig->model, frame, sizeof frame) == 100;
}

/* Pools -------------------------------------------------------------------------------- */

/* The PF needs a pool too: 31 VFs have four queues each, 32 have two. */
static void pools_are_of_four_queues_or_of_two(void **state)
{
    static const struct {
        unsigned vfs, queues;
        uint32_t mode, mrqc, mtqc, reta;
    } cases[] = { { 1, 4, 2, 10, 0xa, 0x03020100 },
                  { 31, 4, 2, 10, 0xa, 0x03020100 },
                  { 32, 2, 3, 11, 0x6, 0x01000100 },
                  { 63, 2, 3, 11, 0x6, 0x01000100 } };
    tear_down(state);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        start(IXGBE_MODEL_82599, cases[i].vfs);
        speaks(cases[i].vfs - 1, MBX_API_1_1);
        assert_true(granted(ask(cases[i].vfs - 1, MBX_VF_GET_QUEUES, 0, 0)));
        assert_int_equal(reply[MBX_QUEUES_TX], cases[i].queues);
        assert_int_equal(reply[MBX_QUEUES_RX], cases[i].queues);
        assert_int_equal(reply[MBX_QUEUES_VLAN], 0);
        assert_int_equal(ixgbe_model_queues_per_pool(&rig->model), cases[i].queues);
        assert_int_equal(reg(0x11050) & 3, cases[i].mode);       /* GCR_EXT */
        assert_int_equal(reg(0x00898) >> 14 & 3, cases[i].mode); /* GPIE */
        assert_int_equal(reg(0x0ec80) & 0xf, cases[i].mrqc);     /* MRQC */
        assert_int_equal(reg(0x08120), cases[i].mtqc);           /* MTQC */
        assert_int_equal(reg(0x0eb00), cases[i].reta);           /* RETA */
        assert_true(pf_works());
        if (i + 1 < ARRAY_SIZE(cases))
            tear_down(state);
    }
}

static void too_many_are_refused_in_words(void **state)
{
    assert_int_equal(nic.port->vf_max, 63);
    assert_int_equal(nic.port->vf->enable(nic.port, 1, false, &why), -EBUSY);
    nic.port->vf->disable(nic.port);
    assert_int_equal(nic.port->vf->enable(nic.port, 64, false, &why), -EINVAL);
    assert_true(pf_works()); /* without pools again */
    assert_int_equal(reg(0x051b0), 0);
}

/* Messages ------------------------------------------------------------------------------ */

static void nothing_is_served_before_a_reset(void **state)
{
    assert_int_equal(ask(LAST, MBX_VF_API_NEGOTIATE, MBX_API_1_1, 0),
                     MBX_VF_API_NEGOTIATE | MBX_NACK);
    reset(LAST);
    assert_memory_equal(&reply[1], info(LAST).mac, MAC_LEN);
    assert_int_equal(reply[MBX_RESET_MULTICAST], 0);
    assert_true(pair(0x51e0, 0x51e4) >> LAST & 1); /* VFRE */
    assert_true(pair(0x8110, 0x8114) >> LAST & 1); /* VFTE */
    assert_false(pair(0x51e0, 0x51e4) >> (LAST - 1) & 1);
}

static void versions_are_1_0_to_1_5(void **state)
{
    reset(0);
    for (uint32_t api = 0; api < 12; api++) {
        uint32_t word = ask(0, MBX_VF_API_NEGOTIATE, api, 0);
        assert_true(api == MBX_API_2_0 || api > MBX_API_1_5 ? refused(word) : granted(word));
    }
    assert_true(refused(ask(0, MBX_VF_API_NEGOTIATE, UINT32_MAX, 0)));
    assert_string_equal(info(0).last_refusal, "versions of the protocol are 1.0 to 1.5");
}

/* What a version does not have is refused, and a reset forgets the version. */
static void messages_belong_to_their_version(void **state)
{
    static const struct {
        uint32_t type, word;
        enum mbx_api from;
    } cases[] = { { MBX_VF_GET_QUEUES, 0, MBX_API_1_1 },
                  { MBX_VF_GET_RETA, 0, MBX_API_1_2 },
                  { MBX_VF_GET_RSS_KEY, 0, MBX_API_1_2 },
                  { MBX_VF_UPDATE_XCAST, MBX_XCAST_ALL_MULTI, MBX_API_1_2 },
                  { MBX_VF_UPDATE_XCAST, MBX_XCAST_PROMISCUOUS, MBX_API_1_3 } };
    reset(0);
    trust(0);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
        for (enum mbx_api api = MBX_API_1_0; api <= MBX_API_1_5; api++) {
            if (api == MBX_API_2_0)
                continue;
            speaks(0, api);
            uint32_t word = ask(0, cases[i].type, cases[i].word, 0);
            assert_true(api >= cases[i].from ? granted(word) : refused(word));
        }
    reset(0);
    assert_true(refused(ask(0, MBX_VF_GET_QUEUES, 0, 0)));
}

static void ipsec_and_the_unknown_are_refused(void **state)
{
    speaks(0, MBX_API_1_4);
    assert_true(refused(ask(0, MBX_VF_IPSEC_ADD, 0, 0)));
    assert_string_equal(info(0).last_refusal, "IPsec is not offloaded here");
    assert_true(refused(ask(0, MBX_VF_IPSEC_DELETE, 0, 0)));
    assert_true(refused(ask(0, 0x11, 0, 0)));
    assert_true(refused(ask(0, 7, 0, 0)));
    assert_string_equal(info(0).last_refusal, "unknown message");
}

/* A VF that its administrator holds down is not served, so that it is always the same. */
static void a_vf_that_is_served_has_a_link(void **state)
{
    speaks(0, MBX_API_1_4);
    assert_true(granted(ask(0, MBX_VF_GET_LINK_STATE, 0, 0)));
    assert_int_equal(reply[1], 1);
}

/* Version 1.5 ---------------------------------------------------------------------------- */

static uint32_t mailbox(unsigned vf)
{
    return ixgbe_model_vf_read(&rig->model, vf, MBX_VFMAILBOX);
}

static void set_mailbox(unsigned vf, uint32_t value)
{
    ixgbe_model_vf_write(&rig->model, vf, MBX_VFMAILBOX, value);
}

/* As Linux's ixgbevf does it: the buffer is the VF's from before the message until it lets go. */
static void keeps_and_rings(unsigned vf, uint32_t word0, uint32_t word1)
{
    set_mailbox(vf, MBX_V2P_VFU);
    assert_true(mailbox(vf) & MBX_V2P_VFU);
    ixgbe_model_vf_write(&rig->model, vf, MBX_VFMBMEM, word0);
    ixgbe_model_vf_write(&rig->model, vf, MBX_VFMBMEM + 4, word1);
    set_mailbox(vf, MBX_V2P_VFU | MBX_V2P_REQ);
}

static void kept_messages_are_read_and_answered_when_let_go(void **state)
{
    speaks(LAST, MBX_API_1_5);
    keeps_and_rings(LAST, MBX_VF_SET_VLAN | ADD, 5);
    poll_ms(6);
    assert_int_equal(info(LAST).vlans, 1);
    assert_int_equal(mailbox(LAST), MBX_V2P_VFU | MBX_V2P_PFACK);
    poll_ms(50);
    /* no answer over its buffer, and nothing seized */
    assert_int_equal(mailbox(LAST), MBX_V2P_VFU);
    set_mailbox(LAST, 0);
    poll_ms(1);
    assert_int_equal(mailbox(LAST), MBX_V2P_PFSTS);
    assert_int_equal(ixgbe_model_vf_read(&rig->model, LAST, MBX_VFMBMEM),
                     MBX_VF_SET_VLAN | ADD | MBX_ACK | MBX_CTS);
    set_mailbox(LAST, MBX_V2P_ACK);
    assert_int_equal(info(LAST).mailbox, VF_MAILBOX_OPEN);
    speaks(LAST, MBX_API_1_4); /* after a reset it gives the buffer up again as it rings */
}

static void what_is_kept_for_ever_is_taken_away(void **state)
{
    speaks(0, MBX_API_1_5);
    keeps_and_rings(0, MBX_VF_SET_VLAN | ADD, 5);
    poll_ms(120);
    assert_int_equal(mailbox(0), MBX_V2P_PFSTS | MBX_V2P_PFACK);
    assert_int_equal(ixgbe_model_vf_read(&rig->model, 0, MBX_VFMBMEM),
                     MBX_VF_SET_VLAN | ADD | MBX_ACK | MBX_CTS);
}

/* Who asks anew does not wait for the old answer, and who was reset gets none. */
static void answers_that_nobody_waits_for_are_not_given(void **state)
{
    speaks(0, MBX_API_1_5);
    keeps_and_rings(0, MBX_VF_SET_VLAN | ADD, 5);
    poll_ms(6);
    keeps_and_rings(0, MBX_VF_SET_VLAN | ADD, 6);
    poll_ms(6);
    assert_int_equal(info(0).vlans, 2);
    set_mailbox(0, 0);
    poll_ms(6);
    assert_true(ixgbe_model_vf_receive(&rig->model, 0, reply));
    assert_int_equal(reply[0], MBX_VF_SET_VLAN | ADD | MBX_ACK | MBX_CTS);
    poll_ms(6);
    assert_false(ixgbe_model_vf_receive(&rig->model, 0, reply));
    keeps_and_rings(0, MBX_VF_SET_VLAN | ADD, 7);
    poll_ms(6);
    ixgbe_model_vf_flr(&rig->model, 0);
    set_mailbox(0, 0);
    poll_ms(200);
    assert_false(ixgbe_model_vf_receive(&rig->model, 0, reply));
    assert_int_equal(info(0).vlans, 0);
}

/* Before 1.5 a buffer that the VF has may be half written, but not for long.  Linux's ixgbevf keeps
 * it with every version, when it spoke 1.5 once. */
static void what_an_older_vf_keeps_is_read_a_little_later(void **state)
{
    speaks(0, MBX_API_1_4);
    keeps_and_rings(0, MBX_VF_SET_VLAN | ADD, 5);
    poll_ms(6);
    assert_int_equal(info(0).vlans, 0);
    poll_ms(14);
    assert_int_equal(info(0).vlans, 1);
    assert_int_equal(info(0).mailbox, VF_MAILBOX_OPEN);
}

/* It knows nothing of the PF's reset yet: what it asks for is refused in the manner of the version
 * that it speaks, until it resets. */
static void a_vf_that_speaks_1_5_across_a_reset_of_the_pf_is_answered(void **state)
{
    speaks(0, MBX_API_1_5);
    port_stop(nic.port);
    assert_int_equal(port_start(nic.port), 0);
    poll_ms(6);
    for (unsigned i = 0; i < 3; i++) {
        keeps_and_rings(0, MBX_VF_SET_LPE, 9018);
        poll_ms(2);
        assert_true(mailbox(0) & MBX_V2P_PFACK);
        set_mailbox(0, 0);
        poll_ms(2);
        assert_true(mailbox(0) & MBX_V2P_PFSTS);
        assert_int_equal(ixgbe_model_vf_read(&rig->model, 0, MBX_VFMBMEM),
                         MBX_VF_SET_LPE | MBX_NACK);
    }
    poll_ms(1100); /* nobody acknowledged anything */
    assert_int_equal(info(0).mailbox, VF_MAILBOX_CLOSED);
    speaks(0, MBX_API_1_5);
}

/* Linux's ixgbevf compares a refusal with its own first word, index and all. */
static void the_info_of_a_message_comes_back(void **state)
{
    speaks(0, MBX_API_1_4);
    assert_int_equal(ask(0, MBX_VF_SET_VLAN | ADD, 5, 0),
                     MBX_VF_SET_VLAN | ADD | MBX_ACK | MBX_CTS);
    assert_int_equal(ask(0, MBX_VF_SET_MACVLAN | ADD, 1, 0),
                     MBX_VF_SET_MACVLAN | ADD | MBX_NACK | MBX_CTS); /* a group's address */
}

/* Whoever knows the key could aim at one queue of everybody. */
static void hash_key_and_table_take_trust(void **state)
{
    speaks(LAST, MBX_API_1_2);
    assert_true(refused(ask(LAST, MBX_VF_GET_RETA, 0, 0)));
    assert_true(refused(ask(LAST, MBX_VF_GET_RSS_KEY, 0, 0)));
    for (unsigned i = 1; i < MBX_RSS_KEY_WORDS; i++)
        assert_int_equal(reply[i], 0); /* nor in the refusal */
    trust(LAST);
    assert_true(granted(ask(LAST, MBX_VF_GET_RSS_KEY, 0, 0)));
    assert_memory_equal(&reply[1], rss_key(), RSS_KEY_LENGTH);
    assert_true(granted(ask(LAST, MBX_VF_GET_RETA, 0, 0)));
    for (unsigned i = 0; i < 128; i++) {
        uint32_t entry = reg(0xeb00 + i / 4 * 4) >> 8 * (i % 4) & 0xff;
        assert_int_equal(reply[1 + i / 16] >> 2 * (i % 16) & 3, entry);
    }
}

static void modes_of_receiving_take_trust(void **state)
{
    speaks(LAST, MBX_API_1_3);
    assert_true(granted(ask(LAST, MBX_VF_SET_MULTICAST | ADD, 0x123, 0)));
    assert_int_equal(reg(0xf000 + 4 * LAST), AUPE | BAM | ROMPE);
    assert_true(granted(ask(LAST, MBX_VF_UPDATE_XCAST, MBX_XCAST_NONE, 0)));
    assert_int_equal(reg(0xf000 + 4 * LAST), AUPE | BAM);
    for (uint32_t mode = MBX_XCAST_MULTI; mode <= MBX_XCAST_PROMISCUOUS; mode++) {
        assert_true(granted(ask(LAST, MBX_VF_UPDATE_XCAST, mode, 0)));
        assert_int_equal(reply[1], MBX_XCAST_MULTI); /* as much as there is */
        assert_int_equal(reg(0xf000 + 4 * LAST), AUPE | BAM | ROMPE);
    }
    assert_string_equal(info(LAST).last_refusal,
                        "only a trusted VF may hear all groups or be promiscuous");
    assert_int_equal(reg(0xf400), 0); /* UTA */
    trust(LAST);
    assert_true(granted(ask(LAST, MBX_VF_UPDATE_XCAST, MBX_XCAST_PROMISCUOUS, 0)));
    assert_int_equal(reply[1], MBX_XCAST_PROMISCUOUS);
    assert_int_equal(reg(0xf000 + 4 * LAST), AUPE | BAM | ROMPE | MPE | ROPE);
    assert_int_equal(reg(0xf400), UINT32_MAX);
    assert_true(info(LAST).promiscuous && info(LAST).all_multicast);
    assert_true(refused(ask(LAST, MBX_VF_UPDATE_XCAST, 4, 0)));
    assert_true(info(LAST).promiscuous); /* nothing is half-applied */
}

static bool receives(unsigned vf)
{
    return pair(0x51e0, 0x51e4) >> vf & 1;
}

/* One limit for all pools of an 82599, and drivers that speak 1.0 have short buffers. */
static void long_frames_of_an_82599_follow_its_pf(void **state)
{
    speaks(0, MBX_API_1_1);
    reset(1); /* 1.0 */
    assert_true(granted(ask(0, MBX_VF_SET_LPE, 1526, 0)));
    assert_true(refused(ask(0, MBX_VF_SET_LPE, 1527, 0)));
    assert_non_null(strstr(info(0).last_refusal, "raise its MTU"));
    assert_true(granted(ask(1, MBX_VF_SET_LPE, 1518, 0)));
    assert_true(refused(ask(1, MBX_VF_SET_LPE, 1519, 0)));
    assert_true(receives(0) && receives(1));
    assert_int_equal(port_set_mtu(nic.port, 9000), 0);
    poll_ms(20);
    speaks(0, MBX_API_1_1);
    reset(1);
    assert_true(granted(ask(0, MBX_VF_SET_LPE, 9018, 0)));
    assert_true(refused(ask(1, MBX_VF_SET_LPE, 1518, 0)));
    assert_true(receives(0) && !receives(1));
    assert_int_equal(reg(0x4268) >> 16, 9026); /* MAXFRS */
    assert_true(granted(ask(1, MBX_VF_API_NEGOTIATE, MBX_API_1_1, 0)));
    assert_true(receives(1));
}

static void frames_of_an_x540s_vf_are_its_own_affair(void **state)
{
    speaks(0, MBX_API_1_1);
    assert_true(granted(ask(0, MBX_VF_SET_LPE, 9728, 0)));
    assert_int_equal(reg(0x4268) >> 16, 9728);
    assert_true(refused(ask(0, MBX_VF_SET_LPE, 9729, 0)));
    assert_true(refused(ask(0, MBX_VF_SET_LPE, 63, 0)));
    assert_true(refused(ask(0, MBX_VF_SET_LPE, UINT32_MAX, 0)));
    reset(0);
    assert_int_equal(reg(0x4268) >> 16, 1526);
}

/* Filters --------------------------------------------------------------------------------- */

static void further_addresses_are_a_list(void **state)
{
    speaks(LAST, MBX_API_1_0);
    for (uint32_t n = 1; n <= 3; n++)
        assert_true(granted(ask(LAST, MBX_VF_SET_MACVLAN | FIELD_PUT(MBX_INFO, n), 2, n << 8)));
    assert_true(refused(ask(LAST, MBX_VF_SET_MACVLAN | FIELD_PUT(MBX_INFO, 4u), 2, 0x900)));
    assert_int_equal(info(LAST).macs, 3);
    assert_int_equal(reg(0xa200 + 8 * 64), 2); /* RAL 64, the first that is no VF's own */
    assert_true(pair(0xa600 + 8 * 64, 0xa604 + 8 * 64) == 1ull << LAST);
    assert_true(granted(ask(LAST, MBX_VF_SET_MACVLAN | ADD, 2, 0x900))); /* a new list */
    assert_int_equal(info(LAST).macs, 1);
    assert_true(granted(ask(LAST, MBX_VF_SET_MACVLAN, 0, 0)));
    assert_int_equal(info(LAST).macs, 0);
    assert_int_equal(reg(0xa204 + 8 * 64), 0);
}

static void own_addresses_lead_to_their_pool(void **state)
{
    uint8_t mac[MAC_LEN];
    reset(LAST);
    uint32_t low = reg(0xa200 + 8 * (1 + LAST)), high = reg(0xa204 + 8 * (1 + LAST));
    memcpy(mac, &low, 4);
    memcpy(mac + 4, &high, 2);
    assert_memory_equal(mac, info(LAST).mac, MAC_LEN);
    assert_true(pair(0xa600 + 8 * (1 + LAST), 0xa604 + 8 * (1 + LAST)) == 1ull << LAST);
    assert_true(pair(0xa600, 0xa604) == 1ull << (LAST + 1)); /* the PF's own */
    ixgbe_model_vf_flr(&rig->model, LAST);
    poll_ms(5);
    assert_int_equal(reg(0xa204 + 8 * (1 + LAST)), 0);
}

static unsigned filter_of(uint32_t vlan)
{
    for (unsigned n = 0; n < 64; n++)
        if (reg(0xf100 + 4 * n) == (0x80000000u | vlan))
            return n;
    fail_msg("no filter for VLAN %u", vlan);
    return 0;
}

static void vlans_have_filters_and_pools(void **state)
{
    speaks(0, MBX_API_1_0);
    speaks(LAST, MBX_API_1_0);
    assert_true(granted(ask(LAST, MBX_VF_SET_VLAN | ADD, 100, 0)));
    unsigned n = filter_of(100);
    assert_true(pair(0xf200 + 8 * n, 0xf204 + 8 * n) == 1ull << LAST);
    assert_true(granted(ask(0, MBX_VF_SET_VLAN | ADD, 100, 0)));
    assert_int_equal(filter_of(100), n);
    assert_true(pair(0xf200 + 8 * n, 0xf204 + 8 * n) == (1ull << LAST | 1));
    assert_int_equal(reg(0xa000 + 4 * 3) >> 4 & 1, 1); /* VFTA */
    for (uint32_t vlan = 200; vlan < 261; vlan++)      /* VLAN 0, 100, and one for the PF */
        assert_true(granted(ask(0, MBX_VF_SET_VLAN | ADD, vlan, 0)));
    assert_true(refused(ask(0, MBX_VF_SET_VLAN | ADD, 261, 0)));
    assert_true(refused(ask(0, MBX_VF_SET_VLAN | ADD, 4095, 0)));
    assert_true(granted(ask(0, MBX_VF_SET_VLAN, 100, 0)));
    assert_true(pair(0xf200 + 8 * n, 0xf204 + 8 * n) == 1ull << LAST);
    reset(LAST);
    assert_int_equal(reg(0xf100 + 4 * n), 0);
    assert_int_equal(reg(0xa000 + 4 * 3) >> 4 & 1, 0);
}

/* Policies ----------------------------------------------------------------------------- */

static void a_vlan_of_the_administrators_is_told_to_strip(void **state)
{
    struct vf_policy policy = info(LAST).policy;
    policy.vlan = 7;
    assert_int_equal(set(LAST, policy), 0);
    speaks(LAST, MBX_API_1_1);
    assert_true(granted(ask(LAST, MBX_VF_GET_QUEUES, 0, 0)));
    assert_int_equal(reply[MBX_QUEUES_VLAN], 1);
    assert_int_equal(reg(0x8000 + 4 * LAST), 0x40000007); /* VMVIR */
    assert_int_equal(reg(0xf000 + 4 * LAST) & AUPE, 0);
    assert_true(refused(ask(LAST, MBX_VF_SET_VLAN | ADD, 8, 0)));
}

static void rates_are_divided_among_queues(void **state)
{
    struct vf_policy policy = info(LAST).policy;
    policy.rate_mbps = 1000;
    assert_int_equal(set(LAST, policy), 0);
    poll_ms(20);
    /* 10 Gb/s / 500 Mb/s, 14 bits a fraction, for each of two queues */
    assert_int_equal(rig->model.rate[2 * LAST], 0x80000000u | 20u << 14);
    assert_int_equal(rig->model.rate[2 * LAST + 1], 0x80000000u | 20u << 14);
    assert_int_equal(rig->model.rate[2 * LAST + 2], 0); /* the PF's */
    policy.rate_mbps = 19;
    assert_int_equal(set(LAST, policy), -EINVAL);
    assert_string_equal(why, "the 82599 limits to 20 to 10000 Mb/s");
    policy.rate_mbps = 10001;
    assert_int_equal(set(LAST, policy), -EINVAL);
    policy.rate_mbps = 0;
    assert_int_equal(set(LAST, policy), 0);
    assert_int_equal(rig->model.rate[2 * LAST], 0);
}

static void a_link_that_is_held_down_is_no_service(void **state)
{
    struct vf_policy policy = info(LAST).policy;
    reset(LAST);
    policy.link = VF_LINK_DOWN;
    assert_int_equal(set(LAST, policy), 0);
    poll_ms(5);
    assert_false(receives(LAST));
    (void)ixgbe_model_vf_receive(&rig->model, LAST, reply);
    poll_ms(5);
    (void)ixgbe_model_vf_receive(&rig->model, LAST, reply);
    assert_int_equal(ask(LAST, MBX_VF_RESET, 0, 0), MBX_VF_RESET | MBX_NACK);
    policy.link = VF_LINK_UP;
    assert_int_equal(set(LAST, policy), -ENOTSUP);
}

/* The chip's counter does not say whose frames it was: they are looked for one by one. */
static void who_spoofs_is_found(void **state)
{
    uint8_t frame[60] = { 2, 9, 9, 9, 9, 9, 2, 8, 8, 8, 8, 8, 0x88, 0xb5 };
    reset(3);
    reset(LAST);
    for (unsigned i = 0; i < 2000; i++) {
        assert_false(ixgbe_model_vf_transmit(&rig->model, LAST, frame, sizeof frame, 0));
        poll_ms(1);
    }
    assert_true(info(LAST).spoofed > 0);
    assert_int_equal(info(3).spoofed, 0);
    assert_true(host_log_contains("VF 40: sent with a source address or VLAN that is not its own"));
    struct vf_policy policy = info(LAST).policy;
    policy.spoofcheck = false;
    assert_int_equal(set(LAST, policy), 0);
    assert_true(ixgbe_model_vf_transmit(&rig->model, LAST, frame, sizeof frame, 0));
}

/* Resets and hostility ---------------------------------------------------------------------- */

static void a_function_reset_is_that_vfs_alone(void **state)
{
    reset(3);
    reset(LAST);
    ixgbe_model_vf_flr(&rig->model, LAST);
    poll_ms(5);
    assert_int_equal(info(LAST).mailbox, VF_MAILBOX_CLOSED);
    assert_int_equal(info(3).mailbox, VF_MAILBOX_OPEN);
    assert_true(receives(3));
    reset(LAST);
    assert_true(receives(LAST));
}

/* All at once, and so all bits of a register are set: that is no device that is gone. */
static void all_may_ask_at_once(void **state)
{
    for (unsigned i = 0; i <= LAST; i++)
        assert_true(ixgbe_model_vf_send(&rig->model, i, (uint32_t[]){ MBX_VF_RESET }, 1));
    poll_ms(2);
    for (unsigned i = 0; i <= LAST; i++)
        assert_true(ixgbe_model_vf_receive(&rig->model, i, reply));
    for (unsigned i = 0; i <= LAST; i++) /* each bit of requests and of acknowledgments */
        assert_true(ixgbe_model_vf_send(&rig->model, i,
                                        (uint32_t[]){ MBX_VF_API_NEGOTIATE, MBX_API_1_4 }, 2));
    poll_ms(2);
    for (unsigned i = 0; i <= LAST; i++) {
        assert_true(ixgbe_model_vf_receive(&rig->model, i, reply));
        assert_true(granted(reply[0]));
    }
}

static uint32_t seed = 1;

static uint32_t chance(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed;
}

/* Every type with any words: answered, and no rule of the document broken by the PF. */
static void any_message_is_answered(void **state)
{
    rig->model.vfs_are_hostile = true;
    for (unsigned i = 0; i < 4000; i++) {
        uint32_t words[IXGBE_MODEL_MESSAGE];
        unsigned vf = chance() % 4 * 13;
        for (unsigned n = 0; n < IXGBE_MODEL_MESSAGE; n++)
            words[n] = chance() >> chance() % 32;
        words[0] = (words[0] & MBX_INFO) | (chance() % 8 ? chance() % 17 : chance() & MBX_TYPE);
        if (i % 50 == 0)
            reset(vf);
        uint32_t word = ask_words(vf, words, IXGBE_MODEL_MESSAGE);
        assert_int_equal(word & MBX_TYPE, words[0] & MBX_TYPE);
        assert_true(!(word & MBX_ACK) != !(word & MBX_NACK));
        struct vf_info now = info(vf);
        assert_true(now.macs <= 3 && now.vlans <= 62 && now.frame >= 64 && now.frame <= 9728);
        assert_false(now.promiscuous || (now.all_multicast && now.policy.trust));
        assert_int_equal(now.mac[0] & 1, 0);
    }
    assert_true(pf_works());
}

/* tests/data/mailbox: what Linux's ixgbevf said to Linux's ixgbe, and what that answered. */
#define RECORDED_LINES 1000u
static char recorded[RECORDED_LINES][200];
static unsigned recorded_lines;

static void read_recorded(void)
{
    FILE *file = fopen("tests/data/mailbox/ixgbevf.txt", "r");
    assert_non_null(file);
    for (recorded_lines = 0; recorded_lines < RECORDED_LINES &&
                             fgets(recorded[recorded_lines], sizeof recorded[0], file);)
        recorded_lines++;
    assert_non_null(feof(file) ? file : NULL);
    fclose(file);
    assert_true(recorded_lines > 100);
}

/* ACK or NACK, as Linux's PF gave it to this message. */
static uint32_t recorded_verdict(unsigned line, uint32_t type)
{
    unsigned word;
    while (++line < recorded_lines && strncmp(recorded[line], "0 vf reset", 10))
        if (sscanf(recorded[line], "0 pf %8x", &word) == 1 && (word & MBX_TYPE) == type)
            return word & (MBX_ACK | MBX_NACK);
    fail_msg("message %x in line %u has no answer", type, line);
    return 0;
}

/* Linux's PF knows one version less, and refuses the mode that no 82599 has, where ours grants the
 * next one. */
static bool gives_more(const uint32_t *words)
{
    uint32_t type = words[0] & MBX_TYPE;
    return (type == MBX_VF_API_NEGOTIATE && words[1] == MBX_API_1_5) ||
           (type == MBX_VF_UPDATE_XCAST && words[1] == MBX_XCAST_PROMISCUOUS);
}

static void replay(unsigned line)
{
    uint32_t words[IXGBE_MODEL_MESSAGE] = { 0 };
    const char *at = recorded[line] + sizeof "0 vf" - 1;
    unsigned n = 0;
    int used = 0;
    if (!strncmp(at, " reset", 6))
        ixgbe_model_vf_flr(&rig->model, 0);
    if (!strncmp(at, " reset", 6) || !strncmp(at, " ack", 4))
        return;
    for (; n < IXGBE_MODEL_MESSAGE && sscanf(at, " %x%n", &words[n], &used) == 1; n++)
        at += used;
    uint32_t type = words[0] & MBX_TYPE, was = recorded_verdict(line, type);
    uint32_t is = ask_words(0, words, IXGBE_MODEL_MESSAGE);
    was = gives_more(words) ? MBX_ACK : was;
    if ((is & (MBX_ACK | MBX_NACK)) != was)
        print_message("line %u: %08x is answered with %08x, was %08x\n", line + 1, words[0], is,
                      was);
    assert_int_equal(is & (MBX_ACK | MBX_NACK), was);
    assert_int_equal(is & MBX_TYPE, type);
    assert_true(type == MBX_VF_RESET || (is & MBX_CTS));
}

static void what_linux_says_is_served(void **state)
{
    bool moved = false, groups = false;
    read_recorded();
    assert_int_equal(port_set_mtu(nic.port, 9000), 0);
    poll_ms(20);
    for (unsigned i = 0; i < recorded_lines; i++) {
        if (!strncmp(recorded[i], "0 vf ", 5))
            replay(i);
        moved |= mac_equal(info(0).mac, (uint8_t[]){ 2, 7, 7, 7, 7, 7 });
        groups |= info(0).multicast >= 3;
    }
    assert_true(moved && groups);
    assert_int_equal(info(0).invalid, 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define TEST_X540(test) cmocka_unit_test_setup_teardown(test, set_up_x540, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pools_are_of_four_queues_or_of_two),
        TEST(too_many_are_refused_in_words),
        TEST(nothing_is_served_before_a_reset),
        TEST(versions_are_1_0_to_1_5),
        TEST(messages_belong_to_their_version),
        TEST(ipsec_and_the_unknown_are_refused),
        TEST(a_vf_that_is_served_has_a_link),
        TEST(kept_messages_are_read_and_answered_when_let_go),
        TEST(what_is_kept_for_ever_is_taken_away),
        TEST(answers_that_nobody_waits_for_are_not_given),
        TEST(what_an_older_vf_keeps_is_read_a_little_later),
        TEST(a_vf_that_speaks_1_5_across_a_reset_of_the_pf_is_answered),
        TEST(the_info_of_a_message_comes_back),
        TEST(hash_key_and_table_take_trust),
        TEST(modes_of_receiving_take_trust),
        TEST(long_frames_of_an_82599_follow_its_pf),
        TEST_X540(frames_of_an_x540s_vf_are_its_own_affair),
        TEST(further_addresses_are_a_list),
        TEST(own_addresses_lead_to_their_pool),
        TEST(vlans_have_filters_and_pools),
        TEST(a_vlan_of_the_administrators_is_told_to_strip),
        TEST(rates_are_divided_among_queues),
        TEST(a_link_that_is_held_down_is_no_service),
        TEST(who_spoofs_is_found),
        TEST(a_function_reset_is_that_vfs_alone),
        TEST_X540(a_function_reset_is_that_vfs_alone),
        TEST(all_may_ask_at_once),
        TEST(any_message_is_answered),
        TEST(what_linux_says_is_served),
        TEST_X540(any_message_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
