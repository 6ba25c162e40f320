/* rstp.h - the rapid spanning tree's state machines, without a bridge around them.
 *
 * IEEE 802.1D-2004 clause 17: variables and machines have its names, in our spelling.  unread in
 * this file and rstp.c: 802.1D; its witness is Open vSwitch, which the tests have as a neighbor.
 * Links are point to point, the migration to STP's BPDUs is there, all values are the
 * recommended ones.
 *
 * Whoever owns a tree calls rstp_tick() every second, rstp_receive() for each BPDU and
 * rstp_port_enable() when a link changes; what follows comes by struct rstp_ops before those
 * return. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define RSTP_BPDU_MAX 36u /* octets behind the LLC header */

enum rstp_role { RSTP_DISABLED, RSTP_ALTERNATE, RSTP_BACKUP, RSTP_ROOT, RSTP_DESIGNATED };
enum rstp_state { RSTP_DISCARDING, RSTP_LEARNING, RSTP_FORWARDING };
extern const char *const rstp_roles[], *const rstp_states[];

/* Compared from the top down; less is better. */
struct rstp_vector {
    uint64_t root;   /* identifier: priority, then MAC */
    uint32_t cost;   /* to the root */
    uint64_t bridge; /* the designated one's */
    uint16_t port;   /* the designated port's */
    uint16_t received_by;
};

struct rstp_times { /* seconds */
    uint16_t message_age, max_age, hello, forward_delay;
};

enum rstp_info_is { RSTP_INFO_DISABLED, RSTP_INFO_AGED, RSTP_INFO_MINE, RSTP_INFO_RECEIVED };

struct rstp;

struct rstp_port {
    struct rstp *tree;
    struct rstp_port *next; /* of the tree */
    uint16_t id;
    uint32_t path_cost;
    bool enabled, admin_edge, oper_edge;
    enum rstp_role role, selected_role;
    enum rstp_state state; /* as it was told by set_state() */
    enum rstp_info_is info_is;
    struct rstp_vector designated, message, priority;
    struct rstp_times designated_times, message_times, times;
    uint8_t message_flags, message_type;
    bool agree, agreed, disputed, forward, learn, new_info, proposed, proposing;
    bool received_message, received_rstp, received_stp, received_tc, received_tcn, received_tc_ack;
    bool reroot, reselect, selected, send_rstp, sync, synced, tc_ack, tc_prop, update_info;
    uint8_t migration, topology; /* states of machines */
    uint16_t edge_delay, fd_while, hello_when, migrate_delay, rb_while, received_while, rr_while,
        tc_while, sent; /* seconds; sent: BPDUs, one fewer each second */
};

struct rstp_ops {
    void (*set_state)(struct rstp_port *port, enum rstp_state state);
    void (*flush)(struct rstp_port *port); /* what was learned behind it */
    void (*transmit)(struct rstp_port *port, const uint8_t *bpdu, unsigned length);
};

struct rstp {
    uint64_t bridge; /* its identifier */
    const struct rstp_ops *ops;
    struct rstp_port *ports;
    struct rstp_vector root;
    struct rstp_times root_times;
    const struct rstp_port *root_port; /* NULL: this bridge is the root */
    uint64_t changes;                  /* of topology, seen or made here */
};

#define RSTP_PRIORITY 0x8000u /* of bridges, and 80h of ports */
uint64_t rstp_identifier(uint16_t priority, const uint8_t mac[6]);
uint32_t rstp_path_cost(uint32_t speed_mbps); /* 0: unknown */

/* The tree begins anew: the ports that it has are disabled. */
void rstp_begin(struct rstp *tree, uint64_t bridge, const struct rstp_ops *ops);
/* number: below 4096.  A zeroed port; disabled and discarding at first. */
void rstp_port_add(struct rstp *tree, struct rstp_port *port, uint16_t number, bool edge);
void rstp_port_remove(struct rstp *tree, struct rstp_port *port);
void rstp_port_enable(struct rstp_port *port, bool enabled, uint32_t path_cost);
void rstp_port_set_edge(struct rstp_port *port, bool edge); /* when it is enabled next, or now */
/* Octets behind the LLC header.  False: it is none, or not for this port. */
bool rstp_receive(struct rstp_port *port, const uint8_t *bpdu, unsigned length);
void rstp_tick(struct rstp *tree); /* a second has passed */
