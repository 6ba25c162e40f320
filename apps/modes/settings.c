/* settings.c - what testpmd's commands set (settings.h). */
#include "apps/modes/settings.h"

#include "apps/forward/event.h"
#include "apps/forward/interface.h"
#include "apps/forward/job.h"
#include "apps/forward/quiesce.h"
#include "kernel/numbered.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct tx_shape first_shape = { .length = FRAME_PADDED,
                                             .segments = 1,
                                             .segment = { FRAME_PADDED } };

static struct {
    struct numbered ports; /* struct mode_port */
    struct tx_shape *shape;
    struct noise *noise;
    uint64_t rate;
    uint32_t flows; /* 0: as many as at first */
} settings;

struct mode_port *mode_port_get(unsigned number)
{
    return numbered_get(&settings.ports, number);
}

const struct tx_shape *mode_tx_shape(void)
{
    const struct tx_shape *shape = load_acquire(&settings.shape);
    return shape ? shape : &first_shape;
}

uint64_t mode_rate(void)
{
    return load_relaxed(&settings.rate);
}

uint32_t mode_flows(void)
{
    uint32_t flows = load_relaxed(&settings.flows);
    return flows ? flows : MODE_FLOWS;
}

const struct noise *mode_noise(void)
{
    return load_acquire(&settings.noise);
}

int mode_set_tx_shape(const struct tx_shape *shape)
{
    struct tx_shape *copy = malloc(sizeof *copy), *old = settings.shape;
    if (!copy)
        return -ENOMEM;
    *copy = *shape;
    store_release(&settings.shape, copy);
    if (old)
        retire(free, old);
    return 0;
}

void mode_set_rate(uint64_t rate)
{
    store_relaxed(&settings.rate, rate);
}

void mode_set_flows(uint32_t flows)
{
    store_relaxed(&settings.flows, flows);
}

int mode_set_noise(uint64_t bytes, unsigned reads, unsigned writes, unsigned both)
{
    struct noise *noise = NULL, *old = settings.noise;
    if (bytes) {
        noise = calloc(1, sizeof *noise + bytes);
        if (!noise)
            return -ENOMEM;
        noise->words = bytes / sizeof noise->memory[0];
        noise->reads = reads;
        noise->writes = writes;
        noise->both = both;
    }
    store_release(&settings.noise, noise);
    if (old)
        retire(free, old);
    return 0;
}

static void port_begin(unsigned number)
{
    struct mode_port *mp = calloc(1, sizeof *mp);
    if (mp && numbered_set(&settings.ports, number, mp))
        free(mp);
}

static void port_end(unsigned number)
{
    struct mode_port *mp = mode_port_get(number);
    numbered_clear(&settings.ports, number);
    if (mp)
        retire(free, mp);
}

static void heard(const struct event *event)
{
    const struct interface *interface = event->interface;
    if (!interface || interface->kind != INTERFACE_PORT)
        return;
    if (event->kind == EVENT_INTERFACE_ADDED)
        port_begin(interface->port_number);
    else if (event->kind == EVENT_INTERFACE_GONE)
        port_end(interface->port_number);
}

EVENT_LISTENER(mode_settings_listener) = { .order = EVENT_ORDER_FORWARD, .heard = heard };

static void forget(void)
{
    for (unsigned i = 0; i < settings.ports.limit; i++)
        free(mode_port_get(i));
    numbered_free(&settings.ports);
    free(settings.shape);
    free(settings.noise);
    memset(&settings, 0, sizeof settings);
}

CONTROL_JOB(mode_settings_job) = { .free = forget };
