/* Descriptors and the admin queue that Intel's 40 Gb/s chips and VFs since share, driver's side
 * (i40e_ring.c, i40e_adminq.c) over the device's (i40e_engine.c, i40e_aq_device.c). */
#include "kernel/mmio.h"
#include "nic/intel/i40e/i40e_adminq.h"
#include "nic/intel/i40e/i40e_ring.h"
#include "pci/pci.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/conformance.h"
#include "tests/models/i40e_aq_device.h"
#include "tests/models/i40e_engine.h"
#include "tests/models/pcispace_config.h"

#include <errno.h>
#include <string.h>

#define BAR 0x10000u
#define RX_TAIL 0x2000u
#define TX_TAIL 0x0000u
#define PACKETS 1024u
#define COMMAND_US 10000u

static struct {
    struct pcispace_device device;
    struct pci_function *function;
    struct i40e_engine engine;
    struct i40e_engine_queue rx, tx;
    struct i40e_aq_device aq;
    unsigned wrong, news;
    uint16_t result; /* of commands */
    uint8_t sent[I40E_FRAME_MAX];
    uint32_t sent_length;
} chip;

static struct port port;
static struct i40e_rxq rx;
static struct i40e_txq tx;
static struct i40e_adminq aq;
static struct packet_pool *pool;
static struct packet_cache cache;

/* The device --------------------------------------------------------------------------- */

static void wrong(void *owner, const char *what, uint64_t value)
{
    chip.wrong++;
}

static void sent(void *owner, struct i40e_engine_queue *q, const uint8_t *bytes, uint32_t length)
{
    memcpy(chip.sent, bytes, length);
    chip.sent_length = length;
}

/* Turns the buffer's first byte over, and says its result. */
static void command(void *owner, struct i40e_aq_desc *desc, uint8_t bytes[I40E_AQ_BUFFER])
{
    bytes[0] = (uint8_t)~bytes[0];
    desc->param[1] = desc->param[0] + 1;
    desc->result = chip.result;
}

static void news(void *owner)
{
    chip.news++;
}

static uint64_t bar_read(void *ctx, unsigned bar, uint64_t offset, unsigned size)
{
    uint32_t value = 0;
    i40e_aq_device_read(&chip.aq, (uint32_t)offset, &value);
    return value;
}

static void bar_write(void *ctx, unsigned bar, uint64_t offset, unsigned size, uint64_t value)
{
    if (offset == RX_TAIL)
        chip.rx.tail = (uint32_t)value;
    else if (offset == TX_TAIL)
        chip.tx.tail = (uint32_t)value;
    else
        i40e_aq_device_write(&chip.aq, (uint32_t)offset, (uint32_t)value);
}

static int set_up(void **state)
{
    struct pcispace_device *d = &chip.device;
    host_reset();
    port_reset_registry();
    pcispace_reset();
    memset(&chip, 0, sizeof chip);
    chip.engine = (struct i40e_engine){ .device = d, .wrong = wrong, .sent = sent };
    chip.aq = (struct i40e_aq_device){
        .layout = &i40e_aq_regs_vf, .device = d, .wrong = wrong, .command = command, .news = news
    };
    pcispace_device_init(d, 0x8086, 0x9999, 0x020000);
    d->bar[0] = (struct pcispace_bar){ .size = BAR };
    d->bar_read = bar_read;
    d->bar_write = bar_write;
    pcispace_add(d, NULL, 5, 0);
    pci_scan();
    chip.function = pci_find(PCI_BDF(0, 0, 5, 0));
    assert_int_equal(pci_enable(chip.function), 0);
    pci_bus_master(chip.function, true);
    pool = packet_pool_create(PACKETS);
    packet_cache_init(&cache, pool);
    return 0;
}

static int tear_down(void **state)
{
    packet_cache_flush(&cache);
    assert_int_equal(packet_pool_available(pool), PACKETS);
    packet_pool_destroy(pool);
    assert_int_equal(host_dma_refused(), 0);
    assert_int_equal(host_dma_mapped(&chip.function->dma), 0);
    return 0;
}

/* Rings ---------------------------------------------------------------------------------- */

static void rings_on(enum i40e_rx_format format)
{
    static const enum i40e_engine_format formats[] = { I40E_ENGINE_16, I40E_ENGINE_32,
                                                       I40E_ENGINE_FLEX };
    struct dma_device *dma = &chip.function->dma;
    uint8_t *bar = pci_map_bar(chip.function, 0, BAR);
    port = (struct port){ .mtu = 9000, .number = 7 };
    i40e_rxq_init(&rx, &port, 0, format);
    i40e_txq_init(&tx, &port, 0);
    rx.q.queue.cache = tx.q.queue.cache = &cache;
    assert_int_equal(dma_share(dma, packet_pool_memory(pool), DMA_BIDIRECTIONAL), 0);
    assert_int_equal(intel_rxq_create(&rx.q, dma), 0);
    assert_int_equal(intel_txq_create(&tx.q, dma), 0);
    chip.rx.context = (struct i40e_queue_context){ .base = rx.q.memory.iova,
                                                   .count = rx.q.mask + 1,
                                                   .buffer = PACKET_BUFFER_SIZE,
                                                   .max_frame = I40E_FRAME_MAX,
                                                   .format = formats[format],
                                                   .rxdid = I40E_ENGINE_RXDID_NIC };
    chip.tx.context =
        (struct i40e_queue_context){ .base = tx.q.memory.iova, .count = tx.q.mask + 1 };
    assert_null(i40e_queue_context_wrong(&chip.rx.context, true));
    assert_null(i40e_queue_context_wrong(&chip.tx.context, false));
    i40e_engine_start(&chip.rx);
    i40e_engine_start(&chip.tx);
    i40e_rxq_live(&rx, bar + RX_TAIL);
    i40e_txq_live(&tx, bar + TX_TAIL);
}

static void rings_off(void)
{
    chip.rx.on = chip.tx.on = false;
    i40e_rxq_still(&rx);
    i40e_txq_still(&tx);
    intel_rxq_destroy(&rx.q, &chip.function->dma);
    intel_txq_destroy(&tx.q, &chip.function->dma);
    dma_unshare(&chip.function->dma, packet_pool_memory(pool));
    assert_int_equal(chip.wrong, 0);
}

static struct packet *receive(void)
{
    struct packet *p;
    return port_rx_burst(&rx.q.queue, &p, 1) ? p : NULL;
}

/* An IPv4 header with or without a right checksum. */
static uint32_t ip_frame(uint8_t frame[], uint32_t length, bool good)
{
    for (uint32_t i = 0; i < length; i++)
        frame[i] = (uint8_t)i;
    const uint8_t header[] = { 0x08, 0x00, 0x45, 0,  0, 20, 0, 0,  0, 0, 64,
                               99,   0,    0,    10, 0, 0,  1, 10, 0, 0, 2 };
    memcpy(frame + 12, header, sizeof header);
    frame[24] = 0x66;
    frame[25] = good ? 0x85 : 0x84;
    return length;
}

static void is_frame(struct packet *p, const uint8_t *frame, uint32_t length)
{
    uint8_t got[FRAME_MAX];
    assert_non_null(p);
    assert_int_equal(p->frame_length, length);
    assert_true(packet_read(p, 0, got, length));
    assert_memory_equal(got, frame, length);
    assert_int_equal(p->port, 7);
    assert_int_equal(p->interface, PACKET_INTERFACE_NONE);
    p->interface = 9; /* as whoever has it may leave it */
}

static void frames_come_in_every_format(void **state)
{
    static uint8_t frame[9000];
    const uint32_t hash = 0xcafebabe;
    for (enum i40e_rx_format format = I40E_RX_16; format <= I40E_RX_FLEX; format++) {
        rings_on(format);
        for (unsigned turn = 0; turn < 600; turn++) { /* the ring goes round */
            uint32_t length = turn % 7 ? 60 + turn : 8000 + turn;
            bool good = turn % 3;
            ip_frame(frame, length, good);
            assert_true(i40e_engine_receive(&chip.engine, &chip.rx, frame, length,
                                            turn % 2 ? &hash : NULL));
            struct packet *p = receive();
            is_frame(p, frame, length);
            assert_int_equal(p->flags & ~PACKET_HASH,
                             good ? PACKET_IP_CHECKSUM_GOOD : PACKET_IP_CHECKSUM_BAD);
            assert_int_equal(!!(p->flags & PACKET_HASH), turn % 2);
            if (turn % 2)
                assert_int_equal(p->hash, hash);
            packet_free(&cache, p);
        }
        assert_int_equal(rx.q.queue.packets, 600);
        assert_int_equal(rx.q.queue.errors, 0);
        rings_off();
    }
}

static void a_tag_comes_beside_the_frame_or_back_into_it(void **state)
{
    uint8_t tagged[200], plain[196];
    ip_frame(plain, sizeof plain, true);
    memcpy(tagged, plain, 12);
    memcpy(tagged + 12, (uint8_t[]){ 0x81, 0, 0x60, 0x2a }, 4);
    memcpy(tagged + 16, plain + 12, sizeof plain - 12);
    for (enum i40e_rx_format format = I40E_RX_16; format <= I40E_RX_FLEX; format++) {
        rings_on(format);
        chip.rx.context.strip = true;
        intel_rx_set_tags(&rx.q, true, true);
        assert_true(i40e_engine_receive(&chip.engine, &chip.rx, tagged, sizeof tagged, NULL));
        struct packet *p = receive();
        is_frame(p, plain, sizeof plain);
        assert_int_equal(p->flags & PACKET_VLAN, PACKET_VLAN);
        assert_int_equal(p->vlan, 0x602a);
        packet_free(&cache, p);
        intel_rx_set_tags(&rx.q, true, false);
        assert_true(i40e_engine_receive(&chip.engine, &chip.rx, tagged, sizeof tagged, NULL));
        p = receive();
        is_frame(p, tagged, sizeof tagged);
        packet_free(&cache, p);
        rings_off();
    }
}

/* Lengths and combinations that no chip writes: a frame is good or gone, and nothing is lost. */
static void lies_in_descriptors_do_no_harm(void **state)
{
    uint64_t seed = 1;
    for (enum i40e_rx_format format = I40E_RX_16; format <= I40E_RX_FLEX; format++) {
        rings_on(format);
        for (unsigned turn = 0; turn < 5000; turn++) {
            uint64_t words[4];
            for (unsigned i = 0; i < 4; i++)
                words[i] = seed = seed * 6364136223846793005ull + 1442695040888963407ull;
            words[1] |= turn % 4 ? I40E_RXD_DD : 0;
            if (!i40e_engine_return(&chip.engine, &chip.rx, words))
                rings_off(), rings_on(format);
            struct packet *p = receive();
            if (!p)
                continue;
            assert_in_range(p->frame_length, FRAME_MIN, FRAME_LIMIT(9000));
            packet_free(&cache, p);
        }
        rings_off();
    }
}

static void send(uint32_t length, uint32_t segment, uint16_t vlan)
{
    static uint8_t frame[FRAME_MAX], expected[FRAME_MAX + VLAN_TAG];
    uint32_t n = ip_frame(frame, length, true), tag = vlan ? VLAN_TAG : 0;
    struct packet *p = conformance_packet(&cache, frame, length, segment);
    memcpy(expected, frame, 12);
    memcpy(expected + 12, (uint8_t[]){ 0x81, 0, (uint8_t)(vlan >> 8), (uint8_t)vlan }, 4);
    memcpy(expected + 12 + tag, frame + 12, n - 12);
    if (vlan) {
        p->flags |= PACKET_VLAN;
        p->vlan = vlan;
    }
    chip.sent_length = 0;
    assert_int_equal(port_tx_burst(&tx.q.queue, &p, 1), 1);
    assert_true(i40e_engine_transmit(&chip.engine, &chip.tx));
    assert_int_equal(chip.sent_length, n + tag);
    assert_memory_equal(chip.sent, expected, n + tag);
}

static void frames_go_with_and_without_tags(void **state)
{
    rings_on(I40E_RX_32);
    for (unsigned push = 0; push < 2; push++) {
        tx.push = push;
        tx.q.insert = true;
        for (unsigned turn = 0; turn < 300; turn++) {
            send(60 + turn, PACKET_ROOM, 0);
            send(9000, PACKET_BUFFER_SIZE, 0);
            send(100 + turn, 64, 0x3005);
            send(1500, 300, 0);
        }
    }
    assert_int_equal(tx.q.queue.packets, 2400);
    assert_int_equal(tx.q.queue.errors, 0);
    rings_off();
}

/* The admin queue ------------------------------------------------------------------------ */

static void aq_on(uint16_t buffers)
{
    assert_int_equal(i40e_adminq_create(&aq, "test", &chip.function->dma,
                                        pci_map_bar(chip.function, 0, BAR), &i40e_aq_regs_vf, 32,
                                        buffers),
                     0);
    assert_true(i40e_adminq_open(&aq));
    assert_true(i40e_aq_device_is_open(&chip.aq));
}

static void aq_off(void)
{
    i40e_adminq_close(&aq);
    i40e_adminq_destroy(&aq);
    assert_int_equal(chip.wrong, 0);
}

static void commands_come_back_with_what_they_brought(void **state)
{
    uint8_t bytes[1000] = { 0x0f };
    aq_on(4);
    for (unsigned turn = 0; turn < 100; turn++) {
        struct i40e_aq_desc d = { .opcode = 0x0123, .param = { turn } };
        bytes[0] = 0x0f;
        assert_int_equal(i40e_adminq_command(&aq, &d, bytes, turn % 2 ? 1000 : 4, true, COMMAND_US),
                         0);
        assert_int_equal(d.param[1], turn + 1);
        assert_true(d.flags & I40E_AQ_DD);
    }
    struct i40e_aq_desc d = { .opcode = 0x0124 };
    assert_int_equal(i40e_adminq_command(&aq, &d, bytes, 16, false, COMMAND_US), 0);
    assert_int_equal(bytes[0], 0xff); /* it was empty there */
    aq_off();
}

static void a_command_that_fails_is_told_with_opcode_and_result(void **state)
{
    struct i40e_aq_desc d = { .opcode = 0x0abc };
    aq_on(2);
    chip.result = 13;
    assert_int_equal(i40e_adminq_command(&aq, &d, NULL, 0, false, COMMAND_US), -EIO);
    assert_int_equal(d.result, 13);
    assert_true(host_log_contains("command 0abc: result 13"));
    chip.aq.deaf = true;
    assert_int_equal(i40e_adminq_command(&aq, &d, NULL, 0, false, COMMAND_US), -ETIMEDOUT);
    assert_true(host_log_contains("command 0abc is not done after 10000 us"));
    assert_false(i40e_adminq_post(&aq, &d, NULL, 0)); /* one buffer less than there are */
    aq_off();
    aq_on(2); /* nothing of it is left */
    chip.aq.deaf = false;
    chip.result = 0;
    d = (struct i40e_aq_desc){ .opcode = 0x0abc };
    assert_int_equal(i40e_adminq_command(&aq, &d, NULL, 0, false, COMMAND_US), 0);
    aq_off();
}

static void events_are_copied_out_and_their_buffers_given_back(void **state)
{
    uint8_t bytes[I40E_AQ_BUFFER], got[I40E_AQ_BUFFER];
    aq_on(8);
    for (unsigned turn = 0; turn < 200; turn++) {
        struct i40e_aq_desc d = { .opcode = 0x0802, .cookie_high = turn };
        uint16_t length = (uint16_t)(turn * 20), n = sizeof got;
        memset(bytes, (int)turn, sizeof bytes);
        assert_true(i40e_aq_device_event(&chip.aq, &d, bytes, length));
        assert_true(i40e_adminq_receive(&aq, &d, got, &n));
        assert_int_equal(n, length);
        assert_int_equal(d.cookie_high, turn);
        assert_memory_equal(got, bytes, n);
        n = sizeof got;
        assert_false(i40e_adminq_receive(&aq, &d, got, &n));
    }
    struct i40e_aq_desc d = { .opcode = 0x0802 };
    for (unsigned i = 0; i < 7; i++)
        assert_true(i40e_aq_device_event(&chip.aq, &d, bytes, 16));
    assert_false(i40e_aq_device_event(&chip.aq, &d, bytes, 16)); /* no buffer is left */
    uint16_t n = 4; /* no more than there is room for */
    assert_true(i40e_adminq_receive(&aq, &d, got, &n));
    assert_int_equal(n, 4);
    aq_off();
}

static void without_memory_nothing_is_left_behind(void **state)
{
    for (unsigned n = 1; n <= 4; n++) {
        host_dma_fail_after(n);
        assert_int_equal(i40e_adminq_create(&aq, "test", &chip.function->dma,
                                            pci_map_bar(chip.function, 0, BAR), &i40e_aq_regs_vf,
                                            32, 4),
                         -ENOMEM);
        assert_int_equal(host_dma_mapped(&chip.function->dma), 0);
    }
    host_dma_fail_after(0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(frames_come_in_every_format),
        TEST(a_tag_comes_beside_the_frame_or_back_into_it),
        TEST(lies_in_descriptors_do_no_harm),
        TEST(frames_go_with_and_without_tags),
        TEST(commands_come_back_with_what_they_brought),
        TEST(a_command_that_fails_is_told_with_opcode_and_result),
        TEST(events_are_copied_out_and_their_buffers_given_back),
        TEST(without_memory_nothing_is_left_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
