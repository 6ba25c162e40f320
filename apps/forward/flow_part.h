/* flow_part.h - which of several workers a frame belongs to, by its flow.
 *
 * The frames of a flow all have the same part, and so have the fragments of its datagrams among
 * themselves; frames that are no IP have part 0, in order for the whole port.  A device's own
 * hash is used where it reported one.  Both directions of a flow have the same part unless
 * `rss=standard` was asked for (nic/rss.h). */
#pragma once

struct packet;

unsigned flow_part(const struct packet *packet, unsigned parts); /* below `parts` */
