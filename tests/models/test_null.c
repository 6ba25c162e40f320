/* The null port: whatever of the conformance suite needs no wire. */
#include "tests/host/test.h"
#include "tests/models/conformance.h"

static struct port *port;

static struct port *create(struct packet_cache *cache)
{
    if (null_port_create(&port))
        return NULL;
    port->rxq[0]->cache = port->txq[0]->cache = cache;
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
    return conformance_run(&null);
}
