/* vf_server.c and igb_pf.c over the model: every message, honest and hostile, in and out of order;
 * what Linux's and DPDK's VF drivers send.  Sections: 82576 DS, but where others are named. */
#include "kernel/log.h"
#include "kernel/time.h"
#include "nic/intel/igb/igb_pf.h"
#include "pci/pci_regs.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/igb_master.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATION 0x020000000a01ull
#define BROADCAST 0xffffffffffffull
#define INFO(n) ((uint32_t)(n) << 16)

static enum igb_model_chip chip;

static int set_up(void **state)
{
    master_start(chip, 3);
    return 0;
}

static int tear_down(void **state)
{
    master_stop();
    return 0;
}

static uint64_t vf_mac(unsigned vf)
{
    struct vf_info info = master_info(vf);
    return mac_number(info.mac);
}

/* The VF asks; its request is refused for this reason, and nothing but that changes. */
static void refuses(unsigned vf, uint32_t type, const char *why)
{
    struct vf_info info = master_info(vf);
    assert_true(master_nacked(type));
    assert_string_equal(info.last_refusal, why);
}

#define REFUSED(vf, why, ...) \
    do { \
        const uint32_t words_[] = { __VA_ARGS__ }; \
        assert_true(master_ask(vf, words_, ARRAY_SIZE(words_))); \
        refuses(vf, words_[0] & MBX_TYPE, why); \
    } while (0)
#define GRANTED(vf, ...) \
    do { \
        const uint32_t words_[] = { __VA_ARGS__ }; \
        assert_true(master_ask(vf, words_, ARRAY_SIZE(words_))); \
        assert_true(master_acked(vf, words_[0] & MBX_TYPE)); \
    } while (0)

/* Clear to send ------------------------------------------------------------------------- */

static void nothing_goes_before_a_reset(void **state)
{
    static const uint32_t types[] = { MBX_VF_SET_MAC, MBX_VF_SET_MULTICAST, MBX_VF_SET_VLAN,
                                      MBX_VF_SET_LPE, MBX_VF_SET_PROMISC,   0x77 };
    for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
        assert_true(MASTER_ASK(0, types[i], 2, 2));
        assert_int_equal(master.reply[0], types[i] | MBX_NACK); /* and no CTS */
    }
    struct vf_info info = master_info(0);
    assert_int_equal(info.refused, ARRAY_SIZE(types));
    assert_int_equal(info.messages, ARRAY_SIZE(types));
    assert_string_equal(info.last_refusal, "it has to reset first");
    assert_int_equal(info.mailbox, VF_MAILBOX_CLOSED);
    assert_int_equal(master_reg(IGB_VFRE), 8);
}

/* ACK, no CTS, and the address: drivers compare the first word as a whole. */
static void a_reset_is_answered_with_the_address(void **state)
{
    uint8_t mac[MAC_LEN];
    for (unsigned i = 0; i < 3; i++) {
        struct vf_info info = master_info(i);
        assert_true(MASTER_ASK(i, MBX_VF_RESET));
        assert_int_equal(master.reply[0], MBX_VF_RESET | MBX_ACK);
        memcpy(mac, &master.reply[1], MAC_LEN);
        assert_memory_equal(mac, info.policy.mac, MAC_LEN);
        info = master_info(i);
        assert_int_equal(info.mailbox, VF_MAILBOX_OPEN);
        assert_int_equal(info.resets, 1);
    }
    assert_int_equal(master_reg(IGB_VFRE), 0xf);
    assert_int_equal(master_reg(IGB_VFTE), 0xf);
}

/* With anything else in its first word it is no RESET. */
static void a_reset_with_decorations_is_none(void **state)
{
    assert_true(MASTER_ASK(0, MBX_VF_RESET | INFO(1)));
    assert_true(master.reply[0] & MBX_NACK);
    assert_true(MASTER_ASK(0, MBX_VF_RESET | MBX_CTS));
    assert_true(master.reply[0] & MBX_NACK);
    assert_int_equal(master_info(0).mailbox, VF_MAILBOX_CLOSED);
}

static void a_second_reset_forgets_what_was_granted(void **state)
{
    uint64_t mac = vf_mac(0);
    master_reset_vf(0);
    GRANTED(0, MBX_VF_SET_MAC, MAC_WORDS(0x020000000042ull));
    GRANTED(0, MBX_VF_SET_VLAN | INFO(1), 5);
    GRANTED(0, MBX_VF_SET_LPE, 9000);
    master_reset_vf(0);
    assert_int_equal(vf_mac(0), mac);
    assert_int_equal(master_info(0).vlans, 0);
    assert_int_equal(master_info(0).frame, 1522);
    assert_int_equal(FIELD_GET(IGB_VMOLR_RLPML, master_reg(IGB_VMOLR(0))), 1522);
}

/* Addresses ------------------------------------------------------------------------------ */

static void a_vf_chooses_its_address(void **state)
{
    master_reset_vf(0);
    GRANTED(0, MBX_VF_SET_MAC, MAC_WORDS(0x020000000042ull));
    assert_int_equal(vf_mac(0), 0x020000000042);
    frame_from_wire(0x020000000042, STATION, 0, 1);
    assert_int_equal(frame_at(1, NULL), 1);
    assert_true(frame_from_vf(0, STATION, 0x020000000042, 0, 2));
    assert_int_equal(frame_at(2, NULL), AT_WIRE);
    GRANTED(0, MBX_VF_SET_MAC, MAC_WORDS(0x020000000042ull)); /* again */
}

static void an_address_that_cannot_be_is_refused(void **state)
{
    master_reset_vf(0);
    master_reset_vf(1);
    uint64_t mac = vf_mac(0);
    REFUSED(0, "that is no station's address", MBX_VF_SET_MAC, MAC_WORDS(0x010000000001ull));
    REFUSED(0, "that is no station's address", MBX_VF_SET_MAC, 0, 0);
    REFUSED(0, "that address is the PF's", MBX_VF_SET_MAC, MAC_WORDS(0x525400123456ull));
    REFUSED(0, "another VF has that address", MBX_VF_SET_MAC, MAC_WORDS(vf_mac(1)));
    REFUSED(0, "unknown kind of address", MBX_VF_SET_MAC | INFO(3), MAC_WORDS(0x020000000042ull));
    assert_int_equal(vf_mac(0), mac);
}

/* The high half of word 2 is nobody's business. */
static void six_octets_are_an_address(void **state)
{
    master_reset_vf(0);
    GRANTED(0, MBX_VF_SET_MAC, 0x00000002, 0xffff4200);
    assert_int_equal(vf_mac(0), 0x020000000042);
}

static void an_address_of_the_administrator_stays(void **state)
{
    assert_int_equal(master_set(0, set_mac, 0x020000000077), 0);
    master_reset_vf(0);
    REFUSED(0, "the administrator set its address, and it is not trusted", MBX_VF_SET_MAC,
            MAC_WORDS(0x020000000042ull));
    REFUSED(0, "the administrator set its address, and it is not trusted",
            MBX_VF_SET_MAC | INFO(MBX_MAC_FILTER_ADD), MAC_WORDS(0x020000000042ull));
    GRANTED(0, MBX_VF_SET_MAC, MAC_WORDS(0x020000000077ull)); /* what it has it may have */
    GRANTED(0, MBX_VF_SET_MAC | INFO(MBX_MAC_FILTER_CLEAR), 0, 0);
    assert_int_equal(master_set(0, set_trust, true), 0);
    master_polls(1);
    assert_true(master_hears(0));
    GRANTED(0, MBX_VF_SET_MAC, MAC_WORDS(0x020000000042ull));
    assert_int_equal(vf_mac(0), 0x020000000042);
}

static void further_addresses_are_filtered_for(void **state)
{
    master_reset_vf(0);
    master_reset_vf(1);
    for (uint32_t i = 0; i < VF_MACS; i++) {
        GRANTED(0, MBX_VF_SET_MAC | INFO(MBX_MAC_FILTER_ADD), MAC_WORDS(0x020000000050ull + i));
        assert_int_equal(master.reply[0] & MBX_INFO, INFO(MBX_MAC_FILTER_ADD));
    }
    GRANTED(0, MBX_VF_SET_MAC | INFO(MBX_MAC_FILTER_ADD), MAC_WORDS(0x020000000051ull));
    assert_int_equal(master_info(0).macs, VF_MACS);
    REFUSED(0, "a VF has at most 3 further addresses", MBX_VF_SET_MAC | INFO(MBX_MAC_FILTER_ADD),
            MAC_WORDS(0x02000000005full));
    REFUSED(1, "another VF has that address", MBX_VF_SET_MAC | INFO(MBX_MAC_FILTER_ADD),
            MAC_WORDS(0x020000000051ull));
    REFUSED(1, "another VF has that address", MBX_VF_SET_MAC, MAC_WORDS(0x020000000051ull));
    frame_from_wire(0x020000000052, STATION, 0, 1);
    assert_int_equal(frame_at(1, NULL), 1);
    assert_true(frame_from_vf(0, STATION, 0x020000000052, 0, 2)); /* no spoof */
    assert_int_equal(frame_at(2, NULL), AT_WIRE);
    GRANTED(0, MBX_VF_SET_MAC | INFO(MBX_MAC_FILTER_CLEAR), 0, 0);
    frame_from_wire(0x020000000052, STATION, 0, 3);
    assert_int_equal(frame_at(3, NULL), 0);
    assert_int_equal(master_info(0).macs, 0);
}

static void address_filters_run_out(void **state)
{
    master.port->vf->disable(master.port);
    assert_int_equal(master.port->vf->enable(master.port, 7, false, &master.why), 0);
    unsigned granted = 0;
    for (unsigned vf = 0; vf < 7; vf++) {
        igb_model_vf_play(&master.model, vf);
        master_reset_vf(vf);
        for (uint32_t i = 0; i < VF_MACS; i++) {
            assert_true(MASTER_ASK(vf, MBX_VF_SET_MAC | INFO(MBX_MAC_FILTER_ADD),
                                   MAC_WORDS(0x020000000100ull + 16 * vf + i)));
            granted += master_acked(vf, MBX_VF_SET_MAC);
        }
    }
    if (chip == IGB_MODEL_I350) { /* has 32 receive addresses, enough for all */
        assert_int_equal(granted, 7 * VF_MACS);
        return;
    }
    assert_int_equal(granted, 24 - 1 - 7);
    assert_string_equal(master_info(6).last_refusal, "all address filters are taken");
}

/* Groups --------------------------------------------------------------------------------- */

/* RCTL.MO 0: twelve bits from bit 36 of the address on. */
static uint32_t group_hash(uint64_t mac)
{
    return (uint32_t)((mac >> 8 & 0xff) >> 4 | (mac & 0xff) << 4);
}

static void groups_are_filtered_by_hash(void **state)
{
    const uint64_t a = 0x01005e000001ull, b = 0x01005e123456ull, c = 0x01005e000099ull;
    master_reset_vf(0);
    master_reset_vf(1);
    GRANTED(0, MBX_VF_SET_MULTICAST | INFO(2), group_hash(a) | group_hash(b) << 16);
    frame_from_wire(a, STATION, 0, 1);
    assert_int_equal(frame_at(1, NULL), 1);
    frame_from_wire(b, STATION, 0, 2);
    assert_int_equal(frame_at(2, NULL), 1);
    frame_from_wire(c, STATION, 0, 3);
    assert_int_equal(frame_at(3, NULL), 0);
    GRANTED(0, MBX_VF_SET_MULTICAST | INFO(1), group_hash(c));
    frame_from_wire(a, STATION, 0, 4);
    assert_int_equal(frame_at(4, NULL), 0);
    GRANTED(0, MBX_VF_SET_MULTICAST);
    frame_from_wire(c, STATION, 0, 5);
    assert_int_equal(frame_at(5, NULL), 0);
}

/* 30 fit into a message; more, or the sender's word that there are more, means all. */
static void too_many_groups_mean_all(void **state)
{
    uint32_t words[MBX_WORDS] = { MBX_VF_SET_MULTICAST | INFO(30) };
    master_reset_vf(0);
    assert_true(master_ask(0, words, MBX_WORDS));
    assert_true(master_acked(0, MBX_VF_SET_MULTICAST));
    assert_int_equal(master_info(0).multicast, 30);
    assert_false(master_info(0).all_multicast);
    for (unsigned i = 0; i < 3; i++) {
        static const uint32_t info[] = { 31, 127, MBX_MULTICAST_OVERFLOW | 30 };
        words[0] = MBX_VF_SET_MULTICAST | INFO(info[i]);
        assert_true(master_ask(0, words, MBX_WORDS));
        assert_true(master_info(0).all_multicast);
        assert_int_equal(master_info(0).multicast, 30);
        frame_from_wire(0x01005e777777ull, STATION, 0, 1);
        assert_int_equal(frame_at(1, NULL), 1);
        GRANTED(0, MBX_VF_SET_MULTICAST);
        assert_false(master_info(0).all_multicast);
    }
}

/* Only twelve of a hash's sixteen bits are a place in the table. */
static void a_hash_stays_in_the_table(void **state)
{
    master_reset_vf(0);
    GRANTED(0, MBX_VF_SET_MULTICAST | INFO(2), 0xffffffff);
    assert_int_equal(master_reg(INTEL_MTA(127)), 0x80000000u);
}

/* VLANs, lengths, promiscuity --------------------------------------------------------------- */

static void vlans_are_joined_and_left(void **state)
{
    uint16_t vlan;
    master_reset_vf(0);
    GRANTED(0, MBX_VF_SET_VLAN | INFO(1), 100);
    GRANTED(0, MBX_VF_SET_VLAN | INFO(1), 100);
    assert_int_equal(master_info(0).vlans, 1);
    frame_from_wire(vf_mac(0), STATION, 100, 1);
    assert_int_equal(frame_at(1, &vlan), 1);
    assert_int_equal(vlan, 0); /* as Linux's VF driver wants it */
    frame_from_wire(vf_mac(0), STATION, 101, 2);
    assert_int_equal(frame_at(2, NULL), 0);
    frame_from_wire(vf_mac(0), STATION, 0, 3);
    assert_int_equal(frame_at(3, NULL), 1);
    GRANTED(0, MBX_VF_SET_VLAN, 100);
    GRANTED(0, MBX_VF_SET_VLAN, 100);
    frame_from_wire(vf_mac(0), STATION, 100, 4);
    assert_int_equal(frame_at(4, NULL), 0);
    GRANTED(0, MBX_VF_SET_VLAN | INFO(1), 0); /* priority tags are everybody's */
    assert_int_equal(master_info(0).vlans, 0);
}

static void a_vlan_that_cannot_be_is_refused(void **state)
{
    master_reset_vf(0);
    REFUSED(0, "that is no VLAN", MBX_VF_SET_VLAN | INFO(1), 4095);
    REFUSED(0, "that is no VLAN", MBX_VF_SET_VLAN | INFO(1), 4096 + 5);
    REFUSED(0, "that is no VLAN", MBX_VF_SET_VLAN | INFO(2), 5);
    assert_int_equal(master_set(0, set_vlan, 7), 0);
    REFUSED(0, "the administrator set its VLAN", MBX_VF_SET_VLAN | INFO(1), 5);
    REFUSED(0, "the administrator set its VLAN", MBX_VF_SET_VLAN, 7);
    assert_int_equal(master_reg(INTEL_VFTA(0)), 1u << 0 | 1u << 7);
}

/* A VLAN of the administrator's takes the VF's own away, which has to learn that. */
static void a_vlan_of_the_administrator_replaces_the_vfs_own(void **state)
{
    master_reset_vf(0);
    GRANTED(0, MBX_VF_SET_VLAN | INFO(1), 5);
    assert_int_equal(master_set(0, set_vlan, 7), 0);
    assert_int_equal(master_reg(INTEL_VFTA(0)), 1u << 0 | 1u << 7);
    master_polls(1);
    assert_true(master_hears(0));
    assert_int_equal(master.reply[0], MBX_PF_CONTROL);
}

static void frames_are_as_long_as_granted(void **state)
{
    static uint8_t frame[9000];
    master_reset_vf(0);
    struct vf_info info = master_info(0);
    memcpy(frame, info.mac, MAC_LEN);
    frame[6] = 2;
    assert_int_equal(info.frame, 1522);
    igb_model_inject(&master.model, frame, 1519); /* 1522 with FCS; the tag is a VLAN's */
    assert_int_equal(igb_model_vf_take(&master.model, 0, frame, sizeof frame), 0);
    GRANTED(0, MBX_VF_SET_LPE, 5000);
    assert_int_equal(master_info(0).frame, 5000);
    igb_model_inject(&master.model, frame, 4996);
    assert_int_equal(igb_model_vf_take(&master.model, 0, frame, sizeof frame), 4996);
    igb_model_inject(&master.model, frame, 4997);
    assert_int_equal(igb_model_vf_take(&master.model, 0, frame, sizeof frame), 0);
    REFUSED(0, "frames are 64 to 9728 bytes", MBX_VF_SET_LPE, 63);
    REFUSED(0, "frames are 64 to 9728 bytes", MBX_VF_SET_LPE, 9729);
    REFUSED(0, "frames are 64 to 9728 bytes", MBX_VF_SET_LPE, UINT32_MAX);
    GRANTED(0, MBX_VF_SET_LPE, 9728);
    GRANTED(0, MBX_VF_SET_LPE, 64);
}

static void promiscuity_is_for_the_trusted(void **state)
{
    master_reset_vf(0);
    master_reset_vf(1);
    GRANTED(0, MBX_VF_SET_PROMISC); /* none is nothing to refuse */
    REFUSED(0, "only a trusted VF may be promiscuous", MBX_VF_SET_PROMISC | INFO(1));
    REFUSED(0, "only a trusted VF may be promiscuous", MBX_VF_SET_PROMISC | INFO(2));
    assert_int_equal(master_set(0, set_trust, true), 0);
    master_polls(1);
    assert_true(master_hears(0));
    REFUSED(0, "unknown kind of promiscuity", MBX_VF_SET_PROMISC | INFO(4));
    GRANTED(0, MBX_VF_SET_PROMISC | INFO(MBX_PROMISC_UNICAST | MBX_PROMISC_MULTICAST));
    assert_true(master_info(0).promiscuous && master_info(0).all_multicast);
    assert_true(frame_from_vf(1, 0x020000000f0f, vf_mac(1), 0, 1));
    assert_int_equal(frame_at(1, NULL), AT_WIRE | 1);
    frame_from_wire(0x01005e777777ull, STATION, 0, 2);
    assert_int_equal(frame_at(2, NULL), 1);
    GRANTED(0, MBX_VF_SET_PROMISC);
    assert_true(frame_from_vf(1, 0x020000000f0f, vf_mac(1), 0, 3));
    assert_int_equal(frame_at(3, NULL), AT_WIRE);
}

/* Hostile VFs ---------------------------------------------------------------------------- */

static void unknown_messages_are_refused_and_counted(void **state)
{
    master_reset_vf(0);
    for (uint32_t type = 7; type < 0x10000; type = type * 3 + 1) {
        REFUSED(0, "unknown message", type);
        master_polls(5);
    }
    assert_true(master_info(0).invalid > 5);
    REFUSED(0, "unknown message", 0);
    REFUSED(0, "unknown message", MBX_PF_CONTROL);
}

/* Our own answer, rung for again, or a request for nothing. */
static void answers_are_no_requests(void **state)
{
    master_reset_vf(0);
    uint64_t messages = master_info(0).messages;
    igb_model_vf_write(&master.model, 0, MBX_V2P, MBX_V2P_REQ);
    master_polls(1);
    assert_false(master_hears(0));
    assert_false(MASTER_ASK(0, MBX_VF_SET_LPE | MBX_ACK, 1522));
    assert_false(MASTER_ASK(0, MBX_VF_RESET | MBX_NACK));
    assert_int_equal(master_info(0).messages, messages + 3);
    assert_int_equal(master_info(0).invalid, 3);
    GRANTED(0, MBX_VF_SET_LPE, 1522); /* and the buffer is free again */
}

/* Every word of a message at random: an answer each time, and never a rule broken. */
static void noise_is_answered(void **state)
{
    uint64_t seed = 1;
    uint32_t words[MBX_WORDS];
    for (unsigned i = 0; i < 2000; i++) {
        for (unsigned k = 0; k < MBX_WORDS; k++)
            words[k] = (uint32_t)((seed = seed * 6364136223846793005ull + 1) >> 32);
        if (i & 1)
            words[0] &= INFO(0xff) | 7;
        else
            words[0] &= ~(MBX_ACK | MBX_NACK);
        assert_true(igb_model_vf_send(&master.model, 1, words, MBX_WORDS));
        master_polls(6);
        assert_true(master_hears(1));
        assert_true(!(master.reply[0] & MBX_ACK) != !(master.reply[0] & MBX_NACK));
    }
    assert_int_equal(master_info(1).messages, 2000);
}

/* Served as often as a VF may ask, and no more; its neighbour is served at once all the while. */
static void a_flood_is_deferred_and_hurts_nobody(void **state)
{
    static const uint32_t lpe[] = { MBX_VF_SET_LPE, 1522 };
    unsigned answers = 0, sent = 0;
    master_reset_vf(0);
    master_reset_vf(1);
    for (unsigned ms = 0; ms < 2000; ms++) {
        sent += igb_model_vf_send(&master.model, 0, lpe, 2);
        if (ms % 20 == 0) {
            GRANTED(1, MBX_VF_SET_LPE, 1522);
        } else {
            master_polls(1);
        }
        answers += master_hears(0);
    }
    struct vf_info flood = master_info(0), other = master_info(1);
    assert_true(sent > 1900);
    assert_true(answers >= 64 + 390 && answers <= 64 + 410); /* a burst, and 200 a second */
    assert_int_equal(flood.messages, answers + 1);
    assert_true(flood.deferred >= 300);
    assert_int_equal(other.deferred, 0);
    assert_int_equal(other.messages, 101);
}

/* So many registers a poll, however much is asked: work is bounded, not only messages. */
static void a_poll_serves_one_message_of_each(void **state)
{
    static const uint32_t lpe[] = { MBX_VF_SET_LPE, 1522 };
    for (unsigned i = 0; i < 3; i++) {
        master_reset_vf(i);
        assert_true(igb_model_vf_send(&master.model, i, lpe, 2));
    }
    master_polls(1);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(master_info(i).messages, 2);
        assert_true(master_hears(i));
    }
}

/* A VF that rings and keeps the buffer is served in it, and holds nobody up. */
static void a_kept_buffer_is_read(void **state)
{
    master_reset_vf(0);
    master_reset_vf(1);
    igb_model_vf_hold(&master.model, 0, true);
    igb_model_vf_write(&master.model, 0, MBX_VF_MEMORY(0), MBX_VF_SET_LPE);
    igb_model_vf_write(&master.model, 0, MBX_VF_MEMORY(1), 1600);
    igb_model_vf_write(&master.model, 0, MBX_V2P, MBX_V2P_REQ | MBX_V2P_VFU);
    master_polls(5);
    assert_int_not_equal(master_info(0).frame, 1600);
    GRANTED(1, MBX_VF_SET_LPE, 1522);
    master_polls(10);
    assert_int_equal(master_info(0).frame, 1600);
    assert_true(igb_model_vf_read(&master.model, 0, MBX_V2P) & MBX_V2P_PFACK);
    igb_model_vf_hold(&master.model, 0, false);
    master_polls(1);
    assert_true(master_hears(0));
    assert_true(master_acked(0, MBX_VF_SET_LPE));
    assert_int_equal(master_info(0).mailbox, VF_MAILBOX_OPEN);
}

/* 8.14, RVFU: who keeps the buffer in silence loses it when we have something to say. */
static void a_buffer_held_in_silence_is_taken_back_for_a_ping(void **state)
{
    master_reset_vf(0);
    igb_model_vf_hold(&master.model, 0, true);
    assert_int_equal(master_set(0, set_trust, true), 0);
    master_polls(95);
    assert_int_equal(master_info(0).mailbox, VF_MAILBOX_OPEN);
    master_polls(10);
    assert_int_equal(master_info(0).mailbox, VF_MAILBOX_STUCK);
    assert_true(host_log_contains("VF 0: holds the mailbox and says nothing"));
    assert_true(master_hears(0));
    assert_int_equal(master.reply[0], MBX_PF_CONTROL | MBX_CTS);
}

static const char *counted_text;
static unsigned counted;

static void count_line(void *ctx, const char *line)
{
    counted += strstr(line, counted_text) != NULL;
}

static unsigned log_lines(const char *text)
{
    counted_text = text;
    counted = 0;
    log_for_each(count_line, NULL);
    return counted;
}

static void the_log_is_not_flooded(void **state)
{
    master_reset_vf(0);
    for (unsigned i = 0; i < 60; i++)
        assert_true(MASTER_ASK(0, 0x55 + i));
    assert_int_equal(log_lines("VF 0: refused"), 1);
    assert_int_equal(log_lines("lines not shown"), 0); /* none were held back */
    host_advance_us(3 * US_PER_S);
    assert_true(MASTER_ASK(0, 0x55)); /* the same again is no news */
    assert_int_equal(log_lines("VF 0: refused"), 1);
    assert_true(MASTER_ASK(0, MBX_VF_SET_LPE, 1));
    assert_int_equal(log_lines("VF 0: refused"), 2);
    assert_true(host_log_contains("frames are 64 to 9728 bytes (60 lines not shown)"));
    assert_true(MASTER_ASK(0, MBX_VF_SET_MAC, 1, 1)); /* another, but too soon */
    assert_int_equal(log_lines("VF 0: refused"), 2);
}

/* Control messages -------------------------------------------------------------------------- */

static void a_link_change_is_told_to_those_who_listen(void **state)
{
    master_reset_vf(0);
    igb_model_set_link(&master.model, false);
    master_polls(20);
    assert_true(master_hears(0));
    assert_int_equal(master.reply[0], MBX_PF_CONTROL | MBX_CTS);
    assert_false(master_hears(1)); /* has no driver yet */
    igb_model_set_link(&master.model, true);
    master_polls(20);
    assert_true(master_hears(0));
    assert_int_equal(master.reply[0], MBX_PF_CONTROL | MBX_CTS);
}

/* A message that is finished just when a ping is due: after the look at MBVFICR, before the PF
 * has the buffer. */
static void send_when_a_ping_is_due(struct igb_model *m, uint32_t reg)
{
    static const uint32_t lpe[] = { MBX_VF_SET_LPE, 1522 };
    const struct igb *e = master.port->priv;
    if (reg == IGB_VFLRE && e->f.master->server.vf[0].ping && igb_model_vf_send(m, 0, lpe, 2))
        m->before_pf_reads = NULL;
}

static void a_ping_is_not_written_over_a_message(void **state)
{
    unsigned answers = 0, pings = 0;
    master_reset_vf(0);
    master.model.before_pf_reads = send_when_a_ping_is_due;
    igb_model_set_link(&master.model, false);
    for (unsigned ms = 0; ms < 500; ms++) {
        master_polls(1);
        if (!master_hears(0))
            continue;
        answers += (master.reply[0] & MBX_TYPE) == MBX_VF_SET_LPE;
        pings += (master.reply[0] & MBX_TYPE) == MBX_PF_CONTROL;
    }
    assert_null(master.model.before_pf_reads); /* it was sent */
    assert_int_equal(answers, 1);
    assert_int_equal(pings, 1);
}

/* An answer that the VF has not read is not written over, for some time. */
static void a_ping_waits_for_its_turn(void **state)
{
    static const uint32_t lpe[] = { MBX_VF_SET_LPE, 1522 };
    master_reset_vf(0);
    assert_true(igb_model_vf_send(&master.model, 0, lpe, 2));
    master_polls(1);
    igb_model_set_link(&master.model, false);
    master_polls(20);
    assert_true(master_hears(0));
    assert_true(master_acked(0, MBX_VF_SET_LPE));
    master_polls(2);
    assert_true(master_hears(0));
    assert_int_equal(master.reply[0], MBX_PF_CONTROL | MBX_CTS);
    assert_true(igb_model_vf_send(&master.model, 0, lpe, 2)); /* and one that is never read */
    master_polls(1);
    igb_model_set_link(&master.model, true);
    master_polls(200);
    assert_true(master_hears(0));
    assert_int_equal(master.reply[0], MBX_PF_CONTROL | MBX_CTS);
}

/* Linux's VF driver resets when it gets a NACK for what it read, not before. */
static void a_vf_that_reads_and_does_nothing_is_told_again(void **state)
{
    master_reset_vf(0);
    assert_int_equal(master_set(0, set_mac, 0x020000000077), 0);
    master_polls(1);
    assert_true(master_hears(0));
    assert_int_equal(master.reply[0], MBX_PF_CONTROL);
    master_polls(1);
    assert_true(master_hears(0));
    assert_int_equal(master.reply[0], MBX_NACK);
    master_polls(900);
    assert_false(master_hears(0)); /* it has a second */
    master_polls(200);
    assert_true(master_hears(0)); /* Linux's may have reset too lately to do it again */
    assert_int_equal(master.reply[0], MBX_NACK);
    master_reset_vf(0);
    master_polls(1900);
    assert_false(master_hears(0));
}

/* Linux's looks every two seconds and acknowledges what lies there, were it ever so old. */
static void who_reads_after_the_pf_came_back_is_told_to_reset(void **state)
{
    master_reset_vf(0);
    port_stop(master.port);
    assert_int_equal(port_start(master.port), 0);
    master_polls(2000);
    (void)master_hears(0);
    igb_model_vf_write(&master.model, 0, 0x0c40, MBX_V2P_ACK);
    master_polls(1);
    assert_true(master_hears(0));
    assert_int_equal(master.reply[0], MBX_NACK);
    master_reset_vf(0);
}

/* A VF that starts anew at once is answered, and not with that NACK. */
static void a_vf_that_reads_and_resets_is_answered(void **state)
{
    master_reset_vf(0);
    assert_int_equal(master_set(0, set_mac, 0x020000000077), 0);
    master_polls(1);
    assert_true(master_hears(0));
    master_reset_vf(0);
    assert_int_equal(vf_mac(0), 0x020000000077);
    master_polls(10);
    assert_false(master_hears(0));
}

static void a_pf_that_goes_says_so(void **state)
{
    master_reset_vf(0);
    master.model.reset_does_nothing = true; /* lets us see what was said last */
    port_stop(master.port);
    assert_true(master_hears(0));
    assert_int_equal(master.reply[0], MBX_PF_CONTROL);
    master.model.reset_does_nothing = false;
    assert_int_equal(port_start(master.port), 0);
}

/* Messages that are lost on the way, either way, hurt nobody for good. */
static void lost_messages_are_sent_again(void **state)
{
    master_reset_vf(0);
    master.model.messages_vanish = true;
    assert_false(MASTER_ASK(0, MBX_VF_SET_LPE, 1522));
    master.model.messages_vanish = false;
    GRANTED(0, MBX_VF_SET_LPE, 1522);
    GRANTED(0, MBX_VF_SET_LPE, 1522);
}

/* Drivers ---------------------------------------------------------------------------------- */

/* DPDK's, from its code (drivers/net/intel/e1000): reset, the same address again, all VLANs off,
 * promiscuity and groups as the application says, length at the end. */
static void dpdk_comes_up(void **state)
{
    igb_model_vf_write(&master.model, 0, 0, 1u << 26); /* VTCTRL.RST */
    master_reset_vf(0);
    GRANTED(0, MBX_VF_SET_MAC, master.reply[1], master.reply[2]);
    REFUSED(0, "only a trusted VF may be promiscuous", MBX_VF_SET_PROMISC | INFO(1));
    REFUSED(0, "only a trusted VF may be promiscuous", MBX_VF_SET_PROMISC | INFO(2));
    GRANTED(0, MBX_VF_SET_PROMISC);
    GRANTED(0, MBX_VF_SET_VLAN | INFO(1), 4094);
    GRANTED(0, MBX_VF_SET_LPE, 1518 + 4);
    GRANTED(0, MBX_VF_SET_MULTICAST | INFO(MBX_MULTICAST_OVERFLOW | 30));
    assert_true(frame_from_vf(0, STATION, vf_mac(0), 0, 1));
    assert_int_equal(frame_at(1, NULL), AT_WIRE);
}

/* What the recording's comments tell of the PF's side. */
static void happens(const char *text)
{
    static bool down;
    if (strstr(text, "the cable is pulled"))
        igb_model_set_link(&master.model, false);
    if (strstr(text, "and put in"))
        igb_model_set_link(&master.model, true);
    if (strstr(text, "and up") && down) {
        assert_int_equal(port_start(master.port), 0);
        igb_model_set_link(&master.model, true);
        down = false;
    }
    if (strstr(text, "the PF goes down")) {
        port_stop(master.port);
        down = true;
    }
    if (strstr(text, "gives the VF a MAC")) {
        assert_int_equal(master_set(0, set_mac, 0x020000000301), 0);
        master_polls(1);
        master_hears(0);
        master_reset_vf(0); /* Linux's igb does not tell the VF; we do */
    }
    if (strstr(text, "puts the VF into VLAN 100"))
        assert_int_equal(master_set(0, set_vlan, 100), 0);
    if (strstr(text, "trusts the VF"))
        assert_int_equal(master_set(0, set_trust, true), 0);
    master_polls(30);
    while (master_hears(0) || master_hears(1))
        master_polls(30);
}

/* Where we answer otherwise than Linux's igb: a VF has an address from the beginning, and to
 * forget further ones asks for nothing that could be refused. */
static bool answered_as_recorded(const uint32_t *asked, uint32_t recorded)
{
    if (asked[0] == MBX_VF_RESET || asked[0] == (MBX_VF_SET_MAC | INFO(MBX_MAC_FILTER_CLEAR)))
        return master.reply[0] & MBX_ACK;
    return ((master.reply[0] ^ recorded) & (MBX_ACK | MBX_NACK | MBX_CTS)) == 0;
}

static unsigned words_of(char *text, uint32_t *words)
{
    unsigned n = 0;
    for (char *w = strtok(text, " \n"); w && n < MBX_WORDS; w = strtok(NULL, " \n"))
        words[n++] = (uint32_t)strtoul(w, NULL, 16);
    return n;
}

static void linux_is_served(void **state)
{
    FILE *file = fopen("tests/data/mailbox/igbvf.txt", "r");
    char line[256], rest[200], side[8];
    uint32_t asked[2][MBX_WORDS], recorded[MBX_WORDS];
    bool waits[2] = { false };
    unsigned vf, compared = 0;
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        if (line[0] == '#')
            happens(line);
        if (sscanf(line, "%u %7s %199[^\n]", &vf, side, rest) != 3 || vf > 1)
            continue;
        if (!strcmp(side, "vf") && !strcmp(rest, "reset")) {
            igb_model_vf_flr(&master.model, vf);
        } else if (!strcmp(side, "vf") && strcmp(rest, "ack")) {
            unsigned n = words_of(rest, asked[vf]);
            master_polls(10);
            while (master_hears(vf)) /* control messages */
                master_polls(1);
            assert_true(master_ask(vf, asked[vf], n));
            waits[vf] = true;
        } else if (!strcmp(side, "pf") && waits[vf] && strcmp(rest, "ack") &&
                   words_of(rest, recorded) &&
                   (recorded[0] & MBX_TYPE) == (asked[vf][0] & MBX_TYPE)) {
            if (!answered_as_recorded(asked[vf], recorded[0]))
                fail_msg("%08x was answered %08x, and here %08x", asked[vf][0], recorded[0],
                         master.reply[0]);
            waits[vf] = false;
            compared++;
        }
    }
    fclose(file);
    assert_true(compared > 80);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(nothing_goes_before_a_reset),
        T(a_reset_is_answered_with_the_address),
        T(a_reset_with_decorations_is_none),
        T(a_second_reset_forgets_what_was_granted),
        T(a_vf_chooses_its_address),
        T(an_address_that_cannot_be_is_refused),
        T(six_octets_are_an_address),
        T(an_address_of_the_administrator_stays),
        T(further_addresses_are_filtered_for),
        T(address_filters_run_out),
        T(groups_are_filtered_by_hash),
        T(too_many_groups_mean_all),
        T(a_hash_stays_in_the_table),
        T(vlans_are_joined_and_left),
        T(a_vlan_that_cannot_be_is_refused),
        T(a_vlan_of_the_administrator_replaces_the_vfs_own),
        T(frames_are_as_long_as_granted),
        T(promiscuity_is_for_the_trusted),
        T(unknown_messages_are_refused_and_counted),
        T(answers_are_no_requests),
        T(noise_is_answered),
        T(a_flood_is_deferred_and_hurts_nobody),
        T(a_poll_serves_one_message_of_each),
        T(a_kept_buffer_is_read),
        T(a_buffer_held_in_silence_is_taken_back_for_a_ping),
        T(the_log_is_not_flooded),
        T(a_link_change_is_told_to_those_who_listen),
        T(a_ping_is_not_written_over_a_message),
        T(a_ping_waits_for_its_turn),
        T(a_vf_that_reads_and_does_nothing_is_told_again),
        T(who_reads_after_the_pf_came_back_is_told_to_reset),
        T(a_vf_that_reads_and_resets_is_answered),
        T(a_pf_that_goes_says_so),
        T(lost_messages_are_sent_again),
        T(dpdk_comes_up),
        T(linux_is_served),
    };
    chip = IGB_MODEL_82576;
    int failed = cmocka_run_group_tests_name("82576", tests, NULL, NULL);
    chip = IGB_MODEL_I350;
    return failed + cmocka_run_group_tests_name("I350", tests, NULL, NULL);
}
