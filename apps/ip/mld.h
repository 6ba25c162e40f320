/* mld.h - saying which groups we listen to (unread: RFC 3810, RFC 2710).
 *
 * Switches with MLD snooping pass on what somebody asked for: the groups of all routers and of our
 * solicited nodes.  Reports are of version 2, or of 1 while a querier of that version is there;
 * the group of all nodes is never reported. */
#pragma once

#define MLD_REPORTS 2u                          /* of a change: robustness */
#define MLD_REPORT_US (1000u * 1000u)           /* at most so long between them */
#define MLD_OLD_QUERIER_US (260u * 1000 * 1000) /* after its last query (RFC 3810 9.12) */

void mld_reset(void); /* tests */
