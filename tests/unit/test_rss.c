/* nic/rss.h: the two keys. */
#include "nic/rss.h"
#include "tests/host/test.h"
#include "tests/models/igb_model.h"

#include <string.h>

/* Any 12 bytes of addresses and ports, and the same with sender and receiver swapped. */
static uint32_t hash_of(uint32_t n, bool swapped)
{
    uint8_t frame[60] = { [12] = 0x08, [14] = 0x45, [17] = 46, [23] = 6, [46] = 0x50 };
    uint32_t from = n * 2654435761u, to = ~n * 40503u, ports = n * 2246822519u;
    unsigned type;
    memcpy(frame + (swapped ? 30 : 26), &from, 4);
    memcpy(frame + (swapped ? 26 : 30), &to, 4);
    memcpy(frame + (swapped ? 36 : 34), &ports, 2);
    memcpy(frame + (swapped ? 34 : 36), (uint8_t *)&ports + 2, 2);
    return igb_model_rss_hash(rss_key(), 0x00010000, frame, sizeof frame, &type);
}

/* Both directions have one hash with the symmetric key, which is the one to begin with. */
static void directions_share_a_hash_unless_told_otherwise(void **state)
{
    unsigned same = 0;
    for (uint32_t n = 1; n < 1000; n++)
        assert_int_equal(hash_of(n, false), hash_of(n, true));
    rss_set_symmetric(false);
    for (uint32_t n = 1; n < 1000; n++)
        same += hash_of(n, false) == hash_of(n, true);
    assert_in_range(same, 0, 2);
    rss_set_symmetric(true);
    assert_int_equal(hash_of(1, false), hash_of(1, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(directions_share_a_hash_unless_told_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
