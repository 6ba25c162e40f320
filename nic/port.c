/* port.c - the registry of ports and the state machine around every driver. */
#include "nic/port.h"

#include "kernel/log.h"

#include <errno.h>
#include <string.h>

static struct port *ports[PORT_MAX];
static unsigned ports_given;

/* Registration ------------------------------------------------------------- */

static const char *ops_missing(const struct port_ops *ops)
{
    if (!ops)
        return "operations";
    if (!ops->start || !ops->stop)
        return "start or stop";
    if (!ops->link)
        return "link";
    return ops->stats ? NULL : "stats";
}

static bool sizes_good(uint16_t min, uint16_t max, uint16_t usual)
{
    return min && min <= max && usual >= min && usual <= max;
}

static bool limits_good(const struct port_limits *l)
{
    return l->rx_queues_max && l->rx_queues_max <= PORT_QUEUES_MAX && l->tx_queues_max &&
           l->tx_queues_max <= PORT_QUEUES_MAX &&
           sizes_good(l->rx_size_min, l->rx_size_max, l->rx_size_default) &&
           sizes_good(l->tx_size_min, l->tx_size_max, l->tx_size_default) && l->size_multiple &&
           l->max_frame >= MTU_MIN + ETHERNET_HEADER && l->max_frame <= FRAME_MAX;
}

int port_register(struct port *port)
{
    const char *missing = ops_missing(port->ops);
    if (ports_given == PORT_MAX) {
        log_error("port: no number left for another %s port, %u is the most", port->driver,
                  PORT_MAX);
        return -ENOSPC;
    }
    if (missing) {
        log_error("port: driver %s does not offer %s", port->driver, missing);
        return -EINVAL;
    }
    if (!limits_good(&port->limits)) {
        log_error("port: driver %s states limits that contradict themselves", port->driver);
        return -EINVAL;
    }
    port->number = (uint16_t)ports_given;
    port->admin_up = true;
    port->mtu = port->mtu ? port->mtu : MTU_DEFAULT;
    ports[ports_given++] = port;
    return 0;
}

void port_unregister(struct port *port)
{
    if (port->number < PORT_MAX && ports[port->number] == port)
        ports[port->number] = NULL;
}

struct port *port_get(unsigned number)
{
    return number < ports_given ? ports[number] : NULL;
}

unsigned port_count(void)
{
    return ports_given;
}

void port_reset_registry(void)
{
    memset(ports, 0, sizeof ports);
    ports_given = 0;
}

/* State -------------------------------------------------------------------- */

int port_start(struct port *port)
{
    if (port->state == PORT_FAILED)
        return -EIO;
    if (port->state == PORT_RUNNING)
        return 0;
    int e = port->ops->start(port);
    if (!e)
        port->state = PORT_RUNNING;
    return e;
}

void port_stop(struct port *port)
{
    if (port->state != PORT_RUNNING)
        return;
    port->state = PORT_STOPPED;
    port->ops->stop(port);
    port->link = (struct port_link){ 0 };
}

void port_fail(struct port *port, const char *why)
{
    log_error("port %u (%s): failed: %s", port->number, port->driver, why);
    port_stop(port);
    port->state = PORT_FAILED;
    port->failure = why;
}

int port_set_mac(struct port *port, const uint8_t mac[MAC_LEN])
{
    static const uint8_t zero[MAC_LEN];
    if (port->state == PORT_FAILED)
        return -EIO;
    if (!port->ops->set_mac)
        return -ENOTSUP;
    if ((mac[0] & 1) || !memcmp(mac, zero, MAC_LEN))
        return -EINVAL;
    int e = port->ops->set_mac(port, mac);
    if (!e)
        memcpy(port->mac, mac, MAC_LEN);
    return e;
}

int port_set_mtu(struct port *port, uint16_t mtu)
{
    if (port->state == PORT_FAILED)
        return -EIO;
    if (mtu < MTU_MIN || mtu + ETHERNET_HEADER + 4u > port->limits.max_frame)
        return -EINVAL;
    if (!port->ops->set_mtu && mtu > MTU_DEFAULT)
        return -ENOTSUP;
    int e = port->ops->set_mtu ? port->ops->set_mtu(port, mtu) : 0;
    if (!e)
        port->mtu = mtu;
    return e;
}

int port_set_rx_mode(struct port *port, const struct port_rx_mode *mode)
{
    if (port->state == PORT_FAILED)
        return -EIO;
    if (!port->ops->set_rx_mode)
        return -ENOTSUP;
    int e = port->ops->set_rx_mode(port, mode);
    if (!e)
        port->rx_mode = *mode;
    return e;
}

bool port_poll_link(struct port *port)
{
    struct port_link now = { 0 };
    if (port->state == PORT_RUNNING)
        port->ops->link(port, &now);
    bool changed = now.up != port->link.up || now.speed_mbps != port->link.speed_mbps ||
                   now.full_duplex != port->link.full_duplex;
    port->link = now;
    return changed;
}
