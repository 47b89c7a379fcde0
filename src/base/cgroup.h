/*
 * cgroup.h - what the system's control groups leave to this process: a container with two of
 * sixty-four processors sees all of them, and has the time of two.
 */
#ifndef PACE_BASE_CGROUP_H
#define PACE_BASE_CGROUP_H

#include "base/base.h"

/*
 * The processors whose time the process gets, a broken one rounded up; SIZE_MAX where nothing
 * bounds them. `root` stands before /proc and /sys: "" but in tests.
 */
size_t cgroup_processors(const char *root);

/* Bytes that it may still take, caches of files that can be dropped included; UINT64_MAX: no bound.
 */
uint64_t cgroup_memory(const char *root);

#endif
