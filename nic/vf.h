/* vf.h - a port that owns virtual functions: what its driver offers to the console.
 *
 * The port of a physical function (PF) whose driver is a master driver has
 * `port->vf`.  Order of life: enable() checks and prepares the chip, sets VF Enable
 * (pci/sriov.h) and opens the mailboxes; the caller then offers the functions to
 * the drivers in VF order.  Before disable() the caller has removed their drivers.
 * In between the port's poll() serves the mailboxes.  Stopping and starting the
 * PF's port keeps VFs and policies: they see a reset of the PF.
 *
 * A refusal says why in *why: static text, one phrase for a person, as in
 * "the 82576 cannot force a link up while the wire is down".
 *
 * Control task only. */
#pragma once

#include "nic/packet.h"

#include <stdbool.h>
#include <stdint.h>

#define VF_VLAN_NONE 0u
#define VF_RATE_NONE 0u

struct port;
struct pci_function;

enum vf_link { VF_LINK_AUTO, VF_LINK_UP, VF_LINK_DOWN };

/* What the administrator wants of one VF.  VFs begin with spoofcheck on, trust
 * off, link auto, no VLAN, no rate, and a random MAC that the VF may change. */
struct vf_policy {
    uint8_t mac[6];
    bool mac_set;       /* by the administrator: the VF cannot change it */
    uint16_t vlan;      /* 1 to 4094: frames of the VF are tagged on the wire; VF_VLAN_NONE */
    bool spoofcheck;    /* frames with a foreign source MAC or VLAN are dropped */
    bool trust;         /* may be promiscuous, and set its MAC although mac_set */
    uint32_t rate_mbps; /* of what it sends; VF_RATE_NONE */
    enum vf_link link;
};

enum vf_mailbox {
    VF_MAILBOX_CLOSED,  /* no clear-to-send: reset is awaited, or the link policy is down */
    VF_MAILBOX_OPEN,    /* the VF's driver has reset and talks */
    VF_MAILBOX_STUCK,   /* the VF holds the buffer and says nothing; it is taken back */
    VF_MAILBOX_MUTED,   /* misbehaved: served no more until its next function reset */
};

struct vf_info {
    struct vf_policy policy;
    enum vf_mailbox mailbox;
    uint8_t mac[6];                  /* in force: the policy's, or what the VF chose */
    bool promiscuous, all_multicast; /* as granted */
    uint16_t frame;                  /* longest, tags and FCS included, as granted */
    unsigned macs, vlans, multicast; /* filters granted beyond its own MAC */
    /* since the VF was made; 64-bit, monotonic */
    uint64_t rx_packets, rx_bytes, rx_multicast, tx_packets, tx_bytes;
    uint64_t spoofed;                /* events of a wrong source, as the chip reports them */
    uint64_t malicious;              /* of malicious-driver detection, where the chip has it */
    uint64_t messages, refused, invalid, deferred, resets;
    const char *last_refusal;        /* static text; NULL: none */
};

struct vf_ops {
    /* 0 or -E...; count 1 to port->vf_max, none in force.  unisolated: see pci_sriov_enable(). */
    int (*enable)(struct port *pf, unsigned count, bool unisolated, const char **why);
    void (*disable)(struct port *pf);
    /* All of it or nothing; only what differs from the present policy may be refused. */
    int (*set)(struct port *pf, unsigned vf, const struct vf_policy *policy, const char **why);
    void (*info)(struct port *pf, unsigned vf, struct vf_info *info);
};
