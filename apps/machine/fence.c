/* fence.c - faults of a port's device: counted, and too many end its service.
 *
 * A device that keeps reaching for what it was not given is broken or hostile.
 * Its requests are blocked either way; stopping it keeps the log and the
 * IOMMU's one or few fault records free for others. */
#include "apps/machine/fence.h"

#include "apps/console/command.h"
#include "apps/forward/forward.h"
#include "iommu/iommu.h"
#include "kernel/log.h"
#include "kernel/task.h"
#include "pci/pci.h"

#include <inttypes.h>

#define POLL_US 10000u

static struct {
    uint64_t limit, poll_at;
} fence = { .limit = FENCE_FAULTS_DEFAULT };

static bool speaks_as(const struct port *port, uint32_t requester_id)
{
    if (!port->dma)
        return false;
    return port->dma->requester_id == requester_id ||
           (port->pci && pci_has_alias(port->pci, requester_id));
}

/* A requester ID that several ports share is everybody's fault. */
static void count_fault(const struct iommu_fault *fault)
{
    for (unsigned i = 0; i < port_count(); i++) {
        struct port *port = port_get(i);
        if (port && speaks_as(port, fault->requester_id))
            port->faults++;
    }
}

static bool is_over_limit(const struct port *port)
{
    return port && fence.limit && port->faults >= fence.limit;
}

static void stop_port(struct port *port)
{
    log_error("port %u (%s): stopped after %" PRIu64 " DMA faults; `port %u up` starts it again",
              port->number, port->driver, port->faults, port->number);
    forward_port_down(port);
    if (port->pci)
        pci_bus_master(port->pci, false);
}

/* A port that somebody is changing comes in a later round. */
static void stop_ports(struct work *w)
{
    for (unsigned i = 0; i < port_count(); i++) {
        struct port *port = port_get(i);
        if (!is_over_limit(port))
            continue;
        if (port_hold(port)) {
            work_ask(w);
            continue;
        }
        if (port->state == PORT_RUNNING)
            stop_port(port);
        port->faults = 0;
        port_release(port);
    }
}

static struct work stopping = { .run = stop_ports };

void fence_init(void)
{
    fence.poll_at = 0;
    iommu_set_fault_handler(count_fault);
}

void fence_poll(uint64_t now_us)
{
    if (now_us < fence.poll_at)
        return;
    fence.poll_at = now_us + POLL_US;
    iommu_poll(now_us);
    for (unsigned i = 0; i < port_count(); i++)
        if (is_over_limit(port_get(i))) {
            work_do(&stopping);
            return;
        }
}

void fence_set_limit(uint64_t faults)
{
    fence.limit = faults;
}

uint64_t fence_get_limit(void)
{
    return fence.limit;
}

COMMAND(cmd_iommu_faults, "iommu faults NUMBER",
        "Stop a port after so many DMA faults (0: after none)");
static int cmd_iommu_faults(struct command_call *call)
{
    fence_set_limit(call->arg[0].number);
    return 0;
}

static void print_config(struct out *out)
{
    if (fence.limit != FENCE_FAULTS_DEFAULT)
        out_printf(out, "iommu faults %" PRIu64 "\n", fence.limit);
}

CONFIG_PRINTER(fence_config) = { .order = CONFIG_IOMMU, .print = print_config };
