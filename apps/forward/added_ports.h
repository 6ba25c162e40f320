/* added_ports.h - what the commands that add ports share. */
#pragma once

struct command_call;
struct out;
struct port;

/* The number that was asked for (`number NUMBER`), PORT_NONE: the lowest.  0 or command_error(). */
int added_port_number(struct command_call *call, unsigned *number);
/* The end of such a command: it failed with `e`, or there is a port now. */
int added_port(struct command_call *call, int e, const struct port *port);
/* The words behind `port add pcap`. */
void added_pcap_print(struct out *out, const struct port *port);
