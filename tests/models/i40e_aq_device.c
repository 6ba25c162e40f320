/* i40e_aq_device.c - the admin queue as the device works it (i40e_aq_device.h). */
#include "tests/models/i40e_aq_device.h"

#include <string.h>

enum { LOW, HIGH, LENGTH, HEAD, TAIL };

#define KNOWN_FLAGS \
    (I40E_AQ_LB | I40E_AQ_RD | I40E_AQ_VFC | I40E_AQ_BUF | I40E_AQ_SI | I40E_AQ_EI | I40E_AQ_FE)

/* Each access to a register comes here. */
static int find(const struct i40e_aq_ring_regs *regs, uint32_t reg)
{
    return reg == regs->low      ? LOW
           : reg == regs->high   ? HIGH
           : reg == regs->length ? LENGTH
           : reg == regs->head   ? HEAD
           : reg == regs->tail   ? TAIL
                                 : -1;
}

static uint32_t entries(const uint32_t ring[5])
{
    return ring[LENGTH] & I40E_AQ_LEN_ENTRIES;
}

static bool is_on(const uint32_t ring[5])
{
    return ring[LENGTH] & I40E_AQ_LEN_ENABLE;
}

static uint64_t desc_at(const uint32_t ring[5])
{
    return ((uint64_t)ring[HIGH] << 32 | ring[LOW]) + ring[HEAD] * sizeof(struct i40e_aq_desc);
}

static uint64_t buffer_at(const struct i40e_aq_desc *d)
{
    return (uint64_t)d->address_high << 32 | d->address_low;
}

void i40e_aq_device_reset(struct i40e_aq_device *a)
{
    memset(a->send, 0, sizeof a->send);
    memset(a->receive, 0, sizeof a->receive);
}

bool i40e_aq_device_is_open(const struct i40e_aq_device *a)
{
    return is_on(a->send) && is_on(a->receive);
}

bool i40e_aq_device_read(struct i40e_aq_device *a, uint32_t reg, uint32_t *value)
{
    int send = find(&a->layout->send, reg), receive = find(&a->layout->receive, reg);
    if (send >= 0)
        *value = a->send[send];
    else if (receive >= 0)
        *value = a->receive[receive];
    return send >= 0 || receive >= 0;
}

/* Commands ---------------------------------------------------------------------------- */

static bool good(struct i40e_aq_device *a, const struct i40e_aq_desc *d)
{
    const char *what = NULL;
    if (d->flags & ~KNOWN_FLAGS)
        what = "command with flags that are the device's to set";
    else if ((d->flags & I40E_AQ_RD) && !(d->flags & I40E_AQ_BUF))
        what = "command whose buffer is to be read, without one";
    else if ((d->flags & I40E_AQ_BUF) && (!d->length || d->length > I40E_AQ_BUFFER))
        what = "command with a buffer of no valid length";
    else if ((d->flags & I40E_AQ_BUF) && d->length > I40E_AQ_LARGE && !(d->flags & I40E_AQ_LB))
        what = "command with a large buffer and without LB";
    if (what)
        a->wrong(a->owner, what, (uint64_t)d->opcode << 32 | (uint32_t)d->flags << 16 | d->length);
    return !what;
}

static void run_one(struct i40e_aq_device *a)
{
    static uint8_t bytes[I40E_AQ_BUFFER];
    struct i40e_aq_desc d;
    uint64_t at = desc_at(a->send);
    if (pcispace_dma_read(a->device, at, &d, sizeof d)) {
        a->wrong(a->owner, "ring of commands outside of the function's memory", at);
        a->send[LENGTH] |= I40E_AQ_LEN_CRIT;
        a->send[HEAD] = a->send[TAIL];
        return;
    }
    uint16_t room = d.flags & I40E_AQ_BUF && d.length <= I40E_AQ_BUFFER ? d.length : 0;
    bool interrupts = !(d.flags & I40E_AQ_SI);
    a->commands++;
    memset(bytes, 0, sizeof bytes);
    if (room && (d.flags & I40E_AQ_RD) && pcispace_dma_read(a->device, buffer_at(&d), bytes, room))
        a->wrong(a->owner, "a command's buffer outside of the function's memory", buffer_at(&d));
    if (good(a, &d))
        a->command(a->owner, &d, bytes);
    else
        d.result = 14;
    if (!is_on(a->send)) /* the command has reset it */
        return;
    if (room && pcispace_dma_write(a->device, buffer_at(&d), bytes, room))
        a->wrong(a->owner, "a command's buffer outside of the function's memory", buffer_at(&d));
    d.flags |= I40E_AQ_DD | I40E_AQ_CMP | (d.result ? I40E_AQ_ERR : 0);
    pcispace_dma_write(a->device, at, &d, sizeof d);
    a->send[HEAD] = (a->send[HEAD] + 1) % entries(a->send);
    if (interrupts)
        a->news(a->owner);
}

void i40e_aq_device_run(struct i40e_aq_device *a)
{
    while (!a->deaf && is_on(a->send) && a->send[HEAD] != a->send[TAIL] && !a->silent)
        run_one(a);
}

/* Registers --------------------------------------------------------------------------- */

static void check_length(struct i40e_aq_device *a, const uint32_t ring[5], uint32_t value)
{
    if ((value & I40E_AQ_LEN_ENABLE) && !(value & I40E_AQ_LEN_ENTRIES))
        a->wrong(a->owner, "admin queue on without descriptors", value);
    if (value & ~(I40E_AQ_LEN_ENABLE | I40E_AQ_LEN_ENTRIES | I40E_AQ_LEN_VFE | I40E_AQ_LEN_OVFL |
                  I40E_AQ_LEN_CRIT))
        a->wrong(a->owner, "admin queue's length with reserved bits", value);
    if (is_on(ring) && (value & I40E_AQ_LEN_ENABLE) &&
        entries(ring) != (value & I40E_AQ_LEN_ENTRIES))
        a->wrong(a->owner, "admin queue's length changed while it is on", value);
}

static void write_ring(struct i40e_aq_device *a, uint32_t ring[5], int which, uint32_t value)
{
    bool busy = is_on(ring) && value && ring[HEAD] != ring[TAIL];
    if (which == LENGTH)
        check_length(a, ring, value);
    if ((which == LOW || which == HIGH) && busy)
        a->wrong(a->owner, "admin queue's ring moved while it works", value);
    if (which == LOW && value % 64)
        a->wrong(a->owner, "admin queue's ring that is not aligned to 64", value);
    if (which == HEAD && value)
        a->wrong(a->owner, "admin queue's head that is not 0", value);
    if (which == TAIL && value && (!is_on(ring) || value >= entries(ring))) {
        a->wrong(a->owner, "admin queue's tail past the ring, or of a queue that is off", value);
        return;
    }
    ring[which] = value;
    if (which == TAIL && value && !ring[LOW] && !ring[HIGH])
        a->wrong(a->owner, "admin queue's tail without a ring", value);
}

bool i40e_aq_device_write(struct i40e_aq_device *a, uint32_t reg, uint32_t value)
{
    int send = find(&a->layout->send, reg), receive = find(&a->layout->receive, reg);
    if (send >= 0)
        write_ring(a, a->send, send, value);
    else if (receive >= 0)
        write_ring(a, a->receive, receive, value);
    if (send == TAIL)
        i40e_aq_device_run(a);
    return send >= 0 || receive >= 0;
}

/* Events ------------------------------------------------------------------------------- */

bool i40e_aq_device_event(struct i40e_aq_device *a, const struct i40e_aq_desc *desc,
                          const void *bytes, uint16_t n)
{
    struct i40e_aq_desc given, d = *desc;
    if (!is_on(a->receive) || a->receive[HEAD] == a->receive[TAIL] ||
        pcispace_dma_read(a->device, desc_at(a->receive), &given, sizeof given)) {
        a->lost++;
        if (is_on(a->receive))
            a->receive[LENGTH] |= I40E_AQ_LEN_OVFL;
        return false;
    }
    if (!(given.flags & I40E_AQ_BUF) || given.length < n ||
        (given.flags & (I40E_AQ_DD | I40E_AQ_CMP)))
        a->wrong(a->owner, "descriptor for events without a buffer that is large enough",
                 (uint32_t)given.flags << 16 | given.length);
    if (n && pcispace_dma_write(a->device, buffer_at(&given), bytes, n))
        a->wrong(a->owner, "buffer for events outside of the function's memory", buffer_at(&given));
    d.flags |=
        I40E_AQ_DD | I40E_AQ_CMP | (n ? I40E_AQ_BUF : 0) | (n > I40E_AQ_LARGE ? I40E_AQ_LB : 0);
    d.length = n;
    d.address_high = given.address_high;
    d.address_low = given.address_low;
    pcispace_dma_write(a->device, desc_at(a->receive), &d, sizeof d);
    a->receive[HEAD] = (a->receive[HEAD] + 1) % entries(a->receive);
    a->events++;
    a->news(a->owner);
    return true;
}
