/* virtq_device.c - the device's side of a virtqueue (virtq_device.h). */
#include "tests/models/virtq_device.h"

#include "tests/host/host.h"
#include "tests/models/pcispace.h"

#include <string.h>

#define F_NEXT 1
#define F_WRITE 2
#define F_INDIRECT 4

#define F_AVAIL 0x80
#define F_USED 0x8000

struct descriptor {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next;
};

struct packed_descriptor {
    uint64_t addr;
    uint32_t len;
    uint16_t id, flags;
};

void virtq_device_init(struct virtq_device *q, const struct dma_device *dma, uint16_t size)
{
    memset(q, 0, offsetof(struct virtq_device, taken));
    memset(q->taken, 0, sizeof q->taken);
    q->violations = 0;
    q->violation = NULL;
    q->dma = dma;
    q->size = size;
}

void virtq_device_violation(struct virtq_device *q, const char *what)
{
    if (!q->violations++)
        q->violation = what;
}

static bool get(struct virtq_device *q, uint64_t iova, void *to, size_t n)
{
    if (!(q->pci ? pcispace_dma_read(q->pci, iova, to, n) : host_dma_read(q->dma, iova, to, n)))
        return true;
    memset(to, 0, n);
    virtq_device_violation(q, "memory that the device may not read");
    return false;
}

static void set(struct virtq_device *q, uint64_t iova, const void *from, size_t n)
{
    if (q->pci ? pcispace_dma_write(q->pci, iova, from, n) : host_dma_write(q->dma, iova, from, n))
        virtq_device_violation(q, "memory that the device may not write");
}

static uint16_t get16(struct virtq_device *q, uint64_t iova)
{
    uint16_t v;
    get(q, iova, &v, sizeof v);
    return v;
}

void virtq_device_enable(struct virtq_device *q, bool packed, bool event_idx, bool in_order)
{
    q->packed = packed;
    q->event_idx = event_idx;
    q->in_order = in_order;
    q->avail_wrap = q->used_wrap = true; /* 2.8.1 */
    q->enabled = true;
}

/* Where the driver may have put its event, and the device its own (2.7.6, 2.7.8). */
static uint64_t used_event(const struct virtq_device *q)
{
    return q->avail + 4 + 2ull * q->size;
}

static uint64_t avail_event(const struct virtq_device *q)
{
    return q->used + 4 + 8ull * q->size;
}

/* What it wants to hear of: the next buffer, or nothing. */
static void ask_for_notifications(struct virtq_device *q)
{
    uint16_t event[2] = { (uint16_t)(q->avail_idx | q->avail_wrap << 15), 0 };
    if (q->packed) {
        event[1] = q->silent ? 1 : q->event_idx ? 2 : 0; /* 2.8.10 */
        set(q, q->used, event, sizeof event);
        return;
    }
    uint16_t index = (uint16_t)(q->avail_idx - q->silent), flags = q->silent && !q->event_idx;
    if (q->event_idx)
        set(q, avail_event(q), &index, sizeof index);
    set(q, q->used, &flags, sizeof flags);
}

bool virtq_device_interrupts_wanted(struct virtq_device *q)
{
    if (!q->packed && q->event_idx)
        return get16(q, used_event(q)) == q->used_idx;
    uint16_t flags = get16(q, q->avail + (q->packed ? 2 : 0));
    if (q->packed && flags == 2)
        return get16(q, q->avail) == (uint16_t)(q->used_idx | q->used_wrap << 15);
    return !flags;
}

/* The packed ring, 2.8 -------------------------------------------------------- */

static void add_segment(struct virtq_device *q, struct virtq_buffer *b, uint64_t addr, uint32_t len,
                        bool write);

static void get_packed(struct virtq_device *q, uint16_t at, struct packed_descriptor *d)
{
    get(q, q->desc + 16ull * at, d, sizeof *d);
}

static bool is_available(const struct virtq_device *q, const struct packed_descriptor *d)
{
    return !(d->flags & F_AVAIL) == !q->avail_wrap && !(d->flags & F_USED) == q->avail_wrap;
}

static void check_event_suppression(struct virtq_device *q)
{
    uint16_t flags = get16(q, q->avail + 2);
    if (flags > 2 || (flags == 2 && !q->event_idx))
        virtq_device_violation(q, "event flags reserved, or without EVENT_IDX (2.8.10)");
}

static void packed_step(struct virtq_device *q)
{
    if (++q->avail_idx == q->size) {
        q->avail_idx = 0;
        q->avail_wrap = !q->avail_wrap;
    }
}

/* 2.8.7, 2.8.19: only WRITE counts, and nothing else may be set. */
static void walk_table(struct virtq_device *q, struct virtq_buffer *b,
                       const struct packed_descriptor *head)
{
    if (!q->indirect || head->len % 16 || !head->len)
        virtq_device_violation(q, "indirect descriptor not allowed (2.8.19)");
    b->indirect = true;
    for (uint32_t i = 0; i < head->len / 16; i++) {
        struct packed_descriptor d;
        get(q, head->addr + 16ull * i, &d, sizeof d);
        if (d.flags & ~F_WRITE)
            virtq_device_violation(q, "flags but WRITE in an indirect table (2.8.19)");
        add_segment(q, b, d.addr, d.len, d.flags & F_WRITE);
    }
}

static bool take_packed(struct virtq_device *q, struct virtq_buffer *b)
{
    struct packed_descriptor d;
    get_packed(q, q->avail_idx, &d);
    if (!is_available(q, &d))
        return false;
    check_event_suppression(q);
    memset(b, 0, sizeof *b);
    for (;;) {
        if (!is_available(q, &d))
            virtq_device_violation(q, "list shown before all of it was there (2.8.17)");
        if (d.flags & ~(F_NEXT | F_WRITE | F_INDIRECT | F_AVAIL | F_USED))
            virtq_device_violation(q, "reserved descriptor flags");
        packed_step(q);
        b->count++;
        if ((d.flags & F_INDIRECT) && (b->count > 1 || (d.flags & F_NEXT)))
            virtq_device_violation(q, "indirect descriptor in a list (2.8.19)");
        if (d.flags & F_INDIRECT)
            walk_table(q, b, &d);
        else
            add_segment(q, b, d.addr, d.len, d.flags & F_WRITE);
        if (!(d.flags & F_NEXT) || b->count == q->size)
            break;
        get_packed(q, q->avail_idx, &d);
    }
    b->head = d.id; /* in the last of the list: 2.8.6 */
    return true;
}

static void put_packed(struct virtq_device *q, uint32_t id, uint32_t len)
{
    struct packed_descriptor d = { .id = (uint16_t)id, .len = len };
    uint64_t at = q->desc + 16ull * q->used_idx;
    d.flags = (uint16_t)((q->used_wrap ? F_AVAIL | F_USED : 0) | (len ? F_WRITE : 0));
    if (!q->put.held) {
        set(q, at, &d, offsetof(struct packed_descriptor, flags));
        q->put.held = true;
        q->put.at = at;
        q->put.flags = d.flags;
    } else if (!q->batches) {
        set(q, at, &d, sizeof d);
    } else { /* the first one's place names the last */
        set(q, q->put.at, &d, offsetof(struct packed_descriptor, flags));
        q->put.flags = (uint16_t)((q->put.flags & ~F_WRITE) | (d.flags & F_WRITE));
    }
    unsigned n = id < q->size && q->taken[id] ? q->count[id] : 1;
    q->used_idx = (uint16_t)(q->used_idx + n);
    if (q->used_idx >= q->size) {
        q->used_idx = (uint16_t)(q->used_idx - q->size);
        q->used_wrap = !q->used_wrap;
    }
}

/* Taking what the driver offers ------------------------------------------------ */

uint16_t virtq_device_pending(struct virtq_device *q)
{
    struct packed_descriptor d;
    if (q->packed) {
        get_packed(q, q->avail_idx, &d);
        return is_available(q, &d);
    }
    uint16_t flags = get16(q, q->avail);
    uint16_t pending = (uint16_t)(get16(q, q->avail + 2) - q->avail_idx);
    if (flags > !q->event_idx)
        virtq_device_violation(q, "available flags neither 0 nor 1, or 1 with EVENT_IDX (2.7.7.1)");
    if (pending > q->size) {
        virtq_device_violation(q, "available index beyond the ring");
        pending = 0;
    }
    return pending;
}

static void add_segment(struct virtq_device *q, struct virtq_buffer *b, uint64_t addr, uint32_t len,
                        bool write)
{
    unsigned n = b->readable + b->writable;
    if (n == VIRTQ_BUFFER_SEGMENTS) {
        virtq_device_violation(q, "excessive number of descriptors (2.7.4.2)");
        return;
    }
    if (!write && b->writable)
        virtq_device_violation(q, "readable after writable (2.7.4.2)");
    if (!len)
        virtq_device_violation(q, "descriptor of no bytes");
    b->segment[n] = (struct virtq_segment){ addr, len };
    *(write ? &b->writable : &b->readable) += 1;
    *(write ? &b->writable_bytes : &b->readable_bytes) += len;
}

/* Walks a table of `size` entries from `at`; loops end at size descriptors. */
static void walk(struct virtq_device *q, struct virtq_buffer *b, uint64_t table, uint32_t size,
                 uint16_t at)
{
    for (uint32_t n = 0;; n++) {
        struct descriptor d;
        if (at >= size || n == size) {
            virtq_device_violation(q, n == size ? "descriptor loop (2.7.5.2)"
                                                : "next descriptor outside the table");
            return;
        }
        get(q, table + 16ull * at, &d, sizeof d);
        if (d.flags & ~(F_NEXT | F_WRITE | F_INDIRECT))
            virtq_device_violation(q, "reserved descriptor flags");
        if (d.flags & F_INDIRECT) {
            if (b->indirect || (d.flags & F_NEXT) || !q->indirect || d.len % 16 || !d.len) {
                virtq_device_violation(q, "indirect descriptor not allowed (2.7.5.3.1)");
                return;
            }
            b->indirect = true;
            b->count++;
            walk(q, b, d.addr, d.len / 16, 0);
            return;
        }
        add_segment(q, b, d.addr, d.len, d.flags & F_WRITE);
        b->count += !b->indirect;
        if (!(d.flags & F_NEXT))
            return;
        if (q->in_order && d.next != (at + 1) % size)
            virtq_device_violation(q, "next descriptor out of order (2.7.5.2)");
        at = d.next;
    }
}

static bool take_split(struct virtq_device *q, struct virtq_buffer *b)
{
    if (!virtq_device_pending(q))
        return false;
    memset(b, 0, sizeof *b);
    b->head = get16(q, q->avail + 4 + 2 * (q->avail_idx++ % q->size));
    if (b->head >= q->size) {
        virtq_device_violation(q, "head outside the table");
        return false;
    }
    walk(q, b, q->desc, q->size, b->head);
    if (q->in_order && b->head != q->next_head)
        virtq_device_violation(q, "descriptors out of order (2.7.5)");
    q->next_head = (uint16_t)((b->head + b->count) % q->size);
    return true;
}

bool virtq_device_take(struct virtq_device *q, struct virtq_buffer *b)
{
    if (!(q->packed ? take_packed(q, b) : take_split(q, b)))
        return false;
    if (b->head >= q->size || q->taken[b->head])
        virtq_device_violation(q, "buffer made available twice, or no number of one");
    b->head %= q->size;
    q->taken[b->head] = 1;
    q->count[b->head] = b->count;
    q->out += b->count;
    if (b->readable + b->writable > q->size)
        virtq_device_violation(q, "chain longer than the queue (2.7.5.3.1, 2.8.17)");
    if (q->out > q->size)
        virtq_device_violation(q, "descriptor used again before its time (2.8.16)");
    ask_for_notifications(q);
    return true;
}

void virtq_device_untake(struct virtq_device *q, const struct virtq_buffer *b)
{
    q->taken[b->head] = 0;
    q->out -= b->count;
    if (!q->packed) {
        q->avail_idx--;
        q->next_head = b->head;
        return;
    }
    if (b->count > q->avail_idx)
        q->avail_wrap = !q->avail_wrap;
    q->avail_idx = (uint16_t)(q->avail_idx + (b->count > q->avail_idx ? q->size : 0) - b->count);
}

static size_t copy(struct virtq_device *q, const struct virtq_segment *s, unsigned count,
                   size_t offset, uint8_t *bytes, size_t n, bool write)
{
    size_t done = 0;
    for (; count-- && done < n; s++) {
        if (offset >= s->length) {
            offset -= s->length;
            continue;
        }
        size_t part = s->length - offset < n - done ? s->length - offset : n - done;
        if (write)
            set(q, s->iova + offset, bytes + done, part);
        else
            get(q, s->iova + offset, bytes + done, part);
        done += part;
        offset = 0;
    }
    return done;
}

size_t virtq_device_read(struct virtq_device *q, const struct virtq_buffer *b, size_t offset,
                         void *to, size_t n)
{
    return copy(q, b->segment, b->readable, offset, to, n, false);
}

size_t virtq_device_write(struct virtq_device *q, const struct virtq_buffer *b, size_t offset,
                          const void *from, size_t n)
{
    return copy(q, b->segment + b->readable, b->writable, offset, (void *)(uintptr_t)from, n, true);
}

/* In batches the last of them is written at the place of the first (2.7.9). */
static void put_split(struct virtq_device *q, uint32_t id, uint32_t len)
{
    uint32_t elem[2] = { id, len };
    uint64_t at = q->used + 4 + 8ull * (q->used_idx++ % q->size);
    if (!q->batches || !q->put.held)
        q->put.at = at;
    q->put.held = true;
    set(q, q->put.at, elem, sizeof elem);
}

void virtq_device_put(struct virtq_device *q, uint32_t id, uint32_t len)
{
    if (q->packed)
        put_packed(q, id, len);
    else
        put_split(q, id, len);
    if (id >= q->size || !q->taken[id])
        return;
    q->taken[id] = 0;
    q->out -= q->count[id];
}

void virtq_device_publish(struct virtq_device *q)
{
    if (!q->packed)
        virtq_device_set_used_idx(q, q->used_idx);
    else if (q->put.held)
        set(q, q->put.at + offsetof(struct packed_descriptor, flags), &q->put.flags,
            sizeof q->put.flags);
    q->put.held = false;
}

void virtq_device_set_used_idx(struct virtq_device *q, uint16_t idx)
{
    set(q, q->used + 2, &idx, sizeof idx);
}

void virtq_device_set_no_notify(struct virtq_device *q, bool on)
{
    q->silent = on;
    ask_for_notifications(q);
}
