/* port_commands.h - a port's words, for whoever else names a port: `interface 0 mtu 1500` is
 * `port 0 mtu 1500`.  The arguments are those of the port's command. */
#pragma once

struct command_arg;
struct command_call;
struct port;

/* 0: the port is held for this command alone, which lets go of it before it prints.  While
 * housekeeping changes it, it is waited for; Ctrl-C ends that.  -1: after the line that says why
 * not, and the port may be gone. */
int port_command_hold(struct command_call *call, struct port *port);

/* 0: a station can have that MAC; -1: after the line that says why not. */
int station_check(struct command_call *call, const struct command_arg *mac);

int port_up_down_command(struct command_call *call);
int port_mac_command(struct command_call *call);
int port_mtu_command(struct command_call *call);
