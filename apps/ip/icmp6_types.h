/* icmp6_types.h - the numbers of ICMPv6 messages, and where their fields are.
 *
 * unread in this file: RFC 4443, RFC 7112 (code 3), RFC 8883 (codes 6 to 10), RFC 3810; read:
 * RFC 4861 (types 133 to 137). */
#pragma once

#define ICMP6_UNREACHABLE 1u
#define ICMP6_NO_ROUTE 0u
#define ICMP6_PROHIBITED 1u
#define ICMP6_BEYOND_SCOPE 2u
#define ICMP6_ADDRESS_UNREACHABLE 3u
#define ICMP6_PORT_UNREACHABLE 4u
#define ICMP6_REJECTED 6u
#define ICMP6_TOO_BIG 2u /* rest: the next hop's MTU */
#define ICMP6_TIME_EXCEEDED 3u
#define ICMP6_HOP_LIMIT_EXCEEDED 0u
#define ICMP6_REASSEMBLY_EXCEEDED 1u
#define ICMP6_PROBLEM 4u /* rest: the pointer */
#define ICMP6_PROBLEM_FIELD 0u
#define ICMP6_PROBLEM_NEXT_HEADER 1u
#define ICMP6_PROBLEM_OPTION 2u
#define ICMP6_PROBLEM_INCOMPLETE 3u
#define ICMP6_PROBLEM_CHAIN_LONG 7u
#define ICMP6_PROBLEM_MANY_HEADERS 8u
#define ICMP6_PROBLEM_MANY_OPTIONS 9u
#define ICMP6_ECHO 128u /* those below are errors */
#define ICMP6_ECHO_REPLY 129u
#define ICMP6_LISTENER_QUERY 130u
#define ICMP6_LISTENER_REPORT 131u
#define ICMP6_LISTENER_DONE 132u
#define ICMP6_ROUTER_SOLICITATION 133u
#define ICMP6_ROUTER_ADVERTISEMENT 134u
#define ICMP6_NEIGHBOR_SOLICITATION 135u
#define ICMP6_NEIGHBOR_ADVERTISEMENT 136u
#define ICMP6_REDIRECT 137u
#define ICMP6_LISTENER_REPORT2 143u

/* Offsets from the ICMPv6 header's first octet. */
#define ICMP6_HEADER 8u
#define ICMP6_TYPE 0u
#define ICMP6_CODE 1u
#define ICMP6_CHECKSUM 2u
#define ICMP6_REST 4u
#define ICMP6_ID 4u
#define ICMP6_SEQUENCE 6u
