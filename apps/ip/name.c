/* name.c - what people call an interface (name.h). */
#include "apps/ip/name.h"

#include "apps/forward/words.h"

#include <stdio.h>

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
