/* port_commands.h - a port's words, for whoever else names a port: `interface 0 mtu 1500` is
 * `port 0 mtu 1500`.  The arguments are those of the port's command. */
#pragma once

struct command_call;

int port_up_down_command(struct command_call *call);
int port_mac_command(struct command_call *call);
int port_mtu_command(struct command_call *call);
