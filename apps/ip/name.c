/* name.c - what people call an interface (name.h). */
#include "apps/ip/name.h"

#include "apps/forward/words.h"
#include "nic/port.h"

#include <stdio.h>
#include <string.h>

const char *interface_describe(const struct interface *interface, char text[INTERFACE_TEXT])
{
    if (!interface)
        snprintf(text, INTERFACE_TEXT, "no interface");
    else
        snprintf(text, INTERFACE_TEXT, "%s %s",
                 interface->kind == INTERFACE_PORT ? "port" : "interface", interface->name);
    return text;
}

const char *interface_short(const struct interface *interface, char text[INTERFACE_TEXT])
{
    char name[INTERFACE_NAME] = "-";
    if (interface)
        interface_format(interface, name);
    snprintf(text, INTERFACE_TEXT, "%s", name);
    return text;
}

const char *interface_words(const struct interface *interface, char text[INTERFACE_TEXT])
{
    char name[INTERFACE_TEXT];
    interface_short(interface, name);
    snprintf(text, INTERFACE_TEXT, "%s %.23s",
             interface && interface->kind == INTERFACE_PORT ? "port" : "interface", name);
    return text;
}

const struct interface *interface_in_order(struct interface_walk *walk,
                                           bool (*wanted)(const struct interface *interface))
{
    const struct interface *next = NULL;
    while (walk->port < port_count()) {
        next = interface_by_port(walk->port++);
        if (next && wanted(next))
            return next;
    }
    next = NULL;
    for (unsigned i = 0; i < interface_limit(); i++) {
        const struct interface *one = interface_get(i);
        if (one && one->kind != INTERFACE_PORT && wanted(one) &&
            strcmp(one->name, walk->name) > 0 && (!next || strcmp(one->name, next->name) < 0))
            next = one;
    }
    if (next)
        strcpy(walk->name, next->name);
    return next;
}
