/* wire.c - who speaks for a wire, and whose frames a speaker hears besides (wire.h). */
#include "apps/bridge/wire.h"

#include "apps/forward/quiesce.h"
#include "nic/port.h"

#include <stdlib.h>

static bool any_vfs; /* when it was looked at last */

static struct interface *port_interface(unsigned number)
{
    struct interface *interface = interface_get(number);
    return interface && interface->kind == INTERFACE_PORT ? interface : NULL;
}

static bool find_vfs(void)
{
    for (unsigned i = 0; i < interface_limit(); i++)
        if (port_interface(i) && port_interface(i)->port->uplink)
            return true;
    return false;
}

/* The PF's port, if it is in the same bridge, else the first VF there that is up; NULL: m itself.
 */
static struct member *find_speaker(const struct member *m)
{
    const struct port *uplink = m->port->uplink;
    struct member *pf = uplink ? member_of(uplink->number) : NULL;
    if (pf && pf->bridge == m->bridge)
        return pf;
    for (unsigned i = 0; uplink && i < members.limit; i++) {
        struct member *vf = member_of(i);
        if (vf && vf->bridge == m->bridge && vf->port->uplink == uplink && vf->interface->up)
            return vf == m ? NULL : vf;
    }
    return NULL;
}

static bool is_beside(const struct interface *other, const struct member *m)
{
    const struct port *uplink = other->port->uplink;
    return uplink && other != m->interface && (uplink == m->port || uplink == m->port->uplink);
}

/* Without memory a frame for a VF may come twice: by its own port and by the speaker. */
static struct mac_list *list_others(const struct member *m, const struct interface *going)
{
    unsigned n = 0;
    for (unsigned i = 0; i < interface_limit(); i++)
        n += port_interface(i) && port_interface(i) != going && is_beside(port_interface(i), m);
    struct mac_list *list = n ? malloc(sizeof *list + n * sizeof list->mac[0]) : NULL;
    if (!list)
        return NULL;
    list->count = 0;
    for (unsigned i = 0; i < interface_limit(); i++) {
        const struct interface *other = port_interface(i);
        if (other && other != going && is_beside(other, m))
            list->mac[list->count++] = other->mac_word;
    }
    return list;
}

void wires_refresh(const struct interface *going)
{
    bool before = any_vfs;
    any_vfs = find_vfs();
    for (unsigned i = 0; (any_vfs || before) && i < members.limit; i++) {
        struct member *m = member_of(i);
        if (!m)
            continue;
        struct mac_list *old = m->others;
        store_release(&m->speaker, find_speaker(m));
        store_release(&m->others, list_others(m, going));
        if (old)
            retire(free, old);
    }
}

void wire_forget(struct member *member)
{
    if (member->others)
        retire(free, member->others);
}
