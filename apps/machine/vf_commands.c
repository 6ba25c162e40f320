/* vf_commands.c - virtual functions at the console: made, shown, guarded, removed.
 *
 * A VF is named by its PF's address and its number, which is what its policies belong to; the
 * port that a driver of ours makes of it has a number like any port (nic/vf.h). */
#include "apps/console/command.h"
#include "apps/forward/forward.h"
#include "apps/forward/port_commands.h"
#include "apps/forward/stats.h"
#include "nic/vf.h"
#include "pci/sriov.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Who is meant ------------------------------------------------------------------- */

static struct port *port_of(const struct pci_function *f)
{
    for (unsigned i = 0; i < port_count(); i++)
        if (port_get(i) && port_get(i)->pci == f)
            return port_get(i);
    return NULL;
}

/* The master port that arg[0] names; NULL after the one line that says why not.  One that failed
 * can still get rid of its VFs. */
static struct port *find_master(struct command_call *call, bool removes)
{
    const char *name = call->arg[0].word;
    const struct pci_function *f = pci_find((uint32_t)call->arg[0].number);
    struct port *port = f ? port_of(f) : NULL;

    if (!f)
        command_error(call, "there is no function %s, expected one that 'show pci' lists", name);
    else if (f->pf)
        command_error(call, "%s is a VF itself, expected its PF", name);
    else if (!f->sriov)
        command_error(call, "%s has no SR-IOV capability, expected a PF", name);
    else if (!port)
        command_error(call, "%s has no driver here, expected the PF of a port", name);
    else if (port->state == PORT_FAILED && !(removes && port->vf_count))
        command_error(call, "port %u at %s has failed: %s", port->number, name,
                      port->failure ? port->failure : "unknown");
    else if (!port->vf)
        command_error(call, "driver %s at %s makes no VFs, expected igb, ixgbe or i40e",
                      port->driver, name);
    else
        return port;
    return NULL;
}

/* The same once no other command is changing it.  Nobody else is until the caller yields. */
static struct port *find_free_master(struct command_call *call, bool removes)
{
    struct port *port = find_master(call, removes);
    if (!port || port_command_hold(call, port))
        return NULL;
    port_release(port);
    return find_master(call, removes);
}

/* count -------------------------------------------------------------------------- */

/* 0, or -1 after the line that says why not.  What is held here goes. */
static int remove_vf(struct command_call *call, struct pci_function *f)
{
    struct port *port = port_of(f);
    if (port && port_command_hold(call, port))
        return -1;
    if (port) /* nothing names it any more: whoever did hears of it */
        forward_port_remove(port);
    if (f->driver)
        pci_remove_function(f);
    return 0;
}

/* The master is not held while its VFs' ports go: some of them wait for its answer when they stop.
 */
static int remove_vfs(struct command_call *call, struct port *master)
{
    const struct pci_sriov *s = master->pci->sriov;

    for (unsigned i = s->num_vfs; i > 0; i--)
        if (remove_vf(call, s->vf[i - 1]))
            return -1;
    if (port_command_hold(call, master))
        return -1;
    master->vf->disable(master);
    master->vf_unisolated = false;
    port_release(master);
    return 0;
}

static int check_count(struct command_call *call, const struct port *master)
{
    uint64_t count = call->arg[1].number;
    unsigned left = port_numbers_left();

    if (count > master->vf_max)
        return command_error(call, "%s VFs are too many for %s, expected 0 to %u",
                             call->arg[1].word, call->arg[0].word, master->vf_max);
    if (count && master->vf_count)
        return command_error(call,
                             "%s has %u VFs in force already, expected 'vf %s count 0' before",
                             call->arg[0].word, master->vf_count, call->arg[0].word);
    if (count > left)
        return command_error(call, "%u port numbers are left, expected no more VFs than that",
                             left);
    return 0;
}

/* 0 or -E... with the reason in *why.  They become ports, which begin later. */
static int make_vfs(struct port *master, unsigned count, bool allow_unisolated, const char **why)
{
    int e = master->vf->enable(master, count, allow_unisolated, why);
    if (e)
        return e;
    master->vf_unisolated = allow_unisolated;
    for (unsigned i = 0; i < count; i++)
        pci_probe_function(master->pci->sriov->vf[i]);
    return 0;
}

static int set_count(struct command_call *call, bool allow_unisolated)
{
    struct port *master = find_free_master(call, !call->arg[1].number);
    unsigned count = (unsigned)call->arg[1].number;
    const char *why = "no reason is known";

    if (!master)
        return -1;
    int e = check_count(call, master);
    if (e)
        return e;
    if (!count)
        return master->vf_count ? remove_vfs(call, master) : 0;
    port_hold(master);
    e = make_vfs(master, count, allow_unisolated, &why);
    port_release(master);
    if (e == -EPERM && !allow_unisolated)
        return command_error(call, "%s makes no VFs: %s, expected 'unisolated' if that is wanted",
                             call->arg[0].word, why);
    if (e)
        return command_error(call, "%s makes no VFs: %s", call->arg[0].word, why);
    forward_ports_up();
    return 0;
}

COMMAND(cmd_vf_count, "vf BDF count NUMBER [unisolated]",
        "Make so many VFs of a PF, ports with the lowest free numbers; 0: remove them");
static int cmd_vf_count(struct command_call *call)
{
    return set_count(call, command_given(call, "unisolated"));
}

/* Policies ----------------------------------------------------------------------- */

/* The master port and the present policy of the VF that arg[0] and arg[1] name; nobody else
 * changes them until the caller yields. */
static struct port *find_vf(struct command_call *call, struct vf_policy *policy)
{
    struct port *master = find_free_master(call, false);
    struct vf_info info;

    if (!master)
        return NULL;
    if (!master->vf_count) {
        command_error(call, "%s has no VFs, expected 'vf %s count NUMBER' before",
                      call->arg[0].word, call->arg[0].word);
        return NULL;
    }
    if (call->arg[1].number >= master->vf_count) {
        command_error(call, "VF '%s' of %s is out of range, expected 0 to %u", call->arg[1].word,
                      call->arg[0].word, master->vf_count - 1);
        return NULL;
    }
    master->vf->info(master, (unsigned)call->arg[1].number, &info);
    *policy = info.policy;
    return master;
}

static int set_policy(struct command_call *call, struct port *master,
                      const struct vf_policy *policy, const char *what)
{
    const char *why = "no reason is known";

    port_hold(master);
    int e = master->vf->set(master, (unsigned)call->arg[1].number, policy, &why);
    port_release(master);
    if (e)
        return command_error(call, "VF %s of %s: %s is not changed: %s", call->arg[1].word,
                             call->arg[0].word, what, why);
    return 0;
}

COMMAND(cmd_vf_mac, "vf BDF NUMBER mac MAC", "Give a VF its address");
static int cmd_vf_mac(struct command_call *call)
{
    struct vf_policy policy;
    struct port *master = find_vf(call, &policy);

    if (!master || station_check(call, &call->arg[2]))
        return -1;
    memcpy(policy.mac, call->arg[2].mac, MAC_LEN);
    policy.mac_set = true;
    return set_policy(call, master, &policy, "mac");
}

COMMAND(cmd_vf_number, "vf BDF NUMBER vlan|rate NUMBER",
        "Put a VF into a VLAN, or limit what it sends, in Mb/s; 0: none");
static int cmd_vf_number(struct command_call *call)
{
    uint64_t value = call->arg[3].number;
    bool rate = call->arg[2].choice;
    struct vf_policy policy;
    struct port *master = find_vf(call, &policy);

    if (!master)
        return -1;
    if (!rate && value > VLAN_MAX)
        return command_error(call, "vlan '%s' is out of range, expected 1 to %u, or 0 for none",
                             call->arg[3].word, VLAN_MAX);
    if (rate)
        policy.rate_mbps = (uint32_t)min_u64(value, UINT32_MAX);
    else
        policy.vlan = (uint16_t)value;
    return set_policy(call, master, &policy, rate ? "rate" : "vlan");
}

COMMAND(cmd_vf_switch, "vf BDF NUMBER spoofcheck|trust on|off",
        "Drop what a VF sends under a foreign address; let it be promiscuous, choose its address");
static int cmd_vf_switch(struct command_call *call)
{
    bool trust = call->arg[2].choice, on = !call->arg[3].choice;
    struct vf_policy policy;
    struct port *master = find_vf(call, &policy);

    if (!master)
        return -1;
    *(trust ? &policy.trust : &policy.spoofcheck) = on;
    return set_policy(call, master, &policy, trust ? "trust" : "spoofcheck");
}

COMMAND(cmd_vf_link, "vf BDF NUMBER link auto|up|down",
        "Let a VF's link follow the wire, or take it down");
static int cmd_vf_link(struct command_call *call)
{
    static const enum vf_link links[] = { VF_LINK_AUTO, VF_LINK_UP, VF_LINK_DOWN };
    struct vf_policy policy;
    struct port *master = find_vf(call, &policy);

    if (!master)
        return -1;
    policy.link = links[call->arg[2].choice];
    return set_policy(call, master, &policy, "link");
}

/* show vfs ----------------------------------------------------------------------- */

static const char *const link_names[] = {
    [VF_LINK_AUTO] = "auto", [VF_LINK_UP] = "up", [VF_LINK_DOWN] = "down"
};

static const char *mailbox_text(const struct port *master, const struct vf_info *info)
{
    static const char *const states[] = {
        [VF_MAILBOX_CLOSED] = "closed: its driver has not reset yet",
        [VF_MAILBOX_OPEN] = "open",
        [VF_MAILBOX_STUCK] = "stuck: the VF holds the buffer and says nothing",
        [VF_MAILBOX_MUTED] = "muted: misbehaved too often, awaiting a function reset",
    };
    if (info->mailbox == VF_MAILBOX_CLOSED && info->policy.link == VF_LINK_DOWN)
        return "closed: its link is held down";
    if (info->mailbox == VF_MAILBOX_CLOSED && master->state != PORT_RUNNING)
        return "closed: its PF is down";
    return states[info->mailbox];
}

static void number_format(char *text, size_t size, uint32_t number, const char *unit)
{
    if (number)
        snprintf(text, size, "%" PRIu32 "%s", number, unit);
    else
        snprintf(text, size, "none");
}

static void show_policy(struct out *out, const struct vf_info *info)
{
    const struct vf_policy *p = &info->policy;
    char vlan[16], rate[24];

    number_format(vlan, sizeof vlan, p->vlan, "");
    number_format(rate, sizeof rate, p->rate_mbps, " Mb/s");
    out_printf(out, "    policy    mac %s, vlan %s, spoofcheck %s, trust %s, rate %s, link %s\n",
               p->mac_set ? "fixed" : "free", vlan, p->spoofcheck ? "on" : "off",
               p->trust ? "on" : "off", rate, link_names[p->link]);
}

static void show_granted(struct out *out, const char *state, const struct vf_info *info)
{
    out_printf(out, "    mailbox   %s\n", state);
    out_printf(out, "    granted   frames to %u bytes, %u addresses, %u vlans, %u groups%s%s\n",
               info->frame, info->macs, info->vlans, info->multicast,
               info->promiscuous ? ", promiscuous" : "",
               info->all_multicast ? ", all multicast" : "");
}

static void show_counts(struct out *out, const struct vf_info *info)
{
    out_printf(out, "    rx        %" PRIu64 " packets, %" PRIu64 " bytes, %" PRIu64 " multicast\n",
               info->rx_packets, info->rx_bytes, info->rx_multicast);
    out_printf(out, "    tx        %" PRIu64 " packets, %" PRIu64 " bytes\n", info->tx_packets,
               info->tx_bytes);
    out_printf(out,
               "    messages  %" PRIu64 ", %" PRIu64 " refused, %" PRIu64 " invalid, %" PRIu64
               " deferred, %" PRIu64 " resets\n",
               info->messages, info->refused, info->invalid, info->deferred, info->resets);
    out_printf(out, "    events    %" PRIu64 " spoofed, %" PRIu64 " malicious\n", info->spoofed,
               info->malicious);
    if (info->last_refusal)
        out_printf(out, "    refused   %s\n", info->last_refusal);
}

static const char *vf_link_text(const struct port *master, const struct port *port,
                                const struct vf_info *info)
{
    if (info->policy.link == VF_LINK_DOWN)
        return "down";
    return (port ? port : master)->link.up ? "up" : "down";
}

/* Ports and VFs may go while this prints, so both are looked up each time. */
static bool show_vf(struct out *out, unsigned number, unsigned vf)
{
    struct port *master = port_get(number);
    char bdf[PCI_BDF_LEN], mac[MAC_TEXT], name[24] = "no port";
    struct vf_info info;

    if (!master || vf >= master->vf_count)
        return false;
    const struct pci_function *f = master->pci->sriov->vf[vf];
    const struct port *port = port_of(f);
    master->vf->info(master, vf, &info);
    const char *state = mailbox_text(master, &info);
    pci_bdf_format(f->bdf, bdf);
    mac_format(info.mac, mac);
    if (port)
        snprintf(name, sizeof name, "port %u (%s)", port->number, port->driver);
    out_printf(out, "  vf %-3u  %s  %s  link %s  %s\n", vf, bdf, mac,
               vf_link_text(master, port, &info), name);
    show_policy(out, &info);
    show_granted(out, state, &info);
    show_counts(out, &info);
    return true;
}

static void show_master(struct out *out, unsigned number)
{
    const struct port *master = port_get(number);
    char bdf[PCI_BDF_LEN];

    pci_bdf_format(master->pci->bdf, bdf);
    out_printf(out, "%s: port %u (%s), %u of %u VFs%s\n", bdf, number, master->driver,
               master->vf_count, master->vf_max,
               master->vf_unisolated ? ", not kept apart by the PCI Express hierarchy" : "");
    for (unsigned i = 0; show_vf(out, number, i); i++)
        continue;
}

COMMAND(cmd_show_vfs, "show vfs", "Show PFs and their virtual functions");
static int cmd_show_vfs(struct command_call *call)
{
    bool any = false;
    for (unsigned i = 0; i < port_count(); i++) {
        const struct port *port = port_get(i);
        if (!port || !port->vf || (port->state == PORT_FAILED && !port->vf_count))
            continue;
        any = true;
        show_master(call->out, i);
    }
    if (!any)
        out_text(call->out, "no port here can make VFs\n");
    return 0;
}

/* show config -------------------------------------------------------------------- */

static bool print_vf(struct out *out, unsigned number, unsigned vf)
{
    struct port *master = port_get(number);
    char bdf[PCI_BDF_LEN], mac[MAC_TEXT];
    struct vf_info info;

    if (!master || vf >= master->vf_count)
        return false;
    master->vf->info(master, vf, &info);
    const struct vf_policy *p = &info.policy;
    pci_bdf_format(master->pci->bdf, bdf);
    mac_format(p->mac, mac);
    if (p->mac_set)
        out_printf(out, "vf %s %u mac %s\n", bdf, vf, mac);
    if (p->vlan)
        out_printf(out, "vf %s %u vlan %u\n", bdf, vf, p->vlan);
    if (!p->spoofcheck)
        out_printf(out, "vf %s %u spoofcheck off\n", bdf, vf);
    if (p->trust)
        out_printf(out, "vf %s %u trust on\n", bdf, vf);
    if (p->rate_mbps)
        out_printf(out, "vf %s %u rate %" PRIu32 "\n", bdf, vf, p->rate_mbps);
    if (p->link != VF_LINK_AUTO)
        out_printf(out, "vf %s %u link %s\n", bdf, vf, link_names[p->link]);
    return true;
}

/* In front of the ports' own lines: some of them are VFs'. */
static void print_config(struct out *out)
{
    for (unsigned i = 0; i < port_count(); i++) {
        const struct port *master = port_get(i);
        char bdf[PCI_BDF_LEN];
        if (!master || !master->vf_count)
            continue;
        pci_bdf_format(master->pci->bdf, bdf);
        out_printf(out, "vf %s count %u%s\n", bdf, master->vf_count,
                   master->vf_unisolated ? " unisolated" : "");
        for (unsigned k = 0; print_vf(out, i, k); k++)
            continue;
    }
}

CONFIG_PRINTER(vf_config) = { .order = CONFIG_VF, .print = print_config };
