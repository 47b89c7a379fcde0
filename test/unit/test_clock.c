#define _GNU_SOURCE
#include "test/support/support.h"

#include <unistd.h>

#include "base/clock.h"

static void time_goes_forward(void **state)
{
    (void)state;
    double before = clock_seconds();
    for (int i = 0; i < 1000; i++) {
        double now = clock_seconds();
        assert_true(now >= before);
        before = now;
    }
}

static void a_second_is_a_second(void **state)
{
    (void)state;
    double before = clock_seconds();
    usleep(20000);
    double seconds = clock_seconds() - before;
    assert_true(seconds >= 0.02 && seconds < 20);
}

static void the_wall_shows_the_system_s_time(void **state)
{
    (void)state;
    double before = (double)time(NULL), now = clock_wall_seconds(), after = (double)time(NULL);
    assert_true(now >= before && now < after + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_goes_forward),
        cmocka_unit_test(a_second_is_a_second),
        cmocka_unit_test(the_wall_shows_the_system_s_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
