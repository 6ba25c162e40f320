/* What drivers of Linux and DPDK and their PF said to each other (tests/data/virtchnl, whose README
 * has the form), said again: what the VF said to our end of virtchnl, what the PF answered to our
 * iavf. */
#include "nic/intel/i40e/virtchnl_server.h"

#include "tests/models/iavf_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES 400u
#define BYTES 1200u
#define QUEUES 4u

struct said {
    bool of_pf, reset;
    uint32_t op, n;
    int32_t status;
    uint8_t bytes[BYTES];
};

static struct said dialogue[LINES];
static unsigned lines;

/* Octets in hexadecimal, then +N: so many zeros. */
static void read_bytes(struct said *s, const char *text)
{
    unsigned byte;
    for (; sscanf(text, "%2x", &byte) == 1 && text[0] != '+'; text += 2) {
        assert_true(s->n < BYTES);
        s->bytes[s->n++] = (uint8_t)byte;
    }
    if (text[0] == '+')
        s->n += (uint32_t)atoi(text + 1);
    assert_true(s->n <= BYTES);
}

static bool read_line(struct said *s, const char *line)
{
    int used = 0;
    *s = (struct said){ 0 };
    if (!strncmp(line, "vf is reset", 11))
        return s->reset = true;
    s->of_pf = sscanf(line, "pf %u %d%n", &s->op, &s->status, &used) == 2;
    if (!s->of_pf && sscanf(line, "vf %u%n", &s->op, &used) != 1)
        return false;
    assert_true(s->op < VIRTCHNL_OPS);
    if (line[used] == ' ')
        read_bytes(s, line + used + 1);
    return true;
}

static void read_dialogue(const char *name)
{
    static char line[2 * BYTES + 64];
    char path[80];
    snprintf(path, sizeof path, "tests/data/virtchnl/%s.txt", name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    for (lines = 0; fgets(line, sizeof line, file);) {
        assert_true(lines < LINES);
        lines += line[0] != '#' && read_line(&dialogue[lines], line);
    }
    fclose(file);
    assert_true(lines > 40);
}

/* Linux's and DPDK's i40e give the list of VSIs one element more than there are, of zeros; Linux's
 * ice, the played PF and ours do not.  Linux's and DPDK's iavf take both. */
static const uint32_t resources_length = sizeof(struct virtchnl_resources);
static const uint32_t longer_resources_length =
    sizeof(struct virtchnl_resources) + sizeof(struct virtchnl_vsi);

/* Granted at that line or behind it; false: nowhere. */
static bool find_resources(unsigned i, struct virtchnl_resources *r)
{
    static const struct virtchnl_vsi none;
    for (; i < lines; i++) {
        const struct said *s = &dialogue[i];
        if (!s->of_pf || s->op != VIRTCHNL_GET_RESOURCES || s->status)
            continue;
        assert_true(s->n == resources_length || s->n == longer_resources_length);
        assert_memory_equal(s->bytes + resources_length, &none, sizeof none);
        memcpy(r, s->bytes, sizeof *r);
        return true;
    }
    return false;
}

static struct virtchnl_resources given_resources(void)
{
    struct virtchnl_resources r;
    assert_true(find_resources(0, &r));
    assert_int_equal(r.vsis, 1);
    return r;
}

/* To our end of virtchnl ------------------------------------------------------------------ */

static struct virtchnl_server server;
static uint64_t now;
static bool resets;
static struct said answer;
static unsigned answers, asked_again;
static uint16_t vsi; /* the recorded PF's name for the VF's, by which the VF calls it */

static void chip_send(void *chip, unsigned vf, uint32_t op, int32_t status, const void *bytes,
                      uint16_t n)
{
    if (op == VIRTCHNL_EVENT)
        return;
    answers++;
    answer = (struct said){ .op = op, .status = status, .n = n };
    if (n)
        memcpy(answer.bytes, bytes, n);
}

static void chip_reset(void *chip, unsigned vf, bool told)
{
    resets = true;
}

static int chip_does(void *chip, unsigned vf)
{
    return 0;
}

static int chip_configure(void *chip, unsigned vf, unsigned queue)
{
    return 0;
}

static int chip_enable(void *chip, unsigned vf, uint32_t rx, uint32_t tx, bool on)
{
    return 0;
}

static void chip_map(void *chip, unsigned vf, const struct virtchnl_vector *vector) {}

static void chip_stats(void *chip, unsigned vf, struct virtchnl_stats *stats) {}

static unsigned chip_queues_for(void *chip, unsigned vf)
{
    return VIRTCHNL_QUEUES_MAX;
}

static const struct virtchnl_chip_ops ops = { .send = chip_send,
                                              .reset = chip_reset,
                                              .filters = chip_does,
                                              .properties = chip_does,
                                              .configure = chip_configure,
                                              .enable = chip_enable,
                                              .map = chip_map,
                                              .spread = chip_does,
                                              .stats = chip_stats,
                                              .queues_for = chip_queues_for };

static void ready(void)
{
    unsigned queues = server.vf[0].queues_wanted ? server.vf[0].queues_wanted : QUEUES;
    virtchnl_server_ready(&server, 0, vsi, (uint16_t)queues);
}

/* The address is the one that the recorded PF's administrator had set by then. */
static void set_policy(const uint8_t mac[MAC_LEN])
{
    const char *why = NULL;
    struct vf_info info;
    virtchnl_server_info(&server, 0, &info);
    struct vf_policy policy = info.policy;
    policy.trust = policy.mac_set = true;
    memcpy(policy.mac, mac, MAC_LEN);
    assert_int_equal(virtchnl_server_set(&server, 0, &policy, &why), 0);
}

static void was_reset(unsigned i)
{
    struct virtchnl_resources next;
    virtchnl_server_resets(&server, 0);
    if (find_resources(i, &next))
        set_policy(next.vsi[0].mac);
    ready();
    resets = false;
}

/* What the VF was given, and asked for afterwards by that, is given to it again. */
static void create_server(const struct virtchnl_resources *res)
{
    static struct port pf = { .mac = { 0x52, 0x54, 0, 0, 0, 1 } };
    now = 1000000;
    asked_again = 0;
    vsi = res->vsi[0].id;
    server = (struct virtchnl_server){ .base = { .name = "fake",
                                                 .port = &pf,
                                                 .limits = { .chip = "fake",
                                                             .macs = VF_MACS_MAX,
                                                             .vf_macs = VF_MACS_MAX,
                                                             .queues = QUEUES } },
                                       .ops = &ops,
                                       .offered = VIRTCHNL_OFFERS & res->caps,
                                       .vectors = 5,
                                       .pairs_max = 600,
                                       .kinds = 0x00007a1e80000000ull };
    assert_int_equal(virtchnl_server_create(&server, 1), 0);
    was_reset(0);
    virtchnl_server_link(&server, true, 40000);
}

/* The answer that this message got when it was recorded; NULL: none, it was a reset. */
static const struct said *answer_to(unsigned i)
{
    for (unsigned k = i + 1; k < lines && !dialogue[k].reset; k++)
        if (dialogue[k].of_pf && dialogue[k].op == dialogue[i].op)
            return &dialogue[k];
    return NULL;
}

/* What ice offers and our PF, as an X710, does not. */
static bool is_refused(const struct said *s)
{
    struct virtchnl_queue_pair pair;
    memcpy(&pair, s->bytes + sizeof(struct virtchnl_queues), sizeof pair);
    return s->op == VIRTCHNL_GET_RXDIDS ||
           (s->op == VIRTCHNL_CONFIG_QUEUES && pair.rx.rxdid > VIRTCHNL_RXDID_LEGACY_32);
}

/* A VF that was not offered a choice of descriptors leaves the field empty. */
static void choose_no_descriptors(struct said *s)
{
    struct virtchnl_queues head;
    struct virtchnl_queue_pair pair;
    memcpy(&head, s->bytes, sizeof head);
    for (unsigned i = 0; i < head.pairs; i++) {
        uint8_t *at = s->bytes + sizeof head + i * sizeof pair;
        memcpy(&pair, at, sizeof pair);
        pair.rx.rxdid = 0;
        memcpy(at, &pair, sizeof pair);
    }
}

static void say(const struct said *s)
{
    unsigned before = answers;
    uint8_t *copy = test_malloc(s->n ? s->n : 1); /* exactly as long: a look past it is seen */
    memcpy(copy, s->bytes, s->n);
    now += 10000;
    virtchnl_server_message(&server, 0, s->op, copy, (uint16_t)s->n, now);
    test_free(copy);
    assert_int_equal(answers, before + !resets); /* it was asked for, or more queues were */
    assert_true(resets || answer.op == s->op);
}

/* Linux's i40e refuses resources that are asked for a second time since a reset; its ice grants
 * them, as we do.  For Linux's iavf asks again when an answer is late, and one that takes a refusal
 * for its first answer does not come up: after status -5 it never tries again. */
static bool is_asked_again(const struct said *was)
{
    return was->op == VIRTCHNL_GET_RESOURCES && was->status == -22;
}

/* Linux's i40e gives a VSI more than there are, and its own counters, of which there is one more
 * than virtchnl has.  Nobody reads on there. */
static uint32_t known_length(const struct said *was)
{
    if (was->op == VIRTCHNL_GET_RESOURCES && was->n == longer_resources_length)
        return resources_length;
    if (was->op == VIRTCHNL_GET_STATS && was->n == sizeof(struct virtchnl_stats) + sizeof(uint64_t))
        return sizeof(struct virtchnl_stats);
    return was->n;
}

static void compare(unsigned i, const struct said *was)
{
    bool again = was && is_asked_again(was);
    int32_t status = was && !again ? was->status : 0;
    asked_again += again;
    if (answer.status != status)
        print_message("line %u: %u is answered with %d\n", i, answer.op, answer.status);
    assert_int_equal(answer.status, status);
    if (was)
        assert_int_equal(answer.n, again ? resources_length : known_length(was));
}

static void say_again(unsigned i)
{
    struct said s = dialogue[i];
    const struct said *was = answer_to(i);
    say(&s);
    if (is_refused(&s)) {
        assert_int_not_equal(answer.status, 0);
        if (s.op != VIRTCHNL_CONFIG_QUEUES)
            return;
        choose_no_descriptors(&s);
        say(&s);
    }
    if (!resets)
        compare(i, was);
}

static bool has_chosen_address(void)
{
    struct vf_info info;
    virtchnl_server_info(&server, 0, &info);
    return mac_equal(info.mac, (uint8_t[]){ 2, 7, 7, 7, 7, 7 });
}

static void all_is_answered(const char *name)
{
    read_dialogue(name);
    const struct virtchnl_resources res = given_resources();
    bool moved = false;
    create_server(&res);
    for (unsigned i = 0; i < lines; i++) {
        if (dialogue[i].reset || resets)
            was_reset(i);
        if (!dialogue[i].reset && !dialogue[i].of_pf)
            say_again(i);
        moved |= has_chosen_address();
    }
    assert_true(moved);
    virtchnl_server_destroy(&server);
}

static void linux_is_served(void **state)
{
    all_is_answered("linux_i40e");
    assert_int_equal(asked_again, 0);
}

static void linux_is_served_as_by_linux(void **state)
{
    all_is_answered("linux_by_linux");
    assert_int_equal(asked_again, 1);
}

static void linux_behind_ice_is_served_too(void **state)
{
    all_is_answered("linux_ice");
}

static void dpdk_is_served(void **state)
{
    all_is_answered("dpdk_i40e");
}

static void dpdk_behind_ice_is_served_too(void **state)
{
    all_is_answered("dpdk_ice");
}

/* To our iavf --------------------------------------------------------------------------- */

static unsigned told[VIRTCHNL_OPS]; /* how many of an operation's answers were given */
static unsigned begin;              /* the line behind the reset that they are looked for from */
static bool loses;                  /* the first one to what resources there are */
static struct iavf_behind recorded;

/* Its answers in their order, the last one again and again; and the events behind each.  What was
 * not said again after the reset is as before it. */
static const struct said *next_answer(uint32_t op)
{
    const struct said *last = NULL;
    unsigned n = 0;
    for (unsigned i = 0; i < begin; i++)
        if (dialogue[i].of_pf && dialogue[i].op == op)
            last = &dialogue[i];
    for (unsigned i = begin; i < lines; i++) {
        if (!dialogue[i].of_pf || dialogue[i].op != op)
            continue;
        last = &dialogue[i];
        if (n++ == told[op])
            break;
    }
    told[op]++;
    return last;
}

static void answer_as_recorded(struct iavf_model *m, uint32_t op, const uint8_t *bytes, uint32_t n)
{
    const struct said *s = op < VIRTCHNL_OPS ? next_answer(op) : NULL;
    iavf_played_behind.message(m, op, bytes, n); /* its own words are not heard: it is deaf */
    if (loses && op == VIRTCHNL_GET_RESOURCES && told[op] == 1)
        return;
    if (!s) {
        iavf_model_tell(m, op, -64, NULL, 0);
        return;
    }
    do {
        if (s->op != VIRTCHNL_EVENT || s->bytes[0] == VIRTCHNL_EVENT_LINK)
            iavf_model_tell(m, s->op, s->status, s->bytes, s->n);
    } while (++s < dialogue + lines && s->of_pf && s->op == VIRTCHNL_EVENT);
}

/* The last one after which resources were granted. */
static unsigned behind_last_reset(void)
{
    struct virtchnl_resources r;
    unsigned found = 0;
    for (unsigned i = 1; i < lines; i++)
        if (dialogue[i].reset && find_resources(i, &r))
            found = i + 1;
    assert_true(found);
    return found;
}

static void comes_up(const struct virtchnl_resources *r, uint32_t mbps)
{
    assert_true(link_comes_within(3000) < 3000);
    settle();
    assert_memory_equal(port->mac, r->vsi[0].mac, MAC_LEN);
    assert_int_equal(port->link.speed_mbps, mbps);
    assert_true(told[VIRTCHNL_CONFIG_QUEUES] && told[VIRTCHNL_ENABLE_QUEUES]);
    assert_true(model.rx[0].on && model.rx[1].on && model.tx[0].on && model.tx[1].on);
}

/* As it was said behind the recorded reset. */
static void and_comes_back(uint32_t mbps)
{
    struct virtchnl_resources r;
    begin = behind_last_reset();
    assert_true(find_resources(begin, &r));
    memset(told, 0, sizeof told);
    memcpy(model.pf.mac, r.vsi[0].mac, MAC_LEN);
    iavf_model_pf_resets_vf(&model);
    run_ms(5);
    assert_false(port->link.up);
    comes_up(&r, mbps);
    assert_int_equal(told[VIRTCHNL_GET_RESOURCES], 1);
}

/* The played PF behind it counts what it would not take, the VSI's number above all. */
static struct virtchnl_resources start_behind(const char *name)
{
    read_dialogue(name);
    const struct virtchnl_resources r = given_resources();
    memset(told, 0, sizeof told);
    begin = 0;
    recorded = iavf_played_behind;
    recorded.message = answer_as_recorded;
    model.behind = &recorded;
    model.pf.deaf = true;
    memcpy(model.pf.mac, r.vsi[0].mac, MAC_LEN);
    model.pf.queues = r.queue_pairs;
    model.pf.vsi = r.vsi[0].id;
    start(2);
    return r;
}

static void our_iavf_understands(const char *name, uint32_t mbps)
{
    loses = false;
    const struct virtchnl_resources r = start_behind(name);
    comes_up(&r, mbps);
    assert_int_equal(told[VIRTCHNL_VERSION], 1);
    assert_int_equal(told[VIRTCHNL_GET_RESOURCES], 1);
    assert_int_equal(model.pf.seen[VIRTCHNL_RESET_VF], 1);
    and_comes_back(mbps);
    assert_int_equal(model.pf.seen[VIRTCHNL_RESET_VF], 1);
}

static int set_up_i40e(void **state)
{
    kind = IAVF_BEHIND_I40E;
    return set_up(state);
}

static int set_up_ice(void **state)
{
    kind = IAVF_BEHIND_ICE;
    return set_up(state);
}

static void our_iavf_and_what_linux_was_told(void **state)
{
    our_iavf_understands("linux_i40e", 40000);
}

static void our_iavf_and_what_linux_was_told_by_linux(void **state)
{
    our_iavf_understands("linux_by_linux", 10000);
    assert_int_equal(model.pf.vsi, 14);
}

/* What it asks for a second time is refused by Linux's i40e, until it is reset. */
static void our_iavf_is_reset_when_resources_are_refused(void **state)
{
    loses = true;
    const struct virtchnl_resources r = start_behind("linux_by_linux");
    comes_up(&r, 10000);
    assert_int_equal(told[VIRTCHNL_GET_RESOURCES], 3);     /* lost, refused, granted */
    assert_int_equal(model.pf.seen[VIRTCHNL_RESET_VF], 2); /* before it began, and of the refusal */
    assert_int_equal(told[VIRTCHNL_VERSION], 2);
}

static void our_iavf_and_what_linux_was_told_behind_ice(void **state)
{
    our_iavf_understands("linux_ice", 25000);
}

static void our_iavf_and_what_dpdk_was_told(void **state)
{
    our_iavf_understands("dpdk_i40e", 40000);
}

static void our_iavf_and_what_dpdk_was_told_behind_ice(void **state)
{
    our_iavf_understands("dpdk_ice", 25000);
}

#define TEST_SERVER(test) cmocka_unit_test(test)
#define TEST_I40E(test) cmocka_unit_test_setup_teardown(test, set_up_i40e, tear_down)
#define TEST_ICE(test) cmocka_unit_test_setup_teardown(test, set_up_ice, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_SERVER(linux_is_served),
        TEST_SERVER(linux_is_served_as_by_linux),
        TEST_SERVER(linux_behind_ice_is_served_too),
        TEST_SERVER(dpdk_is_served),
        TEST_SERVER(dpdk_behind_ice_is_served_too),
        TEST_I40E(our_iavf_and_what_linux_was_told),
        TEST_I40E(our_iavf_and_what_linux_was_told_by_linux),
        TEST_I40E(our_iavf_is_reset_when_resources_are_refused),
        TEST_ICE(our_iavf_and_what_linux_was_told_behind_ice),
        TEST_I40E(our_iavf_and_what_dpdk_was_told),
        TEST_ICE(our_iavf_and_what_dpdk_was_told_behind_ice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
