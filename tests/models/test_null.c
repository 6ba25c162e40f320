/* The null port: whatever of the conformance suite needs no wire. */
#include "tests/host/test.h"
#include "tests/models/conformance.h"

static struct port *port;
static uint16_t queues = 1;

static struct port *create(struct packet_cache *cache)
{
    if (null_port_create(&port))
        return NULL;
    for (unsigned i = 0; i < port->limits.rx_queues_max; i++)
        port->rxq[i]->cache = port->txq[i]->cache = cache;
    port_set_queues(port, queues);
    return port;
}

static void destroy(void)
{
    null_port_destroy(port);
}

int main(void)
{
    const struct conformance_subject null = { .name = "null",
                                              .create = create,
                                              .destroy = destroy };
    int failed = conformance_run(&null);
    queues = 2;
    failed += conformance_run(&null);
    queues = 16;
    return failed + conformance_run(&null);
}
