/* i40e.c with i40e_sriov.c, and iavf.c (vf_pair.h). */
#include "kernel/task.h"
#include "kernel/time.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/i40e_model.h"

static struct {
    struct i40e_model m;
    struct pci_function *function;
    bool messages_vanish;
} model;
static enum i40e_model_chip chip;

#define MODEL(function) pair_##function
#define TOLD_MS 100u /* it may hear of a reset before it comes */
#define PF_MTU 1500
#define UNISOLATED false
#define FRAME_IS(bytes, mtu) ((bytes) == 9728u || (bytes) == 9724u)

static bool pair_inject(void *unused, const uint8_t *frame, uint32_t length)
{
    return i40e_model_inject(&model.m, frame, length);
}

static uint32_t pair_take(void *unused, uint8_t *frame, uint32_t size)
{
    return i40e_model_take(&model.m, frame, size);
}

static void pair_run(void *unused)
{
    uint8_t frame[16384];
    while (i40e_model_take(&model.m, frame, sizeof frame))
        continue;
}

/* What VFs say is lost on its way through the chip. */
static const struct iavf_behind *behind;
static struct iavf_behind lossy;

static void message(struct iavf_model *vf, uint32_t op, const uint8_t *bytes, uint32_t n)
{
    if (!model.messages_vanish)
        behind->message(vf, op, bytes, n);
}

static void pair_init(void *unused, enum i40e_model_chip which, const uint8_t *mac)
{
    i40e_model_init(&model.m, which, 0, mac);
    model.function = model.m.function;
    model.messages_vanish = false;
    behind = model.m.vf[0].behind;
    lossy = *behind;
    lossy.message = message;
    for (unsigned i = 0; i < model.m.vfs; i++)
        model.m.vf[i].behind = &lossy;
}

static void run_ms(unsigned ms);

/* Firmware tells the PF, which tells its VFs. */
static void pair_set_link(void *unused, bool up)
{
    i40e_model_set_link(&model.m, up);
    run_ms(5);
}

static unsigned pair_violations(void *unused)
{
    return i40e_model_violations(&model.m);
}

static void pair_vf_flr(void *unused, unsigned vf)
{
    i40e_model_vf_flr(&model.m, vf);
}
/* A VF that stops waits for its PF's answer: as in the image it waits in a task, and the poll loop
 * goes on. */
static struct port_ops vf_ops;
static void (*vf_stop)(struct port *port);
static struct port *pf;
static bool stopped;

static void stop_entry(void *port)
{
    vf_stop(port);
    stopped = true;
}

static void stop_in_task(struct port *port)
{
    stopped = false;
    assert_non_null(task_create(stop_entry, port));
    while (!stopped) {
        task_turn();
        host_advance_us(1000);
        port_poll(pf, time_us()); /* nobody else: the port that stops is held */
    }
    task_turn(); /* it is over */
}

static void comes(struct port *port)
{
    vf_ops = *port->ops;
    vf_stop = vf_ops.stop == stop_in_task ? vf_stop : vf_ops.stop;
    vf_ops.stop = stop_in_task;
    port->ops = &vf_ops;
}

#define COMES(port) comes(port)
#define LOOK_MESSAGES 2u /* statistics, too */

#include "tests/models/vf_pair.h"

/* From the PF to a VF and back, inside the chip; what neither is meant to see reaches the wire. */
static void the_pf_and_its_vfs_reach_each_other(void **state)
{
    uint8_t bytes[100] = { 0 };
    struct packet *p, *got;
    memcpy(bytes, vf[1]->mac, MAC_LEN);
    memcpy(bytes + MAC_LEN, pf->mac, MAC_LEN);
    p = conformance_packet(&pf_cache, bytes, sizeof bytes, PACKET_ROOM);
    assert_int_equal(port_tx_burst(pf->txq[0], &p, 1), 1);
    assert_int_equal(i40e_model_take(&model.m, bytes, sizeof bytes), 0);
    assert_int_equal(port_rx_burst(vf[1]->rxq[0], &got, 1), 1);
    packet_free(&vf_cache, got);
    assert_int_equal(port_rx_burst(vf[0]->rxq[0], &got, 1), 0);

    p = frame_for(pf->mac, vf[1]->mac, 1);
    assert_int_equal(port_tx_burst(vf[1]->txq[0], &p, 1), 1);
    assert_int_equal(i40e_model_take(&model.m, bytes, sizeof bytes), 0);
    assert_int_equal(port_rx_burst(pf->rxq[0], &got, 1), 1);
    packet_free(&pf_cache, got);

    p = frame_for((const uint8_t[]){ 2, 1, 1, 1, 1, 1 }, vf[1]->mac, 1); /* nobody's here */
    assert_int_equal(port_tx_burst(vf[1]->txq[0], &p, 1), 1);
    assert_int_equal(i40e_model_take(&model.m, bytes, sizeof bytes), sizeof bytes);
    assert_int_equal(port_rx_burst(pf->rxq[0], &got, 1), 0);
}

/* With the check a frame of a foreign sender goes nowhere, without it to the wire. */
static void who_is_checked_sends_as_itself(void **state)
{
    static const uint8_t foreign[MAC_LEN] = { 2, 5, 5, 5, 5, 5 };
    struct vf_policy policy = policy_of(2);
    for (unsigned on = 2; on--;) {
        uint8_t bytes[100];
        policy.spoofcheck = on;
        set_policy(2, policy);
        struct packet *p = frame_for((const uint8_t[]){ 2, 1, 1, 1, 1, 1 }, foreign, 1);
        assert_int_equal(port_tx_burst(vf[2]->txq[0], &p, 1), 1);
        assert_int_equal(i40e_model_take(&model.m, bytes, sizeof bytes), on ? 0 : sizeof bytes);
    }
    assert_int_equal(model.m.spoofed, 1);
}

/* The administrator's VLAN: a tag on the wire, none for the VF, and nobody of another VLAN. */
static void an_access_port_has_its_tag_on_the_wire(void **state)
{
    struct vf_policy policy = policy_of(0);
    uint8_t bytes[200] = { 0 };
    struct packet *got;
    policy.vlan = 100;
    set_policy(0, policy);
    run_ms(5);
    assert_in_range(all_up_within(TOLD_MS + 100), 0, TOLD_MS + 60);
    struct packet *p = frame_for((const uint8_t[]){ 2, 1, 1, 1, 1, 1 }, vf[0]->mac, 9);
    assert_int_equal(port_tx_burst(vf[0]->txq[0], &p, 1), 1);
    assert_int_equal(i40e_model_take(&model.m, bytes, sizeof bytes), 104);
    assert_memory_equal(bytes + 12, ((const uint8_t[]){ 0x81, 0, 0, 100 }), 4);
    memcpy(bytes, vf[0]->mac, MAC_LEN);
    assert_true(i40e_model_inject(&model.m, bytes, 104));
    assert_int_equal(port_rx_burst(vf[0]->rxq[0], &got, 1), 1);
    assert_int_equal(got->frame_length, 100);
    assert_false(got->flags & PACKET_VLAN);
    packet_free(&vf_cache, got);
    assert_false(wire_reaches(0, vf[0]->mac)); /* without a tag */
    assert_false(passes(1, 0));
}

/* What both ends count of a VF is the same, since it was made and since it was reset. */
static void frames_are_counted(void **state)
{
    struct vf_info info;
    for (unsigned i = 0; i < 7; i++)
        assert_true(passes(0, 1));
    a_function_reset_is_seen_by_both(state);
    pf->vf->info(pf, 1, &info);
    uint64_t rx = info.rx_packets;
    assert_true(rx >= 7);
    assert_int_equal(info.rx_bytes, 100 * rx);
    for (unsigned i = 0; i < 5; i++)
        assert_true(passes(0, 1));
    pf->vf->info(pf, 1, &info);
    assert_int_equal(info.rx_packets, rx + 5);
}

#define MANY 128u
#define MANY_RING 64u

/* As many as the chip has, each of them a port here, each reaching the next. */
static void all_of_the_chips_vfs_work(void **state)
{
    host_reset();
    port_reset_registry();
    chip = I40E_MODEL_XL710_ONE;
    patience = 5000;
    vf_pool = packet_pool_create(MANY * MANY_RING + VF_PACKETS);
    packet_cache_init(&vf_cache, vf_pool);
    make(MANY, &vf_cache);
    for (unsigned i = 0; i < MANY; i++) {
        vf[i]->rxq[0]->size = vf[i]->txq[0]->size = MANY_RING;
        assert_int_equal(port_start(vf[i]), 0);
    }
    assert_in_range(all_up_within(2000), 0, 1999);
    settle();
    for (unsigned i = 0; i < MANY; i++)
        assert_true(passes(i, (i + 1) % MANY));
    i40e_model_reset_begin(&model.m, I40E_RESET_CORE);
    run_ms(500);
    assert_in_range(all_up_within(10000), 0, 9999);
    for (unsigned i = 0; i < MANY; i++)
        assert_true(passes(i, (i + 1) % MANY));
    for (unsigned i = 0; i < MANY; i++)
        port_stop(vf[i]);
    unmake();
    packet_cache_flush(&vf_cache);
    assert_int_equal(packet_pool_available(vf_pool), MANY * MANY_RING + VF_PACKETS);
    packet_pool_destroy(vf_pool);
    assert_int_equal(host_dma_refused(), 0);
    assert_int_equal(i40e_model_violations(&model.m), 0);
    chip = I40E_MODEL_X710;
    patience = 200;
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(the_pf_and_its_vfs_reach_each_other),
                                        TEST(who_is_checked_sends_as_itself),
                                        TEST(an_access_port_has_its_tag_on_the_wire),
                                        TEST(frames_are_counted),
                                        PAIR_TESTS,
                                        cmocka_unit_test(all_of_the_chips_vfs_work) };
    const struct CMUnitTest some[] = { TEST(each_has_an_address_and_the_others_reach_it),
                                       TEST(an_access_port_has_its_tag_on_the_wire),
                                       TEST(the_pfs_port_stops_and_starts) };
    int failed = cmocka_run_group_tests_name("x710", tests, NULL, NULL);
    chip = I40E_MODEL_X722;
    failed += cmocka_run_group_tests_name("x722", some, NULL, NULL);
    failed += conformance("iavf_with_i40e_x710", I40E_MODEL_X710, 1);
    return failed + conformance("iavf_beside_7", I40E_MODEL_X710_FOUR, 8);
}
