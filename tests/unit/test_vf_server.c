/* vf_server.c over a chip that has nothing but mailboxes: the protocol is no chip's.  63 VFs, as
 * many as any of Intel's chips with this mailbox makes.  What an 82576 does with it:
 * tests/models/test_igb_mailbox.c and test_igb_pf.c. */
#include "nic/intel/vf_server.h"

#include "kernel/mmio.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <errno.h>
#include <string.h>

#define VFS 63u
#define MAILBOXES 0x4b00u
#define MEMORY 0x13000u
#define WINDOW 0x20000u
#define WINDOW_PA 0xfe000000u
#define LAST (VFS - 1)

static struct chip {
    uint32_t memory[VFS][MBX_WORDS];
    uint64_t held_by_vf; /* a bit a VF, as are all */
    uint64_t held_by_pf, told, read_by_pf;
    struct vf_events events;
    unsigned programmed, cleared;
    bool gone;
} chip;

static struct vf_server server;
static struct port port = { .mac = { 0x52, 0x54, 0, 0, 0, 1 } };

/* The chip -------------------------------------------------------------------------- */

static uint64_t window_read(void *ctx, uint64_t offset, unsigned size)
{
    assert_int_equal(size, 4);
    if (offset >= MEMORY)
        return ((uint32_t *)chip.memory)[(offset - MEMORY) / 4];
    return chip.held_by_pf >> (offset - MAILBOXES) / 4 & 1 ? MBX_P2V_PFU : 0;
}

static void mailbox_write(uint64_t bit, uint32_t value)
{
    if (value & MBX_P2V_RVFU)
        chip.held_by_vf &= ~bit;
    if (value & MBX_P2V_PFU && !(chip.held_by_vf & bit))
        chip.held_by_pf |= bit;
    else
        chip.held_by_pf &= ~bit;
    chip.told |= value & MBX_P2V_STS ? bit : 0;
    chip.read_by_pf |= value & MBX_P2V_ACK ? bit : 0;
}

static void window_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    assert_int_equal(size, 4);
    if (offset >= MEMORY)
        ((uint32_t *)chip.memory)[(offset - MEMORY) / 4] = (uint32_t)value;
    else
        mailbox_write(1ull << (offset - MAILBOXES) / 4, (uint32_t)value);
}

static bool take_events(void *ctx, struct vf_events *events)
{
    *events = chip.events;
    chip.events.acks = chip.events.resets = 0;
    return !chip.gone;
}

static bool has_request(void *ctx, unsigned vf)
{
    return chip.events.requests >> vf & 1;
}

static void clear_request(void *ctx, unsigned vf)
{
    chip.events.requests &= ~(1ull << vf);
}

static void clear_queues(void *ctx, unsigned vf)
{
    chip.cleared++;
}

static void program(void *ctx)
{
    chip.programmed++;
}

static const char *no_promiscuity(struct vf_server *s, unsigned vf, const uint32_t *message,
                                  struct vf_answer *said)
{
    return "this family has another message of that number";
}

static vf_request_fn *const requests[] = {
    [MBX_VF_SET_MAC] = vf_request_mac,
    [MBX_VF_SET_VLAN] = vf_request_vlan,
    [MBX_VF_SET_PROMISC] = no_promiscuity,
};

static const struct vf_server_ops ops = { .requests = requests,
                                          .request_types = ARRAY_SIZE(requests),
                                          .echoed = 1u << MBX_VF_SET_MAC,
                                          .reset_words = MBX_RESET_MULTICAST,
                                          .take_events = take_events,
                                          .has_request = has_request,
                                          .clear_request = clear_request,
                                          .clear_queues = clear_queues,
                                          .program = program };

static int set_up(void **state)
{
    host_reset();
    host_advance_us(US_PER_S);
    host_add_mmio(&(struct host_window){
        .base = WINDOW_PA, .size = WINDOW, .read = window_read, .write = window_write });
    uint8_t *regs = mmio_map(WINDOW_PA, WINDOW);
    chip = (struct chip){ .held_by_vf = 0 };
    server = (struct vf_server){
        .ops = &ops,
        .limits = { .chip = "fake",
                    .macs = 2,
                    .vf_macs = VF_MACS,
                    .vlans = 4,
                    .rate_mbps = 10000,
                    .rate_min_mbps = 1,
                    .frame = VF_FRAME_DEFAULT },
        .name = "fake 01:00.0",
        .port = &port,
        .mailboxes = regs + MAILBOXES,
        .memory = regs + MEMORY,
    };
    assert_int_equal(vf_server_create(&server, VFS), 0);
    vf_server_open(&server);
    return 0;
}

static int tear_down(void **state)
{
    vf_server_destroy(&server);
    return 0;
}

static bool poll_ms(unsigned ms)
{
    host_advance_us(ms * US_PER_MS);
    return vf_server_poll(&server, time_us());
}

/* The first word of the answer; 0: there was none. */
static uint32_t answer(unsigned vf)
{
    uint64_t bit = 1ull << vf;
    if (!(chip.told & bit))
        return 0;
    chip.told &= ~bit;
    chip.events.acks |= bit;
    return chip.memory[vf][0];
}

static uint32_t ask(unsigned vf, uint32_t word0, uint32_t word1, uint32_t word2)
{
    memcpy(chip.memory[vf], (uint32_t[]){ word0, word1, word2 }, 12);
    chip.events.requests |= 1ull << vf;
    assert_true(poll_ms(10));
    return answer(vf);
}

static struct vf_info info(unsigned vf)
{
    struct vf_info i;
    vf_server_info(&server, vf, &i);
    return i;
}

static int set_policy(unsigned vf, struct vf_policy policy, const char **why)
{
    return vf_server_set(&server, vf, &policy, why);
}

#define ADD FIELD_PUT(MBX_INFO, 1u)
#define FURTHER FIELD_PUT(MBX_INFO, MBX_MAC_FILTER_ADD)
#define CTS_ACK (MBX_CTS | MBX_ACK)
#define CTS_NACK (MBX_CTS | MBX_NACK)

/* Tests ------------------------------------------------------------------------------- */

static void the_last_of_63_is_served_like_the_first(void **state)
{
    assert_int_equal(ask(LAST, MBX_VF_RESET, 0, 0), MBX_VF_RESET | MBX_ACK);
    assert_memory_equal(&chip.memory[LAST][1], info(LAST).mac, MAC_LEN);
    assert_int_equal(info(LAST).mailbox, VF_MAILBOX_OPEN);
    assert_int_equal(info(LAST - 32).mailbox, VF_MAILBOX_CLOSED); /* no bit of a 32-bit word */
    assert_true(chip.read_by_pf == 1ull << LAST && !chip.held_by_pf);
    assert_int_equal(chip.programmed, 1);
}

static void a_reset_of_the_function_is_that_vf_alone(void **state)
{
    for (unsigned vf = 0; vf < VFS; vf++)
        assert_int_equal(ask(vf, MBX_VF_RESET, 0, 0), MBX_VF_RESET | MBX_ACK);
    chip.events.resets = 1ull << 40;
    poll_ms(1);
    assert_int_equal(chip.cleared, 1);
    for (unsigned vf = 0; vf < VFS; vf++)
        assert_int_equal(info(vf).mailbox, vf == 40 ? VF_MAILBOX_CLOSED : VF_MAILBOX_OPEN);
}

static void only_those_that_listen_hear_of_the_link(void **state)
{
    ask(LAST, MBX_VF_RESET, 0, 0);
    vf_server_link_changed(&server);
    poll_ms(200);
    assert_int_equal(answer(LAST), MBX_PF_CONTROL | MBX_CTS);
    assert_true(!chip.told);
}

static void the_chip_says_which_messages_there_are(void **state)
{
    ask(0, MBX_VF_RESET, 0, 0);
    assert_int_equal(ask(0, MBX_VF_SET_LPE, 1522, 0), MBX_VF_SET_LPE | CTS_NACK);
    assert_string_equal(info(0).last_refusal, "unknown message");
    assert_int_equal(ask(0, 0xffff, 0, 0), 0xffff | CTS_NACK);
    assert_int_equal(info(0).invalid, 2);
    assert_int_equal(ask(0, MBX_VF_SET_PROMISC, 0, 0), MBX_VF_SET_PROMISC | CTS_NACK);
    assert_int_equal(info(0).invalid, 2);
    assert_string_equal(info(0).last_refusal, "this family has another message of that number");
}

static void filters_are_shared_by_all(void **state)
{
    for (unsigned vf = 0; vf < 3; vf++)
        ask(vf, MBX_VF_RESET, 0, 0);
    for (uint32_t i = 0; i < 2; i++)
        assert_true(ask(i, MBX_VF_SET_MAC | FURTHER, 2, i + 1) & MBX_ACK);
    assert_true(ask(2, MBX_VF_SET_MAC | FURTHER, 2, 3) & MBX_NACK);
    assert_string_equal(info(2).last_refusal, "all address filters are taken");
    for (uint32_t i = 0; i < 2; i++) /* of four, one is VLAN 0's, and one is left to the PF */
        assert_true(ask(i, MBX_VF_SET_VLAN | ADD, 100 + i, 0) & MBX_ACK);
    assert_true(ask(2, MBX_VF_SET_VLAN | ADD, 102, 0) & MBX_NACK);
    assert_string_equal(info(2).last_refusal, "all VLAN filters are taken");
    assert_true(ask(2, MBX_VF_SET_VLAN | ADD, 101, 0) & MBX_ACK); /* there is one of it */
}

static void vlans_tell_whose_they_are(void **state)
{
    struct vf_vlans vlans;
    ask(1, MBX_VF_RESET, 0, 0);
    ask(LAST, MBX_VF_RESET, 0, 0);
    ask(1, MBX_VF_SET_VLAN | ADD, 7, 0);
    ask(LAST, MBX_VF_SET_VLAN | ADD, 7, 0);
    vf_server_vlans(&server, &vlans);
    assert_int_equal(vlans.count, 2);
    assert_int_equal(vlans.vlan[1], 7);
    assert_true(vlans.pools[1] == (1ull << LAST | 1ull << 1));
    assert_true(vf_vlans_add(&vlans, 8, 1) && vf_vlans_add(&vlans, 9, 1));
    assert_false(vf_vlans_add(&vlans, 10, 1));
    assert_true(vf_vlans_add(&vlans, 9, 2));
    assert_true(vlans.pools[3] == 3);
}

static void nobody_gets_the_address_of_another(void **state)
{
    uint32_t words[2] = { 0 };
    for (unsigned vf = 0; vf < VFS; vf++)
        for (unsigned other = 0; other < vf; other++)
            assert_memory_not_equal(info(vf).mac, info(other).mac, MAC_LEN);
    ask(0, MBX_VF_RESET, 0, 0);
    memcpy(words, info(LAST).mac, MAC_LEN);
    assert_true(ask(0, MBX_VF_SET_MAC, words[0], words[1]) & MBX_NACK);
    assert_string_equal(info(0).last_refusal, "another VF has that address");
    memcpy(words, port.mac, MAC_LEN);
    assert_true(ask(0, MBX_VF_SET_MAC, words[0], words[1]) & MBX_NACK);
    assert_string_equal(info(0).last_refusal, "that address is the PF's");
    assert_true(vf_server_has_mac(&server, info(LAST).mac));
    assert_false(vf_server_has_mac(&server, port.mac));
}

static void a_refusal_names_the_chip_and_its_limit(void **state)
{
    struct vf_policy policy = info(0).policy;
    const char *why = NULL;
    policy.rate_mbps = 10000;
    assert_int_equal(set_policy(0, policy, &why), 0);
    policy.rate_mbps = 10001;
    assert_int_equal(set_policy(0, policy, &why), -EINVAL);
    assert_string_equal(why, "the fake limits to 1 to 10000 Mb/s");
    assert_int_equal(info(0).policy.rate_mbps, 10000);
    server.limits.rate_mbps = 0;
    policy = info(1).policy;
    policy.rate_mbps = 1;
    assert_int_equal(set_policy(1, policy, &why), -ENOTSUP);
    assert_string_equal(why, "the fake has no rate limiter");
    policy.rate_mbps = 0;
    policy.vlan = 5;
    assert_int_equal(set_policy(1, policy, &why), 0);
    policy.vlan = 6; /* in the place of 5, but both are counted until then */
    assert_int_equal(set_policy(2, policy, &why), 0);
    policy.vlan = 7;
    assert_int_equal(set_policy(3, policy, &why), -ENOSPC);
    assert_string_equal(why, "the fake has 4 VLAN filters, and all are taken");
}

static void malice_is_forgiven_four_times_and_ten_seconds(void **state)
{
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(ask(LAST, MBX_VF_RESET, 0, 0), MBX_VF_RESET | MBX_ACK);
        vf_server_malicious(&server, LAST, time_us());
        assert_int_equal(info(LAST).mailbox, i == 3 ? VF_MAILBOX_MUTED : VF_MAILBOX_CLOSED);
    }
    assert_int_equal(info(LAST).malicious, 4);
    poll_ms(200); /* it is told */
    answer(LAST);
    chip.events.resets = 1ull << LAST;
    assert_int_equal(ask(LAST, MBX_VF_RESET, 0, 0), 0);
    host_advance_us(VF_MUTED_US);
    chip.events.resets = 1ull << LAST;
    assert_int_equal(ask(LAST, MBX_VF_RESET, 0, 0), MBX_VF_RESET | MBX_ACK);
}

static void the_end_takes_all_back_and_says_so(void **state)
{
    ask(LAST, MBX_VF_RESET, 0, 0);
    chip.held_by_vf = 1; /* cannot be told */
    vf_server_close(&server);
    assert_int_equal(info(LAST).mailbox, VF_MAILBOX_CLOSED);
    assert_int_equal(answer(LAST), MBX_PF_CONTROL);
    assert_true(chip.told == ((1ull << LAST) - 2));
}

static void whoever_was_here_hears_that_the_pf_is_back(void **state)
{
    ask(LAST, MBX_VF_RESET, 0, 0);
    vf_server_close(&server);
    poll_ms(1);
    chip.told = 0;
    vf_server_open(&server);
    chip.events.acks = 1ull << LAST; /* of what it heard at the end */
    poll_ms(1);
    assert_true(chip.told == 1ull << LAST);
    assert_int_equal(answer(LAST), MBX_PF_CONTROL);
    chip.events.acks = 1ull << LAST;
    poll_ms(1);
    assert_int_equal(answer(LAST), MBX_NACK);
    assert_true(chip.told == 0);
}

/* As with version 1.5: the buffer is the VF's until it was acknowledged. */
static void keeps_and_rings(unsigned vf, uint32_t word0)
{
    chip.held_by_vf |= 1ull << vf;
    chip.told &= ~(1ull << vf); /* what was there is overwritten, and nobody read it */
    chip.read_by_pf &= ~(1ull << vf);
    chip.memory[vf][0] = word0;
    chip.events.requests |= 1ull << vf;
}

/* The word that it hears when it lets go of the buffer; 0: it was not acknowledged. */
static uint32_t lets_go(unsigned vf)
{
    bool acknowledged = chip.read_by_pf >> vf & 1;
    chip.held_by_vf &= ~(1ull << vf);
    assert_true(poll_ms(1));
    return acknowledged ? answer(vf) : 0;
}

/* Linux's ixgbevf, which spoke 1.5 before the PF went away: it writes a request over what the PF
 * says, unread. */
static void who_keeps_the_buffer_hears_that_it_must_reset(void **state)
{
    ask(LAST, MBX_VF_RESET, 0, 0);
    vf_server_close(&server);
    vf_server_open(&server);
    poll_ms(1);
    for (unsigned i = 0; i < 3; i++) {
        keeps_and_rings(LAST, MBX_VF_SET_LPE);
        poll_ms(1);
        poll_ms(20);
        assert_int_equal(lets_go(LAST), MBX_VF_SET_LPE | MBX_NACK);
    }
    assert_int_equal(info(LAST).mailbox, VF_MAILBOX_CLOSED);
    keeps_and_rings(LAST, MBX_VF_RESET);
    poll_ms(1);
    assert_int_equal(lets_go(LAST), MBX_VF_RESET | MBX_ACK);
    assert_int_equal(info(LAST).mailbox, VF_MAILBOX_OPEN);
}

/* The word that it must reset was written over, and then the buffer was held in silence. */
static void what_was_written_over_is_said_again(void **state)
{
    ask(LAST, MBX_VF_SET_MAC, 0, 0);
    poll_ms(1);
    assert_int_equal(chip.memory[LAST][0], MBX_NACK);
    chip.told = 0;
    poll_ms(900);
    assert_true(chip.told == 0);
    poll_ms(200);
    assert_int_equal(answer(LAST), MBX_NACK);
}

/* Linux's ixgbevf keeps the buffer with every version, when it spoke 1.5 once. */
static void who_keeps_the_buffer_is_served_whatever_its_version(void **state)
{
    ask(LAST, MBX_VF_RESET, 0, 0);
    keeps_and_rings(LAST, MBX_VF_SET_MAC);
    poll_ms(1);
    assert_int_equal(info(LAST).messages, 1); /* it might be writing anew */
    poll_ms(10);
    assert_int_equal(info(LAST).messages, 2);
    assert_int_equal(lets_go(LAST), MBX_VF_SET_MAC | CTS_ACK); /* the words are the last answer's */
    assert_int_equal(info(LAST).mailbox, VF_MAILBOX_OPEN);
}

/* Its driver stopped waiting: it does not know what it was granted. */
static void a_reset_whose_answer_was_not_taken_is_none(void **state)
{
    memcpy(chip.memory[LAST], (uint32_t[]){ MBX_VF_RESET }, 4);
    chip.events.requests |= 1ull << LAST;
    poll_ms(1);
    assert_int_equal(info(LAST).mailbox, VF_MAILBOX_OPEN);
    poll_ms(3000);
    assert_int_equal(chip.memory[LAST][0], MBX_VF_RESET | MBX_ACK);
    assert_int_equal(ask(LAST, MBX_VF_SET_MAC, 2, 0), MBX_VF_SET_MAC | MBX_NACK);
    assert_int_equal(info(LAST).mailbox, VF_MAILBOX_CLOSED);
    poll_ms(1);
    assert_int_equal(answer(LAST), MBX_NACK);
    assert_int_equal(ask(LAST, MBX_VF_RESET, 0, 0), MBX_VF_RESET | MBX_ACK);
    assert_int_equal(ask(LAST, MBX_VF_SET_MAC, 2, 0), MBX_VF_SET_MAC | CTS_ACK);
}

/* Linux's igbvf sends nothing when it stopped waiting, takes what lies there, and resets when that
 * says that it may speak. */
static void who_is_silent_after_its_reset_hears_that_it_may_speak(void **state)
{
    ask(LAST, MBX_VF_RESET, 0, 0);
    poll_ms(1900);
    assert_int_equal(answer(LAST), 0);
    poll_ms(200);
    assert_int_equal(answer(LAST), MBX_PF_CONTROL | MBX_CTS);
    poll_ms(10000);
    assert_int_equal(answer(LAST), 0);
    ask(LAST, MBX_VF_RESET, 0, 0);
    assert_int_equal(ask(LAST, MBX_VF_SET_MAC, 2, 0), MBX_VF_SET_MAC | CTS_ACK);
    poll_ms(10000);
    assert_int_equal(answer(LAST), 0);
}

static void a_chip_that_is_gone_has_no_messages(void **state)
{
    chip.gone = true;
    chip.events.requests = 1;
    assert_false(poll_ms(1));
    assert_int_equal(info(0).messages, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_last_of_63_is_served_like_the_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reset_of_the_function_is_that_vf_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(only_those_that_listen_hear_of_the_link, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_chip_says_which_messages_there_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(filters_are_shared_by_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(vlans_tell_whose_they_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_gets_the_address_of_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refusal_names_the_chip_and_its_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(malice_is_forgiven_four_times_and_ten_seconds, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_end_takes_all_back_and_says_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whoever_was_here_hears_that_the_pf_is_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_keeps_the_buffer_hears_that_it_must_reset, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_was_written_over_is_said_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_keeps_the_buffer_is_served_whatever_its_version, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_reset_whose_answer_was_not_taken_is_none, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_is_silent_after_its_reset_hears_that_it_may_speak,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_chip_that_is_gone_has_no_messages, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
