/* port_hold.c - who may change a port now, and the stops and services that wait for their turn
 * (port.h).
 *
 * The poll loop never waits, so what it finds to be done on a device housekeeping does. */
#include "nic/port.h"

#include "kernel/log.h"
#include "kernel/task.h"
#include "kernel/time.h"

#include <errno.h>

#define HOLD_US (5 * US_PER_S) /* longer than any driver takes */
#define START_OVER_MOST 5u     /* in so long; who needs more is no device */
#define START_OVER_US (60 * US_PER_S)

int port_hold(struct port *port)
{
    if (port_is_busy(port))
        return -EBUSY;
    port->holder = task_current();
    port->holds++;
    return 0;
}

void port_release(struct port *port)
{
    port->holds--;
}

bool port_is_busy(const struct port *port)
{
    return port->holds && port->holder != task_current();
}

int port_hold_wait(struct port *port)
{
    const unsigned number = port->number;
    const uint64_t life = port->life;
    struct deadline d = deadline_us(HOLD_US);
    while (port_hold(port)) {
        if (!task_current() || task_deadline_passed(&d))
            return -EBUSY;
        if (port_get(number) != port || port->life != life)
            return -ENODEV;
    }
    return 0;
}

/* Later, by housekeeping --------------------------------------------------------- */

/* Whoever can wait, and who set up things before there were tasks, does it himself. */
static bool must_not_wait(void)
{
    return !task_current() && work_has_task();
}

/* The failure that was found counts, not what stopping finds out about a failed device. */
static void stop_now(struct port *port)
{
    const char *failure = port->failure;
    port->stop_due = false;
    port->ops->stop(port);
    if (failure)
        port->failure = failure;
}

static bool is_due(const struct port *port)
{
    return port->stop_due || port->service_due;
}

static void do_due(struct port *port)
{
    bool service = port->service_due && port->state != PORT_FAILED;
    port->service_due = false;
    if (port->stop_due)
        stop_now(port);
    else if (service)
        port->ops->service(port);
}

/* What somebody holds comes in a later round; others need not wait for it. */
static void do_all_due(struct work *w)
{
    for (unsigned i = 0; i < port_count(); i++) {
        struct port *port = port_get(i);
        if (!port || !is_due(port))
            continue;
        if (port_hold(port)) {
            work_ask(w);
            continue;
        }
        do_due(port);
        port_release(port);
    }
}

static struct work due = { .run = do_all_due };

void port_ask_service(struct port *port)
{
    if (!must_not_wait()) {
        port->ops->service(port);
        return;
    }
    port->service_due = true;
    work_ask(&due);
}

/* Not for ever: each time frames are lost, and lines are written. */
static bool may_start_over(struct port_overs *overs)
{
    uint64_t now = time_us();
    if (now - overs->recent_us > START_OVER_US) {
        overs->recent_us = now;
        overs->recent = 0;
    }
    return overs->recent++ < START_OVER_MOST;
}

void port_start_over(struct port *port, struct port_overs *overs, const char *why, bool fault)
{
    if (fault && !may_start_over(overs)) {
        port_fail(port, why);
        return;
    }
    log_warning("port %u (%s): starts over: %s", port->number, port->driver, why);
    overs->total++;
    port_detach(port);
    port->ops->stop(port);
    if (port->state == PORT_FAILED)
        return;
    if (port->ops->start(port))
        port_fail(port, why);
    port_attach(port);
}

void port_stop(struct port *port)
{
    if (port_hold_wait(port)) {
        log_warning("port: not stopped: somebody else is changing it");
        return;
    }
    if (port->state == PORT_RUNNING) {
        store_relaxed(&port->state, PORT_STOPPED);
        port->stop_due = true;
        port_detach(port);
    }
    if (port->stop_due)
        stop_now(port);
    port_release(port);
}

/* Nobody is in its bursts any more, and nothing else will call the driver. */
static void stop_later(struct port *port)
{
    store_relaxed(&port->state, PORT_STOPPED);
    port->stop_due = true;
    port_detach(port);
    work_ask(&due);
}

/* Of a port that somebody is changing the next look finds it again. */
void port_fail(struct port *port, const char *why)
{
    if (port_hold_wait(port))
        return;
    log_error("port %u (%s): failed: %s", port->number, port->driver, why);
    if (port->state == PORT_RUNNING && must_not_wait())
        stop_later(port);
    else
        port_stop(port);
    store_relaxed(&port->state, PORT_FAILED);
    port->failure = why;
    port_release(port);
}
