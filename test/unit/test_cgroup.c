#include "test/support/support.h"

#include "base/cgroup.h"
#include "base/file.h"

static struct arena arena;

/* A made-up root: each test begins with a new one. */
static const char *root;

static int begin(void **state)
{
    (void)state;
    static int count;
    root = arena_printf(&arena, "%s/root%d", temporary_folder(), count++);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

/* Writes a file with the folders above it. */
static void put(const char *path, const char *text)
{
    struct err err;
    char *whole = arena_printf(&arena, "%s%s", root, path);
    for (char *at = strchr(whole + strlen(temporary_folder()) + 1, '/'); at;
         at = strchr(at + 1, '/')) {
        *at = '\0';
        ASSERT_OK(file_make_folder(whole, &err));
        *at = '/';
    }
    ASSERT_OK(file_put(whole, span_of(text), &err));
}

static void no_group_is_no_bound(void **state)
{
    (void)state;
    assert_true(cgroup_processors(root) == SIZE_MAX);
    assert_true(cgroup_memory(root) == UINT64_MAX);
    put("/proc/self/cgroup", "0::/\n");
    assert_true(cgroup_processors(root) == SIZE_MAX);
    put("/proc/self/cgroup", "no colon\n");
    assert_true(cgroup_processors(root) == SIZE_MAX);
}

static void a_container_s_own_root_bounds(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "0::/docker/of/the/host\n");
    put("/sys/fs/cgroup/cpu.max", "200000 100000\n");
    put("/sys/fs/cgroup/memory.max", "4000000\n");
    put("/sys/fs/cgroup/memory.current", "3000000\n");
    put("/sys/fs/cgroup/memory.stat", "anon 5\nactive_file 7\ninactive_file 500000\nslab 1\n");
    assert_int_equal(cgroup_processors(root), 2);
    assert_int_equal(cgroup_memory(root), 1500000);
    put("/sys/fs/cgroup/memory.current", "9000000\n");
    assert_int_equal(cgroup_memory(root), 0);
}

static void the_least_bound_on_the_way_up_counts(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "0::/user.slice/job.scope");
    put("/sys/fs/cgroup/user.slice/job.scope/cpu.max", "max 100000\n");
    put("/sys/fs/cgroup/user.slice/job.scope/memory.max", "max\n");
    assert_true(cgroup_processors(root) == SIZE_MAX);
    assert_true(cgroup_memory(root) == UINT64_MAX);
    put("/sys/fs/cgroup/user.slice/cpu.max", "350000 100000\n");
    assert_int_equal(cgroup_processors(root), 4);
    put("/sys/fs/cgroup/user.slice/job.scope/cpu.max", "5000 50000\n");
    assert_int_equal(cgroup_processors(root), 1);
}

static void the_first_generation_has_other_files(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "12:cpuset:/x\n4:cpuacct,cpu:/box\n3:memory:/box\n0::/\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    assert_true(cgroup_processors(root) == SIZE_MAX);
    put("/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "150000\n");
    put("/sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "50000\n");
    assert_int_equal(cgroup_processors(root), 3);
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put("/sys/fs/cgroup/memory/box/memory.limit_in_bytes", "1000\n");
    put("/sys/fs/cgroup/memory/box/memory.usage_in_bytes", "900\n");
    put("/sys/fs/cgroup/memory/box/memory.stat", "inactive_file 5\ntotal_inactive_file 60\n");
    assert_int_equal(cgroup_memory(root), 160);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(no_group_is_no_bound, begin),
        cmocka_unit_test_setup(a_container_s_own_root_bounds, begin),
        cmocka_unit_test_setup(the_least_bound_on_the_way_up_counts, begin),
        cmocka_unit_test_setup(the_first_generation_has_other_files, begin),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
