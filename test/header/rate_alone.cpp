// rate_alone.cpp - rate_alone.c is C++ as well.
#include "rate_alone.c"
