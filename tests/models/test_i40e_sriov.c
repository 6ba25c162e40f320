/* i40e_sriov.c, i40e_vsis.c and i40e_vf_queues.c with the server of virtchnl over the model of an
 * X710 or XL710, its VFs in the test's hands: how many there are, what the chip is told, resets
 * from every side, and what hostile ones can do.  With iavf.c as their driver: test_i40e_pair.c. */
#include "kernel/time.h"
#include "nic/intel/i40e/i40e_sriov.h"
#include "pci/sriov.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/i40e_rig.h"

#include <errno.h>
#include <string.h>

#define VFS 4u
#define CAPS (0xffffffffu & ~VIRTCHNL_CAP_VLAN_V2)

static struct i40e_rig *const rig = &i40e_rig;
static const char *why;

static void run_ms(unsigned ms)
{
    while (ms--) {
        host_advance_us(US_PER_MS);
        port_poll(nic.port, time_us());
        port_poll_link(nic.port);
    }
}

static void come(unsigned vfs)
{
    assert_int_equal(nic.port->vf->enable(nic.port, vfs, false, &why), 0);
    for (unsigned i = 0; i < vfs; i++)
        i40e_model_vf_play(&rig->model, i);
    run_ms(50);
}

static void start(enum i40e_model_chip chip, unsigned pf, unsigned vfs)
{
    assert_int_equal(i40e_rig_set_up(NULL), 0);
    i40e_rig_make(chip, pf);
    host_advance_us(US_PER_S);
    i40e_rig_run(1);
    if (vfs)
        come(vfs);
}

static int set_up(void **state)
{
    start(I40E_MODEL_X710, 0, VFS);
    return 0;
}

static int set_up_second(void **state)
{
    start(I40E_MODEL_X710, 1, VFS);
    return 0;
}

static int tear_down(void **state)
{
    assert_int_equal(i40e_model_pf_violations(&rig->model), 0);
    if (nic.port && nic.port->vf_count)
        nic.port->vf->disable(nic.port);
    return i40e_rig_tear_down(state);
}

static struct vf_info info(unsigned vf)
{
    struct vf_info i;
    nic.port->vf->info(nic.port, vf, &i);
    return i;
}

static void set(unsigned vf, struct vf_policy policy)
{
    assert_int_equal(nic.port->vf->set(nic.port, vf, &policy, &why), 0);
    run_ms(130); /* who listens may be told of a reset, and has time to hear of it */
}

static bool is_active(unsigned vf)
{
    return rig->model.vf[vf].rstat == VIRTCHNL_ACTIVE;
}

static unsigned active(unsigned vfs)
{
    unsigned n = 0;
    for (unsigned i = 0; i < vfs; i++)
        n += is_active(i);
    return n;
}

/* A message, and what came back: 1 when nothing did. */
static int32_t say(unsigned vf, uint32_t op, const void *bytes, uint32_t n)
{
    const struct i40e_model_told *told = &rig->model.told;
    unsigned count = told->count;
    i40e_model_vf_say(&rig->model, vf, op, bytes, n);
    run_ms(6); /* two hundred messages a second */
    return told->count > count && told->vf == vf && (told->op == op || told->op == VIRTCHNL_EVENT)
               ? told->op == op ? told->status : 0
               : 1;
}

static void greet(unsigned vf)
{
    const struct virtchnl_version version = { 1, 1 };
    const uint32_t caps = CAPS;
    assert_int_equal(say(vf, VIRTCHNL_VERSION, &version, sizeof version), 0);
    assert_int_equal(say(vf, VIRTCHNL_GET_RESOURCES, &caps, sizeof caps), 0);
}

static const struct i40e_model_vsi *vsi_of(unsigned vf)
{
    unsigned number = ((struct i40e *)nic.port->priv)->sriov->vf[vf].number;
    for (unsigned i = 0; i < I40E_MODEL_VSIS; i++)
        if (rig->model.vsi[i].used && rig->model.vsi[i].number == number)
            return &rig->model.vsi[i];
    fail_msg("VF %u has no VSI", vf);
    return NULL;
}

static uint16_t queue_of(unsigned vf, unsigned n)
{
    return (uint16_t)i40e_rig_reg(I40E_VPLAN_QTABLE(n, vf));
}

static unsigned filters_of(unsigned vf)
{
    unsigned n = 0;
    for (unsigned i = 0; i < I40E_MODEL_FILTERS; i++)
        n += rig->model.filter[i].used && rig->model.filter[i].vsi == vsi_of(vf)->number;
    return n;
}

static int32_t describe(unsigned vf, uint16_t queues)
{
    uint8_t bytes[VIRTCHNL_MESSAGE_MAX] = { 0 };
    struct virtchnl_queues head = { .vsi = vsi_of(vf)->number, .pairs = queues };
    memcpy(bytes, &head, sizeof head);
    for (uint16_t q = 0; q < queues; q++) {
        struct virtchnl_queue_pair p = {
            .tx = { .vsi = head.vsi, .queue = q, .length = 64, .ring = 0x100000 + 0x10000u * q },
            .rx = { .vsi = head.vsi,
                    .queue = q,
                    .length = 64,
                    .buffer_size = 2048,
                    .max_frame = 9728,
                    .ring = 0x108000 + 0x10000u * q }
        };
        memcpy(bytes + sizeof head + q * sizeof p, &p, sizeof p);
    }
    return say(vf, VIRTCHNL_CONFIG_QUEUES, bytes,
               (uint32_t)(sizeof head + queues * sizeof(struct virtchnl_queue_pair)));
}

static int32_t switch_queues(unsigned vf, bool on, uint32_t bits)
{
    const struct virtchnl_queue_select q = { .vsi = vsi_of(vf)->number, .rx = bits, .tx = bits };
    return say(vf, on ? VIRTCHNL_ENABLE_QUEUES : VIRTCHNL_DISABLE_QUEUES, &q, sizeof q);
}

static unsigned queues_on(unsigned vf)
{
    unsigned n = 0;
    for (unsigned i = 0; i < I40E_MODEL_QUEUES; i++)
        n += rig->model.rx[i].on && rig->model.rx[i].vf == vf + 1;
    return n;
}

static void bring_up(unsigned vf)
{
    greet(vf);
    assert_int_equal(describe(vf, 4), 0);
    assert_int_equal(switch_queues(vf, true, 0xf), 0);
    assert_int_equal(queues_on(vf), 4);
}

static bool pf_works(void)
{
    return nic_exchange();
}

/* How many -------------------------------------------------------------------------------- */

static void ports_share_the_chips_vfs(void **state)
{
    static const struct {
        enum i40e_model_chip chip;
        unsigned most;
    } rows[] = { { I40E_MODEL_XL710_ONE, 128 },
                 { I40E_MODEL_XL710, 64 },
                 { I40E_MODEL_X710_FOUR, 32 } };
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        start(rows[i].chip, 0, 0);
        assert_int_equal(nic.port->vf_max, rows[i].most);
        assert_int_equal(nic.port->vf->enable(nic.port, rows[i].most + 1, false, &why), -EINVAL);
        assert_int_equal(nic.port->vf->enable(nic.port, 0, false, &why), -EINVAL);
        tear_down(state);
    }
}

/* And go, and come again; what they took is given back (the rig's tear_down looks). */
static void any_number_comes_and_goes(void **state)
{
    static const unsigned numbers[] = { 1, 128, 32, 127 };
    start(I40E_MODEL_XL710_ONE, 0, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++) {
        come(numbers[i]);
        assert_int_equal(active(128), numbers[i]);
        assert_int_equal(nic.port->vf->enable(nic.port, 1, false, &why), -EBUSY);
        assert_true(pf_works());
        greet(numbers[i] - 1);
        assert_int_equal(info(numbers[i] - 1).mailbox, VF_MAILBOX_OPEN);
        nic.port->vf->disable(nic.port);
        assert_true(pf_works());
        host_advance_us(2 * US_PER_S); /* VF Enable may be set again */
    }
    tear_down(state);
}

static uint16_t lie_id;
static uint32_t lie_number, lie_logical;

static void lie(struct i40e_model *m, uint16_t op, struct i40e_aq_desc *d, uint8_t *bytes)
{
    struct i40e_capability *list = (struct i40e_capability *)bytes;
    for (unsigned i = 0; op == I40E_OP_CAPABILITIES && i < d->param[1]; i++)
        if (list[i].id == lie_id) {
            list[i].number = lie_number;
            list[i].logical = lie_logical;
        }
}

/* Registers' places follow from what firmware says. */
static void firmware_that_names_vfs_beyond_the_chips_has_none(void **state)
{
    static const struct {
        uint16_t id;
        uint32_t number, logical;
    } rows[] = { { I40E_CAP_SRIOV, 0, 0 },
                 { I40E_CAP_VF, 0, 0 },
                 { I40E_CAP_VF, 129, 0 },
                 { I40E_CAP_VF, 64, 65 },
                 { I40E_CAP_VF, 1, ~0u },
                 { I40E_CAP_VF_VECTORS, 0, 0 },
                 { I40E_CAP_VF_VECTORS, 1000000, 0 } };
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(i40e_rig_set_up(NULL), 0);
        lie_id = rows[i].id;
        lie_number = rows[i].number;
        lie_logical = rows[i].logical;
        rig->model.lie = lie;
        i40e_rig_run(1);
        assert_null(nic.port->vf);
        assert_int_equal(nic.port->vf_max, 0);
        assert_true(pf_works());
        rig->model.lie = NULL;
        tear_down(state);
    }
}

/* Queues ---------------------------------------------------------------------------------- */

static void a_queue_has_the_context_that_its_vf_described(void **state)
{
    bring_up(2);
    for (unsigned i = 0; i < 4; i++) {
        uint16_t q = queue_of(2, i);
        assert_true(rig->model.rx[q].on && rig->model.tx[q].on);
        assert_int_equal(rig->model.vf[2].rx[i].context.base, 0x108000 + 0x10000 * i);
        assert_int_equal(rig->model.vf[2].rx[i].context.buffer, 2048);
        assert_int_equal(rig->model.vf[2].tx[i].context.base, 0x100000 + 0x10000 * i);
    }
    assert_int_equal(switch_queues(2, false, 0x5), 0);
    assert_int_equal(queues_on(2), 2);
    assert_true(pf_works());
}

static void every_vf_is_sure_of_four_and_may_ask_for_sixteen(void **state)
{
    const struct virtchnl_queue_request more = { 16 };
    unsigned sixteen = 0;
    start(I40E_MODEL_XL710_ONE, 0, 128);
    for (unsigned i = 0; i < 128; i++) {
        greet(i);
        i40e_model_vf_say(&rig->model, i, VIRTCHNL_REQUEST_QUEUES, &more, sizeof more);
        run_ms(130);
        sixteen += queue_of(i, 15) != I40E_QTABLE_NONE;
        assert_int_not_equal(queue_of(i, 3), I40E_QTABLE_NONE);
    }
    /* 768 of the PF, 64 its own, four for each VF: so many times twelve are left */
    assert_int_equal(sixteen, (I40E_MODEL_QUEUES - I40E_QUEUES_MAX - 4 * 128) / 12);
    assert_int_equal(active(128), 128);
    i40e_model_vf_flr(&rig->model, 127); /* who gets nothing keeps what it is sure of */
    run_ms(30);
    assert_int_not_equal(queue_of(127, 3), I40E_QTABLE_NONE);
    tear_down(state);
}

/* With so many the PF's port has all it may be set to; with fewer VFs have four each before it has
 * more than sixteen, and then fewer. */
static void the_pf_keeps_its_queues_as_far_as_vfs_have_theirs(void **state)
{
    static const struct {
        unsigned queues, own, each;
    } rows[] = {
        { 64 + 4 * VFS, 64, 4 }, { 40 + 4 * VFS, 40, 4 }, { 20, 16, 4 / VFS }, { 16, 0, 0 }
    };
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(i40e_rig_set_up(NULL), 0);
        rig->model.queues = rows[i].queues;
        host_advance_us(US_PER_S);
        i40e_rig_run((uint16_t)min_u64(rows[i].queues, I40E_QUEUES_MAX));
        const struct i40e *e = nic.port->priv;
        if (!rows[i].own) {
            assert_int_equal(nic.port->vf->enable(nic.port, VFS, false, &why), -ENOSPC);
        } else {
            come(VFS);
            assert_int_equal(active(VFS), VFS);
            assert_int_equal(e->queues, rows[i].own);
            assert_int_equal(nic.port->tx_queues, rows[i].own);
            assert_int_equal(queue_of(0, 0), rows[i].own);
            assert_int_equal(e->sriov->vf[VFS - 1].queues, rows[i].each);
            assert_true(pf_works());
        }
        tear_down(state);
    }
}

static void vectors_have_their_lists(void **state)
{
    struct {
        uint16_t count;
        struct virtchnl_vector v;
    } __attribute__((packed)) map = { 1, { .vector = 2, .rx_queues = 3, .tx_queues = 2 } };
    bring_up(1);
    map.v.vsi = vsi_of(1)->number;
    assert_int_equal(say(1, VIRTCHNL_CONFIG_IRQ_MAP, &map, sizeof map), 0);
    assert_int_equal(i40e_rig_reg(I40E_VPINT_LNKLSTN(4 * 1 + 1)), queue_of(1, 0));
    uint32_t first = i40e_rig_reg(I40E_QINT_RQCTL(queue_of(1, 0)));
    uint32_t second = i40e_rig_reg(I40E_QINT_RQCTL(queue_of(1, 1)));
    uint32_t third = i40e_rig_reg(I40E_QINT_TQCTL(queue_of(1, 1)));
    assert_int_equal(first, I40E_QINT_CAUSE | 2 | (uint32_t)queue_of(1, 1) << 16);
    assert_int_equal(second,
                     I40E_QINT_CAUSE | 2 | (uint32_t)queue_of(1, 1) << 16 | I40E_QINT_NEXT_TX);
    assert_int_equal(third, I40E_QINT_CAUSE | 2 | I40E_LNKLST_NONE << 16);
}

/* Policies ------------------------------------------------------------------------- */

static void a_rate_is_so_many_times_fifty(void **state)
{
    struct vf_policy policy = info(1).policy;
    policy.rate_mbps = 450;
    set(1, policy);
    assert_int_equal(vsi_of(1)->credit, 9);
    assert_int_equal(vsi_of(0)->credit, 0);
    i40e_model_vf_flr(&rig->model, 1); /* another VSI */
    run_ms(30);
    assert_int_equal(vsi_of(1)->credit, 9);
    policy.rate_mbps = 0;
    set(1, policy);
    assert_int_equal(vsi_of(1)->credit, 0);
    policy.rate_mbps = 475;
    assert_int_equal(nic.port->vf->set(nic.port, 1, &policy, &why), -EINVAL);
    assert_string_equal(why, "the X710 limits to 50 to 40000 Mb/s in steps of 50");
    policy.rate_mbps = 40050;
    assert_int_equal(nic.port->vf->set(nic.port, 1, &policy, &why), -EINVAL);
    policy.rate_mbps = 500;
    rig->model.refused_opcode = I40E_OP_BW_LIMIT;
    rig->model.refusal = 5;
    assert_int_equal(nic.port->vf->set(nic.port, 1, &policy, &why), -EIO);
    assert_int_equal(info(1).policy.rate_mbps, 0);
    rig->model.refused_opcode = 0;
}

static void spoof_checks_and_vlans_are_in_the_vsi(void **state)
{
    struct vf_policy policy = info(3).policy;
    const struct i40e_vsi *p = (const struct i40e_vsi *)vsi_of(3)->properties;
    assert_int_equal(p->security, I40E_VSI_CHECK_MAC | I40E_VSI_CHECK_VLAN);
    assert_int_equal(p->pvid, 0);
    assert_int_equal(p->port_vlan, I40E_VSI_VLAN_ALL | I40E_VSI_VLAN_KEEP);
    policy.spoofcheck = false;
    set(3, policy);
    assert_int_equal(p->security, 0);
    policy.vlan = 77;
    set(3, policy);
    p = (const struct i40e_vsi *)vsi_of(3)->properties;
    assert_int_equal(p->pvid, 77);
    assert_int_equal(p->port_vlan,
                     I40E_VSI_VLAN_TAGGED | I40E_VSI_VLAN_INSERT | I40E_VSI_VLAN_HIDE);
    for (unsigned i = 0; i < I40E_MODEL_FILTERS; i++)
        if (rig->model.filter[i].used && rig->model.filter[i].vsi == vsi_of(3)->number)
            assert_true(rig->model.filter[i].vlan == 77 && !rig->model.filter[i].ignore_vlan);
    assert_int_equal(filters_of(3), 1);
}

static void a_link_held_down_has_no_address(void **state)
{
    struct vf_policy policy = info(2).policy;
    policy.spoofcheck = false;
    set(2, policy);
    assert_int_equal(filters_of(2), 1);
    policy.link = VF_LINK_DOWN;
    set(2, policy);
    assert_int_equal(filters_of(2), 0);
    const struct i40e_vsi *p = (const struct i40e_vsi *)vsi_of(2)->properties;
    assert_int_equal(p->security, I40E_VSI_CHECK_MAC | I40E_VSI_CHECK_VLAN);
    bring_up(2);
    assert_int_equal(filters_of(2), 0);
    policy.link = VF_LINK_UP;
    set(2, policy);
    assert_int_equal(filters_of(2), 1);
}

/* An address is in each VLAN that was joined, and without a tag; or in any. */
static void vlans_multiply_addresses(void **state)
{
    struct {
        uint16_t vsi, count, vid[3];
    } l = { 0, 3, { 10, 20, 30 } };
    greet(0);
    l.vsi = vsi_of(0)->number;
    assert_int_equal(filters_of(0), 1);
    assert_int_equal(say(0, VIRTCHNL_ADD_VLAN, &l, 10), 0);
    assert_int_equal(filters_of(0), 4);
    l.count = 2;
    assert_int_equal(say(0, VIRTCHNL_DELETE_VLAN, &l, 8), 0);
    assert_int_equal(filters_of(0), 2);
    l.vid[0] = 30;
    l.count = 1;
    assert_int_equal(say(0, VIRTCHNL_DELETE_VLAN, &l, 6), 0);
    assert_int_equal(filters_of(0), 1);
}

/* Firmware says that there is no room: what was there before is there. */
static void a_filter_too_many_changes_nothing(void **state)
{
    struct {
        uint16_t vsi, count;
        struct virtchnl_mac mac;
    } l = { 0, 1, { { 2, 9, 9, 9, 9, 9 }, VIRTCHNL_MAC_EXTRA, 0 } };
    greet(0);
    l.vsi = vsi_of(0)->number;
    rig->model.refused_opcode = I40E_OP_ADD_MACVLAN;
    rig->model.refusal = I40E_RC_ENOSPC;
    assert_int_equal(say(0, VIRTCHNL_ADD_MAC, &l, sizeof l), VIRTCHNL_ERR_PARAM);
    assert_string_equal(info(0).last_refusal, "the chip has no filter left");
    rig->model.refused_opcode = 0;
    assert_int_equal(filters_of(0), 1);
    assert_int_equal(say(0, VIRTCHNL_ADD_MAC, &l, sizeof l), 0);
    assert_int_equal(filters_of(0), 2);
}

static void nobody_has_the_pfs_address_nor_it_theirs(void **state)
{
    uint8_t mac[MAC_LEN];
    struct vf_policy policy = info(1).policy;
    memcpy(mac, info(1).mac, MAC_LEN);
    assert_int_equal(port_set_mac(nic.port, mac), -EADDRINUSE);
    memcpy(policy.mac, nic.port->mac, MAC_LEN);
    policy.mac_set = true;
    assert_int_equal(nic.port->vf->set(nic.port, 1, &policy, &why), -EINVAL);
    assert_string_equal(why, "that address is the PF's");
}

/* Resets --------------------------------------------------------------------------- */

static void a_reset_takes_what_was_granted(void **state)
{
    bring_up(1);
    i40e_model_vf_say(&rig->model, 1, VIRTCHNL_RESET_VF, NULL, 0);
    run_ms(30);
    assert_true(is_active(1));
    assert_int_equal(queues_on(1), 0);
    assert_int_equal(info(1).mailbox, VF_MAILBOX_CLOSED);
    assert_int_equal(info(1).resets, 1);
    bring_up(1);
    i40e_model_vf_flr(&rig->model, 1);
    run_ms(30);
    assert_true(is_active(1));
    assert_int_equal(queues_on(1), 0);
    bring_up(1);
    assert_true(pf_works());
}

/* DPDK's iavf looks at its admin queue each 50 ms; a reset empties that. */
static void who_is_told_of_a_reset_has_time_to_hear_of_it(void **state)
{
    struct vf_policy policy = info(1).policy;
    bring_up(1);
    policy.trust = true;
    assert_int_equal(nic.port->vf->set(nic.port, 1, &policy, &why), 0);
    assert_int_equal(rig->model.told.op, VIRTCHNL_EVENT);
    assert_false(is_active(1)); /* who waits for the end at once does not find it */
    assert_int_equal(nic.port->vf->set(nic.port, 2, &policy, &why), 0); /* nobody listens */
    run_ms(30);
    assert_int_equal(info(2).resets, 1);
    run_ms(50);
    assert_int_equal(queues_on(1), 4);
    run_ms(50);
    assert_int_equal(queues_on(1), 0);
    assert_true(is_active(1));
    bring_up(1);
    uint64_t before = time_us();
    port_stop(nic.port);
    assert_in_range(time_us() - before, 100 * US_PER_MS, 200 * US_PER_MS);
    assert_int_equal(port_start(nic.port), 0);
    run_ms(50);
    before = time_us();
    port_stop(nic.port);
    assert_in_range(time_us() - before, 0, 50 * US_PER_MS);
    assert_int_equal(port_start(nic.port), 0);
    run_ms(50);
}

/* The chip needs five seconds for one VF's reset: it stays so, it is said once, nobody else waits.
 */
static void a_reset_that_takes_long_holds_nobody_up(void **state)
{
    rig->model.vfr_takes_us = 5 * US_PER_S;
    i40e_model_vf_flr(&rig->model, 0);
    run_ms(1);
    uint64_t before = time_us();
    for (unsigned i = 0; i < 400; i++)
        run_ms(1);
    assert_int_equal(time_us() - before, 400 * US_PER_MS); /* no poll waited */
    assert_false(is_active(0));
    assert_true(host_log_contains("its reset is not done after 300 ms: VPGEN_VFRSTAT reads 0"));
    rig->model.vfr_takes_us = 0;
    bring_up(1);
    rig->model.vfr_takes_us = 5 * US_PER_S;
    run_ms(5000);
    rig->model.vfr_takes_us = 0;
    run_ms(200);
    assert_true(is_active(0));
    bring_up(0);
}

static void what_is_under_way_is_waited_for(void **state)
{
    rig->model.vf_pending_us = 40 * US_PER_MS;
    bring_up(3);
    i40e_model_vf_flr(&rig->model, 3);
    run_ms(35);
    assert_false(is_active(3));
    run_ms(30);
    assert_true(is_active(3));
}

static void firmware_that_refuses_a_vsi_is_asked_again(void **state)
{
    rig->model.refused_opcode = I40E_OP_ADD_VSI;
    rig->model.refusal = 5;
    i40e_model_vf_flr(&rig->model, 2);
    run_ms(500);
    assert_false(is_active(2));
    assert_true(is_active(1));
    rig->model.refused_opcode = 0;
    run_ms(1100);
    assert_true(is_active(2));
    bring_up(2);
}

static void a_reset_of_the_chip_is_one_of_all(void **state)
{
    struct vf_policy policy = info(1).policy;
    policy.vlan = 5;
    set(1, policy);
    for (enum i40e_model_reset kind = I40E_RESET_CORE; kind <= I40E_RESET_GLOBAL; kind++) {
        bring_up(0);
        i40e_model_reset_begin(&rig->model, kind);
        run_ms(1000);
        assert_int_equal(nic.port->state, PORT_RUNNING);
        assert_int_equal(active(VFS), VFS);
        assert_int_equal(queues_on(0), 0);
        assert_int_equal(((const struct i40e_vsi *)vsi_of(1)->properties)->pvid, 5);
        assert_true(pf_works());
    }
    bring_up(0);
}

static void the_pfs_port_goes_down_and_up(void **state)
{
    for (unsigned i = 0; i < 20; i++) {
        bring_up(i % VFS);
        const struct i40e_model_told *told = &rig->model.told;
        unsigned count = told->count;
        port_stop(nic.port);
        assert_true(told->count > count); /* announced */
        assert_int_equal(told->bytes[0], VIRTCHNL_EVENT_RESET_IMPENDING);
        assert_int_equal(info(0).mailbox, VF_MAILBOX_CLOSED);
        assert_int_equal(active(VFS), 0);
        run_ms(5);
        assert_int_equal(port_start(nic.port), 0);
        run_ms(50);
        assert_int_equal(active(VFS), VFS);
    }
    assert_true(pf_works());
}

static void vfs_of_a_port_that_is_down_come_with_it(void **state)
{
    nic.port->vf->disable(nic.port);
    port_stop(nic.port);
    host_advance_us(2 * US_PER_S);
    assert_int_equal(nic.port->vf->enable(nic.port, 2, false, &why), 0);
    i40e_model_vf_play(&rig->model, 0);
    run_ms(100);
    assert_int_equal(active(VFS), 0);
    assert_int_equal(port_start(nic.port), 0);
    run_ms(50);
    assert_int_equal(active(VFS), 2);
    bring_up(0);
}

static void a_chip_that_is_gone_lets_its_vfs_go(void **state)
{
    bring_up(0);
    rig->model.gone = true;
    run_ms(20);
    assert_int_equal(nic.port->state, PORT_FAILED);
    nic.port->vf->disable(nic.port);
    assert_int_equal(nic.port->vf_count, 0);
}

/* A queue that does not stop is nothing that a VF could mend: the whole port starts over, and is
 * failed where no queue of the chip's follows any more. */
static void a_queue_that_does_not_stop_starts_the_port_over(void **state)
{
    bring_up(1);
    rig->model.queue_sticks = true;
    i40e_model_vf_flr(&rig->model, 1);
    run_ms(200);
    assert_true(host_log_contains("starts over: a queue of a VF does not stop"));
    assert_int_equal(nic.port->state, PORT_FAILED);
    assert_int_equal(active(VFS), 0);
}

/* What other PFs' VFs do is in the same registers, and no reason to look. */
static void vflrs_of_other_pfs_are_theirs(void **state)
{
    uint32_t first = ((struct i40e *)nic.port->priv)->first_vf;
    uint32_t *ours = &rig->model.regs[I40E_GLGEN_VFLRSTAT(first / 32) / 4];
    uint32_t others = 1u << (first + VFS) % 32;
    *ours |= others;
    run_ms(200);
    assert_int_equal(*ours, others);
    assert_int_equal(active(VFS), VFS);
    assert_int_equal(info(3).resets, 0);
    host_advance_us(US_PER_MS);
    assert_false(i40e_sriov_poll(nic.port->priv, time_us()));
    *ours = 0;
}

/* Counters are not read from a chip that resets: they would say deadbeef. */
static void counters_wait_for_the_chip(void **state)
{
    uint64_t before = info(0).rx_bytes + info(0).tx_bytes;
    rig->model.reset_takes_us = 500 * US_PER_MS;
    i40e_model_reset_begin(&rig->model, I40E_RESET_CORE);
    for (unsigned i = 0; i < 30; i++) {
        host_advance_us(100);
        assert_int_equal(info(0).rx_bytes + info(0).tx_bytes, before);
    }
    run_ms(1500);
    assert_int_equal(active(VFS), VFS);
    assert_int_equal(info(0).rx_bytes + info(0).tx_bytes, before);
}

/* Malice
 * -----------------------------------------------------------------------------------------------
 */

static void malice_is_forgiven_three_times(void **state)
{
    for (unsigned i = 0; i < 4; i++) {
        assert_true(is_active(1));
        bring_up(1);
        i40e_model_malicious_vf(&rig->model, 1, 0);
        run_ms(50);
        assert_true(pf_works());
        assert_true(is_active(0));
    }
    assert_int_equal(info(1).malicious, 4);
    assert_int_equal(info(1).mailbox, VF_MAILBOX_MUTED);
    assert_false(is_active(1));
    i40e_model_vf_flr(&rig->model, 1);
    run_ms(100);
    assert_false(is_active(1)); /* not yet */
    run_ms(10000);
    i40e_model_vf_flr(&rig->model, 1);
    run_ms(50);
    assert_true(is_active(1));
    bring_up(1);
    assert_int_equal(nic.port->state, PORT_RUNNING);
    assert_int_equal(((struct i40e *)nic.port->priv)->overs.total, 0);
}

/* 128 VFs talk as fast as they can: the port works, and who is honest gets an answer. */
static void a_flood_drowns_nobody(void **state)
{
    static const uint8_t rubbish[64];
    start(I40E_MODEL_XL710_ONE, 0, 128);
    bring_up(127);
    for (unsigned ms = 0; ms < 300; ms++) {
        for (unsigned vf = 0; vf < 126; vf++)
            i40e_model_vf_say(&rig->model, vf, ms % 9 + 1, rubbish, 12);
        run_ms(1);
    }
    assert_true(pf_works());
    assert_int_equal(nic.port->state, PORT_RUNNING);
    run_ms(100); /* of what waited in the chip nothing is left */
    const struct virtchnl_queue_select q = { .vsi = vsi_of(127)->number };
    assert_int_equal(say(127, VIRTCHNL_GET_STATS, &q, sizeof q), 0);
    assert_int_equal(queues_on(127), 4);
    tear_down(state);
}

static uint32_t seed;

static uint32_t chance(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 16) % n;
}

/* Anything, with resets from every side in between. */
static void nothing_that_a_vf_says_harms(void **state)
{
    uint8_t bytes[VIRTCHNL_MESSAGE_MAX];
    for (seed = 1; seed < 6; seed++) {
        uint32_t life = seed;
        for (unsigned i = 0; i < 3000; i++) {
            unsigned vf = chance(VFS);
            uint16_t vsi = is_active(vf) ? vsi_of(vf)->number : 0, count = (uint16_t)chance(5);
            for (unsigned k = 0; k < 600; k++)
                bytes[k] = (uint8_t)chance(chance(2) ? 256 : 4);
            memcpy(bytes, &vsi, 2);
            memcpy(bytes + 2, &count, 2);
            i40e_model_vf_say(&rig->model, vf, chance(60), bytes, chance(600));
            if (!chance(50))
                i40e_model_vf_flr(&rig->model, vf);
            if (!chance(200) && is_active(vf))
                i40e_model_malicious_vf(&rig->model, vf, 0);
            if (!chance(400)) {
                port_stop(nic.port);
                assert_int_equal(port_start(nic.port), 0);
            }
            run_ms(chance(8));
        }
        assert_true(pf_works());
        seed = life;
    }
    run_ms(11000);
    for (unsigned i = 0; i < VFS; i++) {
        i40e_model_vf_flr(&rig->model, i);
        run_ms(50);
        bring_up(i);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest first[] = {
        T(a_queue_has_the_context_that_its_vf_described),
        T(vectors_have_their_lists),
        T(a_rate_is_so_many_times_fifty),
        T(spoof_checks_and_vlans_are_in_the_vsi),
        T(a_link_held_down_has_no_address),
        T(vlans_multiply_addresses),
        T(a_filter_too_many_changes_nothing),
        T(nobody_has_the_pfs_address_nor_it_theirs),
        T(a_reset_takes_what_was_granted),
        T(who_is_told_of_a_reset_has_time_to_hear_of_it),
        T(a_reset_that_takes_long_holds_nobody_up),
        T(what_is_under_way_is_waited_for),
        T(firmware_that_refuses_a_vsi_is_asked_again),
        T(a_reset_of_the_chip_is_one_of_all),
        T(the_pfs_port_goes_down_and_up),
        T(vfs_of_a_port_that_is_down_come_with_it),
        T(a_chip_that_is_gone_lets_its_vfs_go),
        T(a_queue_that_does_not_stop_starts_the_port_over),
        T(vflrs_of_other_pfs_are_theirs),
        T(counters_wait_for_the_chip),
        T(malice_is_forgiven_three_times),
        T(nothing_that_a_vf_says_harms),
        cmocka_unit_test(ports_share_the_chips_vfs),
        cmocka_unit_test(any_number_comes_and_goes),
        cmocka_unit_test(firmware_that_names_vfs_beyond_the_chips_has_none),
        cmocka_unit_test(every_vf_is_sure_of_four_and_may_ask_for_sixteen),
        cmocka_unit_test(the_pf_keeps_its_queues_as_far_as_vfs_have_theirs),
        cmocka_unit_test(a_flood_drowns_nobody),
    };
#undef T
#define T(name) cmocka_unit_test_setup_teardown(name, set_up_second, tear_down)
    const struct CMUnitTest second[] = {
        T(a_queue_has_the_context_that_its_vf_described),
        T(vectors_have_their_lists),
        T(a_reset_takes_what_was_granted),
        T(malice_is_forgiven_three_times),
    };
    int failed = cmocka_run_group_tests_name("first PF", first, NULL, NULL);
    return failed + cmocka_run_group_tests_name("second PF", second, NULL, NULL);
}
