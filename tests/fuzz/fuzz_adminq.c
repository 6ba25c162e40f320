/* i40e_adminq.c before hostile firmware, with a PF's registers or a VF's: heads, descriptors,
 * buffers and the length registers are as the input says, at any look at them, while commands are
 * posted, looked for and waited for, events are taken, and the queue is closed and opened. Whatever
 * comes back: nothing is written beyond what was asked for, no more is under way than there are
 * buffers for, each with its own, and the chip is only given memory of the queue's. */
#include "kernel/compiler.h"
#include "kernel/mmio.h"
#include "nic/intel/i40e/i40e_adminq.h"
#include "tests/fuzz/harness.h"
#include "tests/host/host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REGS 0x10000000u /* physical address */
#define SIZE 0x81000u
#define LIMIT_US 1000u
#define CANARY 0x5au

static struct dma_device device;
static struct i40e_adminq q;
static struct input in;
static const struct i40e_aq_regs *layout;
/* Of each ring: base, length, head and tail as written, and what reads say instead. */
static struct {
    uint32_t low, high, length, head, tail;
} regs[2];
static enum { HONEST, FAILS, ANYTHING, SILENT } mood;
static uint16_t done; /* commands that honest firmware came to the end of */
static bool spoilt;   /* since it is open: by the input, the ring of commands or a register */
static uint8_t bytes[I40E_AQ_BUFFER + 1];

static uint64_t take(size_t n)
{
    return take_value(&in, n);
}

/* Firmware ------------------------------------------------------------------- */

static uint32_t *reg_at(uint64_t offset)
{
    for (unsigned r = 0; r < 2; r++) {
        const struct i40e_aq_ring_regs *at = r ? &layout->receive : &layout->send;
        uint32_t *const found[] = { &regs[r].low, &regs[r].high, &regs[r].length, &regs[r].head,
                                    &regs[r].tail };
        const uint32_t where[] = { at->low, at->high, at->length, at->head, at->tail };
        for (unsigned i = 0; i < ARRAY_SIZE(where); i++)
            if (where[i] == offset)
                return found[i];
    }
    abort(); /* a register that the queue does not have */
}

static uint64_t desc_iova(const struct i40e_aq_ring *ring, uint32_t slot)
{
    return ring->ring.iova + slot % q.entries * sizeof(struct i40e_aq_desc);
}

static void write_desc(const struct i40e_aq_ring *ring, uint32_t slot, const struct i40e_aq_desc *d)
{
    must(!host_dma_write(&device, desc_iova(ring, slot), d, sizeof *d));
}

static struct i40e_aq_desc read_desc(const struct i40e_aq_ring *ring, uint32_t slot)
{
    struct i40e_aq_desc d;
    must(!host_dma_read(&device, desc_iova(ring, slot), &d, sizeof d));
    return d;
}

static struct i40e_aq_desc any_desc(void)
{
    struct i40e_aq_desc d = { .flags = (uint16_t)take(2),
                              .opcode = (uint16_t)take(2),
                              .length = (uint16_t)take(2),
                              .result = (uint16_t)take(1),
                              .cookie_high = (uint32_t)take(1),
                              .cookie_low = (uint32_t)take(1),
                              .address_high = (uint32_t)take(1),
                              .address_low = (uint32_t)take(4) };
    return d;
}

/* The buffer of a command lies in the queue's own memory, and has the bytes that were given. */
static void check_command(uint32_t slot)
{
    struct i40e_aq_desc d = read_desc(&q.send, slot);
    uint64_t at = (uint64_t)d.address_high << 32 | d.address_low;
    if (!(d.flags & I40E_AQ_BUF) || spoilt)
        return;
    must(d.length && d.length <= I40E_AQ_BUFFER);
    must(!(d.flags & I40E_AQ_LB) == (d.length <= I40E_AQ_LARGE));
    must(at >= q.send.memory.iova &&
         at + d.length <= q.send.memory.iova + (uint64_t)q.buffers * I40E_AQ_BUFFER);
}

static void serve(void)
{
    while (mood <= FAILS && regs[0].length & I40E_AQ_LEN_ENABLE && regs[0].head < q.entries &&
           regs[0].head != regs[0].tail) {
        struct i40e_aq_desc d = read_desc(&q.send, regs[0].head);
        check_command(regs[0].head);
        d.flags |= I40E_AQ_DD | I40E_AQ_CMP;
        d.result = mood == FAILS ? (uint16_t)take(1) : 0;
        write_desc(&q.send, regs[0].head, &d);
        regs[0].head = (regs[0].head + 1) % q.entries;
        done++;
    }
}

static uint64_t reg_read(void *ctx, uint64_t offset, unsigned size)
{
    uint32_t *at = reg_at(offset);
    must(size == 4);
    if (mood == ANYTHING && (at == &regs[0].head || at == &regs[1].head))
        *at = (uint32_t)take(1);
    spoilt |= mood == ANYTHING;
    return *at;
}

static void reg_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    uint32_t *at = reg_at(offset);
    must(size == 4);
    must((at != &regs[0].tail && at != &regs[1].tail) || value < q.entries);
    *at = (uint32_t)value;
    if (at == &regs[0].tail)
        serve();
}

static const struct host_window window = {
    .base = REGS, .size = SIZE, .read = reg_read, .write = reg_write
};

/* As the chip does it: into the next descriptor that it was given. */
static void leave_event(void)
{
    uint8_t how = (uint8_t)take(1);
    uint32_t slot = regs[1].head % q.entries;
    struct i40e_aq_desc given = read_desc(&q.receive, slot), d = given;
    uint64_t at = (uint64_t)given.address_high << 32 | given.address_low;
    if (regs[1].head == regs[1].tail || !(regs[1].length & I40E_AQ_LEN_ENABLE))
        return;
    d.flags = I40E_AQ_DD | I40E_AQ_CMP | I40E_AQ_BUF;
    d.opcode = (uint16_t)take(2);
    d.length = how & 1 ? (uint16_t)take(2) : how;
    if (how & 2)
        d = any_desc();
    uint8_t text[8] = { how, 1, 2, 3, 4, 5, 6, 7 };
    host_dma_write(&device, at, text, sizeof text); /* what a scribbled address does not reach */
    write_desc(&q.receive, slot, &d);
    regs[1].head = (slot + 1) % q.entries;
}

static void scribble(uint8_t how)
{
    const struct i40e_aq_ring *ring = how & 0x10 ? &q.send : &q.receive;
    uint64_t value = take(8);
    spoilt = true;
    must(!host_dma_write(&device,
                         ring->ring.iova + (how & 0x20 ? take(2) : how) % (q.entries * 4u) * 8,
                         &value, sizeof value));
}

/* The driver ------------------------------------------------------------------ */

static void check(void)
{
    uint16_t under_way = (uint16_t)(q.send.tail - q.send.head);
    must(under_way < q.buffers);
    must(!q.open || (uint16_t)(q.receive.tail - q.receive.head) == q.buffers - 1);
}

/* What the queue may write into; the rest of it is not touched. */
static uint16_t room(void)
{
    uint16_t n = (uint16_t)(take(2) % (I40E_AQ_BUFFER + 1u));
    memset(bytes, CANARY, sizeof bytes);
    return n;
}

static void check_room(uint16_t n)
{
    for (unsigned i = n; i < sizeof bytes && i < n + 64u; i++)
        must(bytes[i] == CANARY);
}

static void post(uint8_t how)
{
    const struct i40e_aq_desc d = { .opcode = how, .cookie_high = how };
    uint16_t n = how & 1 ? (uint16_t)take(2) : how & 2 ? 512 : 0;
    uint16_t before = q.send.tail;
    bool could = q.open && (uint16_t)(before - q.send.head) < q.buffers - 1 && n <= I40E_AQ_BUFFER;
    memset(bytes, how, sizeof bytes);
    must(i40e_adminq_post(&q, &d, how & 4 ? bytes : NULL, n) == could);
    must(q.send.tail == (uint16_t)(before + could));
}

static void look(void)
{
    struct i40e_aq_desc d;
    uint16_t n = room(), before = q.send.head;
    bool came = i40e_adminq_done(&q, &d, bytes, n);
    must(!came || q.open);
    must(q.send.head == (uint16_t)(before + came));
    check_room(came ? n : 0);
}

static void receive(void)
{
    struct i40e_aq_desc d;
    uint16_t n = room(), asked = n, before = q.receive.head;
    bool came = i40e_adminq_receive(&q, &d, bytes, &n);
    must(!came || (q.open && n <= asked && n <= d.length));
    must(q.receive.head == (uint16_t)(before + came));
    check_room(came ? n : 0);
}

static void open_anew(void)
{
    i40e_adminq_close(&q);
    must(!regs[0].length && !regs[1].length);
    memset(regs, 0, sizeof regs);
    must(i40e_adminq_open(&q));
    must(!q.send.head && !q.send.tail && !q.receive.head);
    spoilt = false;
}

/* One at a time, on a queue that has nothing else to do. */
static void command(uint8_t how)
{
    struct i40e_aq_desc d = { .opcode = how };
    uint16_t n = room();
    if (q.send.head != q.send.tail || !q.open)
        open_anew();
    uint64_t before = done;
    q.expected = how & 0x80 ? UINT32_MAX : 0;
    int err = i40e_adminq_command(&q, &d, bytes, n, how & 1, LIMIT_US);
    must(!err || err == -EIO || err == -ETIMEDOUT);
    must(err || !d.result);
    must(mood != HONEST || spoilt || (!err && done == before + 1));
    check_room(n);
    if (err == -ETIMEDOUT)
        i40e_adminq_close(&q);
}

static void step(void)
{
    uint8_t what = (uint8_t)take(1);
    switch (what % 12) {
    case 0:
        post((uint8_t)take(1));
        break;
    case 1:
        look();
        break;
    case 2:
    case 3:
        leave_event();
        break;
    case 4:
        receive();
        break;
    case 5:
        command((uint8_t)take(1));
        break;
    case 6:
        mood = what / 12 % 4;
        serve();
        break;
    case 7:
        scribble((uint8_t)take(1));
        break;
    case 8:
        regs[what / 12 & 1].head = (uint32_t)take(2);
        spoilt = true;
        break;
    case 9:
        regs[what / 12 & 1].length = (uint32_t)take(4);
        spoilt = true;
        break;
    case 10:
        open_anew();
        break;
    default:
        i40e_adminq_close(&q);
        break;
    }
    check();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    in = (struct input){ data, size };
    uint8_t how = (uint8_t)take(1);
    layout = how & 1 ? &i40e_aq_regs_vf : &i40e_aq_regs_pf;
    host_add_mmio(&window);
    memset(regs, 0, sizeof regs);
    mood = HONEST;
    spoilt = false;
    done = 0;
    uint16_t entries = (uint16_t)(8u << (how >> 1 & 3));
    uint16_t buffers = how & 8 ? entries : entries / 2;
    must(!i40e_adminq_create(&q, "fuzz", &device, mmio_map(REGS, SIZE), layout, entries, buffers));
    must(i40e_adminq_open(&q));
    while (in.size)
        step();
    i40e_adminq_close(&q);
    i40e_adminq_destroy(&q);
    must(host_dma_mapped(&device) == 0);
    harness_end();
    return 0;
}
