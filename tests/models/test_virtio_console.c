/* virtio/virtio_console.c against the far end of its two queues.  virtio 1.2 5.3. */
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/virtq_device.h"

#include "kernel/console.h"
#include "nic/port.h"
#include "virtio/virtio_console.h"

#include <errno.h>
#include <string.h>

#define STATUS_OK (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK)
#define SIZE 64u

static struct dma_device dma;
static struct virtq_device queues[2];
static uint8_t status;
static uint64_t features;
static unsigned notified[2];
static bool dma_on;

static uint64_t get_features(struct virtio_device *dev)
{
    return VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) | 7;
}
static void set_features(struct virtio_device *dev, uint64_t f)
{
    features = f;
}
static uint8_t get_status(struct virtio_device *dev)
{
    return status;
}
static void set_status(struct virtio_device *dev, uint8_t s)
{
    status = s;
}
static uint32_t config_read(struct virtio_device *dev, uint16_t offset, unsigned size)
{
    fail_msg("nothing in the configuration is negotiated");
    return 0;
}
static uint16_t queue_size(struct virtio_device *dev, uint16_t index)
{
    return index < 2 ? SIZE : 0;
}
static void notify(struct virtqueue *vq)
{
    assert_true(status & VIRTIO_STATUS_DRIVER_OK);
    notified[vq->index]++;
}
static int queue_enable(struct virtio_device *dev, struct virtqueue *vq)
{
    struct virtq_device *q = &queues[vq->index];
    virtq_device_init(q, &dma, vq->size);
    q->desc = vq->desc_iova;
    q->avail = vq->avail_iova;
    q->used = vq->used_iova;
    q->enabled = true;
    vq->notify = notify;
    return 0;
}
static bool set_dma(struct virtio_device *dev, bool on)
{
    dma_on = on;
    return true;
}

static const struct virtio_transport transport = { .name = "test",
                                                   .get_features = get_features,
                                                   .set_features = set_features,
                                                   .get_status = get_status,
                                                   .set_status = set_status,
                                                   .config_read = config_read,
                                                   .queue_size = queue_size,
                                                   .queue_enable = queue_enable,
                                                   .set_dma = set_dma };
static struct virtio_device device = { .transport = &transport, .dma = &dma, .name = "test" };

/* What the host would see; takes everything that was printed. */
static const char *printed(void)
{
    static char text[65536];
    struct virtq_buffer b;
    size_t n = 0;
    while (virtq_device_take(&queues[1], &b)) {
        assert_int_equal(b.writable, 0);
        n += virtq_device_read(&queues[1], &b, 0, (uint8_t *)text + n, b.readable_bytes);
        virtq_device_put(&queues[1], b.head, 0);
    }
    virtq_device_publish(&queues[1]);
    text[n] = '\0';
    return text;
}

static bool type(const char *text)
{
    struct virtq_buffer b;
    if (!virtq_device_take(&queues[0], &b))
        return false;
    assert_int_equal(b.readable, 0);
    size_t n = virtq_device_write(&queues[0], &b, 0, (const uint8_t *)text, strlen(text));
    virtq_device_put(&queues[0], b.head, (uint32_t)n);
    virtq_device_publish(&queues[0]);
    return true;
}

/* One test after another on one device: a console is never taken away. */
static void it_becomes_hvc0_and_tells_what_was_said_before(void **state)
{
    console_write("before\n", 7);
    assert_int_equal(virtio_console_create(&device, NULL), 0);
    assert_true(console_has("hvc0"));
    assert_int_equal(status, STATUS_OK | VIRTIO_STATUS_DRIVER_OK);
    assert_int_equal(features, VIRTIO_BIT(VIRTIO_F_VERSION_1)); /* no SIZE, MULTIPORT */
    assert_true(dma_on);
    console_poll();
    assert_string_equal(printed(), "before\r\n");
}

static void a_line_ends_in_cr_lf_once(void **state)
{
    console_write("a\nb\r\nc", 6);
    console_flush();
    console_poll();
    assert_string_equal(printed(), "a\r\nb\r\nc");
}

/* Sixteen slots of 256 bytes are out at the most; the rest waits, and nothing is lost. */
static void a_slow_host_loses_nothing(void **state)
{
    char text[9001], got[9001] = "";
    for (unsigned i = 0; i < 9000; i++)
        text[i] = (char)('a' + i % 26);
    text[9000] = '\0';
    console_write(text, 9000);
    for (unsigned i = 0; i < 60; i++) {
        console_poll();
        if (i % 20 == 19)
            strcat(got, printed());
    }
    strcat(got, printed());
    assert_string_equal(got, text);
}

static void what_is_typed_arrives_in_order(void **state)
{
    char got[200] = "";
    unsigned n = 0;
    for (unsigned round = 0; round < 40; round++) { /* buffers are given back */
        assert_true(type("x"));
        assert_true(type("yz"));
        int c;
        while ((c = console_getc(console_terminal(0))) >= 0)
            got[n++] = (char)c;
    }
    assert_int_equal(n, 120);
    assert_memory_equal(got, "xyzxyz", 6);
}

/* The device may say anything about how much it wrote, as often as it likes. */
static void a_lie_about_the_length_breaks_nothing(void **state)
{
    struct virtq_buffer b;
    for (unsigned i = 0; i < 50; i++) {
        assert_true(virtq_device_take(&queues[0], &b));
        virtq_device_put(&queues[0], b.head, 0xffffffff);
        virtq_device_publish(&queues[0]);
        assert_int_equal(console_getc(console_terminal(0)), -1);
    }
    assert_true(type("q"));
    assert_int_equal(console_getc(console_terminal(0)), 'q');
}

static void notifications_say_that_there_is_something(void **state)
{
    unsigned before = notified[1];
    console_write("x", 1);
    console_poll();
    assert_int_equal(notified[1], before + 1);
    assert_string_equal(printed(), "x");
}

static void a_second_one_without_its_option_is_left_alone(void **state)
{
    static struct virtio_device second = { .transport = &transport, .dma = &dma, .name = "second" };
    console_init("ttyS0"); /* not there, but named */
    assert_int_equal(virtio_console_create(&second, NULL), -ENODEV);
    assert_int_equal(virtio_console_create(&second, "no registers"), -EIO);
}

/* Found as the fourth, it is hvc3, though nobody wanted the two before it. */
static void the_number_is_the_devices_own(void **state)
{
    console_options_reset();
    assert_int_equal(console_init("hvc3"), 0);
    assert_int_equal(virtio_console_create(&device, NULL), 0);
    assert_true(console_has("hvc3"));
}

static uint64_t ones(void *ctx, uint64_t offset, unsigned size)
{
    return UINT64_MAX;
}
static void ignore(void *ctx, uint64_t offset, unsigned size, uint64_t value) {}

static int set_up(void **state)
{
    host_reset();
    console_reset();
    host_add_pio(&(struct host_window){ 0xe0, 0x320, ones, ignore, NULL });
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_becomes_hvc0_and_tells_what_was_said_before),
        cmocka_unit_test(a_line_ends_in_cr_lf_once),
        cmocka_unit_test(a_slow_host_loses_nothing),
        cmocka_unit_test(what_is_typed_arrives_in_order),
        cmocka_unit_test(a_lie_about_the_length_breaks_nothing),
        cmocka_unit_test(notifications_say_that_there_is_something),
        cmocka_unit_test(a_second_one_without_its_option_is_left_alone),
        cmocka_unit_test(the_number_is_the_devices_own),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
