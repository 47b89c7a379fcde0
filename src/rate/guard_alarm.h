/*
 * guard_alarm.h - the loss has risen and has not come back yet: struct pace_alarm.
 */
#ifndef PACE_RATE_GUARD_ALARM_H
#define PACE_RATE_GUARD_ALARM_H

#include "rate/guard.h"

/* Takes the scene of a step in: raises the alarm, lets it fall due, or ends it. */
void alarm_sense(struct pace_alarm *a, struct guard_scene *s);

#endif
